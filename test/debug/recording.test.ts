/**
 * Recordings: runs with input of every kind are the same again on every engine, by the hash of the machine at many ticks; whatever
 * becomes of the file of one, it is refused in a line, or replayed as far as it goes; and where two runs part is found.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { RecordWriter, readRecords } from '../../src/debug/recording/records.js';
import { GuestNames } from '../../src/host/names/guest-names.js';
import { DurableNames, RunStore } from '../../src/host/names/durable-names.js';
import { RootFiles } from '../../src/host/names/root-files.js';
import {
  attachRecorder,
  compareRecordings,
  Computer,
  DamagedRecordError,
  firstDifference,
  MemoryNames,
  MissingRecordError,
  Recording,
  RecordingError,
  Replay,
  ReplayError,
  SavedSnapshotError,
  verify,
  type ComputerOptions,
  type Process,
  type SpuriousWriteVerdict,
} from '../../src/index.js';
import {
  compiled,
  guestImage,
  NOTHING_YET,
  ScriptedConsole,
  sha256,
  type InputPiece,
} from '../support/guest-programs.js';
import { Random } from '../support/random.js';
import { ENGINES, type EngineOptions } from '../support/side-by-side.js';
import { machineFor, MIB, programs } from '../support/snapshot-programs.js';
import { packagedImages } from '../../src/host/toolchain/image-file.js';
import { seedOf, someOf, volume } from '../support/volume.js';

const seed = seedOf(20261130);
t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-recording-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
for (const name of ['hello_world', 'fib', 'cat']) copyFileSync(join(packagedImages, name), join(directory, name));
// Three parts: to read and to hash it takes time.
const numbers = new Random(1);
writeFileSync(join(directory, 'large'), Buffer.from(Array.from({ length: 2.5 * MIB }, () => numbers.below(256))));

const source = (bytes: Uint8Array): { length: number; read: (offset: number, length: number) => Uint8Array } => ({
  length: bytes.length,
  read: (offset, length) => bytes.slice(offset, offset + length),
});
const read = (bytes: Uint8Array): Recording => Recording.read(source(bytes), sha256);

/** Runs a machine to its end in slices of any size, and records it. Returns the bytes of the recording. */
function recorded(
  { computer, program }: { computer: Computer; program: Process },
  random: Random,
  { hashTicks = 5000, idle = (): void => {}, mostTicks = 300_000 } = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  const recorder = attachRecorder(computer, { write: (bytes) => parts.push(bytes.slice()), sha256, hashTicks });
  for (;;) {
    const maxTicks = Math.min(1 + random.below(4000), recorder.ticksToHash);
    const outcome = computer.run(program, { maxTicks, maxEffort: 1 + random.below(2000) });
    recorder.observe(outcome);
    const isStuck = outcome.kind === 'waiting' && outcome.until === Infinity && !outcome.forInput;
    if (outcome.kind === 'waiting') idle();
    if (computer.ticks > mostTicks) {
      recorder.end({ what: 'limit', exitCode: undefined });
      return new Uint8Array(Buffer.concat(parts));
    }
    if (program.end || isStuck) {
      if (outcome.kind !== 'exited' && outcome.kind !== 'trapped' && !isStuck) continue;
      recorder.end({ what: outcome.kind, exitCode: program.end?.exitCode }, outcome);
      return new Uint8Array(Buffer.concat(parts));
    }
    // Idle time passes in parts, as on a real clock.
    if (outcome.kind === 'waiting' && outcome.until < Infinity)
      computer.passTime(
        random.chance(2) ? outcome.until : computer.ticks + random.below(outcome.until - computer.ticks),
      );
  }
}

/** Replays a recording on engines, and says how it compares. */
function replayed(bytes: Uint8Array, engines: readonly string[] = Object.keys(ENGINES)): string[] {
  const recording = read(bytes);
  return engines.map((engine) => {
    const verdict = verify(new Replay(recording, ENGINES[engine as keyof typeof ENGINES]));
    return verdict.kind === 'same' ? `same ${verdict.hashes === recording.hashes}` : JSON.stringify(verdict);
  });
}

t.test('programs that make each kernel call are the same again', async (t) => {
  const random = new Random(seed);
  for (const name of someOf(programs, volume(2, programs.length), seed, 0)) {
    const bytes = recorded(machineFor(name, ENGINES.translator), random);
    const engines = someOf(['interpreter', 'translator'], 1, seed, name.length);
    t.strictSame(replayed(bytes, engines), engines.map(() => 'same true'), name); // prettier-ignore
  }
});

interface Session {
  readonly script: readonly InputPiece[];
  readonly isTerminal?: boolean;
  readonly options?: Partial<ComputerOptions>;
  readonly argv?: readonly string[];
}

