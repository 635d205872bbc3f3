/** `bd0 vmo ls`: names, and what is in trees. */
import { byteTextOf, shown, type ByteText } from '../../../host/byte-text.js';
import { visibleLine } from '../../../host/console/visible-text.js';
import { OWNER_EXECUTES } from '../../../host/store/trees/tree-entry.js';
import { EXIT_NOT_FOUND, Failure } from '../../failure.js';
import { jsonOfBytes, tell, tellJson } from '../output.js';
import { openStore, type Attributes, type Reference, type StoreView, type TreeEntry } from '../content/store-view.js';
import { findStored, type StoredTarget } from '../content/target.js';
import { modeText, timeText } from '../tree-differences.js';

/** The options of the command. */
export interface ListOptions {
  readonly store?: string | undefined;
  readonly long: boolean;
  readonly json: boolean;
}

/** A line of the list. */
interface Listed {
  readonly name: ByteText;
  /** As a person reads it. */
  readonly shown: string;
  /** Undefined for what has no content: a symbolic link, a device. */
  readonly id?: string | undefined;
  /** In bytes; undefined if unknown. */
  readonly length?: number | undefined;
  /** That of an entry of a tree, or `damaged`. */
  readonly kind: TreeEntry['type'] | 'damaged';
  readonly attributes?: Attributes | undefined;
  /** Where a symbolic link leads. */
  readonly target?: ByteText;
  readonly device?: { readonly major: number; readonly minor: number };
}

/** Digits of an identity in a list. */
const SHORT_DIGITS = 16;

/** Kinds in a column. */
const KIND_WORDS = { 'character device': 'char', 'block device': 'block' } as const;

/** Lists each word, or all names. Throws Failure: 127 for a word that means nothing. */
export async function list(words: readonly string[], { store: directory, long, json }: ListOptions): Promise<number> {
  const store = await openStore(directory, 'read');
  try {
    const withAll = long || json;
    const lines = words.length === 0 ? namesBelow('', store) : words.flatMap((word) => linesOf(word, store, withAll));
    if (json) for (const line of lines) tellJson(asJson(line));
    else formatted(lines, long).forEach(tell);
  } finally {
    store.disk.close();
  }
  return 0;
}

/** A tree is what is in it; a part of names, as `a` of `a/b`, the names that begin with it. */
function linesOf(word: string, store: StoreView, withAll: boolean): Listed[] {
  const found = findStored(word, store);
  const below = namesBelow(`${word.replace(/\/$/, '')}/`, store);
  if (found?.contentKind === 'tree') return [...treeLines(found, store, withAll), ...below];
  if (found) {
    const { id, attributes } = found;
    return [{ ...lineOf({ id, kind: 'file' }, store), name: byteTextOf(word), shown: visibleLine(word), attributes }, ...below]; // prettier-ignore
  }
  if (below.length > 0) return below;
  throw new Failure(`there is no name or ID '${word}' in '${store.directory}'`, EXIT_NOT_FOUND);
}

function namesBelow(prefix: string, store: StoreView): Listed[] {
  const names = store.names().filter(({ name }) => name.startsWith(prefix));
  return names.map((reference) => {
    const { name } = reference;
    return { ...lineOf(reference, store), name: byteTextOf(name), shown: visibleLine(name) };
  });
}

function treeLines({ id, word }: StoredTarget, store: StoreView, withAll: boolean): Listed[] {
  return store.listing(id, word).entries.map((entry) => {
    const named = { name: entry.name, shown: shown(entry.name) };
    if (entry.type === 'tree') return { ...lineOf(entry, store, withAll), ...named };
    const { attributes } = entry;
    if (entry.type === 'file') return { ...lineOf({ id: entry.id, kind: 'file' }, store), ...named, attributes };
    const kind = entry.type;
    if (entry.type === 'link') return { ...named, kind, attributes, target: entry.target };
    if (entry.type === 'fifo') return { ...named, kind, attributes };
    return { ...named, kind, attributes, device: { major: entry.major, minor: entry.minor } };
  });
}

/** With `withAttributes`, a tree is looked into for those of its directory. */
function lineOf(
  entry: Reference | Extract<TreeEntry, { type: 'tree' }>,
  store: StoreView,
  withAttributes = false,
): Pick<Listed, 'id' | 'kind' | 'length' | 'attributes'> {
  const { id } = entry;
  const kind = 'kind' in entry ? entry.kind : entry.type;
  try {
    const length = store.tree(id).lengthBytes;
    return { id, length, kind, attributes: withAttributes ? store.listing(id, id).attributes : undefined };
  } catch (error) {
    const isDamage = error instanceof Failure || ['DamagedRecordError', 'MissingRecordError'].includes((error as Error).name); // prettier-ignore
    if (!isDamage) throw error;
    return { id, kind: 'damaged' };
  }
}

function asJson({ name, id, length, kind, attributes, target, device }: Listed): Record<string, unknown> {
  const { mtimeNs, owner, xattrs } = attributes ?? {};
  return {
    ...jsonOfBytes('name', name),
    ...(id !== undefined && { id }),
    ...(length !== undefined && { length }),
    kind,
    ...(attributes && { mode: modeText(attributes) }),
    ...(mtimeNs !== undefined && { mtime: timeText(mtimeNs) }),
    ...owner,
    ...(xattrs && { xattrs: xattrs.map((each) => ({ ...jsonOfBytes('name', each.name), base64: Buffer.from(each.value, 'latin1').toString('base64') })) }), // prettier-ignore
    ...(kind === 'file' && attributes && attributes.mode & OWNER_EXECUTES && { executable: true }),
    ...(target !== undefined && jsonOfBytes('target', target)),
    ...device,
  };
}

function formatted(lines: readonly Listed[], long: boolean): string[] {
  const columns = lines.map((line) => {
    const { id = '', length, kind, attributes, target, device } = line;
    const mark = kind === 'tree' ? '/' : target !== undefined ? ` -> ${shown(target)}` : isExecutable(line) ? '*' : '';
    const digits = long ? 64 : SHORT_DIGITS;
    const numbers = device ? `${device.major},${device.minor}` : length === undefined ? '-' : String(length);
    return {
      id: id.slice(0, digits).padEnd(digits),
      numbers,
      kind: (KIND_WORDS as Readonly<Record<string, string>>)[kind] ?? kind,
      more: long && attributes ? `${modeText(attributes)}  ${timeOf(attributes)}` : '',
      name: line.shown + mark,
    };
  });
  const widthOf = (key: 'numbers' | 'more'): number => Math.max(0, ...columns.map((column) => column[key].length));
  const [numbersWidth, moreWidth] = [widthOf('numbers'), widthOf('more')];
  return columns.map(
    ({ id, numbers, kind, more, name }) =>
    [id, numbers.padStart(numbersWidth), kind.padEnd(4), ...(moreWidth > 0 ? [more.padEnd(moreWidth)] : []), name].join('  '), // prettier-ignore
  );
}

function isExecutable({ kind, attributes }: Listed): boolean {
  return kind === 'file' && attributes !== undefined && (attributes.mode & OWNER_EXECUTES) !== 0;
}

function timeOf({ mtimeNs }: Attributes): string {
  return mtimeNs === undefined ? '' : timeText(mtimeNs);
}
