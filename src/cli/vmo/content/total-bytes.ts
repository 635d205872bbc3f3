import { lstatSync, readdirSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isSystemError } from '../../../host/failure.js';
import { byteText, bytesOfText, byteTextOf, joined } from '../../../host/byte-text.js';
import { STDIN_NAME } from './file-parts.js';

/** Names as bytes. The types of Node know no such entries. */
const BYTES = { withFileTypes: true, encoding: 'buffer' } as unknown as { withFileTypes: true };

/** Directories that are looked at between two times that others run. */
const DIRECTORIES_AT_ONCE = 100;

/**
 * The bytes of a file, or of all files in a directory; undefined for standard input. For a progress line: what cannot be read is
 * left out, and told by the one who reads it. Throws the reason of `signal`.
 */
export async function totalBytesOf(path: string, signal: AbortSignal): Promise<number | undefined> {
  if (path === STDIN_NAME) return undefined;
  const stat = tried(() => statSync(path));
  if (!stat?.isDirectory()) return stat?.size;
  let total = 0;
  let seen = 0;
  const open = [byteTextOf(path)];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const entry of tried(() => readdirSync(bytesOfText(directory!), BYTES)) ?? []) {
      const at = joined(directory, byteText(entry.name as unknown as Buffer));
      if (entry.isDirectory()) open.push(at);
      else if (entry.isFile()) total += tried(() => lstatSync(bytesOfText(at)).size) ?? 0;
    }
    if (++seen % DIRECTORIES_AT_ONCE > 0) continue;
    await setImmediate();
    signal.throwIfAborted();
  }
  return total;
}

function tried<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
