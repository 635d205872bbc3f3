import { PAGE_SIZE } from '../../bits.js';
import { WATCH_CODE } from '../../memory.js';
import type { AddressRange } from '../../mmu/fence.js';
import { Exit, type ExitCode } from '../engine/record.js';
import { EXIT_BUDGET, SINGLE_MISS, TRANSLATES_AT_ONCE } from '../state/layout.js';
import { CodeMaker } from './cache/code-maker.js';
import { pageOf } from '../access/linear-page.js';
import { MOST_WIDE_MISSES, startDispatcher } from './dispatcher.js';
import type { TranslationStats } from './events.js';
import type { TranslationThreshold, TranslatorOptions } from './options.js';
import { PendingRegions } from './cache/pending-regions.js';
import type { CodeHeat, Region } from './compile/region.js';
import { SAMPLING, type ChooserHost } from './chooser.js';
import { costOfMisses, costOfTranslating } from './cost-model.js';
import { KeptRegions } from './kept/kept-regions.js';
import { MissPlaces } from './miss-places.js';
import { HotView, HotViews } from './hot-view.js';
import { Samples, type Sampling } from './profile.js';
import type { HotCodeHost } from './hot-code-host.js';
import {
  RegionTable,
  extentOf,
  type CompiledCode,
  type CompiledRegion,
  type RegionExtent,
} from './cache/region-table.js';

/** With a threshold: ticks in the interpreter between two samples, each of which is looked at when it has been taken. */
const SAMPLING_FOR_THRESHOLD: Sampling = { period: 20_000, batch: 1 };

/** The threshold of a page doubles when stores drop its regions, at most this number of times. */
const MOST_DOUBLINGS = 16;

/** Most requested entries of a region: the more there are, the less is known at each. */
const MOST_WANTED = 64;

/** Most requested entries of a region that is made again for code of it to which the interpreter has come. */
const MOST_OPENED = 256;

/** A region is compiled again with another entry only after one sample for each of this number of bytes of its Wasm. */
const BYTES_OF_A_SAMPLE = 700;

/** Wasm of an instruction, about. */
const BYTES_OF_AN_INSTRUCTION = 50;

/** Exits that mean, if no tick was used, that the region at the start was not entered. */
const STAYED_OUT: readonly ExitCode[] = [Exit.ticks, Exit.unknown, Exit.tail];

/** The extent of a region, and where its bytes lie. */
type PlacedExtent = RegionExtent & Pick<CompiledRegion, 'base' | 'view'>;

/** A region to translate, and why. */
interface Order {
  readonly wanted: readonly bigint[];
  /** How hot code is; without it, all that has been reached is taken in. */
  readonly heat?: CodeHeat | undefined;
  /** The region, if it has been found already. */
  readonly found?: Region;
  readonly reason: string;
  /** The region that it replaces. */
  readonly instead?: CompiledRegion | undefined;
  /** If it cannot be made for all addresses, it is made for the last one alone. */
  readonly orForLast?: boolean;
}

/**
 * The hot tier: finds the blocks that run most by sampling, has their regions translated, and keeps them until the bytes of
 * their code change. Samples are taken at ticks, so they are the same in every run.
 */
export class HotCode {
  private readonly samples: Samples;
  private readonly views: HotViews<CompiledRegion>;
  private readonly regions: RegionTable;
  /** Number of times that stores have dropped the regions of a frame. */
  private readonly undone = new Map<number, number>();
  private readonly missPlaces = new MissPlaces();
  private readonly maker: CodeMaker;
  private readonly pending = new PendingRegions();
  private readonly kept: KeptRegions | undefined;
  private readonly runRecords: (record: number, ticks: number) => ExitCode;
  private readonly threshold: TranslationThreshold | undefined;
  private readonly counts = { regionsEvicted: 0, regionsDropped: 0, regionsResumed: 0, entriesFromTypeScript: 0 };
  /** The error of a compilation in the background. */
  private failure: unknown;
  ticksLeft = 0;

  constructor(
    private readonly host: HotCodeHost,
    options: TranslatorOptions = {},
  ) {
    const { memory } = host;
    this.threshold = options.threshold;
    this.samples = new Samples(memory, this.threshold === undefined ? SAMPLING : SAMPLING_FOR_THRESHOLD);
    const chooserHost = this.chooserHost();
    this.views = new HotViews((view) => new HotView(view, host, chooserHost, this.translatesAtOnce));
    const dispatcher = startDispatcher(memory.memory, host.interpret);
    this.runRecords = dispatcher.run;
    this.regions = new RegionTable(memory, dispatcher.regions);
    const imports = { bd0: { ...host.functions, ...dispatcher.imports, memory: memory.memory } };
    this.maker = new CodeMaker(memory.ram, imports, (instruction) => this.view.source.canCompile(instruction), options);
    this.kept = KeptRegions.of(options, memory.ram, host.fetcher);
    memory.host32[TRANSLATES_AT_ONCE >> 2] = this.translatesAtOnce ? 1 : 0;
  }

