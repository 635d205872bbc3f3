import { PAGE_SIZE, isCanonical } from '../../bits.js';
import { WATCH_CODE, type GuestMemory } from '../../memory.js';
import type { Alias, SlotChange } from '../../mmu/alias.js';
import type { ChangedPages } from '../../mmu/derived-entries.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { InstructionFetcher } from '../decode/fetch.js';
import { offsetOf, pageOf } from '../access/linear-page.js';
import { CODE_VIEW } from '../state/layout.js';
import { SUPERVISOR_VIEW, USER_VIEW, type CodeView } from './code-view.js';
import { DecodedPage, DecodedPages, type Run } from './decoded-page.js';
import { JumpTargets } from './jump-targets.js';
import { Field, Handler, RECORDS_END, RECORDS_START, RECORD_BYTES } from './record.js';
import type { HandlerNumbers } from './record-plan.js';
import { LONGEST_RUN, RunDecoder, isDirectBranch, type DecodingRules, type RecordFunctions } from './run-decoder.js';

const PAGE = BigInt(PAGE_SIZE);

/** The first word of a RESOLVE record, which costs no tick. */
const RESOLVE_WORD = Handler.resolve;

/** What the block cache needs from its owner. */
export interface BlockCacheHost extends DecodingRules {
  /** Whether another component also needs to be notified of stores to the code in a frame. */
  isWatchedElse(frame: number): boolean;
  /** Called when a page that was not live is fetched from: its records, if any, have been restored. */
  pageFetched(linear: bigint): void;
  /** Called when so many bytes of code have been decoded. */
  codeDecoded(rip: bigint, lengthBytes: number): void;
}

/**
 * The cache of decoded records: finds or creates the record of an address, links direct branches, and discards records
 * whose bytes change. Records are found by linear address. When the mapping of a page changes, its records are put
 * aside: links into the page then hit RESOLVE records until it is fetched again from the same frame.
 */
export class BlockCache {
  private readonly view: DataView;
  private readonly runs: RunDecoder;
  /** Of the view whose code runs. */
  private pages = new DecodedPages(USER_VIEW);
  private readonly pagesOf = new Map([[USER_VIEW, this.pages]]);
  private readonly runsOfFrame = new Map<number, Run[]>();
  /** The field to link once the target of a stub has been decoded, by stub. */
  private readonly referrers = new Map<number, number>();
  private readonly jumps: JumpTargets;
  private end: number = RECORDS_START;
  /** Number of times that everything was dropped; record addresses are valid only within one generation. */
  generation = 0;
  /** Total number of instructions decoded. */
  decoded = 0;

  constructor(
    memory: GuestMemory,
    private readonly mmu: Mmu,
    private readonly fetcher: InstructionFetcher,
    handlers: HandlerNumbers,
    functions: RecordFunctions,
    private readonly host: BlockCacheHost,
  ) {
    this.view = memory.hostView;
    this.runs = new RunDecoder(memory, fetcher, handlers, functions, host);
    this.jumps = new JumpTargets(memory);
    this.dropAll();
  }

  /**
   * Runs code of a privilege level, which reaches none of the records of the other one. Returns its view if that was not in
   * use before.
   */
  switchPrivilege(isUser: boolean): CodeView | undefined {
    const view = isUser ? USER_VIEW : SUPERVISOR_VIEW;
    if (this.pages.view === view) return undefined;
    this.generation++;
    this.pages = this.pagesIn(view);
    this.view.setBigUint64(CODE_VIEW, view, true);
    return view;
  }

  /** The view whose code runs. */
  get codeView(): CodeView {
    return this.pages.view;
  }

  private pagesIn(view: CodeView): DecodedPages {
    const known = this.pagesOf.get(view) ?? new DecodedPages(view);
    this.pagesOf.set(view, known);
    return known;
  }

  /** Finds the record of the instruction at `rip`, decoding it if necessary; throws #GP or #PF as the fetch does. */
  find(rip: bigint): number {
    return this.known(rip) ?? this.fetch(rip);
  }

