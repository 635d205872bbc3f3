import { PAGE_SIZE, isCanonical } from '../../bits.js';
import { HOST_LAYOUT, WATCH_CODE } from '../../memory.js';
import { TLB_READ, TLB_WRITE } from '../../mmu/tlb.js';
import { ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import type { Cpu } from '../cpu.js';
import { TICKS, faultOf, type CpuEvent } from '../events.js';
import { GuestException, Vector } from '../exceptions.js';
import { EXIT_ACCESS, EXIT_LINEAR, TLB_READ_TABLE, TLB_WRITE_TABLE } from '../state.js';
import type { CompiledRegion, HotCode } from '../translator/hot-code.js';
import { BlockCache } from './block-cache.js';
import { Interpreter, generatedInterpreter } from './interpreter.js';
import { Exit, RECORD_BYTES, type ExitCode } from './record.js';

/** Ticks that generated code runs at a time: it must come back now and then to move on to its optimised version. */
const LONGEST_SLICE = 500_000;

/** Ticks in the interpreter, however often it was left in between, after which it looks where it is, to find what is hot. */
const SAMPLE_TICKS = 20_000;

/** Where to go on: a record, or 0 to look rip up. */
type Next = number | CpuEvent;

/**
 * The cold tier: runs decoded records in the generated interpreter, and does what it leaves over: decoding, TLB misses,
 * and through the evaluator everything unusual.
 */
export class RecordEngine {
  private readonly interpreter: Interpreter;
  private readonly blocks: BlockCache;
  private mappingsHaveChanged = false;
  private ticksToSample = SAMPLE_TICKS;
  private lastMiss = { ticks: -1, record: 0, linear: 0n, count: 0 };

  constructor(
    private readonly cpu: Cpu,
    /** The hot tier, where there is one. */
    private readonly hot?: HotCode,
  ) {
    const { memory, mmu, fetcher } = cpu;
    this.interpreter = new Interpreter(memory);
    const isWatchedElse = (frame: number): boolean => fetcher.holds(frame) || hot?.holds(frame) === true;
    this.blocks = new BlockCache(memory, mmu, fetcher, generatedInterpreter(), isWatchedElse);
    memory.host32.fill(-1, HOST_LAYOUT.tlbNever >>> 2, (HOST_LAYOUT.tlbNever + HOST_LAYOUT.tlbNeverBytes) >>> 2);
  }

  /** What was decoded may no longer be what a fetch would find; dropped before the next instruction. */
  mappingsChanged(): void {
    this.mappingsHaveChanged = true;
  }

  codeStored(physical: number, lengthBytes: number): void {
    this.blocks.codeStored(physical, lengthBytes);
    this.hot?.codeStored(physical, lengthBytes);
  }

  /** Whether anything decoded from a frame is left. */
  holds(frame: number): boolean {
    return this.blocks.holds(frame) || this.hot?.holds(frame) === true;
  }

  /** Runs until the CPU's ticks reach `end`, or an event. */
  run(end: number): CpuEvent {
    const { cpu } = this;
    let next: Next = 0;
    while (typeof next === 'number' && cpu.ticks < end) {
      if (this.mappingsHaveChanged) {
        this.mappingsHaveChanged = false;
        this.hot?.dropAll();
        this.blocks.dropAll();
        next = 0;
      }
      if (cpu.state.trapFlag) next = this.evaluate(0);
      else if (next === 0) next = this.locate(() => this.blocks.find(cpu.state.rip));
      else if (this.hot && this.blocks.leadsToRegion(next)) next = this.runRegion(this.hot, next, end);
      else if (this.hot?.translatesAtOnce && this.translateNow(next)) continue;
      else next = this.runFrom(next, end);
    }
    return typeof next === 'number' ? TICKS : next;
  }

  private runFrom(record: number, end: number): Next {
    const { cpu, interpreter } = this;
    const ticks = Math.min(end - cpu.ticks, this.hot ? this.ticksToSample : LONGEST_SLICE);
    this.chooseTlb();
    const exit = interpreter.run(record, ticks);
    cpu.ticks += ticks - interpreter.ticksLeft;
    this.ticksToSample -= ticks - interpreter.ticksLeft;
    if (exit !== Exit.indirect) cpu.state.rip = this.blocks.ripOf(interpreter.record);
    // The fetch of what comes next, with its A bits and faults, belongs to the next tick.
    if (cpu.ticks >= end) return 0;
    if (exit === Exit.ticks) this.sample(cpu.state.rip);
    return this.afterExit(exit, interpreter.record, end - cpu.ticks === interpreter.ticksLeft);
  }

  /** Notes where the interpreter was found, and has what is hot translated. */
  private sample(rip: bigint): void {
    this.ticksToSample = SAMPLE_TICKS;
    this.enterRegionsOf(this.hot?.sample(rip));
  }

  /** Has the code at a record translated; whether a region can be entered there now. */
  private translateNow(record: number): boolean {
    if (!this.blocks.isInstruction(record)) return false;
    this.sample(this.blocks.ripOf(record));
    return this.blocks.leadsToRegion(record);
  }

  private enterRegionsOf(compiled: CompiledRegion | undefined): void {
    if (!compiled) return;
    for (const entry of compiled.entryNumbers.keys()) this.blocks.markRegion(entry);
    this.cpu.mmu.watch(compiled.region.physicalPage / PAGE_SIZE, WATCH_CODE);
  }

  /** Runs the region that is entered at a record. */
  private runRegion(hot: HotCode, record: number, end: number): Next {
    const { cpu, blocks } = this;
    const rip = blocks.ripOf(record);
    const compiled = hot.find(rip);
    if (!compiled) {
      blocks.unmarkRegion(record);
      return record;
    }
    const ticks = Math.min(end - cpu.ticks, LONGEST_SLICE);
    this.chooseTlb();
    hot.run(compiled, rip, ticks);
    cpu.ticks += ticks - hot.ticksLeft;
    if (hot.exit !== Exit.indirect) cpu.state.rip = hot.site.rip;
    if (cpu.ticks >= end) return 0;
    const next = this.locate(() => blocks.find(cpu.state.rip));
    if (typeof next !== 'number') return next;
    if (hot.exit === Exit.indirect) this.enterRegionsOf(hot.sampleIndirect(compiled, cpu.state.rip));
    if (hot.exit === Exit.resolve || hot.exit === Exit.indirect) return next;
    return this.afterExit(hot.exit, next, end - cpu.ticks === hot.ticksLeft);
  }

  /** Does what generated code left over; `last` says that the ticks it had were all that there are up to the end. */
  private afterExit(exit: ExitCode, record: number, last: boolean): Next {
    switch (exit) {
      case Exit.resolve:
        return this.locate(() => this.blocks.resolve(record));
      case Exit.indirect:
        return this.locate(() => this.blocks.findIndirect(this.cpu.state.rip));
      case Exit.miss:
        return this.missed(record);
      case Exit.evaluate:
        return this.evaluate(record);
      case Exit.ticks:
        // A block longer than the ticks that are left is run one instruction at a time.
        return last ? this.evaluate(record) : record;
      case Exit.region:
        return record;
    }
  }

  /** Has the evaluator do one instruction, and goes on behind `record` if that is where it led. */
  private evaluate(record: number): Next {
    const { cpu, blocks } = this;
    const { generation } = blocks;
    const nextRip = record === 0 ? -1n : blocks.nextRipOf(record);
    const event = cpu.step();
    if (event !== TICKS) return event;
    return cpu.state.rip === nextRip && generation === blocks.generation ? record + RECORD_BYTES : 0;
  }

  /** A load or store that missed the TLB: fills it, raises the page fault, or leaves the instruction to the evaluator. */
  private missed(record: number): Next {
    const { cpu } = this;
    const linear = cpu.memory.hostView.getBigUint64(EXIT_LINEAR, true);
    const access = cpu.memory.host32[EXIT_ACCESS >> 2]!;
    const again = this.missedAgain(record, linear);
    const low = Number(BigInt.asIntN(32, linear));
    const crosses = (low & (PAGE_SIZE - 1)) + (access >>> 8) > PAGE_SIZE;
    if (again || crosses || !isCanonical(linear) || cpu.linearMemory.checksAlignment) return this.evaluate(record);
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    if (cpu.mmu.translate(high, low, access & 1 ? ACCESS_WRITE : ACCESS_READ) >= 0) return record;
    cpu.ticks++;
    return faultOf(new GuestException(Vector.PF, cpu.mmu.fault.errorCode, cpu.mmu.fault.cr2));
  }

  /**
   * Notes a miss, and tells whether filling the TLB is of no use: the entry has just been made and does not hold (a watched
   * frame), or an instruction's two accesses push each other's entries out, so that a third miss comes.
   */
  private missedAgain(record: number, linear: bigint): boolean {
    const { ticks } = this.cpu;
    const { lastMiss } = this;
    const same = lastMiss.ticks === ticks && lastMiss.record === record;
    const count = same ? lastMiss.count + 1 : 1;
    this.lastMiss = { ticks, record, linear, count };
    return count > 2 || (same && lastMiss.linear === linear);
  }

  /** Finds a record, or the fault of the fetch. */
  private locate(find: () => number): Next {
    try {
      return find();
    } catch (error) {
      this.cpu.ticks++;
      return faultOf(error);
    }
  }

  /** While alignment is checked no access may hit the TLB, so that the evaluator sees them all. */
  private chooseTlb(): void {
    const { cpu } = this;
    cpu.updateModes();
    const checks = cpu.linearMemory.checksAlignment;
    cpu.memory.host32[TLB_READ_TABLE >> 2] = checks ? HOST_LAYOUT.tlbNever : TLB_READ;
    cpu.memory.host32[TLB_WRITE_TABLE >> 2] = checks ? HOST_LAYOUT.tlbNever : TLB_WRITE;
  }
}
