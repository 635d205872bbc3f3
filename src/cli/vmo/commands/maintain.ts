/** `bd0 vmo gc` and `verify`: keep a store small and intact. */
import { collectGarbage, GRACE_MS, NothingCollected, type Collected } from '../../../host/store/collect.js';
import type { DiskStore } from '../../../host/store/disk-store.js';
import { verifyStore, type Problem, type Verified } from '../../../host/store/verify.js';
import { Failure } from '../../failure.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import { formatSize, parseDuration } from '../../size.js';
import { tell, tellJson } from '../output.js';
import { interruptible, requireWords } from '../perform.js';
import { StatusLine } from '../progress.js';
import { openStore } from '../content/store-view.js';

/** The options of these commands. */
export interface MaintainOptions {
  readonly store?: string | undefined;
  readonly json: boolean;
}

/** Exit code if something is damaged. */
const EXIT_DAMAGED = 1;

/** Most names, or identities, that the report of a problem lists. */
const LISTED = 4;

/** Digits of an identity in a report. */
const SHORT_DIGITS = 16;

/** The options of `bd0 vmo gc`. */
export interface CollectCommandOptions extends MaintainOptions {
  readonly 'dry-run': boolean;
  readonly all: boolean;
  readonly grace?: string | undefined;
}

/** `bd0 vmo gc`. Throws Failure, with exit code 1 if something is damaged or missing, or everything would be removed. */
export async function collect(words: readonly string[], options: CollectCommandOptions): Promise<number> {
  requireWords(words, 'gc', '', 0, 0);
  const dryRun = options['dry-run'];
  const graceMs = options.grace === undefined ? GRACE_MS : parseDuration(options.grace, '--grace');
  const store = await openStore(options.store, dryRun ? 'read' : 'collect');
  const status = new StatusLine();
  try {
    const done = await interruptible((signal) =>
      collectGarbage(store.disk, {
        ...{ dryRun, graceMs, signal },
        all: options.all,
        onProgress: ({ phase, records }) => status.update(() => `${phase}: ${records} records`),
      }),
    );
    status.end();
    if (done.wasFull) writeToStderr('bd0: the disk is full: garbage was removed without its grace period');
    if (options.json) tellJson({ dryRun, ...done });
    else collectedLines(done, dryRun).forEach(tell);
  } catch (error) {
    throw error instanceof NothingCollected ? new Failure(error.message, EXIT_DAMAGED) : error;
  } finally {
    status.end();
    store.disk.close();
  }
  return 0;
}

function collectedLines(done: Collected, dryRun: boolean): string[] {
  const removed = `${formatSize(done.removedBytes)} in ${counted(done.removedRecords, 'record')}`;
  const code = done.codeBytesRemoved > 0 ? `, and ${formatSize(done.codeBytesRemoved)} of translated code` : '';
  const lines = [`${dryRun ? 'would remove' : 'removed'} ${removed}${code}`];
  if (done.waitingUntilMs !== undefined) {
    const waiting = `${formatSize(done.waitingBytes)} in ${counted(done.waitingRecords, 'record')}`;
    const from = new Date(done.waitingUntilMs).toISOString().slice(0, 19);
    lines.push(`condemned ${waiting}: gc removes them from ${from}Z on, gc --grace 0 at once`);
  }
  lines.push(
    `${dryRun ? 'would keep' : 'kept'} ${formatSize(done.keptBytes)} in ${counted(done.keptRecords, 'record')}`,
  );
  return lines;
}

/** `bd0 vmo verify`. Returns 1 if something is damaged; with `repair`, if something is missing afterwards. Throws Failure. */
export async function verify(
  words: readonly string[],
  { store: directory, json, repair }: MaintainOptions & { readonly repair: boolean },
): Promise<number> {
  requireWords(words, 'verify', '', 0, 0);
  const { disk } = await openStore(directory, repair ? 'collect' : 'read');
  try {
    const found = await verified(disk);
    for (const problem of found.problems)
      if (json) tellJson(problem);
      else linesOf(problem).forEach(tell);
    if (!repair || found.problems.length === 0) return tellVerdict(found, json);
    const { quarantined, recovered } = disk.repair();
    for (const path of quarantined)
      if (json) tellJson({ quarantined: path });
      else tell(`put away: ${path}; what is whole of it was written anew`);
    for (const { name, id } of recovered)
      if (json) tellJson({ recovered: name, id });
      else tell(`no name reached ${id.slice(0, SHORT_DIGITS)}: it is now ${name}`);
    const left = await verified(disk);
    const areNamesLost = found.problems.some(({ what, isLost }) => what === 'names' && isLost);
    if (areNamesLost && !json)
      tell('names may be lost: bd0 vmo ls shows those that are left; bd0 vmo mv renames what was recovered');
    if (json || left.problems.length === 0) return Math.max(tellVerdict(left, json), areNamesLost ? EXIT_DAMAGED : 0);
    const names = [...new Set(left.problems.flatMap((problem) => problem.names))];
    tell(
      `what is lost is in ${listed(names.length > 0 ? names : ['no name'])}: import it again, or take the names away`,
    );
    return tellVerdict(left, json);
  } finally {
    disk.close();
  }
}

/** Verifies, and shows the progress in a line. */
async function verified(disk: DiskStore): Promise<Verified> {
  const status = new StatusLine();
  try {
    return await interruptible((signal) =>
      verifyStore(disk, {
        signal,
        onProgress: (done) => status.update(() => `verifying: ${done.records} records, ${formatSize(done.bytes)}`),
      }),
    );
  } finally {
    status.end();
  }
}

/** Prints the verdict. Returns the exit code. */
function tellVerdict({ problems, records, bytes }: Verified, json: boolean): number {
  if (json) tellJson({ records, bytes, problems: problems.length });
  else tell(`${counted(records, 'record')}, ${formatSize(bytes)}: ${verdict(problems.length)}`);
  return problems.length === 0 ? 0 : EXIT_DAMAGED;
}

function verdict(problems: number): string {
  return problems === 0 ? 'all is whole' : counted(problems, 'problem');
}

function linesOf({ what, detail, hashes, path, offset, ids, names }: Problem): string[] {
  const more = hashes.length > 1 ? ` and ${hashes.length - 1} more` : '';
  const record = hashes.length === 0 ? '' : ` record ${hashes[0]!.slice(0, SHORT_DIGITS)}${more}`;
  const place = path === undefined ? '' : `, ${path}${offset === undefined ? '' : ` at byte ${offset}`}`;
  const lines = [`${what}${record}${place}: ${detail}`];
  if (names.length > 0) lines.push(`  reaches the names ${listed(names)}`);
  if (ids.length > 0) lines.push(`  reaches the IDs ${listed(ids.map((id) => id.slice(0, SHORT_DIGITS)))}`);
  return lines;
}

function listed(all: readonly string[]): string {
  const more = all.length - LISTED;
  return all.slice(0, LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
