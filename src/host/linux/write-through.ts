/** Writes what programs have changed to a directory or file of the host that was bound for writing. */

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import type { ChangedFile, FileVersion } from '../../index.js';
import type { MirrorChange, MirrorStep } from '../../kernel/linux/files/mirror.js';
import { LinuxError, LinuxErrno } from '../../kernel/linux/errno.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/linux/files/constants.js';
import { byteText, bytesOfText, shown, type ByteText } from '../byte-text.js';
import { isSystemError, systemReason } from '../failure.js';
import type { FoundRoot } from './found-root.js';
import { PART_BYTES, Spool, writeAll, type Spooled } from './spool.js';

/** Opens a directory as a place only. Linux alone has it. */
const O_PATH = 0o10000000;
/** Where Linux shows the files that this process has open. */
const OPEN_FILES = '/proc/self/fd';

/** What a guest may set of a mode on the host: nothing that lets a file run as its owner. */
const MODE_BITS = 0o1777;

/** Where a step of a mirror is written to. */
export interface WriteTarget {
  /** The path on the host, without symbolic links in it. */
  readonly host: ByteText;
  /** The path that programs see. */
  readonly guest: string;
  /** Keeps what the machine may yet read, before it is changed. */
  readonly found: FoundRoot;
  /** Whether a path that programs see is that of other files, which are not written here. */
  isOther(path: string): boolean;
}

/**
 * Brings the host to what programs have made of a place. No symbolic link is followed on the way, not even one that the host puts
 * there in the meantime. What cannot be written is reported, a line each, and the rest goes on; but nothing is changed unless all
 * content could be read before. Removals come last: a run that is killed in between has lost nothing. Returns what failed.
 */
export function writeThrough(
  step: MirrorStep,
  target: WriteTarget,
  report: (line: string) => void,
): ReadonlySet<ChangedFile> {
  const staged = new StagedContents();
  try {
    staged.takeAll(step.change);
    return inParent(target.host, (at) => {
      const writer = new Writer(staged, step, target, report);
      writer.write(step.change, { at, rest: '' });
      writer.remove(step.change, { at, rest: '' });
      return writer.failed;
    });
  } catch (error) {
    report(`nothing was written to '${shown(target.host)}': ${reasonOf(error)}`);
    return new Set([step.change]);
  } finally {
    staged.close();
  }
}

/** The directory of a place is another one now: a link lies on the way to it. */
class DivertedError extends Error {
  constructor() {
    super('a symbolic link leads elsewhere on the way to it');
  }
}

/**
 * Works on a path in the directory in which it lies, which stays the same one, whatever becomes of the directories above it:
 * programs may have put a link there, where another place that they write holds this one. Throws DivertedError.
 */
function inParent<T>(path: ByteText, work: (at: ByteText) => T): T {
  const end = path.lastIndexOf('/');
  if (path === '/') return work(path);
  const parent = (end <= 0 ? '/' : path.slice(0, end)) as ByteText;
  const directory = fs.openSync(bytesOfText(parent), O_PATH | fs.constants.O_DIRECTORY);
  try {
    const reached = byteText(fs.readlinkSync(`${OPEN_FILES}/${directory}`, { encoding: 'buffer' }));
    if (reached !== parent) throw new DivertedError();
    return work(`${OPEN_FILES}/${directory}${path.slice(end)}` as ByteText);
  } finally {
    fs.closeSync(directory);
  }
}

/** Contents that the host has at places which are about to be written: another file's, if a program has renamed it. */
class StagedContents {
  private readonly spool = new Spool();
  private readonly places = new Map<FileVersion, Spooled>();

  takeAll({ before, after, differs, entries }: ChangedFile): void {
    const isWritten = !before || differs.includes('kind') || differs.includes('content');
    if (after?.isInRoot && typeOf(after) === S_IFREG && isWritten)
      this.places.set(
        after,
        this.spool.add(after.size, (offset, length) => after.read(offset, length)),
      );
    for (const entry of entries) this.takeAll(entry);
  }

  read(version: FileVersion, offset: number, length: number): Uint8Array {
    const place = this.places.get(version);
    return place ? this.spool.read(place, offset, length) : version.read(offset, length);
  }

  close(): void {
    this.spool.close();
  }
}

/** Where a file is reached, and its path below what is bound: '' for that itself. */
interface Place {
  readonly at: ByteText;
  readonly rest: string;
}

class Writer {
  readonly failed = new Set<ChangedFile>();

  constructor(
    private readonly contents: StagedContents,
    private readonly step: MirrorStep,
    private readonly target: WriteTarget,
    private readonly report: (line: string) => void,
  ) {}

  /** Makes and changes files; what has to go only where something else comes to its place. */
  write(change: MirrorChange, place: Place): void {
    const { before, after, differs } = change;
    this.attempt(change, place, () => {
      if (!after) return;
      const isOther = differs.includes('kind');
      if (before && isOther) this.removeAll(change, before, place);
      if (!before || isOther) this.make(after, place);
      else if (differs.includes('content')) this.change(change, after, place);
      else if (differs.includes('target')) this.relink(after, place);
      if (typeOf(after) !== S_IFDIR) {
        if (before && differs.includes('mode')) this.setMode(after, place);
      } else this.below(change, place, (entry, at) => this.write(entry, at));
    });
  }

  /** Removes files, and sets the modes of directories, which may forbid to write in them. */
  remove(change: MirrorChange, place: Place): void {
    const { before, after, differs } = change;
    if (this.failed.has(change)) return;
    this.attempt(change, place, () => {
      if (!after) return before && this.removeAll(change, before, place);
      if (typeOf(after) !== S_IFDIR) return;
      // What stood there before something of another kind has gone already.
      const isOther = differs.includes('kind');
      this.below(change, place, (entry, at) => (entry.after || !isOther) && this.remove(entry, at));
      if (!before || differs.length > 0) this.setMode(after, place);
    });
  }

