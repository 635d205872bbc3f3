/** A run of four processes with stray stores of every kind, and its history: test/debug/plantings.c. */
import { fileURLToPath } from 'node:url';
import { Computer, attachDebugger, attachTimeline, type Debugger, type StoreRecord } from '../../src/index.js';
import { compiled, sha256 } from './guest-programs.js';

const MIB = 2 ** 20;
const PROCESSES = 4;
/** From the address of an array, the byte that lets its process begin. */
const GO = 3n * 4096n - 1n;
const SLICE_TICKS = 2 ** 22;

/** A store that a process made, by its own account. */
export interface Planting {
  readonly pid: number;
  readonly kind: string;
  readonly address: bigint;
  readonly lengthBytes: number;
  /** The clock before and after it. */
  readonly clock: readonly [number, number];
}

/** A run that has come to its end, and has a history. */
export interface PlantedRun {
  readonly debug: Debugger;
  readonly ticks: number;
  /** The last one at each address. */
  readonly plantings: readonly Planting[];
}

/** Runs four processes, each with so many plantings while a loop is repeated so many times. */
export async function plantedRun(seed: number, iterations: number, count: number): Promise<PlantedRun> {
  const image = await compiled(fileURLToPath(new URL('../../../test/debug/plantings.c', import.meta.url)));
  let output = '';
  const write = (bytes: Uint8Array): void => void (output += Buffer.from(bytes).toString('latin1'));
  const computer = new Computer({ memoryBytes: 64 * MIB, sha256, console: { write, read: () => undefined } });
  const pids: number[] = [];
  const arrays: bigint[] = [];
  // The array of the process before, if there is one.
  let foreign = '0';
  for (let number = 0; number < PROCESSES; number++) {
    const argv = ['plantings', String(number), String(seed), String(iterations), String(count), foreign];
    const process = computer.start(image, { name: argv[0]!, argv, limitBytes: 64 * MIB });
    pids.push(process.pid);
    const lines = (): RegExpMatchArray | null => new RegExp(`^${number} (0x\\w+)$`, 'm').exec(output);
    while (!lines()) computer.run(process, { maxTicks: 100 });
    foreign = lines()![1]!;
    arrays.push(BigInt(foreign));
  }
  for (const array of arrays) computer.writeMemory(array + GO, Uint8Array.of(1));
  const timeline = attachTimeline(computer, { now: () => performance.now() });
  const debug = attachDebugger(computer, timeline);
  while (output.split('\n').length <= PROCESSES * (count + 1)) {
    debug.run(debug.continue(), { maxTicks: SLICE_TICKS });
    timeline.observe();
  }
  const plantings = new Map<string, Planting>();
  for (const [, number, kind, address, length, before, after] of output.matchAll(
    /^(\d) (\w+) (0x\w+) (\d+) (\d+) (\d+)$/gm,
  ))
    plantings.set(address!, {
      pid: pids[Number(number)]!,
      kind: kind!,
      address: BigInt(address!),
      lengthBytes: Number(length),
      clock: [Number(before), Number(after)],
    });
  return { debug, ticks: computer.ticks, plantings: [...plantings.values()] };
}

/** Whether a record is of a planting. */
export function isOf({ tick, pid }: StoreRecord, { clock, pid: planter }: Planting): boolean {
  return pid === planter && tick > clock[0] && tick <= clock[1];
}
