/** Compiled guest libraries, kept from one run of bd0 to the next: one archive for each content of what it is made of. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from '../cache-directory.js';
import { hostFiles } from '../store/file-layer.js';

const ARCHIVE = 'libbd0.a';
/** The archive's SHA-256: one that is cut or changed is made again. */
const DIGEST = 'sha256';

/**
 * The path of the archive made of `inputs`, a hash. Where it is not in the cache, or is damaged, `make` writes it to a path;
 * any number of processes may do so at once, since an archive gets its name when it is whole. Where the cache cannot be
 * written, the archive lies in a directory that goes when this process ends.
 */
export async function cachedLibrary(
  inputs: string,
  make: (archive: string) => Promise<void>,
  cache: string = cacheDirectory(),
): Promise<string> {
  const directory = join(cache, `library-${inputs}`);
  if (isWhole(directory)) return join(directory, ARCHIVE);
  const temporary = temporaryIn(cache);
  try {
    const archive = join(temporary.path, ARCHIVE);
    await make(archive);
    writeFileSync(join(temporary.path, DIGEST), digestOf(archive));
    if (!temporary.isInCache) return archive;
    return join(publish(temporary.path, directory), ARCHIVE);
  } catch (error) {
    rmSync(temporary.path, { recursive: true, force: true });
    if (!temporary.isInCache) throw error;
  }
  // The file system of the cache may be full.
  const archive = join(temporaryElsewhere(), ARCHIVE);
  await make(archive);
  return archive;
}

/** A new directory in the cache, or elsewhere until the process ends. */
function temporaryIn(cache: string): { readonly path: string; readonly isInCache: boolean } {
  try {
    hostFiles.makeDirectory(cache);
    return { path: mkdtempSync(join(cache, 'part-')), isInCache: true };
  } catch {
    return { path: temporaryElsewhere(), isInCache: false };
  }
}

/** A new directory that is removed when the process ends. */
function temporaryElsewhere(): string {
  const path = mkdtempSync(join(tmpdir(), 'bd0-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Gives a whole directory its name; another process may have done so first, or a damaged one may be in the way. */
function publish(from: string, directory: string): string {
  for (let tries = 0; tries < 3; tries++) {
    try {
      renameSync(from, directory);
      return directory;
    } catch {
      if (isWhole(directory)) {
        rmSync(from, { recursive: true, force: true });
        return directory;
      }
      rmSync(directory, { recursive: true, force: true });
    }
  }
  process.once('exit', () => rmSync(from, { recursive: true, force: true }));
  return from;
}

function isWhole(directory: string): boolean {
  try {
    return readFileSync(join(directory, DIGEST), 'utf8') === digestOf(join(directory, ARCHIVE));
  } catch {
    return false;
  }
}

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
