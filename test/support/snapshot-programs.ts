/** The programs on which snapshots are tested: those that check each kernel call, which between them have objects of every kind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Computer, MemoryNames, type MakeNameSpace, type Process } from '../../src/index.js';
import { compiled, sha256 } from './guest-programs.js';
import { ENGINES, type EngineOptions } from './side-by-side.js';

export const MIB = 2 ** 20;

const directory = fileURLToPath(new URL('../../../guest/tests/', import.meta.url));

/** The programs that check each kernel call, by name, but for those that read input. */
export const programs = readdirSync(directory)
  .filter((file) => file.endsWith('.c'))
  .map((file) => basename(file, '.c'))
  .filter((name) => !existsSync(`${directory}${name}.input`))
  .sort();

/** Their images, by name. */
export const images: ReadonlyMap<string, Uint8Array> = new Map(
  await Promise.all(programs.map(async (name) => [name, await compiled(`${directory}${name}.c`)] as const)),
);

/** Makes names that have the programs which the source of a program mentions. */
function namesOf(name: string): MakeNameSpace {
  return (store) => {
    const space = new MemoryNames(store);
    const source = readFileSync(`${directory}${name}.c`, 'latin1');
    for (const [other, bytes] of images)
      if (source.includes(`"${other}"`)) {
        const vmo = store.fromBytes(bytes);
        space.publish(other, vmo, 'anything');
        vmo.close();
      }
    return space;
  };
}

/** A machine that runs a program, which finds the programs that its source mentions. */
export function machineFor(name: string, engine: EngineOptions): { computer: Computer; program: Process } {
  const names = namesOf(name);
  const computer = new Computer({ ...engine, memoryBytes: 64 * MIB, sha256, names });
  return { computer, program: computer.start(images.get(name)!, { name, limitBytes: 1024 * MIB }) };
}

/** Runs to a tick, or to the end. */
export function runTo(computer: Computer, program: Process, tick: number): void {
  while (computer.ticks < tick) {
    const outcome = computer.run(program, { maxTicks: tick - computer.ticks });
    if (outcome.kind !== 'limit') return;
  }
}

/** How many ticks a program takes. */
export function length(name: string): number {
  const { computer, program } = machineFor(name, ENGINES.interpreter);
  computer.run(program);
  return computer.ticks;
}