/** The terminal of BD0 with names of the host, and a script that is typed. */
function terminal({ script, isTerminal, options, argv = ['terminal'] }: Session): {
  computer: Computer;
  program: Process;
  idle: () => void;
} {
  const console = new ScriptedConsole(script);
  const computer = new Computer({
    memoryBytes: 64 * MIB,
    sha256,
    console: {
      write: () => {},
      read: (max) => console.read(max),
      ...(isTerminal !== undefined && { isTerminal }),
    },
    names: (store) => new GuestNames(new MemoryNames(store), new RootFiles(store, directory)),
    ...options,
  });
  const program = computer.start(readFileSync(join(packagedImages, 'terminal')), {
    name: 'terminal',
    limitBytes: 1024 * MIB,
    argv,
  });
  return { computer, program, idle: () => console.inputArrives() };
}

const typed = (...lines: string[]): InputPiece[] =>
  lines.flatMap((line) => [new TextEncoder().encode(line), NOTHING_YET] as const);

t.test('sessions with input, names, files and programs are the same again', async (t) => {
  const random = new Random(seed);
  const script = typed(
    'ls\nhash large\n',
    'start hello_world\nstart fib 9 &\nps\n',
    'commit 1 saved\nhash saved\nhash large\nls\n',
    'cat hello_world\nhash nothing\nclock\nexit\n',
  );
  for (const engine of [ENGINES.translator, ENGINES.interpreter]) {
    const made = terminal({ script, options: { ...engine, clock: random.chance(2) ? 'real' : 'free' } });
    const bytes = recorded(made, random, { hashTicks: 50_000, idle: made.idle, mostTicks: Infinity });
    t.ok(read(bytes).hashes > 3);
    t.strictSame(replayed(bytes, ['translator', 'interpreter']), ['same true', 'same true']);
  }
});

t.test('a terminal with Ctrl-C, and keys while a program runs, is the same again', async (t) => {
  const script = typed('start c', 'at\r', 'some text\r', 'more\x03', 'start fib 20\r', '\x03', 'p', 's\r', '\x04');
  const made = terminal({ script, isTerminal: true, argv: ['terminal', '-i'] });
  const bytes = recorded(made, new Random(seed), { idle: made.idle, hashTicks: 2000 });
  t.strictSame(replayed(bytes), ['same true', 'same true', 'same true']);
});

t.test('names in a store, and answers for spurious writes, are the same again', async (t) => {
  const random = new Random(seed);
  const store = RunStore.open(join(directory, '..', `${directory}-store`));
  t.teardown(() => rmSync(`${directory}-store`, { recursive: true, force: true }));
  for (const argv of [
    ['snapshot', 'save', 'numbers', '300'],
    ['snapshot', 'resume', 'numbers', '300'],
  ]) {
    const computer = new Computer({ memoryBytes: 64 * MIB, sha256, names: (own) => new DurableNames(own, store) });
    const image = await guestImage('snapshot');
    const program = computer.start(image, { name: 'snapshot', limitBytes: 1024 * MIB, argv });
    const bytes = recorded({ computer, program }, random);
    t.equal(program.end?.exitCode, 0);
    t.strictSame(replayed(bytes, ['translator', 'interpreter']), ['same true', 'same true'], argv.join(' '));
  }
  store.close();

  const trespass = await compiled(fileURLToPath(new URL('../../../test/cli/trespass.c', import.meta.url)));
  const verdicts: (SpuriousWriteVerdict | 'later')[] = ['later', 'allow', 'later', 'later', 'skip', 'kill'];
  const computer = new Computer({
    memoryBytes: 64 * MIB,
    sha256,
    names: (own) => {
      const names = new MemoryNames(own);
      names.publish('trespass', own.fromBytes(trespass), 'anything');
      return names;
    },
    hooks: { onSpuriousWrite: () => verdicts.shift() ?? 'kill' },
  });
  const options = { name: 'trespass', limitBytes: 64 * MIB, argv: ['trespass', '3'], debugMode: true };
  const program = computer.start(trespass, options);
  const bytes = recorded({ computer, program }, random, { hashTicks: 500, mostTicks: Infinity });
  t.strictSame(verdicts, []);
  t.strictSame(replayed(bytes), ['same true', 'same true', 'same true']);
});

/** A short recording with some input. */
async function shortRecording(input = 'one\ntwo\n', engine: EngineOptions = ENGINES.translator): Promise<Uint8Array> {
  const console = new ScriptedConsole(typed(input, 'more\n'));
  const computer = new Computer({
    ...engine,
    memoryBytes: 64 * MIB,
    sha256,
    console: { write: () => {}, read: (max) => console.read(max) },
    names: (store) => new GuestNames(new MemoryNames(store), new RootFiles(store, directory)),
  });
  const program = computer.start(await guestImage('cat'), { name: 'cat', limitBytes: 64 * MIB });
  return recorded({ computer, program }, new Random(3), { hashTicks: 500, idle: () => console.inputArrives() });
}

