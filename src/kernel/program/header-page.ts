import { PAGE_SIZE } from '../../bits.js';
import { toLinear, type LinearAddress } from '../memory/linear-address.js';

/*
 * The header page: the first page of a process's region. `headerBytes` has its layout, and programs have it as `struct
 * bd0_header` of guest/include/bd0.h; a test compares the two. Heap pointer and stack floor are a pair that moves only
 * together, by LOCK CMPXCHG16B. Threads can write all of the page. The kernel reads back nothing but the pair, and does not
 * trust it.
 */
export const HEADER_BYTES = 0xc0;
/** Where the pair heap_pointer, stack_floor lies in the page. */
export const HEAP_PAIR_OFFSET = 0x40;
export const HEAP_PAIR_BYTES = 16;
/** Bytes of a name in UTF-8, without the terminating zero. */
export const MAX_NAME_BYTES = 63;

const MAGIC = new TextEncoder().encode('BD0PROC\0');
const VERSION = 1;

/** What the header page tells; addresses and sizes as it holds them. */
export interface Header {
  readonly pid: number;
  readonly parent: number;
  readonly start: LinearAddress;
  readonly size: number;
  readonly entry: LinearAddress;
  readonly imageBase: LinearAddress;
  readonly heapPointer: LinearAddress;
  readonly stackFloor: LinearAddress;
  readonly argc: number;
  readonly argv: LinearAddress;
  /** 32 bytes. */
  readonly imageId: Uint8Array;
  /** UTF-8, at most 63 bytes. */
  readonly name: Uint8Array;
}

/** The header as it stands at the start of its page; zeros follow to the end of the page. */
export function headerBytes(header: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: bigint): void => view.setBigUint64(offset, value, true);
  bytes.set(MAGIC, 0x00);
  view.setUint32(0x08, VERSION, true);
  view.setUint32(0x0c, HEADER_BYTES, true);
  put(0x10, BigInt(header.pid));
  put(0x18, BigInt(header.parent));
  put(0x20, toLinear(header.start));
  put(0x28, BigInt(header.size));
  put(0x30, toLinear(header.entry));
  put(0x38, toLinear(header.imageBase));
  put(HEAP_PAIR_OFFSET, toLinear(header.heapPointer));
  put(HEAP_PAIR_OFFSET + 8, toLinear(header.stackFloor));
  put(0x50, BigInt(header.argc));
  put(0x58, toLinear(header.argv));
  bytes.set(header.imageId, 0x60);
  bytes.set(header.name, 0x80);
  return bytes;
}

/** The pair as memory holds it: any 64-bit values. */
export interface HeapPair {
  /** The next free byte of the heap. */
  readonly heapPointer: bigint;
  /** The lowest address that stacks have reserved. */
  readonly stackFloor: bigint;
}

export function heapPairBytes(pair: HeapPair): Uint8Array {
  const bytes = new Uint8Array(HEAP_PAIR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, pair.heapPointer, true);
  view.setBigUint64(8, pair.stackFloor, true);
  return bytes;
}

export function heapPairFrom(bytes: Uint8Array): HeapPair {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAP_PAIR_BYTES);
  return { heapPointer: view.getBigUint64(0, true), stackFloor: view.getBigUint64(8, true) };
}

if (HEADER_BYTES !== 0x80 + MAX_NAME_BYTES + 1 || HEADER_BYTES > PAGE_SIZE)
  throw new Error('the header does not end with its name, or is longer than a page');
