import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

/** A module as the compiler has written it, by its path below src/. */
export function compiled(path: string): string {
  return join(packageRoot, 'dist/src', path);
}
