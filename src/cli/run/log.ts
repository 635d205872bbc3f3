import { openSync } from 'node:fs';
import type { Logger } from 'pino';
import { writeToStderr } from '../../host/console/host-output.js';
import { visibleText } from '../../host/console/visible-text.js';
import { fileFailure } from '../../host/failure.js';
import { DEFAULT_LOG_LEVEL, type RunOptions } from './run-options.js';

const STDERR = 2;

/**
 * The log that the options ask for: JSON lines on stderr, pretty ones where it is a terminal, or JSON lines appended to a
 * file. Undefined where nothing would be logged: pino takes its time to load, and at the default level bd0 has nothing
 * to say that it does not say on stderr anyway.
 */
export async function openLog(options: RunOptions): Promise<Logger | undefined> {
  const { 'log-level': level = DEFAULT_LOG_LEVEL, 'log-file': path, trace } = options;
  const wanted = trace !== undefined || path !== undefined || ['trace', 'debug', 'info'].includes(level);
  if (!wanted) return undefined;
  const [{ pino }, { isatty }] = await Promise.all([import('pino'), import('node:tty')]);
  // The host's pid would be taken for a guest's.
  const settings = { level, base: null };
  if (path === undefined && isatty(STDERR)) {
    const { default: pretty } = await import('pino-pretty');
    const colorize = process.env['NO_COLOR'] === undefined;
    const lines = pretty({ destination: STDERR, sync: true, singleLine: true, colorize });
    return pino(settings, { write: (line) => void lines.write(visibleEvent(line)) });
  }
  if (path === undefined) return pino(settings, { write: (line) => writeToStderr(line.trimEnd()) });
  return pino(settings, pino.destination({ dest: openToAppend(path), sync: true }));
}

/** An event whose texts can be shown on a terminal as they are. */
function visibleEvent(line: string): string {
  const event = JSON.parse(line) as unknown;
  return `${JSON.stringify(event, (_, value: unknown) => (typeof value === 'string' ? visibleText(value) : value))}\n`;
}

function openToAppend(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw fileFailure('write --log-file', path, error);
  }
}
