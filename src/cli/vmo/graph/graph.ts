/** Graphs of extents, as `bd0 vmo explain` draws them: each node once, however often it is used. */

/** What a node is, which is how it is drawn. */
export type NodeKind = 'vmo' | 'concat' | 'page' | 'zeros' | 'slice' | 'delta' | 'bytes';

/** A node of a graph without cycles. Nodes that are the same object are the same node. */
export interface GraphNode {
  readonly kind: NodeKind;
  /** What names it among others: the beginning of a hash. Empty where it has none. */
  readonly label: string;
  /** More about it, for a person. */
  readonly detail: string;
  /** How often it occurs, if sharing were undone. */
  readonly occurrences: number;
  readonly children: readonly GraphNode[];
  /** Whether it is a subtree of a canonical tree. */
  readonly isCanonical: boolean;
  /** The same for a program, without its children. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** How much of a graph is drawn. */
export interface Bounds {
  /** Steps from the root. */
  readonly depth: number;
  /** Nodes below the root. */
  readonly nodes: number;
}

/** A line from a node to one below it. */
export interface Edge {
  readonly node: GraphNode;
  /** Concats between the two, each with nothing but zeros in its other half. They are not drawn. */
  readonly skipped: number;
}

/** The edges of a node that are drawn. */
export interface DrawnEdges {
  readonly edges: readonly Edge[];
  /** Edges that are not drawn. */
  readonly left: number;
}

/** The drawn nodes of a graph. The first key is the root. */
export type Drawn = ReadonlyMap<GraphNode, DrawnEdges>;

/** Chooses the nodes to draw, from the root downward; those nearer to it come first. */
export function choose(root: GraphNode, { depth, nodes }: Bounds): Drawn {
  const drawn = new Map<GraphNode, DrawnEdges>();
  const open = [{ node: root, at: 0 }];
  const met = new Set([root]);
  let room = nodes;
  for (const { node, at } of open) {
    const all = edgesOf(node);
    const edges = all.slice(0, at < depth ? room : 0);
    room -= edges.length;
    drawn.set(node, { edges, left: all.length - edges.length });
    for (const { node: child } of edges) {
      if (met.has(child)) continue;
      met.add(child);
      open.push({ node: child, at: at + 1 });
    }
  }
  return drawn;
}

/** The edges of a node. A concat that goes on in one half alone, and so on, is followed down to where that ends. */
function edgesOf(node: GraphNode): Edge[] {
  const only = onlyChild(node);
  if (only === undefined) return node.children.map((child) => ({ node: child, skipped: 0 }));
  let skipped = 0;
  let end = only;
  for (let next = onlyChild(end); next?.occurrences === node.occurrences; next = onlyChild(end)) {
    end = next;
    skipped++;
  }
  return skipped === 0 ? node.children.map((child) => ({ node: child, skipped })) : [{ node: end, skipped }];
}

/** The half of a concat that holds something, where the other one is zeros. */
function onlyChild({ kind, children, isCanonical }: GraphNode): GraphNode | undefined {
  if (!isCanonical || kind !== 'concat' || children.length !== 2) return undefined;
  const [first, second] = children as [GraphNode, GraphNode];
  if (first.kind === 'zeros') return second.kind === 'zeros' ? undefined : second;
  return second.kind === 'zeros' ? first : undefined;
}

/** What a node is called in text: `concat 5ad1c0de`. */
export function titleOf({ kind, label }: GraphNode): string {
  return label === '' ? kind : `${kind} ${label}`;
}

/** A note on concats that are not drawn; empty if there are none. */
export function skippedText(skipped: number): string {
  return skipped === 0 ? '' : `${skipped + 1} levels down, all else is zeros`;
}

/** A number of times, as a person reads it. */
export function timesText(count: number): string {
  return `${count.toLocaleString('en').replaceAll(',', ' ')} times`;
}

/** A graph as a program reads it: the nodes that are drawn, with the places of their children among them. */
export function graphAsJson(drawn: Drawn): object[] {
  const places = new Map([...drawn.keys()].map((node, place) => [node, place]));
  return [...drawn].map(([node, { edges, left }]) => ({
    ...{ kind: node.kind, ...node.facts, occurrences: node.occurrences },
    children: edges.map((edge) => places.get(edge.node)),
    ...(edges.some(({ skipped }) => skipped > 0) && { skippedLevels: edges[0]!.skipped }),
    ...(left > 0 && { childrenLeftOut: left }),
  }));
}
