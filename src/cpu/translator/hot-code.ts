import { PAGE_SIZE } from '../../bits.js';
import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import type { InstructionFetcher } from '../fetch.js';
import type { Form } from '../form.js';
import { compiles } from '../interpreter/function-handler.js';
import type { ExitCode } from '../interpreter/record.js';
import { EXIT_BUDGET } from '../state.js';
import { findRegion, type Region } from './region.js';
import { EXIT_CODE_BITS, translate, type Site, type Translation } from './translate.js';

/** How often a block must be found running, when generated code comes back, before it is translated. */
export const DEFAULT_THRESHOLD = 2;

/** How often an indirect branch must leave a region for a place in its page, before that becomes an entry. */
const INDIRECT_THRESHOLD = 16;

const MOST_REGIONS = HOST_LAYOUT.entryTablesBytes / PAGE_SIZE;

/** Entries of a region have numbers of 8 bits. */
const MOST_ENTRIES = 255;

/** A region's code, bound to the memory. */
export interface CompiledRegion extends Omit<Translation, 'bytes'> {
  readonly region: Region;
  readonly run: (entry: number, budget: number) => number;
}

/**
 * The hot tier: finds by sampling which blocks run most, has their regions translated, and keeps them until the bytes
 * they were made from change. Samples are taken at ticks, so they are the same in every run.
 */
export class HotCode {
  private readonly samples = new Map<bigint, number>();
  private readonly indirect = new Map<bigint, number>();
  /** By entry. */
  private readonly regions = new Map<bigint, CompiledRegion>();
  /** The latest region of each page. */
  private readonly pages = new Map<bigint, CompiledRegion>();
  private readonly compilesForm = new Map<Form, boolean>();
  private tablesUsed = 0;
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
   * Takes note that the block at `rip` was found running; answers its region if it has one now. Where a region has it
   * already, but no way in there, it gets one.
   */
  sample(rip: bigint): CompiledRegion | undefined {
    const seen = (this.samples.get(rip) ?? 0) + 1;
    this.samples.set(rip, seen);
    if (seen < this.threshold) return undefined;
    const around = this.pages.get(pageOf(rip));
    if (!around) return this.compile(rip);
    const entry = around.bestEntries.get(rip);
    if (entry !== undefined) return around.entryNumbers.has(entry) ? undefined : this.compile(entry);
    return isInside(around.region, rip) ? undefined : this.compile(rip);
  }

  /**
   * Takes note that an indirect branch has left a region for `rip`. One that stays in the page, often taken, makes its
   * target an entry: answers the region that has it.
   */
  sampleIndirect(from: CompiledRegion, rip: bigint): CompiledRegion | undefined {
    if (pageOf(rip) !== from.region.page) return undefined;
    const seen = (this.indirect.get(rip) ?? 0) + 1;
    this.indirect.set(rip, seen);
    return seen === INDIRECT_THRESHOLD ? this.compile(rip) : undefined;
  }

  /** Whether nothing runs in the interpreter that can be translated. */
  get translatesAtOnce(): boolean {
    return this.threshold === 0;
  }

  find(rip: bigint): CompiledRegion | undefined {
    return this.regions.get(rip);
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return [...this.regions.values()].some(({ region }) => region.physicalPage === frame * PAGE_SIZE);
  }

  /** Runs a region from an entry for at most `ticks`; how it ended is in `exit`, `site` and `ticksLeft`. */
  run(compiled: CompiledRegion, rip: bigint, ticks: number): void {
    const value = compiled.run(compiled.entryNumbers.get(rip)!, ticks);
    this.exit = (value & ((1 << EXIT_CODE_BITS) - 1)) as ExitCode;
    this.site = compiled.sites[value >>> EXIT_CODE_BITS]!;
    this.ticksLeft = this.memory.host32[EXIT_BUDGET >> 2]! + this.site.refund;
  }

  /** Forgets the regions of a frame, or all. */
  drop(frame?: number): void {
    for (const [rip, { region }] of this.regions) {
      if (frame !== undefined && region.physicalPage !== frame * PAGE_SIZE) continue;
      this.regions.delete(rip);
      this.pages.delete(region.page);
    }
    if (this.regions.size === 0) this.tablesUsed = 0;
    this.samples.clear();
    this.indirect.clear();
  }

  private compile(rip: bigint): CompiledRegion | undefined {
    if (this.tablesUsed === MOST_REGIONS) this.drop();
    const physical = this.fetcher.translate(rip);
    const physicalPage = physical - (physical % PAGE_SIZE);
    const region = findRegion(this.fetcher, this.entriesWith(rip), physicalPage);
    if (region.entries.length === 0 || region.entries.length > MOST_ENTRIES) return undefined;
    const table = HOST_LAYOUT.entryTables + this.tablesUsed++ * PAGE_SIZE;
    const { bytes, sites, entryNumbers, bestEntries } = translate(region, table, (instruction) =>
      this.canCompile(instruction.form),
    );
    this.memory.host.fill(0, table, table + PAGE_SIZE);
    for (const [entry, number] of entryNumbers) this.memory.host[table + Number(entry - region.page)] = number;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {
      bd0: { memory: this.memory.memory },
    });
    const run = instance.exports['run'] as (entry: number, budget: number) => number;
    const compiled = { region, sites, entryNumbers, bestEntries, run };
    this.pages.set(region.page, compiled);
    for (const entry of entryNumbers.keys()) this.regions.set(entry, compiled);
    return compiled;
  }

  /** A new entry joins those that its page's region has. */
  private entriesWith(rip: bigint): bigint[] {
    const known = this.pages.get(pageOf(rip))?.region.entries ?? [];
    return [rip, ...known.filter((entry) => entry !== rip)].slice(0, MOST_ENTRIES);
  }

  private canCompile(form: Form): boolean {
    let known = this.compilesForm.get(form);
    if (known === undefined) this.compilesForm.set(form, (known = compiles(form)));
    return known;
  }
}

function pageOf(rip: bigint): bigint {
  return rip - (rip % BigInt(PAGE_SIZE));
}

/** Whether an instruction within some block lies there. */
function isInside(region: Region, rip: bigint): boolean {
  return [...region.blocks.values()].some((block) => rip > block.rip && rip < block.end);
}
