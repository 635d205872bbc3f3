import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '../../bits.js';
import { CanonicalHasher, LEVEL_BYTES, type HashFunction } from '../../vmo/content/canonical-form.js';
import { Branch, isRope, type Rope } from '../../vmo/content/rope.js';
import { Leaf, Remote, type Subtree } from '../../vmo/content/subtree.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { VmoStore } from '../../vmo/store.js';

/** A node of a graph. Equal subtrees are one node, however often they are used. */
export interface GraphNode {
  readonly id: number;
  /** The two parts of a VMO as it was built, and the subtrees of the canonical tree. */
  readonly kind: 'branch' | 'piece' | 'node' | 'page' | 'zeros';
  /** Bytes that it stands for. */
  readonly bytes: number;
  /** Of a piece: where its window on the subtree begins. */
  readonly start: number;
  /** Of a subtree: its level and its hash. */
  readonly level: number;
  readonly hash: string | undefined;
  /** The nodes below, from left to right. */
  readonly children: readonly number[];
  /** What lies below is left out. */
  readonly isCut: boolean;
}

/** A VMO in a picture. */
export interface PicturedVmo {
  readonly length: number;
  readonly id: string;
  /** Its nodes: the VMO as it was built, and its canonical tree; undefined for an empty VMO. */
  readonly built: number | undefined;
  readonly canonical: number | undefined;
}

/** One or two VMOs. */
export interface VmoPicture {
  readonly nodes: readonly GraphNode[];
  readonly vmos: readonly PicturedVmo[];
  /** The pages in which two VMOs differ. */
  readonly differences: readonly { readonly first: number; readonly count: number }[];
}

/** Most nodes of a picture, and the longest VMO that is drawn. */
const NODES_MAX = 400;
export const PICTURED_BYTES_MAX = 2 ** 25;
const DIFFERENCES_MAX = 1000;

/**
 * A picture of VMOs. They are copied: the store that they are in, and a machine that it belongs to, do not notice. Throws RangeError
 * for a VMO that is too long to be drawn.
 */
export function vmoPicture(handles: readonly VmoHandle[], hash: HashFunction = sha256): VmoPicture {
  const store = new VmoStore(hash);
  const graph = new Graph(new CanonicalHasher(hash));
  const copies = handles.map((handle) => {
    if (handle.length > PICTURED_BYTES_MAX)
      throw new RangeError(`a VMO of ${handle.length} bytes is too long to be drawn: at most ${PICTURED_BYTES_MAX}`);
    return store.fromBytes(handle.read(0, handle.length));
  });
  const vmos = handles.map(({ length, content }, index) => {
    const built = content.rope && graph.add(content.rope);
    const copy = copies[index]!;
    const canonical = length === 0 ? undefined : graph.add(copy.content.canonical().tree);
    return { length, id: copy.contentId, built, canonical };
  });
  const [a, b] = copies;
  const differences = a && b ? Array.from(take(store.diff(a, b), DIFFERENCES_MAX)) : [];
  return { nodes: graph.nodes, vmos, differences };
}

function* take<T>(items: Iterable<T>, most: number): Generator<T, void, undefined> {
  let left = most;
  for (const item of items) {
    if (left-- <= 0) return;
    yield item;
  }
}

/** Collects nodes: a subtree once for each hash, and parts of ropes as they are shared. */
class Graph {
  readonly nodes: GraphNode[] = [];
  private readonly known = new Map<object | string, number>();
  private readonly hashes = new Map<Subtree, Uint8Array>();

  constructor(private readonly hasher: CanonicalHasher) {}

  /** Adds what is not known yet, with what lies below. Returns its number. */
  add(root: Rope | Subtree): number {
    const key = isRope(root) ? root : `${root.level} ${bytesToHex(this.hashOf(root))}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const id = this.nodes.length;
    this.known.set(key, id);
    const children: number[] = [];
    const below = childrenOf(root);
    const isCut = below.length > 0 && id >= NODES_MAX;
    this.nodes.push({ ...this.described(root), id, children, isCut });
    if (!isCut) for (const child of below) children.push(this.add(child));
    return id;
  }

  /** The hash of a subtree, which is not kept in it. */
  private hashOf(tree: Subtree): Uint8Array {
    const known = tree.hash ?? this.hashes.get(tree);
    if (known) return known;
    const { hasher } = this;
    const hash =
      tree.used === 0
        ? hasher.zero(tree.level)
        : tree instanceof Leaf
          ? hasher.leaf(tree.bytes)
          : tree instanceof Remote
            ? tree.hash
            : hasher.node(tree.level, this.hashOf(tree.left), this.hashOf(tree.right));
    this.hashes.set(tree, hash);
    return hash;
  }

  private described(node: Rope | Subtree): Omit<GraphNode, 'id' | 'children' | 'isCut'> {
    if (node instanceof Branch) return { kind: 'branch', bytes: node.length, start: 0, level: 0, hash: undefined };
    if (isRope(node)) return { kind: 'piece', bytes: node.length, start: node.start, level: 0, hash: undefined };
    const kind = node.used === 0 ? 'zeros' : node instanceof Leaf ? 'page' : 'node';
    return { kind, bytes: LEVEL_BYTES[node.level]!, start: 0, level: node.level, hash: bytesToHex(this.hashOf(node)) };
  }
}

/** What lies below a node; nothing is shown below zeros, and below what has not been fetched. */
function childrenOf(node: Rope | Subtree): readonly (Rope | Subtree)[] {
  if (node instanceof Branch) return [node.left, node.right];
  if (isRope(node)) return [node.tree];
  return node.used === 0 || node instanceof Leaf || node instanceof Remote ? [] : [node.left, node.right];
}
