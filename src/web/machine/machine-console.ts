import type { Console } from '../../kernel/terminal/console.js';
import type { Report, TerminalSize } from '../protocol.js';
import type { BackgroundProcesses } from './background-processes.js';
import { OutputLog } from './output-log.js';

/** The machine pauses while its page has this much output left to show. */
const UNSHOWN_BYTES_MAX = 2 ** 18;

/** The console of a machine: what its page types, and what it has to show. */
export class MachineConsole implements Console {
  readonly isTerminal = true;
  /** The size of the terminal that shows it. */
  size: TerminalSize | undefined;
  /** How often something was typed. */
  arrivals = 0;
  private readonly input: Uint8Array[] = [];
  private readonly output = new OutputLog();
  private unshownBytes = 0;

  constructor(
    private readonly ticks: () => number,
    private readonly send: (report: Report) => void,
    readonly background?: BackgroundProcesses,
  ) {}

  read(max: number): Uint8Array | undefined {
    const bytes = this.input.shift();
    if (bytes && bytes.length > max) this.input.unshift(bytes.subarray(max));
    return bytes?.subarray(0, max);
  }

  write(bytes: Uint8Array, pid?: number): void {
    const at = this.output.add(this.ticks(), bytes.length);
    this.unshownBytes += bytes.length;
    const isBehindOthers = pid !== undefined && this.background?.notice(pid);
    this.send({ kind: 'output', at, bytes, ...(isBehindOthers && { pid }) });
  }

  print(text: string): void {
    this.write(new TextEncoder().encode(text));
  }

  type(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.input.push(bytes);
    this.arrivals++;
  }

  /** The page has shown some output. */
  shown(bytes: number): void {
    this.unshownBytes -= bytes;
  }

  /** Whether the machine has to wait for its page. */
  get isBehind(): boolean {
    return this.unshownBytes > UNSHOWN_BYTES_MAX;
  }

  /** Bytes of output that were written up to a tick. */
  bytesAt(tick: number): number {
    return this.output.bytesAt(tick);
  }
}
