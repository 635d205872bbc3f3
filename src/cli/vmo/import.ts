/** `bd0 vmo import`: takes files, trees and canonical streams into a store. */
import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';
import { Failure, fileFailure } from '../failure.js';
import { writeToStderr } from '../host-output.js';
import { importPath, importStream, type ImportProgress } from '../store/import.js';
import { requireName } from '../store/names.js';
import { STDIN_NAME } from './hashed-file.js';
import { tell, tellJson, visible } from './output.js';
import { interruptible, requireWords } from './perform.js';
import { progressText, StatusLine } from './progress.js';
import { openStore, type StoreView } from './store-view.js';
import { totalBytesOf } from './total-bytes.js';
import { BadTreeStreamError, TreeStreamReader } from './tree-stream.js';

/** The options of the command. */
export interface ImportOptions {
  readonly store?: string | undefined;
  readonly name?: string | undefined;
  readonly stream: boolean;
  readonly json: boolean;
}

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** What was imported, for a program. */
interface Told {
  readonly id: string;
  readonly length: number;
  readonly files?: number;
  readonly vmos?: number;
  readonly directories?: number;
  readonly links?: number;
  readonly bytes?: number;
  readonly skipped?: readonly string[];
}

/** Imports, names it where a name is given, and tells the identity. Throws Failure. */
export async function importContent(words: readonly string[], options: ImportOptions): Promise<number> {
  requireWords(words, 'import', 'a FILE, a DIR, or - for standard input', 1, 1);
  const { name, json } = options;
  if (name !== undefined) requireName(name);
  const store = await openStore(options.store, 'write', true);
  try {
    const told = await interruptible((stop) => take(words[0]!, options.stream, store, stop));
    const replaced = name === undefined ? undefined : store.setName(name, told.id);
    for (const path of told.skipped ?? [])
      writeToStderr(`bd0: left out '${visible(path)}': it is neither a file, a directory nor a link`);
    if (json) tellJson({ ...told, ...(name !== undefined && { name }), ...(replaced !== undefined && { replaced }) });
    else tell(told.id);
  } finally {
    store.disk.close();
  }
  return 0;
}

async function take(path: string, isStream: boolean, store: StoreView, signal: AbortSignal): Promise<Told> {
  const status = new StatusLine();
  try {
    const total = status.isSeen && !isStream ? await totalBytesOf(path, signal) : undefined;
    const onProgress = (done: ImportProgress): void =>
      status.update((seconds) => progressText('importing', done, total, seconds));
    const watch = { signal, onProgress };
    if (isStream) return await takeStream(path, store, watch);
    if (path === STDIN_NAME) return await importStream(store.disk, standardInput(signal), watch);
    return await importPath(store.disk, path, watch);
  } finally {
    status.end();
  }
}

/** Standard input until a signal comes. */
function standardInput(signal: AbortSignal): AsyncIterable<Uint8Array> {
  return addAbortSignal(signal, process.stdin);
}

/** What `bd0 vmo export` wrote. It is verified as it comes; what does not belong there ends the import. */
async function takeStream(
  path: string,
  store: StoreView,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (done: ImportProgress) => void },
): Promise<Told> {
  const reader = new TreeStreamReader(store);
  let bytes = 0;
  try {
    const file =
      path === STDIN_NAME ? standardInput(signal) : createReadStream(path, { highWaterMark: PART_BYTES, signal });
    for await (const part of file) {
      reader.push(part as Uint8Array);
      bytes += (part as Uint8Array).length;
      onProgress({ files: 1, bytes });
    }
    const { id, lengthBytes, vmos } = reader.finish();
    store.disk.flush();
    return { id, length: lengthBytes, vmos, bytes };
  } catch (error) {
    if (!(error instanceof BadTreeStreamError)) throw fileFailure('read', path, error);
    throw new Failure(`'${path}' is not what bd0 vmo export writes: ${error.message}`);
  }
}
