import type { GraphNode, VmoPicture } from '../../../debug/inspect/vmo-picture.js';
import { sizeText } from '../dom.js';
import { asOneStop } from '../one-stop.js';

const NAMESPACE = 'http://www.w3.org/2000/svg';
const WIDTH = 84;
const HEIGHT = 34;
const ROW = 62;

/** Where a node is drawn. */
interface Place {
  x: number;
  readonly row: number;
}

/** Draws the graph below some roots; equal subtrees are drawn once. `onChoose` is called with a node that is clicked. */
export function vmoGraph(
  { nodes }: VmoPicture,
  roots: readonly number[],
  onChoose: (node: GraphNode) => void,
): SVGSVGElement {
  const places = placed(nodes, roots);
  const width = Math.max(...[...places.values()].map(({ x }) => x)) + WIDTH;
  const rows = Math.max(...[...places.values()].map(({ row }) => row)) + 1;
  const svg = make('svg', { viewBox: `-4 -4 ${width + 8} ${rows * ROW}`, width: width + 8, height: rows * ROW });
  const uses = usesOf(nodes, places);
  for (const [id, { x, row }] of places)
    nodes[id]!.children.forEach((child, index) => {
      const to = places.get(child)!;
      const side = nodes[id]!.children.length === 1 ? 0.5 : 0.25 + 0.5 * index;
      const [fromX, fromY] = [x + WIDTH * side, row * ROW + HEIGHT];
      const [toX, toY] = [to.x + WIDTH / 2, to.row * ROW];
      const bend = (toY - fromY) / 2;
      const path = `M${fromX} ${fromY} C${fromX} ${fromY + bend} ${toX} ${toY - bend} ${toX} ${toY}`;
      svg.append(make('path', { d: path, class: 'edge' }));
    });
  for (const [id, place] of places) svg.append(nodeBox(nodes[id]!, place, uses.get(id) ?? 0, onChoose));
  return asOneStop(svg, { selector: '.node' });
}

function nodeBox(node: GraphNode, { x, row }: Place, uses: number, onChoose: (node: GraphNode) => void): SVGGElement {
  const box = make('g', {
    transform: `translate(${x} ${row * ROW})`,
    class: `node ${node.kind}`,
    tabindex: 0,
    role: 'button',
  });
  const [title, detail] = nodeText(node);
  box.append(make('rect', { width: WIDTH, height: HEIGHT, rx: 5 }));
  box.append(text(title, WIDTH / 2, 14), text(detail, WIDTH / 2, 27, 'detail'));
  if (uses > 1) box.append(text(`×${uses}`, WIDTH - 4, -3, 'uses'));
  box.setAttribute('aria-label', `${title}, ${detail}${uses > 1 ? `, used ${uses} times` : ''}`);
  box.addEventListener('click', () => onChoose(node));
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') onChoose(node);
  });
  return box;
}

/** Two short lines about a node. */
export function nodeText({ kind, bytes, start, hash, isCut }: GraphNode): readonly [title: string, detail: string] {
  const size = sizeText(bytes);
  if (kind === 'branch') return ['concat', size];
  if (kind === 'piece') return ['slice', start === 0 ? size : `${size} at ${start}`];
  if (kind === 'zeros') return ['zeros', size];
  return [`${kind}${isCut ? ' …' : ''}`, hash!.slice(0, 10)];
}

/** Rows by the longest way from a root; columns by the order of what lies below. */
function placed(nodes: readonly GraphNode[], roots: readonly number[]): Map<number, Place> {
  const rows = new Map<number, number>();
  const descend = (id: number, row: number): void => {
    if ((rows.get(id) ?? -1) >= row) return;
    rows.set(id, row);
    for (const child of nodes[id]!.children) descend(child, row + 1);
  };
  for (const root of roots) descend(root, 0);
  const places = new Map<number, Place>();
  const ends: number[] = [];
  const place = (id: number): number => {
    const known = places.get(id);
    if (known) return known.x;
    const row = rows.get(id)!;
    const spot: Place = { x: 0, row };
    places.set(id, spot);
    const below = nodes[id]!.children.map(place);
    const wanted = below.length === 0 ? 0 : below.reduce((sum, x) => sum + x, 0) / below.length;
    spot.x = Math.max(wanted, ends[row] ?? 0);
    ends[row] = spot.x + WIDTH + 14;
    return spot.x;
  };
  for (const root of roots) place(root);
  return places;
}

/** How often each node is used by those that are drawn. */
function usesOf(nodes: readonly GraphNode[], places: ReadonlyMap<number, Place>): Map<number, number> {
  const uses = new Map<number, number>();
  for (const id of places.keys()) for (const child of nodes[id]!.children) uses.set(child, (uses.get(child) ?? 0) + 1);
  return uses;
}

function make<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

function text(content: string, x: number, y: number, style = 'title'): SVGTextElement {
  const made = make('text', { x, y, class: style, 'text-anchor': style === 'uses' ? 'end' : 'middle' });
  made.textContent = content;
  return made;
}
