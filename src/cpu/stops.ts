import { addressOf, type AddressRange } from '../mmu/fence.js';
import { StopRanges } from '../mmu/stop-ranges.js';
import { RIP } from './state/layout.js';

/** What must be discarded when code stops change. */
export interface CodeStopsListener {
  /** Called before the next instruction is run: code stops were added or removed in a range. */
  codeStopsChanged(range: AddressRange): void;
}

/**
 * Code stops: ranges of linear addresses at whose instructions the CPU stops before executing them. An instruction with a
 * stop is always executed by the evaluator, so neither decoded records nor code regions need to test for stops.
 */
export class CodeStops {
  listener: CodeStopsListener | undefined;
  private readonly ranges = new StopRanges();
  /** The thread whose registers the CPU holds. */
  private thread: object = this;
  /** The instruction with a stop, by thread, that is executed all the same, since the thread has stopped there already. */
  private readonly passed = new Map<object, number>();

  /** `host32` holds the CPU state. */
  constructor(private readonly host32: Int32Array) {}

  add(range: AddressRange): void {
    this.ranges.add(range);
    this.listener?.codeStopsChanged(range);
  }

  /** Throws RangeError if the range was not added. */
  delete(range: AddressRange): void {
    this.ranges.delete(range);
    // Without a stop, the instruction is not known to be complete when it is.
    for (const [thread, rip] of this.passed)
      if (rip >= range.start && rip < range.end && !this.ranges.has(rip)) this.passed.delete(thread);
    this.listener?.codeStopsChanged(range);
  }

  get isEmpty(): boolean {
    return this.ranges.isEmpty;
  }

  /** Whether there is a stop at an address. */
  has(linear: bigint): boolean {
    return !this.ranges.isEmpty && this.ranges.has(Number(BigInt.asUintN(48, linear)));
  }

  /**
   * Whether the CPU must stop before the instruction at rip. It does so only once until the instruction is complete: a
   * fault that is resolved, or an iteration of REP, does not make it stop again.
   */
  takeStop(): boolean {
    if (this.ranges.isEmpty) return false;
    const { rip } = this;
    if (!this.ranges.has(rip) || this.passed.get(this.thread) === rip) return false;
    this.pass(this.thread, rip);
    return true;
  }

  /** Makes a thread execute the instruction at `rip` (low 48 bits) in spite of a stop, as if it had stopped there. */
  pass(thread: object, rip: number): void {
    if (this.ranges.has(rip)) this.passed.set(thread, rip);
  }

  /** Called after an instruction of a thread is complete, or its rip was changed from outside. */
  completed(thread: object = this.thread): void {
    if (!this.ranges.isEmpty) this.passed.delete(thread);
  }

  /** Forgets where threads have stopped already, since the machine has gone back to an earlier state. */
  forgetPassed(): void {
    this.passed.clear();
  }

  /** Called when the CPU holds the registers of another thread. */
  switchTo(thread: object): void {
    this.thread = thread;
  }

  private get rip(): number {
    return addressOf(this.host32[(RIP >> 2) + 1]!, this.host32[RIP >> 2]!);
  }
}
