/**
 * Saved snapshots: a machine goes on from the bytes alone, in another store and on another engine, exactly as the one that they
 * were taken from.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  Computer,
  exportVmo,
  type Console,
  SavedSnapshotError,
  VmoStore,
  type Process,
  type VmoHandle,
} from '../../src/index.js';
import { guestImage, sha256 } from '../support/guest-programs.js';
import { laterHashes } from '../support/resume-elsewhere.js';
import { sameMachines } from '../support/same-machines.js';
import { Random } from '../support/random.js';
import { ENGINES, type EngineOptions } from '../support/side-by-side.js';
import { length, machineFor, MIB, programs, runTo } from '../support/snapshot-programs.js';
import { seedOf, someOf, volume } from '../support/volume.js';
import { MemoryRecords } from '../vmo/memory-records.js';

const seed = seedOf(20261130);
const elsewhere = fileURLToPath(new URL('../support/resume-elsewhere.js', import.meta.url));
const EVERY_TICKS = 1_000_000;
/** Machine hashes that are compared after a snapshot. */
const HASHES = volume(3, 20);

t.setTimeout(0);

/** A snapshot of now, as it arrives in another process: in a store that has nothing but its canonical stream. */
function savedAndSent(computer: Computer): VmoHandle {
  const here = new VmoStore(sha256);
  const saved = computer.saveSnapshot(computer.snapshot(), here);
  return new VmoStore(sha256).importStream(exportVmo(saved), saved.id);
}

function resumed(saved: VmoHandle, engine: EngineOptions): { computer: Computer; program: Process } {
  const computer = Computer.resume(saved, { ...engine, sha256 });
  return { computer, program: computer.programs[0]! };
}

t.test('a resumed machine is as it was, and goes on as it would have, on every engine', (t) => {
  const random = new Random(seed);
  let points = 0;
  for (const name of someOf(programs, 12, seed, 1)) {
    const ticks = length(name);
    const engines = Object.values(ENGINES).filter(({ engine }) => engine !== 'evaluator' || ticks < 100_000);
    const { computer, program } = machineFor(name, ENGINES.interpreter);
    const places = Array.from({ length: volume(2, 12) }, () => random.below(ticks)).sort((a, b) => a - b);
    for (const place of places) {
      runTo(computer, program, place);
      if (program.end) break;
      const saved = savedAndSent(computer);
      const hash = computer.machineHash();
      const before = computer.snapshot();
      const other = resumed(saved, engines[random.below(engines.length)]!);
      saved.close();
      points++;
      if (other.computer.machineHash() !== hash) {
        t.fail(`${name}, tick ${place}: ${before.differencesTo(other.computer.snapshot()).join('\n')}`);
        break;
      }
      const later = Math.min(ticks, place + 1 + random.below(ticks));
      runTo(computer, program, later);
      runTo(other.computer, other.program, later);
      if (other.computer.machineHash() !== computer.machineHash()) {
        const differences = computer.snapshot().differencesTo(other.computer.snapshot());
        t.fail(`${name}, tick ${place} to ${later}: ${differences.join('\n')}`);
        break;
      }
    }
  }
  t.ok(points > volume(15, 100), `${points} machines resumed`);
  t.end();
});

/** Moments that are harder than others, and what tells that it is one of them; `last` is where the tick before began. */
const MOMENTS: Readonly<Record<string, (computer: Computer, last: bigint) => boolean>> = {
  'within a long kernel call': ({ parts }) => {
    const work = parts.kernel.currentThread?.pending?.work as { parts?: number } | undefined;
    return (work?.parts ?? 0) > 0;
  },
  'within REP': (computer, last) => {
    const { rip } = computer.registers;
    const prefix = computer.readMemory(rip, 1)[0];
    return rip === last && (prefix === 0xf3 || prefix === 0xf2) && computer.registers.gpr(1) > 0n;
  },
  'while threads wait': ({ parts }) =>
    parts.kernel.processes
      .live()
      .flatMap(({ threads }) => threads)
      .some(({ pending }) => pending?.wait),
};

