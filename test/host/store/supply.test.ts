/** A store whose supply is lost: what was acknowledged had been synchronised, and nothing is synchronised in vain. */
import t from 'tap';
import { type Acknowledged, live, liveAfterKill, liveAfterKilledStart, liveTogether, nameTogether } from './life.js';
import { seedOf, someNamed } from '../../support/volume.js';
import { type Lost, MemoryFiles } from './memory-files.js';

const LOST: readonly Lost[] = [
  'bytes',
  'half',
  'first half',
  'bytes and names',
  'new names',
  'first name',
  'early bytes',
];

/** Of these files the disk may have less than of all others, or more. */
const APART = ['/store/names', '/store/names.anchor'];

/** What a supply that is lost now may leave. */
function* leftOf(now: MemoryFiles): Generator<[what: string, files: MemoryFiles]> {
  for (const lost of LOST) yield [lost, now.copy(lost)];
  for (const path of now.unsynchronised().filter((path) => APART.includes(path)))
    for (const lost of ['bytes', 'half', 'first half'] as const) yield [`${lost} of ${path}`, now.copy(lost, path)];
}

const LIVES: Readonly<Record<string, (files: MemoryFiles) => Promise<Acknowledged>>> = {
  'one process after another': live,
  'a process that was killed, and one that relies on it': liveAfterKill,
  'a process that was killed while it made the store, and one that names something': liveAfterKilledStart,
  'two processes at once': liveTogether,
  'a process that was killed while it named something, and two that name at once': nameTogether,
};

/** The first fault that a supply lost at any change brings out; with `without`, that change is left out. */
async function firstFault(files: MemoryFiles, life: Acknowledged, without = -1): Promise<string | undefined> {
  const now = new MemoryFiles();
  for (const [at, change] of [...files.changes, undefined].entries()) {
    const isToSee = at >= life.states[0]!.at && at > without;
    for (const [lost, left] of isToSee ? leftOf(now) : []) {
      const fault = (await life.fault(left.copy(), at)) ?? life.silentLoss(left, at);
      if (fault) return `${lost} lost ${fault}`;
    }
    if (change && at !== without) now.apply(change);
  }
  return undefined;
}

// Two each day; all of them in long runs.
for (const [what, lived] of Object.entries(someNamed(LIVES, 2, seedOf(1), 0)))
  t.test(`${what}: the supply is lost at every change`, async (t) => {
    const files = new MemoryFiles();
    const life = await lived(files);
    t.equal(await firstFault(files, life), undefined, `${files.changes.length} changes`);
  });

t.test('no line that synchronises can be left out', async (t) => {
  /** By line, the first fault that shows where it is left out. */
  const faults = new Map<string, string | undefined>();
  for (const lived of Object.values(LIVES)) {
    const files = new MemoryFiles();
    const life = await lived(files);
    for (const [at, change] of files.changes.entries()) {
      if (change.kind !== 'sync' && change.kind !== 'syncDirectory') continue;
      if (faults.get(change.site) !== undefined) continue;
      faults.set(change.site, await firstFault(files, life, at));
    }
  }
  for (const [site, fault] of faults) t.ok(fault, `${site}: ${fault?.slice(0, 100)}`);
  t.ok(faults.size >= 8, `${faults.size} lines`);
});
