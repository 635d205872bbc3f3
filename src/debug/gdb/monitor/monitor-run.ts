import type { Steps } from '../../../vmo/steps.js';
import { MonitorError } from './monitor.js';

/** Steps of a command, some ten milliseconds each, between two lines about how far it is. */
const STEPS_PER_LINE = 64;

/** Runs commands after `monitor` that take long, in steps, so that they can be given up. */
export class MonitorRun {
  private steps: Steps<readonly string[]> | undefined;
  private count = 0;

  /** `show` shows lines to the user of the debugger, `done` is called when a command has ended. */
  constructor(
    private readonly show: (lines: readonly string[]) => void,
    private readonly done: () => void,
    private readonly ticks: () => number,
  ) {}

  get isRunning(): boolean {
    return this.steps !== undefined;
  }

  begin(steps: Steps<readonly string[]>): void {
    this.steps = steps;
    this.count = 0;
  }

  /** Takes a step. */
  advance(): void {
    const { steps } = this;
    if (!steps) return;
    let lines: readonly string[] | undefined;
    try {
      const { done, value } = steps.next();
      if (done) lines = value;
    } catch (error) {
      if (!(error instanceof MonitorError)) throw error;
      lines = [error.message];
    }
    if (lines) this.end(lines);
    else if (++this.count % STEPS_PER_LINE === 0) this.show([`looking at tick ${this.ticks()} ...`]);
  }

  /** Gives the command up, and says so. */
  interrupt(): void {
    if (this.cancel()) this.end(['interrupted']);
  }

  /** Gives the command up without a word: the debugger waits for it no longer. Returns false if there is none. */
  cancel(): boolean {
    const { steps } = this;
    this.steps = undefined;
    steps?.return([]);
    return steps !== undefined;
  }

  private end(lines: readonly string[]): void {
    this.steps = undefined;
    this.show(lines);
    this.done();
  }
}