  /** Whether the instruction at an address has been decoded. */
  has(rip: bigint): boolean {
    return this.known(rip) !== undefined;
  }

  /** Whether an indirect branch, or a region that was left, has led to an address. */
  isJumpedTo(rip: bigint): boolean {
    const record = this.known(rip);
    return record !== undefined && this.pages.at(pageOf(rip))!.indirectTargets.has(record);
  }

  /** Whether a linear page was fetched from a frame and its mapping has not changed since. */
  isLive(linear: bigint, frame: number): boolean {
    return this.frameOf(linear) === frame;
  }

  /** The frame that a linear page was fetched from, if its mapping has not changed since. */
  frameOf(linear: bigint): number | undefined {
    return this.pages.at(linear)?.frame;
  }

  private known(rip: bigint, pages = this.pages): number | undefined {
    return pages.at(pageOf(rip))?.records.get(offsetOf(rip));
  }

  /** Finds the record that an indirect branch to `rip` goes to, and enters it into the jump cache. */
  findIndirect(rip: bigint): number {
    const record = this.find(rip);
    this.jumps.set(rip ^ this.pages.view, record);
    this.pages.at(pageOf(rip))?.indirectTargets.add(record);
    return record;
  }

  /** Resolves a RESOLVE stub to its target record and patches the branch that reached it. */
  resolve(stub: number): number {
    const { generation } = this;
    const rip = this.ripOf(stub);
    const record = this.find(rip);
    if (generation !== this.generation || record === stub) return record;
    // The stub becomes a jump to the current mapping, which invalidates a page put aside that contains it.
    this.pages.giveUp(pageOf(rip), offsetOf(rip), stub);
    const referrer = this.referrers.get(stub);
    if (referrer !== undefined) this.view.setInt32(referrer, record, true);
    this.referrers.delete(stub);
    this.pages.at(pageOf(rip))?.entries.add(record);
    this.view.setUint16(stub + Field.handler, Handler.goto, true);
    this.view.setInt32(stub + Field.target, record, true);
    return record;
  }

  /** Makes the record of an address in a view, if there is one, exit to the code region entered there. */
  markRegion(rip: bigint, view: CodeView): void {
    const record = this.known(rip, this.pagesIn(view));
    if (record === undefined || this.leadsToRegion(record)) return;
    this.view.setUint16(record + Field.handlerBefore, this.view.getUint16(record + Field.handler, true), true);
    this.view.setUint16(record + Field.handler, Handler.region, true);
  }
  leadsToRegion(record: number): boolean {
    return this.view.getUint16(record + Field.handler, true) === Handler.region;
  }
  /** Restores a record's own handler after its region is gone. */
  unmarkRegion(record: number): void {
    this.view.setUint16(record + Field.handler, this.view.getUint16(record + Field.handlerBefore, true), true);
  }

  /** Whether a record represents an instruction that has been fetched, rather than a link to one. */
  isInstruction(record: number): boolean {
    const handler = this.view.getUint16(record + Field.handler, true);
    return handler !== Handler.goto && handler !== Handler.resolve;
  }

  /** The address of a record's instruction. */
  ripOf(record: number): bigint {
    return BigInt.asUintN(64, this.nextRipOf(record) - BigInt(this.view.getUint8(record + Field.length)));
  }
  nextRipOf(record: number): bigint {
    return this.view.getBigUint64(record + Field.nextRip, true);
  }

  /** Number of instructions (at most `most`) that can run from `record` without finishing the block. */
  partOf(record: number, most: number): number {
    return Math.min(most, this.ticksToEnd(record) - 1);
  }
  private ticksToEnd(record: number): number {
    return this.view.getUint16(record + Field.ticksToEnd, true);
  }
  /** The address of the handler of a record's instruction, or of the fused pair that it begins. */
  private handlerPlace(record: number): number {
    return record + (this.leadsToRegion(record) ? Field.handlerBefore : Field.handler);
  }
  /** The handler of a record's instruction alone: decoded once more, since that of the fused pair has replaced it. */
  private handlerAlone(record: number): number {
    const rip = this.ripOf(record);
    const frame = this.frameOf(pageOf(rip));
    return frame === undefined ? Handler.evaluate : this.runs.handlerAt(frame * PAGE_SIZE + offsetOf(rip));
  }

