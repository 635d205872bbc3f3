/** What the commands of `bd0 vmo` write to stdout. */
import { bytesOfText, decoded, type ByteText } from '../../host/byte-text.js';
import { visibleText } from '../../host/console/visible-text.js';
import { signalOfLostOutput, writeBytesToStdout, writeToStdout } from '../../host/console/host-output.js';

/** Thrown when the reader of stdout has gone: the command ends quietly. */
export class LostOutput extends Error {
  override readonly name = 'LostOutput';

  constructor(
    /** SIGPIPE. */
    readonly signal: number,
  ) {
    super('the reader of the output has gone');
  }
}

/** Writes a line, in which names do nothing to a terminal. Throws LostOutput, or Failure where stdout takes nothing. */
export function tell(line: string): void {
  orLost(() => writeToStdout(visibleText(line)));
}

/** Writes a value as one line of JSON. */
export function tellJson(value: unknown): void {
  tell(JSON.stringify(value));
}

/** Writes bytes as they are. */
export function putBytes(bytes: Uint8Array): void {
  orLost(() => writeBytesToStdout(bytes));
}

/** A name or a path for a program: as text and, where it is not UTF-8, also exactly, as base64. */
export function jsonOfBytes(key: string, bytes: ByteText): Record<string, string> {
  const text = decoded(bytes);
  if (text !== undefined) return { [key]: text };
  const exact = bytesOfText(bytes);
  return { [key]: exact.toString(), [`${key}Base64`]: exact.toString('base64') };
}

function orLost(write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new LostOutput(signalOfLostOutput(error));
  }
}
