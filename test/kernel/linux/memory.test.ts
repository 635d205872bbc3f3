/** Memory of Linux: programs that map files and memory, shared and private, find what they find natively. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sha256 } from '../../../src/host/sha256.js';
import { Computer, VmoStore, type Engine, type VmoHandle } from '../../../src/index.js';
import { reachableEnd } from '../../../src/kernel/memory/mapping.js';
import { MemoryContent } from '../../../src/kernel/memory/memory-content.js';
import { linuxProgram, rootWith, runInMachine } from '../../support/linux-programs.js';
import { sequencesAreSame } from '../../support/sequences.js';
import { ENGINES } from '../../support/side-by-side.js';
import { seedOf, volume } from '../../support/volume.js';

const sources = fileURLToPath(new URL('../../../../test/kernel/linux/memory/', import.meta.url));
const MIB = 2 ** 20;
const seed = seedOf(20264);

/** What a program writes and returns on the host, in an empty directory. */
function native(program: string, args: readonly string[], directory: string): readonly [string, number | null] {
  const { stdout, status } = spawnSync(program, args, { cwd: directory, encoding: 'latin1' });
  return [stdout, status];
}

t.test('shared memory, mapped files, bus errors, seals and locks are as natively, on every engine', async (t) => {
  const program = await linuxProgram(`${sources}shared.c`, ['-w', '-pthread']);
  const expected = native(program, [], t.testdir({}));
  const runs = (['auto', 'interpreter'] as const).map((engine: Engine) => runInMachine(program, [], { engine }));
  for (const { output, exitCode } of runs) t.strictSame([output, exitCode], expected);
  t.equal(runs[1]!.computer.machineHash(), runs[0]!.computer.machineHash(), 'the same machine on both engines');
  const { regions } = runs[0]!.computer.parts.kernel.space;
  t.equal(regions.length, 1, 'nothing is left but the kernel page');
});

t.test('memory is mapped below 4 GiB where a program asks for it, and listed as it is seen', async (t) => {
  const program = await linuxProgram(`${sources}low.c`, ['-w', '-pthread']);
  const expected = native(program, [], t.testdir({}));
  for (const engine of ['auto', 'interpreter'] as const) {
    const { output, exitCode } = runInMachine(program, [], { engine, linuxRoot: rootWith(program) });
    t.strictSame([output.split('\n'), exitCode], [expected[0].split('\n'), expected[1]], engine);
  }
});

t.test('random calls on memory do what they do natively, also where frames are short', async (t) => {
  const program = await linuxProgram(`${sources}random.c`, ['-w']);
  sequencesAreSame(t, {
    ...{ program, seed: seed * 1000, count: volume(125, 15_000), directory: t.testdir({}) },
    machines: (batch) => ({ auto: { memoryBytes: (seed + batch) % 2 === 0 ? 64 * MIB : MIB } }),
  });
});

t.test('memory far away, and more than 512 GiB of it, is what it is natively', async (t) => {
  const program = await linuxProgram(`${sources}far.c`, ['-w']);
  const { interpreter, translator } = ENGINES;
  const limitBytes = 2 ** 39;
  const linuxRoot = rootWith(program);
  sequencesAreSame(t, {
    ...{ program, seed: seed * 1000, count: volume(50, 5000) },
    machines: (batch) => ({
      interpreter: { ...interpreter, limitBytes, linuxRoot },
      ...(batch % 4 === 0 && { translator: { ...translator, limitBytes, linuxRoot } }),
    }),
  });
});

/** Bytes of a mapping that are compared: stacks and heaps are large. */
const COMPARED_BYTES = 2 ** 16;

/** A VMO of the bytes of memory from one address to another, as vmo_create makes it; undefined where one cannot be read. */
function vmoOfMemory(
  { parts: { kernel, memory: guestMemory } }: Computer,
  start: number,
  end: number,
): VmoHandle | undefined {
  const { store, space, pager, hostMemory } = kernel;
  const content = new MemoryContent(store, start, end);
  while (!content.isComplete)
    if (content.takePart({ store, space, pager, guestMemory, hostMemory }) === undefined) return void content.close();
  return content.finish();
}

t.test('a VMO that is made of memory has its bytes, also of what is shared', async (t) => {
  const program = await linuxProgram(`${sources}random.c`, ['-w']);
  const compared = { private: 0, shared: 0 };
  // Some programs share next to nothing: so many more are drawn as it takes.
  const isEnough = (): boolean => compared.private > 10 && compared.shared > 5;
  for (let round = 0; round < volume(6, 500) || (round < 60 && !isEnough()); round++) {
    const maxTicks = 150_000 + 40_000 * ((2 * round) % 12);
    const { computer } = runInMachine(program, [String(seed + round)], { maxTicks });
    const { kernel } = computer.parts;
    for (const { region } of kernel.processes.live())
      for (const mapping of region.mappings) {
        if (mapping.protection === 0) continue;
        const end = Math.min(reachableEnd(mapping), mapping.start + COMPARED_BYTES);
        if (end < mapping.end && mapping.shared)
          t.equal(vmoOfMemory(computer, mapping.start, mapping.end), undefined, 'what lies behind the end of a file');
        if (end === mapping.start) continue;
        // The second one begins and ends within pages.
        for (const within of [0, round + 1]) {
          const [from, to] = [mapping.start + within, end - within];
          const vmo = vmoOfMemory(computer, from, to)!;
          const isSame = Buffer.compare(vmo.read(0, vmo.length), kernel.memory.peek(from, to - from)) === 0;
          if (!isSame) t.fail(`seed ${seed + round}: ${to - from} bytes from ${from.toString(16)}`);
          vmo.close();
        }
        compared[mapping.shared ? 'shared' : 'private']++;
      }
  }
  t.ok(isEnough(), JSON.stringify(compared));
});

t.test('a machine with shared memory goes on from snapshots as it would have', async (t) => {
  const program = await linuxProgram(`${sources}random.c`, ['-w']);
  for (let round = 0; round < volume(4, 100); round++) {
    const args = [String(seed + round)];
    const whole = runInMachine(program, args);
    const half = runInMachine(program, args, { maxTicks: Math.floor(whole.computer.ticks / 2) });
    const { computer } = half;
    const [process] = computer.programs;
    const snapshot = computer.snapshot();
    const saved = computer.saveSnapshot(snapshot, new VmoStore(sha256));
    const resumed = Computer.resume(saved, { sha256, console: { write: () => {}, read: () => 'end' } });
    saved.close();
    computer.run(process!);
    t.equal(computer.machineHash(), whole.computer.machineHash());
    computer.restore(snapshot);
    computer.run(process!);
    t.equal(computer.machineHash(), whole.computer.machineHash(), `seed ${args[0]}: restored`);
    resumed.run(resumed.programs[0]!);
    t.equal(resumed.machineHash(), whole.computer.machineHash(), `seed ${args[0]}: resumed`);
  }
});
