/** In which paths two trees of a store differ. Directories of equal identity are not gone into. */
import type { StoreView, TreeEntry } from './content/store-view.js';

/** A path in which two trees differ. */
export interface TreeDifference {
  readonly path: string;
  /** The tree that alone has it. */
  readonly only?: 'a' | 'b';
  /** What differs where both have it. */
  readonly what?: string;
}

/** The differences between the trees `a` and `b`, by path. */
export function* differingEntries(
  store: StoreView,
  a: string,
  b: string,
  path = '',
): Generator<TreeDifference, void, undefined> {
  if (a === b) return;
  const [first, second] = [byName(store.listing(a, path)), byName(store.listing(b, path))];
  const names = [...new Set([...first.keys(), ...second.keys()])].sort();
  for (const name of names) {
    const [left, right] = [first.get(name), second.get(name)];
    const at = path + name;
    if (left === undefined || right === undefined) yield { path: at, only: left === undefined ? 'b' : 'a' };
    else if (left.type === 'tree' && right.type === 'tree') yield* differingEntries(store, left.id, right.id, `${at}/`);
    else {
      const what = difference(left, right);
      if (what !== undefined) yield { path: at, what };
    }
  }
}

function byName(entries: readonly TreeEntry[]): Map<string, TreeEntry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

function difference(a: TreeEntry, b: TreeEntry): string | undefined {
  if (a.type !== b.type) return `a ${a.type} in one, a ${b.type} in the other`;
  if (a.type === 'link' && b.type === 'link') return a.target === b.target ? undefined : 'another link';
  if (a.type !== 'file' || b.type !== 'file') return undefined;
  if (a.id !== b.id) return 'other content';
  return a.executable === b.executable ? undefined : 'executable in one only';
}
