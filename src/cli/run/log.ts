import { constants, openSync } from 'node:fs';
import type { Logger } from 'pino';
import { HostFile, STDERR } from '../../host/console/host-file.js';
import { HostLines } from '../../host/console/host-lines.js';
import { visibleText } from '../../host/console/visible-text.js';
import { isSystemError, systemReason } from '../../host/failure.js';
import { Failure } from '../failure.js';
import { DEFAULT_LOG_LEVEL, type RunOptions } from './run-options.js';

/** The log of a run. */
export interface RunLog {
  readonly logger: Logger;
  /** The file of `--log-file`; undefined where the log goes to stderr. */
  readonly file: HostLines | undefined;
}

/**
 * Opens the log that the options ask for: JSON lines on stderr, readable text if that is a terminal, or JSON lines appended to a
 * file. Undefined if nothing would be logged: pino takes time to load, and at the default level bd0 logs nothing that it does
 * not print to stderr anyway. `onTaken` is called when the file has taken lines. Throws Failure if the file cannot be written.
 */
export async function openLog(
  options: RunOptions,
  errors: HostLines,
  onTaken: () => void,
): Promise<RunLog | undefined> {
  const { 'log-level': level = DEFAULT_LOG_LEVEL, 'log-file': path, trace } = options;
  const wanted = trace !== undefined || path !== undefined || ['trace', 'debug', 'info'].includes(level);
  if (!wanted) return undefined;
  const file = path === undefined ? undefined : openLogFile(path, onTaken);
  const [{ pino }, { isatty }] = await Promise.all([import('pino'), import('node:tty')]);
  // The host's pid would be taken for a guest's.
  const settings = { level, base: null };
  if (file) return { logger: pino(settings, { write: (line) => file.write(line) }), file };
  const write = isatty(STDERR) ? await prettyWriter(errors) : (line: string) => errors.tell(line.trimEnd());
  return { logger: pino(settings, { write }), file };
}

async function prettyWriter(errors: HostLines): Promise<(line: string) => void> {
  const { default: pretty } = await import('pino-pretty');
  const format = pretty.prettyFactory({ singleLine: true, colorize: process.env['NO_COLOR'] === undefined });
  return (line) => errors.write(format(visibleEvent(line)));
}

/** An event whose texts can be shown on a terminal as they are. */
function visibleEvent(line: string): string {
  const event = JSON.parse(line) as unknown;
  return `${JSON.stringify(event, (_, value: unknown) => (typeof value === 'string' ? visibleText(value) : value))}\n`;
}

/** Its `flush` throws Failure if the disk is full. */
function openLogFile(path: string, onTaken: () => void): HostLines {
  const file = new HostFile(openToAppend(path), onTaken);
  return new HostLines(file, (error) => logFailure(path, error));
}

/** A pipe without a reader is refused, and one whose reader is behind does not block. */
function openToAppend(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o666);
  } catch (error) {
    throw logFailure(path, error);
  }
}

/** Not `fileFailure`: a missing directory does not mean that IMAGE was not found. */
function logFailure(path: string, error: unknown): unknown {
  return isSystemError(error) ? new Failure(`cannot write --log-file '${path}': ${systemReason(error)}`) : error;
}