  /**
   * Turns the first `count` instructions from a record on, as `partOf` gives it, into a separate block that exits with RESOLVE
   * after them; a fused pair of which only the first belongs to them is split. Returns a function that undoes this.
   */
  cut(record: number, count: number): () => void {
    const { view } = this;
    const last = record + count * RECORD_BYTES;
    const handler = view.getUint16(last + Field.handler, true);
    const ticks = this.ticksToEnd(record);
    const countFrom = (ticks: number): void => {
      for (let i = 0; i <= count; i++) view.setUint16(record + i * RECORD_BYTES + Field.ticksToEnd, ticks - i, true);
    };
    const place = this.handlerPlace(last - RECORD_BYTES);
    const before = view.getUint16(place, true);
    if (this.runs.pairHandlers.has(before)) view.setUint16(place, this.handlerAlone(last - RECORD_BYTES), true);
    countFrom(count);
    view.setUint16(last + Field.handler, Handler.resolve, true);
    return () => {
      countFrom(ticks);
      view.setUint16(place, before, true);
      view.setUint16(last + Field.handler, handler, true);
    };
  }

  /** As `cut`, after an instruction with REP, which is the last of its block. */
  cutAfter(record: number): () => void {
    const { view } = this;
    const next = record + RECORD_BYTES;
    const handler = view.getUint16(next + Field.handler, true);
    const ticks = this.ticksToEnd(next);
    view.setUint16(next + Field.handler, Handler.resolve, true);
    view.setUint16(next + Field.ticksToEnd, 0, true);
    return () => {
      view.setUint16(next + Field.handler, handler, true);
      view.setUint16(next + Field.ticksToEnd, ticks, true);
    };
  }

  /** Discards everything decoded from bytes that have been stored to. */
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

  /** Discards the runs with instructions in a range in which code stops were added or removed. */
  codeStopsChanged({ start, end }: AddressRange): void {
    for (const page of this.views.flatMap((pages) => pages.within(start, end))) {
      const runs = this.runsOfFrame.get(page.frame);
      const kept = runs?.filter((run) => {
        const last = run.firstRecord + (run.records - 1) * RECORD_BYTES;
        const isHit = run.page === page && this.addressAt(run.firstRecord) < end && this.addressAt(last) >= start;
        if (isHit) this.forget(run);
        return !isHit;
      });
      if (kept && kept.length > 0) this.runsOfFrame.set(page.frame, kept);
      else this.runsOfFrame.delete(page.frame);
    }
  }

  /** The low 48 bits of the address of a record's instruction. */
  private addressAt(record: number): number {
    return Number(BigInt.asUintN(48, this.ripOf(record)));
  }

  /** Whether any records decoded from a frame remain. */
  holds(frame: number): boolean {
    return this.runsOfFrame.has(frame);
  }

  /**
   * Something else is seen in slots. Returns the addresses of the pages whose records are put aside, and of those that can run
   * again, as they were when the same was seen last; nothing changes for pages that are seen in both cases.
   */
  switchSlots(changes: readonly SlotChange[]): {
    readonly leaving: readonly bigint[];
    readonly entering: readonly bigint[];
  } {
    const switched = changes.map((change) => this.pages.switchSlot(change));
    const leaving = switched.flatMap((each) => each.leaving);
    const entering = switched.flatMap((each) => each.entering);
    for (const page of leaving) {
      this.putAside(page);
      const before = this.pages.at(BigInt.asUintN(64, page.linear - PAGE));
      if (before && before.aside === undefined) this.putCrossingsAside(before);
    }
    for (const page of entering) this.takeBack(page);
    for (const page of entering) {
      const [before, after] = [-PAGE, PAGE].map((by) => this.pages.at(BigInt.asUintN(64, page.linear + by)));
      if (before) this.takeCrossingsBack(before, page);
      if (after) this.takeCrossingsBack(page, after);
    }
    return { leaving: leaving.map(({ linear }) => linear), entering: entering.map(({ linear }) => linear) };
  }

