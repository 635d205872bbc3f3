import { PAGE_SIZE } from '../../bits.js';
import { WATCH_CODE, type GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { InstructionFetcher } from '../fetch.js';
import type { Form } from '../form.js';
import type { Instruction } from '../instruction.js';
import { compiles } from '../interpreter/function-handler.js';
import type { ExitCode } from '../interpreter/record.js';
import { CHAINED_FROM, EXIT_BUDGET, SAMPLE_TICKS, TRANSLATES_AT_ONCE } from '../state.js';
import { CodeReader, pageOf } from './code-reader.js';
import { generateDispatcher } from './dispatcher.js';
import { findRegion, type Region } from './region.js';
import { RegionTable, type Chains, type CompiledCode, type CompiledRegion, type RegionFunction } from './region-table.js';
import { translate } from './translate.js';

/** How often a block must be found running before it is translated. */
export const DEFAULT_THRESHOLD = 2;

/** The same for all code, or for each address where a block begins; 0 translates before the first instruction runs. */
export type TranslationThreshold = number | ((rip: bigint) => number);

/** Ticks in the interpreter, however often it was left in between, after which it looks where it is, to find what is hot. */
const TICKS_BETWEEN_SAMPLES = 20_000;

/** Addresses that are counted at a time; when there are more, counting starts anew. */
const MOST_SAMPLES = 8192;

/** The threshold of a page doubles so many times, at most, when stores undo its regions. */
const MOST_DOUBLINGS = 16;

/** Places asked for that one region serves, at most: the more there are, the less is known at each. */
const MOST_WANTED = 64;

/**
 * How often a region must be found being left for others before it takes those in; twice as often each time, since it is
 * compiled anew as a whole.
 */
const CHAINS_TO_JOIN = 12;

/** Instructions whose checks cover their own access only, at most; when there are more, all may be wide again. */
const MOST_UNGROUPED = 4096;

/** Around whom the hot tier works. */
export interface HotCodeHost {
  readonly memory: GuestMemory;
  readonly mmu: Mmu;
  readonly fetcher: InstructionFetcher;
  /** Runs records: the interpreter's generated code. */
  readonly interpret: (record: number, ticks: number) => number;
  /** Whether the code at an address has been reached. */
  isReached(rip: bigint): boolean;
  /** Makes the interpreter leave for a region where it comes to an address. */
  markRegion(rip: bigint): void;
}

/**
 * The hot tier: finds by sampling which blocks run most, has their regions translated, and keeps them until the bytes
 * they were made from change. Samples are taken at ticks, so they are the same in every run.
 */
export class HotCode {
  private readonly samples = new Map<bigint, number>();
  private readonly regions: RegionTable;
  /** How often stores have undone the regions of a frame. */
  private readonly undone = new Map<number, number>();
  private readonly ungrouped = new Set<bigint>();
  private readonly compilesForm = new Map<Form, boolean>();
  private readonly imports: WebAssembly.Imports;
  private readonly runRecords: (record: number, ticks: number) => ExitCode;
  ticksLeft = 0;

  constructor(
    private readonly host: HotCodeHost,
    private readonly threshold: TranslationThreshold,
  ) {
    const { memory } = host;
    const { exports } = new WebAssembly.Instance(dispatcherModule(), {
      bd0: { memory: memory.memory, interpret: host.interpret },
    });
    this.runRecords = exports['run'] as typeof this.runRecords;
    this.regions = new RegionTable(memory, exports['regions'] as WebAssembly.Table);
    this.imports = { bd0: { memory: memory.memory, flagBits: exports['flagBits'] as WebAssembly.ExportValue } };
    memory.host32[TRANSLATES_AT_ONCE >> 2] = this.translatesAtOnce ? 1 : 0;
    this.restartSampling();
  }

  /** Runs from a record, in the interpreter and in regions, for at most `ticks`; leaves the rest in `ticksLeft`. */
  run(record: number, ticks: number): ExitCode {
    const exit = this.runRecords(record, ticks);
    this.ticksLeft = this.host.memory.host32[EXIT_BUDGET >> 2]!;
    return exit;
  }

  /** Ticks of the interpreter up to the next sample. */
  get ticksToSample(): number {
    return this.host.memory.host32[SAMPLE_TICKS >> 2]!;
  }
  restartSampling(): void {
    this.host.memory.host32[SAMPLE_TICKS >> 2] = TICKS_BETWEEN_SAMPLES;
  }

  /**
   * Takes note that the block at `rip`, which has been fetched, was found running; translates it if that has been often.
   * Where a region has it already, but no way in there, it gets one.
   */
  sample(rip: bigint): void {
    const physical = this.host.fetcher.translate(rip);
    const doublings = Math.min(this.undone.get(Math.floor(physical / PAGE_SIZE)) ?? 0, MOST_DOUBLINGS);
    const threshold = typeof this.threshold === 'number' ? this.threshold : this.threshold(rip);
    if (count(this.samples, rip) < threshold * 2 ** doublings) return;
    if (this.regions.refresh(rip)) return this.mark([rip]);
    const around = this.regions.inPageOf(rip).find(({ code, base }) => code.bestEntries.has(rip - base));
    if (!around) return this.compile([rip]);
    const best = around.base + around.code.bestEntries.get(rip - around.base)!;
    if (this.regions.at(best)) this.mark([best]);
    else if (around.wanted.length >= MOST_WANTED) this.compile([best]);
    else this.compile([...around.wanted, best], around);
  }

  /** Takes note that a region was left for another, which is entered at `rip`; takes that in if it has been often. */
  sampleChain(rip: bigint): void {
    const from = this.regions.inPlace(this.host.memory.host32[CHAINED_FROM >> 2]!);
    if (!from || from.wanted.length >= MOST_WANTED || from.entries.includes(rip)) return;
    const { seen, targets } = from.chains;
    targets.set(rip, (targets.get(rip) ?? 0) + 1);
    from.chains.seen = seen + 1;
    if (seen + 1 < CHAINS_TO_JOIN << from.chains.joins) return;
    const often = [...targets].filter(([, times]) => times > 1).map(([target]) => target);
    from.chains = { joins: from.chains.joins + 1, seen: 0, targets: new Map() };
    const wanted = [...from.wanted, ...often].slice(0, MOST_WANTED);
    if (often.length > 0) this.compile(wanted, from, false);
  }

  /** Whether nothing runs in the interpreter that can be translated. */
  get translatesAtOnce(): boolean {
    return this.threshold === 0 || typeof this.threshold === 'function';
  }

  /** Whether a region is entered at an address; generated code finds it from now on. */
  refresh(rip: bigint): boolean {
    return this.regions.refresh(rip);
  }

  /** Makes the checks at an instruction cover no more than their access. */
  ungroup(rip: bigint): void {
    if (this.ungrouped.size >= MOST_UNGROUPED) this.ungrouped.clear();
    this.ungrouped.add(rip);
    for (const region of this.regions.inPageOf(rip)) this.compile(region.wanted, region);
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return this.regions.holds(frame);
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
  }

  /** Compiles a region with entries at `wanted`, in the place of another one; or for the last of them alone. */
  private compile(wanted: readonly bigint[], instead?: CompiledRegion, orLast = true): void {
    const reader = new CodeReader(this.host.fetcher);
    const region = findRegion(reader, wanted, {
      isReached: (rip) => this.translatesAtOnce || this.host.isReached(rip),
      compiles: (instruction) => this.canCompile(instruction),
    });
    const misses = !region || !wanted.every((rip, i) => region.nodes[region.entries[i]!]?.rip === rip);
    if (misses) return instead && wanted.length > 1 && orLast ? this.compile(wanted.slice(-1)) : undefined;
    if (instead) this.regions.delete(instead);
    this.bind(region, wanted, instead?.chains);
  }

  private bind(region: Region, wanted: readonly bigint[], chains = newChains()): void {
    const base = pageOf(wanted[0]!);
    const index = this.regions.takePlace();
    if (index === undefined) return;
    const code = this.codeFor(region, base);
    const entries = code.entries.map((offset) => BigInt.asUintN(64, base + offset));
    this.regions.add({ code, base, pages: region.pages, wanted, entries, index, chains });
    this.mark(entries);
    for (const { physical } of region.pages) this.host.mmu.watch(physical / PAGE_SIZE, WATCH_CODE);
  }

  private codeFor(region: Region, base: bigint): CompiledCode {
    const { bytes, instructions: _instructions, ...translation } = translate(
      region,
      base,
      (instruction) => this.canCompile(instruction),
      this.ungrouped,
    );
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), this.imports);
    const run = instance.exports['run'] as RegionFunction;
    return { ...translation, key: '', wasmBytes: bytes.length, run };
  }

  private mark(entries: readonly bigint[]): void {
    for (const entry of entries) this.host.markRegion(entry);
  }

  private canCompile({ form }: Instruction): boolean {
    let known = this.compilesForm.get(form);
    if (known === undefined) this.compilesForm.set(form, (known = compiles(form)));
    return known;
  }
}

/** Counts one more. */
function count<K>(counts: Map<K, number>, rip: K): number {
  if (counts.size >= MOST_SAMPLES) counts.clear();
  const seen = (counts.get(rip) ?? 0) + 1;
  counts.set(rip, seen);
  return seen;
}

let dispatcher: WebAssembly.Module | undefined;

/** Compiled once for all machines of the process. */
function dispatcherModule(): WebAssembly.Module {
  return (dispatcher ??= new WebAssembly.Module(generateDispatcher() as BufferSource));
}

function newChains(): Chains {
  return { joins: 0, seen: 0, targets: new Map() };
}