/** A machine that makes a VMO of 800 KB, in calls that take many ticks. */
async function committing(): Promise<{ computer: Computer; program: Process }> {
  const computer = new Computer({ memoryBytes: 64 * MIB, sha256 });
  const argv = ['snapshot', 'save', 'numbers', '100000'];
  return {
    computer,
    program: computer.start(await guestImage('snapshot'), { name: 'snapshot', limitBytes: 2 ** 30, argv }),
  };
}

/** Machines at such a moment, at most so many. */
async function* momentsOf(name: string, most: number): AsyncGenerator<{ computer: Computer; program: Process }> {
  const isMoment = MOMENTS[name]!;
  const all = programs.map((each) => () => Promise.resolve(machineFor(each, ENGINES.interpreter)));
  let found = 0;
  for (const make of [committing, ...all]) {
    if (found === most) return;
    const { computer, program } = await make();
    // The first one takes long until it is there.
    const maxTicks = make === committing ? 20_000 : 1;
    for (let steps = 0; steps < 20_000; steps++) {
      const { rip } = computer.registers;
      if (computer.run(program, { maxTicks }).kind !== 'limit') break;
      if (!isMoment(computer, rip)) continue;
      found++;
      yield { computer, program };
      break;
    }
  }
}

/** A snapshot of now is resumed by another process of the host, on another engine, and is the same at every later million ticks. */
function goesOnElsewhere(t: Test, computer: Computer, program: Process): void {
  const saved = computer.saveSnapshot(computer.snapshot(), new VmoStore(sha256));
  const file = join(t.testdir({}), saved.id);
  writeFileSync(file, Buffer.concat([...exportVmo(saved)]));
  const before = computer.snapshot();
  const engine = ['translator', 'evaluator'][computer.ticks % 2]!;
  const every = engine === 'evaluator' ? EVERY_TICKS / 10 : EVERY_TICKS;
  const words = [elsewhere, file, engine, String(every), String(HASHES)];
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  t.equal(stderr, '');
  const expected = laterHashes(computer, program, every, HASHES);
  t.ok(expected.length > 0);
  t.same(stdout.trim().split('\n'), expected, engine);
  computer.restore(before);
}

for (const name of Object.keys(MOMENTS))
  t.test(`a machine is saved ${name}`, async (t) => {
    let points = 0;
    const engines = Object.values(ENGINES);
    for await (const { computer, program } of momentsOf(name, 4)) {
      const saved = savedAndSent(computer);
      const other = resumed(saved, engines[points++ % engines.length]!);
      sameMachines(t, other.computer, computer);
      if (points === 1) goesOnElsewhere(t, computer, program);
      for (const ticks of [1, 1, 10_000]) {
        runTo(computer, program, computer.ticks + ticks);
        runTo(other.computer, other.program, other.computer.ticks + ticks);
        sameMachines(t, other.computer, computer);
      }
    }
    t.ok(points > 0, `${points} machines`);
  });

t.test('a machine is saved while its console holds input', async (t) => {
  const image = await guestImage('cat');
  const text = new TextEncoder().encode('one\ntwo\n'.repeat(3000));
  let output = '';
  const console = (given: Uint8Array[]): Console => ({
    write: (bytes) => void (output += Buffer.from(bytes).toString('latin1')),
    read: () => given.shift() ?? 'end',
  });
  const computer = new Computer({ sha256, console: console([text]) });
  const program = computer.start(image, { name: 'cat', limitBytes: 2 ** 30 });
  while (computer.parts.kernel.console['arrived'].length === 0) computer.run(program, { maxTicks: 1000 });
  goesOnElsewhere(t, computer, program);
  const saved = savedAndSent(computer);
  output = '';
  computer.run(program);
  const expected = output;
  output = '';
  const other = Computer.resume(saved, { engine: 'interpreter', sha256, console: console([]) });
  const outcome = other.run(other.programs[0]!);
  t.match(outcome, { kind: 'exited', exitCode: 0 });
  t.equal(output, expected);
  sameMachines(t, other, computer);
});

