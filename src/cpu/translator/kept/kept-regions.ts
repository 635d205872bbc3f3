import { sha256 } from '@noble/hashes/sha2.js';
import { PAGE_SIZE, bytesToHex, concatenated } from '../../../bits.js';
import type { InstructionFetcher } from '../../decode/fetch.js';
import { offsetOf, pageOf } from '../../access/linear-page.js';
import { bytesOf } from '../cache/code-key.js';
import type { CompiledCode, CompiledRegion, RegionExtent } from '../cache/region-table.js';
import type { CodeRecord } from '../cache/code-record.js';
import type { CodePage } from '../compile/code-reader.js';
import type { TranslatorOptions } from '../options.js';
import type { Profile } from '../profile.js';
import type { CodeKeeper, KeptRegion, KeptSamples } from './code-keeper.js';

/** Below this, all that direct branches of a region can lead to is canonical, whatever it contains. */
const HIGHEST_BASE = 2n ** 47n - 2n ** 33n;

/** Blocks of which samples are kept, at most: those of pages that this run has seen come first. */
const MOST_SAMPLED = 20_000;

/** Samples alone are worth writing if they are so many times as many as before, and so many at least. */
const GROWTH_TO_KEEP = 1.25;
const LEAST_TO_KEEP = 2000;

const NO_ENTRIES: readonly bigint[] = [];

/** Samples of a page: how often, by offset. */
type SamplesOfPage = Map<number, number>;

/** A region that was kept, at a place where the page that it counts from has been seen. */
export interface Candidate {
  readonly kept: KeptRegion;
  readonly base: bigint;
  readonly entries: readonly bigint[];
  /** A page of its code that had not been fetched from when it was last to be entered. */
  missing: bigint | undefined;
}

/** What a region is made of, to be kept. */
export interface MadeRegion {
  readonly region: Pick<CompiledRegion, 'base' | 'pages' | 'ranges' | 'stops' | 'wanted' | 'code'>;
  readonly record: CodeRecord;
}

interface KeptRegionsParts {
  readonly keeper: CodeKeeper;
  readonly ram: Uint8Array;
  readonly fetcher: InstructionFetcher;
  readonly hash: (data: Uint8Array) => Uint8Array;
}

/**
 * The regions that earlier runs of a program have kept, found by the content of the pages that are fetched from, and what this
 * run will keep. A region is taken as it was only where all bytes of its code are the same, at the same distances.
 */
export class KeptRegions {
  private readonly byPage = new Map<string, KeptRegion[]>();
  private readonly samplesOfPage = new Map<string, SamplesOfPage>();
  /** SHA-256 of pages when they were fetched from last, by linear address. */
  private readonly hashAt = new Map<bigint, string>();
  private readonly candidatesAt = new Map<bigint, readonly Candidate[]>();
  private readonly byEntry = new Map<bigint, Candidate>();
  /** Offsets at which candidates are entered, by page. */
  private readonly entriesInPage = new Map<bigint, number[]>();
  /** Candidates by the page for which they wait, since it has not been fetched from yet. */
  private readonly waiting = new Map<bigint, Set<Candidate>>();
  /** What this run keeps, by its code. */
  private readonly made = new Map<CompiledCode, KeptRegion>();
  /** What this run has used of what was kept, be it replaced since. */
  private readonly used = new Set<KeptRegion>();
  /** Samples of code that was forgotten before the end of the run. */
  private readonly samplesBefore = new Map<string, SamplesOfPage>();

  constructor(private readonly parts: KeptRegionsParts) {
    for (const region of parts.keeper.kept.regions) {
      const others = this.byPage.get(region.page);
      if (others) others.push(region);
      else this.byPage.set(region.page, [region]);
    }
    for (const { page, samples } of parts.keeper.kept.samples) this.samplesOfPage.set(page, new Map(pairsOf(samples)));
  }

  /** For a hot tier with these options; undefined where nothing is kept, or where something else says when code is translated. */
  static of(options: TranslatorOptions, ram: Uint8Array, fetcher: InstructionFetcher): KeptRegions | undefined {
    const { keeper, threshold, sha256: hash = sha256 } = options;
    return keeper && threshold === undefined ? new KeptRegions({ keeper, ram, fetcher, hash }) : undefined;
  }

