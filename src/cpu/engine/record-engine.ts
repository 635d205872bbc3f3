import { PAGE_SHIFT, PAGE_SIZE } from '../../bits.js';
import type { Alias, SlotChange } from '../../mmu/alias.js';
import type { ChangedPages } from '../../mmu/derived-entries.js';
import type { AddressRange } from '../../mmu/fence.js';
import { ACCESS_READ, ACCESS_WRITE, isCanonicalHigh } from '../../mmu/walk.js';
import type { BareEngineCpu, EngineCpu } from './engine-cpu.js';
import type { CodeStopsListener } from '../stops.js';
import { INTERRUPTIBLE, STOPPED, SYSCALL, TICKS, VMCALL, faultOf, type CpuEvent } from '../state/events.js';
import { pageFault } from '../state/exceptions.js';
import {
  ACCESS_ELEMENT,
  EXIT_ACCESS,
  EXIT_LINEAR,
  HELD_UNTIL,
  IGNORES_ALL_REGIONS,
  IGNORES_REGIONS,
  RIP,
  TICKS_END,
  TICKS_WITHHELD,
} from '../state/layout.js';
import type { TranslationStats } from '../translator/events.js';
import type { HotCode } from '../translator/hot-code.js';
import type { TranslatorOptions } from '../translator/options.js';
import { translatorModule } from '../translator/translator-at-hand.js';
import { BlockCache } from './block-cache.js';
import { ExitPlaces } from './exit-places.js';
import { Interpreter, generatedInterpreter } from '../interpreter/interpreter.js';
import { hotCodeHost } from './hot-host.js';
import { jumpTargetOfRip } from './jump-targets.js';
import { Exit, Field, RECORD_BYTES, type ExitCode } from './record.js';

/** Ticks per call of generated code: it must return now and then so that V8 can switch to its optimised version. */
const LONGEST_SLICE = 500_000;

/** Maximum ticks per call of generated code, which counts them in 32 bits. */
const MOST_TICKS = 1 << 30;

/** Where to continue: a record, or 0 to look up rip; or an event. */
type Next = number | CpuEvent;

/**
 * Runs decoded records in the generated interpreter and, with a hot tier, code regions. Handles what they do not:
 * decoding, TLB misses and, with the evaluator, all rare cases.
 */
export class RecordEngine implements CodeStopsListener {
  private readonly interpreter: Interpreter;
  private readonly blocks: BlockCache;
  private hot: HotCode | undefined;
  private readonly exits: ExitPlaces;
  private mappingsHaveChanged = false;
  private changedPages: bigint[] = [];
  private changedStops: AddressRange[] = [];
  private hasCodeStops = false;
  private readonly lastMiss = { ticks: -1, record: 0, high: 0, low: 0, count: 0 };

  /** If options for the hot tier are given, blocks that run often are translated. */
  constructor(
    private readonly cpu: EngineCpu,
    private readonly translator?: TranslatorOptions,
  ) {
    const { memory, mmu, fetcher, codeStops } = cpu;
    this.interpreter = new Interpreter(memory);
    this.exits = new ExitPlaces(memory.host32, mmu);
    const blocks = new BlockCache(memory, mmu, fetcher, generatedInterpreter(), this.interpreter.writers, {
      codeStops,
      rules: cpu.bare?.rules,
      isWatchedElse: (frame) => fetcher.holds(frame) || this.hot?.holds(frame) === true,
      pageFetched: (linear) => this.hot?.pageFetched(linear),
      codeDecoded: (rip, lengthBytes) => this.hot?.codeDecoded(rip, lengthBytes),
    });
    this.blocks = blocks;
    this.hot = this.makeHot();
  }

  /** The hot tier; undefined if there is to be none, or while it is not loaded: see TranslatorModule. */
  private makeHot(): HotCode | undefined {
    const { translator, cpu, blocks, interpreter } = this;
    const { HotCode } = translatorModule;
    if (translator === undefined || !HotCode) return undefined;
    const hot = new HotCode(hotCodeHost(cpu, blocks, interpreter), translator);
    hot.switchView(blocks.codeView);
    return hot;
  }

