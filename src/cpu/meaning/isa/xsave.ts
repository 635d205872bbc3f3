import type { OperandForm } from '../form.js';
import type { Access, Machine, Place, Semantics } from '../vocabulary.js';
import { Vector } from '../../state/exceptions.js';
import { RAX, RCX, RDX } from '../../state/layout.js';
import { memory } from './sse-operands.js';
import { XMM_REGISTERS, loadMxcsr, loadX87, loadXmm, storeMxcsr, storeX87, storeXmm } from './sse-state.js';
import { REGISTERS, SIGNIFICAND, SIGN_EXPONENT, initialize } from './x87-state.js';

/*
 * The XSAVE area in its standard form: the FXSAVE image, then
 *
 *    512  XSTATE_BV: the components that it holds     576  bits 255:128 of YMM0 to YMM15
 *    520  XCOMP_BV and reserved bytes: 0
 *
 * Every component counts as in use. XCR0 cannot be changed. SDM Vol. 1 13.4 "XSAVE Area".
 */
const XSTATE_BV = 512;
const RESERVED = [520, 528];
const YMM = 576;
const AREA_BYTES = 832;
const AREA_ALIGNMENT = 64;

/** State components by their bits in XCR0. SDM Vol. 1 13.1. */
const X87 = 1;
const SSE = 2;
const AVX = 4;
/** XCR0: all of them. */
export const XCR0 = X87 | SSE | AVX;

/** The components that the instruction is asked for, 32 bits. */
function requested<V>(m: Machine<V>): V {
  return m.and(32, m.gpr(RAX, 32), m.constant(32, XCR0));
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

/** XSAVE, XSAVE64. SDM Vol. 2D "XSAVE". */
export const xsave: Semantics = (m, { dest, width }) => {
  const components = requested(m);
  const { image, ymm } = area(m, dest, components, 'write');
  const held = image.load(64, XSTATE_BV);
  m.if(has(m, components, X87), () => storeX87(m, image, width));
  m.if(has(m, components, SSE | AVX), () => storeMxcsr(m, image));
  m.if(has(m, components, SSE), () => storeXmm(m, image));
  m.if(has(m, components, AVX), () =>
    XMM_REGISTERS.forEach((register, i) => ymm.store(128, m.readYmmHigh(register), 16 * i)),
  );
  image.store(64, m.or(64, held, m.zeroExtend(32, 64, components)), XSTATE_BV);
};

/**
 * XRSTOR, XRSTOR64: loads the components that are asked for and held, and initializes those that are not held. #GP(0) for a
 * compacted area, a component that does not exist, or a reserved bit. SDM Vol. 2D "XRSTOR".
 */
export const xrstor: Semantics = (m, { dest, width }) => {
  const components = requested(m);
  const { image, ymm } = area(m, dest, components, 'read');
  const held = image.load(64, XSTATE_BV);
  const unknown = m.and(64, held, m.constant(64, ~BigInt(XCR0) & 0xffff_ffff_ffff_ffffn));
  const reserved = RESERVED.map((offset) => image.load(64, offset)).reduce((a, b) => m.or(64, a, b), unknown);
  m.raiseIf(m.isFalse(m.isZero(64, reserved)), Vector.GP);
  const here = m.truncate(64, 32, held);
  m.if(has(m, components, SSE | AVX), () => loadMxcsr(m, image));
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
    () => XMM_REGISTERS.forEach((register) => m.writeXmm(register, m.vectorConstant(0n))),
  );
  each(
    AVX,
    () => XMM_REGISTERS.forEach((register, i) => m.writeYmmHigh(register, ymm.load(128, 16 * i))),
    () => XMM_REGISTERS.forEach((register) => m.writeYmmHigh(register, m.vectorConstant(0n))),
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

/** XGETBV: XCR0 for ECX = 0, else #GP(0). SDM Vol. 2D "XGETBV". */
export const xgetbv: Semantics = (m) => {
  m.raiseIf(m.isFalse(m.isZero(32, m.gpr(RCX, 32))), Vector.GP);
  m.setGpr(RAX, 32, m.constant(32, XCR0));
  m.setGpr(RDX, 32, m.constant(32, 0));
};
