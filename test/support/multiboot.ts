/** Kernels of a few instructions. */

/** Where they are loaded. */
const BASE = 0x10_0000;
const HEADER_BYTES = 32;
const MAGIC = 0x1bad_b002;
/** The header says where the kernel lies. */
const HAS_ADDRESSES = 0x1_0000;

/** Receives a byte from the serial port and sends it back, until it has sent a newline; what follows this code runs then. */
export const ECHO_A_LINE = [
  0x66, 0xba, 0xfd, 3, 0xec, 0xa8, 1, 0x74, 0xfb, 0x66, 0xba, 0xf8, 3, 0xec, 0xee, 0x3c, 10, 0x75, 0xed,
];

/** A Multiboot 1 kernel that consists of these bytes of code. */
export function multibootKernel(code: Iterable<number>): Uint8Array {
  const entry = BASE + HEADER_BYTES;
  const header = Uint32Array.of(MAGIC, HAS_ADDRESSES, -(MAGIC + HAS_ADDRESSES), BASE, BASE, 0, 0, entry);
  return Uint8Array.from([...new Uint8Array(header.buffer), ...code]);
}
