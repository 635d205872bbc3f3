import type { Datum, DescribedNode, ListNode, StateGraph, StateNode } from './graph.js';

/** Where two states differ: the path, and what each of them has there. */
export interface StateDifference {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** The first `most` differences between two states, each in words. */
export function differences(before: StateGraph, after: StateGraph, most = 32): StateDifference[] {
  const comparison = new Comparison(most);
  comparison.nodes(before.root, after.root, '');
  return comparison.found;
}

/** A difference as a line: `thread 3.context: 5 → 7`. */
export function differenceText({ path, before, after }: StateDifference): string {
  return `${path}: ${before} → ${after}`;
}

class Comparison {
  readonly found: StateDifference[] = [];
  /** By a node of the first state: the nodes of the second that it was compared with. */
  private readonly compared = new Map<StateNode, Set<StateNode>>();

  constructor(private readonly most: number) {}

  nodes(a: StateNode, b: StateNode, path: string): void {
    if (a === b || this.found.length >= this.most || this.wasCompared(a, b)) return;
    if (a.kind !== b.kind) return this.note(path, a, b);
    if (a.kind === 'described') this.described(a, b as DescribedNode, path);
    else if (a.kind === 'plain') this.fields(a.fields, (b as typeof a).fields, path);
    else if ('entries' in a) this.items(a.entries, (b as typeof a).entries, path);
    else this.lists(a, b as ListNode, path);
  }

  private described(a: DescribedNode, b: DescribedNode, path: string): void {
    if (a.schema !== b.schema) return this.note(path, a, b);
    const place = a.schema.label ? textOf(a) : path;
    if (a.schema.custom) {
      if (identityOf(a) !== identityOf(b)) this.note(place, a, b);
      return;
    }
    this.fields(a.fields, b.fields, place);
  }

  private fields(a: ReadonlyMap<string, Datum>, b: ReadonlyMap<string, Datum>, path: string): void {
    for (const name of new Set([...a.keys(), ...b.keys()]))
      this.data(a.get(name), b.get(name), path === '' ? name : `${path}.${name}`);
  }

  private items(a: readonly Datum[], b: readonly Datum[], path: string): void {
    if (a.length !== b.length) this.noteText(`${path}: size`, String(a.length), String(b.length));
    for (let index = 0; index < Math.min(a.length, b.length); index++)
      this.data(a[index], b[index], `${path}[${index}]`);
  }

  private lists(a: ListNode, b: ListNode, path: string): void {
    if (a.data.length !== b.data.length) this.noteText(`${path}: length`, String(a.data.length), String(b.data.length));
    let at = 0;
    a.data.chunks.forEach((chunk, number) => {
      const other = b.data.chunks[number];
      if (other && other !== chunk)
        for (let index = 0; index < Math.min(chunk.length, other.length); index++)
          this.data(chunk[index], other[index], `${path}[${at + index}]`);
      at += chunk.length;
    });
  }

  private data(a: Datum, b: Datum, path: string): void {
    if (Object.is(a, b)) return;
    if (typeof a === 'object' && a && typeof b === 'object' && b) return this.nodes(a, b, path);
    this.note(path, a, b);
  }

  private note(path: string, a: Datum, b: Datum): void {
    this.noteText(path, textOf(a), textOf(b));
  }

  private noteText(path: string, before: string, after: string): void {
    if (this.found.length < this.most) this.found.push({ path, before, after });
  }

  private wasCompared(a: StateNode, b: StateNode): boolean {
    const others = this.compared.get(a);
    if (others?.has(b)) return true;
    if (others) others.add(b);
    else this.compared.set(a, new Set([b]));
    return false;
  }
}

function identityOf(node: DescribedNode): string {
  return node.source ? node.schema.custom!.identity(node.source) : '';
}

function textOf(datum: Datum): string {
  if (typeof datum === 'bigint') return `${datum}`;
  if (typeof datum !== 'object' || datum === null) return JSON.stringify(datum) ?? 'undefined';
  if (datum.kind !== 'described') return `a ${datum.kind}`;
  const { schema, source } = datum;
  return source && schema.label ? `${schema.name} ${schema.label(source)}` : `a ${schema.name}`;
}