  /** Statistics of the hot tier; undefined if there is none. */
  get translationStats(): TranslationStats | undefined {
    return this.hot?.statistics;
  }

  /** Has the host keep what has become hot, if it wants that. */
  keepCode(): void {
    this.hot?.keep();
  }

  /** Number of instructions decoded, including repeated decodes. */
  get decoded(): number {
    return this.blocks.decoded;
  }

  /** Marks all decoded records as possibly stale; they are dropped before the next instruction. */
  mappingsChanged(): void {
    this.mappingsHaveChanged = true;
    this.exits.forget();
  }

  /** On a bare machine: some pages may be mapped elsewhere, but no code has changed. */
  pagesChanged(which: ChangedPages): void {
    for (const linear of this.blocks.pagesChanged(which)) this.hot?.pageChanged(linear);
    this.exits.forget();
  }

  /** Code of user mode and of supervisor mode is kept apart: what runs from now on. */
  privilegeChanged(isUser: boolean): void {
    const view = this.blocks.switchPrivilege(isUser);
    if (view === undefined) return;
    this.hot?.switchView(view);
    this.exits.forget();
  }

  /** As `mappingsChanged`, for one linear page, whose address is given in two halves. */
  pageChanged(linearHigh: number, linearLow: number): void {
    this.changedPages.push((BigInt(linearHigh >>> 0) << 32n) | BigInt((linearLow & -PAGE_SIZE) >>> 0));
    this.exits.forgetPage(linearHigh, linearLow);
  }

  /** Something else is seen in some slots: what was found there is put aside, and what was there before is found again. */
  slotsSwitched(changes: readonly SlotChange[]): void {
    this.dropWhatChanged();
    const { leaving, entering } = this.blocks.switchSlots(changes);
    if (leaving.length > 0) this.exits.forget();
    for (const linear of leaving) this.hot?.pageChanged(linear);
    for (const linear of entering) this.hot?.pageFetched(linear);
  }

  /** What lies at a page has changed, which may be seen in windows that are not in use. */
  homeChanged(home: number): void {
    this.blocks.homeChanged(home);
  }

  /** Some aliases will not be used again. */
  aliasesForgotten(aliases: readonly Alias[]): void {
    this.blocks.forgetWindows(aliases);
  }

  codeStopsChanged(range: AddressRange): void {
    this.hasCodeStops = !this.cpu.codeStops.isEmpty;
    this.changedStops.push(range);
  }

  codeStored(physical: number, lengthBytes: number): void {
    this.exits.forget();
    this.blocks.codeStored(physical, lengthBytes);
    this.hot?.codeStored(physical, lengthBytes);
  }

  /** Whether anything decoded from a frame remains. */
  holds(frame: number): boolean {
    return this.blocks.holds(frame) || this.hot?.holds(frame) === true;
  }

  /** Runs until the CPU's ticks reach `end`, an event, or the last of `rounds`: in each, generated code is left once. */
  run(end: number, rounds: number): CpuEvent {
    const { cpu } = this;
    const { bare } = cpu;
    const hot = (this.hot ??= this.makeHot());
    let next: Next = 0;
    for (let round = 0; typeof next === 'number' && cpu.ticks < end && round < rounds; round++) {
      if (this.mappingsHaveChanged || this.changedPages.length > 0 || this.changedStops.length > 0) {
        this.dropWhatChanged();
        next = 0;
      }
      if (bare?.isInterruptible === true) return INTERRUPTIBLE;
      cpu.updateModes();
      if (cpu.runsSingly) next = this.runSingly(end);
      else if (next === 0) next = this.takeStop() ? STOPPED : this.locateRip();
      else if (hot) next = this.runHot(hot, next, end);
      else next = this.runInterpreter(next, end);
      if (bare) this.takeHeldInterrupts(bare);
    }
    return typeof next === 'number' ? TICKS : next;
  }

  private takeHeldInterrupts(bare: BareEngineCpu): void {
    const { host32 } = this.cpu.memory;
    const low = HELD_UNTIL >> 2;
    const high = low + 1;
    if (host32[low] === 0 && host32[high] === 0) return;
    bare.heldInterrupts(host32[high]! * 2 ** 32 + (host32[low]! >>> 0));
    host32[low] = host32[high] = 0;
  }

