import type { Logger } from 'pino';
import { HostFile, STDERR } from '../../host/console/host-file.js';
import { HostInput } from '../../host/console/host-input.js';
import { HostLines } from '../../host/console/host-lines.js';
import { Bell, Signals } from '../../host/signals.js';
import { Interruption } from './interruption.js';
import { openLog } from './log.js';
import type { RunOptions } from './run-options.js';

/** What everything that runs a machine has of the host from its beginning. */
export interface ConsoleHost {
  readonly bell: Bell;
  readonly input: HostInput;
  readonly interruption: Interruption;
  /** Lines on stderr. */
  readonly errors: HostLines;
}

/** What a run has of the host from its beginning. */
export interface Host extends ConsoleHost {
  /** Those, and the log if it goes to a file. */
  readonly lines: readonly HostLines[];
  readonly log: Logger | undefined;
}

/** Opens stdin, and takes signals from now on. `timeoutSeconds` may be Infinity. */
export async function openConsoleHost(timeoutSeconds: number): Promise<ConsoleHost> {
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const input = await HostInput.open(ring);
  const signals = new Signals(() => {
    input.release();
    ring();
  });
  const interruption = new Interruption(signals, input, timeoutSeconds);
  return { bell, input, interruption, errors: new HostLines(new HostFile(STDERR, ring)) };
}

/** Opens the log as well. Throws Failure. */
export async function openHost(options: RunOptions): Promise<Host> {
  const host = await openConsoleHost(options.timeout ?? Infinity);
  const { bell, errors } = host;
  const log = await openLog(options, errors, () => bell.ring());
  const lines = log?.file ? [errors, log.file] : [errors];
  return { ...host, lines, log: log?.logger };
}
