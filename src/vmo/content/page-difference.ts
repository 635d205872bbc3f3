import { equalHashes } from './canonical-form.js';
import { openedNode, type Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';
import type { Canonical } from './vmo.js';

/** `count` pages from page `first`. */
export interface PageRange {
  readonly first: number;
  readonly count: number;
}

/**
 * The pages in which two VMOs differ, in bytes or in length, as ascending ranges that are not adjacent. Subtrees with
 * equal hashes are skipped, so the cost is O(height) for each differing page. There are none if and only if the ids are
 * equal.
 */
export function* differingPages(
  table: SubtreeTable,
  a: Canonical,
  b: Canonical,
): Generator<PageRange, void, undefined> {
  let touching: PageRange | undefined;
  for (const range of differences(table, a, b)) {
    if (touching !== undefined && touching.first + touching.count === range.first)
      touching = { first: touching.first, count: touching.count + range.count };
    else {
      if (touching !== undefined) yield touching;
      touching = range;
    }
  }
  if (touching !== undefined) yield touching;
}

/** The differing pages that both have in full, one by one, then the range from the end of the shorter VMO. */
function* differences(table: SubtreeTable, a: Canonical, b: Canonical): Generator<PageRange, void, undefined> {
  const shorter = Math.min(a.lengthBytes, b.lengthBytes);
  const longer = Math.max(a.lengthBytes, b.lengthBytes);
  const { format } = table;
  const first = shorter === longer ? format.pagesOf(longer) : Math.floor(shorter / format.pageSize);
  yield* differingLeaves(table, a.tree, b.tree, first);
  if (shorter < longer) yield { first, count: format.pagesOf(longer) - first };
}

/** The pages below `end` in which two trees differ. Each tree covers that many. */
function* differingLeaves(
  table: SubtreeTable,
  a: Subtree,
  b: Subtree,
  end: number,
): Generator<PageRange, void, undefined> {
  const level = Math.min(a.level, b.level);
  const open = [{ a: leftmost(a, level), b: leftmost(b, level), page: 0 }];
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const { a, b, page } = range;
    if (page >= end || isEqual(table, a, b)) continue;
    if (a.level === 0) yield { first: page, count: 1 };
    else {
      const [nodeOfA, nodeOfB] = [openedNode(a), openedNode(b)];
      open.push({ a: nodeOfA.right, b: nodeOfB.right, page: page + 2 ** (a.level - 1) });
      open.push({ a: nodeOfA.left, b: nodeOfB.left, page });
    }
  }
}

function leftmost(tree: Subtree, level: number): Subtree {
  let subtree = tree;
  while (subtree.level > level) subtree = openedNode(subtree).left;
  return subtree;
}

function isEqual(table: SubtreeTable, a: Subtree, b: Subtree): boolean {
  return a === b || equalHashes(table.hashOf(a), table.hashOf(b));
}
