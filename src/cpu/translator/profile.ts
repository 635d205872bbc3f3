import { outOfView, type CodeView } from '../engine/code-view.js';
import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import { SAMPLES_TAKEN, SAMPLES_WANTED, SAMPLE_PERIOD, SAMPLE_TICKS } from '../state/layout.js';

/** Most addresses that are counted; beyond that, all counts are halved. */
const MOST_ADDRESSES = 8192;

/** How often the interpreter's position is noted, and how many notes are taken before they are looked at. */
export interface Sampling {
  /** Ticks of the interpreter. */
  readonly period: number;
  readonly batch: number;
}

/** A block at which the interpreter was found. */
export interface Sample {
  readonly rip: bigint;
  readonly view: CodeView;
}

/** The samples as the dispatcher takes them, at ticks, so that they are the same in every run. */
export class Samples {
  private readonly view: DataView;
  private readonly words: Int32Array;

  constructor(memory: GuestMemory, { period, batch }: Sampling) {
    this.view = memory.hostView;
    this.words = memory.host32;
    this.words[SAMPLE_PERIOD >> 2] = period;
    this.words[SAMPLE_TICKS >> 2] = period;
    this.words[SAMPLES_WANTED >> 2] = batch;
    this.words[SAMPLES_TAKEN >> 2] = 0;
  }

  /** Whether as many samples have been taken as are wanted at a time. */
  get isFull(): boolean {
    return this.words[SAMPLES_TAKEN >> 2]! >= this.words[SAMPLES_WANTED >> 2]!;
  }

  /** The samples that have been taken since. */
  take(): Sample[] {
    const taken = this.words[SAMPLES_TAKEN >> 2]!;
    this.words[SAMPLES_TAKEN >> 2] = 0;
    const at = (i: number): bigint => this.view.getBigUint64(HOST_LAYOUT.samples + 8 * i, true);
    return Array.from({ length: taken }, (_, i) => outOfView(at(i)));
  }
}

/** Where the interpreter spends its time in the code of a view: how often it was found at each block. */
export class Profile {
  private readonly counts = new Map<bigint, number>();
  /** The counts of what has been translated, from before it was. */
  private readonly settled = new Map<bigint, number>();
  /** Samples looked at since everything was forgotten. */
  total = 0;

  /** Counts a sample; returns how many there have been at its address. */
  count(address: bigint): number {
    if (this.counts.size >= MOST_ADDRESSES) halve(this.counts);
    const times = this.at(address) + 1;
    this.counts.set(address, times);
    this.total++;
    return times;
  }

  /** Counts samples that were taken before this run. */
  add(address: bigint, times: number): void {
    if (times > 0) this.counts.set(address, this.at(address) + times);
  }

  /** Samples at addresses that have not been settled since. */
  get waiting(): number {
    let sum = 0;
    for (const times of this.counts.values()) sum += times;
    return sum;
  }

  /** How often an address has been found since it was settled. */
  at(address: bigint): number {
    return this.counts.get(address) ?? 0;
  }

  /** How often an address has been found. */
  ever(address: bigint): number {
    return this.at(address) + (this.settled.get(address) ?? 0);
  }

  /** The addresses found since they were settled, at least so many times, those found most often first. */
  hottest(least = 1): bigint[] {
    const found = [...this.counts].filter(([, times]) => times >= least);
    return found.sort(([, a], [, b]) => b - a).map(([address]) => address);
  }

  /** All addresses that have been found, those found most often first. */
  everHottest(): bigint[] {
    const all = [...new Set([...this.counts.keys(), ...this.settled.keys()])].map((rip) => ({
      rip,
      times: this.ever(rip),
    }));
    return all.sort((a, b) => b.times - a.times).map(({ rip }) => rip);
  }

  /** Counts an address from 0 again, since it has been translated; how hot it was is remembered. */
  settle(address: bigint): void {
    const times = this.counts.get(address);
    if (times === undefined) return;
    if (this.settled.size >= MOST_ADDRESSES) halve(this.settled);
    this.settled.set(address, times + (this.settled.get(address) ?? 0));
    this.counts.delete(address);
  }

  clear(): void {
    this.counts.clear();
    this.settled.clear();
  }
}

function halve(counts: Map<bigint, number>): void {
  for (const [address, times] of counts)
    if (times > 1) counts.set(address, times >> 1);
    else counts.delete(address);
}
