import { schema, value } from '../../../../state/schema.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';

/** A name in a directory. */
export interface NamePlace {
  readonly directory: Inode;
  readonly name: string;
}

/**
 * A name by which somebody has a file open: it moves with the file, and stays what it was when it is taken away. It holds its
 * directory, which those who watch it see end later.
 */
export class OpenName implements NamePlace {
  static readonly state = schema('open name', OpenName, { directory: value, name: value, isGone: value, users: value });

  isGone = false;
  users = 0;

  constructor(
    public directory: Inode,
    public name: string,
  ) {}
}

/** Somebody opens a file by a name. */
export function useName(files: FileSystem, inode: Inode, place: NamePlace): OpenName {
  const known = findName(inode, place);
  const used = known ?? new OpenName(place.directory, place.name);
  if (!known) {
    files.hold(used.directory);
    (inode.openNames ??= []).push(used);
  }
  used.users++;
  return used;
}

/** Closes a file that was opened by a name. A file that has lost that and all others is no more for those who watch it. */
export function dropName(files: FileSystem, inode: Inode, name: OpenName): void {
  if (--name.users > 0) return;
  const left = inode.openNames!.filter((each) => each !== name);
  inode.openNames = left.length > 0 ? left : undefined;
  if (name.isGone) endIfUnlinked(files, inode);
  files.release(name.directory);
}

/** A name of a file stands elsewhere now. */
export function moveName(files: FileSystem, inode: Inode, from: NamePlace, to: NamePlace): void {
  const used = findName(inode, from);
  if (!used) return;
  files.hold(to.directory);
  files.release(from.directory);
  used.directory = to.directory;
  used.name = to.name;
}

/** A name of a file is taken away, or was before; nobody who has it open by another one keeps the file for those who watch it. */
export function takeName(files: FileSystem, inode: Inode, place: NamePlace): void {
  const used = findName(inode, place);
  if (used) used.isGone = true;
  else endIfUnlinked(files, inode);
}

function findName(inode: Inode, { directory, name }: NamePlace): OpenName | undefined {
  return inode.openNames?.find((each) => !each.isGone && each.directory === directory && each.name === name);
}

function endIfUnlinked(files: FileSystem, inode: Inode): void {
  if (inode.links === 0) for (const watch of [...(inode.watches ?? [])]) watch.gone(files);
}