  /** Runs from a record, in the interpreter and in regions, for at most `ticks`; leaves the rest in `ticksLeft`. */
  run(record: number, ticks: number): ExitCode {
    if (this.failure !== undefined) throw this.failure;
    const startsInRegion = this.host.leadsToRegion(record);
    const exit = this.runRecords(record, ticks);
    this.ticksLeft = this.host.memory.host32[EXIT_BUDGET >> 2]!;
    const hasStayedOut = this.ticksLeft === ticks && STAYED_OUT.includes(exit);
    if (startsInRegion && !hasStayedOut) this.counts.entriesFromTypeScript++;
    this.regions.ran(ticks - this.ticksLeft);
    return exit;
  }

  /** Whether samples have been taken that are to be looked at. */
  get hasSamples(): boolean {
    return this.samples.isFull;
  }

  /** Looks at the samples that have been taken, and translates what has become hot. */
  takeSamples(): void {
    for (const { rip, view } of this.samples.take())
      if (this.threshold === undefined) this.views.of(view).chooser.count(rip);
      else if (view === this.view.view) this.sample(rip);
    if (this.threshold === undefined) this.view.chooser.look();
  }

  /** Code of another view runs from now on. */
  switchView(view: HotView<CompiledRegion>['view']): void {
    this.views.current = this.views.of(view);
    this.regions.view = view;
  }

  /** That of the code that runs. */
  private get view(): HotView<CompiledRegion> {
    return this.views.current;
  }

  /** What decides on translations where no threshold is given. */
  private chooserHost(): ChooserHost<CompiledRegion> {
    const enterAt = (rip: bigint | undefined): boolean => {
      const canBe = rip !== undefined && this.regions.refresh(rip);
      if (canBe) this.mark([rip]);
      return canBe;
    };
    return {
      regionAround: (rip) => this.regions.around(rip)?.region,
      enterAt,
      enterAround: (rip) => enterAt(this.regions.around(rip)?.best),
      outline: (seed, heat) => this.view.source.outline(seed, heat),
      find: (seed, heat) => this.view.source.find([seed], heat),
      samplesBefore: (rip) => this.kept?.takeSamplesOf(rip) ?? 0,
      timesToPay: (seed) => 2 ** this.doublingsAt(seed),
      make: (found) => this.make({ wanted: found.wanted, reason: 'has taken long', found }),
      remake: (region, entries) => this.openAt(region, entries),
    };
  }

  /** Makes a region again with further entries. */
  private openAt(region: CompiledRegion, entries: readonly bigint[]): void {
    region.timesRemade++;
    const wanted = [...new Set([...entries, ...region.wanted])].slice(0, MOST_OPENED);
    this.makeAgain(region, wanted, 'entered elsewhere');
  }

  /**
   * Takes note that the block at `rip`, which has been fetched, was found running; translates it if that has been often.
   * Where a region has it already, but no way in there, it gets one.
   */
  sample(rip: bigint): void {
    const { threshold: given = 0 } = this;
    const threshold = typeof given === 'number' ? given : given(rip);
    const { profile, remaps } = this.view;
    const seen = profile.count(rip);
    if (seen < threshold * 2 ** this.doublingsAt(rip)) return;
    if (this.regions.refresh(rip)) return this.mark([rip]);
    if (seen < remaps.samplesToTranslate(pageOf(rip))) return;
    const reason = seen === 1 ? 'found running' : `found running ${seen} times`;
    const place = this.regions.around(rip);
    if (!place) return this.make({ wanted: [rip], reason });
    const { region: around, best } = place;
    if (this.regions.at(best)) return this.mark([best]);
    // The whole region is compiled anew, which must pay.
    if (seen < threshold * Math.max(around.wanted.length, around.code.wasmBytes / BYTES_OF_A_SAMPLE)) return;
    if (around.wanted.length >= MOST_WANTED) this.make({ wanted: [best], reason });
    else this.make({ wanted: [...around.wanted, best], reason, instead: around, orForLast: true });
  }

  /** Whether nothing runs in the interpreter that can be translated. */
  get translatesAtOnce(): boolean {
    return this.threshold === 0 || typeof this.threshold === 'function';
  }

