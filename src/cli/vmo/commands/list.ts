/** `bd0 vmo ls`: names, and what is in trees. */
import { EXIT_NOT_FOUND, Failure } from '../../failure.js';
import { tell, tellJson, visible } from '../output.js';
import { openStore, type Reference, type StoreView } from '../content/store-view.js';
import { findStored, type StoredTarget } from '../content/target.js';

/** The options of the command. */
export interface ListOptions {
  readonly store?: string | undefined;
  readonly long: boolean;
  readonly json: boolean;
}

/** A line of the list. */
interface Listed {
  readonly name: string;
  /** Undefined for what has no content: a symbolic link. */
  readonly id: string | undefined;
  /** Bytes; undefined where they cannot be told. */
  readonly length: number | undefined;
  /** `file`, `tree`, `link` or `damaged`. */
  readonly kind: string;
  readonly executable?: true;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

/** Digits of an identity in a list. */
const SHORT_DIGITS = 16;

/** Lists each word, or all names. Throws Failure: 127 for a word that means nothing. */
export async function list(words: readonly string[], options: ListOptions): Promise<number> {
  const store = await openStore(options.store, 'read');
  try {
    const lines = words.length === 0 ? namesBelow('', store) : words.flatMap((word) => linesOf(word, store));
    if (options.json) lines.forEach(tellJson);
    else formatted(lines, options.long).forEach(tell);
  } finally {
    store.disk.close();
  }
  return 0;
}

/** A tree is what is in it; a part of names, as `a` of `a/b`, the names that begin with it. */
function linesOf(word: string, store: StoreView): Listed[] {
  const found = findStored(word, store);
  const below = namesBelow(`${word.replace(/\/$/, '')}/`, store);
  if (found)
    return [
      ...(found.contentKind === 'tree'
        ? treeLines(found, store)
        : [lineOf(word, { id: found.id, kind: found.contentKind }, store)]),
      ...below,
    ];
  if (below.length > 0) return below;
  throw new Failure(`'${word}' is no name and no ID in '${store.directory}'`, EXIT_NOT_FOUND);
}

function namesBelow(prefix: string, store: StoreView): Listed[] {
  const names = store.names().filter(({ name }) => name.startsWith(prefix));
  return names.map((reference) => lineOf(reference.name, reference, store));
}

function treeLines({ id, word }: StoredTarget, store: StoreView): Listed[] {
  return store.listing(id, word).map((entry) => {
    if (entry.type === 'link') {
      return { name: entry.name, id: undefined, length: undefined, kind: 'link', target: entry.target };
    }
    return {
      ...lineOf(entry.name, { id: entry.id, kind: entry.type }, store),
      ...(entry.type === 'file' && entry.executable && { executable: true }),
    };
  });
}

function lineOf(name: string, { id, kind }: Reference, store: StoreView): Listed {
  try {
    return { name, id, length: store.tree(id).lengthBytes, kind };
  } catch (error) {
    if (!(error instanceof Error) || !['DamagedRecordError', 'MissingRecordError'].includes(error.name)) throw error;
    return { name, id, length: undefined, kind: 'damaged' };
  }
}

function formatted(lines: readonly Listed[], long: boolean): string[] {
  const lengths = lines.map(({ length }) => (length === undefined ? '-' : String(length)));
  const width = Math.max(0, ...lengths.map((text) => text.length));
  const digits = long ? 64 : SHORT_DIGITS;
  return lines.map(({ name, id, kind, executable, target }, i) => {
    const mark = executable ? '*' : kind === 'tree' ? '/' : target === undefined ? '' : ` -> ${visible(target)}`;
    const shown = (id ?? '').slice(0, digits).padEnd(digits);
    return `${shown}  ${lengths[i]!.padStart(width)}  ${kind.padEnd(4)}  ${visible(name)}${mark}`;
  });
}
