/** Graphs of extents in the language of Graphviz. */
import { skippedText, timesText, titleOf, type Drawn, type Edge, type GraphNode, type NodeKind } from './graph.js';

/** A graph with a heading. */
export interface DotGraph {
  readonly heading: string;
  readonly root: GraphNode;
  readonly drawn: Drawn;
}

const STYLES: Readonly<Record<NodeKind, string>> = {
  vmo: 'shape=box, style="filled,bold", fillcolor="#dbe9f6"',
  concat: 'shape=ellipse, style=filled, fillcolor="#f2f2f2"',
  page: 'shape=note, style=filled, fillcolor="#fdf3d0"',
  zeros: 'shape=box, style="dashed,rounded", color="#777777", fontcolor="#555555"',
  slice: 'shape=box, style="filled,rounded", fillcolor="#e3f2dd"',
  delta: 'shape=component, style=filled, fillcolor="#f9dedc"',
  bytes: 'shape=note, style=filled, fillcolor="#fdf3d0"',
};

/** The lines of one directed graph that holds all of `graphs`, side by side, each in a frame with its heading. */
export function graphsAsDot(graphs: readonly DotGraph[]): string[] {
  return [
    'digraph vmo {',
    '  graph [fontname="Helvetica", ranksep=0.4, nodesep=0.25];',
    '  node [fontname="Helvetica", fontsize=10];',
    '  edge [fontname="Helvetica", arrowsize=0.6, color="#555555"];',
    ...graphs.flatMap((graph, index) => cluster(graph, index)).map((line) => `  ${line}`),
    '}',
  ];
}

function cluster({ heading, drawn }: DotGraph, index: number): string[] {
  const names = new Map([...drawn.keys()].map((node, place) => [node, `n${index}_${place}`]));
  const lines = [...drawn].flatMap(([node, { edges, left }]) => {
    const name = names.get(node)!;
    return [
      `${name} [label=${quoted(labelOf(node))}, ${STYLES[node.kind]}];`,
      ...edges.map((edge) => `${name} -> ${names.get(edge.node)!}${edgeStyle(edge)};`),
      ...(left > 0 ? omission(name, edges.length === 0 ? '...' : `... ${left} more`) : []),
    ];
  });
  return [
    `subgraph cluster_${index} {`,
    `  label=${quoted(heading)}; color="#bbbbbb"; fontsize=12;`,
    ...lines.map((line) => `  ${line}`),
    '}',
  ];
}

function edgeStyle({ skipped }: Edge): string {
  return skipped === 0 ? '' : ` [style=dashed, fontsize=9, label=${quoted(skippedText(skipped).split(', '))}]`;
}

function omission(name: string, text: string): string[] {
  return [
    `${name}_more [label=${quoted(text)}, shape=plaintext];`,
    `${name} -> ${name}_more [style=dotted, arrowhead=none];`,
  ];
}

function labelOf(node: GraphNode): string[] {
  const lines = [titleOf(node), ...node.detail.split(', ')];
  if (node.occurrences > 1) lines.push(timesText(node.occurrences));
  return lines.filter((line) => line !== '');
}

function quoted(text: string | readonly string[]): string {
  const lines = typeof text === 'string' ? [text] : text;
  return `"${lines.map((line) => line.replace(/["\\]/g, '\\$&')).join('\\n')}"`;
}
