import type { Width } from '../../../bits.js';
import { MXCSR_MASK } from '../../evaluator/float/mxcsr.js';
import type { Form, OperandForm, XmmOperand } from '../form.js';
import type { Access, Machine, Place, Semantics } from '../vocabulary.js';
import { place, read } from './operands.js';
import { FCW, FDP, FIP, FOP, FOP_WRITABLE, FSW, FTW, loadStack, setControlAndStatus, storeStack } from './x87-state.js';

/** LDMXCSR: #GP(0) if SRC sets a reserved bit. SDM Vol. 2A "LDMXCSR". */
export const ldmxcsr: Semantics = (m, { dest }) => {
  m.setMxcsr(read(m, dest));
};

/** STMXCSR. SDM Vol. 2B "STMXCSR". */
export const stmxcsr: Semantics = (m, { dest }) => {
  place(m, dest, 'write').write(m.mxcsr());
};

/**
 * LFENCE, MFENCE, SFENCE: no effect, since memory accesses are in program order and one thread runs at a time. SDM Vol.
 * 2A "LFENCE".
 */
export const fence: Semantics = () => {};

/*
 * The FXSAVE image. SDM Vol. 2A "FXSAVE", "Layout of the 64-Bit Mode FXSAVE64 Map":
 *
 *          15      8 7            0                    15      8 7            0
 *      0 | FIP      | FOP  0 FTW  FSW FCW |     32 | 0 (6 bytes), ST0 or MM0 (10 bytes)   | ... to 159
 *     16 | MASK MXCSR | FDP               |    160 | XMM0                                 | ... to 415
 *
 * FTW has one bit per register. Bytes 416 to 511 are not written. Without REX.W the pointers are 32 bits wide, followed
 * by zeros in place of the selectors, as on every CPU that deprecates FPU CS and DS (CPUID.7.0:EBX[13]).
 */
const FXSAVE_BYTES = 512;
const POINTERS = [FIP, FDP];
const MXCSR = 24;
const MASK = 28;
const STACK = 32;
const STACK_STRIDE = 16;
const XMM = 160;

const XMM_REGISTERS = Array.from({ length: 16 }, (_, field): XmmOperand => ({ kind: 'xmm', field, width: 128 }));
const LOWER_XMM_REGISTERS = XMM_REGISTERS.slice(0, 8);

/** XMM0 to XMM15; outside 64-bit mode, XMM0 to XMM7. */
export function xmmRegisters({ mode }: Form): readonly XmmOperand[] {
  return mode === 64 ? XMM_REGISTERS : LOWER_XMM_REGISTERS;
}

/** FXSAVE, FXSAVE64. SDM Vol. 2A "FXSAVE". */
export const fxsave: Semantics = (m, { dest, width }) => {
  const image = fxImage(m, dest, 'write');
  storeX87(m, image, width);
  storeMxcsr(m, image);
  storeXmm(m, image);
};

/** The x87 state as FXSAVE stores it. */
export function storeX87<V>(m: Machine<V>, image: Place<V>, width: Width): void {
  image.store(64, m.x87(64, FCW), FCW);
  for (const offset of POINTERS) {
    const pointer = m.x87(64, offset);
    image.store(64, width === 64 ? pointer : m.zeroExtend(32, 64, m.truncate(64, 32, pointer)), offset);
  }
  storeStack(m, image, STACK, STACK_STRIDE);
}

export function storeMxcsr<V>(m: Machine<V>, image: Place<V>): void {
  image.store(32, m.mxcsr(), MXCSR);
  image.store(32, m.constant(32, MXCSR_MASK), MASK);
}

export function storeXmm<V>(m: Machine<V>, image: Place<V>): void {
  xmmRegisters(m.form).forEach((register, i) => image.store(128, m.readXmm(register), XMM + 16 * i));
}

/** FXRSTOR, FXRSTOR64: #GP(0) if the image sets a reserved bit of MXCSR. SDM Vol. 2A "FXRSTOR". */
export const fxrstor: Semantics = (m, { dest, width }) => {
  const image = fxImage(m, dest, 'read');
  loadMxcsr(m, image);
  loadX87(m, image, width);
  loadXmm(m, image);
};

/** The x87 state as FXRSTOR loads it. */
export function loadX87<V>(m: Machine<V>, image: Place<V>, width: Width): void {
  setControlAndStatus(m, image.load(16, FCW), image.load(16, FSW));
  m.setX87(16, FTW, m.zeroExtend(8, 16, image.load(8, FTW)));
  m.setX87(16, FOP, m.and(16, image.load(16, FOP), m.constant(16, FOP_WRITABLE)));
  for (const offset of POINTERS)
    m.setX87(
      64,
      offset,
      width === 64 ? canonicalPointer(m, image, offset) : m.zeroExtend(32, 64, image.load(32, offset)),
    );
  loadStack(m, image, STACK, STACK_STRIDE);
}

/** #GP(0) for a reserved bit. */
export function loadMxcsr<V>(m: Machine<V>, image: Place<V>): void {
  m.setMxcsr(image.load(32, MXCSR));
}

export function loadXmm<V>(m: Machine<V>, image: Place<V>): void {
  xmmRegisters(m.form).forEach((register, i) => m.writeXmm(register, image.load(128, XMM + 16 * i)));
}

function fxImage<V>(m: Machine<V>, operand: OperandForm, access: Access): Place<V> {
  if (operand.kind !== 'memory') throw new Error(`an FXSAVE image in an operand of kind ${operand.kind}`);
  const linear = m.linearAddress(operand);
  m.requireAligned(linear, 16);
  return m.translate(linear, FXSAVE_BYTES, access);
}

/** A pointer from the image, made canonical: its low 48 bits, sign-extended. */
function canonicalPointer<V>(m: Machine<V>, image: Place<V>, offset: number): V {
  const places = m.constant(64, 16);
  return m.sar(64, m.shl(64, image.load(64, offset), places), places);
}
