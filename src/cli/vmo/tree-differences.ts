/** In which paths two trees of a store differ. Directories of equal identity are not gone into. */
import { joined, shown, type ByteText } from '../../host/byte-text.js';
import { OWNER_EXECUTES } from '../../host/store/trees/tree-entry.js';
import type { Attributes, Listing, StoreView, TreeEntry } from './content/store-view.js';

const NANOSECONDS = 1_000_000_000n;
/** A date of JavaScript has so many seconds. ECMA-262 "Time Values and Time Range". */
const SECONDS_MAX = 8_640_000_000_000n;

/** A path in which two trees differ. */
export interface TreeDifference {
  /** `.` is the tree itself. */
  readonly path: ByteText;
  /** The tree that alone has it. */
  readonly only?: 'a' | 'b';
  /** What differs where both have it. */
  readonly what?: string;
}

/** Compares two trees; with `times`, also when files and directories changed. What only one of the trees keeps is not compared. */
export class TreeComparison {
  constructor(
    private readonly store: StoreView,
    private readonly times: boolean,
  ) {}

  /** The differences between the trees `a` and `b`, by path. */
  *differences(a: string, b: string, path = '.' as ByteText): Generator<TreeDifference, void, undefined> {
    if (a === b) return;
    const [first, second] = [this.store.listing(a, shown(path)), this.store.listing(b, shown(path))];
    const own = [...this.attributes(first.attributes, second.attributes), ...hardLinks(first, second)];
    if (own.length > 0) yield { path, what: own.join(', ') };
    const isOld = first.version === 1 || second.version === 1;
    const [left, right] = [byName(first), byName(second)];
    for (const name of [...new Set([...left.keys(), ...right.keys()])].sort())
      yield* this.entries(left.get(name), right.get(name), path === '.' ? name : joined(path, name), isOld);
  }

  private *entries(
    a: TreeEntry | undefined,
    b: TreeEntry | undefined,
    path: ByteText,
    isOld: boolean,
  ): Generator<TreeDifference, void, undefined> {
    if (a === undefined || b === undefined) yield { path, only: a === undefined ? 'b' : 'a' };
    else if (a.type === 'tree' && b.type === 'tree') yield* this.differences(a.id, b.id, path);
    else {
      const what = this.difference(a, b, isOld).join(', ');
      if (what !== '') yield { path, what };
    }
  }

  private difference(a: TreeEntry, b: TreeEntry, isOld: boolean): string[] {
    if (a.type !== b.type) return [`a ${a.type} in one, a ${b.type} in the other`];
    if (a.type === 'tree' || b.type === 'tree') return [];
    const content = a.type === 'file' && b.type === 'file' && a.id !== b.id ? ['other content'] : [];
    const target = a.type === 'link' && b.type === 'link' && a.target !== b.target ? ['another link'] : [];
    const isOther = 'major' in a && 'major' in b && (a.major !== b.major || a.minor !== b.minor);
    return [
      ...content,
      ...target,
      ...(isOther ? ['another device'] : []),
      ...this.attributes(a.attributes, b.attributes, isOld),
    ];
  }

  /** Of `isOld` attributes, which a listing of version 1 has, the mode says only whether the owner may execute. */
  private *attributes(
    left: Attributes | undefined,
    right: Attributes | undefined,
    isOld = false,
  ): Generator<string, void, undefined> {
    if (!left || !right) return;
    if (isOld) {
      if ((left.mode ^ right.mode) & OWNER_EXECUTES) yield 'executable in one only';
    } else if (left.mode !== right.mode) yield `mode ${modeText(left)} in one, ${modeText(right)} in the other`;
    if (left.owner && right.owner && ownerText(left) !== ownerText(right))
      yield `owner ${ownerText(left)} in one, ${ownerText(right)} in the other`;
    if (left.xattrs && right.xattrs && JSON.stringify(left.xattrs) !== JSON.stringify(right.xattrs))
      yield 'other extended attributes';
    const { mtimeNs } = left;
    if (this.times && mtimeNs !== undefined && right.mtimeNs !== undefined && mtimeNs !== right.mtimeNs)
      yield `changed at ${timeText(mtimeNs)} in one, at ${timeText(right.mtimeNs)} in the other`;
  }
}

function byName({ entries }: Listing): Map<ByteText, TreeEntry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

/** `0644`. */
export function modeText({ mode }: Attributes): string {
  return mode.toString(8).padStart(4, '0');
}

function ownerText({ owner }: Attributes): string {
  return owner ? `${owner.uid}:${owner.gid}` : '';
}

function hardLinks(a: Listing, b: Listing): string[] {
  return JSON.stringify(a.hardLinks) === JSON.stringify(b.hardLinks) ? [] : ['other hard links'];
}

/** ISO 8601 with nanoseconds, `2026-11-28T20:08:51.123456789Z`; outside of its years, seconds since 1970. */
export function timeText(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  const seconds = (nanoseconds - fraction) / NANOSECONDS;
  const digits = String(fraction).padStart(9, '0');
  const isDate = seconds >= -SECONDS_MAX && seconds < SECONDS_MAX;
  const text = isDate ? new Date(Number(seconds) * 1000).toISOString().replace(/\.000Z$/, '') : '';
  return /^\d{4}-/.test(text) ? `${text}.${digits}Z` : `${seconds}.${digits}`;
}
