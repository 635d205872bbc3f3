/** A durable store as the commands of `bd0 vmo` see it. What opens it is loaded when a store is needed. */
import { EXIT_NOT_FOUND, Failure } from '../../failure.js';
import { HostError } from '../../../host/failure.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import type { DiskStore } from '../../../host/store/disk-store.js';
import {
  isListing,
  LISTING_BYTES_MAX,
  LISTING_START,
  readListing,
  type TreeEntry,
} from '../../../host/store/listing.js';
import { readContent, StoredContent } from './content.js';
import { RecordTree } from './record-tree.js';

export type { TreeEntry };

/** The environment variable that says where the store is, where --store does not. */
const STORE_VARIABLE = 'BD0_STORE';

/** Who reads keeps nobody waiting; who writes waits for garbage collection, which waits for writers. */
export type OpenMode = 'read' | 'write' | 'collect';

/** The directory of the store; undefined where none is given. */
export function storeDirectory(option: string | undefined): string | undefined {
  return option || process.env[STORE_VARIABLE] || undefined;
}

/** Opens the store, and makes one where `create` says so. Throws Failure. */
export async function openStore(option: string | undefined, mode: OpenMode, create = false): Promise<StoreView> {
  const directory = storeDirectory(option);
  if (directory === undefined)
    throw new Failure(`no store is given: --store DIR, or ${STORE_VARIABLE} in the environment`);
  const { DiskStore } = await import('../../../host/store/disk-store.js');
  const disk = DiskStore.open(directory, { mode, create });
  const { warning } = disk.names;
  if (warning !== undefined) writeToStderr(`bd0: ${warning}`);
  return new StoreView(disk);
}

/** An open store. */
export class StoreView {
  constructor(readonly disk: DiskStore) {}

  get directory(): string {
    return this.disk.directory;
  }

  /** The VMO of an identity. Throws DamagedRecordError, MissingRecordError. */
  tree(id: string): RecordTree {
    return new RecordTree(this.disk, id);
  }

  /** The tree of an identity, which is not collected while the store is open. */
  held(id: string): RecordTree {
    this.disk.hold(id);
    return this.tree(id);
  }

  /** Whether a VMO is the listing of a directory, and so stands for a tree. */
  kindOf(tree: RecordTree): 'tree' | 'file' {
    return entriesOf(tree) === undefined ? 'file' : 'tree';
  }

  /** What is in a tree; undefined for any other content. */
  listing(id: string): readonly TreeEntry[] | undefined {
    return entriesOf(this.tree(id));
  }

  /** As `listing`, of what is a tree by what its parent says. */
  requireListing(id: string, path: string): readonly TreeEntry[] {
    const entries = this.listing(id);
    if (entries === undefined) throw new Failure(`'${path}' is a tree by the listing that it is in, but ${id} is none`);
    return entries;
  }

  /** Where a path leads to from a tree that was called `base`. Throws Failure: 127 where there is nothing. */
  idOfPath(id: string, base: string, path: string): string {
    let at = base;
    let found = id;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const entries = this.listing(found);
      if (entries === undefined) throw new Failure(`'${at}' is no tree, so nothing is in it`, EXIT_NOT_FOUND);
      const entry = entries.find((candidate) => candidate.name === name);
      if (entry === undefined) throw new Failure(`there is no '${name}' in '${at}'`, EXIT_NOT_FOUND);
      at = `${at}/${name}`;
      if (entry.type === 'link')
        throw new Failure(`'${at}' is a symbolic link to '${entry.target}', which is not followed`);
      found = entry.id;
    }
    return found;
  }

  idOfName(name: string): string | undefined {
    return this.disk.names.get(name);
  }

  /** Names, ascending, each with its identity. */
  nameEntries(): [name: string, id: string][] {
    return this.disk.names.entries();
  }

  /** Makes a name stand for an identity, or for nothing, whatever it stands for now: which is answered. */
  setName(name: string, id: string | undefined): string | undefined {
    for (;;) {
      const now = this.disk.names.get(name);
      if (now === id || this.disk.names.compareAndSwap(name, now, id)) return now;
    }
  }
}

/** What a VMO lists, if it is a listing. */
function entriesOf(tree: RecordTree): readonly TreeEntry[] | undefined {
  const content = new StoredContent(tree);
  const { lengthBytes } = content;
  if (lengthBytes < LISTING_START.length || lengthBytes > LISTING_BYTES_MAX) return undefined;
  if (!isListing(readContent(content, 0, LISTING_START.length))) return undefined;
  try {
    return readListing(readContent(content, 0, lengthBytes));
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
