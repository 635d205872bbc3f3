/**
 * Groups of records, compressed by what Node brings. On 64 KiB of the pages of bench/store (one thread, MB/s, part that stays):
 * brotli 1: 150, 54 %; brotli 2: 96, 52 %; deflate 1: 55, 53 %; a page at a time: deflate 1: 43, 58 %; LZ4: 75 %.
 */

import { brotliCompressSync, brotliDecompressSync, constants, type BrotliOptions } from 'node:zlib';

/** How the payload of a group encodes its content. */
export const Encoding = { raw: 0, brotli: 1 } as const;

/** A payload, and how it encodes its content. */
export interface Encoded {
  readonly encoding: number;
  readonly payload: Uint8Array;
}

const QUALITY = 1;
/** log2 of how far back a repetition is found, at most: a little more than a group. */
const WINDOW_BITS = 17;
/** Bytes that the output grows by at once. */
const CHUNK_BYTES_MAX = 2 ** 20;

function optionsFor(content: Uint8Array): BrotliOptions {
  return {
    chunkSize: Math.min(content.length + 1024, CHUNK_BYTES_MAX),
    params: {
      [constants.BROTLI_PARAM_QUALITY]: QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  };
}

/** The payload for a content: compressed where that saves a sixteenth, else the content itself. */
export function encode(content: Uint8Array): Encoded {
  return shorterOf(content, brotliCompressSync(content, optionsFor(content)));
}

function shorterOf(content: Uint8Array, payload: Uint8Array): Encoded {
  return payload.length <= content.length - (content.length >>> 4)
    ? { encoding: Encoding.brotli, payload }
    : { encoding: Encoding.raw, payload: content };
}

/** The `contentBytes` bytes that a payload encodes; undefined where it encodes something else. */
export function decode({ encoding, payload }: Encoded, contentBytes: number): Uint8Array | undefined {
  if (encoding === Encoding.raw) return payload.length === contentBytes ? payload : undefined;
  try {
    const chunkSize = Math.min(contentBytes + 64, CHUNK_BYTES_MAX);
    const content = brotliDecompressSync(payload, { chunkSize, maxOutputLength: Math.max(1, contentBytes) });
    return content.length === contentBytes ? content : undefined;
  } catch {
    return undefined;
  }
}
