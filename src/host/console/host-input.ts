import { fstatSync, readSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { HostError, isSystemError, systemReason } from '../failure.js';
import { HostKeys } from './host-keys.js';

const STDIN = 0;
const STDOUT = 1;

/** Ctrl-C. */
const INTERRUPT = 3;

/** Bytes kept for the guest before reading from stdin pauses. */
const MAX_WAITING_BYTES = 2 ** 20;

/** The kind of stdin. */
interface Kind {
  /** It is a terminal. */
  readonly isTerminal: boolean;
  /** Stdout is a terminal, too: the guest gets the keys, and the host's terminal is raw. */
  readonly isInteractive: boolean;
  /** Bytes arrive asynchronously. */
  readonly isStream: boolean;
}

/**
 * The guest's input from stdin, which is not touched before the guest reads. Files and devices are read synchronously when
 * the guest reads; pipes and terminals when the event loop delivers their bytes.
 */
export class HostInput {
  readonly isTerminal: boolean;
  readonly isInteractive: boolean;
  /** Ctrl-A x was typed. */
  hasQuit = false;
  /** Ctrl-A h was typed. */
  onHelp: (() => void) | undefined;
  /** Ctrl-C was typed, and the machine has not read it yet. It must take effect even if the output is blocked. */
  hasInterrupt = false;
  /** Number of times that bytes, or the end of input, have arrived. */
  arrivals = 0;
  private readonly isStream: boolean;
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private started = false;
  private isReleased = false;
  /** Gets the typed bytes instead of the guest. */
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

  /** `onArrival` is called when bytes, or the end of input, have arrived. */
  static async open(onArrival: () => void): Promise<HostInput> {
    const kind = fstatSync(STDIN);
    const isTerminal = kind.isCharacterDevice() && (await import('node:tty')).isatty(STDIN);
    const isInteractive = isTerminal && (await import('node:tty')).isatty(STDOUT);
    const isStream = isTerminal || kind.isFIFO() || kind.isSocket();
    return new HostInput({ isTerminal, isInteractive, isStream }, onArrival);
  }

  /** Implements Console.read. Throws HostError if stdin cannot be read. */
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

  /** Restores the mode of the terminal, before a signal can end bd0 at once. */
  release(): void {
    if (this.isInteractive && this.started) process.stdin.setRawMode(false);
    this.isReleased = true;
  }

  /** Passes typed bytes to `taker` instead of the guest; undefined ends that. */
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
    // If the terminal is gone, or belongs to another job, that is the end of the input.
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

  /** Sets the host's terminal to raw mode while bd0 runs; Node restores it when the process exits. */
  private takeTerminal(stdin: ReadStream): HostKeys {
    const takeRaw = (): void => {
      stdin.setRawMode(false);
      if (!this.isReleased) stdin.setRawMode(true);
    };
    takeRaw();
    // Another process may have changed the mode while bd0 was stopped.
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
