/** `bd0 vmo explain`: the extents of which content is made, and its canonical tree, as text or for Graphviz. */
import { readFileSync } from 'node:fs';
import { RecordTree, VmoStore } from '../../../index.js';
import { Failure } from '../../failure.js';
import { fileFailure } from '../../../host/failure.js';
import { parseCount } from '../../size.js';
import { canonicalGraph, type CanonicalGraph } from '../graph/canonical-graph.js';
import { choose, graphAsJson, type Bounds, type Drawn, type GraphNode } from '../graph/graph.js';
import { graphsAsDot } from '../graph/graph-dot.js';
import { graphAsText } from '../graph/graph-text.js';
import { hashedFile } from '../content/hashed-file.js';
import { tell, tellJson } from '../output.js';
import { requireWords } from '../perform.js';
import { followRecipe } from '../graph/recipe.js';
import { RecordedHashes } from '../content/recorded-hashes.js';
import { withTargets, type Target } from '../content/target.js';

/** Nodes that a drawing has, unless --depth says how deep it goes. */
const NODES_DRAWN = 60;

/** Nodes that a drawing has in any case, at most. */
const NODES_DRAWN_MAX = 100_000;

/** The options of the command. */
export interface ExplainOptions {
  readonly store?: string | undefined;
  readonly depth?: string | undefined;
  readonly dot: boolean;
  readonly json: boolean;
}

/** A graph, and what is drawn of it. */
interface Drawing {
  readonly heading: string;
  readonly root: GraphNode;
  readonly drawn: Drawn;
}

/** Draws what the word means. Throws Failure. */
export async function explain(words: readonly string[], options: ExplainOptions): Promise<number> {
  requireWords(words, 'explain', 'a TARGET or a RECIPE', 1, 1);
  if (options.dot && options.json) throw new Failure('--dot and --json are two forms of one answer: choose one');
  const bounds = boundsOf(options.depth);
  const word = words[0]!;
  if (/^\s*\{/.test(word) || word.startsWith('@')) drawRecipe(recipeText(word), bounds, options);
  else await withTargets([word], options.store, async ([target]) => drawTree(await treeOf(target!), bounds, options));
  return 0;
}

function boundsOf(depth: string | undefined): Bounds {
  if (depth === undefined) return { depth: Infinity, nodes: NODES_DRAWN };
  // The VMO itself is above the first level.
  return { depth: parseCount(depth, '--depth', 0) + 1, nodes: NODES_DRAWN_MAX };
}

function recipeText(word: string): string {
  if (!word.startsWith('@')) return word;
  const path = word.slice(1);
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw fileFailure('read recipe', path, error);
  }
}

async function treeOf(target: Target): Promise<RecordTree> {
  return target.kind === 'stored' ? target.tree : (await hashedFile(target.path)).tree;
}

function drawRecipe(text: string, bounds: Bounds, options: ExplainOptions): void {
  const recorded = new RecordedHashes();
  const { root, handle } = followRecipe(new VmoStore(recorded.hash), text);
  const tree = new RecordTree(recorded, handle.id);
  const written = { heading: 'As written', root, drawn: choose(root, bounds) };
  draw([written], tree, bounds, options);
}

function drawTree(tree: RecordTree, bounds: Bounds, options: ExplainOptions): void {
  draw([], tree, bounds, options);
}

/** Prints `before`, and then the canonical tree. */
function draw(before: readonly Drawing[], tree: RecordTree, bounds: Bounds, { dot, json }: ExplainOptions): void {
  const graph = canonicalGraph(tree);
  const canonical = { heading: 'Canonical tree', root: graph.root, drawn: choose(graph.root, bounds) };
  const drawings = [...before, canonical];
  if (dot) graphsAsDot(drawings).forEach(tell);
  else if (json) tellJson(asJson(tree, graph, before[0], canonical));
  else
    [
      ...headOf(tree, graph),
      ...drawings.flatMap((drawing) => ['', ...sectionOf(drawing, drawings.length > 1)]),
    ].forEach(tell);
}

function headOf(tree: RecordTree, { nodes, pages, isWhole }: CanonicalGraph): string[] {
  const least = isWhole ? '' : 'at least ';
  return [
    `id      ${tree.id}`,
    `length  ${tree.lengthBytes} bytes, ${counted(tree.pages, 'page')}, height ${tree.height}`,
    `kept    ${least}${counted(pages, 'page')} and ${counted(nodes, 'node')}; what is all zeros is not kept`,
  ];
}

function sectionOf({ heading, root, drawn }: Drawing, hasHeading: boolean): string[] {
  const lines = graphAsText(root, drawn);
  return hasHeading ? [`${heading}:`, ...lines] : lines;
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

function asJson(tree: RecordTree, graph: CanonicalGraph, written: Drawing | undefined, canonical: Drawing): object {
  const { id, lengthBytes, pages, height } = tree;
  return {
    ...{ id, length: lengthBytes, pages, height },
    distinct: { pages: graph.pages, nodes: graph.nodes, isWhole: graph.isWhole },
    ...(written && { written: graphAsJson(written.drawn) }),
    canonical: graphAsJson(canonical.drawn),
  };
}