  /** What lies at a page has changed, for windows in which it is not seen now. */
  homeChanged(home: number): void {
    this.pages.homeChanged(home);
  }

  /** Forgets what was live in windows that will not be used again. */
  forgetWindows(aliases: readonly Alias[]): void {
    this.pages.forgetWindows(aliases);
  }

  /** Whether the page of an address was fetched from and its mapping has not changed since. */
  isFetched(rip: bigint): boolean {
    return this.pages.at(pageOf(rip)) !== undefined;
  }

  private get views(): DecodedPages[] {
    return [...this.pagesOf.values()];
  }

  /** Puts aside the records of a page whose mapping has changed, and those that end in it. */
  pageChanged(linear: bigint): void {
    for (const pages of this.pagesOf.values()) {
      const before = pages.at(BigInt.asUintN(64, linear - PAGE));
      if (before) this.putCrossingsAside(before);
      const page = pages.at(linear);
      if (!page) continue;
      this.putAside(page);
      pages.keep(page);
    }
  }

  /** As `pageChanged`, of some pages; called between two instructions. Returns their addresses. */
  pagesChanged(which: ChangedPages): Iterable<bigint> {
    const changed = new Set<bigint>();
    for (const pages of this.pagesOf.values()) for (const { linear } of pages.liveAt(which)) changed.add(linear);
    if (changed.size > 0) this.generation++;
    for (const linear of changed) this.pageChanged(linear);
    return changed;
  }