  /** Whether the CPU must stop before the instruction at rip. */
  private takeStop(): boolean {
    return this.hasCodeStops && this.cpu.codeStops.takeStop();
  }

  private dropWhatChanged(): void {
    const { hot, blocks, changedPages, changedStops, mappingsHaveChanged } = this;
    this.changedPages = [];
    this.changedStops = [];
    this.mappingsHaveChanged = false;
    if (mappingsHaveChanged) {
      hot?.dropAll();
      blocks.dropAll();
      return;
    }
    for (const linear of changedPages) {
      hot?.pageChanged(linear);
      blocks.pageChanged(linear);
    }
    for (const range of changedStops) {
      hot?.codeStopsChanged(range);
      blocks.codeStopsChanged(range);
    }
  }

  /** Runs from a record in the interpreter alone. */
  private runInterpreter(record: number, end: number): Next {
    const { cpu, interpreter } = this;
    const ticks = Math.min(end - cpu.ticks, LONGEST_SLICE);
    this.noteEnd(ticks);
    const exit = interpreter.run(record, ticks);
    cpu.ticks += ticks - interpreter.ticksLeft;
    return this.afterInterpreter(exit, end, end - cpu.ticks === interpreter.ticksLeft);
  }

  /** Tells generated code, which is about to run for so many ticks, what time it is. */
  private noteEnd(ticks: number): void {
    const { hostView, host32 } = this.cpu.memory;
    hostView.setFloat64(TICKS_END, this.cpu.ticks + ticks, true);
    host32[TICKS_WITHHELD >> 2] = 0;
  }

  /** Handles an exit of the interpreter. `last` is true if it had all ticks up to the end. */
  private afterInterpreter(exit: ExitCode, end: number, last: boolean): Next {
    const { cpu, interpreter } = this;
    const { record } = interpreter;
    if (exit !== Exit.indirect) this.setRip(record);
    // Fetching the next instruction, which may set A bits and fault, belongs to the next tick.
    if (cpu.ticks >= end) return 0;
    return last && exit === Exit.ticks ? this.runPart(record, end) : this.afterExit(exit, record);
  }

  /** Sets rip to the address of a record's instruction; as two words for speed, since this follows every miss. */
  private setRip(record: number): void {
    const { host, host32 } = this.cpu.memory;
    const next = (record + Field.nextRip) >> 2;
    const nextLow = host32[next]! >>> 0;
    const length = host[record + Field.length]!;
    host32[RIP >> 2] = nextLow - length;
    host32[(RIP >> 2) + 1] = host32[next + 1]! - (nextLow < length ? 1 : 0);
  }

  /** Runs from a record in the interpreter and in regions. */
  private runHot(hot: HotCode, record: number, end: number): Next {
    const { cpu, blocks } = this;
    if (hot.translatesAtOnce && blocks.isInstruction(record) && !blocks.leadsToRegion(record))
      hot.sample(blocks.ripOf(record));
    const ticks = end - cpu.ticks;
    const given = Math.min(ticks, MOST_TICKS);
    this.noteEnd(given);
    const exit = hot.run(record, given);
    cpu.ticks += given - hot.ticksLeft;
    if (exit <= Exit.region) {
      this.interpreter.takeRecord();
      const sampled = exit === Exit.ticks && hot.hasSamples;
      const next = this.afterInterpreter(exit, end, !sampled && end - cpu.ticks === hot.ticksLeft);
      if (sampled) hot.takeSamples();
      return next;
    }
    return cpu.ticks >= end ? 0 : this.afterRegion(hot, exit, end);
  }

  /** Handles an exit of a region; rip is where it stopped. */
  private afterRegion(hot: HotCode, exit: ExitCode, end: number): Next {
    const { cpu, blocks } = this;
    if (exit === Exit.evaluateRip) return this.evaluate(0);
    if (this.takeStop()) return STOPPED;
    const next = this.findIndirect();
    if (typeof next !== 'number') return next;
    if (exit === Exit.tail) return this.runTail(next, end);
    if (exit === Exit.wideMisses) hot.checksMissed(cpu.state.rip, cpu.ticks);
    else if (!hot.refresh(cpu.state.rip) && blocks.leadsToRegion(next)) blocks.unmarkRegion(next);
    return next;
  }

