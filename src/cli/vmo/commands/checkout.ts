/** `bd0 vmo checkout`: writes a tree or a file of a store to the host, and nothing outside of the given path. */
import { byteTextOf } from '../../../host/byte-text.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import { Pace } from '../../../host/store/pace.js';
import { placeFile, placeTree, type NewWriter } from '../checkout/place.js';
import { TreeWriter } from '../checkout/tree-writer.js';
import { requireXattrTools } from '../../../host/store/trees/host-xattrs.js';
import { withStored, type StoredTarget } from '../content/target.js';
import { tellJson } from '../output.js';
import { interruptible, requireWords } from '../perform.js';
import { progressText, StatusLine, type Progress } from '../progress.js';

/** The options of the command. */
export interface CheckoutOptions {
  readonly store?: string | undefined;
  readonly owners: boolean;
  readonly xattrs: boolean;
  readonly devices: boolean;
  readonly json: boolean;
}

/** As tar(1) ends where a part could not be done. */
const EXIT_INCOMPLETE = 1;

/** Lines that tell of problems. */
const TOLD_MAX = 100;

/** Writes TARGET to PATH. Returns 1 where something of it could not be written as it is. Throws Failure. */
export async function checkout(words: readonly string[], options: CheckoutOptions): Promise<number> {
  requireWords(words, 'checkout', 'a TARGET and a PATH', 2, 2);
  if (options.xattrs) requireXattrTools();
  const path = words[1]!;
  let problems: TreeWriter['problems'] = [];
  await withStored(words.slice(0, 1), options.store, 'read', async ([target]) => {
    const writer = await interruptible((signal) => write(target!, path, options, signal));
    const { files, bytes } = writer;
    problems = writer.problems;
    for (const { path: told, reason } of problems.slice(0, TOLD_MAX)) writeToStderr(`bd0: '${told}': ${reason}`);
    if (problems.length > 0) writeToStderr(`bd0: ${problems.length} of the entries of '${path}' are not as they were; all others are`); // prettier-ignore
    if (options.json) tellJson({ id: target!.id, path, files, bytes, problems });
  });
  return problems.length === 0 ? 0 : EXIT_INCOMPLETE;
}

async function write(
  { contentKind, id, word, store, tree, attributes }: StoredTarget,
  path: string,
  options: CheckoutOptions,
  signal: AbortSignal,
): Promise<TreeWriter> {
  const status = new StatusLine();
  let writer: TreeWriter | undefined;
  const onProgress = (done: Progress): void =>
    status.update((seconds) => progressText('writing', done, undefined, seconds));
  const pace = new Pace<Progress>({ signal, onProgress }, () => writer ?? { files: 0, bytes: 0 });
  const newWriter: NewWriter = (place) => (writer = new TreeWriter(store, options, pace, place));
  try {
    if (contentKind === 'tree') return await placeTree(newWriter, store.listing(id, word), byteTextOf(path));
    return await placeFile(newWriter, { tree, attributes }, byteTextOf(path));
  } finally {
    status.end();
  }
}