  private putAside(page: DecodedPage): void {
    const { view } = this;
    const aside: number[] = [];
    this.putCrossingsAside(page);
    for (const record of page.entries) {
      aside.push(record, view.getUint32(record, true));
      view.setUint32(record, RESOLVE_WORD, true);
    }
    for (const record of page.indirectTargets) this.jumps.delete(this.ripOf(record) ^ page.view, record);
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

  /** Takes back the records of a live page that end in the next, which is live as well. */
  private takeCrossingsBack({ crossings, records }: DecodedPage, { frame }: DecodedPage): void {
    for (const [offset, crossing] of crossings) {
      if (crossing.aside === undefined || crossing.second !== frame * PAGE_SIZE) continue;
      this.view.setUint32(crossing.record, crossing.aside, true);
      crossing.aside = undefined;
      records.set(offset, crossing.record);
    }
  }

  private takeBack(page: DecodedPage): void {
    const aside = page.aside!;
    page.aside = undefined;
    for (let i = 0; i < aside.length; i += 2) this.view.setUint32(aside[i]!, aside[i + 1]!, true);
    for (const record of page.indirectTargets) this.jumps.set(this.ripOf(record) ^ page.view, record);
  }

  /** Discards everything. */
  dropAll(): void {
    this.generation++;
    for (const frame of this.runsOfFrame.keys())
      if (!this.host.isWatchedElse(frame)) this.mmu.unwatch(frame, WATCH_CODE);
    for (const pages of this.views) pages.clear();
    this.runsOfFrame.clear();
    this.referrers.clear();
    this.end = RECORDS_START;
    this.jumps.clear();
  }

  /**
   * Turns its records into RESOLVE records, so that links to them, and execution in the middle of them, find the new
   * bytes.
   */
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
      this.jumps.delete(rip ^ page.view, record);
      page.indirectTargets.delete(record);
    }
    if (isAside) this.putAside(page);
    if (!isAside || !page.isEmpty) return;
    this.pagesIn(page.view).drop(page);
  }

  /** The record of an unknown instruction; fetching it may restore a record that was put aside. */
  private fetch(rip: bigint): number {
    if (this.end + (LONGEST_RUN * 2 + 2) * RECORD_BYTES > RECORDS_END) this.dropAll();
    const physical = this.fetcher.translate(rip);
    const page = this.pageFor(pageOf(rip), Math.floor(physical / PAGE_SIZE));
    return page.records.get(offsetOf(rip)) ?? this.decodeRun(page, rip, physical);
  }

  /** The live page of a linear page in a frame. */
  private pageFor(linear: bigint, frame: number): DecodedPage {
    const live = this.pages.at(linear);
    if (live) return live;
    const kept = this.pages.takeKept(linear, frame);
    const page = kept ?? new DecodedPage(linear, frame, this.pages.view);
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
    const end = this.runs.decode(this.end, page.linear, page.records, physical);
    if (end === this.end) return this.decodeSingle(page, rip, physical);
    return this.write(page, rip, physical, end);
  }

  /**
   * Handles bytes that do not decode within their page: a crossing instruction, or an invalid one, which the evaluator
   * detects.
   */
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
    this.pageFor(BigInt.asUintN(64, page.linear + PAGE), Math.floor(second / PAGE_SIZE));
    const known = page.crossings.get(offsetOf(rip));
    if (known?.aside !== undefined && known.second === second) {
      this.view.setUint32(known.record, known.aside, true);
      known.aside = undefined;
      page.records.set(offsetOf(rip), known.record);
      return known.record;
    }
    const record = this.end;
    this.runs.writeCrossing(record, rip, page.linear, instruction);
    this.write(page, rip, physical, record + RECORD_BYTES, inFirst);
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

  /** Enters the records from `end` of this cache on, of instructions from `rip` on, of which so many bytes lie in the page. */
  private write(page: DecodedPage, rip: bigint, physical: number, end: number, bytesInPage?: number): number {
    const { view } = this;
    const first = this.end;
    this.end = end;
    this.decoded += (end - first) / RECORD_BYTES;
    const start = offsetOf(rip);
    let offset = start;
    const branches: number[] = [];
    for (let record = first; record < end; record += RECORD_BYTES) {
      page.records.set(offset, record);
      offset += view.getUint8(record + Field.length);
      if (isDirectBranch(view, record) && this.goesSomewhere(record)) branches.push(record);
    }
    this.runs.finish(first, end);
    this.writeGoOn(page, BigInt.asUintN(64, page.linear + BigInt(offset)));
    for (const record of branches) this.link(page, record, this.targetOf(record));
    const lengthBytes = bytesInPage ?? offset - start;
    this.watchRun({ page, firstRecord: first, records: (end - first) / RECORD_BYTES, physical, lengthBytes });
    this.host.codeDecoded(rip, lengthBytes);
    return first;
  }

  /** Whether a direct branch leads to a canonical address; if not, it is left to the evaluator. */
  private goesSomewhere(record: number): boolean {
    const goes = isCanonical(this.targetOf(record));
    if (!goes) this.view.setUint16(record + Field.handler, Handler.evaluate, true);
    return goes;
  }

  /** Where a direct branch leads. */
  private targetOf(record: number): bigint {
    const distance = this.view.getBigInt64(record + Field.immediate, true);
    return BigInt.asUintN(64, this.nextRipOf(record) + distance);
  }

  /** Writes the record after a run: a goto if the next instruction is known, else a RESOLVE stub. */
  private writeGoOn(from: DecodedPage, rip: bigint): void {
    const stub = this.writeStub(rip);
    const known = this.knownFrom(from, rip);
    if (known === undefined) return;
    this.view.setUint16(stub + Field.handler, Handler.goto, true);
    this.view.setInt32(stub + Field.target, known, true);
  }

  /** The record for links from a page to an address, if there is one. */
  private knownFrom(from: DecodedPage, rip: bigint): number | undefined {
    const page = this.pages.at(pageOf(rip));
    const record = page?.records.get(offsetOf(rip));
    if (record !== undefined && page !== from) page!.entries.add(record);
    return record;
  }

  /** Writes a RESOLVE record. */
  private writeStub(rip: bigint): number {
    const stub = this.end;
    this.end += RECORD_BYTES;
    this.view.setUint16(stub + Field.handler, Handler.resolve, true);
    this.view.setUint16(stub + Field.ticksToEnd, 0, true);
    this.view.setBigUint64(stub + Field.nextRip, rip, true);
    this.view.setUint8(stub + Field.length, 0);
    return stub;
  }

  /** Links a direct branch to its target, or to a stub that is resolved later. */
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
