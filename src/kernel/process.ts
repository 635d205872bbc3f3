import type { StateWriter } from '../state-writer.js';
import { toLinear, type LinearAddress } from './linear-address.js';
import type { Region } from './region.js';
import type { Thread } from './thread.js';
import type { TrapReport } from './trap-report.js';

/** A process: a region, and the threads that belong to it. */
export interface ProcessDescription {
  readonly parent: number;
  readonly name: string;
  /** The name in UTF-8, at most 63 bytes. */
  readonly nameBytes: Uint8Array;
  /** Where the header page, the heap, the stacks and an image that can be moved lie. */
  readonly region: Region;
  /** Where an image linked at a fixed address lies; undefined for one that is in `region`. */
  readonly imageRegion: Region | undefined;
  readonly entry: LinearAddress;
  /** The identity of the image, 64 hexadecimal digits. */
  readonly imageId: string;
}

/** How a process ended. */
export interface ProcessEnd {
  /** 0 to 255. */
  readonly exitCode: number;
  /** Why, where it did not end itself. */
  readonly trap: TrapReport | undefined;
}

export class Process {
  readonly threads: Thread[] = [];
  /** Undefined while it lives. */
  end: ProcessEnd | undefined;

  constructor(
    /** Its slot + 1 in the low 32 bits, a generation above. */
    readonly pid: number,
    readonly description: ProcessDescription,
  ) {}

  get name(): string {
    return this.description.name;
  }

  /** The linear address of its region, where its header page lies. */
  get start(): bigint {
    return toLinear(this.region.start);
  }

  /** Bytes of its region. */
  get size(): number {
    return this.region.size;
  }

  /** The linear address of its first instruction. */
  get entry(): bigint {
    return toLinear(this.description.entry);
  }

  /** The identity of its image, 64 hexadecimal digits. */
  get imageId(): string {
    return this.description.imageId;
  }

  get region(): Region {
    return this.description.region;
  }

  /** All its regions. */
  get regions(): Region[] {
    const { region, imageRegion } = this.description;
    return imageRegion ? [region, imageRegion] : [region];
  }

  /** What it was started as, and its threads' numbers. */
  writeState(out: StateWriter): void {
    const { parent, nameBytes, entry, imageId } = this.description;
    out.numbers([this.pid, parent, entry]).bytes(nameBytes).text(imageId);
    out.numbers(this.regions.map(({ start }) => start)).numbers(this.threads.map(({ tid }) => tid));
  }
}

const GENERATION = 2 ** 32;
/** A slot is given up after so many processes, so that a pid fits a number and never comes twice. */
const MAX_GENERATION = 2 ** 20;

/** The live processes by pid. A pid is never given twice, so a stale one finds nobody. */
export class ProcessTable {
  private readonly slots: (Process | undefined)[] = [];
  private readonly generations: number[] = [];

  /** The pid that the next process is to have: that of the lowest slot that is free. */
  nextPid(): number {
    const free = this.slots.findIndex(
      (process, slot) => process === undefined && this.generations[slot]! < MAX_GENERATION,
    );
    const slot = free < 0 ? this.slots.length : free;
    return (this.generations[slot] ?? 0) * GENERATION + slot + 1;
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
  }

  /** The live processes, ascending by slot. */
  live(): Process[] {
    return this.slots.filter((process) => process !== undefined);
  }

  /** The live processes, and how often each slot has been used. */
  writeState(out: StateWriter): void {
    const live = this.live();
    out.numbers(this.generations).number(live.length);
    for (const process of live) process.writeState(out);
  }
}

function slotOf(pid: number): number {
  return (pid % GENERATION) - 1;
}
