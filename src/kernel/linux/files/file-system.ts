import { outside, schema, value } from '../../../state/schema.js';
import type { VmoStore } from '../../../vmo/store.js';
import { HOST_BYTES, type HostMemory } from '../../host-memory.js';
import type { Alarms } from '../../tasks/alarms.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { changesOf, type ChangedFile } from './changes.js';
import { FileContent, type ContentStore } from './content.js';
import { mountDevices } from './devices.js';
import type { SharingHost } from './shared-file.js';
import type { OpenFile } from './open/open-file.js';
import { ProcDirectory } from './proc/nodes.js';
import type { ProcSource } from './proc/source.js';
import { CONSOLE_NUMBER, type ConsolePort } from './open/console-file.js';
import { ExtendedAttributes } from './tree/extended-attributes.js';
import { TreeDirectory, type Directory, type DirectoryEntry, type Tree } from './tree/directory.js';
import {
  FILE_SYSTEM,
  LINK_MODE,
  RegularFile,
  SpecialFile,
  SymbolicLink,
  directoryMode,
  type Inode,
  type InodeAttributes,
  type InodeIdentity,
} from './tree/inode.js';
import type { LinuxRoot } from './tree/linux-root.js';
import { PseudoTerminals } from '../terminals/pseudo-terminals.js';
import { SocketTable } from '../sockets/socket-table.js';
import { attributesOf, entriesOfRoot, inodeOfRoot } from './tree/root-inode.js';

const ROOT_ID = 1;
/** Whatever may have changed. */
const ALL_EVENTS = 0xffff;

/** What a file system needs from the machine. */
export interface FileSystemHost {
  readonly store: VmoStore;
  readonly hostMemory: HostMemory;
  readonly lower: LinuxRoot;
  /** The same files, past the record of what the machine reads of them. */
  readonly unrecorded: LinuxRoot;
  /** Where files that are mapped shared have their pages. */
  readonly sharing: SharingHost;
  /** Nanoseconds since 1970, on the machine's clock. */
  now(): bigint;
  readonly timing: Timing;
  /** Wakes threads that wait for something that has this number: see `FileSystem.takeNumber`. */
  wake(number: number): void;
  /** Bytes of the machine's random stream. */
  random(length: number): Uint8Array;
  readonly console: ConsolePort;
  /** Sends a signal to a process group; to the leader of a session. */
  raise(group: number, signal: number): void;
  raiseFor(session: number, signal: number): void;
  readonly proc: ProcSource;
}

/** What files that tell the time need: alarms, and the tick that it is. */
export interface Timing {
  readonly alarms: Alarms;
  readonly tick: number;
}

/** Who makes a file, and as what. */
export interface NewFile {
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
}

/**
 * The files of Linux programs: a tree of inodes over a root that is only read. What a program changes lies in the tree; what it
 * asks for of the root becomes a part of it, so that it stays what it was when it was seen first.
 */
export class FileSystem implements Tree, ContentStore {
  /** @internal */
  static readonly state = schema(
    'file system',
    FileSystem,
    {
      inodes: value,
      mounts: value,
      nextId: value,
      nextNumber: value,
      watchers: value,
      edges: value,
      attributes: value,
      sockets: value,
      pseudoTerminals: value,
      slavesId: value,
      host: outside('services of the machine'),
    },
    { isPart: true },
  );

  private readonly inodes = new Map<number, Inode>();
  /** Ids of directories below which other places of the host are bound. */
  private readonly mounts = new Set<number>();
  private nextId = ROOT_ID + 1;
  private nextNumber = 1;
  /** Numbers that are woken with others, by those. */
  private readonly watchers = new Map<number, number[]>();
  /** Of numbers that are asked for it: the events for which they were woken since. */
  private readonly edges = new Map<number, number>();
  readonly attributes = new ExtendedAttributes();
  readonly sockets = new SocketTable();
  readonly pseudoTerminals = new PseudoTerminals();
  /** The inode of /dev/pts. */
  private slavesId = 0;

