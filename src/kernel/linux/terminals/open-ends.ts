import { schema, value } from '../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { O_NONBLOCK } from '../files/constants.js';
import type { FileSystem } from '../files/file-system.js';
import {
  OPEN_FILE_FIELDS,
  OpenFile,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  WAIT,
  type Deliver,
  type OpenedName,
} from '../files/open/open-file.js';
import type { Inode } from '../files/tree/inode.js';
import type { PseudoTerminal } from './pseudo-terminal.js';

const { EIO } = LinuxErrno;

/** The master of a pseudo-terminal, which opening /dev/ptmx makes. */
export class OpenMaster extends OpenFile {
  static readonly state = schema('open master', OpenMaster, { ...OPEN_FILE_FIELDS, terminal: value });

  constructor(
    inode: Inode,
    flags: number,
    place: OpenedName,
    readonly terminal: PseudoTerminal,
  ) {
    super(inode, flags, place);
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    if (length === 0) return 0;
    const bytes = this.terminal.peekOutput(length);
    if (bytes === undefined) return WAIT;
    if (bytes === 'closed') throw new LinuxError(EIO);
    deliver(bytes);
    this.terminal.takeOutput(files, bytes.length);
    return bytes.length;
  }

  write(files: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    const typed = this.terminal.type(files, bytes);
    return typed === 0 && bytes.length > 0 ? WAIT : typed;
  }

  override readiness(): number {
    return this.terminal.masterReadiness;
  }

  override get numbers(): readonly number[] {
    return [this.terminal.masterNumber];
  }

  override readableBytes(): number {
    return this.terminal.outputBytes;
  }

  override close(files: FileSystem): void {
    files.pseudoTerminals.closeMaster(files, this.terminal);
    super.close(files);
  }
}

/** The slave of a pseudo-terminal, /dev/pts/N: the terminal that programs see. */
export class OpenSlave extends OpenFile {
  static readonly state = schema('open slave', OpenSlave, {
    ...OPEN_FILE_FIELDS,
    terminal: value,
    hangUps: value,
    begun: value,
  });

  private readonly hangUps: number;
  /** The tick at which a read found some bytes, but not as many as it waits for. */
  private begun: number | undefined;

  constructor(
    inode: Inode,
    flags: number,
    place: OpenedName,
    readonly terminal: PseudoTerminal,
  ) {
    super(inode, flags, place);
    this.hangUps = terminal.hangUps;
  }

  /** Whether it has lost its terminal. */
  get isHungUp(): boolean {
    return this.hangUps !== this.terminal.hangUps;
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    const { terminal } = this;
    if (length === 0 || this.isHungUp) return 0;
    const bytes = terminal.peek(length);
    if (bytes === undefined) {
      this.begun = undefined;
      return terminal.settings.patience === 0 ? 0 : WAIT;
    }
    const isEnough = (this.flags & O_NONBLOCK) !== 0 || terminal.hasEnough(length);
    if (!isEnough) this.begun ??= files.timing.tick;
    if (!isEnough && this.patience(files) > 0) return WAIT;
    deliver(bytes);
    this.begun = undefined;
    terminal.take(files, bytes.length);
    return bytes.length;
  }

  write(files: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    if (this.isHungUp) throw new LinuxError(EIO);
    const written = this.terminal.write(files, bytes);
    return written === 0 && bytes.length > 0 ? WAIT : written;
  }

  override readiness(): number {
    if (this.isHungUp) return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
    return this.terminal.readiness;
  }

  override get numbers(): readonly number[] {
    return [this.terminal.slaveNumber];
  }

  override patience(files: FileSystem): number {
    const { settings, typedAt, readableBytes } = this.terminal;
    if (this.begun === undefined || readableBytes === 0) return settings.patience;
    return Math.max(0, Math.max(this.begun, typedAt) + settings.gap - files.timing.tick);
  }

  override readableBytes(): number {
    return this.terminal.readableBytes;
  }

  override close(files: FileSystem): void {
    this.terminal.closeSlave(files);
    super.close(files);
  }
}