  /** Runs the last few ticks, which may not suffice for a region. */
  private runTail(record: number, end: number): Next {
    return this.withoutRegions(() => this.runInterpreter(record, end));
  }

  /** Makes the interpreter continue where a region could be entered. */
  private withoutRegions<T>(run: () => T): T {
    const { host32 } = this.cpu.memory;
    const before = host32[IGNORES_REGIONS >> 2]!;
    host32[IGNORES_REGIONS >> 2] = IGNORES_ALL_REGIONS;
    try {
      return run();
    } finally {
      host32[IGNORES_REGIONS >> 2] = before;
    }
  }

  /** Runs as much of an over-long block as the remaining ticks allow; a block of one instruction is evaluated. */
  private runPart(record: number, end: number): Next {
    const { cpu, interpreter, blocks } = this;
    const count = blocks.partOf(record, end - cpu.ticks);
    if (count <= 0) return this.evaluate(record);
    const rejoin = blocks.cut(record, count);
    this.noteEnd(count);
    const exit = this.withoutRegions(() => interpreter.run(record, count));
    rejoin();
    cpu.ticks += count - interpreter.ticksLeft;
    if (interpreter.record !== record + count * RECORD_BYTES) return this.afterInterpreter(exit, end, false);
    this.setRip(interpreter.record);
    return cpu.ticks >= end ? 0 : this.evaluate(interpreter.record);
  }

  /** Handles an exit of the interpreter other than the end of its ticks. */
  private afterExit(exit: ExitCode, record: number): Next {
    if (exit !== Exit.ticks && this.takeStop()) return STOPPED;
    switch (exit) {
      case Exit.resolve:
        return this.resolve(record);
      case Exit.indirect:
        return this.findIndirect();
      case Exit.miss:
        return this.missed(record);
      case Exit.evaluate:
        return this.evaluate(record);
      case Exit.ticks:
        return record;
      default:
        throw new Error(`the interpreter left with ${exit}`);
    }
  }

  /** Executes one instruction: in the evaluator, except REP with RF set, as after a page fault, which may take long. */
  private runSingly(end: number): Next {
    const { cpu, blocks, interpreter } = this;
    const { bare } = cpu;
    if (cpu.state.trapFlag || bare?.onlyResumes !== true || !bare.quick.isRepeated) return this.evaluate(0);
    if (this.takeStop()) return STOPPED;
    const record = this.locateRip();
    if (typeof record !== 'number') return record;
    if (!blocks.isInstruction(record)) return this.evaluate(0);
    const ticks = Math.min(end - cpu.ticks, LONGEST_SLICE);
    const rejoin = blocks.cutAfter(record);
    this.noteEnd(ticks);
    const exit = this.withoutRegions(() => interpreter.run(record, ticks));
    rejoin();
    cpu.ticks += ticks - interpreter.ticksLeft;
    if (interpreter.record !== record + RECORD_BYTES) {
      const next = this.afterInterpreter(exit, end, false);
      return next === record ? 0 : next;
    }
    this.setRip(interpreter.record);
    bare.resumed();
    return 0;
  }

  /** Evaluates one instruction, and continues with the record after `record` if rip leads there. */
  private evaluate(record: number): Next {
    const { cpu, blocks, exits } = this;
    if (this.takeStop()) return STOPPED;
    const exit = cpu.runsSingly ? undefined : exits.pass();
    if (exit) {
      if (this.hasCodeStops) cpu.codeStops.completed();
      cpu.ticks++;
      return exit;
    }
    const place = exits.key;
    const { generation } = blocks;
    const { host32 } = cpu.memory;
    const next = (record + Field.nextRip) >> 2;
    const nextLow = host32[next];
    const nextHigh = host32[next + 1];
    const event = cpu.bare?.quick.step() ?? cpu.step();
    if ((event === VMCALL || event === SYSCALL) && blocks.isFetched(cpu.state.rip)) exits.add(place, event);
    if (event !== TICKS) return event;
    const isNext = record !== 0 && host32[RIP >> 2] === nextLow && host32[(RIP >> 2) + 1] === nextHigh;
    return isNext && generation === blocks.generation ? record + RECORD_BYTES : 0;
  }

