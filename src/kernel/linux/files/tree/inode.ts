import { schema, value, type Schema } from '../../../../state/schema.js';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../constants.js';
import type { FileContent } from '../content.js';
import type { OpenName } from '../notify/open-name.js';
import type { InodeWatch } from '../notify/watch.js';
import type { FileLocks } from '../locks.js';
import type { Pipe } from '../open/pipe.js';
import type { Socket } from '../../sockets/socket.js';

/** Minor numbers of the devices that files lie on; the major number is 0, that of file systems without a device. */
export const FILE_SYSTEM = {
  ...{ root: 0x1a, proc: 0x16, sys: 0x17, dev: 0x6, pipe: 0xd, anonymous: 0xe, socket: 0x8 },
} as const;
/** Numbers of places of the host that are bound begin here. */
const FILE_SYSTEM_BOUND = 0x20;
/** One of FILE_SYSTEM, or that of a bound place. */
export type FileSystemNumber = number;

/** The file system of a bound place, by the id of its inode: names in it cannot be moved or linked to another place. */
export function boundFileSystem(id: number): FileSystemNumber {
  return FILE_SYSTEM_BOUND + id;
}

/** Whether the files of a file system are those of the root or of a bound place. */
export function isOfDisk(fileSystem: FileSystemNumber): boolean {
  return fileSystem === FILE_SYSTEM.root || fileSystem >= FILE_SYSTEM_BOUND;
}

/** What a file has when it is made. */
export interface InodeAttributes {
  /** Type and permissions. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  readonly links: number;
  /** Nanoseconds since 1970: of all three times. */
  readonly time: bigint;
}

/** Which file it is. */
export interface InodeIdentity {
  /** Its key in the table of inodes; 0 for one that is in no table. */
  readonly id: number;
  /** What programs see: st_ino. */
  readonly number: number;
  readonly fileSystem: FileSystemNumber;
}

/** The fields of all inodes, for their schemas. */
export const INODE_FIELDS = {
  id: value,
  number: value,
  fileSystem: value,
  mode: value,
  owner: value,
  group: value,
  links: value,
  accessed: value,
  modified: value,
  changed: value,
  names: value,
  opens: value,
  locks: value,
  watches: value,
  openNames: value,
};

/** A file: what names of it, and those who have it open, have in common. */
export abstract class Inode {
  readonly id: number;
  readonly number: number;
  readonly fileSystem: FileSystemNumber;
  mode: number;
  owner: number;
  group: number;
  /** As programs see them: those that the host counts, and those made since. */
  links: number;
  /** Nanoseconds since 1970. */
  accessed: bigint;
  modified: bigint;
  changed: bigint;
  /** Names in the tree of inodes, and open files and others that hold it: without any, it is gone. */
  names = 0;
  opens = 0;
  /** Undefined while nobody has any. */
  locks: FileLocks | undefined;
  /** Undefined while nobody watches it. */
  watches: InodeWatch[] | undefined;
  /** Names by which somebody has it open; undefined for none. */
  openNames: OpenName[] | undefined;

  constructor({ id, number, fileSystem }: InodeIdentity, { mode, owner, group, links, time }: InodeAttributes) {
    this.id = id;
    this.number = number;
    this.fileSystem = fileSystem;
    this.mode = mode;
    this.owner = owner;
    this.group = group;
    this.links = links;
    this.accessed = time;
    this.modified = time;
    this.changed = time;
  }

  get type(): number {
    return this.mode & S_IFMT;
  }

  /** Bytes, as st_size has them. */
  get size(): number {
    return 0;
  }

  /** Of 512 bytes. */
  get blocks(): number {
    return 0;
  }

  /** The number of the device that it stands for, as st_rdev has it. */
  get device(): number {
    return 0;
  }
}

/** A regular file. */
export class RegularFile extends Inode {
  static readonly state = schema('regular file', RegularFile, {
    ...INODE_FIELDS,
    content: value,
    rootBlocks: value,
    seals: value,
  });

  /** What may not be done with a file in memory: F_SEAL_ bits; undefined for other files. */
  seals: number | undefined;

  constructor(
    identity: InodeIdentity,
    attributes: InodeAttributes,
    readonly content: FileContent,
    /** Blocks that it has in the root; undefined for one that was made here. */
    private readonly rootBlocks?: number,
  ) {
    super(identity, attributes);
  }

  override get size(): number {
    return this.content.size;
  }

  override get blocks(): number {
    return this.content.isChanged || this.rootBlocks === undefined ? Math.ceil(this.size / 4096) * 8 : this.rootBlocks;
  }
}

/** A symbolic link. */
export class SymbolicLink extends Inode {
  static readonly state = schema('symbolic link', SymbolicLink, { ...INODE_FIELDS, target: value });

  constructor(
    identity: InodeIdentity,
    attributes: InodeAttributes,
    readonly target: string,
  ) {
    super(identity, attributes);
  }

  override get size(): number {
    return this.target.length;
  }
}

/** The fields of special files, for their schemas. */
export const SPECIAL_FIELDS = { ...INODE_FIELDS, deviceNumber: value, pipe: value, socket: value };

/** A named pipe, a socket, a device, or a file of the root that is none of the other kinds. */
export class SpecialFile extends Inode {
  static readonly state: Schema = schema('special file', SpecialFile, SPECIAL_FIELDS);

  /** Of a named pipe that is open. */
  pipe: Pipe | undefined;
  /** Bound to its name; it may have been closed. */
  socket: Socket | undefined;

  private readonly deviceNumber: number;

  constructor(identity: InodeIdentity, attributes: InodeAttributes, device = 0) {
    super(identity, attributes);
    this.deviceNumber = device;
  }

  override get device(): number {
    return this.deviceNumber;
  }
}

/** The mode of a directory of these permissions, and of symbolic links. */
export const directoryMode = (permissions: number): number => S_IFDIR | permissions;
export const LINK_MODE = S_IFLNK | 0o777;
