import { PAGE_SIZE, isCanonical } from '../../bits.js';
import { HOST_LAYOUT } from '../../memory.js';
import { TLB_READ, TLB_WRITE } from '../../mmu/tlb.js';
import { ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import type { Cpu } from '../cpu.js';
import { TICKS, faultOf, type CpuEvent } from '../events.js';
import { GuestException, Vector } from '../exceptions.js';
import { EXIT_ACCESS, EXIT_LINEAR, TLB_READ_TABLE, TLB_WRITE_TABLE } from '../state.js';
import { BlockCache } from './block-cache.js';
import { Interpreter, generatedInterpreter } from './interpreter.js';
import { Exit, RECORD_BYTES, type ExitCode } from './record.js';

/** Ticks that generated code runs at a time: it must come back now and then to move on to its optimised version. */
const LONGEST_SLICE = 500_000;

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
  private lastMiss = { ticks: -1, record: 0, linear: 0n };

  constructor(private readonly cpu: Cpu) {
    const { memory, mmu, fetcher } = cpu;
    this.interpreter = new Interpreter(memory);
    this.blocks = new BlockCache(memory, mmu, fetcher, generatedInterpreter());
    memory.host32.fill(-1, HOST_LAYOUT.tlbNever >>> 2, (HOST_LAYOUT.tlbNever + HOST_LAYOUT.tlbNeverBytes) >>> 2);
  }

  /** What was decoded may no longer be what a fetch would find; dropped before the next instruction. */
  mappingsChanged(): void {
    this.mappingsHaveChanged = true;
  }

  codeStored(physical: number, lengthBytes: number): void {
    this.blocks.codeStored(physical, lengthBytes);
  }

  /** Whether anything decoded from a frame is left. */
  holds(frame: number): boolean {
    return this.blocks.holds(frame);
  }

  /** Runs until the CPU's ticks reach `end`, or an event. */
  run(end: number): CpuEvent {
    const { cpu } = this;
    let next: Next = 0;
    while (typeof next === 'number' && cpu.ticks < end) {
      if (this.mappingsHaveChanged) {
        this.mappingsHaveChanged = false;
        this.blocks.dropAll();
        next = 0;
      }
      if (cpu.state.trapFlag) next = this.evaluate(0);
      else if (next === 0) next = this.locate(() => this.blocks.find(cpu.state.rip));
      else next = this.runFrom(next, end);
    }
    return typeof next === 'number' ? TICKS : next;
  }

  private runFrom(record: number, end: number): Next {
    const { cpu, interpreter } = this;
    const ticks = Math.min(end - cpu.ticks, LONGEST_SLICE);
    this.chooseTlb();
    const exit = interpreter.run(record, ticks);
    cpu.ticks += ticks - interpreter.ticksLeft;
    if (exit !== Exit.indirect) cpu.state.rip = this.blocks.ripOf(interpreter.record);
    // The fetch of what comes next, with its A bits and faults, belongs to the next tick.
    if (cpu.ticks >= end) return 0;
    return this.afterExit(exit, interpreter.record, end);
  }

  private afterExit(exit: ExitCode, record: number, end: number): Next {
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
        // A block longer than the ticks left to `end` is run one instruction at a time.
        return end - this.cpu.ticks === this.interpreter.ticksLeft && this.cpu.ticks < end
          ? this.evaluate(record)
          : record;
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
    const { lastMiss } = this;
    const again = lastMiss.ticks === cpu.ticks && lastMiss.record === record && lastMiss.linear === linear;
    const low = Number(BigInt.asIntN(32, linear));
    const crosses = (low & (PAGE_SIZE - 1)) + (access >>> 8) > PAGE_SIZE;
    if (again || crosses || !isCanonical(linear) || cpu.linearMemory.checksAlignment) return this.evaluate(record);
    this.lastMiss = { ticks: cpu.ticks, record, linear };
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    if (cpu.mmu.translate(high, low, access & 1 ? ACCESS_WRITE : ACCESS_READ) >= 0) return record;
    cpu.ticks++;
    return faultOf(new GuestException(Vector.PF, cpu.mmu.fault.errorCode, cpu.mmu.fault.cr2));
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