  /**
   * Handles a load or store that missed the TLB: fills it, raises the page fault, or has the instruction evaluated. Accesses to
   * devices never enter the TLB.
   */
  private missed(record: number): Next {
    const { cpu } = this;
    const { host32 } = cpu.memory;
    const low = host32[EXIT_LINEAR >> 2]!;
    const high = host32[(EXIT_LINEAR >> 2) + 1]!;
    const access = host32[EXIT_ACCESS >> 2]!;
    const again = this.missedAgain(record, high, low);
    const crosses = (low & (PAGE_SIZE - 1)) + (access >>> 8) > PAGE_SIZE;
    const isFenced = (access & 1) !== 0 && !cpu.mmu.ownsPage(high, low);
    const kind = access & 1 ? ACCESS_WRITE : ACCESS_READ;
    const isStopped = cpu.mmu.hasDataStop(high, low, kind);
    if (again || crosses || isFenced || isStopped || !isCanonicalHigh(high) || cpu.linearMemory.checksAlignment)
      return this.evaluate(record);
    // The instruction has already loaded something, maybe an entry that would change now: it must not load that again.
    if ((access & 2) !== 0 && cpu.mmu.wouldSetBits(high, low, kind)) return this.evaluate(record);
    const physical = cpu.mmu.translate(high, low, kind);
    if (physical >= cpu.memory.size) return this.evaluate(record);
    if (physical >= 0) return kind === ACCESS_WRITE && cpu.bare ? this.store(record, high, low, physical) : record;
    if ((access & ACCESS_ELEMENT) !== 0) return this.evaluate(record);
    cpu.ticks++;
    return faultOf(pageFault(cpu.mmu.fault));
  }

  /** Goes on with an instruction of a bare machine that stores at a physical address in one page. */
  private store(record: number, high: number, low: number, physical: number): Next {
    const { cpu, blocks } = this;
    if (cpu.memory.watched[physical >>> PAGE_SHIFT] === 0) return record;
    if (this.takeStop()) return STOPPED;
    const { generation } = blocks;
    const outcome = cpu.bare!.quick.store(physical);
    if (outcome === undefined) return this.evaluate(record);
    if (outcome === 'done') return generation === blocks.generation ? record + RECORD_BYTES : 0;
    cpu.mmu.translate(high, low, ACCESS_WRITE);
    return generation === blocks.generation ? record : 0;
  }

  /**
   * Records a miss, and returns true if filling the TLB does not help: the entry was just made and does not hold (a
   * watched frame), or an instruction's two accesses evict each other's entries, which shows as a third miss.
   */
  private missedAgain(record: number, high: number, low: number): boolean {
    const { lastMiss } = this;
    const { ticks } = this.cpu;
    const same = lastMiss.ticks === ticks && lastMiss.record === record;
    const sameAddress = same && lastMiss.high === high && lastMiss.low === low;
    lastMiss.count = same ? lastMiss.count + 1 : 1;
    lastMiss.ticks = ticks;
    lastMiss.record = record;
    lastMiss.high = high;
    lastMiss.low = low;
    return lastMiss.count > 2 || sameAddress;
  }

  /**
   * Finds the record of the instruction at rip. After an event it is usually the same as after the previous event
   * there.
   */
  private locateRip(): Next {
    const known = jumpTargetOfRip(this.cpu.memory.host32);
    return known !== 0 ? known : this.findIndirect();
  }

  /** Finds the record of the instruction at rip, or returns the fault of its fetch. */
  private findIndirect(): Next {
    try {
      return this.blocks.findIndirect(this.cpu.state.rip);
    } catch (error) {
      return this.fetchFailed(error);
    }
  }

  /** Finds the record that a link leads to, or returns the fault of the fetch. */
  private resolve(link: number): Next {
    try {
      return this.blocks.resolve(link);
    } catch (error) {
      return this.fetchFailed(error);
    }
  }

  private fetchFailed(error: unknown): CpuEvent {
    this.cpu.ticks++;
    return faultOf(error);
  }
}
