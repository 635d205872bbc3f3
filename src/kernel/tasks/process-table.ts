import type { Process } from './process.js';
import { schema, value } from '../../state/schema.js';

const GENERATION = 2 ** 32;
/** A slot is given up after so many processes, so that a pid fits a number and never comes twice. */
const MAX_GENERATION = 2 ** 20;

/** The live processes by pid. A pid is never reused, so a stale one finds no process. */
export class ProcessTable {
  static readonly state = schema(
    'process table',
    ProcessTable,
    {
      slots: value,
      generations: value,
      firstFree: value,
    },
    { isPart: true },
  );

  private readonly slots: (Process | undefined)[] = [];
  private readonly generations: number[] = [];
  /** No slot below it is free. */
  private firstFree = 0;

  /** The pid that the next process is to have: that of the lowest slot that is free. */
  nextPid(): number {
    while (!this.isFree(this.firstFree)) this.firstFree++;
    return (this.generations[this.firstFree] ?? 0) * GENERATION + this.firstFree + 1;
  }

  add(process: Process): void {
    const slot = slotOf(process.pid);
    if (process.pid !== this.nextPid()) throw new RangeError(`pid ${process.pid} is not the next one`);
    this.slots[slot] = process;
    this.generations[slot] ??= 0;
  }

  /** The live process of a pid. */
  find(pid: number): Process | undefined {
    const process = this.slots[slotOf(pid)];
    return process?.pid === pid ? process : undefined;
  }

  remove(process: Process): void {
    const slot = slotOf(process.pid);
    if (this.slots[slot] !== process) throw new RangeError(`pid ${process.pid} is not live`);
    this.slots[slot] = undefined;
    this.generations[slot]!++;
    this.firstFree = Math.min(this.firstFree, slot);
  }

  /** The live processes, ascending by slot. */
  live(): Process[] {
    return this.slots.filter((process) => process !== undefined);
  }

  private isFree(slot: number): boolean {
    if (slot >= this.slots.length) return true;
    return this.slots[slot] === undefined && this.generations[slot]! < MAX_GENERATION;
  }
}

function slotOf(pid: number): number {
  return (pid % GENERATION) - 1;
}

/** A pid for people: its slot + 1 and, after a point, the number of processes that had that slot before, if any. */
export function pidText(pid: number): string {
  const generation = Math.floor(pid / GENERATION);
  return generation === 0 ? `${pid}` : `${pid % GENERATION}.${generation}`;
}

/** The pid that `pidText` writes so; undefined for another text. */
export function pidOfText(text: string): number | undefined {
  const [, slot, generation = '0'] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  return slot === undefined ? undefined : Number(slot) + Number(generation) * GENERATION;
}