  private attempt(change: ChangedFile, { rest }: Place, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.failed.add(change);
      this.report(`cannot write '${shown(`${this.target.host}${rest}` as ByteText)}': ${reasonOf(error)}`);
    }
  }

  private make(version: FileVersion, place: Place): void {
    this.retain(place);
    switch (typeOf(version)) {
      case S_IFDIR:
        return fs.mkdirSync(bytesOfText(place.at), 0o700);
      case S_IFLNK:
        return fs.symlinkSync(bytesOfText(version.target as ByteText), bytesOfText(place.at));
      case S_IFREG:
        return this.makeWhole(version, place.at);
      default:
        throw new LinuxError(LinuxErrno.EPERM);
    }
  }

  /** Writes a file that is not there yet; one that was not written whole is removed. */
  private makeWhole(version: FileVersion, at: ByteText): void {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
    const file = fs.openSync(bytesOfText(at), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      this.writeParts(version, file, false);
      fs.fchmodSync(file, version.mode & MODE_BITS);
    } catch (error) {
      fs.unlinkSync(bytesOfText(at));
      throw error;
    } finally {
      fs.closeSync(file);
    }
  }

  private change({ isReplaced }: MirrorChange, version: FileVersion, place: Place): void {
    this.retain(place);
    if (isReplaced && place.rest !== '' && this.replace(version, place)) return;
    const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    const file = fs.openSync(bytesOfText(place.at), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!fs.fstatSync(file).isFile()) throw new LinuxError(LinuxErrno.EPERM);
      this.writeParts(version, file, true);
    } finally {
      fs.closeSync(file);
    }
  }

  /** Puts another file at a place at once, as rename(2) has done it for the programs. False where the directory does not let it. */
  private replace(version: FileVersion, { at }: Place): boolean {
    const made = `${at.slice(0, at.lastIndexOf('/'))}/.bd0-${randomBytes(9).toString('hex')}` as ByteText;
    try {
      this.makeWhole(version, made);
    } catch (error) {
      if (isSystemError(error) && (error.code === 'EACCES' || error.code === 'EPERM')) return false;
      throw error;
    }
    try {
      if (!fs.lstatSync(bytesOfText(at)).isFile()) throw new LinuxError(LinuxErrno.EPERM);
      fs.renameSync(bytesOfText(made), bytesOfText(at));
    } catch (error) {
      fs.unlinkSync(bytesOfText(made));
      throw error;
    }
    return true;
  }

  /** Writes the parts in which a file differs, and gives it its length. */
  private writeParts(version: FileVersion, file: number, isCompared: boolean): void {
    const there = new Uint8Array(isCompared ? PART_BYTES : 0);
    for (let at = 0; at < version.size; at += PART_BYTES) {
      const part = this.contents.read(version, at, PART_BYTES);
      const length = isCompared ? fs.readSync(file, there, 0, part.length, at) : 0;
      const isSame = isCompared && Buffer.compare(there.subarray(0, length), part) === 0;
      if (!isSame) writeAll(file, part, at);
    }
    if (fs.fstatSync(file).size !== version.size) fs.ftruncateSync(file, version.size);
  }

  private relink({ target }: FileVersion, place: Place): void {
    this.retain(place);
    fs.unlinkSync(bytesOfText(place.at));
    fs.symlinkSync(bytesOfText(target as ByteText), bytesOfText(place.at));
  }

  private removeAll(change: MirrorChange, version: FileVersion, place: Place): void {
    this.retain(place);
    if (typeOf(version) !== S_IFDIR)
      return this.target.found.sameContent(place.at, () => fs.unlinkSync(bytesOfText(place.at)));
    this.below(change, place, (entry, at) => {
      if (entry.before && !entry.after) this.attempt(entry, at, () => this.removeAll(entry, entry.before!, at));
    });
    fs.rmdirSync(bytesOfText(place.at));
  }

  private setMode({ mode }: FileVersion, place: Place): void {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    this.retain(place);
    this.target.found.sameContent(place.at, () => {
      const file = fs.openSync(bytesOfText(place.at), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        fs.fchmodSync(file, mode & MODE_BITS);
      } finally {
        fs.closeSync(file);
      }
    });
  }

  private retain({ rest }: Place): void {
    const { guest, found } = this.target;
    found.retain(rest || '/', this.step.isNeeded(guest + rest));
  }

  /** Goes on in a directory, which stays the one that it is now, whatever the host does with its path. */
  private below(
    { entries }: MirrorChange,
    { at, rest }: Place,
    visit: (entry: MirrorChange, place: Place) => unknown,
  ): void {
    const own = entries.filter(({ name }) => !this.target.isOther(`${this.target.guest}${rest}/${name}`));
    if (own.length === 0) return;
    const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    const directory = fs.openSync(bytesOfText(at), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    try {
      for (const entry of own)
        visit(entry, { at: `${OPEN_FILES}/${directory}/${entry.name}` as ByteText, rest: `${rest}/${entry.name}` });
    } finally {
      fs.closeSync(directory);
    }
  }
}

function typeOf({ mode }: FileVersion): number {
  return mode & S_IFMT;
}

function reasonOf(error: unknown): string {
  if (isSystemError(error)) return systemReason(error);
  if (error instanceof DivertedError) return error.message;
  if (!(error instanceof LinuxError)) throw error;
  return error.errno === LinuxErrno.EPERM ? 'it is a special file' : 'its content cannot be read any more';
}
