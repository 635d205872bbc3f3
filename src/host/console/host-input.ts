import { fstatSync, readSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { HostError, isSystemError, systemReason } from '../failure.js';
import { HostKeys } from './host-keys.js';

const STDIN = 0;
const STDOUT = 1;

/** Ctrl-C. */
const INTERRUPT = 3;

/** Bytes kept for the guest before stdin is asked to wait. */
const MAX_WAITING_BYTES = 2 ** 20;

/** What stdin is. */
interface Kind {
  /** Somebody types there. */
  readonly isTerminal: boolean;
  /** And sees there what the guest writes: the keys are the guest's, and the host's terminal does nothing by itself. */
  readonly isInteractive: boolean;
  /** Whether bytes come when they come. */
  readonly isStream: boolean;
}

/**
 * The guest's input from stdin, which is not touched before the guest reads. Files and devices are read when the guest
 * reads, so that it never finds them late; pipes and terminals as the event loop brings their bytes.
 */
export class HostInput {
  readonly isTerminal: boolean;
  readonly isInteractive: boolean;
  /** Ctrl-A x was typed. */
  hasQuit = false;
  /** Ctrl-A h was typed. */
  onHelp: (() => void) | undefined;
  /** Ctrl-C was typed, and waits for the machine: it is to be heard though nobody looks at the output. */
  hasInterrupt = false;
  /** How many times bytes, or the end, have come. */
  arrivals = 0;
  private readonly isStream: boolean;
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private started = false;
  private isReleased = false;
  /** Who gets what is typed, instead of the guest. */
  private taker: ((typed: Uint8Array | 'end') => void) | undefined;
  private ended = false;

  private constructor(
    { isTerminal, isInteractive, isStream }: Kind,
    private readonly onArrivals: () => void,
  ) {
    this.isTerminal = isTerminal;
    this.isInteractive = isInteractive;
    this.isStream = isStream;
  }

  /** `onArrival` is called when bytes, or the end, have come. */
  static async open(onArrival: () => void): Promise<HostInput> {
    const kind = fstatSync(STDIN);
    const isTerminal = kind.isCharacterDevice() && (await import('node:tty')).isatty(STDIN);
    const isInteractive = isTerminal && (await import('node:tty')).isatty(STDOUT);
    const isStream = isTerminal || kind.isFIFO() || kind.isSocket();
    return new HostInput({ isTerminal, isInteractive, isStream }, onArrival);
  }

  /** As kernel/terminal/console.ts says. Throws HostError where stdin cannot be read. */
  read(max: number): Uint8Array | 'end' | undefined {
    if (!this.isStream) return readNow(max);
    if (!this.started) this.start();
    const first = this.waiting[0];
    if (first === undefined) return this.ended ? 'end' : undefined;
    const bytes = first.subarray(0, max);
    if (bytes.length === first.length) this.waiting.shift();
    else this.waiting[0] = first.subarray(max);
    this.waitingBytes -= bytes.length;
    if (this.waitingBytes === 0) this.hasInterrupt = false;
    if (this.waitingBytes < MAX_WAITING_BYTES && process.stdin.isPaused()) process.stdin.resume();
    return bytes;
  }

  /** Gives the terminal back to the host as it was, before a signal can end bd0 at once. */
  release(): void {
    if (this.isInteractive && this.started) process.stdin.setRawMode(false);
    this.isReleased = true;
  }

  /** What is typed from now on goes to `taker`, and no more to the guest; without one, to the guest again. */
  divert(taker: ((typed: Uint8Array | 'end') => void) | undefined): void {
    this.taker = taker;
    if (taker && !this.started) this.start();
    if (taker && this.ended) taker('end');
  }

  private onArrival(): void {
    this.arrivals++;
    this.onArrivals();
  }

  private start(): void {
    this.started = true;
    const { stdin } = process;
    const end = (): void => {
      this.ended = true;
      this.taker?.('end');
      this.onArrival();
    };
    stdin.on('end', end);
    // A terminal that has gone, or belongs to another job: there is no more input.
    stdin.on('error', end);
    const keys = this.isInteractive ? this.takeTerminal(stdin) : undefined;
    stdin.on('data', (bytes: Buffer) => {
      const forGuest = keys?.take(bytes) ?? bytes;
      if (this.taker) {
        if (forGuest.length > 0) this.taker(forGuest);
        this.onArrival();
        return;
      }
      if (forGuest.length > 0) this.waiting.push(forGuest);
      this.waitingBytes += forGuest.length;
      if (this.isInteractive && forGuest.includes(INTERRUPT)) this.hasInterrupt = true;
      // A person can always quit.
      if (this.waitingBytes >= MAX_WAITING_BYTES && !keys) stdin.pause();
      this.onArrival();
    });
  }

  /** Has the host's terminal pass on every key, as long as bd0 runs: Node gives it back when the process exits. */
  private takeTerminal(stdin: ReadStream): HostKeys {
    const takeRaw = (): void => {
      stdin.setRawMode(false);
      if (!this.isReleased) stdin.setRawMode(true);
    };
    takeRaw();
    // Whoever had the terminal while bd0 was stopped may have left it otherwise.
    process.on('SIGCONT', takeRaw);
    return new HostKeys((command) => {
      if (command === 'quit') this.hasQuit = true;
      else this.onHelp?.();
    });
  }
}

function readNow(max: number): Uint8Array | 'end' {
  const bytes = new Uint8Array(max);
  try {
    const length = readSync(STDIN, bytes);
    return length === 0 ? 'end' : bytes.subarray(0, length);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new HostError(`cannot read standard input: ${systemReason(error)}`, 'system');
  }
}
