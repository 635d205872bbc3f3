import { join } from 'node:path';
import type { CodeKeeper } from '../index.js';
import { cacheDirectory } from '../host/cache-directory.js';
import { ProgramCode } from '../host/kept-code/program-code.js';
import { hostFiles } from '../host/store/file-layer.js';
import type { RunOptions } from './run/run-options.js';

/** For `--code-cache`: nothing is kept. */
const NONE = 'none';

/**
 * What keeps the code of a program from one run to the next; undefined where the options want each translation made, or none.
 * Throws HostError for a directory that was asked for and cannot be made; the one of the user's cache may not be there.
 */
export function codeKeeper(path: string, options: RunOptions): CodeKeeper | undefined {
  const { engine = 'auto', 'jit-threshold': threshold, trace = [], gdb, cpu } = options;
  if (engine !== 'auto' || threshold !== undefined || trace.includes('blocks') || gdb) return undefined;
  const given = options['code-cache'];
  if (given !== undefined && given !== NONE) hostFiles.makeDirectory(given);
  const directory = given ?? process.env['BD0_CODE_CACHE'] ?? join(cacheDirectory(), 'code');
  return directory === NONE ? undefined : new ProgramCode(directory, `${cpu ?? ''} ${path}`);
}
