import { schema } from '../../../../state/schema.js';
import type { FileSystem } from '../file-system.js';
import { SPECIAL_FIELDS, SpecialFile } from '../tree/inode.js';
import {
  OPEN_FILE_FIELDS,
  OpenFile,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  WAIT,
  type Deliver,
} from './open-file.js';

/** What is woken when there may be input at the console: no number of `FileSystem.takeNumber`. */
export const CONSOLE_NUMBER = 0;

/** The machine's console, as programs of Linux use it. */
export interface ConsolePort {
  readonly isTerminal: boolean;
  /** While programs that write have to wait. */
  readonly isSuspended: boolean;
  /** As KernelConsole.read. */
  read(length: number, deliver: Deliver): number | 'end' | undefined;
  /** Whether `read` would return something else than undefined. */
  readonly hasInput: boolean;
  /** How many bytes it would return at most. */
  readonly readableBytes: number;
  /** How long a reader waits, in ticks: 0 for not at all. */
  readonly patience: number;
  write(bytes: Uint8Array): void;
}

/** What stands for the console where that is no terminal, but a pipe each way. */
export class ConsoleInode extends SpecialFile {
  static override readonly state = schema('console inode', ConsoleInode, SPECIAL_FIELDS);
}

/** The console, as standard input, output and error, and as /dev/tty. */
export class OpenConsole extends OpenFile {
  static readonly state = schema('open console', OpenConsole, OPEN_FILE_FIELDS);

  read({ console }: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    if (length === 0) return 0;
    const read = console.read(length, deliver);
    if (read === undefined) return console.patience === 0 ? 0 : WAIT;
    return read === 'end' ? 0 : read;
  }

  write({ console }: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    if (console.isSuspended) return WAIT;
    if (bytes.length > 0) console.write(bytes);
    return bytes.length;
  }

  override readiness({ console }: FileSystem): number {
    let bits = 0;
    if (this.isReadable && console.hasInput) bits |= POLLIN | POLLRDNORM;
    if (this.isWritable && !console.isSuspended) bits |= POLLOUT | POLLWRNORM;
    return bits;
  }

  override patience({ console }: FileSystem): number {
    return console.patience;
  }

  override readableBytes({ console }: FileSystem): number {
    return console.readableBytes;
  }

  override get numbers(): readonly number[] {
    return [CONSOLE_NUMBER];
  }
}