  constructor(private readonly host: FileSystemHost) {}

  get store(): VmoStore {
    return this.host.store;
  }

  get hostMemory(): HostMemory {
    return this.host.hostMemory;
  }

  get lower(): LinuxRoot {
    return this.host.lower;
  }

  get sharing(): SharingHost {
    return this.host.sharing;
  }

  get procSource(): ProcSource {
    return this.host.proc;
  }

  /** The directory /sys. */
  get sys(): Directory {
    return this.root.lookup(this, 'sys') as Directory;
  }

  /** The directory /proc. */
  get proc(): ProcDirectory {
    return this.root.lookup(this, 'proc') as ProcDirectory;
  }

  get console(): ConsolePort {
    return this.host.console;
  }

  /** The directory /dev/pts. */
  get slaves(): TreeDirectory {
    return this.inodes.get(this.slavesId) as TreeDirectory;
  }

  raise(group: number, signal: number): void {
    this.host.raise(group, signal);
  }

  raiseFor(session: number, signal: number): void {
    this.host.raiseFor(session, signal);
  }

  random(length: number): Uint8Array {
    return this.host.random(length);
  }

  get timing(): Timing {
    return this.host.timing;
  }

  /** Nanoseconds since 1970. */
  get now(): bigint {
    return this.host.now();
  }

  /** The directory `/`. */
  get root(): TreeDirectory {
    return (this.inodes.get(ROOT_ID) as TreeDirectory | undefined) ?? this.makeRoot();
  }

  inode(id: number): Inode {
    return this.inodes.get(id)!;
  }

  /** What programs have changed of the files of the root. */
  changes(): ChangedFile {
    this.settleShared();
    return changesOf(this, this.host.unrecorded);
  }

  /** What the machine found, past the record of what it reads. */
  get found(): LinuxRoot {
    return this.host.unrecorded;
  }

  /** Every inode that somebody can reach. */
  get known(): Iterable<Inode> {
    return this.inodes.values();
  }

  /** Programs want what they have written to be kept, whatever happens to the machine. */
  keep(): void {
    this.lower.keep?.();
  }

  /** Files take up what programs have written to memory in which they are mapped. */
  settleShared(): void {
    for (const inode of this.inodes.values())
      if (inode instanceof RegularFile) for (const part of inode.content.parts.values()) part.settle();
  }

  /** A number that threads can wait for, and be woken by, of something that is neither a file of the tree nor numbered yet. */
  takeNumber(): number {
    return this.nextNumber++;
  }

  /** Lets threads go on that wait for something, or for one of several things of which it is one: POLL bits of what came. */
  wake(number: number, events = ALL_EVENTS): void {
    this.host.wake(number);
    const edges = this.edges.get(number);
    if (edges !== undefined) this.edges.set(number, edges | events);
    for (const watcher of this.watchers.get(number) ?? []) this.wake(watcher, events);
  }

  /** Keeps, from now on, for which events a number is woken. */
  keepEdges(number: number): void {
    this.edges.set(number, 0);
  }

  /** The events for which a number was woken since `keepEdges`. */
  edgesOf(number: number): number {
    return this.edges.get(number) ?? 0;
  }

  forgetEdges(number: number): void {
    this.edges.delete(number);
  }

  /** There is input at the console. */
  inputArrived(): void {
    this.wake(CONSOLE_NUMBER);
  }

  /** From now on, what wakes `number` wakes `watcher` too. */
  watch(number: number, watcher: number): void {
    const watchers = this.watchers.get(number);
    if (watchers) watchers.push(watcher);
    else this.watchers.set(number, [watcher]);
  }

  unwatch(number: number, watcher: number): void {
    const left = this.watchers.get(number)?.filter((each) => each !== watcher) ?? [];
    if (left.length > 0) this.watchers.set(number, left);
    else this.watchers.delete(number);
  }