  /** Whether a region is entered at an address; generated code finds it from now on. */
  refresh(rip: bigint): boolean {
    return this.regions.refresh(rip) || this.takeKept(rip);
  }

  /** Makes a region that an earlier run has kept, if there is one to enter at an address and its code is the same. */
  private takeKept(rip: bigint): boolean {
    const { kept, host } = this;
    const found = host.hasStops() ? undefined : kept?.at(rip);
    if (!kept || !found) return false;
    const { candidate, extent } = found;
    const code = this.maker.makeKept(candidate.kept.record, () => kept.compile(candidate));
    if (!code) {
      kept.giveUp(candidate);
      return false;
    }
    kept.taken(candidate, code);
    this.watch(extent);
    const wanted = candidate.kept.wanted.map((distance) => candidate.base + BigInt(distance));
    this.bind(code, { ...extent, base: candidate.base, view: this.view.view }, { wanted, reason: 'kept' });
    return this.regions.refresh(rip);
  }

  /** Marks where regions are entered that earlier runs have kept, in instructions that have just been decoded. */
  codeDecoded(rip: bigint, lengthBytes: number): void {
    if (this.kept) this.mark(this.kept.entriesWithin(rip, lengthBytes));
  }

  /** Has the host keep what has become hot, for the next run. */
  keep(): void {
    this.kept?.keep(this.view.profile);
  }

  /** Makes other checks at an instruction, once that pays: they have missed so many more times. */
  checksMissed(rip: bigint, ticks: number, misses = MOST_WIDE_MISSES): void {
    const isSingle = this.host.memory.host32[SINGLE_MISS >> 2] !== 0;
    if (!this.missPlaces.note(rip, misses, ticks, isSingle)) return;
    for (const instead of this.regions.inPageOf(rip)) {
      instead.wideMisses += misses;
      if (costOfMisses(instead.wideMisses) < instead.costToRemake) continue;
      instead.timesRemade++;
      this.makeAgain(instead, instead.wanted, 'checks miss');
    }
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return this.regions.holds(frame) || this.pending.holds(frame);
  }

  /**
   * Forgets the regions of a frame that has been stored to. Where this happens again and again, code must be found hotter
   * each time; a page that is new as a whole starts afresh.
   */
  codeStored(physical: number, lengthBytes: number): void {
    const frame = Math.floor(physical / PAGE_SIZE);
    this.pending.deleteFrame(frame);
    const undone = this.regions.deleteFrame(frame);
    this.counts.regionsDropped += undone;
    if (lengthBytes === PAGE_SIZE) this.undone.delete(frame);
    else if (undone > 0) this.undone.set(frame, (this.undone.get(frame) ?? 0) + 1);
  }

  /** Drops the regions that contain code in a range in which code stops were added, or lack code where they were removed. */
  codeStopsChanged(range: AddressRange): void {
    this.pending.deleteAffected(range);
    this.regions.deleteAffected(range);
  }

  /** Forgets all regions, and what was hot; code stays to be found by its content. */
  dropAll(): void {
    this.kept?.addSamples(this.view.profile);
    this.kept?.forgetPages();
    this.pending.clear();
    this.regions.clear();
    for (const view of this.views) view.forget();
  }

  /** No region is entered with code in a linear page of which the mapping has changed. */
  pageChanged(linear: bigint): void {
    this.pending.deletePage(linear);
    for (const { view, remaps } of this.views) {
      const regions = this.regions.inPageOf(linear, view);
      if (regions.length > 0) remaps.add(linear);
      for (const region of regions) this.regions.putAside(region);
    }
  }

  /** Takes up again what lies in a linear page, which is fetched from again, in the frame where it was, and in others that are too. */
  pageFetched(linear: bigint): void {
    if (this.kept) this.mark(this.kept.pageFetched(linear));
    for (const region of this.regions.asideInPage(linear)) {
      if (!region.pages.every((page) => this.host.isLive(page))) continue;
      this.regions.takeBack(region);
      this.counts.regionsResumed++;
      this.mark(region.entries);
    }
  }

  get statistics(): TranslationStats {
    const { maker, regions, counts } = this;
    return {
      ...maker.counts,
      ...counts,
      modules: maker.cache.size,
      wasmBytes: maker.cache.wasmBytes,
      regionsLive: regions.size,
      entriesChained: regions.entered - counts.entriesFromTypeScript,
    };
  }

