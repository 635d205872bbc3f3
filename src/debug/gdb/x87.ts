/** The x87 registers in the first 160 bytes of an FXSAVE image, as gdb wants them. SDM Vol. 1 10.5.1 "FXSAVE Area". */

/** gdb's names for everything but the stack. */
export type X87Control = 'fctrl' | 'fstat' | 'ftag' | 'fiseg' | 'fioff' | 'foseg' | 'fooff' | 'fop';

const STACK_OFFSET = 32;
const STACK_STRIDE = 16;
const STACK_BYTES = 10;
const REGISTERS = 8;
const TOP_SHIFT = 11;

const EXPONENT_MASK = 0x7fff;
const TAG = { valid: 0, zero: 1, special: 2, empty: 3 } as const;

/** ST(i): 10 bytes. */
export function stackRegister(fxsave: Uint8Array, i: number): Uint8Array {
  const at = STACK_OFFSET + i * STACK_STRIDE;
  return fxsave.slice(at, at + STACK_BYTES);
}

export function x87Control(fxsave: Uint8Array, name: X87Control): number {
  const view = new DataView(fxsave.buffer, fxsave.byteOffset, fxsave.byteLength);
  if (name === 'fctrl') return view.getUint16(0, true);
  if (name === 'fstat') return view.getUint16(2, true);
  if (name === 'ftag') return tagWord(fxsave, view.getUint16(2, true), view.getUint8(4));
  if (name === 'fop') return view.getUint16(6, true) & 0x7ff;
  // The 64-bit format has 64-bit pointers; gdb takes their upper half for selectors.
  if (name === 'fioff') return view.getUint32(8, true);
  if (name === 'fiseg') return view.getUint16(12, true);
  return name === 'fooff' ? view.getUint32(16, true) : view.getUint16(20, true);
}

/** The image with other bytes in ST(i). */
export function withStackRegister(fxsave: Uint8Array, i: number, bytes: Uint8Array): Uint8Array {
  const image = fxsave.slice();
  image.set(bytes, STACK_OFFSET + i * STACK_STRIDE);
  return image;
}

/** The image with another value in a register that is not of the stack. */
export function withX87Control(fxsave: Uint8Array, name: X87Control, value: number): Uint8Array {
  const image = fxsave.slice();
  const view = new DataView(image.buffer);
  if (name === 'fctrl') view.setUint16(0, value, true);
  else if (name === 'fstat') view.setUint16(2, value, true);
  else if (name === 'ftag') view.setUint8(4, usedBits(value));
  else if (name === 'fop') view.setUint16(6, value, true);
  else if (name === 'fioff') view.setUint32(8, value, true);
  else if (name === 'fiseg') view.setUint16(12, value, true);
  else if (name === 'fooff') view.setUint32(16, value, true);
  else view.setUint16(20, value, true);
  return image;
}

/** The bits that say which registers are in use, from the full tag word. */
function usedBits(tags: number): number {
  let used = 0;
  for (let physical = 0; physical < REGISTERS; physical++)
    if (((tags >> (2 * physical)) & 3) !== TAG.empty) used |= 1 << physical;
  return used;
}

/** The full tag word, from the bits that say which registers are in use. SDM Vol. 1 8.1.7 and table 10-3. */
function tagWord(fxsave: Uint8Array, status: number, used: number): number {
  const top = (status >> TOP_SHIFT) & 7;
  let tags = 0;
  for (let physical = 0; physical < REGISTERS; physical++) {
    const isUsed = (used >> physical) & 1;
    const value = stackRegister(fxsave, (physical - top) & 7);
    tags |= (isUsed ? tagOf(value) : TAG.empty) << (2 * physical);
  }
  return tags;
}

function tagOf(value: Uint8Array): number {
  const exponent = (value[8]! | (value[9]! << 8)) & EXPONENT_MASK;
  const isZero = value.subarray(0, 8).every((byte) => byte === 0);
  const hasIntegerBit = (value[7]! & 0x80) !== 0;
  if (exponent === 0 && isZero) return TAG.zero;
  return exponent === 0 || exponent === EXPONENT_MASK || !hasIntegerBit ? TAG.special : TAG.valid;
}
