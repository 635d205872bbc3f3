/**
 * Resumes a saved snapshot in a process of its own: `resume-elsewhere FILE ENGINE TICKS COUNT`. FILE is a canonical stream, with the
 * id of its VMO in its name. Prints the machine hash at the next COUNT multiples of TICKS, or up to the end.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Computer, VmoStore, type Process } from '../../src/index.js';
import { sha256 } from '../../src/host/sha256.js';
import { ENGINES } from './side-by-side.js';

/** Machine hashes at the next multiples of some ticks, and at the end, if that comes before. */
export function laterHashes(computer: Computer, program: Process, every: number, count: number): string[] {
  const hashes: string[] = [];
  while (hashes.length < count && !program.end) {
    const next = (Math.floor(computer.ticks / every) + 1) * every;
    while (computer.ticks < next) {
      const outcome = computer.run(program, { maxTicks: next - computer.ticks });
      if (outcome.kind !== 'limit') return [...hashes, `${computer.ticks} ${outcome.kind} ${computer.machineHash()}`];
    }
    hashes.push(`${computer.ticks} ${computer.machineHash()}`);
  }
  return hashes;
}

const [, script, file, engine, every, count] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  const saved = new VmoStore(sha256).importStream([readFileSync(file!)], basename(file!));
  const computer = Computer.resume(saved, {
    ...ENGINES[engine as keyof typeof ENGINES],
    ...{ sha256, console: { write: () => {}, read: () => 'end' as const } },
  });
  for (const line of laterHashes(computer, computer.programs[0]!, Number(every), Number(count))) console.log(line);
}