  rootChild(directory: TreeDirectory, name: string): Inode | undefined {
    const path = `${directory.rootPath!}/${name}`;
    const status = this.lower.status(path);
    if (status === LinuxErrno.ENOENT) return undefined;
    if (typeof status === 'number') throw new LinuxError(status);
    this.requireRoom();
    const inode = inodeOfRoot(this.nextId++, status, { path, directory, name });
    if (status.mount === 'below') this.mounts.add(inode.id);
    this.add(inode);
    this.attach(directory, name, inode);
    return inode;
  }

  rootEntries({ rootPath }: TreeDirectory): readonly DirectoryEntry[] {
    return entriesOfRoot(this.lower, rootPath!);
  }

  /** Makes a directory. Throws ENOSPC where there is no room. */
  makeDirectory(parent: TreeDirectory, name: string, file: NewFile): TreeDirectory {
    const identity = this.newIdentity(parent);
    const place = { parentId: parent.id, name };
    const directory = new TreeDirectory(identity, this.newAttributes(file, 2), place, undefined);
    parent.links++;
    return this.put(parent, name, directory);
  }

  makeFile(parent: TreeDirectory, name: string, file: NewFile): RegularFile {
    return this.put(
      parent,
      name,
      new RegularFile(this.newIdentity(parent), this.newAttributes(file), FileContent.empty()),
    );
  }

  /** A file without a name, which is gone when nobody has it open any more. */
  makeNamelessFile(parent: TreeDirectory, file: NewFile): RegularFile {
    const made = new RegularFile(this.newIdentity(parent), this.newAttributes(file, 0), FileContent.empty());
    this.add(made);
    return made;
  }

  makeLink(parent: TreeDirectory, name: string, target: string, { owner, group }: Omit<NewFile, 'mode'>): SymbolicLink {
    const attributes = this.newAttributes({ mode: LINK_MODE, owner, group });
    return this.put(parent, name, new SymbolicLink(this.newIdentity(parent), attributes, target));
  }

  /** A named pipe, a socket or a device. */
  makeSpecial(parent: TreeDirectory, name: string, file: NewFile, device = 0): SpecialFile {
    return this.put(parent, name, new SpecialFile(this.newIdentity(parent), this.newAttributes(file), device));
  }

  /** Lets a directory, at a name that it has not, have an inode. */
  attach(directory: TreeDirectory, name: string, inode: Inode): void {
    this.counted(directory, () => directory.attach(name, inode));
  }

  /** Lets a name of a directory stand for nothing. The inode stays until it is given up. */
  detach(directory: TreeDirectory, name: string, inode: Inode): void {
    this.counted(directory, () => directory.detach(name, inode));
  }

  /** Keeps an inode that somebody has open. */
  hold(inode: Inode): void {
    inode.opens++;
  }

  /** Nobody has it open any more who had it. */
  release(inode: Inode): void {
    inode.opens--;
    this.giveUp(inode);
  }

  /** Forgets an inode that has no name and is not open, and the directories that nothing else holds. */
  giveUp(inode: Inode): void {
    for (let left: Inode | undefined = inode; left && this.forget(left);) {
      const above: Inode | undefined = left instanceof TreeDirectory ? left.parent(this) : undefined;
      if (above) above.opens--;
      left = above;
    }
  }

  /** Returns false for an inode that somebody still has. */
  private forget(inode: Inode): boolean {
    if (inode.id === 0 || inode.names > 0 || inode.opens > 0 || !this.inodes.delete(inode.id)) return false;
    this.hostMemory.release('inode');
    this.attributes.forget(inode.id, this.hostMemory);
    if (inode.links === 0) for (const watch of [...(inode.watches ?? [])]) watch.gone(this);
    if (inode instanceof RegularFile) inode.content.close(this);
    if (inode instanceof TreeDirectory) this.counted(inode, () => inode.forget());
    return true;
  }

