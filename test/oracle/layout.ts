/**
 * What the driver and the C harness agree on: where the memory of a case lies, how it is filled, and how long the
 * records are. The harness gets these numbers on gcc's command line and checks the lengths of its structs against them.
 */
import { PAGE_SIZE } from '../../src/bits.js';

/** Data pages of an arena, in a row; the pages before and after are not mapped. */
export const DATA_PAGES = 8;
/** The read-only pages of an arena: `READ_ONLY_PAGES` of them, from page `READ_ONLY_PAGE`. */
export const READ_ONLY_PAGE = 3;
export const READ_ONLY_PAGES = 2;
export const ARENA_BYTES = DATA_PAGES * PAGE_SIZE;

/** The arena above 4 GiB. Its low 32 bits are LOW_ARENA, so that a truncated address of this one hits the other. */
export const HIGH_ARENA = 0x10_2000_0000n;
/** The arena below 4 GiB, for 32-bit addresses. */
export const LOW_ARENA = 0x2000_0000n;
export const ARENAS = [HIGH_ARENA, LOW_ARENA] as const;

/** Code pages, readable and executable, full of INT3 but for the instruction; the page after them is not mapped. */
export const CODE_PAGES = 2;
export const CODE_BYTES = CODE_PAGES * PAGE_SIZE;
/** Where the code pages start: rip-relative addresses reach the high arena, and truncated to 32 bits the low one. */
export const CODE = 0x10_2001_0000n;
export const INT3 = 0xcc;

export const MAX_INSTRUCTION_BYTES = 15;
export const MAX_WINDOWS = 8;
/** All windows of a case together. */
export const MAX_WINDOW_BYTES = 4096;

/** Where the harness itself is linked: no 32-bit address and none near an arena leads there. */
export const HARNESS = 0x2000_0000_0000n;
const HARNESS_BYTES_MAX = 0x4000_0000;
/** Linux's TASK_SIZE_MAX with 4-level paging: the end of what a process may map. */
const USER_END = 0x7fff_ffff_f000n;

export const HELLO_BYTES = 112;
export const REQUEST_BYTES = 864;
export const RESPONSE_BYTES = 880;

/** The constants of the C source, by the names it knows them by. */
export const C_CONSTANTS: Record<string, bigint | number> = {
  DATA_PAGES,
  READ_ONLY_PAGE,
  READ_ONLY_PAGES,
  HIGH_ARENA,
  LOW_ARENA,
  CODE_PAGES,
  CODE,
  INT3,
  MAX_WINDOWS,
  MAX_WINDOW_BYTES,
  HARNESS,
  HARNESS_BYTES_MAX,
  USER_END,
  HELLO_BYTES,
  REQUEST_BYTES,
  RESPONSE_BYTES,
};

/** A stretch of an arena whose contents a case chooses and gets back. All other data is zero and must stay so. */
export interface Window {
  address: bigint;
  /** Bytes; a multiple of 8. */
  length: number;
}

/** The memory of a case: windows of pseudo-random bytes, then patches over them. */
export interface OracleMemory {
  /** Chooses the contents of the windows; 32 bits. */
  seed: number;
  /** At most MAX_WINDOWS, which do not overlap, of MAX_WINDOW_BYTES in all; each within the pages of one arena. */
  windows: Window[];
  /** Bytes at chosen addresses; each patch lies within one window. */
  patches?: { address: bigint; bytes: Uint8Array }[];
}

/** Word `index` of the contents for `seed`: a Weyl sequence and a 32-bit mixer (harness.c, random_word). */
function randomWord(seed: number, index: number): number {
  let z = (seed + Math.imul(index + 1, 0x9e37_79b9)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
  return z ^ (z >>> 15);
}

/** What the windows hold before the instruction, one array each. */
export function initialWindows({ seed, windows, patches = [] }: OracleMemory): Uint8Array[] {
  let index = 0;
  const contents = windows.map(({ length }) => {
    const view = new DataView(new ArrayBuffer(length));
    for (let at = 0; at < length; at += 4) view.setInt32(at, randomWord(seed, index++), true);
    return new Uint8Array(view.buffer);
  });
  for (const { address, bytes } of patches) {
    const at = windows.findIndex((window) => contains(window, address, bytes.length));
    contents[at]?.set(bytes, Number(address - windows[at]!.address));
  }
  return contents;
}

/** True where `length` bytes at `address` lie within the window. */
export function contains(window: Window, address: bigint, length: number): boolean {
  return address >= window.address && address + BigInt(length) <= window.address + BigInt(window.length);
}

/** True where `length` bytes at `address` lie within the data pages of one arena. */
export function inArena(address: bigint, length: number): boolean {
  return ARENAS.some((arena) => contains({ address: arena, length: ARENA_BYTES }, address, length));
}
