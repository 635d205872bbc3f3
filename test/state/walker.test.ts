/**
 * Every piece of a machine's state is what its schema says of it. Each is changed in turn: the machine hash changes with it,
 * unless the schema says that it is not hashed, and going back to a snapshot from before mends it; the machine then goes on as
 * it would have.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Snapshot } from '../../src/index.js';
import { schemaNamed, schemaOf, type Schema } from '../../src/state/schema.js';
import { busyLinuxMachine, busyMachine, runBusy, runToCall, type BusyMachine } from '../support/busy-machine.js';
import { Random } from '../support/random.js';
import { ENGINES } from '../support/side-by-side.js';
import { piecesOf, type Piece } from '../support/state-walker.js';
import { seedOf, someOf, volume } from '../support/volume.js';

const seed = seedOf(20261201);

/** So many pieces are changed before the machine runs on. */
const GROUP = volume(Infinity, 32);
const TICKS = 20_000;
/** Most objects of the program of Linux are there after 60,000 ticks. */
const LINUX_TICKS = 150_000;
/** How often a machine is searched for values of fields that it has not had before; most of them last. */
const PRESENCE_TICKS = 10_007;
/** How often a piece of each role is changed. */
const TIMES = volume(1, 3);

/** Files that are opened otherwise than regular files and directories, by what their schemas are called. */
const OTHERWISE_OPENED = [
  ...[
    'open socket',
    'open master',
    'open slave',
    'open console',
    'open device',
    'open pipe',
    'open text',
    'open memory',
    'notify file',
  ],
  ...['event counter', 'event poll', 'path file', 'pid file', 'queue file', 'signal file', 'timer file'],
];

/** Files that are neither regular files nor directories. */
const OTHERWISE_NAMED = [
  ...['console inode', 'file of /proc', 'own link of /proc', 'link of /proc', 'symbolic link', 'special file'],
  ...['memory file of /proc', 'file of /sys'],
];

const always = (field: string, names: readonly string[], why: string): Record<string, string> =>
  Object.fromEntries(names.map((name) => [`${name}.${field}`, `always undefined: ${why}`]));

/** Pieces of state that are not changed, and why. */
const UNCHANGED: Readonly<Record<string, string>> = {
  ...always('knownAs', OTHERWISE_OPENED, 'regular files and directories alone know by which name they were opened'),
  ...always('openNames', OTHERWISE_NAMED, 'regular files and directories alone know by which names they are open'),
  'notify file.place': 'always undefined: it is opened without a name',
  'debug mode.isAsking': 'no snapshot is taken or restored while the host is asked',
  'debug mode.asked': 'no snapshot is taken or restored while the host is asked',
  'names.vmos': 'never replaced; what it holds is changed',
  'call runner.standing': 'calls for which the machine stands still are finished first',
  'thread.unsettled': 'worked out first',
  'thread guard.verdict': 'no snapshot is taken between the decision of the host and the store',
  'thread guard.lastFence': 'undefined after restoring, until the thread runs',
  'thread guard.fencedView': 'undefined after restoring, until the thread runs',
  'open socket.place': 'always undefined: it is opened without a name',
  'event counter.place': 'always undefined: it is opened without a name',
  'event poll.place': 'always undefined: it is opened without a name',
  'queue file.place': 'always undefined: the names of queues are not those of files',
  'signal file.place': 'always undefined: it is opened without a name',
  'pid file.place': 'always undefined: it is opened without a name',
  'timer file.place': 'always undefined: it is opened without a name',
  'console inode.pipe': 'always undefined: it is not a pipe',
  'console inode.socket': 'always undefined: it is not a socket',
  'symbolic link.locks': 'always undefined: links cannot be locked',
  'own link of /proc.locks': 'always undefined: links cannot be locked',
  'link of /proc.locks': 'always undefined: links cannot be locked',
  'hash call.inProgress': 'undefined after restoring, until the thread runs',
  'commit call.inProgress': 'undefined after restoring, until the thread runs',
  'hash call.result': 'undefined wherever state is captured',
  'commit call.result': 'undefined wherever state is captured',
  'trace.event': 'undefined wherever state is captured: the call that sets it stops for it',
  'process.end': 'a process that has ended is not part of the machine',
};

