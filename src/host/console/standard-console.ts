import type { Computer, Console, Outcome, Process } from '../../index.js';
import { Bell } from '../signals.js';
import { HostInput } from './host-input.js';
import { requireLostReader } from './host-output.js';
import { nextTurn, SLICE_EFFORT, Slices, TICKS_PER_MS, TURNS_FOR_INPUT } from './slices.js';

/** Limits of `StandardConsole.run`. */
export interface ConsoleRun {
  /** Ticks of this call; no limit by default. */
  readonly maxTicks?: number;
  /** Ends the run between two slices. The process stays as it is, and can be run on. */
  readonly signal?: AbortSignal;
}

/** Why `StandardConsole.run` returned. */
export type ConsoleOutcome =
  | Outcome
  /** Ctrl-A x was typed at the terminal, or `signal` was aborted. */
  | { readonly kind: 'quit' }
  /** The reader of standard output has gone. */
  | { readonly kind: 'output lost' };

/**
 * Standard input and output as the console of a machine. On a terminal the guest gets the keys as they are typed, and Ctrl-A
 * is the host's: Ctrl-A x quits. A process has one standard input, so it should have one of these.
 */
export class StandardConsole implements Console {
  private output: Uint8Array[] = [];
  private failure: Error | undefined;
  private arrivals = 0;
  private hasRead = false;
  private readonly slices = new Slices();
  private readonly bell = new Bell();
  private input!: HostInput;

  private constructor() {}

  /** Opens the console. Standard input is not read before a guest reads. */
  static async open(): Promise<StandardConsole> {
    const console = new StandardConsole();
    console.input = await HostInput.open(() => {
      console.arrivals++;
      console.bell.ring();
    });
    process.stdout.on('error', (error) => {
      console.failure ??= error;
      console.bell.ring();
    });
    return console;
  }

  /** Whether standard input and output are a terminal, so that the kernel echoes and edits lines. */
  get isTerminal(): boolean {
    return this.input.isInteractive;
  }

  /** Queues output of the guest; `run` writes it. */
  write(bytes: Uint8Array): void {
    this.output.push(bytes);
  }

  /** Input for the guest, as Console.read says. Throws HostError if standard input cannot be read. */
  read(max: number): Uint8Array | 'end' | undefined {
    this.hasRead = true;
    return this.input.read(max);
  }

  /** Stops reading, so that Node can end, and gives a terminal back to the host. */
  close(): void {
    if (!this.hasRead) return;
    if (this.isTerminal) process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  /**
   * Runs a process until it ends, in slices of about 20 ms: in between, output is written, input arrives, and the event loop
   * turns. While all threads sleep, the machine's clock jumps ahead, or follows the host's on a terminal. A 'waiting' outcome
   * means a deadlock. The slices do not change what the guest does. Throws HostError if standard input or output fails.
   */
  async run(computer: Computer, program: Process, limits: ConsoleRun = {}): Promise<ConsoleOutcome> {
    const { maxTicks = Infinity, signal } = limits;
    const end = computer.ticks + maxTicks;
    const ring = (): void => this.bell.ring();
    signal?.addEventListener('abort', ring);
    try {
      for (;;) {
        const { arrivals } = this;
        const outcome = this.runSlice(computer, program, end);
        const isQuit = (): boolean => this.input.hasQuit || signal?.aborted === true;
        await this.writeOut(isQuit);
        if (this.failure) {
          requireLostReader(this.failure);
          return { kind: 'output lost' };
        }
        if (isEnd(outcome, computer, end)) return outcome;
        if (isQuit()) return { kind: 'quit' };
        for (let turn = 0; turn < TURNS_FOR_INPUT; turn++) await nextTurn();
        if (outcome.kind === 'waiting' && arrivals === this.arrivals) await this.wait(computer, outcome);
      }
    } finally {
      signal?.removeEventListener('abort', ring);
    }
  }

  private runSlice(computer: Computer, program: Process, end: number): Outcome {
    const start = performance.now();
    const before = computer.ticks;
    const maxTicks = Math.min(this.slices.ticks, end - before);
    const outcome = computer.run(program, { maxTicks, maxEffort: SLICE_EFFORT });
    this.slices.fit(performance.now() - start, computer.ticks - before);
    return outcome;
  }

  /** Writes the queued output, and waits until standard output has taken it or the run is to end. */
  private async writeOut(isQuit: () => boolean): Promise<void> {
    if (this.output.length === 0) return;
    let isTaken = false;
    process.stdout.write(Buffer.concat(this.output.splice(0)), () => {
      isTaken = true;
      this.bell.ring();
    });
    while (!isTaken && !this.failure && !isQuit()) await this.bell.wait(Infinity);
  }

  /** Lets time pass until a thread has slept enough, or input arrives. */
  private async wait(computer: Computer, { until }: Extract<Outcome, { kind: 'waiting' }>): Promise<void> {
    if (!this.isTerminal && until < Infinity) return computer.passTime(until);
    const start = performance.now();
    await this.bell.wait((until - computer.ticks) / TICKS_PER_MS);
    const passed = Math.round((performance.now() - start) * TICKS_PER_MS);
    if (until < Infinity) computer.passTime(Math.min(computer.ticks + passed, until));
  }
}

/** Whether `run` returns it. */
function isEnd(outcome: Outcome, computer: Computer, end: number): boolean {
  if (outcome.kind === 'limit') return computer.ticks >= end;
  if (outcome.kind === 'waiting') return !outcome.forInput && outcome.until === Infinity;
  return true;
}
