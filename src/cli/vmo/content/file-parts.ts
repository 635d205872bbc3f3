import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';

/** What stands for stdin among files. */
export const STDIN_NAME = '-';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** The bytes of a file or of standard input, in parts, until a signal comes. */
export function partsOf(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  if (path !== STDIN_NAME) return createReadStream(path, { highWaterMark: PART_BYTES, signal });
  return signal ? addAbortSignal(signal, process.stdin) : process.stdin;
}
