import { schema, value } from '../../../../state/schema.js';
import { numberOfPath } from './path-number.js';
import { INODE_FIELDS, Inode, type InodeAttributes, type InodeIdentity } from './inode.js';

/** Bytes of a directory that was made here, as ext4 has them. */
const DIRECTORY_BYTES = 4096;

/** A name in a directory, as getdents64 tells it. */
export interface DirectoryEntry {
  readonly name: string;
  /** The inode's number. */
  readonly number: number;
  /** The type bits of its mode. */
  readonly type: number;
}

/** What directories are looked up in. */
export interface Tree {
  /** The inode of an id of the table. */
  inode(id: number): Inode;
  /** The directory of a name of the root, made when it is asked for; undefined where there is none. */
  rootChild(directory: TreeDirectory, name: string): Inode | undefined;
  /** The names that a directory has in the root. */
  rootEntries(directory: TreeDirectory): readonly DirectoryEntry[];
}

/** A directory. */
export abstract class Directory extends Inode {
  /** What a name of 1 to 255 bytes, neither `.` nor `..`, stands for. */
  abstract lookup(tree: Tree, name: string): Inode | undefined;
  /** All names without `.` and `..`, in the order of their bytes. */
  abstract entries(tree: Tree): readonly DirectoryEntry[];
  abstract parent(tree: Tree): Directory;
  /** Its name in its parent; '' for `/`, undefined for one that was removed. */
  abstract readonly name: string | undefined;
}

/** Whether an inode is a directory. */
export function isDirectory(inode: Inode | undefined): inode is Directory {
  return inode instanceof Directory;
}

/** A directory of the root, of the layer above it, or of both. */
export class TreeDirectory extends Directory {
  static readonly state = schema('directory', TreeDirectory, {
    ...INODE_FIELDS,
    name: value,
    rootPath: value,
    rootBlocks: value,
    rootBytes: value,
    children: value,
    removed: value,
    parentId: value,
  });

  name: string | undefined;
  /** Ids of inodes by name, as far as they were asked for or made. */
  private readonly children = new Map<string, number>();
  /** Names of the root that are gone. */
  private readonly removed = new Set<string>();
  private parentId: number;

  constructor(
    identity: InodeIdentity,
    attributes: InodeAttributes,
    place: { readonly parentId: number; readonly name: string },
    /** Where it is in the root, without a slash at its end: '' for all of the root; undefined for one that was made here. */
    readonly rootPath: string | undefined,
    private readonly rootBytes = DIRECTORY_BYTES,
    private readonly rootBlocks = 8,
  ) {
    super(identity, attributes);
    this.parentId = place.parentId;
    this.name = place.name;
  }

  override get size(): number {
    return this.rootBytes;
  }

  override get blocks(): number {
    return this.rootBlocks;
  }

  lookup(tree: Tree, name: string): Inode | undefined {
    const id = this.children.get(name);
    if (id !== undefined) return tree.inode(id);
    return this.isOfRoot && !this.removed.has(name) ? tree.rootChild(this, name) : undefined;
  }

  entries(tree: Tree): readonly DirectoryEntry[] {
    const below = this.isOfRoot ? tree.rootEntries(this) : [];
    const found = new Map(below.map((entry) => [entry.name, entry]));
    for (const name of this.removed) found.delete(name);
    for (const [name, id] of this.children) {
      const { number, type } = tree.inode(id);
      found.set(name, { name, number, type });
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  parent(tree: Tree): Directory {
    return tree.inode(this.parentId) as Directory;
  }

  isEmpty(tree: Tree): boolean {
    return this.children.size === 0 && (!this.isOfRoot || this.entries(tree).length === 0);
  }

  /** Whether names that it does not know may be in the root. */
  private get isOfRoot(): boolean {
    return this.rootPath !== undefined && this.name !== undefined;
  }

  /** How many names it knows, those that are gone among them. */
  get knownCount(): number {
    return this.children.size + this.removed.size;
  }

  /** The names that it knows, each with the id of an inode. */
  get knownNames(): ReadonlyMap<string, number> {
    return this.children;
  }

  knows(name: string): boolean {
    return this.children.has(name);
  }

  /** Names of the root that are gone; others may stand there now. */
  get removedNames(): ReadonlySet<string> {
    return this.removed;
  }

  /** Lets a name that stands for nothing stand for an inode. */
  attach(name: string, inode: Inode): void {
    inode.names++;
    this.children.set(name, inode.id);
    if (!(inode instanceof TreeDirectory)) return;
    inode.parentId = this.id;
    inode.name = name;
  }

  /** Lets a name stand for nothing. */
  detach(name: string, inode: Inode): void {
    inode.names--;
    this.children.delete(name);
    if (this.rootPath !== undefined && inode.number === numberOfPath(`${this.rootPath}/${name}`))
      this.removed.add(name);
  }

  /** Forgets names of the root that are gone, when the directory itself is. */
  forget(): void {
    this.children.clear();
    this.removed.clear();
  }
}
