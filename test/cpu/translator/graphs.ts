/** Control-flow graphs, reducible or not, and guest programs that walk them. */
import { PAGE_SIZE } from '../../../src/bits.js';
import { RDI, RSI } from '../../../src/cpu/state/layout.js';
import { CODE_FRAMES, DATA, DATA_PAGES, type BareProgram } from '../../support/bare-machine.js';
import fc from '../../support/fast-check.js';

/** `graph[n]` are the edges of node n, two of them, perhaps to the same node. The edges of node 0, the root, go to entries. */
export type Graph = readonly (readonly number[])[];

/** Graphs of up to 40 nodes. Edges to neighbours make paths and nested loops, edges to anywhere what no language has. */
export const anyGraph: fc.Arbitrary<Graph> = fc.integer({ min: 1, max: 40 }).chain((size) => {
  const distance = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: -2, max: 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: -size, max: size }) },
  );
  const edges = fc.array(fc.tuple(distance, distance), { minLength: size, maxLength: size });
  const entries = fc.uniqueArray(fc.integer({ min: 1, max: size }), { minLength: 1, maxLength: 4 });
  return fc
    .tuple(entries, edges)
    .map(([roots, distances]) => [
      roots,
      ...distances.map((pair, i) => pair.map((by) => 1 + ((((i + by) % size) + size) % size))),
    ]);
});

/** Whether every path from the root to a node leads through another. */
export function isDominated(graph: Graph, node: number, by: number): boolean {
  const reached = new Set<number>();
  const visit = (from: number): void => {
    if (from === by || reached.has(from)) return;
    reached.add(from);
    graph[from]!.forEach(visit);
  };
  visit(0);
  return !reached.has(node);
}

/** The nodes that a walk comes by: from the first entry, by the second edge where the choice is true. */
export function walkOf(graph: Graph, choices: readonly boolean[]): number[] {
  let node = graph[0]![0]!;
  return choices.map((choice) => {
    const here = node;
    node = graph[here]![Number(choice)]!;
    return here;
  });
}

const CODE = 0x4000_0000n;
const CHOICES = 2 * PAGE_SIZE;

/** Instructions that a node takes, at most. */
export const INSTRUCTIONS_PER_NODE = 6;

/** A program that walks a graph by these choices, and writes the nodes' numbers, 32 bits each, from DATA on. */
export function graphProgram(graph: Graph, choices: readonly boolean[]): BareProgram {
  const image = new Uint8Array(CODE_FRAMES * PAGE_SIZE);
  const view = new DataView(image.buffer);
  const start = (node: number): number => (node - 1) * NODE.length;
  for (let node = 1; node < graph.length; node++) {
    const at = start(node);
    image.set(NODE, at);
    view.setUint32(at + 2, node, true);
    view.setInt32(at + 15, start(graph[node]![1]!) - (at + 19), true);
    view.setInt32(at + 20, start(graph[node]![0]!) - (at + 24), true);
  }
  const data = new Uint8Array(DATA_PAGES * PAGE_SIZE);
  choices.forEach((choice, i) => (data[CHOICES + i] = Number(choice)));
  const gpr = new Array<bigint>(16).fill(0n);
  gpr[RDI] = DATA;
  gpr[RSI] = DATA + BigInt(CHOICES);
  return { code: CODE, image, resumeAt: [start(graph[0]![0]!)], gpr, data };
}

/** MOV dword [RDI], node; ADD RDI, 4; LODSB; TEST AL, 1; JNZ second; JMP first */
const NODE = [
  ...[0xc7, 0x07, 0, 0, 0, 0],
  ...[0x48, 0x83, 0xc7, 0x04],
  0xac,
  ...[0xa8, 0x01],
  ...[0x0f, 0x85, 0, 0, 0, 0],
  ...[0xe9, 0, 0, 0, 0],
];
