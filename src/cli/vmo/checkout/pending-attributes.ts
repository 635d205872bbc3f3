/** Attributes that are set once a tree is written: to set them before would hinder writing, or be undone by it. */
import { chmodSync, lchownSync, lstatSync, lutimesSync } from 'node:fs';
import { bytesOfText, type ByteText } from '../../../host/byte-text.js';
import { onFile } from '../../../host/failure.js';
import { performCommands, type FailedCommand, type HostCommand } from '../../../host/host-commands.js';
import type { Attributes } from '../../../host/store/listing.js';

/** Bytes of paths that a command is given: far below what Linux allows, 128 KiB for a word and 2 MiB in all. */
const WORDS_BYTES_MAX = 2 ** 16;

const NANOSECONDS = 1_000_000_000n;
const MODE_SETUID = 0o4000;
const MODE_SETGID = 0o2000;

/** What of attributes is set, beside modes and times. */
export interface AttributeOptions {
  readonly owners: boolean;
  readonly xattrs: boolean;
}

/** How messages call a path: as it will be when all is done. */
export type Told = (path: ByteText) => string;

/** Something that was written, and has its attributes to come. */
export interface Pending {
  readonly path: ByteText;
  readonly attributes: Attributes;
  /** A symbolic link has no mode to set. */
  readonly isLink: boolean;
}

/** Something that could not be done; the rest was. */
export interface WriteProblem {
  /** For people. */
  readonly path: string;
  readonly reason: string;
}

/**
 * Sets attributes. `all` has a directory before what is in it. Owners come before modes, since a change of owner takes setuid
 * away; extended attributes before modes, since a file that may not be written takes none; and modes last, of what is in a
 * directory before its own, since a directory that may not be searched hides what is in it.
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
  problems.push(...toProblems(yield* performCommands(touchCommands(inexact)), told));
  for (const pending of [...all].reverse()) {
    if (!pending.isLink) setMode(pending, told);
    yield;
  }
  return problems;
}

function setOwner(path: ByteText, { uid, gid }: NonNullable<Attributes['owner']>, told: Told): void {
  onFile('set the owner of', told(path), () => lchownSync(bytesOfText(path), uid, gid));
}

/** Setuid and setgid are rights of the owner that was kept: nobody else gets them. */
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

/** Returns false where the host has not taken the time to the nanosecond: Node gives it as a floating-point number. */
function setTime({ path, attributes: { mtimeNs } }: Pending, told: Told): boolean {
  if (mtimeNs === undefined) return true;
  return onFile('set the time of', told(path), () => {
    const bytes = bytesOfText(path);
    lutimesSync(bytes, Date.now() / 1000, Number(mtimeNs) / 1e9);
    return lstatSync(bytes, { bigint: true }).mtimeNs === mtimeNs;
  });
}

/** One command for all that have one time, as long as it does not grow too long. */
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

function inParts(paths: readonly ByteText[]): ByteText[][] {
  const parts: ByteText[][] = [];
  let length = Infinity;
  for (const path of paths) {
    length += path.length + 1;
    if (length > WORDS_BYTES_MAX) {
      parts.push([]);
      length = path.length;
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
