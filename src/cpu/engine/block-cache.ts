import { PAGE_SIZE } from '../../bits.js';
import { WATCH_CODE, type GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { InstructionFetcher } from '../decode/fetch.js';
import type { Instruction } from '../decode/instruction.js';
import { offsetOf, pageOf } from '../access/linear-page.js';
import { DecodedPage, DecodedPages, type Run } from './decoded-page.js';
import { JumpTargets } from './jump-targets.js';
import { Field, Handler, RECORDS_END, RECORDS_START, RECORD_BYTES } from './record.js';
import { RecordWriter, branchTarget, endsRun, type HandlerNumbers } from './record-writer.js';

/** Instructions decoded in one go, at most. */
const LONGEST_RUN = 256;

const PAGE = BigInt(PAGE_SIZE);

/** The first word of a record that says RESOLVE and costs no tick. */
const RESOLVE_WORD = Handler.resolve;

/** Around whom records are kept. */
export interface BlockCacheHost {
  /** Whether somebody else has to hear of stores to the code in a frame. */
  isWatchedElse(frame: number): boolean;
  /** Told when a page is fetched from that was not live: its records, if there were some, are back. */
  pageFetched(linear: bigint): void;
}

/**
 * Decoded records: finds or makes the record of an address, links direct branches, and forgets what was decoded from
 * bytes that change. Records are found by linear address. When the mapping of a page changes, its records are put aside:
 * whoever leads into the page finds records that say RESOLVE, until the page is fetched from again and lies in the same frame.
 */
export class BlockCache {
  private readonly view: DataView;
  private readonly writer: RecordWriter;
  private readonly pages = new DecodedPages();
  private readonly runsOfFrame = new Map<number, Run[]>();
  /** Which field to link once the target that a stub stands for is decoded, by stub. */
  private readonly referrers = new Map<number, number>();
  private readonly pairHandlers: ReadonlySet<number>;
  private readonly jumps: JumpTargets;
  private end = RECORDS_START;
  /** Counts how often everything was dropped: record addresses of another generation mean nothing. */
  generation = 0;
  /** Instructions decoded in all. */
  decoded = 0;

  constructor(
    memory: GuestMemory,
    private readonly mmu: Mmu,
    private readonly fetcher: InstructionFetcher,
    handlers: HandlerNumbers,
    private readonly host: BlockCacheHost,
  ) {
    this.view = memory.hostView;
    this.writer = new RecordWriter(this.view, handlers);
    this.pairHandlers = new Set(Object.values(handlers.handlerOfPair));
    this.jumps = new JumpTargets(memory);
    this.dropAll();
  }

  /** The record of the instruction at `rip`, decoded now if need be; throws #GP or #PF as the fetch does. */
  find(rip: bigint): number {
    return this.known(rip) ?? this.fetch(rip);
  }

  /** Whether the instruction at an address has been decoded. */
  has(rip: bigint): boolean {
    return this.known(rip) !== undefined;
  }

  /** Whether a linear page has been fetched from that lies in a frame, and its mapping has not changed since. */
  isLive(linear: bigint, frame: number): boolean {
    return this.pages.at(linear)?.frame === frame;
  }

  private known(rip: bigint): number | undefined {
    return this.pages.at(pageOf(rip))?.records.get(offsetOf(rip));
  }

  /** The record that an indirect branch to `rip` goes to; the jump cache will know it from now on. */
  findIndirect(rip: bigint): number {
    const record = this.find(rip);
    this.jumps.set(rip, record);
    this.pages.at(pageOf(rip))?.indirectTargets.add(record);
    return record;
  }

  /** What a record that left with RESOLVE stands for; links whoever came through it. */
  resolve(stub: number): number {
    const { generation } = this;
    const rip = this.ripOf(stub);
    const record = this.find(rip);
    if (generation !== this.generation || record === stub) return record;
    // What is put aside must stay as it is; who comes here from now on goes on to what is mapped now.
    this.pages.giveUp(pageOf(rip), offsetOf(rip), stub);
    const referrer = this.referrers.get(stub);
    if (referrer !== undefined) this.view.setInt32(referrer, record, true);
    this.referrers.delete(stub);
    this.pages.at(pageOf(rip))?.entries.add(record);
    this.view.setUint16(stub + Field.handler, Handler.goto, true);
    this.view.setInt32(stub + Field.target, record, true);
    return record;
  }

  /** Makes the record of an address, if there is one, leave for the region that is entered there. */
  markRegion(rip: bigint): void {
    const record = this.known(rip);
    if (record === undefined || this.leadsToRegion(record)) return;
    this.view.setUint16(record + Field.handlerBefore, this.view.getUint16(record + Field.handler, true), true);
    this.view.setUint16(record + Field.handler, Handler.region, true);
  }
  leadsToRegion(record: number): boolean {
    return this.view.getUint16(record + Field.handler, true) === Handler.region;
  }
  /** Gives a record its own handler back, as its region is gone. */
  unmarkRegion(record: number): void {
    this.view.setUint16(record + Field.handler, this.view.getUint16(record + Field.handlerBefore, true), true);
  }

  /** Whether a record stands for an instruction, which has been fetched, rather than for the way to one. */
  isInstruction(record: number): boolean {
    const handler = this.view.getUint16(record + Field.handler, true);
    return handler !== Handler.goto && handler !== Handler.resolve;
  }

  /** The address of the instruction that a record stands for. */
  ripOf(record: number): bigint {
    return BigInt.asUintN(64, this.nextRipOf(record) - BigInt(this.view.getUint8(record + Field.length)));
  }
  nextRipOf(record: number): bigint {
    return this.view.getBigUint64(record + Field.nextRip, true);
  }

  /** How many instructions from a record on, `most` at most, are less than its block and end with no half of a fused pair. */
  partOf(record: number, most: number): number {
    const count = Math.min(most, this.ticksToEnd(record) - 1);
    return count > 0 && this.isFused(record + (count - 1) * RECORD_BYTES) ? count - 1 : count;
  }
  private ticksToEnd(record: number): number {
    return this.view.getUint16(record + Field.ticksToEnd, true);
  }
  private isFused(record: number): boolean {
    const field = this.leadsToRegion(record) ? Field.handlerBefore : Field.handler;
    return this.pairHandlers.has(this.view.getUint16(record + field, true));
  }

  /**
   * Makes the first `count` instructions from a record on a block of their own, which leaves with RESOLVE at the next one;
   * answers how to undo it. `partOf` tells where that may be.
   */
  cut(record: number, count: number): () => void {
    const { view } = this;
    const last = record + count * RECORD_BYTES;
    const handler = view.getUint16(last + Field.handler, true);
    const ticks = this.ticksToEnd(record);
    const countFrom = (ticks: number): void => {
      for (let i = 0; i <= count; i++) view.setUint16(record + i * RECORD_BYTES + Field.ticksToEnd, ticks - i, true);
    };
    countFrom(count);
    view.setUint16(last + Field.handler, Handler.resolve, true);
    return () => {
      countFrom(ticks);
      view.setUint16(last + Field.handler, handler, true);
    };
  }

  /** Forgets what was decoded from bytes that have been stored to. */
  codeStored(physical: number, lengthBytes: number): void {
    const frame = Math.floor(physical / PAGE_SIZE);
    const runs = this.runsOfFrame.get(frame);
    if (!runs) return;
    const kept = runs.filter((run) => {
      const overlaps = physical < run.physical + run.lengthBytes && run.physical < physical + lengthBytes;
      if (overlaps) this.forget(run);
      return !overlaps;
    });
    if (kept.length > 0) this.runsOfFrame.set(frame, kept);
    else this.runsOfFrame.delete(frame);
  }

  /** Whether anything decoded from a frame is left. */
  holds(frame: number): boolean {
    return this.runsOfFrame.has(frame);
  }

  /** Puts the records of a page aside whose mapping has changed, and those that end in it. */
  pageChanged(linear: bigint): void {
    const before = this.pages.at(BigInt.asUintN(64, linear - PAGE));
    if (before) this.putCrossingsAside(before);
    const page = this.pages.at(linear);
    if (!page) return;
    this.putAside(page);
    this.pages.keep(page);
  }

  private putAside(page: DecodedPage): void {
    const { view } = this;
    const aside: number[] = [];
    this.putCrossingsAside(page);
    for (const record of page.entries) {
      aside.push(record, view.getUint32(record, true));
      view.setUint32(record, RESOLVE_WORD, true);
    }
    for (const record of page.indirectTargets) this.jumps.delete(this.ripOf(record), record);
    page.aside = aside;
  }

  private putCrossingsAside({ crossings, records }: DecodedPage): void {
    const { view } = this;
    for (const [offset, crossing] of crossings) {
      if (crossing.aside !== undefined) continue;
      crossing.aside = view.getUint32(crossing.record, true);
      view.setUint32(crossing.record, RESOLVE_WORD, true);
      records.delete(offset);
    }
  }

  private takeBack(page: DecodedPage): void {
    const aside = page.aside!;
    page.aside = undefined;
    for (let i = 0; i < aside.length; i += 2) this.view.setUint32(aside[i]!, aside[i + 1]!, true);
    for (const record of page.indirectTargets) this.jumps.set(this.ripOf(record), record);
  }

  /** Forgets everything. */
  dropAll(): void {
    this.generation++;
    for (const frame of this.runsOfFrame.keys())
      if (!this.host.isWatchedElse(frame)) this.mmu.unwatch(frame, WATCH_CODE);
    this.pages.clear();
    this.runsOfFrame.clear();
    this.referrers.clear();
    this.end = RECORDS_START;
    this.jumps.clear();
  }

  /** Its records say RESOLVE from now on, so that those who link to them, or stand in their midst, find the new bytes. */
  private forget(run: Run): void {
    const { page } = run;
    const isAside = page.aside !== undefined;
    if (isAside) this.takeBack(page);
    for (let i = 0; i < run.records; i++) {
      const record = run.firstRecord + i * RECORD_BYTES;
      const rip = this.ripOf(record);
      const offset = offsetOf(rip);
      if (page.records.get(offset) === record) page.records.delete(offset);
      if (page.crossings.get(offset)?.record === record) page.crossings.delete(offset);
      this.view.setUint32(record, RESOLVE_WORD, true);
      this.jumps.delete(rip, record);
      page.indirectTargets.delete(record);
    }
    if (isAside) this.putAside(page);
    if (isAside && page.isEmpty) this.pages.drop(page);
  }

  /** The record of an instruction that is not known: it may be again, now that it is fetched. */
  private fetch(rip: bigint): number {
    if (this.end + (LONGEST_RUN * 2 + 2) * RECORD_BYTES > RECORDS_END) this.dropAll();
    const physical = this.fetcher.translate(rip);
    const page = this.pageFor(pageOf(rip), Math.floor(physical / PAGE_SIZE));
    return page.records.get(offsetOf(rip)) ?? this.decodeRun(page, rip, physical);
  }

  /** The live page of a linear page, which lies in a frame. */
  private pageFor(linear: bigint, frame: number): DecodedPage {
    const live = this.pages.at(linear);
    if (live) return live;
    const kept = this.pages.takeKept(linear, frame);
    const page = kept ?? new DecodedPage(linear, frame);
    this.pages.enter(page);
    if (kept) this.takeBack(kept);
    this.host.pageFetched(linear);
    return page;
  }

  /**
   * Decodes from `rip` to an unconditional jump, a known instruction, or the end of the page. An instruction that crosses
   * into the next page is a run of its own, since its fetch may fault.
   */
  private decodeRun(page: DecodedPage, rip: bigint, physical: number): number {
    const instructions: Instruction[] = [];
    let at = physical;
    let next = offsetOf(rip);
    while (instructions.length < LONGEST_RUN && !(instructions.length > 0 && page.records.has(next))) {
      const decoded = this.fetcher.decodeInPage(at);
      if (typeof decoded === 'string') break;
      instructions.push(decoded);
      at += decoded.length;
      next += decoded.length;
      if (endsRun(decoded) || at % PAGE_SIZE === 0) break;
    }
    if (instructions.length === 0) return this.decodeSingle(page, rip, physical);
    return this.write(page, rip, physical, at - physical, instructions);
  }

  /** What does not decode within its page: an instruction that crosses, or none at all, which the evaluator finds out. */
  private decodeSingle(page: DecodedPage, rip: bigint, physical: number): number {
    const inFirst = PAGE_SIZE - (physical % PAGE_SIZE);
    if (this.fetcher.decodeInPage(physical) !== 'end') {
      const record = this.writeStub(rip);
      this.view.setUint16(record + Field.handler, Handler.evaluate, true);
      this.view.setUint16(record + Field.ticksToEnd, 1, true);
      page.records.set(offsetOf(rip), record);
      this.watchRun({ page, firstRecord: record, records: 1, physical, lengthBytes: inFirst });
      return record;
    }
    const { instruction, second } = this.fetcher.fetchCrossing(rip);
    const known = page.crossings.get(offsetOf(rip));
    if (known?.aside !== undefined && known.second === second) {
      this.view.setUint32(known.record, known.aside, true);
      known.aside = undefined;
      page.records.set(offsetOf(rip), known.record);
      return known.record;
    }
    const record = this.write(page, rip, physical, inFirst, [instruction]);
    page.crossings.set(offsetOf(rip), { record, second, aside: undefined });
    this.watchRun({
      page,
      firstRecord: record,
      records: 1,
      physical: second,
      lengthBytes: instruction.length - inFirst,
    });
    return record;
  }

  private write(
    page: DecodedPage,
    rip: bigint,
    physical: number,
    lengthBytes: number,
    instructions: readonly Instruction[],
  ): number {
    const first = this.end;
    this.end += instructions.length * RECORD_BYTES;
    this.decoded += instructions.length;
    const rips: bigint[] = [];
    let nextRip = rip;
    instructions.forEach(({ length }, i) => {
      page.records.set(offsetOf(nextRip), first + i * RECORD_BYTES);
      rips.push((nextRip = BigInt.asUintN(64, nextRip + BigInt(length))));
    });
    this.writer.write(first, instructions, rips);
    this.writeGoOn(page, nextRip);
    instructions.forEach((instruction, i) => {
      const target = branchTarget(instruction, rips[i]!);
      if (target !== undefined) this.link(page, first + i * RECORD_BYTES, target);
    });
    this.watchRun({ page, firstRecord: first, records: instructions.length, physical, lengthBytes });
    return first;
  }

  /** The record behind a run: goes on where the next instruction is known, else finds out when it is reached. */
  private writeGoOn(from: DecodedPage, rip: bigint): void {
    const stub = this.writeStub(rip);
    const known = this.knownFrom(from, rip);
    if (known === undefined) return;
    this.view.setUint16(stub + Field.handler, Handler.goto, true);
    this.view.setInt32(stub + Field.target, known, true);
  }

  /** The record that a page is to lead to, if there is one. */
  private knownFrom(from: DecodedPage, rip: bigint): number | undefined {
    const page = this.pages.at(pageOf(rip));
    const record = page?.records.get(offsetOf(rip));
    if (record !== undefined && page !== from) page!.entries.add(record);
    return record;
  }

  /** A record that says RESOLVE. */
  private writeStub(rip: bigint): number {
    const stub = this.end;
    this.end += RECORD_BYTES;
    this.view.setUint16(stub + Field.handler, Handler.resolve, true);
    this.view.setUint16(stub + Field.ticksToEnd, 0, true);
    this.view.setBigUint64(stub + Field.nextRip, rip, true);
    this.view.setUint8(stub + Field.length, 0);
    return stub;
  }

  /** Links a direct branch to its target, or to a stub that will. */
  private link(from: DecodedPage, record: number, target: bigint): void {
    const known = this.knownFrom(from, target);
    const goal = known ?? this.writeStub(target);
    if (known === undefined) this.referrers.set(goal, record + Field.target);
    this.view.setInt32(record + Field.target, goal, true);
  }

  private watchRun(run: Run): void {
    const frame = Math.floor(run.physical / PAGE_SIZE);
    const runs = this.runsOfFrame.get(frame);
    if (runs) runs.push(run);
    else this.runsOfFrame.set(frame, [run]);
    this.mmu.watch(frame, WATCH_CODE);
  }
}