  /** Finds what was kept of a page that is fetched from. Returns the entries of regions that may be entered from now on. */
  pageFetched(linear: bigint): readonly bigint[] {
    const { fetcher, ram, hash } = this.parts;
    const physical = fetcher.fetchedPage(linear);
    if (physical < 0) return [];
    const page = bytesToHex(hash(ram.subarray(physical, physical + PAGE_SIZE)));
    if (this.hashAt.get(linear) !== page) this.pageIs(linear, page);
    const waiting = [...(this.waiting.get(linear) ?? [])].flatMap((candidate) => candidate.entries);
    this.waiting.delete(linear);
    return [...waiting, ...this.entriesWithin(linear, PAGE_SIZE)];
  }

  private pageIs(linear: bigint, page: string): void {
    this.hashAt.set(linear, page);
    for (const candidate of this.candidatesAt.get(linear) ?? []) this.giveUp(candidate);
    const found = linear < HIGHEST_BASE ? (this.byPage.get(page) ?? []) : [];
    const candidates = found.map((kept) => ({
      ...{ kept, base: linear, missing: undefined },
      entries: kept.record.entries.map((distance) => linear + distance),
    }));
    this.candidatesAt.set(linear, candidates);
    for (const candidate of candidates)
      for (const entry of candidate.entries) {
        if (this.byEntry.has(entry)) continue;
        this.byEntry.set(entry, candidate);
        const others = this.entriesInPage.get(pageOf(entry));
        if (others) others.push(offsetOf(entry));
        else this.entriesInPage.set(pageOf(entry), [offsetOf(entry)]);
      }
  }

  /** A candidate is not to be entered. */
  giveUp(candidate: Candidate): void {
    for (const entry of candidate.entries) {
      if (this.byEntry.get(entry) !== candidate) continue;
      this.byEntry.delete(entry);
      const others = this.entriesInPage.get(pageOf(entry))!;
      others.splice(others.indexOf(offsetOf(entry)), 1);
    }
  }

  /** The addresses within some code, in one page, at which regions that were kept are entered. */
  entriesWithin(rip: bigint, lengthBytes: number): readonly bigint[] {
    const offsets = this.entriesInPage.get(pageOf(rip));
    if (!offsets) return NO_ENTRIES;
    const first = offsetOf(rip);
    const within = offsets.filter((offset) => offset >= first && offset < first + lengthBytes);
    return within.map((offset) => rip + BigInt(offset - first));
  }

  /** The region to enter at an address, and what it lies in, if all of its code has been fetched from and is what it was. */
  at(rip: bigint): { readonly candidate: Candidate; readonly extent: RegionExtent } | undefined {
    const candidate = this.byEntry.get(rip);
    if (!candidate || (candidate.missing !== undefined && this.parts.fetcher.fetchedPage(candidate.missing) < 0))
      return undefined;
    const { kept, base } = candidate;
    const pages = this.pagesOf(candidate);
    if (!pages) return undefined;
    if (this.contentOf(base, kept.pieces, pages) !== kept.content) {
      this.giveUp(candidate);
      return undefined;
    }
    const low = Number(base);
    const ranges = pairsOf(kept.pieces).map(([start, end]) => ({ start: low + start, end: low + end }));
    return { candidate, extent: { pages, ranges, stops: [] } };
  }

  /** The pages that it lies in; undefined if one has not been fetched from, for which it waits. */
  private pagesOf(candidate: Candidate): readonly CodePage[] | undefined {
    const { kept, base } = candidate;
    const { fetcher } = this.parts;
    const pages = new Map<bigint, number>();
    for (const [start, end] of pairsOf(kept.pieces))
      for (let at = pageOf(base + BigInt(start)); at < base + BigInt(end); at += BigInt(PAGE_SIZE)) {
        if (pages.has(at)) continue;
        const physical = fetcher.fetchedPage(at);
        if (physical < 0) {
          candidate.missing = at;
          this.waiting.set(at, (this.waiting.get(at) ?? new Set()).add(candidate));
          return undefined;
        }
        pages.set(at, physical);
      }
    return [...pages].map(([linear, physical]) => ({ linear, physical }));
  }

  private contentOf(base: bigint, pieces: readonly number[], pages: readonly CodePage[]): string {
    const { ram, hash } = this.parts;
    const frames = new Map(pages.map(({ linear, physical }) => [linear, physical]));
    const parts = pairsOf(pieces).map(([start, end]) =>
      bytesOf({ rip: base + BigInt(start), end: base + BigInt(end) }, frames, ram),
    );
    return bytesToHex(hash(concatenated(parts)));
  }

