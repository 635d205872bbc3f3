import { MXCSR_DEFAULT } from '../../evaluator/float/mxcsr.js';
import type { OperandForm } from '../form.js';
import type { Access, Machine, Place, Semantics } from '../vocabulary.js';
import { Vector } from '../../state/exceptions.js';
import { RAX, RCX, RDX } from '../../state/layout.js';
import { memory } from './sse-operands.js';
import { loadMxcsr, loadX87, loadXmm, storeMxcsr, storeX87, storeXmm, xmmRegisters } from './sse-state.js';
import { REGISTERS, SIGNIFICAND, SIGN_EXPONENT, initialize } from './x87-state.js';

/*
 * The XSAVE area: the FXSAVE image, then
 *
 *    512  XSTATE_BV: the components that it holds     576  bits 255:128 of YMM0 to YMM15
 *    520  XCOMP_BV, and reserved bytes: 0
 *
 * In the compacted form, XCOMP_BV has bit 63 set, and the components that have a place. As there is but one after the header,
 * it is in the same place in both. Every component counts as in use, and as changed. SDM Vol. 1 13.4
 * "XSAVE Area".
 */
const XSTATE_BV = 512;
const XCOMP_BV = 520;
const COMPACTED = 1n << 63n;
/** What must be 0 besides XCOMP_BV: in the standard form the first of these, in the compacted form all. */
const RESERVED = [528, 536, 544, 552, 560, 568];
const YMM = 576;
const AREA_BYTES = 832;
const AREA_ALIGNMENT = 64;

/** State components by their bits in XCR0. SDM Vol. 1 13.1. */
const X87 = 1;
const SSE = 2;
const AVX = 4;
/** XCR0: all of them. */
export const XCR0 = X87 | SSE | AVX;

/** XCR0, 32 bits: a bare machine can change it; a machine of BD0 has all components. */
function enabled<V>(m: Machine<V>): V {
  const { system } = m.host;
  return system ? m.truncate(64, 32, system.extendedControl()) : m.constant(32, XCR0);
}

/** The components that the instruction is asked for, 32 bits. */
function requested<V>(m: Machine<V>): V {
  return m.and(32, m.gpr(RAX, 32), enabled(m));
}

function has<V>(m: Machine<V>, components: V, bits: number): V {
  return m.isFalse(m.isZero(32, m.and(32, components, m.constant(32, bits))));
}

/** The area, as far as it holds components that are asked for. */
function area<V>(
  m: Machine<V>,
  operand: OperandForm,
  components: V,
  access: Access,
): { image: Place<V>; ymm: Place<V> } {
  const linear = m.linearAddress(memory(operand));
  m.requireAligned(linear, AREA_ALIGNMENT);
  let ymm: Place<V> | undefined;
  const image = m.translate(linear, YMM, access);
  m.if(
    has(m, components, AVX),
    () => (ymm = m.translate(m.add(64, linear, m.constant(64, YMM)), AREA_BYTES - YMM, access)),
  );
  return { image, ymm: ymm ?? image };
}

/** Leaf Dh of CPUID, subleaf 1: XSAVEC and the compacted form are there; XGETBV of ECX 1 is. */
const STATE_LEAF = 0xd;
const HAS_COMPACTION = 2;
const HAS_IN_USE = 4;

/** XSAVE, XSAVE64; and XSAVEOPT, XSAVEOPT64, which may leave out what has not changed. SDM Vol. 2D "XSAVE", "XSAVEOPT". */
export const xsave: Semantics = (m, { dest, width }) => {
  const components = requested(m);
  const { image, ymm } = area(m, dest, components, 'write');
  const held = image.load(64, XSTATE_BV);
  m.if(has(m, components, X87), () => storeX87(m, image, width));
  m.if(has(m, components, SSE | AVX), () => storeMxcsr(m, image));
  m.if(has(m, components, SSE), () => storeXmm(m, image));
  m.if(has(m, components, AVX), () => storeYmm(m, ymm));
  image.store(64, m.or(64, held, m.zeroExtend(32, 64, components)), XSTATE_BV);
};

/** XSAVEC, XSAVEC64: in the compacted form, in which MXCSR belongs to SSE. SDM Vol. 2D "XSAVEC". */
export const xsavec: Semantics = (m, { dest, width }) => {
  const components = requested(m);
  const { image, ymm } = area(m, dest, components, 'write');
  m.if(has(m, components, X87), () => storeX87(m, image, width));
  m.if(has(m, components, SSE), () => {
    storeMxcsr(m, image);
    storeXmm(m, image);
  });
  m.if(has(m, components, AVX), () => storeYmm(m, ymm));
  const held = m.zeroExtend(32, 64, components);
  image.store(64, held, XSTATE_BV);
  image.store(64, m.or(64, held, m.constant(64, COMPACTED)), XCOMP_BV);
};

