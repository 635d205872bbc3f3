import { constants, openSync } from 'node:fs';
import type { WriteStream } from 'node:tty';
import { isSystemError } from '../failure.js';

/**
 * The width of the terminal at standard output; undefined if it does not say. The terminal is opened once more: Node's own
 * stream would change how standard output is written.
 */
export function columnsOfTerminal(): number | undefined {
  // Few runs need it, and it loads streams and sockets.
  const tty = process.getBuiltinModule('node:tty');
  let terminal: WriteStream | undefined;
  try {
    terminal = new tty.WriteStream(
      openSync('/dev/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY),
    );
    return terminal.getWindowSize()[0] || undefined;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  } finally {
    terminal?.destroy();
  }
}
