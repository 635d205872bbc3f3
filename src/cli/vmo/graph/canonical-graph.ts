/** The canonical tree of a VMO as a graph: equal subtrees are one node, subtrees of zeros are named and not gone into. */
import { PAGE_SIZE, zeroSubtree, type RecordTree } from '../../../index.js';
import { formatSize } from '../../size.js';
import type { GraphNode, NodeKind } from './graph.js';

/** Distinct nodes that are looked at. */
const NODES_MAX = 2 ** 20;

/** Digits of a hash in a drawing. */
export const SHORT_DIGITS = 12;

/** A canonical tree, looked at from top to bottom. */
export interface CanonicalGraph {
  readonly root: GraphNode;
  /** Distinct subtrees of two or more pages that are not all zeros. */
  readonly nodes: number;
  /** Distinct pages that are not all zeros. */
  readonly pages: number;
  /** False where there are more than `NODES_MAX`: then the counts are too low. */
  readonly isWhole: boolean;
}

/** A subtree of 2^level pages. */
class SubtreeNode implements GraphNode {
  readonly kind: NodeKind;
  readonly isCanonical = true;
  readonly children: SubtreeNode[] = [];
  occurrences = 0;

  constructor(
    readonly hash: string,
    readonly level: number,
    /** Where it occurs first. */
    readonly firstPage: number,
    private readonly pagesOfVmo: number,
  ) {
    this.kind = hash === zeroSubtree(level) ? 'zeros' : level === 0 ? 'page' : 'concat';
  }

  get label(): string {
    return this.kind === 'zeros' ? formatSize(PAGE_SIZE * 2 ** this.level) : this.hash.slice(0, SHORT_DIGITS);
  }

  get detail(): string {
    const { firstPage, level, pagesOfVmo } = this;
    if (firstPage >= pagesOfVmo) return 'padding';
    const last = Math.min(firstPage + 2 ** level, pagesOfVmo) - 1;
    const pages = firstPage === last ? `page ${firstPage}` : `pages ${firstPage}-${last}`;
    return this.kind === 'concat' ? `level ${level}, ${pages}` : pages;
  }

  get facts(): Readonly<Record<string, unknown>> {
    return { hash: this.hash, level: this.level, firstPage: this.firstPage };
  }
}

/** Goes through a tree level by level. Throws what RecordTree throws. */
export function canonicalGraph(tree: RecordTree): CanonicalGraph {
  const top = new SubtreeNode(tree.top, tree.height, 0, tree.pages);
  top.occurrences = 1;
  let row = [top];
  let nodes = 0;
  let pages = 0;
  for (let level = tree.height; level >= 0 && nodes + row.length <= NODES_MAX; level--) {
    if (level === 0) pages = row.filter(({ kind }) => kind === 'page').length;
    else nodes += row.filter(({ kind }) => kind === 'concat').length;
    row = level === 0 ? [] : rowBelow(tree, row, level);
  }
  return { root: rootNode(tree, top), nodes, pages, isWhole: row.length === 0 };
}

/** The distinct children of the nodes at `level`, in the order of their first pages. */
function rowBelow(tree: RecordTree, row: readonly SubtreeNode[], level: number): SubtreeNode[] {
  const below = new Map<string, SubtreeNode>();
  for (const node of row) {
    if (node.kind !== 'concat') continue;
    tree.children(node.hash, level).forEach((hash, side) => {
      let child = below.get(hash);
      if (child === undefined) {
        child = new SubtreeNode(hash, level - 1, node.firstPage + side * 2 ** (level - 1), tree.pages);
        below.set(hash, child);
      }
      child.occurrences += node.occurrences;
      node.children.push(child);
    });
  }
  return [...below.values()];
}

function rootNode(tree: RecordTree, top: SubtreeNode): GraphNode {
  const { id, lengthBytes, pages } = tree;
  return {
    kind: 'vmo',
    label: id.slice(0, SHORT_DIGITS),
    detail: `${lengthBytes} bytes, ${pages} ${pages === 1 ? 'page' : 'pages'}`,
    occurrences: 1,
    children: [top],
    isCanonical: false,
    facts: { id, length: lengthBytes, pages },
  };
}
