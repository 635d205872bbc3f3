/** A second implementation of BD0-VMO-1 on flat bytes, the reference for the tests of the store. */

import { createHash } from 'node:crypto';
import { sha256 as hostSha256 } from '../../src/host/sha256.js';
import type { HashFunction } from '../../src/vmo/content/canonical-form.js';

export const PAGE = 4096;

export const nativeHash: HashFunction = hostSha256;

function sha256(...parts: (Uint8Array | number[])[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part instanceof Uint8Array ? part : Uint8Array.from(part));
  return hash.digest();
}

/** Page `index` of flat bytes, padded with zeros. */
export function flatPage(bytes: Uint8Array, index: number, pageSize = PAGE): Uint8Array {
  const page = new Uint8Array(pageSize);
  page.set(bytes.subarray(index * pageSize, (index + 1) * pageSize));
  return page;
}

/** The leaf hash of one page. */
export function flatLeaf(page: Uint8Array): string {
  return sha256([0], page).toString('hex');
}

function flatNode(bytes: Uint8Array, firstPage: number, level: number, pageSize: number): Buffer {
  if (level === 0) return sha256([0], flatPage(bytes, firstPage, pageSize));
  const left = flatNode(bytes, firstPage, level - 1, pageSize);
  const right = flatNode(bytes, firstPage + 2 ** (level - 1), level - 1, pageSize);
  return sha256([1, level], left, right);
}

/** The identity of flat bytes, for pages of 2^pageShift bytes. */
export function flatId(bytes: Uint8Array, pageShift = 12): string {
  const pageSize = 2 ** pageShift;
  let height = 0;
  while (2 ** height < bytes.length / pageSize) height++;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  const prefix = [2, ...Buffer.from('BD0VMO'), 1, 1, pageShift, 0, 0, 0, 0, 0, 0];
  return sha256(prefix, length, flatNode(bytes, 0, height, pageSize)).toString('hex');
}

/** Bytes that look random, the same for each seed; few of them are zero. */
export function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

/** Fails, showing the actual and the expected value. */
export function assertEqual(found: unknown, wanted: unknown, what: string): void {
  if (found !== wanted) throw new Error(`${what}: * found ${found}, wanted ${wanted}`);
}

/** Fails at the first byte that differs. */
export function assertSame(found: Uint8Array, wanted: Uint8Array, what: string): void {
  assertEqual(found.length, wanted.length, `${what}, length`);
  const at = found.findIndex((byte, i) => byte !== wanted[i]);
  if (at >= 0) assertEqual(found[at], wanted[at], `${what}, byte ${at}`);
}
