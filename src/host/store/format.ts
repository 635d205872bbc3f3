/** The version of a store, and the directories that it needs. */

import { HostError } from '../failure.js';
import { StoreWriteError } from './errors.js';
import { type FileLayer, readWhole, replaceFile } from './file-layer.js';

/**
 * 3: the names have an anchor, and say what they stand for. Version 2 had neither; a store of it is read as it is, and becomes one of
 * version 3 when it is opened to write.
 */
export const FORMAT_VERSION = 3;
const FORMAT_BYTES_MAX = 4096;
const FORMAT = /^bd0 store ([23])\n$/;

const DIRECTORIES = ['packs', 'code', 'leases'];
/** Files that a process may have left that was killed while it made a store. */
const BEGUN = /^(format|names|names\.anchor|reserve)(\..*)?$/;

/** The version of the store in a directory; 0 for a new one, which is to be written by `writeFormat`. Throws HostError. */
export function prepareDirectory(files: FileLayer, directory: string, create: boolean): number {
  const status = files.status(directory);
  const names = status ? listDirectory(files, directory) : [];
  if (status) refuseLinks(files, directory);
  if (names.includes('format')) return readVersion(files, directory);
  if (names.includes('packs') && files.list(`${directory}/packs`).length > 0)
    throw new HostError(
      `'${directory}' has packs, but the file 'format' of the store is missing: ${ADVICE}`,
      'damaged',
    );
  if (!create) throw new HostError(`there is no store in '${directory}'`, 'no-store');
  const stranger = names.find((name) => !DIRECTORIES.includes(name) && !BEGUN.test(name));
  if (stranger !== undefined)
    throw new HostError(`'${directory}' is not empty and no store: it has '${stranger}'`, 'no-store');
  for (const name of DIRECTORIES) files.makeDirectory(`${directory}/${name}`);
  return 0;
}

const ADVICE = `put back the line 'bd0 store ${FORMAT_VERSION}', then bd0 vmo verify`;

function listDirectory(files: FileLayer, directory: string): string[] {
  try {
    return files.list(directory);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOTDIR') throw error;
    throw new HostError(`there is no store in '${directory}': it is not a directory`, 'no-store');
  }
}

/** A store writes to its own directory and nowhere else. */
function refuseLinks(files: FileLayer, directory: string): void {
  const link = files.links(directory).find((name) => [...DIRECTORIES, 'quarantine'].includes(name));
  if (link !== undefined)
    throw new HostError(`'${directory}/${link}' is a symbolic link, and not a directory of the store`, 'damaged');
}

function readVersion(files: FileLayer, directory: string): number {
  const text = Buffer.from(readWhole(files, `${directory}/format`, FORMAT_BYTES_MAX) ?? []).toString();
  const version = FORMAT.exec(text)?.[1];
  if (version === undefined)
    throw new HostError(`'${directory}' is no store of this version: ${JSON.stringify(text.slice(0, 40))}`, 'no-store');
  return Number(version);
}

/** Says that the directory is a store of this version. Throws StoreWriteError. */
export function writeFormat(files: FileLayer, directory: string, token: string): void {
  const path = `${directory}/format`;
  try {
    replaceFile(files, path, `${path}.${token}`, Buffer.from(`bd0 store ${FORMAT_VERSION}\n`));
  } catch (error) {
    throw new StoreWriteError(path, error);
  }
}
