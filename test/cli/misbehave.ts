import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileTo } from '../support/guest-programs.js';

/** Compiles the guest that does what its first argument says into a directory. Returns its path. */
export async function compileMisbehave(directory: string): Promise<string> {
  const output = join(directory, 'misbehave');
  const source = fileURLToPath(new URL('../../../test/cli/misbehave.c', import.meta.url));
  await compileTo(output, source, { compilerOptions: ['-fno-builtin'] });
  return output;
}