t.test('a file that is cut is replayed as far as it goes, and one that was altered is refused', async (t) => {
  const bytes = await shortRecording();
  const whole = read(bytes);
  t.strictSame(whole.end?.what, 'exited');
  const random = new Random(seed);
  const stateEnd = bytes.length - 3000;
  for (let times = volume(20, 1000); times > 0; times--) {
    const length = random.chance(2) ? random.below(bytes.length) : stateEnd + random.below(3000);
    const cut = bytes.slice(0, length);
    try {
      const recording = read(cut);
      if (recording.end || recording.lastTick > whole.lastTick) t.fail(`cut at ${length}`);
      const verdict = verify(new Replay(recording, ENGINES.interpreter));
      if (verdict.kind !== 'same' || verdict.hashes !== recording.hashes) t.fail(`cut at ${length}: not the same`);
    } catch (error) {
      if (!(error instanceof RecordingError) || error.message.includes('\n')) throw error;
    }
    const altered = bytes.slice();
    const at = random.chance(2) ? random.below(bytes.length) : stateEnd + random.below(3000);
    altered[at]! ^= 1 << random.below(8);
    t.throws(() => read(altered), RecordingError, `byte ${at}`);
  }
  t.throws(() => read(new Uint8Array(0)), /not a recording/);
  t.throws(() => read(Buffer.from('#!/bin/sh')), /not a recording/);
  t.throws(() => read(Buffer.concat([bytes, bytes])), /damaged/);
});

t.test('a recording that says something impossible is refused, or is not the same', async (t) => {
  const outcomes = new Map<string, number>();
  const note = (kind: string): void => void outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
  const bytes = await shortRecording();
  const records = [...readRecords(source(bytes), sha256)];
  const random = new Random(seed);
  for (let times = volume(20, 2000); times > 0; times--) {
    const parts: Uint8Array[] = [];
    const writer = new RecordWriter((part) => parts.push(part.slice()), sha256);
    const chosen = random.below(records.length);
    records.forEach(({ kind, content }, index) => {
      // The state of the machine is a saved snapshot, which has its own tests.
      if (kind === 2 || index !== chosen || content.length === 0) return writer.record(kind, content);
      const altered = content.slice();
      for (let count = 1 + random.below(2); count > 0; count--)
        altered[random.below(altered.length)] = random.below(256);
      writer.record(kind, random.chance(8) ? altered.subarray(0, random.below(altered.length)) : altered);
    });
    try {
      note(verify(new Replay(read(new Uint8Array(Buffer.concat(parts))), ENGINES.interpreter)).kind);
    } catch (error) {
      const kinds = [RecordingError, ReplayError, SavedSnapshotError, DamagedRecordError, MissingRecordError];
      if (!kinds.some((kind) => error instanceof kind)) throw error;
      note((error as Error).name);
    }
  }
  t.comment(JSON.stringify(Object.fromEntries(outcomes)));
  t.ok(outcomes.has('RecordingError') && outcomes.has('different'));
});

t.test('where two runs part is found: by input, by state, by their ends', async (t) => {
  const [a, b] = [read(await shortRecording()), read(await shortRecording('one\ntwO\n'))];
  t.equal(compareRecordings(a, read(await shortRecording('one\ntwo\n', ENGINES.interpreter))), undefined);
  const found = compareRecordings(a, b)!;
  t.match(found, { kind: 'input', words: [/^input "one\\ntwo\\n"/, /^input "one\\ntwO\\n"/] });
  t.ok(found.state!.tick >= found.tick && found.state!.tick <= found.tick + 2, `${found.tick} ${found.state!.tick}`);
  t.match(found.state!.differences[0], /^frame \d+, byte \d+: 111 → 79$/);
  const longer = compareRecordings(a, read(await shortRecording('one\ntwo\nthree\n')))!;
  t.equal(longer.kind, 'input');

  const bytes = await shortRecording();
  const cut = read(bytes.slice(0, bytes.length - 400));
  t.match(compareRecordings(a, cut), { kind: 'end', words: [/^exited at tick/, /^killed at tick/] });
  const fib = machineFor(programs[0]!, ENGINES.interpreter);
  t.match(compareRecordings(a, read(recorded(fib, new Random(1)))), { kind: 'start', tick: 0 });
});

t.test('the first tick at which a machine is not as it was is found', async (t) => {
  const recording = read(await shortRecording());
  const random = new Random(seed);
  for (let times = volume(3, 50); times > 0;) {
    const [good, bad] = [new Replay(recording, ENGINES.interpreter), new Replay(recording, ENGINES.translator)];
    const tick = 100 + random.below(recording.lastTick - 200);
    let isPlanted = false;
    // A register that changes at a tick, as with an engine that is wrong: one that the program does not use, and so never puts right.
    const { run } = bad.computer;
    bad.computer.run = (program, limits) => {
      const { ticks, registers } = bad.computer;
      if (ticks === tick) {
        registers.setXmm(15, registers.xmm(15) ^ 1n);
        isPlanted = true;
      }
      const left = tick > ticks ? tick - ticks : Infinity;
      return run.call(bad.computer, program, { ...limits, maxTicks: Math.min(limits?.maxTicks ?? Infinity, left) });
    };
    const found = firstDifference(good, bad, 0, recording.lastTick);
    // Some ticks do not exist: a kernel call can take many at once.
    if (!isPlanted) continue;
    times--;
    t.ok(found, `tick ${tick}`);
    if (!found) continue;
    t.ok(found.tick > tick && found.tick < tick + 20, `planted at ${tick}, found at ${found.tick}`);
    t.ok(found.differences.length > 0);
  }
});
