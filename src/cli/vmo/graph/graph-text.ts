/** A graph of extents as an outline. */
import { skippedText, timesText, titleOf, type Drawn, type DrawnEdges, type GraphNode } from './graph.js';

/**
 * The lines of a graph. A node that was shown before is shown by its title alone; a child that is both halves of its parent
 * stands there once.
 */
export function graphAsText(root: GraphNode, drawn: Drawn): string[] {
  const lines: string[] = [];
  const told = new Set<GraphNode>();
  const tell = (node: GraphNode, lead: string, indent: string, note: string): void => {
    lines.push(`${lead}${note}${told.has(node) ? `${titleOf(node)} as above` : lineOf(node)}`);
    if (told.has(node)) return;
    told.add(node);
    const branches = branchesOf(node, drawn.get(node)!);
    branches.forEach((branch, i) => {
      const [line, below] = i === branches.length - 1 ? ['└─ ', '   '] : ['├─ ', '│  '];
      if (branch.child === undefined) lines.push(`${indent}${line}${branch.note}`);
      else tell(branch.child, indent + line, indent + below, branch.note);
    });
  };
  tell(root, '', '', '');
  return lines;
}

function lineOf(node: GraphNode): string {
  const { detail, occurrences } = node;
  const more = [detail, occurrences > 1 ? timesText(occurrences) : ''].filter((part) => part !== '');
  return [titleOf(node), more.join(', ')].filter((part) => part !== '').join('  ');
}

/** A line below a node, and what stands there. */
interface Branch {
  readonly child?: GraphNode;
  readonly note: string;
}

/** What hangs below a node: its children, and a line for those that are left out. */
function branchesOf({ kind }: GraphNode, { edges, left }: DrawnEdges): Branch[] {
  const [first, second] = edges;
  if (kind === 'concat' && edges.length === 2 && left === 0 && first!.node === second!.node)
    return [{ child: first!.node, note: 'both halves: ' }];
  const branches: Branch[] = edges.map(({ node, skipped }) => ({
    child: node,
    note: skipped === 0 ? '' : `${skippedText(skipped)}: `,
  }));
  if (left > 0) branches.push({ note: edges.length === 0 ? '...' : `... ${left} more` });
  return branches;
}
