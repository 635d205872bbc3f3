import { PAGE_SIZE } from '../../bits.js';
import type { GuestMemory } from '../../memory.js';
import type { InstructionFetcher } from '../fetch.js';
import type { Form } from '../form.js';
import { compiles } from '../interpreter/function-handler.js';
import type { ExitCode } from '../interpreter/record.js';
import { EXIT_BUDGET } from '../state.js';
import { findRegion, type Region } from './region.js';
import { RegionTable, pageOf, type CompiledRegion } from './region-table.js';
import { EXIT_CODE_BITS, translate, type Site } from './translate.js';

export type { CompiledRegion };

/** How often a block must be found running, when generated code comes back, before it is translated. */
export const DEFAULT_THRESHOLD = 2;

/** How often an indirect branch must leave a region for a place in its page, before that becomes an entry. */
const INDIRECT_THRESHOLD = 16;

/** Addresses that are counted at a time; when there are more, counting starts anew. */
const MOST_SAMPLES = 8192;

/** The threshold of a page doubles so many times, at most, when stores undo its regions. */
const MOST_DOUBLINGS = 16;

/** Entry tables hold numbers of 8 bits. Entries beyond have a number, but no indirect branch within the region finds them. */
const MOST_NUMBERS_IN_TABLE = 255;

/**
 * The hot tier: finds by sampling which blocks run most, has their regions translated, and keeps them until the bytes
 * they were made from change. Samples are taken at ticks, so they are the same in every run.
 */
export class HotCode {
  private readonly samples = new Map<bigint, number>();
  private readonly indirect = new Map<bigint, number>();
  private readonly regions = new RegionTable();
  /** How often stores have undone the regions of a frame. */
  private readonly undone = new Map<number, number>();
  private readonly compilesForm = new Map<Form, boolean>();
  /** Where the last region that ran was left. */
  exit: ExitCode = 1;
  site: Site = { rip: 0n, refund: 0 };
  ticksLeft = 0;

  constructor(
    private readonly memory: GuestMemory,
    private readonly fetcher: InstructionFetcher,
    private readonly threshold: number,
  ) {}

  /**
   * Takes note that the block at `rip`, which has been fetched, was found running; answers its region if it has one now.
   * Where a region has it already, but no way in there, it gets one.
   */
  sample(rip: bigint): CompiledRegion | undefined {
    const physical = this.fetcher.translate(rip);
    const doublings = Math.min(this.undone.get(Math.floor(physical / PAGE_SIZE)) ?? 0, MOST_DOUBLINGS);
    if (count(this.samples, rip) < this.threshold * 2 ** doublings) return undefined;
    const neighbours = this.regions.inPageOf(rip);
    for (const compiled of neighbours) {
      const entry = compiled.bestEntries.get(rip);
      if (entry !== undefined) return compiled.entryNumbers.has(entry) ? compiled : this.compile(entry, compiled);
      if (isInside(compiled.region, rip)) return undefined;
    }
    return this.compile(rip, neighbours.at(-1));
  }

  /**
   * Takes note that an indirect branch has left a region for `rip`, which has been fetched. One that stays in the page,
   * often taken, makes its target an entry: answers the region that has it.
   */
  sampleIndirect(from: CompiledRegion, rip: bigint): CompiledRegion | undefined {
    if (pageOf(rip) !== from.region.page || from.entryNumbers.has(rip)) return undefined;
    return count(this.indirect, rip) === INDIRECT_THRESHOLD ? this.compile(rip, from) : undefined;
  }

  /** Whether nothing runs in the interpreter that can be translated. */
  get translatesAtOnce(): boolean {
    return this.threshold === 0;
  }

  find(rip: bigint): CompiledRegion | undefined {
    return this.regions.at(rip);
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return this.regions.holds(frame);
  }

  /** Runs a region from an entry for at most `ticks`; how it ended is in `exit`, `site` and `ticksLeft`. */
  run(compiled: CompiledRegion, rip: bigint, ticks: number): void {
    const value = compiled.run(compiled.entryNumbers.get(rip)!, ticks);
    this.exit = (value & ((1 << EXIT_CODE_BITS) - 1)) as ExitCode;
    this.site = compiled.sites[value >>> EXIT_CODE_BITS]!;
    this.ticksLeft = this.memory.host32[EXIT_BUDGET >> 2]! + this.site.refund;
  }

  /**
   * Forgets the regions of a frame that has been stored to. Where this happens again and again, code must be found hotter
   * each time; a page that is new as a whole starts afresh.
   */
  codeStored(physical: number, lengthBytes: number): void {
    const frame = Math.floor(physical / PAGE_SIZE);
    const undone = this.regions.deleteFrame(frame);
    if (lengthBytes === PAGE_SIZE) this.undone.delete(frame);
    else if (undone) this.undone.set(frame, (this.undone.get(frame) ?? 0) + 1);
  }

  /** Forgets all regions, and what was hot. */
  dropAll(): void {
    this.regions.clear();
    this.samples.clear();
    this.indirect.clear();
  }

  /** Compiles a region with an entry at `rip`, in the place of `joining` if there is room for what that has. */
  private compile(rip: bigint, joining: CompiledRegion | undefined): CompiledRegion | undefined {
    const physical = this.fetcher.translate(rip);
    const physicalPage = physical - (physical % PAGE_SIZE);
    const joined = joining && this.join(joining.region, rip);
    const region = joined ?? findRegion(this.fetcher, [rip], physicalPage);
    if (!region.blocks.has(rip)) return undefined;
    if (joined) this.regions.delete(joining);
    const compiled = this.instantiate(region);
    this.regions.add(compiled);
    return compiled;
  }

  /** A region with one more entry; undefined where not all of the old and the new one fit in. */
  private join(old: Region, rip: bigint): Region | undefined {
    const region = findRegion(this.fetcher, [...old.entries, rip], old.physicalPage);
    const hasAll = [...old.entries, rip].every((entry) => region.blocks.has(entry));
    return hasAll && (!region.isFull || old.blocks.has(rip)) ? region : undefined;
  }

  private instantiate(region: Region): CompiledRegion {
    const { memory } = this;
    const entryTable = this.regions.takeEntryTable();
    const { bytes, sites, entryNumbers, bestEntries } = translate(region, entryTable, (instruction) =>
      this.canCompile(instruction.form),
    );
    memory.host.fill(0, entryTable, entryTable + PAGE_SIZE);
    for (const [entry, number] of entryNumbers)
      if (number <= MOST_NUMBERS_IN_TABLE) memory.host[entryTable + Number(entry - region.page)] = number;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {
      bd0: { memory: memory.memory },
    });
    const run = instance.exports['run'] as (entry: number, budget: number) => number;
    return { region, sites, entryNumbers, bestEntries, entryTable, run };
  }

  private canCompile(form: Form): boolean {
    let known = this.compilesForm.get(form);
    if (known === undefined) this.compilesForm.set(form, (known = compiles(form)));
    return known;
  }
}

/** Counts one more. */
function count(counts: Map<bigint, number>, rip: bigint): number {
  if (counts.size >= MOST_SAMPLES) counts.clear();
  const seen = (counts.get(rip) ?? 0) + 1;
  counts.set(rip, seen);
  return seen;
}

/** Whether an instruction within some block lies there. */
function isInside(region: Region, rip: bigint): boolean {
  return [...region.blocks.values()].some((block) => rip > block.rip && rip < block.end);
}
