/**
 * Control flow made structured: which nodes are loops, which are reached from several places, and how they nest by
 * dominance. After Ramsey, "Beyond Relooper" (ICFP 2022): a dominator tree in reverse postorder gives nested blocks and
 * loops, and a node that control goes back to without its being a dominator is made a child of the root.
 */
export interface Structure {
  /** Nodes by number; 0 is the root, which dispatches to the entries. */
  readonly children: readonly (readonly number[])[];
  /** A node that some edge goes back to. */
  isLoop(node: number): boolean;
  /** A node that more than one edge goes forward to. */
  isMerge(node: number): boolean;
  /** Whether an edge goes back. */
  isBack(from: number, to: number): boolean;
  /** Nodes that the root dispatches to. */
  readonly entries: readonly number[];
}

/** `successors[n]` are the edges of node n; node 0 is the root and its edges go to the entries. */
export function structureOf(successors: readonly (readonly number[])[]): Structure {
  const edges = successors.map((list) => [...list]);
  for (;;) {
    const order = reversePostorder(edges);
    const dominator = dominators(edges, order);
    const stray = strayEdge(edges, order, dominator);
    if (stray === undefined) return describe(edges, order, dominator);
    edges[0]!.push(stray);
  }
}

/** Position of each node in reverse postorder; -1 where it cannot be reached. */
function reversePostorder(edges: readonly (readonly number[])[]): number[] {
  const postorder: number[] = [];
  const seen = new Set<number>([0]);
  const stack: { node: number; next: number }[] = [{ node: 0, next: 0 }];
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const successor = edges[top.node]![top.next++];
    if (successor === undefined) {
      postorder.push(top.node);
      stack.pop();
    } else if (!seen.has(successor)) {
      seen.add(successor);
      stack.push({ node: successor, next: 0 });
    }
  }
  const order = edges.map(() => -1);
  postorder.reverse().forEach((node, position) => (order[node] = position));
  return order;
}

/** The immediate dominator of each node. Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
function dominators(edges: readonly (readonly number[])[], order: readonly number[]): number[] {
  const nodes = edges.map((_, node) => node).filter((node) => order[node]! >= 0);
  nodes.sort((a, b) => order[a]! - order[b]!);
  const predecessors = edges.map((): number[] => []);
  for (const node of nodes) for (const successor of edges[node]!) predecessors[successor]!.push(node);
  const dominator = edges.map(() => -1);
  dominator[0] = 0;
  const common = (a: number, b: number): number => {
    while (a !== b) {
      while (order[a]! > order[b]!) a = dominator[a]!;
      while (order[b]! > order[a]!) b = dominator[b]!;
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const node of nodes.slice(1)) {
      const known = predecessors[node]!.filter((predecessor) => dominator[predecessor]! >= 0);
      const found = known.reduce(common);
      changed ||= dominator[node] !== found;
      dominator[node] = found;
    }
  }
  return dominator;
}

function dominates(dominator: readonly number[], a: number, b: number): boolean {
  for (let node = b; ; node = dominator[node]!) {
    if (node === a) return true;
    if (node === 0) return false;
  }
}

/** The target of an edge that goes back to a node that neither dominates its source nor is an entry yet. */
function strayEdge(
  edges: readonly (readonly number[])[],
  order: readonly number[],
  dominator: readonly number[],
): number | undefined {
  for (let from = 0; from < edges.length; from++)
    for (const to of order[from]! < 0 ? [] : edges[from]!)
      if (order[to]! <= order[from]! && !dominates(dominator, to, from) && !edges[0]!.includes(to)) return to;
  return undefined;
}

function describe(
  edges: readonly (readonly number[])[],
  order: readonly number[],
  dominator: readonly number[],
): Structure {
  const children = edges.map((): number[] => []);
  const forward = edges.map(() => 0);
  const loops = new Set<number>();
  const isBack = (from: number, to: number): boolean => order[to]! <= order[from]!;
  for (let from = 0; from < edges.length; from++) {
    if (order[from]! < 0) continue;
    if (from !== 0) children[dominator[from]!]!.push(from);
    for (const to of edges[from]!)
      if (!isBack(from, to)) forward[to]!++;
      else if (dominates(dominator, to, from)) loops.add(to);
  }
  for (const list of children) list.sort((a, b) => order[a]! - order[b]!);
  const entries = new Set(edges[0]!);
  return {
    children,
    entries: [...entries],
    isBack,
    isLoop: (node) => loops.has(node),
    isMerge: (node) => forward[node]! > 1 || entries.has(node),
  };
}
