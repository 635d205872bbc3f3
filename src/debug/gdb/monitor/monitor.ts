import type { Steps } from '../../../vmo/steps.js';
import type { DebugTarget } from '../../target.js';

/** The most bytes that a command can be about. */
export const MOST_BYTES = 4096;

/** The lines that a command shows; in steps of some ten milliseconds if it may take long. */
export type MonitorLines = readonly string[] | Steps<readonly string[]>;

/** A command after `monitor`. */
export interface MonitorCommand {
  /** Its name and parameters: `mem ADDRESS [LENGTH]`. */
  readonly usage: string;
  readonly summary: string;
  /** `pid`: the process that addresses are addresses of. Throws MonitorError. */
  run(words: readonly string[], target: DebugTarget, pid: number | undefined): MonitorLines;
}

/** What is wrong with a command, in one line. */
export class MonitorError extends Error {
  override readonly name = 'MonitorError';
}

/** Parses a number: decimal, or hexadecimal with 0x; at most 64 bits. Throws MonitorError. */
export function numberOf(text: string): bigint {
  const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value >> 64n !== 0n) throw new MonitorError(`'${text}' is not a number of 64 bits`);
  return value;
}

/** Parses a length in bytes. Throws MonitorError for one that is not 1 to MOST_BYTES. */
export function lengthOf(text: string): number {
  const length = numberOf(text);
  if (length < 1n || length > BigInt(MOST_BYTES)) throw new MonitorError(`LENGTH ${length} is not 1 to ${MOST_BYTES}`);
  return Number(length);
}

/** The commands after `monitor`, by name. */
export class MonitorCommands {
  private readonly commands = new Map<string, MonitorCommand>();

  constructor(commands: readonly MonitorCommand[]) {
    for (const command of commands) this.commands.set(nameOf(command), command);
  }

  /** Runs a command line; an empty one shows the help. Throws MonitorError. */
  run(line: string, target: DebugTarget, pid: number | undefined): MonitorLines {
    const [name, ...words] = line.split(/\s+/).filter((word) => word !== '');
    if (name === undefined || name === 'help') return this.help();
    const command = this.commands.get(name);
    if (!command) throw new MonitorError(`unknown command '${name}': monitor help lists the commands`);
    return command.run(words, target, pid);
  }

  private help(): string[] {
    const rows = [...this.commands.values()].map(({ usage, summary }) => [usage, summary] as const);
    rows.push(['help', 'this list']);
    const width = Math.max(...rows.map(([usage]) => usage.length)) + 2;
    return rows.map(([usage, summary]) => `monitor ${usage.padEnd(width)}${summary}`);
  }
}

function nameOf({ usage }: MonitorCommand): string {
  return usage.split(' ')[0]!;
}
