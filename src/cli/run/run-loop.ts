import type { Computer, Outcome, Process } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostLines } from '../../host/console/host-lines.js';
import { signalOfLostOutput, type HostOutput } from '../../host/console/host-output.js';
import type { Bell } from '../../host/signals.js';
import { bringOut, type Interruption, type OutsideEnd } from './interruption.js';
import type { SpuriousWrites } from './spurious-writes.js';

/** How a run came to its end. */
export type End =
  | Extract<Outcome, { kind: 'exited' | 'trapped' }>
  /** Every thread is waiting for another. */
  | { readonly kind: 'deadlock' }
  | OutsideEnd;

export interface RunLoopOptions {
  readonly computer: Computer;
  readonly program: Process;
  readonly input: HostInput;
  readonly output: HostOutput;
  /** Lines on stderr, and of the log if it goes to a file. */
  readonly lines: readonly HostLines[];
  readonly interruption: Interruption;
  readonly spuriousWrites: SpuriousWrites;
  /** Rings when input has come, output or lines have been taken, or a signal has come. */
  readonly bell: Bell;
  /** Tells a report that is due at a cut in the output. */
  readonly tellAtCut: () => Promise<void>;
  /** Infinity for none. */
  readonly maxInstructions: number;
  /** Whether the clock of the host is waited for while the machine is idle. */
  readonly realTime: boolean;
}

/** The first slice of a run; the next ones are as long as takes about SLICE_MS, or brings SLICE_OUTPUT_BYTES of output and lines. */
const FIRST_SLICE_TICKS = 500;
const LONGEST_SLICE_TICKS = 2 ** 27;
const SLICE_MS = 20;
/** Effort of the kernel in a slice: about 20 ms. */
const SLICE_EFFORT = 8192;
const SLICE_OUTPUT_BYTES = 2 ** 20;

/** Turns of the event loop in which a pipe can bring what has been written to it. */
const TURNS_FOR_INPUT = 2;

/** Nanoseconds, and so ticks, in a millisecond. */
const TICKS_PER_MS = 1e6;

/**
 * Runs a process to its end, in slices: between two of them the event loop turns, output goes out, input comes in, and
 * signals and limits are looked at. The slices do not change what the guest does.
 */
export class RunLoop {
  private sliceTicks = FIRST_SLICE_TICKS;
  /** Arrivals of input before the last slice, in which the machine could take it. */
  private arrivalsSeen = 0;

  constructor(private readonly options: RunLoopOptions) {}

  /** Throws HostError where stdin or stdout fails for another reason than that nobody reads what is written. */
  async run(): Promise<End> {
    for (;;) {
      const outcome = this.runSlice();
      await this.bringOut();
      const end = this.endOfOutput() ?? this.endOf(outcome);
      if (end) return end;
      if (outcome?.kind === 'asking') await this.askPerson();
      else if (outcome?.kind !== 'waiting') await nextTurn();
      else if (outcome.forInput || outcome.until < Infinity) await this.rest(outcome);
      else return { kind: 'deadlock' };
    }
  }

  /** Undefined where output failed. */
  private runSlice(): Outcome | undefined {
    const { computer, program, input, output, maxInstructions } = this.options;
    this.arrivalsSeen = input.arrivals;
    const start = performance.now();
    const { instructions } = computer;
    // A tick retires one instruction at most.
    const maxTicks = Math.min(this.sliceTicks, maxInstructions - instructions);
    try {
      // While a report holds the images of its processes, the machine must not go on: programs could find them.
      const outcome = computer.run(program, { maxTicks, maxEffort: SLICE_EFFORT, stopWhen: () => output.hasCut });
      if (outcome.kind === 'limit') this.fitSlice(performance.now() - start, computer.instructions - instructions);
      return outcome;
    } catch (error) {
      if (error !== output.failure) throw error;
      return undefined;
    }
  }

  /** Time that passed without instructions, and slices that the kernel has filled, say nothing about longer ones. */
  private fitSlice(elapsedMs: number, instructions: number): void {
    const most = instructions >= this.sliceTicks / 2 ? 2 : 1;
    const { output, lines } = this.options;
    const queuedBytes = lines.reduce((total, file) => total + file.queuedBytes, output.queuedBytes);
    const factor = Math.min(SLICE_MS / elapsedMs, SLICE_OUTPUT_BYTES / queuedBytes, most);
    this.sliceTicks = Math.min(Math.max(1, Math.floor(this.sliceTicks * factor)), LONGEST_SLICE_TICKS);
  }

  /** Brings out output, lines and the reports between, until the run is to end or somebody interrupts the guest. */
  private async bringOut(): Promise<void> {
    const { output, input, lines, bell, tellAtCut, interruption } = this.options;
    const msLeft = (): number => (input.hasInterrupt ? 0 : interruption.msLeft);
    for (;;) {
      await bringOut(lines, bell, msLeft);
      output.flush();
      while (output.isBusy && msLeft() > 0) await bell.wait(msLeft());
      if (output.isBusy || output.failure) return;
      if (output.passCut()) await tellAtCut();
      else if (output.queuedBytes === 0) return;
      if (msLeft() <= 0) return;
    }
  }

  /** A program whose output nobody reads any more ends as by SIGPIPE. */
  private endOfOutput(): End | undefined {
    const { failure } = this.options.output;
    return failure && { kind: 'signal', signal: signalOfLostOutput(failure) };
  }

  /** The end of the process, once its output is out; or that of the run from outside. */
  private endOf(outcome: Outcome | undefined): End | undefined {
    const { computer, input, output, interruption, maxInstructions } = this.options;
    const isOut = (!output.isBusy && output.queuedBytes === 0) || input.hasInterrupt;
    if ((outcome?.kind === 'exited' || outcome?.kind === 'trapped') && isOut) return outcome;
    const { end } = interruption;
    if (end || computer.instructions < maxInstructions) return end;
    return { kind: 'limit', what: `${maxInstructions} instructions (--max-instructions)` };
  }

  /** Asks somebody about a spurious write, until there is an answer or the run is to end. */
  private async askPerson(): Promise<void> {
    const { spuriousWrites, bell, interruption } = this.options;
    await spuriousWrites.tell();
    await this.bringOut();
    spuriousWrites.askPerson();
    while (!spuriousWrites.isAnswered && interruption.msLeft > 0) await bell.wait(interruption.msLeft);
  }

  /** All threads wait, the first of them until a tick; some of them for input, perhaps. */
  private async rest({ until, forInput }: Extract<Outcome, { kind: 'waiting' }>): Promise<void> {
    const { computer, input, bell, interruption, realTime } = this.options;
    for (let turn = 0; turn < TURNS_FOR_INPUT; turn++) await nextTurn();
    if (forInput && input.arrivals !== this.arrivalsSeen) return;
    if (!realTime && until < Infinity) return computer.passTime(until);
    const idleTicks = until - computer.ticks;
    const start = performance.now();
    await bell.wait(Math.min(idleTicks / TICKS_PER_MS, interruption.msLeft));
    const passed = Math.min(Math.round((performance.now() - start) * TICKS_PER_MS), idleTicks);
    if (realTime) computer.passTime(computer.ticks + passed);
  }
}

/** Lets the event loop turn once. */
function nextTurn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
