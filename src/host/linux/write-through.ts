/** Writes what a run has changed to a directory or file of the host that was bound for writing. */

import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChangedFile, FileVersion } from '../../index.js';
import { LinuxError, LinuxErrno } from '../../kernel/linux/errno.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/linux/files/constants.js';
import { bytesOfText, shown, type ByteText } from '../byte-text.js';
import { isSystemError, systemReason } from '../failure.js';

/** Opens a directory as a place only. Linux alone has it. */
const O_PATH = 0o10000000;
/** Where Linux shows the files that this process has open. */
const OPEN_FILES = '/proc/self/fd';
/** Bytes written at once. */
const PART_BYTES = 2 ** 20;

/** What a guest may set of a mode on the host: nothing that lets a file run as its owner. */
const MODE_BITS = 0o1777;

/**
 * Brings the host to what a run left at a place. `change` is the change there; `path` is the host's, without symbolic links in it.
 * No symbolic link is followed on the way, not even one that the host puts there meanwhile. What cannot be written is reported, a
 * line each, and the rest goes on; but nothing is changed unless all content could be read before.
 */
export function writeThrough(change: ChangedFile, path: ByteText, report: (line: string) => void): void {
  const directory = fs.mkdtempSync(join(tmpdir(), 'bd0-bind-'));
  try {
    const contents = new StagedContents(directory);
    try {
      contents.takeAll(change);
    } catch (error) {
      return report(`nothing was written to '${shown(path)}': ${reasonOf(error)}`);
    }
    new Writer(contents, report).at(change, path);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/**
 * The contents that are to be written, in files of their own: what the host has at one path may be the content of another, if
 * a program has renamed it.
 */
class StagedContents {
  private readonly places = new Map<ChangedFile, string>();

  constructor(private readonly directory: string) {}

  takeAll(change: ChangedFile): void {
    const { before, after, differs, entries } = change;
    const isWritten = !before || differs.includes('kind') || differs.includes('content');
    if (after && typeOf(after) === S_IFREG && isWritten) this.take(change, after);
    for (const entry of entries) this.takeAll(entry);
  }

  private take(change: ChangedFile, version: FileVersion): void {
    const place = join(this.directory, String(this.places.size));
    const file = fs.openSync(place, 'wx', 0o600);
    try {
      for (let at = 0; at < version.size; at += PART_BYTES) fs.writeFileSync(file, version.read(at, PART_BYTES));
    } finally {
      fs.closeSync(file);
    }
    this.places.set(change, place);
  }

  /** Writes the content of a file to a file of the host. */
  write(change: ChangedFile, place: ByteText, flags: number): void {
    const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    const source = fs.openSync(this.places.get(change)!, 'r');
    try {
      const file = fs.openSync(bytesOfText(place), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | flags, 0o600);
      try {
        const part = new Uint8Array(PART_BYTES);
        for (let length; (length = fs.readSync(source, part)) > 0;) fs.writeFileSync(file, part.subarray(0, length));
      } finally {
        fs.closeSync(file);
      }
    } finally {
      fs.closeSync(source);
    }
  }
}

class Writer {
  constructor(
    private readonly contents: StagedContents,
    private readonly report: (line: string) => void,
  ) {}

  /** `place` is where the file is reached, `path` its path for people. */
  at(change: ChangedFile, place: ByteText, path = place): void {
    const { before, after, differs } = change;
    const isOther = differs.includes('kind');
    try {
      if (before && (!after || isOther)) this.remove(change, before, place, path);
      if (!after) return;
      if (!before || isOther) this.make(change, after, place);
      else if (differs.includes('content')) this.contents.write(change, place, fs.constants.O_TRUNC);
      else if (differs.includes('target')) relink(after, place);
      if (differs.includes('mode')) setMode(after, place);
      if (typeOf(after) === S_IFDIR) this.below(change.entries, place, path);
    } catch (error) {
      this.report(`cannot write '${shown(path)}': ${reasonOf(error)}`);
    }
  }

  private make(change: ChangedFile, version: FileVersion, place: ByteText): void {
    switch (typeOf(version)) {
      case S_IFDIR:
        fs.mkdirSync(bytesOfText(place));
        return setMode(version, place);
      case S_IFLNK:
        return fs.symlinkSync(bytesOfText(version.target as ByteText), bytesOfText(place));
      case S_IFREG:
        this.contents.write(change, place, fs.constants.O_CREAT | fs.constants.O_EXCL);
        return setMode(version, place);
      default:
        throw new LinuxError(LinuxErrno.EPERM);
    }
  }

  private remove({ entries }: ChangedFile, version: FileVersion, place: ByteText, path: ByteText): void {
    if (typeOf(version) !== S_IFDIR) return fs.unlinkSync(bytesOfText(place));
    this.below(entries.filter(({ before }) => before), place, path); // prettier-ignore
    fs.rmdirSync(bytesOfText(place));
  }

  /** Goes on in a directory, which stays the one that it is now, whatever the host does with its path. */
  private below(entries: readonly ChangedFile[], place: ByteText, path: ByteText): void {
    if (entries.length === 0) return;
    const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    const directory = fs.openSync(bytesOfText(place), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    try {
      for (const entry of entries) {
        const name = entry.name as ByteText;
        this.at(entry, `${OPEN_FILES}/${directory}/${name}` as ByteText, `${path}/${name}` as ByteText);
      }
    } finally {
      fs.closeSync(directory);
    }
  }
}

function typeOf({ mode }: FileVersion): number {
  return mode & S_IFMT;
}

function relink(version: FileVersion, place: ByteText): void {
  fs.unlinkSync(bytesOfText(place));
  fs.symlinkSync(bytesOfText(version.target as ByteText), bytesOfText(place));
}

function setMode({ mode }: FileVersion, place: ByteText): void {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const file = fs.openSync(bytesOfText(place), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    fs.fchmodSync(file, mode & MODE_BITS);
  } finally {
    fs.closeSync(file);
  }
}

function reasonOf(error: unknown): string {
  if (isSystemError(error)) return systemReason(error);
  if (!(error instanceof LinuxError)) throw error;
  return error.errno === LinuxErrno.EPERM ? 'it is a special file' : 'its content cannot be read any more';
}
