import type { Computer, Outcome, Process } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostLines } from '../../host/console/host-lines.js';
import { signalOfLostOutput, type HostOutput } from '../../host/console/host-output.js';
import type { BoundWrites } from '../../host/linux/bound-writes.js';
import { nextTurn, SLICE_EFFORT, Slices } from '../../host/console/slices.js';
import type { Bell } from '../../host/signals.js';
import type { RunRecording } from '../recording/run-recording.js';
import type { Debugging } from './debugging.js';
import type { Pause } from './machine-snapshots.js';
import { bringOut, type Interruption, type OutsideEnd } from './interruption.js';
import { rest } from './rest.js';
import type { SpuriousWrites } from './spurious-writes.js';

/** How a run came to its end. */
export type End =
  | Extract<Outcome, { kind: 'exited' | 'trapped' }>
  /** Every thread is waiting for another. */
  | { readonly kind: 'deadlock' }
  /** The debugger was left before the program had ended. */
  | { readonly kind: 'left' }
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
  readonly writes: BoundWrites;
  /** Rings when input arrives, output or lines are taken, or a signal comes. */
  readonly bell: Bell;
  /** Prints the report that is due at a cut in the output. */
  readonly tellAtCut: () => Promise<void>;
  /** Infinity for none. */
  readonly maxInstructions: number;
  /** Undefined if the run does not pause. */
  readonly pause: Pause | undefined;
  /** Undefined if the run is not recorded. */
  readonly recording: RunRecording | undefined;
  /** Debuggers; undefined if none can connect. */
  readonly debugging: Debugging | undefined;
  /** Whether idle time of the machine takes as long on the host's clock. */
  readonly realTime: boolean;
}

/** What became of a slice; 'held': a debugger has stopped the machine. */
type SliceOutcome = Outcome | { readonly kind: 'held' };

/**
 * Runs a process until it ends, in slices: between two of them the event loop turns, output is written, input arrives, and
 * signals and limits are checked. The slices do not change what the guest does.
 */
export class RunLoop {
  private readonly slices = new Slices();
  /** Arrivals of input before the last slice, in which the machine could take it. */
  private arrivalsSeen = 0;
  private hasPaused = false;

  constructor(private readonly options: RunLoopOptions) {}

  /** Throws HostError if stdin or stdout fails, unless the reader of stdout has gone. */
  async run(): Promise<End> {
    for (;;) {
      const outcome = this.runSlice();
      this.writeBound(outcome);
      await this.bringOut();
      const end = this.endOfOutput() ?? this.endOf(outcome);
      if (end) return end;
      if (outcome?.kind === 'asking') await this.askPerson();
      else if (outcome?.kind === 'held') await this.hold();
      else if (outcome?.kind !== 'waiting') await nextTurn();
      else if (outcome.forInput || outcome.until < Infinity) await this.rest(outcome);
      else return { kind: 'deadlock' };
    }
  }

  /** Undefined if output failed. */
  private runSlice(): SliceOutcome | undefined {
    const { computer, input, output, maxInstructions, recording } = this.options;
    this.arrivalsSeen = input.arrivals;
    const start = performance.now();
    const { instructions } = computer;
    // A tick retires one instruction at most.
    const maxTicks = Math.min(this.slices.ticks, maxInstructions - instructions, this.ticksToStop());
    try {
      const outcome = this.runMachine(maxTicks);
      this.pauseIfDue(outcome);
      recording?.observe(outcome.kind === 'held' ? { kind: 'stopped' } : outcome);
      if (outcome.kind === 'limit') this.fitSlice(performance.now() - start, computer.instructions - instructions);
      return outcome;
    } catch (error) {
      if (error !== output.failure) throw error;
      return undefined;
    }
  }

  /** Before others see the output of a slice, what it has asked to be kept is. A debugger may take back what was done. */
  private writeBound(outcome: SliceOutcome | undefined): void {
    const { writes, computer, debugging, realTime, output } = this.options;
    if (debugging?.hasMachine) return;
    const rests = outcome?.kind === 'waiting' && (outcome.forInput || realTime);
    writes.afterSlice(computer, { rests, hasOutput: output.queuedBytes > 0 });
  }

  /** Ticks to the next place where a slice must end. */
  private ticksToStop(): number {
    const { pause, computer, recording } = this.options;
    const toPause = pause && !this.hasPaused && pause.tick > computer.ticks ? pause.tick - computer.ticks : Infinity;
    return Math.min(toPause, recording?.ticksToHash ?? Infinity);
  }

  private pauseIfDue({ kind }: SliceOutcome): void {
    const { pause, computer, program } = this.options;
    if (!pause || this.hasPaused || computer.ticks < pause.tick || program.end || kind === 'asking') return;
    this.hasPaused = true;
    pause.reached();
  }

  private runMachine(maxTicks: number): SliceOutcome {
    const { computer, program, output, debugging } = this.options;
    if (debugging?.hasMachine && !program.end) {
      const slice = debugging.runSlice(maxTicks);
      if (slice.kind === 'waiting') return slice;
      // The end of the program is an outcome of the machine.
      if (!program.end) return { kind: slice.kind === 'running' ? 'limit' : 'held' };
    }
    // While a report holds the images of its processes, the machine must not continue: programs could find them.
    return computer.run(program, { maxTicks, maxEffort: SLICE_EFFORT, stopWhen: () => output.hasCut });
  }

  private fitSlice(elapsedMs: number, instructions: number): void {
    const { output, lines } = this.options;
    const queuedBytes = lines.reduce((total, file) => total + file.queuedBytes, output.queuedBytes);
    this.slices.fit(elapsedMs, instructions, queuedBytes);
  }

  /** Writes output, lines and the reports in between, until all is written, the run must end or Ctrl-C is typed. */
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

  /** A program whose output has lost its reader ends as by SIGPIPE. */
  private endOfOutput(): End | undefined {
    const { failure } = this.options.output;
    return failure && { kind: 'signal', signal: signalOfLostOutput(failure) };
  }

  /** The end of the process, once its output is written; or that of the run from outside. */
  private endOf(outcome: SliceOutcome | undefined): End | undefined {
    const { computer, input, output, interruption, maxInstructions } = this.options;
    const isOut = (!output.isBusy && output.queuedBytes === 0) || input.hasInterrupt;
    if ((outcome?.kind === 'exited' || outcome?.kind === 'trapped') && isOut) return outcome;
    const { end } = interruption;
    if (end || computer.instructions < maxInstructions) return end;
    return { kind: 'limit', what: `${maxInstructions} instructions (--max-instructions)` };
  }

  /** Waits for the debugger, unless it let the machine run while output was written. */
  private async hold(): Promise<void> {
    const { debugging, bell, interruption } = this.options;
    if (debugging?.isHolding) await bell.wait(interruption.msLeft);
  }

  /** Asks the person at the terminal about a spurious write, until there is an answer or the run must end. */
  private async askPerson(): Promise<void> {
    const { spuriousWrites, bell, interruption } = this.options;
    await spuriousWrites.tell();
    await this.bringOut();
    spuriousWrites.askPerson();
    while (!spuriousWrites.isAnswered && interruption.msLeft > 0) await bell.wait(interruption.msLeft);
  }

  private async rest(waiting: Extract<Outcome, { kind: 'waiting' }>): Promise<void> {
    const { computer } = this.options;
    const passTime = (tick: number): void => computer.passTime(tick);
    await rest(waiting, { ...this.options, passTime, arrivalsSeen: this.arrivalsSeen });
  }
}