/** Classes whose objects no snapshot of these machines has. */
const UNMET: Readonly<Record<string, string>> = {
  'standing call': 'finished before a snapshot is taken',
  'lookup call': 'takes time only where the host gives content in parts: test/kernel/steps.test.ts',
  'publish call': 'takes time only where the host takes content in parts: test/kernel/steps.test.ts',
  'start call': 'takes time only where the host gives content in parts: test/kernel/steps.test.ts',
  patching: 'no moment that is drawn is in the middle of one: test/state/saved-snapshots.test.ts',
  'commit call': 'no moment that is drawn is in the middle of one: test/state/saved-snapshots.test.ts',
  'page hashing': 'no moment that is drawn is in the middle of one: test/state/saved-snapshots.test.ts',
  timers: 'no moment that is drawn has any: test/state/snapshots.test.ts',
};
t.setTimeout(0);

/** A machine at a moment, and what it is then and some time later. */
class Moment {
  readonly roots: object;
  private readonly snapshot: Snapshot;
  private readonly hash: string;
  private readonly later: string;

  constructor(private readonly machine: BusyMachine) {
    const { computer } = machine;
    this.roots = computer['state']['roots'];
    this.snapshot = computer.snapshot();
    this.hash = computer.machineHash();
    runBusy(machine, TICKS);
    this.later = computer.machineHash();
    computer.restore(this.snapshot);
  }

  /** What can be changed, by its role. Registers of the thread that runs are those of the CPU, which it is given back from. */
  get pieces(): Map<string, Piece[]> {
    const current = this.machine.computer.parts.kernel.currentThread;
    const byRole = new Map<string, Piece[]>();
    for (const piece of piecesOf(this.roots)) {
      const { role, kind, owner } = piece;
      if (kind === 'outside' || role in UNCHANGED || owner === current?.['context']) continue;
      byRole.set(role, [...(byRole.get(role) ?? []), piece]);
    }
    return byRole;
  }

  /** What is wrong with a piece that was changed, after which the machine is at the moment again; undefined if nothing is. */
  failureOf({ kind }: Piece): string | undefined {
    const { computer } = this.machine;
    if (kind === 'value' && computer.machineHash() === this.hash) return 'the machine hash does not change';
    computer.restore(this.snapshot);
    const now = computer.snapshot();
    if (computer.machineHash() === this.hash && this.snapshot.equals(now)) return undefined;
    return `restoring does not mend it: ${this.snapshot.differencesTo(now, 4).join('\n')}`;
  }

  /** How the machine differs from what it was some time later; it is then at the moment again. */
  isEqualLater(): boolean {
    const { computer } = this.machine;
    runBusy(this.machine, TICKS);
    const isEqual = computer.machineHash() === this.later;
    computer.restore(this.snapshot);
    return isEqual;
  }
}

/** How often each role was changed; and what holds a part of the machine, which is made with it and never replaced. */
const changed = new Map<string, number>();
const parts = new Set<string>();

/** Changes one piece of each role, or of a part of the roles. Stops at the first failure, which has damaged the machine. */
function walk(t: Test, machine: BusyMachine, random: Random, number: number): void {
  const moment = new Moment(machine);
  const { pieces } = moment;
  let group: string[] = [];
  const requireEqual = (): void => {
    if (!moment.isEqualLater()) t.fail(`${machine.story}: it goes on otherwise after changes of ${group.join(', ')}`);
    group = [];
  };
  for (const role of someOf([...pieces.keys()], pieces.size / 3, seed, number)) {
    if ((changed.get(role) ?? 0) >= TIMES) continue;
    const all = pieces.get(role)!;
    const present = all.filter(({ item }) => item !== undefined);
    const piece = random.pick(present.length > 0 ? present : all);
    if (isPart(piece.item)) parts.add(role);
    try {
      if (!piece.change(random)) continue;
      const failure = moment.failureOf(piece);
      if (failure !== undefined) return void t.fail(`${machine.story}: ${role}, a ${piece.kind}: ${failure}`);
    } catch (error) {
      throw new Error(`${machine.story}: ${role}`, { cause: error });
    }
    changed.set(role, (changed.get(role) ?? 0) + 1);
    if (group.push(role) === GROUP) requireEqual();
  }
  requireEqual();
}

