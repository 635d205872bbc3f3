import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The directory of the bd0 package that runs: the nearest one above this module with a package.json. The module is bundled
 * into the command line, so its own depth says nothing.
 */
export const packageRoot: string = rootAbove(dirname(fileURLToPath(import.meta.url)));

function rootAbove(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  const parent = dirname(directory);
  if (parent === directory) throw new Error('no package.json above the modules of bd0');
  return rootAbove(parent);
}

/** The version in package.json. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  return (manifest as { version: string }).version;
}

/** A module as the compiler has written it, by its path below src/. */
export function compiled(path: string): string {
  return join(packageRoot, 'dist/src', path);
}
