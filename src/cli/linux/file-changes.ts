/** After a run: what Linux programs have changed of the files that they found. */

import type { ChangedFile, Computer } from '../../index.js';
import { describeChanges, listChanges, publishChanges, type FileChange } from '../../host/linux/changes-of-run.js';
import { writeThrough } from '../../host/linux/write-through.js';
import type { RunStore } from '../../host/names/durable-names.js';
import { byteTextOf } from '../../host/byte-text.js';
import { Failure } from '../failure.js';
import { bindsOf, hostPathOf, type BindOption } from './linux-options.js';
import type { RunOptions } from '../run/run-options.js';

/** Throws Failure for options that cannot go together, before anything has run. */
export function checkChangeOptions({ changes, store }: RunOptions): void {
  if (changes !== undefined && changes !== '-' && store === undefined)
    throw new Failure(`--changes ${changes} needs --store DIR to keep them in; --changes - only lists them`);
}

/**
 * Does what `--changes` and `--bind` ask for at the end of a run. Returns the changes if they were asked for; `report` gets
 * lines for people. Throws HostError where the store does not take them.
 */
export async function settleChanges(
  computer: Computer,
  options: RunOptions,
  store: RunStore | undefined,
  report: (...lines: string[]) => void,
): Promise<readonly FileChange[] | undefined> {
  const written = bindsOf(options).filter(({ isWritten }) => isWritten);
  const { changes: name } = options;
  if (name === undefined && written.length === 0) return undefined;
  const root = computer.fileChanges();
  const changes = name === undefined ? undefined : listChanges(root);
  if (changes && name !== undefined) {
    const kept = name === '-' || !store ? undefined : await publishChanges(root, name, store, (line) => report(`bd0: ${line}`)); // prettier-ignore
    if (!options.json) report(...summaryOf(changes, kept && `bd0 vmo diff ${kept.before} ${kept.after}`));
  }
  for (const bind of written) writeBind(root, bind, report);
  return changes;
}

function summaryOf(changes: readonly FileChange[], command: string | undefined): string[] {
  if (changes.length === 0) return ['bd0: no files were changed'];
  const count = changes.length === 1 ? '1 change of files' : `${changes.length} changes of files`;
  const where = command === undefined ? '' : ` (${command})`;
  return [`bd0: ${count}${where}`, ...describeChanges(changes, command === undefined ? '' : `: ${command}`)];
}

function writeBind(root: ChangedFile, bind: BindOption, report: (...lines: string[]) => void): void {
  let change: ChangedFile | undefined = root;
  for (const name of byteTextOf(bind.guest).split('/').slice(1))
    change = change?.entries.find((entry) => entry.name === name);
  if (change) writeThrough(change, hostPathOf(bind), (line) => report(`bd0: --bind: ${line}`));
}
