/** A durable store as the commands of `bd0 vmo` see it. What opens it is loaded when a store is needed. */
import { EXIT_NOT_FOUND, Failure } from '../../failure.js';
import { HostError } from '../../../host/failure.js';
import { byteTextOf, shown } from '../../../host/byte-text.js';
import { writeToStderr } from '../../../host/console/host-output.js';
import type { DiskStore } from '../../../host/store/disk-store.js';
import {
  LISTING_BYTES_MAX,
  readListing,
  type Attributes,
  type Listing,
  type TreeEntry,
} from '../../../host/store/listing.js';
import type { NamedReference } from '../../../host/store/names.js';
import type { Reference } from '../../../index.js';
import { readContent, StoredContent } from './content.js';
import { readFailure } from './damage.js';
import { RecordTree } from '../../../index.js';

export type { Attributes, Listing, Reference, TreeEntry };

/** The environment variable that says where the store is, where --store does not. */
const STORE_VARIABLE = 'BD0_STORE';

/** Readers block no other process; writers wait for garbage collection, which waits for writers. */
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

/** What a path within a tree leads to. */
export interface Followed extends Reference {
  /** Of a file, as far as its listing has them. */
  readonly attributes?: Attributes | undefined;
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

  /** What is in a tree. Throws Failure where `id` is that of other content; `path` is what the user calls it. */
  listing(id: string, path: string): Listing {
    try {
      const content = new StoredContent(this.tree(id));
      if (content.lengthBytes > LISTING_BYTES_MAX) throw new HostError('it is longer than any listing', 'invalid');
      return readListing(readContent(content, 0, content.lengthBytes));
    } catch (error) {
      if (!(error instanceof HostError)) throw readFailure(path, error);
      throw new Failure(`'${path}' cannot be read as a tree: ${error.message}`);
    }
  }

  /** What a path leads to from a tree that was called `base`. Throws Failure: 127 where there is nothing. */
  followPath(reference: Reference, base: string, path: string): Followed {
    let at = base;
    let found: Followed = reference;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (found.kind !== 'tree') throw new Failure(`'${at}' is not a tree, so there is nothing in it`, EXIT_NOT_FOUND);
      const entry = entryCalled(name, this.listing(found.id, at));
      if (entry === undefined) throw new Failure(`there is no '${name}' in '${at}'`, EXIT_NOT_FOUND);
      at = `${at}/${name}`;
      if (entry.type === 'link')
        throw new Failure(`'${at}' is a symbolic link to '${shown(entry.target)}', which is not followed`);
      if (entry.type === 'tree') found = { id: entry.id, kind: entry.type };
      else if (entry.type === 'file') found = { id: entry.id, kind: entry.type, attributes: entry.attributes };
      else throw new Failure(`'${at}' is a ${entry.type}, which has no content`);
    }
    return found;
  }

  /** What a name stands for. */
  named(name: string): Reference | undefined {
    return this.disk.names.reference(name);
  }

  /** Names, ascending, with what they stand for. */
  names(): readonly NamedReference[] {
    return this.disk.names.references();
  }

  /** Makes a name stand for content, or for nothing, whatever it stands for now. Returns the identity that it stood for. */
  setName(name: string, next: Reference | undefined): string | undefined {
    for (;;) {
      const now = this.named(name);
      const isSame = now?.id === next?.id && now?.kind === next?.kind;
      if (isSame || this.disk.names.compareAndSwap(name, now?.id, next)) return now?.id;
    }
  }
}

/** The entry of a name, which may be written as `bd0 vmo ls` shows it: not all names can be typed. */
function entryCalled(name: string, { version, entries }: Listing): TreeEntry | undefined {
  const bytes = byteTextOf(name);
  const found = entries.find((entry) => entry.name === bytes) ?? entries.find((entry) => shown(entry.name) === name);
  // The modes of version 1 are those of new files.
  if (version === 1 && found?.type === 'file')
    return { ...found, attributes: { mode: found.attributes.mode & ~process.umask() } };
  return found;
}
