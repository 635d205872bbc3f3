/** Where two contents differ, byte by byte. Of two VMOs of one store, subtrees of equal hash are not gone into. */
import { PAGE_SIZE, type RecordTree } from '../../index.js';
import { readContent, StoredContent, type Content } from './content/content.js';

/** `length` bytes from `offset`. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Bytes that are compared at once where all are. */
const PART_BYTES = 2 ** 18;

/** The ranges in which the bytes that both have differ, ascending; ranges do not touch. */
export function* differingRanges(a: Content, b: Content): Generator<ByteRange, void, undefined> {
  const common = Math.min(a.lengthBytes, b.lengthBytes);
  let touching: ByteRange | undefined;
  for (const { offset, length } of candidates(a, b, common))
    for (const range of differingBytes(readContent(a, offset, length), readContent(b, offset, length), offset)) {
      if (touching !== undefined && touching.offset + touching.length === range.offset)
        touching = { offset: touching.offset, length: touching.length + range.length };
      else {
        if (touching !== undefined) yield touching;
        touching = range;
      }
    }
  if (touching !== undefined) yield touching;
}

/** Ranges outside of which there is no difference. */
function* candidates(a: Content, b: Content, common: number): Generator<ByteRange, void, undefined> {
  if (a instanceof StoredContent && b instanceof StoredContent) {
    for (const page of differingPages(a.tree, b.tree, Math.ceil(common / PAGE_SIZE))) {
      const offset = page * PAGE_SIZE;
      yield { offset, length: Math.min(PAGE_SIZE, common - offset) };
    }
  } else
    for (let offset = 0; offset < common; offset += PART_BYTES)
      yield { offset, length: Math.min(PART_BYTES, common - offset) };
}

/** The pages below `end`, which lie in both trees, whose hashes differ. */
function* differingPages(a: RecordTree, b: RecordTree, end: number): Generator<number, void, undefined> {
  const level = Math.min(a.height, b.height);
  const open = [{ left: leftmost(a, level), right: leftmost(b, level), level, page: 0 }];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const { left, right, level, page } = pair;
    if (page >= end || left === right) continue;
    if (level === 0) yield page;
    else {
      const [first, second] = [a.children(left, level), b.children(right, level)];
      for (const side of [1, 0] as const)
        open.push({
          ...{ left: first[side], right: second[side] },
          ...{ level: level - 1, page: page + side * 2 ** (level - 1) },
        });
    }
  }
}

/** The subtree at `level` that holds the first page. */
function leftmost(tree: RecordTree, level: number): string {
  let hash = tree.top;
  for (let at = tree.height; at > level; at--) [hash] = tree.children(hash, at);
  return hash;
}

function* differingBytes(a: Uint8Array, b: Uint8Array, start: number): Generator<ByteRange, void, undefined> {
  if (Buffer.compare(a, b) === 0) return;
  for (let at = 0; at < a.length; at++) {
    if (a[at] === b[at]) continue;
    const from = at;
    while (at < a.length && a[at] !== b[at]) at++;
    yield { offset: start + from, length: at - from };
  }
}
