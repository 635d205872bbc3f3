/** Attributes that are set after a tree is written: earlier, they would hinder writing, or be undone by it. */
import { chmodSync, lchownSync, lstatSync, lutimesSync } from 'node:fs';
import { bytesOfText, type ByteText } from '../../../host/byte-text.js';
import { onFile } from '../../../host/failure.js';
import { performCommands, type FailedCommand, type HostCommand } from '../../../host/host-commands.js';
import type { Attributes } from '../../../host/store/listing.js';

/** Bytes of paths that a command is given: far below what Linux allows, 128 KiB for a word and 2 MiB in all. */
const WORDS_BYTES_MAX = 2 ** 16;

/** Different times that `touch` sets faster than Python, which takes 20 ms to start. */
const TOUCHES_MAX = 40;
/** Commands of Python in a step, each of which sets the times of several hundred files. */
const PYTHONS_AT_ONCE = 4;
/** Sets modification times, in nanoseconds, of paths: its arguments are both in turn. Links are not followed. */
const SET_TIMES = `import os, sys
for time, path in zip(sys.argv[1::2], sys.argv[2::2]):
    os.utime(path, ns=(os.lstat(path).st_atime_ns, int(time)), follow_symlinks=False)`;

const NANOSECONDS = 1_000_000_000n;
const MODE_SETUID = 0o4000;
const MODE_SETGID = 0o2000;

/** Attributes that are set in addition to modes and times. */
export interface AttributeOptions {
  readonly owners: boolean;
  readonly xattrs: boolean;
}

/** The path that messages show: the final one. */
export type Told = (path: ByteText) => string;

/** Something that was written, and whose attributes are still to be set. */
export interface Pending {
  readonly path: ByteText;
  readonly attributes: Attributes;
  /** A symbolic link has no mode to set. */
  readonly isLink: boolean;
}

/** A step that failed, while the rest succeeded. */
export interface WriteProblem {
  /** For people. */
  readonly path: string;
  readonly reason: string;
}

/**
 * Sets attributes. In `all`, directories precede their entries. Owners are set before modes, since a change of owner clears
 * setuid; extended attributes before modes, since they cannot be set on a read-only file; and modes last, those of entries
 * before that of their directory, which may become inaccessible.
 */
export function* setAttributes(
  all: readonly Pending[],
  { owners, xattrs }: AttributeOptions,
  told: Told,
): Generator<void, WriteProblem[], undefined> {
  const problems: WriteProblem[] = [];
  if (owners) for (const { path, attributes } of all) if (attributes.owner) setOwner(path, attributes.owner, told);
  if (xattrs) problems.push(...toProblems(yield* performCommands(all.flatMap(xattrCommands)), told));
  const inexact: Pending[] = [];
  for (const pending of all) {
    if (!setTime(pending, told)) inexact.push(pending);
    yield;
  }
  problems.push(...toProblems(yield* setExactTimes(inexact), told));
  for (const pending of [...all].reverse()) {
    if (!pending.isLink) setMode(pending, told);
    yield;
  }
  return problems;
}

function setOwner(path: ByteText, { uid, gid }: NonNullable<Attributes['owner']>, told: Told): void {
  onFile('set the owner of', told(path), () => lchownSync(bytesOfText(path), uid, gid));
}

/** Setuid and setgid are restored only if the file has the owner and group that were stored. */
function setMode({ path, attributes: { mode, owner } }: Pending, told: Told): void {
  onFile('set the mode of', told(path), () => {
    const bytes = bytesOfText(path);
    let allowed = mode;
    if (owner && mode & (MODE_SETUID | MODE_SETGID)) {
      const { uid, gid } = lstatSync(bytes);
      if (uid !== owner.uid) allowed &= ~MODE_SETUID;
      if (gid !== owner.gid) allowed &= ~MODE_SETGID;
    }
    chmodSync(bytes, allowed);
  });
}

/** Returns false if the time is not exact to the nanosecond, since Node passes it as a floating-point number. */
function setTime({ path, attributes: { mtimeNs } }: Pending, told: Told): boolean {
  if (mtimeNs === undefined) return true;
  return onFile('set the time of', told(path), () => {
    const bytes = bytesOfText(path);
    lutimesSync(bytes, Date.now() / 1000, Number(mtimeNs) / 1e9);
    return lstatSync(bytes, { bigint: true }).mtimeNs === mtimeNs;
  });
}

/**
 * Sets times to the nanosecond. `touch` sets one time for many files, Python many times at once: 10,000 different ones
 * in a tenth of the processor time. `touch` sets those that Python has not, or all if there is no Python, and reports each failure.
 */
function* setExactTimes(all: readonly Pending[]): Generator<void, FailedCommand[], undefined> {
  let left = all;
  if (new Set(all.map(({ attributes }) => attributes.mtimeNs)).size > TOUCHES_MAX) {
    const failed = yield* performCommands(pythonCommands(all), PYTHONS_AT_ONCE);
    const paths = new Set(failed.flatMap((command) => command.paths));
    left = all.filter(({ path }) => paths.has(path));
  }
  return yield* performCommands(touchCommands(left));
}

/** Commands for times and paths in turn. */
function pythonCommands(all: readonly Pending[]): HostCommand[] {
  const timeOf = new Map(all.map(({ path, attributes }) => [path, String(attributes.mtimeNs)]));
  const lengthOf = (path: ByteText): number => path.length + timeOf.get(path)!.length + 2;
  return inParts([...timeOf.keys()], lengthOf).map((part) => ({
    words: ['python3', '-I', '-S', '-c', SET_TIMES, ...part.flatMap((path) => [timeOf.get(path)!, path])],
    paths: part,
  }));
}

/** A command for all paths with the same time, or several if it would be too long. */
function touchCommands(all: readonly Pending[]): HostCommand[] {
  const byTime = new Map<bigint, ByteText[]>();
  for (const { path, attributes } of all) {
    const paths = byTime.get(attributes.mtimeNs!);
    if (paths) paths.push(path);
    else byTime.set(attributes.mtimeNs!, [path]);
  }
  return [...byTime].flatMap(([time, paths]) =>
    inParts(paths).map((part) => ({
      words: ['touch', '-h', '-c', '-m', '-d', `@${decimal(time)}`, '--', ...part],
      paths: part,
    })),
  );
}

/** Parts that fit into one command each; `lengthOf` counts the bytes of its words for a path. */
function inParts(paths: readonly ByteText[], lengthOf = (path: ByteText): number => path.length + 1): ByteText[][] {
  const parts: ByteText[][] = [];
  let length = Infinity;
  for (const path of paths) {
    length += lengthOf(path);
    if (length > WORDS_BYTES_MAX) {
      parts.push([]);
      length = lengthOf(path);
    }
    parts.at(-1)!.push(path);
  }
  return parts;
}

/** Seconds: `-1.500000000`. */
function decimal(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  return `${nanoseconds < 0n ? '-' : ''}${size / NANOSECONDS}.${String(size % NANOSECONDS).padStart(9, '0')}`;
}

function xattrCommands({ path, attributes: { xattrs = [] } }: Pending): HostCommand[] {
  return xattrs.map(({ name, value }) => {
    const hex = `0x${bytesOfText(value).toString('hex')}`;
    return { words: ['setfattr', '-h', '-n', name, ...(value === '' ? [] : ['-v', hex]), '--', path], paths: [path] };
  });
}

function toProblems(failed: readonly FailedCommand[], told: Told): WriteProblem[] {
  return failed.flatMap(({ paths, reason }) =>
    paths.map((path) => ({ path: told(path), reason: `not all of its attributes could be set: ${reason}` })),
  );
}
