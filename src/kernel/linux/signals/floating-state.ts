import { MXCSR_MASK } from '../../../cpu/evaluator/float/mxcsr.js';
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { X87_BYTES } from '../../../cpu/state/layout.js';

/*
 * The XSAVE area as Linux has it in frames of signals: the FXSAVE64 image (SDM Vol. 2A "FXSAVE": the x87 state, with MXCSR and
 * its mask in it, then XMM0 to XMM15), in whose unused bytes struct _fpx_sw_bytes says what follows; XSTATE_BV; the upper halves
 * of YMM; and a second magic number. arch/x86/include/uapi/asm/sigcontext.h
 */
export const FXSAVE_BYTES = 512;
const SOFTWARE = 464;
const MAGIC1 = 0x4650_5853;
const MAGIC2 = 0x4650_5845;
const XSTATE_BV = 512;
const YMM = 576;
export const XSAVE_BYTES = 832;
const COMPONENTS = 7n;
const X87 = 1n;
const SSE = 2n;
const AVX = 4n;
const FLOATING_BYTES = XSAVE_BYTES + 4;
/** What FXSAVE writes: of the rest, programs and the kernel dispose. */
const FXSAVE_WRITTEN = 416;
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

/** Bytes of the area in a frame; a processor without XSAVE has the FXSAVE64 image alone. */
export function floatingBytes(hasXsave: boolean): number {
  return hasXsave ? FLOATING_BYTES : FXSAVE_BYTES;
}

/** The x87, SSE and AVX registers of the thread in the CPU, as far as they are saved. */
export function floatingImage(state: CpuState, hasXsave: boolean): Uint8Array {
  const image = new Uint8Array(FLOATING_BYTES);
  const view = new DataView(image.buffer);
  image.set(state.x87);
  view.setUint32(MXCSR, state.mxcsr, true);
  view.setUint32(MXCSR + 4, MXCSR_MASK, true);
  for (let i = 0; i < XMM_REGISTERS; i++) {
    const xmm = state.xmm(i);
    view.setBigUint64(XMM + 16 * i, BigInt.asUintN(64, xmm), true);
    view.setBigUint64(XMM + 16 * i + 8, xmm >> 64n, true);
    if (!hasXsave) continue;
    const high = state.ymmHigh(i);
    view.setBigUint64(YMM + 16 * i, BigInt.asUintN(64, high), true);
    view.setBigUint64(YMM + 16 * i + 8, high >> 64n, true);
  }
  if (!hasXsave) return image.subarray(0, FXSAVE_WRITTEN);
  view.setUint32(SOFTWARE, MAGIC1, true);
  view.setUint32(SOFTWARE + 4, FLOATING_BYTES, true);
  view.setBigUint64(SOFTWARE + 8, COMPONENTS, true);
  view.setUint32(SOFTWARE + 16, XSAVE_BYTES, true);
  view.setBigUint64(XSTATE_BV, COMPONENTS, true);
  view.setUint32(XSAVE_BYTES, MAGIC2, true);
  return image;
}

/** Whether the image in a frame says that an XSAVE area follows, by the first of its numbers. */
export function saysExtended(image: Uint8Array): boolean {
  const view = new DataView(image.buffer, image.byteOffset);
  return view.getUint32(SOFTWARE, true) === MAGIC1 && view.getUint32(SOFTWARE + 16, true) === XSAVE_BYTES;
}

/**
 * Sets the registers as FXRSTOR64 does, and the upper halves of YMM from an image with a whole XSAVE area; they are zero
 * otherwise. Returns false, with nothing changed, where FXRSTOR64 would be #GP.
 */
export function restoreFloating(state: CpuState, image: Uint8Array): boolean {
  const view = new DataView(image.buffer, image.byteOffset);
  const mxcsr = view.getUint32(MXCSR, true);
  if ((mxcsr & ~MXCSR_MASK) !== 0) return false;
  state.mxcsr = mxcsr;
  state.x87 = cleanX87(image.slice(0, X87_BYTES));
  const isWhole = image.length === FLOATING_BYTES && view.getUint32(XSAVE_BYTES, true) === MAGIC2;
  const hasYmm = isWhole && (view.getBigUint64(XSTATE_BV, true) & AVX) !== 0n;
  for (let i = 0; i < XMM_REGISTERS; i++) {
    state.setXmm(i, vectorAt(view, XMM + 16 * i));
    state.setYmmHigh(i, hasYmm ? vectorAt(view, YMM + 16 * i) : 0n);
  }
  return true;
}

function vectorAt(view: DataView, offset: number): bigint {
  return view.getBigUint64(offset, true) | (view.getBigUint64(offset + 8, true) << 64n);
}

/** The XSAVE area of the thread in the CPU as tracers see it: byte 464 says which components it holds. */
export function floatingOfTracer(state: CpuState): Uint8Array {
  const image = floatingImage(state, true).slice(0, XSAVE_BYTES);
  image.fill(0, FXSAVE_WRITTEN, FXSAVE_BYTES);
  new DataView(image.buffer).setBigUint64(SOFTWARE, COMPONENTS, true);
  return image;
}

/**
 * Sets the registers from such an area. Components that XSTATE_BV does not name get their initial values. Returns false for a
 * malformed one.
 */
export function setFloatingOfTracer(state: CpuState, area: Uint8Array): boolean {
  const view = new DataView(area.buffer, area.byteOffset);
  const present = view.getBigUint64(XSTATE_BV, true);
  if ((present & ~COMPONENTS) !== 0n) return false;
  const image = new Uint8Array(FLOATING_BYTES);
  image.set(area);
  const whole = new DataView(image.buffer);
  if (!(present & X87)) {
    image.fill(0, 0, MXCSR);
    image.fill(0, STACK, XMM);
    whole.setUint16(0, INITIAL_FCW, true);
  }
  if (!(present & SSE)) image.fill(0, XMM, XMM + 16 * XMM_REGISTERS);
  whole.setUint32(XSAVE_BYTES, MAGIC2, true);
  return restoreFloating(state, image);
}

/** The registers as a program finds them when it starts. */
export function resetFloating(state: CpuState): void {
  const image = new Uint8Array(FXSAVE_BYTES);
  const view = new DataView(image.buffer);
  view.setUint16(0, INITIAL_FCW, true);
  view.setUint32(MXCSR, INITIAL_MXCSR, true);
  restoreFloating(state, image);
}

/** What the x87 registers hold after an image was loaded into them. */
export function cleanX87(x87: Uint8Array): Uint8Array {
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
