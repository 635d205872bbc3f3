import type { Computer, Outcome, Process } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import { signalOfLostOutput, type HostOutput } from '../../host/console/host-output.js';
import type { Bell, Signals } from '../../host/signals.js';
import type { SpuriousWrites } from './spurious-writes.js';

/** How a run came to its end. */
export type End =
  | Extract<Outcome, { kind: 'exited' | 'trapped' }>
  | { readonly kind: 'limit'; readonly what: string }
  /** Every thread waits for another one, for ever. */
  | { readonly kind: 'deadlock' }
  /** Whoever sits at the terminal has had enough. */
  | { readonly kind: 'quit' }
  /** By its number in Linux. */
  | { readonly kind: 'signal'; readonly signal: number };

export interface RunLoopOptions {
  readonly computer: Computer;
  readonly program: Process;
  readonly input: HostInput;
  readonly output: HostOutput;
  readonly signals: Signals;
  readonly spuriousWrites: SpuriousWrites;
  /** Rung when input has come, output has been taken, or a signal has come. */
  readonly bell: Bell;
  /** Tells what is to be told at a cut in the output. */
  readonly tellAtCut: () => Promise<void>;
  /** Infinity for none. */
  readonly maxInstructions: number;
  readonly timeoutSeconds: number;
  /** Whether the clock of the host is waited for while the machine is idle. */
  readonly realTime: boolean;
}

/** The first slice of a run; the next ones are so long that none takes much more time, or brings much more output. */
const FIRST_SLICE_TICKS = 500;
const LONGEST_SLICE_TICKS = 2 ** 27;
const SLICE_MS = 20;
/** What the kernel may do in a slice: some 20 ms. */
const SLICE_EFFORT = 8192;
const SLICE_OUTPUT_BYTES = 2 ** 20;

/** Turns of the event loop in which a pipe can bring what has been written to it. */
const TURNS_FOR_INPUT = 2;

/** Nanoseconds, and so ticks, in a millisecond. */
const TICKS_PER_MS = 1e6;

/**
 * Runs a process to its end, in slices: between two of them output goes out, input comes in, and signals and limits are
 * looked at. The slices do not change what the guest does.
 */
export class RunLoop {
  private readonly deadline: number;
  private sliceTicks = FIRST_SLICE_TICKS;

  constructor(private readonly options: RunLoopOptions) {
    this.deadline = performance.now() + options.timeoutSeconds * 1000;
  }

  /** Throws Failure where stdin or stdout fails for another reason than that nobody reads what is written. */
  async run(): Promise<End> {
    for (;;) {
      const outcome = this.runSlice();
      const ended = outcome?.kind === 'exited' || outcome?.kind === 'trapped';
      await this.bringOut(ended ? Infinity : this.deadline);
      const end = this.endOfOutput() ?? (ended && !this.options.output.isBusy ? outcome : this.endFromOutside());
      if (end) return end;
      if (outcome?.kind === 'asking') await this.askPerson();
      else if (outcome?.kind !== 'waiting') await nextTurn();
      else if (outcome.forInput || outcome.until < Infinity) await this.waitForInput(outcome.until);
      else return { kind: 'deadlock' };
    }
  }

  /** Undefined where output failed. */
  private runSlice(): Outcome | undefined {
    const { computer, program, output, maxInstructions } = this.options;
    const start = performance.now();
    const { instructions } = computer;
    // A tick retires one instruction at most.
    const maxTicks = Math.min(this.sliceTicks, maxInstructions - instructions);
    try {
      const outcome = computer.run(program, { maxTicks, maxEffort: SLICE_EFFORT });
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
    const factor = Math.min(SLICE_MS / elapsedMs, SLICE_OUTPUT_BYTES / this.options.output.queuedBytes, most);
    this.sliceTicks = Math.min(Math.max(1, Math.floor(this.sliceTicks * factor)), LONGEST_SLICE_TICKS);
  }

  /** Brings output out, and what is told between, until a time; a signal ends it too, and somebody who quits. */
  private async bringOut(deadline: number): Promise<void> {
    const { output, bell, tellAtCut } = this.options;
    for (;;) {
      output.flush();
      while (output.isBusy && !this.isStopped && !this.options.input.hasInterrupt && performance.now() < deadline)
        await bell.wait(deadline - performance.now());
      if (output.isBusy || output.failure) return;
      if (output.passCut()) await tellAtCut();
      else if (output.queuedBytes === 0) return;
    }
  }

  /** A program whose output nobody reads any more ends as by SIGPIPE. */
  private endOfOutput(): End | undefined {
    const { failure } = this.options.output;
    return failure && { kind: 'signal', signal: signalOfLostOutput(failure) };
  }

  private get isStopped(): boolean {
    return this.options.signals.received !== undefined || this.options.input.hasQuit;
  }

  private endFromOutside(): End | undefined {
    const { computer, input, signals, maxInstructions, timeoutSeconds } = this.options;
    if (input.hasQuit) return { kind: 'quit' };
    if (signals.received !== undefined) return { kind: 'signal', signal: signals.received };
    if (computer.instructions >= maxInstructions)
      return { kind: 'limit', what: `${maxInstructions} instructions (--max-instructions)` };
    if (this.msLeft() <= 0) return { kind: 'limit', what: `${timeoutSeconds} s (--timeout)` };
    return undefined;
  }

  /** Somebody is asked about a spurious write, until there is an answer, or an end of all from outside. */
  private async askPerson(): Promise<void> {
    const { spuriousWrites, bell } = this.options;
    spuriousWrites.askPerson();
    while (!spuriousWrites.isAnswered && !this.isStopped && this.msLeft() > 0) await bell.wait(this.msLeft());
  }

  /** All threads wait for input, the first of them until a tick. */
  private async waitForInput(until: number): Promise<void> {
    const { computer, input, bell, realTime } = this.options;
    for (let turn = 0; turn < TURNS_FOR_INPUT && !input.isReady; turn++) await nextTurn();
    if (input.isReady) return;
    const idleTicks = until - computer.ticks;
    if (!realTime && until < Infinity) return computer.passTime(until);
    const start = performance.now();
    await bell.wait(Math.min(idleTicks / TICKS_PER_MS, this.msLeft()));
    const passed = Math.min(Math.round((performance.now() - start) * TICKS_PER_MS), idleTicks);
    if (realTime) computer.passTime(computer.ticks + passed);
  }

  private msLeft(): number {
    return this.deadline - performance.now();
  }
}

/** Lets the event loop turn once. */
function nextTurn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
