/** `bd0 vmo import`: takes files, trees and canonical streams into a store. */
import { Failure } from '../../failure.js';
import { fileFailure } from '../../../host/failure.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import { importPath, importStream, type ImportProgress } from '../../../host/store/import.js';
import { requireName } from '../../../host/store/names.js';
import { partsOf, STDIN_NAME } from '../content/file-parts.js';
import { tell, tellJson, visible } from '../output.js';
import { interruptible, requireWords } from '../perform.js';
import { progressText, StatusLine } from '../progress.js';
import { openStore, type Reference, type StoreView } from '../content/store-view.js';
import { totalBytesOf } from '../content/total-bytes.js';
import { BadTreeStreamError, TreeStreamReader } from '../content/tree-stream.js';

/** The options of the command. */
export interface ImportOptions {
  readonly store?: string | undefined;
  readonly name?: string | undefined;
  readonly stream: boolean;
  readonly json: boolean;
}

/** What was imported, for a program. */
interface Told extends Reference {
  readonly length: number;
  readonly files?: number;
  readonly vmos?: number;
  readonly directories?: number;
  readonly links?: number;
  readonly bytes?: number;
  readonly skipped?: readonly string[];
  readonly quarantined: readonly string[];
}

/** Imports, names it where a name is given, and tells the identity. Throws Failure. */
export async function importContent(words: readonly string[], options: ImportOptions): Promise<number> {
  requireWords(words, 'import', 'a FILE, a DIR, or - for standard input', 1, 1);
  const { name, json } = options;
  if (name !== undefined) requireName(name);
  const store = await openStore(options.store, 'write', true);
  try {
    const told = await interruptible((stop) => take(words[0]!, options.stream, store, stop));
    const replaced = name === undefined ? undefined : store.setName(name, told);
    for (const path of told.skipped ?? [])
      writeToStderr(`bd0: left out '${visible(path)}': it is neither a file, a directory nor a link`);
    for (const path of told.quarantined) writeToStderr(`bd0: ${quarantineText(path)}`);
    if (json) tellJson({ ...told, ...(name !== undefined && { name }), ...(replaced !== undefined && { replaced }) });
    else tell(told.id);
  } finally {
    store.disk.close();
  }
  return 0;
}

/** What is said of a pack that was put away. */
function quarantineText(path: string): string {
  return `a part of the store was damaged and is now '${path}'; what was imported is whole, bd0 vmo verify tells of all else`;
}

async function take(path: string, isStream: boolean, store: StoreView, signal: AbortSignal): Promise<Told> {
  const status = new StatusLine();
  try {
    const total = status.isSeen && !isStream ? await totalBytesOf(path, signal) : undefined;
    const onProgress = (done: ImportProgress): void =>
      status.update((seconds) => progressText('importing', done, total, seconds));
    const watch = { signal, onProgress };
    if (isStream) return await takeStream(path, store, watch);
    if (path === STDIN_NAME) return await importStream(store.disk, partsOf(path, signal), watch);
    return await importPath(store.disk, path, watch);
  } finally {
    status.end();
  }
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
    for await (const part of partsOf(path, signal)) {
      reader.push(part);
      bytes += part.length;
      await store.disk.packs.ease();
      onProgress({ files: 1, bytes });
    }
    const { id, kind, lengthBytes, vmos } = reader.finish();
    const quarantined = await store.disk.settle();
    return { id, kind, length: lengthBytes, vmos, bytes, quarantined };
  } catch (error) {
    if (!(error instanceof BadTreeStreamError)) throw fileFailure('read', path, error);
    throw new Failure(`'${path}' is not what bd0 vmo export writes: ${error.message}`);
  }
}
