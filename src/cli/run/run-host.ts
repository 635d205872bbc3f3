import type { Logger } from 'pino';
import { HostFile, STDERR } from '../../host/console/host-file.js';
import { HostInput } from '../../host/console/host-input.js';
import { HostLines } from '../../host/console/host-lines.js';
import { Bell, Signals } from '../../host/signals.js';
import { Interruption } from './interruption.js';
import { openLog } from './log.js';
import type { RunOptions } from './run-options.js';

/** What a run has of the host from its beginning. */
export interface Host {
  readonly bell: Bell;
  readonly input: HostInput;
  readonly interruption: Interruption;
  /** Lines on stderr. */
  readonly errors: HostLines;
  /** Those, and the log if it goes to a file. */
  readonly lines: readonly HostLines[];
  readonly log: Logger | undefined;
}

export async function openHost(options: RunOptions): Promise<Host> {
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const input = await HostInput.open(ring);
  const signals = new Signals(() => {
    input.release();
    ring();
  });
  const interruption = new Interruption(signals, input, options.timeout ?? Infinity);
  const errors = new HostLines(new HostFile(STDERR, ring));
  const log = await openLog(options, errors, ring);
  const lines = log?.file ? [errors, log.file] : [errors];
  return { bell, input, interruption, errors, lines, log: log?.logger };
}