  /** The path of a directory below a root; undefined for one that was removed, or lies in one. */
  pathOf(directory: Directory, root: Directory = this.root): string | undefined {
    let path = '';
    for (let at = directory; ; at = at.parent(this)) {
      if (at.name === undefined) return undefined;
      if (at === root) return path === '' ? '/' : path;
      if (at === this.root) return `(unreachable)${path === '' ? '/' : path}`;
      path = `/${at.name}${path}`;
    }
  }

  /** The path that an open file was opened by, as /proc/PID/fd tells it. */
  pathOfOpen({ inode, place }: OpenFile): string {
    if (!place) return `${NAMELESS[inode.fileSystem] ?? 'anon_inode'}:[${inode.number}]`;
    const directory = place.directory as Directory;
    const above = this.pathOf(directory);
    const path = above === undefined ? `/${place.name}` : place.name === '' ? above : joined(above, place.name);
    const isThere = place.name === '' || (above !== undefined && directory.lookup(this, place.name) === inode);
    return isThere || inode.id === 0 ? path : `${path} (deleted)`;
  }

  /** Whether other files begin at a name of a directory or below it, such as /proc and /dev, and those that are bound. */
  isMount(directory: Directory, inode: Inode): boolean {
    return inode.fileSystem !== directory.fileSystem || this.mounts.has(inode.id);
  }

  /** Lets another file system begin at a name of `/`. */
  mount(name: string, directory: Directory): void {
    this.add(directory);
    this.attach(this.root, name, directory);
  }

  /** An id for an inode that is mounted. */
  takeId(): number {
    return this.nextId++;
  }

  /** Throws ENOSPC where there is no room for a further file. */
  requireRoom(): void {
    if (!this.hostMemory.hasRoom(HOST_BYTES.inode + HOST_BYTES.directoryEntry)) throw new LinuxError(LinuxErrno.ENOSPC);
  }

  private makeRoot(): TreeDirectory {
    const status = this.lower.status('/');
    const identity = { id: ROOT_ID, number: 2, fileSystem: FILE_SYSTEM.root };
    const place = { parentId: ROOT_ID, name: '' };
    const made =
      typeof status === 'number'
        ? new TreeDirectory(identity, { ...this.newAttributes(ROOT_OWNER, 2) }, place, '')
        : new TreeDirectory(identity, attributesOf(status), place, '', status.size, status.blocks);
    made.names = 1;
    this.add(made);
    this.mount('proc', new ProcDirectory('', this.takeId()));
    this.slavesId = mountDevices(this).id;
    return made;
  }

  private newIdentity({ fileSystem }: Inode): InodeIdentity {
    this.requireRoom();
    const id = this.nextId++;
    return { id, number: id, fileSystem };
  }

  private newAttributes({ mode, owner, group }: NewFile, links = 1): InodeAttributes {
    return { mode, owner, group, links, time: this.now };
  }

  private put<Made extends Inode>(parent: TreeDirectory, name: string, made: Made): Made {
    this.add(made);
    this.attach(parent, name, made);
    return made;
  }

  private add(inode: Inode): void {
    this.inodes.set(inode.id, inode);
    this.hostMemory.charge('inode');
  }

  /** Charges for names that a directory knows after some work and did not before. */
  private counted(directory: TreeDirectory, work: () => void): void {
    const before = directory.knownCount;
    work();
    const more = directory.knownCount - before;
    if (more > 0) this.hostMemory.charge('directoryEntry', more);
    else if (more < 0) this.hostMemory.release('directoryEntry', -more);
  }
}

/** What files without a name are called, by their file systems. */
const NAMELESS: Readonly<Record<number, string>> = { [FILE_SYSTEM.pipe]: 'pipe', [FILE_SYSTEM.socket]: 'socket' };

function joined(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

const ROOT_OWNER: NewFile = { mode: directoryMode(0o755), owner: 0, group: 0 };
