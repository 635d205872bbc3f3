/**
 * How a build shows that it ended. Between the compiler and the last step, what is compiled and what is generated from it do not
 * belong together: a build that fails there would leave an interpreter of other sources, with which a run may hang.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

/** `npm run build` removes this file first; bin/bd0.cjs looks for it. */
const MARK = join(packageRoot, 'dist/bundle/complete');

const compiled = join(packageRoot, 'dist/src');

/** A digest of all modules that the compiler wrote. */
function digestOfCompiled(): string {
  const paths = readdirSync(compiled, { recursive: true, encoding: 'utf8' });
  const hash = createHash('sha256');
  for (const path of paths.filter((path) => /\.c?js$/.test(path)).sort())
    hash.update(`${path}\0`).update(readFileSync(join(compiled, path)));
  return hash.digest('hex');
}

/** Marks the build as complete: its last step. */
export function markComplete(): void {
  writeFileSync(MARK, digestOfCompiled());
}

/** Whether the last build ended, and nothing was compiled since. */
export function isBuildComplete(): boolean {
  return existsSync(MARK) && readFileSync(MARK, 'utf8') === digestOfCompiled();
}