function storeYmm<V>(m: Machine<V>, ymm: Place<V>): void {
  xmmRegisters(m.form).forEach((register, i) => ymm.store(128, m.readYmmHigh(register), 16 * i));
}

/** A value of 64 bits that is not 0 where the header of the area is not allowed. */
function wrongHeader<V>(m: Machine<V>, image: Place<V>, isCompacted: V): V {
  const [held, places] = [image.load(64, XSTATE_BV), image.load(64, XCOMP_BV)];
  const beyond = (components: V, allowed: V): V => m.and(64, components, m.not(64, allowed));
  const reserved = RESERVED.map((offset) => image.load(64, offset));
  const known = m.zeroExtend(32, 64, enabled(m));
  const standard = m.or(64, m.or(64, beyond(held, known), places), reserved[0]!);
  const compacted = [beyond(held, places), beyond(places, m.or(64, known, m.constant(64, COMPACTED))), ...reserved];
  return m.select(
    64,
    isCompacted,
    compacted.reduce((a, b) => m.or(64, a, b)),
    standard,
  );
}

/**
 * XRSTOR, XRSTOR64: loads the components that are asked for and held, and initializes those that are not held. #GP(0) for a
 * component that does not exist, or a reserved bit. SDM Vol. 2D "XRSTOR".
 */
export const xrstor: Semantics = (m, { dest, width }) => {
  const components = requested(m);
  const { image, ymm } = area(m, dest, components, 'read');
  const held = image.load(64, XSTATE_BV);
  const hasCompaction = m.and(32, reportedState(m), m.constant(32, HAS_COMPACTION));
  const says = m.lessSigned(64, image.load(64, XCOMP_BV), m.constant(64, 0));
  const isCompacted = m.and(8, says, m.isFalse(m.isZero(32, hasCompaction)));
  m.raiseIf(m.isFalse(m.isZero(64, wrongHeader(m, image, isCompacted))), Vector.GP);
  const here = m.truncate(64, 32, held);
  m.if(
    isCompacted,
    () =>
      m.if(has(m, components, SSE), () =>
        m.if(
          has(m, here, SSE),
          () => loadMxcsr(m, image),
          () => m.setMxcsr(m.constant(32, MXCSR_DEFAULT)),
        ),
      ),
    () => m.if(has(m, components, SSE | AVX), () => loadMxcsr(m, image)),
  );
  const each = (component: number, load: () => void, reset: () => void): void =>
    m.if(has(m, components, component), () => m.if(has(m, here, component), load, reset));
  each(
    X87,
    () => loadX87(m, image, width),
    () => resetX87(m),
  );
  each(
    SSE,
    () => loadXmm(m, image),
    () => xmmRegisters(m.form).forEach((register) => m.writeXmm(register, m.vectorConstant(0n))),
  );
  each(
    AVX,
    () => xmmRegisters(m.form).forEach((register, i) => m.writeYmmHigh(register, ymm.load(128, 16 * i))),
    () => xmmRegisters(m.form).forEach((register) => m.writeYmmHigh(register, m.vectorConstant(0n))),
  );
};

/** The initial state: that of FNINIT, with zeros in the registers. */
function resetX87<V>(m: Machine<V>): void {
  initialize(m);
  for (let register = 0; register < REGISTERS; register++) {
    m.setX87Register(m.constant(32, register), 64, SIGNIFICAND, m.constant(64, 0));
    m.setX87Register(m.constant(32, register), 16, SIGN_EXPONENT, m.constant(16, 0));
  }
}

/**
 * XGETBV: XCR0 for ECX = 0; for ECX = 1 those of its components that are in use, if CPUID reports that; else #GP(0). SDM Vol. 2D
 * "XGETBV".
 */
export const xgetbv: Semantics = (m) => {
  const index = m.gpr(RCX, 32);
  const write = (): void => {
    m.setGpr(RAX, 32, enabled(m));
    m.setGpr(RDX, 32, m.constant(32, 0));
  };
  m.rarely(
    m.isFalse(m.isZero(32, index)),
    () => {
      const hasInUse = m.and(32, reportedState(m), m.constant(32, HAS_IN_USE));
      const isKnown = m.and(8, m.equal(32, index, m.constant(32, 1)), m.isFalse(m.isZero(32, hasInUse)));
      m.raiseIf(m.isFalse(isKnown), Vector.GP);
      write();
    },
    write,
  );
};

/** EAX of CPUID's leaf Dh, subleaf 1. */
function reportedState<V>(m: Machine<V>): V {
  const [eax] = m.host.cpuid(m.constant(32, STATE_LEAF), m.constant(32, 1));
  return eax;
}
