/** Telling those who watch files of what is done with them: inotify(7), fs/notify of Linux. */

import { schema, value } from '../../../../state/schema.js';
import { S_IFDIR } from '../constants.js';
import type { FileSystem } from '../file-system.js';
import type { OpenFile } from '../open/open-file.js';
import { isDirectory } from '../tree/directory.js';
import type { Inode } from '../tree/inode.js';
import type { NotifyFile } from './notify-file.js';
import type { NamePlace } from './open-name.js';

/* include/uapi/linux/inotify.h */
export const IN_ACCESS = 0x1;
export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_CLOSE_NOWRITE = 0x10;
export const IN_OPEN = 0x20;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_ALL_EVENTS = 0xfff;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_EXCL_UNLINK = 0x400_0000;
export const IN_ISDIR = 0x4000_0000;
export const IN_ONESHOT = 0x8000_0000;

/** The events of a watched file. */
export interface Event {
  /** IN_ bits. */
  readonly mask: number;
  /** Of a file in a directory that is watched; '' for the watched file itself. */
  readonly name: string;
  /** Joins the two events of a name that has moved; 0 for others. */
  readonly cookie: number;
}

/** A file that is watched, by one that inotify_init(2) makes. */
export class InodeWatch {
  static readonly state = schema('inode watch', InodeWatch, {
    inode: value,
    watcher: value,
    number: value,
    mask: value,
  });

  constructor(
    readonly inode: Inode,
    readonly watcher: NotifyFile,
    /** The watch descriptor. */
    readonly number: number,
    /** IN_ bits: events that are wanted, IN_EXCL_UNLINK and IN_ONESHOT. */
    public mask: number,
  ) {}

  tell(files: FileSystem, event: Event): void {
    if ((this.mask & event.mask & IN_ALL_EVENTS) === 0) return;
    this.watcher.put(files, { ...event, watch: this.number });
    if (this.mask & IN_ONESHOT) this.watcher.remove(files, this);
  }

  /** The file is no more. */
  gone(files: FileSystem): void {
    // Events that watchers get of themselves do not say that they are directories.
    this.tell(files, { mask: IN_DELETE_SELF, name: '', cookie: 0 });
    this.watcher.remove(files, this);
  }
}

/** Something is done with a file itself. */
export function tellFile(files: FileSystem, inode: Inode, mask: number): void {
  if (!inode.watches) return;
  const isSelf = (mask & IN_MOVE_SELF) !== 0;
  const whole = isSelf ? mask : mask | directoryBit(inode);
  for (const watch of [...inode.watches]) watch.tell(files, { mask: whole, name: '', cookie: 0 });
}

/** Something is done with a name of a directory. */
export function tellName(
  files: FileSystem,
  { directory, name }: NamePlace,
  inode: Inode,
  { mask, cookie = 0 }: { readonly mask: number; readonly cookie?: number },
): void {
  if (!directory.watches) return;
  for (const watch of [...directory.watches]) watch.tell(files, { mask: mask | directoryBit(inode), name, cookie });
}

/** A file, and the name that it goes by; undefined for none. */
export interface NamedFile {
  readonly inode: Inode;
  readonly knownAs?: NamePlace | undefined;
}

/** An event of a file that was found by a name: the watches of its directory get it as well, first. */
export function tellNamed(
  files: FileSystem,
  file: NamedFile,
  mask: number,
  isLeftOut: (watch: InodeWatch) => boolean = leavesOutNone,
): void {
  const { inode } = file;
  const parent = placeOf(files, file);
  const whole = mask | directoryBit(inode);
  for (const watch of [...(parent?.directory.watches ?? [])])
    if (!isLeftOut(watch)) watch.tell(files, { mask: whole, name: parent!.name, cookie: 0 });
  for (const watch of [...(inode.watches ?? [])])
    if (!isLeftOut(watch)) watch.tell(files, { mask: whole, name: '', cookie: 0 });
}

const leavesOutNone = (_watch: InodeWatch): boolean => false;

/** Something is done with an open file: who wants nothing of files that have lost the name is not told. */
export function tellOpened(files: FileSystem, file: OpenFile, mask: number): void {
  const { inode, knownAs } = file;
  const isUnlinked = knownAs?.isGone || (isDirectory(inode) && inode.name === undefined);
  tellNamed(files, file, mask, ({ mask: wanted }) => isUnlinked === true && (wanted & IN_EXCL_UNLINK) !== 0);
}

/** Two names of the same pair of events. */
export function cookieOf(files: FileSystem, ...inodes: readonly Inode[]): number {
  return inodes.some(({ watches }) => watches) ? files.takeNumber() : 0;
}

function placeOf(files: FileSystem, { inode, knownAs }: NamedFile): NamePlace | undefined {
  if (!isDirectory(inode) || inode.name === undefined) return knownAs?.name === '' ? undefined : knownAs;
  return inode.name === '' ? undefined : { directory: inode.parent(files), name: inode.name };
}

function directoryBit({ type }: Inode): number {
  return type === S_IFDIR ? IN_ISDIR : 0;
}