  /** Makes a region anew, of what has been hot and is not in another one. */
  private makeAgain(instead: CompiledRegion, wanted: readonly bigint[], reason: string): void {
    const isElsewhere = (rip: bigint): boolean => (this.regions.around(rip)?.region ?? instead) !== instead;
    const heat = (): CodeHeat => ({
      samplesAt: (rip) => (isElsewhere(rip) ? -1 : this.view.profile.ever(rip)),
      sampled: this.view.profile.everHottest().filter((rip) => !isElsewhere(rip)),
    });
    this.make({ wanted, reason, instead, heat: this.threshold === undefined ? heat() : undefined });
  }

  /** How often regions in the page of an address have been dropped since their code was stored to; only so many count. */
  private doublingsAt(rip: bigint): number {
    const physical = this.host.fetchedPage(pageOf(rip));
    return physical < 0 ? 0 : Math.min(this.undone.get(physical / PAGE_SIZE) ?? 0, MOST_DOUBLINGS);
  }

  /** Makes a region with entries at the addresses wanted; in the background, where it is compiled there. */
  private make(order: Order): void {
    const { wanted, orForLast } = order;
    const base = pageOf(wanted[0]!);
    const { view } = this.view;
    if (this.pending.isBusy(base)) return;
    const region = order.found ?? this.view.source.find(wanted, order.heat);
    const misses = !region || !wanted.every((rip, i) => region.nodes[region.entries[i]!]?.rip === rip);
    if (misses)
      return orForLast && wanted.length > 1 ? this.make({ wanted: wanted.slice(-1), reason: order.reason }) : undefined;
    const missing = this.missPlaces.within(region);
    const code = this.maker.make({ region, base, missing }, order.reason);
    const extent = { ...extentOf(region), base, view };
    this.watch(extent);
    if (code instanceof Promise) this.bindLater(code, extent, order);
    else this.bind(code, extent, order);
  }

  /** Has stores to the code of a region noticed. */
  private watch({ pages }: RegionExtent): void {
    for (const { physical } of pages) this.host.mmu.watch(physical / PAGE_SIZE, WATCH_CODE);
  }

  /** Binds code when it has been compiled, if its bytes are then still what they were. */
  private bindLater(code: Promise<CompiledCode>, pending: PlacedExtent, order: Order): void {
    this.pending.add(pending);
    code.then(
      (compiled) => {
        if (this.pending.take(pending)) this.bind(compiled, pending, order);
        else this.makeRoom();
      },
      (error: unknown) => {
        this.pending.take(pending);
        this.failure = error;
      },
    );
  }

  private bind(code: CompiledCode, extent: PlacedExtent, { wanted, instead }: Order): void {
    const { base, view } = extent;
    if (instead && this.regions.has(instead)) this.regions.delete(instead);
    if (instead) this.kept?.leaveOut(instead.code);
    const entries = code.entries.map((offset) => BigInt.asUintN(64, base + offset));
    const region = {
      ...extent,
      code,
      wanted,
      entries,
      index: this.takePlace(),
      wideMisses: 0,
      timesRemade: instead?.timesRemade ?? 0,
      costToRemake: costOfTranslating(instructionsOf(code)) * 2 ** (instead?.timesRemade ?? 0),
    };
    this.regions.add(region);
    const record = this.maker.recordOf(code);
    if (record) this.kept?.add({ region, record });
    this.mark(entries, view);
    this.makeRoom(region);
  }

  /** A place in the dispatcher's table; where none is left, that of the region used least. */
  private takePlace(): number {
    const place = this.regions.takePlace();
    if (place !== undefined) return place;
    this.evict(this.regions.leastUsed()!);
    return this.regions.takePlace()!;
  }

  private evict(region: CompiledRegion): void {
    this.regions.delete(region);
    this.counts.regionsEvicted++;
  }

  /** Gives code up until the rest is within the budget: first what no region has, then the regions used least. */
  private makeRoom(except?: CompiledRegion): void {
    const { regions } = this;
    const { cache } = this.maker;
    const isUsed = (code: CompiledCode): boolean => regions.isInUse(code);
    while (cache.costBytes > this.maker.budgetBytes) {
      const unused = cache.oldestUnused(isUsed);
      const least = unused ? undefined : regions.leastUsed(except);
      if (unused) this.kept?.leaveOut(unused);
      if (unused) cache.delete(unused);
      else if (least) this.evict(least);
      else break;
    }
  }

  private mark(entries: readonly bigint[], view = this.view.view): void {
    for (const entry of entries) this.host.markRegion(entry, view);
  }
}

/** How many instructions some code was made from, about. */
function instructionsOf({ wasmBytes }: CompiledCode): number {
  return wasmBytes / BYTES_OF_AN_INSTRUCTION;
}
