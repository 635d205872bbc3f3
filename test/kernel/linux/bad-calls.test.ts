/** System calls of Linux that make no sense, or are given up in the middle: neither harms the host, and nothing is left. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import { sha256 } from '../../../src/host/sha256.js';
import { Computer, type Process } from '../../../src/index.js';
import { seedOf, volume } from '../../support/volume.js';

const sources = fileURLToPath(new URL('../../../../test/kernel/linux/bad-calls/', import.meta.url));
const MIB = 2 ** 20;
const LIMIT_BYTES = 2 ** 34;
const MOST_TICKS = 30_000_000;
const ENGINES = ['auto', 'interpreter'] as const;

function compiled(name: string, directory: string): Uint8Array {
  const path = join(directory, name);
  execFileSync('gcc', ['-O1', '-w', '-static-pie', '-pthread', join(sources, `${name}.c`), '-o', path]);
  return new Uint8Array(readFileSync(path));
}

/** All files of a directory with their content. */
function filesIn(directory: string): [string, string][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
    .map((path) => [path, readFileSync(path, 'latin1')]);
}

function started(image: Uint8Array, root: string, index: number, argv: readonly string[] = []): [Computer, Process] {
  const computer = new Computer({
    ...{ memoryBytes: 64 * MIB, hostBytes: 16 * MIB, sha256, engine: ENGINES[index % ENGINES.length]! },
    console: { write: () => {}, read: () => 'end' },
    linuxRoot: (store) => new HostRoot(store, root),
  });
  return [
    computer,
    computer.start(image, { name: 'calls', limitBytes: LIMIT_BYTES, argv: ['calls', ...argv], linux: {} }),
  ];
}

/** Ends all processes; then the kernel page is the only region. */
function endAll(computer: Computer): number {
  for (const process of computer.parts.kernel.processes.live()) computer.kill(process, 1);
  return computer.parts.kernel.space.regions.length;
}

t.test('random calls with random arguments, from four threads, stay within the machine and its quota', (t) => {
  const root = t.testdir({ file: 'file', directory: { file: 'another' } });
  const image = compiled('random', root);
  const before = filesIn(root);
  const first = seedOf(1);
  for (let index = 0; index < volume(6, 500); index++) {
    const seed = first * 1000 + index;
    const [computer, program] = started(image, root, index, [String(seed)]);
    const { kind } = computer.run(program, { maxTicks: MOST_TICKS });
    const { usedBytes, maxBytes } = computer.statistics.hostMemory;
    if (usedBytes > maxBytes) t.fail(`seed ${seed}: ${usedBytes} of ${maxBytes} bytes of host memory`);
    computer.machineHash();
    if (endAll(computer) !== 1) t.fail(`seed ${seed}: regions are left (${kind})`);
  }
  t.strictSame(filesIn(root), before, 'no file of the host has changed');
  t.end();
});

t.test('a thread that ends while its file is being mapped leaves no handle', (t) => {
  const root = t.testdir({ file: 'file' });
  const image = compiled('remap', root);
  const [whole, wholeProgram] = started(image, root, 0);
  t.match(whole.run(wholeProgram), { kind: 'exited', exitCode: 0 });
  const { hostBytes } = whole.store;

  const [computer, program] = started(image, root, 0);
  const { kernel } = computer.parts;
  while (!kernel['calls'].standing?.pending?.work) computer.run(program, { maxEffort: 16 });
  t.equal(program.end, undefined);
  computer.kill(program, 1);
  t.equal(computer.store.hostBytes, hostBytes, 'as after a whole run');
  t.equal(kernel.space.regions.length, 1);
  t.end();
});
