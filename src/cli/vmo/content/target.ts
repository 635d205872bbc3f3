/** What a word on the command line means: a name, a path within a tree, an identity, or a host file. */
import { existsSync } from 'node:fs';
import { EXIT_NOT_FOUND, Failure } from '../../failure.js';
import { FileContent, StoredContent, type Content } from './content.js';
import type { ContentKind, RecordTree } from '../../../index.js';
import {
  openStore,
  storeDirectory,
  type Attributes,
  type Followed,
  type OpenMode,
  type StoreView,
} from './store-view.js';

/** Content of a store. */
export interface StoredTarget {
  readonly kind: 'stored';
  /** As it was given. */
  readonly word: string;
  readonly id: string;
  /** What its bytes are, by the name or the tree that refers to them; for an ID alone, `DiskStore.kindOf`. */
  readonly contentKind: ContentKind;
  /** Whether it was given as an ID, which says nothing of what its bytes are. */
  readonly isById: boolean;
  /** Of a file in a tree. */
  readonly attributes?: Attributes | undefined;
  readonly tree: RecordTree;
  readonly store: StoreView;
}

/** A host file. */
export interface FileTarget {
  readonly kind: 'file';
  readonly word: string;
  readonly path: string;
}

export type Target = StoredTarget | FileTarget;

/** Identities that a message lists. */
const LISTED = 4;

/** Words that can be nothing but files. */
const FILE_WORD = /^(-$|\.{0,2}\/|\.{1,2}$)/;

/** Does `work` with the targets that words mean, while the store is open, if one is given. Throws Failure. */
export async function withTargets(
  words: readonly string[],
  directory: string | undefined,
  work: (targets: Target[]) => Promise<void> | void,
): Promise<void> {
  const needsStore = words.some((word) => !FILE_WORD.test(word)) && storeDirectory(directory) !== undefined;
  const store = needsStore ? await openStore(directory, 'read') : undefined;
  try {
    await work(words.map((word) => targetOf(word, store)));
  } finally {
    store?.disk.close();
  }
}

/** Does `work` with content of the store that words mean. Throws Failure. */
export async function withStored(
  words: readonly string[],
  directory: string | undefined,
  mode: OpenMode,
  work: (targets: StoredTarget[], store: StoreView) => Promise<void> | void,
): Promise<void> {
  const store = await openStore(directory, mode);
  try {
    await work(
      words.map((word) => requireStored(word, store)),
      store,
    );
  } finally {
    store.disk.close();
  }
}

/** What a word means: names come first, then identities, then files. What begins with `/` or `.` is a file. */
function targetOf(word: string, store: StoreView | undefined): Target {
  const isFile = FILE_WORD.test(word);
  const stored = isFile || !store ? undefined : findStored(word, store);
  if (stored) return stored;
  if (isFile || existsSync(word)) return { kind: 'file', word, path: word };
  const inStore = store
    ? `'${store.directory}' has no such name or ID`
    : 'no store is given (--store DIR, or BD0_STORE)';
  throw new Failure(`there is no file '${word}', and ${inStore}`, EXIT_NOT_FOUND);
}

/** The content of a store that a word means. Throws Failure: 127 where there is none. */
export function requireStored(word: string, store: StoreView): StoredTarget {
  const found = findStored(word, store);
  if (found) return found;
  throw new Failure(`there is no name or ID '${word}' in '${store.directory}'`, EXIT_NOT_FOUND);
}

/** As `requireStored`; undefined where there is none. What a path leads to within a tree must be there, though. */
export function findStored(word: string, store: StoreView): StoredTarget | undefined {
  const found = referenceOf(word, store);
  if (found) return stored(word, found, store);
  for (let slash = word.lastIndexOf('/'); slash > 0; slash = word.lastIndexOf('/', slash - 1)) {
    const base = word.slice(0, slash);
    const tree = referenceOf(base, store);
    if (tree) return stored(word, { ...store.followPath(tree, base, word.slice(slash + 1)), isById: false }, store);
  }
  return undefined;
}

/** What a word stands for by itself. */
interface Found extends Followed {
  readonly isById: boolean;
}

/** What a name or an identity stands for. */
function referenceOf(word: string, store: StoreView): Found | undefined {
  const named = store.named(word);
  if (named) return { ...named, isById: false };
  const id = idOf(word, store);
  return id === undefined ? undefined : { id, kind: store.disk.kindOf(id), isById: true };
}

function stored(word: string, { id, kind, isById, attributes }: Found, store: StoreView): StoredTarget {
  return { kind: 'stored', word, id, contentKind: kind, isById, attributes, tree: store.held(id), store };
}

/** The identity that digits are the beginning of. Throws Failure where there are several. */
function idOf(digits: string, store: StoreView): string | undefined {
  if (!/^[0-9a-f]{4,64}$/i.test(digits)) return undefined;
  const ids = store.disk.idsFrom(digits.toLowerCase());
  if (ids.length < 2) return ids[0];
  const listed = ids.slice(0, LISTED).map((id) => id.slice(0, Math.max(16, digits.length + 4)));
  throw new Failure(`'${digits}' is the beginning of ${listed.join(', ')}${ids.length > LISTED ? ', ...' : ''}`);
}

/** The bytes that a target stands for. Throws Failure. */
export function contentOf(target: Target): Content {
  return target.kind === 'stored' ? new StoredContent(target.tree) : new FileContent(target.path);
}

/** Refuses a tree, unless it was given as an ID: that stands for bytes, even if they are those of a listing. */
export function requireBytes(target: Target): void {
  if (target.kind === 'stored' && target.contentKind === 'tree' && !target.isById)
    throw new Failure(`'${target.word}' is a tree: bd0 vmo ls lists it`);
}
