/**
 * Files that tests make of others and that are the same whenever they are made: compiled programs. They are kept under the
 * hash of all that they are made of, so that each is made once, by whichever test process needs it first.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../kept', import.meta.url));

/** The file made of these parts; `make` writes it to the path it is given. Another process may make the same meanwhile. */
export async function keptFile(
  name: string,
  parts: readonly (string | Uint8Array)[],
  make: (path: string) => Promise<unknown>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  const path = join(directory, `${name}-${hash.digest('hex').slice(0, 32)}`);
  if (existsSync(path)) return path;
  mkdirSync(directory, { recursive: true });
  const part = `${path}.${process.pid}`;
  await make(part);
  renameSync(part, path);
  return path;
}

/** A C source, and the headers that it includes by their paths, as parts of a kept file. */
export function sourceParts(source: string): Uint8Array[] {
  const open = [source];
  const seen = new Map<string, Uint8Array>();
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    // What does not lie beside it comes with the compiler.
    if (seen.has(path) || !existsSync(path)) continue;
    const text = readFileSync(path);
    seen.set(path, text);
    for (const [, header] of text.toString('latin1').matchAll(/^#include "([^"]+)"/gm))
      open.push(join(dirname(path), header!));
  }
  return [...seen.values()];
}

/** Names and contents of the files in and below a directory. */
export function contentsOf(root: string): (string | Uint8Array)[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const files = paths.filter((path) => statSync(join(root, path)).isFile());
  return files.flatMap((path) => [path, readFileSync(join(root, path))]);
}
