import { MXCSR_MASK } from '../../../cpu/evaluator/float/mxcsr.js';
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { X87_BYTES } from '../../../cpu/state/layout.js';

/** The FXSAVE64 image. SDM Vol. 2A "FXSAVE": the x87 state, with MXCSR and its mask in it, then XMM0 to XMM15. */
export const FLOATING_BYTES = 512;
const MXCSR = 24;
const XMM = 160;
const XMM_REGISTERS = 16;
const STACK = 32;

/* SDM Vol. 1 8.1: bits of FCW, FSW and FOP that can be set, bits that are always set, and those that follow. */
const FCW_WRITABLE = 0x1f3f;
const FCW_FIXED = 0x40;
const FSW_WRITABLE = 0x7f7f;
const FSW_PENDING = 0x8080;
const EXCEPTIONS = 0x3f;
const FOP_WRITABLE = 0x7ff;

const INITIAL_FCW = 0x37f;
const INITIAL_MXCSR = 0x1f80;

/** The x87 and SSE registers of the thread in the CPU. */
export function floatingImage(state: CpuState): Uint8Array {
  const image = new Uint8Array(FLOATING_BYTES);
  const view = new DataView(image.buffer);
  image.set(state.x87);
  view.setUint32(MXCSR, state.mxcsr, true);
  view.setUint32(MXCSR + 4, MXCSR_MASK, true);
  for (let i = 0; i < XMM_REGISTERS; i++) {
    const xmm = state.xmm(i);
    view.setBigUint64(XMM + 16 * i, BigInt.asUintN(64, xmm), true);
    view.setBigUint64(XMM + 16 * i + 8, xmm >> 64n, true);
  }
  return image;
}

/** Sets the registers as FXRSTOR64 does. Returns false, with nothing changed, where that would be #GP. */
export function restoreFloating(state: CpuState, image: Uint8Array): boolean {
  const view = new DataView(image.buffer, image.byteOffset);
  const mxcsr = view.getUint32(MXCSR, true);
  if ((mxcsr & ~MXCSR_MASK) !== 0) return false;
  state.mxcsr = mxcsr;
  state.x87 = cleanX87(image.slice(0, X87_BYTES));
  for (let i = 0; i < XMM_REGISTERS; i++) {
    const low = view.getBigUint64(XMM + 16 * i, true);
    state.setXmm(i, low | (view.getBigUint64(XMM + 16 * i + 8, true) << 64n));
  }
  return true;
}

/** The registers as a program finds them when it starts. */
export function resetFloating(state: CpuState): void {
  const image = new Uint8Array(FLOATING_BYTES);
  const view = new DataView(image.buffer);
  view.setUint16(0, INITIAL_FCW, true);
  view.setUint32(MXCSR, INITIAL_MXCSR, true);
  restoreFloating(state, image);
}

/** What the x87 registers hold after an image was loaded into them. */
function cleanX87(x87: Uint8Array): Uint8Array {
  const view = new DataView(x87.buffer);
  const control = (view.getUint16(0, true) & FCW_WRITABLE) | FCW_FIXED;
  const status = view.getUint16(2, true) & FSW_WRITABLE;
  view.setUint16(0, control, true);
  view.setUint16(2, status | (status & ~control & EXCEPTIONS ? FSW_PENDING : 0), true);
  view.setUint8(5, 0);
  view.setUint16(6, view.getUint16(6, true) & FOP_WRITABLE, true);
  for (const pointer of [8, 16])
    view.setBigUint64(pointer, BigInt.asUintN(64, BigInt.asIntN(48, view.getBigUint64(pointer, true))), true);
  view.setBigUint64(MXCSR, 0n, true);
  for (let register = STACK; register < X87_BYTES; register += 16) x87.fill(0, register + 10, register + 16);
  return x87;
}

/** The x87 exceptions that are pending and not masked: bits IE to PE. */
export function unmaskedX87(state: CpuState): number {
  const view = new DataView(state.x87.buffer);
  return view.getUint16(2, true) & ~view.getUint16(0, true) & EXCEPTIONS;
}

/** The SSE exceptions that are not masked. arch/x86/kernel/fpu/core.c "fpu__exception_code" */
export function unmaskedSse({ mxcsr }: CpuState): number {
  return ~(mxcsr >> 7) & mxcsr & EXCEPTIONS;
}
