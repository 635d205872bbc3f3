import * as fs from 'node:fs';
import type { VmoHandle, VmoStore } from '../../index.js';
import { LinuxError, type LinuxErrno } from '../../kernel/linux/errno.js';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../kernel/linux/files/constants.js';
import type { LinuxRoot, RootEntry, RootStatus } from '../../kernel/linux/files/tree/linux-root.js';
import { bytesOfText, type ByteText } from '../byte-text.js';
import { stampOf } from './host-root.js';
import type { Spool, Spooled } from './spool.js';

/** Opens a file as a place only. Linux alone has it. */
const O_PATH = 0o10000000;

/**
 * Files of the host as a machine has found them, while what its programs change is written there: whatever is about to be changed
 * is kept before, as far as the machine may ask for it. Paths are those of the root.
 */
export class FoundRoot implements LinuxRoot {
  private readonly statuses = new Map<string, RootStatus | LinuxErrno>();
  private readonly lists = new Map<string, readonly RootEntry[] | LinuxErrno>();
  private readonly contents = new Map<string, { readonly stamp: string; readonly bytes: Spooled }>();
  /** Stamps of files whose content is the same under another stamp by now. */
  private readonly restamped = new Map<string, string>();

  constructor(
    private readonly store: VmoStore,
    /** The files as they are. */
    readonly now: LinuxRoot,
    private readonly spool: Spool,
    /** Whether every content is wanted that was found. */
    private readonly keepsAll: boolean,
  ) {}

  status(path: string): RootStatus | LinuxErrno {
    return this.statuses.get(path) ?? this.now.status(path);
  }

  list(path: string): readonly RootEntry[] | LinuxErrno {
    return this.lists.get(path) ?? this.now.list(path);
  }

  read(path: string, stamp: string, offset: number, length: number): VmoHandle | LinuxErrno {
    const kept = this.contents.get(path);
    if (kept?.stamp === stamp) return this.store.fromBytes(this.spool.read(kept.bytes, offset, length));
    let current = stamp;
    for (let next; (next = this.restamped.get(current)) !== undefined;) current = next;
    return this.now.read(path, current, offset, length);
  }

  /** Called before the host is changed at a path; `withContent`: the content of the file may still be read. */
  retain(path: string, withContent: boolean): void {
    if (this.statuses.has(path)) return;
    const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')));
    if (path !== '/') this.keepList(parent);
    const status = this.now.status(path);
    if (typeof status !== 'number' && (status.mode & S_IFMT) === S_IFDIR) this.keepList(path);
    const isWanted = withContent || this.keepsAll;
    if (typeof status !== 'number' && (status.mode & S_IFMT) === S_IFREG && isWanted) this.keepContent(path, status);
    this.statuses.set(path, status);
  }

  /** Changes an attribute or a name of a file at a place, which leaves its content as it is: other names of it remain readable. */
  sameContent(place: ByteText, change: () => void): void {
    const file = fs.openSync(bytesOfText(place), O_PATH | fs.constants.O_NOFOLLOW);
    try {
      const before = stampOf(fs.fstatSync(file, { bigint: true }));
      change();
      const after = stampOf(fs.fstatSync(file, { bigint: true }));
      if (after === before) return;
      this.restamped.set(before, after);
      this.restamped.delete(after);
    } finally {
      fs.closeSync(file);
    }
  }

  private keepList(path: string): void {
    if (!this.lists.has(path)) this.lists.set(path, this.now.list(path));
  }

  /** What cannot be read now cannot be read later either. */
  private keepContent(path: string, { size, stamp }: RootStatus): void {
    try {
      const bytes = this.spool.add(size, (offset, length) => this.readNow(path, stamp, offset, length));
      this.contents.set(path, { stamp, bytes });
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
    }
  }

  private readNow(path: string, stamp: string, offset: number, length: number): Uint8Array {
    const part = this.now.read(path, stamp, offset, length);
    if (typeof part === 'number') throw new LinuxError(part);
    try {
      return part.read(0, length);
    } finally {
      part.close();
    }
  }
}