t.test('content from a store of the host is saved with the machine, and counts as it did', async (t) => {
  const disk = new MemoryRecords();
  const source = new VmoStore(sha256);
  const content = source.fromBytes(await guestImage('qsort'));
  source.saveTo(disk, content);

  const computer = new Computer({ memoryBytes: 16 * MIB, sha256 });
  const image = computer.store.openFrom(disk, content.id)!;
  const program = computer.start(image, { name: 'qsort', limitBytes: 2 ** 30 });
  image.close();
  computer.run(program, { maxTicks: 100 });
  const other = resumed(savedAndSent(computer), ENGINES.translator);
  t.equal(other.computer.store.hostBytes, computer.store.hostBytes);
  sameMachines(t, other.computer, computer);
  // The same content from the same store is the same content: it counts once.
  for (const { store } of [computer, other.computer]) store.openFrom(disk, content.id);
  t.equal(other.computer.store.hostBytes, computer.store.hostBytes);
  for (let times = 0; times < 3; times++) {
    runTo(computer, program, computer.ticks + 50_000);
    runTo(other.computer, other.program, other.computer.ticks + 50_000);
    sameMachines(t, other.computer, computer);
  }
});

/** A saved snapshot, and the store that it lies in. */
function savedProgram(): { readonly store: VmoStore; readonly bytes: Uint8Array } {
  const { computer, program } = machineFor(programs[0]!, ENGINES.interpreter);
  runTo(computer, program, 1000);
  const store = new VmoStore(sha256);
  const saved = computer.saveSnapshot(computer.snapshot(), store);
  return { store, bytes: saved.read(0, saved.length) };
}

t.test('a VMO that is not a saved snapshot is refused with one clear error', (t) => {
  const random = new Random(seed);
  const { store, bytes } = savedProgram();
  const refused = (content: Uint8Array, message: RegExp): void => {
    t.throws(() => Computer.resume(store.fromBytes(content)), { name: 'SavedSnapshotError', message });
  };
  refused(new Uint8Array(0), /not a saved snapshot/);
  refused(bytes.slice(0, 4095), /not a saved snapshot/);
  refused(new Uint8Array(8192).fill(7), /not a saved snapshot/);
  refused(bytes.slice(0, 4096), /damaged/);
  refused(bytes.slice(0, -4096), /damaged/);
  refused(Uint8Array.from([...bytes, 0]), /damaged/);
  const version = bytes.slice();
  version[8] = 9;
  refused(version, /version 9 of the format/);
  for (let times = 0; times < 40; times++) {
    const damaged = bytes.slice();
    damaged[random.below(times % 2 === 0 ? 56 : bytes.length)]! ^= 1 << random.below(8);
    refused(damaged, /not a saved snapshot|damaged|version/);
  }
  t.end();
});

t.test('content that matches its first page and cannot be is refused, too', (t) => {
  const random = new Random(seed);
  const { store, bytes } = savedProgram();
  const stateBytes = Number(new DataView(bytes.buffer).getBigUint64(16, true));
  let refusals = 0;
  // Most bytes may be any: about one change in 25 is noticed.
  for (let times = 0; times < volume(50, 2000) || (refusals === 0 && times < 1000); times++) {
    const forged = bytes.slice();
    forged[4096 + random.below(stateBytes)] = random.below(256);
    forged.set(Buffer.from(store.fromBytes(forged.subarray(4096)).id, 'hex'), 24);
    try {
      Computer.resume(store.fromBytes(forged), { sha256 });
    } catch (error) {
      if (!(error instanceof SavedSnapshotError)) t.fail(`${String((error as Error).stack)}`);
      refusals++;
    }
  }
  t.ok(refusals > 0, `${refusals} refused`);
  t.end();
});