function isPart(item: unknown): boolean {
  return typeof item === 'object' && item !== null && schemaOf(item)?.isPart === true;
}

t.test('each piece of state is hashed and restored as its schema says', (t) => {
  const random = new Random(seed);
  const machines = volume(1, 60);
  for (let number = 0; number < machines; number++) {
    const machine = busyMachine(random, ENGINES.interpreter);
    runBusy(machine, random.below(200_000));
    if (random.chance(2)) runToCall(machine, (work) => !changed.has(`${schemaOf(work)!.name}.parts`));
    walk(t, machine, random, number);
    const linux = busyLinuxMachine(random, ENGINES.interpreter);
    runBusy(linux, random.below(LINUX_TICKS));
    walk(t, linux, random, number);
  }
  t.ok(changed.size > 50, `${changed.size} kinds of pieces`);
  t.end();
});

t.test('what is outside of the state never changes', (t) => {
  const changes = new Set<string>();
  const random = new Random(seed);
  for (let times = volume(1, 20); times > 0; times--) {
    const machine = (random.chance(2) ? busyMachine : busyLinuxMachine)(random, ENGINES.interpreter);
    runBusy(machine, random.below(100_000));
    const roots = machine.computer['state']['roots'];
    const outsideOf = (): Piece[] => piecesOf(roots).filter(({ kind }) => kind === 'outside');
    const before = outsideOf();
    runBusy(machine, TICKS);
    const after = new Map<object, Map<string, unknown>>();
    for (const { owner, role, item } of outsideOf())
      after.set(owner, (after.get(owner) ?? new Map<string, unknown>()).set(role, item));
    for (const { owner, role, item } of before)
      if (after.has(owner) && !Object.is(after.get(owner)!.get(role), item)) changes.add(role);
  }
  t.same([...changes], []);
  t.end();
});

/** The schemas of the classes below a folder of src, from the text of the source files. */
function schemasBelow(folder: string): Schema[] {
  const sources = fileURLToPath(new URL(`../../../src/${folder}`, import.meta.url));
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const texts = files.map((file) => readFileSync(join(sources, file), 'utf8'));
  const names = texts.flatMap((text) => [...text.matchAll(/state(?:: Schema)? = schema\(\s*'([^']+)'/g)]);
  return names.map(([, name]) => schemaNamed(name!)!);
}

/** The fields of classes, and the classes without fields, of which no piece was met. */
function missedOf(schemas: readonly Schema[], isMet: (role: string) => boolean): string[] {
  const missed: string[] = [];
  for (const { name, fields, custom } of schemas) {
    if (name in UNMET) continue;
    if (custom && !isMet(name)) missed.push(name);
    for (const [field, { kind }] of fields) {
      const role = `${name}.${field}`;
      if (kind === 'outside' || role in UNCHANGED) continue;
      if (![role, `${role}[]`, `${role}{}`].some(isMet)) missed.push(role);
    }
  }
  return missed;
}

t.test('the program of Linux has objects of each class of Linux, and values of all their fields', (t) => {
  const schemas = schemasBelow('kernel/linux/');
  const random = new Random(seed);
  const met = new Set<string>();
  let missed: string[] = [];
  for (const isTerminal of [true, false]) {
    const linux = busyLinuxMachine(random, ENGINES.interpreter, isTerminal);
    do {
      runBusy(linux, PRESENCE_TICKS);
      for (const { role, item } of piecesOf(linux.computer['state']['roots'])) if (item !== undefined) met.add(role);
      missed = missedOf(schemas, (role) => met.has(role));
    } while (missed.length > 0 && linux.computer.ticks < 2 * LINUX_TICKS);
  }
  t.same(missed, []);
  t.end();
});

// A day's sample has only a part of them.
const hasAll = volume(0, 1) === 1;
if (hasAll)
  t.test('each field of each class was among them', (t) => {
    t.same(
      missedOf(schemasBelow(''), (role) => changed.has(role) || parts.has(role)),
      [],
    );
    t.end();
  });
