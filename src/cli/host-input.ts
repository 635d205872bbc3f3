import { fstatSync, readSync } from 'node:fs';
import { Failure, isSystemError, systemReason } from './failure.js';

const STDIN = 0;

/** Bytes kept for the guest before stdin is asked to wait. */
const MAX_WAITING_BYTES = 2 ** 20;

/**
 * The guest's input from stdin, which is not touched before the guest reads. Files and devices are read when the guest
 * reads, so that it never finds them late; pipes and terminals, in lines, as the event loop brings their bytes.
 */
export class HostInput {
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private started = false;
  private ended = false;

  private constructor(
    readonly isTerminal: boolean,
    /** Whether bytes come when they come. */
    private readonly isStream: boolean,
    private readonly onArrival: () => void,
  ) {}

  /** `onArrival` is told when bytes, or the end, have come. */
  static async open(onArrival: () => void): Promise<HostInput> {
    const kind = fstatSync(STDIN);
    const isTerminal = kind.isCharacterDevice() && (await import('node:tty')).isatty(STDIN);
    return new HostInput(isTerminal, isTerminal || kind.isFIFO() || kind.isSocket(), onArrival);
  }

  /** As kernel/console.ts says. Throws Failure where stdin cannot be read. */
  read(max: number): Uint8Array | 'end' | undefined {
    if (!this.isStream) return readNow(max);
    if (!this.started) this.start();
    const first = this.waiting[0];
    if (first === undefined) return this.ended ? 'end' : undefined;
    const bytes = first.subarray(0, max);
    if (bytes.length === first.length) this.waiting.shift();
    else this.waiting[0] = first.subarray(max);
    this.waitingBytes -= bytes.length;
    if (this.waitingBytes < MAX_WAITING_BYTES && process.stdin.isPaused()) process.stdin.resume();
    return bytes;
  }

  /** True while a read would answer. */
  get isReady(): boolean {
    return !this.isStream || this.waiting.length > 0 || this.ended;
  }

  private start(): void {
    this.started = true;
    const { stdin } = process;
    const end = (): void => {
      this.ended = true;
      this.onArrival();
    };
    stdin.on('end', end);
    // A terminal that has gone, or belongs to another job: there is no more input.
    stdin.on('error', end);
    stdin.on('data', (bytes: Buffer) => {
      this.waiting.push(bytes);
      this.waitingBytes += bytes.length;
      if (this.waitingBytes >= MAX_WAITING_BYTES) stdin.pause();
      this.onArrival();
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
    throw new Failure(`cannot read standard input: ${systemReason(error)}`);
  }
}
