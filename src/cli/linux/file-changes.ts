/** After a run: what Linux programs have changed of the files that they found. */

import { describeChanges, listChanges, publishChanges, type FileChange } from '../../host/linux/changes-of-run.js';
import type { RunStore } from '../../host/names/durable-names.js';
import { Failure } from '../failure.js';
import type { Machine } from '../run/machine.js';
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
  { computer, writes }: Pick<Machine, 'computer' | 'writes'>,
  options: RunOptions,
  store: RunStore | undefined,
  report: (...lines: string[]) => void,
): Promise<readonly FileChange[] | undefined> {
  const { changes: name } = options;
  let changes: FileChange[] | undefined;
  if (name !== undefined) {
    const root = computer.fileChanges();
    changes = listChanges(root);
    const kept = name === '-' || !store ? undefined : await publishChanges(root, name, store, (line) => report(`bd0: ${line}`)); // prettier-ignore
    if (!options.json) report(...summaryOf(changes, kept && `bd0 vmo diff ${kept.before} ${kept.after}`));
  }
  writes.write(computer, true);
  return changes;
}

function summaryOf(changes: readonly FileChange[], command: string | undefined): string[] {
  if (changes.length === 0) return ['bd0: no files were changed'];
  const count = changes.length === 1 ? '1 change of files' : `${changes.length} changes of files`;
  const where = command === undefined ? '' : ` (${command})`;
  return [`bd0: ${count}${where}`, ...describeChanges(changes, command === undefined ? '' : `: ${command}`)];
}