  /** Compiles it. */
  compile({ kept }: Candidate): WebAssembly.Module {
    return this.parts.keeper.compile(kept);
  }

  /** Takes note that a region is used as it was kept. */
  taken(candidate: Candidate, code: CompiledCode): void {
    this.used.add(candidate.kept);
    this.made.set(code, candidate.kept);
  }

  /** Takes note of a region that was made, to keep it. One with a code stop, or too high, is not kept. */
  add({ region, record }: MadeRegion): void {
    const { base, pages, ranges, stops, wanted, code } = region;
    if (this.made.has(code)) return;
    const page = this.hashAt.get(base);
    if (page === undefined || stops.length > 0 || base >= HIGHEST_BASE) return;
    const low = Number(base);
    const pieces = ranges.flatMap(({ start, end }) => [start - low, end - low]);
    const content = this.contentOf(base, pieces, pages);
    const distances = wanted.map((rip) => Number(rip - base));
    this.made.set(code, { page, pieces, content, wanted: distances, record, machineCode: undefined });
  }

  /** Some code is not to be kept: another region is in its place, or there was no room for it. */
  leaveOut(code: CompiledCode): void {
    this.made.delete(code);
  }

  /** How often the block at an address was found running in earlier runs; 0 from then on. */
  takeSamplesOf(rip: bigint): number {
    const page = this.hashAt.get(pageOf(rip));
    const samples = page === undefined ? undefined : this.samplesOfPage.get(page);
    const times = samples?.get(offsetOf(rip)) ?? 0;
    samples?.delete(offsetOf(rip));
    return times;
  }

  /** Takes over the samples of code that has not been translated, before it is forgotten. */
  addSamples(profile: Profile): void {
    for (const rip of profile.hottest()) {
      const page = this.hashAt.get(pageOf(rip));
      if (page === undefined) continue;
      const samples = this.samplesBefore.get(page) ?? new Map<number, number>();
      samples.set(offsetOf(rip), (samples.get(offsetOf(rip)) ?? 0) + profile.at(rip));
      this.samplesBefore.set(page, samples);
    }
  }

  /** The mappings have changed as a whole. */
  forgetPages(): void {
    for (const known of [this.hashAt, this.candidatesAt, this.byEntry, this.entriesInPage, this.waiting]) known.clear();
  }

  /**
   * Has the host keep what this run has made and used, and behind that what earlier ones have kept; if that is so much more
   * than before that writing it pays.
   */
  keep(profile: Profile): void {
    const { keeper } = this.parts;
    this.addSamples(profile);
    const made = [...this.made].map(([code, kept]) => ({
      ...kept,
      machineCode: kept.machineCode ?? keeper.machineCodeOf(code.module, code.run),
    }));
    const samples = this.samplesToKeep();
    const grows = timesIn(samples) > Math.max(LEAST_TO_KEEP, GROWTH_TO_KEEP * timesIn(keeper.kept.samples));
    const known = new Set(keeper.kept.regions);
    const isNew = [...this.made.values()].some(
      (kept, i) => !known.has(kept) || kept.machineCode !== made[i]!.machineCode,
    );
    if (!grows && !isNew) return;
    const keys = new Set(made.map(({ record }) => bytesToHex(record.key)));
    const before = keeper.kept.regions.filter((kept) => !this.used.has(kept) && !keys.has(bytesToHex(kept.record.key)));
    keeper.keep({ regions: [...made, ...before], samples });
  }

  private samplesToKeep(): KeptSamples[] {
    const all = new Map(this.samplesBefore);
    for (const [page, samples] of this.samplesOfPage) {
      const sum = new Map(samples);
      for (const [offset, times] of all.get(page) ?? []) sum.set(offset, (sum.get(offset) ?? 0) + times);
      all.set(page, sum);
    }
    let blocks = 0;
    const kept = [...all].filter(([, samples]) => samples.size > 0 && (blocks += samples.size) <= MOST_SAMPLED);
    return kept.map(([page, samples]) => ({ page, samples: [...samples].flat() }));
  }
}

function timesIn(all: readonly KeptSamples[]): number {
  return all.reduce((sum, { samples }) => samples.reduce((sum, times, i) => sum + (i % 2 === 1 ? times : 0), sum), 0);
}

function pairsOf(numbers: readonly number[]): [number, number][] {
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!]);
}
