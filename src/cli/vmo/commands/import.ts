/** `bd0 vmo import`: takes files, trees and canonical streams into a store. */
import { shown } from '../../../host/byte-text.js';
import { Failure } from '../../failure.js';
import { fileFailure } from '../../../host/failure.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import { importPath, importStream, type Imported, type ImportProgress } from '../../../host/store/import.js';
import { requireName } from '../../../host/store/names.js';
import { readXattrs, requireXattrTools } from '../../../host/store/trees/host-xattrs.js';
import { partsOf, STDIN_NAME } from '../content/file-parts.js';
import { jsonOfBytes, tell, tellJson } from '../output.js';
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
  readonly times: boolean;
  readonly owners: boolean;
  readonly xattrs: boolean;
  readonly json: boolean;
}

/** What was imported: a file or a tree of the host, or a stream. */
type Told = Imported | ToldStream;

interface ToldStream extends Reference {
  readonly length: number;
  readonly vmos: number;
  readonly bytes: number;
  readonly quarantined: readonly string[];
}

/** As tar(1) ends where some files could not be read. */
const EXIT_INCOMPLETE = 1;

/**
 * Imports content, gives it a name if there is one, and prints the identity. Returns 1 if entries of a tree are not in it as they
 * are. Throws Failure.
 */
export async function importContent(words: readonly string[], options: ImportOptions): Promise<number> {
  requireWords(words, 'import', 'a FILE, a DIR, or - for standard input', 1, 1);
  const { name, json } = options;
  if (name !== undefined) requireName(name);
  if (options.xattrs) requireXattrTools();
  const store = await openStore(options.store, 'write', true);
  try {
    const told = await interruptible((stop) => take(words[0]!, options, store, stop));
    const replaced = name === undefined ? undefined : store.setName(name, told);
    for (const path of told.quarantined) writeToStderr(`bd0: ${quarantineText(path)}`);
    const named = { ...(name !== undefined && { name }), ...(replaced !== undefined && { replaced }) };
    if (json) tellJson({ ...('vmos' in told ? told : asJson(told)), ...named });
    else tell(told.id);
    if ('vmos' in told) return 0;
    tellProblems(told, name);
    return told.problemCount === 0 ? 0 : EXIT_INCOMPLETE;
  } finally {
    store.disk.close();
  }
}

/** A line for each of the first problems, and one for all of them. */
function tellProblems({ problems, problemCount, stores, id }: Imported, name: string | undefined): void {
  for (const path of stores) writeToStderr(`bd0: left out '${shown(path)}': it is the store itself`);
  for (const { path, reason, isLeftOut } of problems)
    writeToStderr(`bd0: ${isLeftOut ? 'left out ' : ''}'${shown(path)}': ${reason}`);
  if (problemCount === 0) return;
  const count = problemCount === 1 ? '1 entry' : `${problemCount} entries`;
  const unlisted = problemCount > problems.length ? ` (${problems.length} are listed)` : '';
  const result = name === undefined ? `ID ${id}` : `'${name}'`;
  writeToStderr(`bd0: ${count} could not be imported as found${unlisted}; ${result} has everything else`);
}

function asJson({ problems, stores, ...told }: Imported): object {
  return {
    ...told,
    problems: problems.map(({ path, ...problem }) => ({ ...jsonOfBytes('path', path), ...problem })),
    stores: stores.map((path) => jsonOfBytes('path', path)),
  };
}

/** What is said of a pack that was put away. */
function quarantineText(path: string): string {
  return `a part of the store was damaged and is now '${path}'; what was imported is whole, bd0 vmo verify checks the rest`;
}

async function take(
  path: string,
  { stream: isStream, times, owners, xattrs }: ImportOptions,
  store: StoreView,
  signal: AbortSignal,
): Promise<Told> {
  const status = new StatusLine();
  try {
    const total = status.isSeen && !isStream ? await totalBytesOf(path, signal) : undefined;
    const onProgress = (done: ImportProgress): void =>
      status.update((seconds) => progressText('importing', done, total, seconds));
    const watch = { signal, onProgress };
    if (isStream) return await takeStream(path, store, watch);
    if (path === STDIN_NAME) return await importStream(store.disk, partsOf(path, signal), watch);
    const kept = { times, owners, ...(xattrs && { readXattrs }) };
    return await importPath(store.disk, path, { ...watch, ...kept });
  } finally {
    status.end();
  }
}

/** What `bd0 vmo export` wrote. It is verified as it comes; what does not belong there ends the import. */
async function takeStream(
  path: string,
  store: StoreView,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (done: ImportProgress) => void },
): Promise<ToldStream> {
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
