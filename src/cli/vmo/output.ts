/** What the commands of `bd0 vmo` write to stdout. */
import { signalOfLostOutput, writeBytesToStdout, writeToStdout } from '../../host/console/host-output.js';

/** Nobody reads stdout any more: the command ends quietly. */
export class LostOutput extends Error {
  override readonly name = 'LostOutput';

  constructor(
    /** SIGPIPE. */
    readonly signal: number,
  ) {
    super('nobody reads the output');
  }
}

/** Writes a line. Throws LostOutput, or Failure where stdout takes nothing. */
export function tell(line: string): void {
  orLost(() => writeToStdout(line));
}

/** Writes a value as one line of JSON. */
export function tellJson(value: unknown): void {
  tell(JSON.stringify(value));
}

/** Writes bytes as they are. */
export function putBytes(bytes: Uint8Array): void {
  orLost(() => writeBytesToStdout(bytes));
}

/** A name from a tree as a line of a terminal can show it. */
export function visible(name: string): string {
  return name.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function orLost(write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new LostOutput(signalOfLostOutput(error));
  }
}
