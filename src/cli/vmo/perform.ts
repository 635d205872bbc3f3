/** What all commands of `bd0 vmo` have in common: how they end. */
import { Failure } from '../failure.js';
import { Signals } from '../../host/signals.js';
import { LostOutput } from './output.js';

/** Errors of the core that a user can do something about, by name. */
const EXPLAINED: Readonly<Record<string, string>> = {
  DamagedRecordError: 'bd0 vmo verify shows what is affected',
  MissingRecordError: 'bd0 vmo verify shows what is affected',
};

/** Thrown when a signal has come: the command ends, and leaves everything intact. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(
    /** In Linux's numbers. */
    readonly signal: number,
  ) {
    super('interrupted');
  }
}

/** Does work that a signal ends: SIGINT, SIGTERM or SIGHUP. Throws Interrupted then. */
export async function interruptible<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signals = new Signals(() => stop.abort());
  try {
    return await work(stop.signal);
  } catch (error) {
    throw signals.received === undefined ? error : new Interrupted(signals.received);
  }
}

/**
 * Performs a command. Returns its exit code, or that of the signal that ended it, such as SIGPIPE if the reader of its
 * output has gone. Throws Failure.
 */
export async function performed(perform: () => Promise<number>): Promise<number> {
  try {
    return await perform();
  } catch (error) {
    if (error instanceof LostOutput || error instanceof Interrupted) return 128 + error.signal;
    const advice = error instanceof Error ? EXPLAINED[error.name] : undefined;
    if (advice !== undefined) throw new Failure(`${(error as Error).message}; ${advice}`);
    throw error;
  }
}

/** Refuses any number of words but those. `what` names them. */
export function requireWords(
  words: readonly string[],
  command: string,
  what: string,
  least: number,
  most: number,
): void {
  if (words.length < least) throw new Failure(`bd0 vmo ${command} needs ${what}: bd0 vmo ${command} --help`);
  if (words.length > most)
    throw new Failure(
      `bd0 vmo ${command} takes ${most === 0 ? 'no arguments' : `only ${what}`}: remove '${words[most]!}'`,
    );
}
