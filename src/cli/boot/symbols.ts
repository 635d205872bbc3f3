import { readFileSync } from 'node:fs';
import { onFile } from '../../host/failure.js';
import { isElf64 } from '../../index.js';
import { Failure } from '../failure.js';

/** The ELF file of --symbols. Throws Failure, HostError. */
export function symbolsIn(path: string | undefined): Uint8Array | undefined {
  if (path === undefined) return undefined;
  const bytes = onFile('read', path, () => new Uint8Array(readFileSync(path)));
  if (!isElf64(bytes)) throw new Failure(`--symbols: '${path}' is not an ELF file of 64 bits`);
  return bytes;
}
