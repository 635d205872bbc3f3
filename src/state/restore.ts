import {
  TYPED_ARRAYS,
  capture,
  type Chunks,
  type CollectionNode,
  type Datum,
  type DescribedNode,
  type ListNode,
  type StateGraph,
  type StateNode,
  type TypedArray,
} from './graph.js';
import { SavedSnapshotError } from './saved-values.js';

/**
 * Puts an object, and all that it leads to, back to what it was when `graph` was captured. Objects that were captured in this
 * machine get their state back themselves; for a graph that was read from bytes, parts of the machine take the place of equal
 * parts, and all others are made. `present` is the state now.
 */
export function restore(root: object, graph: StateGraph, present: StateGraph = capture(root)): void {
  const nodes = reachable(graph.root);
  if (graph.root.source === undefined) {
    adopt(root, graph.root);
    requireParts(nodes);
  }
  for (const node of nodes) node.source ??= makeEmpty(node);
  const wanted = new Set<object>(nodes.map(({ source }) => source!));
  for (const [object, node] of present.nodes)
    if (node.kind === 'described' && !wanted.has(object)) node.schema.discarded?.(object);
  for (const node of nodes) if (!isCustom(node)) fill(node);
  // What is used again is taken up before what is not is given back.
  for (const node of nodes) if (isCustom(node)) node.schema.custom!.restore(node.source!, node.image);
  for (const [object, node] of present.nodes)
    if (isCustom(node) && !wanted.has(object)) node.schema.custom!.discard(object);
  for (const node of nodes) if (node.kind === 'described') derive(node);
  for (const node of nodes) if (node.kind === 'described') node.schema.restored?.(node.source!);
}

/** Throws SavedSnapshotError if the machine lacks a part that the saved one had. */
function requireParts(nodes: readonly StateNode[]): void {
  for (const node of nodes)
    if (node.kind === 'described' && node.schema.isPart && node.source === undefined)
      throw new SavedSnapshotError(`this machine has no '${node.schema.name}' like the one that was saved`);
}

/** All nodes that a node leads to, itself first. */
export function reachable(root: StateNode): StateNode[] {
  const found = new Set<StateNode>([root]);
  // A set is visited in the order in which it grows.
  for (const node of found) for (const part of partsOf(node)) if (typeof part === 'object' && part) found.add(part);
  return [...found];
}

function* partsOf(node: StateNode): Generator<Datum, void, undefined> {
  if (node.kind === 'map' || node.kind === 'set') yield* node.entries;
  else if (node.kind === 'described' || node.kind === 'plain') yield* node.fields.values();
  else if (node.kind === 'array') for (const chunk of node.data.chunks) yield* chunk as readonly Datum[];
}

function isCustom(node: StateNode): node is DescribedNode {
  return node.kind === 'described' && node.schema.custom !== undefined;
}

/** Lets parts of the machine, and containers that they have, take the place of those of a graph that has no sources. */
function adopt(live: object, node: StateNode): void {
  if (node.source !== undefined) return;
  node.source = live;
  if (node.kind === 'array') return adoptItems(live as unknown[], node);
  if (node.kind !== 'plain' && node.kind !== 'described') return;
  const computed = node.kind === 'described' ? node.schema.computed : [];
  const readers = new Map(computed.map(({ name, read }) => [name, read]));
  for (const [name, datum] of node.fields) {
    const present = readers.has(name) ? readers.get(name)!(live) : (live as Record<string, unknown>)[name];
    adoptDatum(present, datum);
  }
}

/** Parts that a list holds are those at the same places. */
function adoptItems(live: readonly unknown[], { data }: ListNode): void {
  let at = 0;
  for (const chunk of data.chunks)
    for (const datum of chunk as readonly Datum[]) {
      const present = live[at++];
      if (typeof datum === 'object' && datum?.kind === 'described' && datum.schema.isPart) adoptDatum(present, datum);
    }
}

function adoptDatum(present: unknown, datum: Datum): void {
  if (typeof datum !== 'object' || datum === null || typeof present !== 'object' || present === null) return;
  if (canStandFor(present, datum)) adopt(present, datum);
}

/** Whether an object that is there can take over a node: a part of the machine, or a container of the same kind and size. */
function canStandFor(present: object, node: StateNode): boolean {
  switch (node.kind) {
    case 'described':
      return node.schema.isPart && Object.getPrototypeOf(present) === node.schema.prototype;
    case 'plain':
      return Object.getPrototypeOf(present) === Object.prototype;
    case 'array':
      return Array.isArray(present);
    case 'map':
      return present instanceof Map;
    case 'set':
      return present instanceof Set;
    default:
      return present instanceof TYPED_ARRAYS[node.kind] && present.length === node.data.length;
  }
}

function makeEmpty(node: StateNode): object {
  switch (node.kind) {
    case 'described':
      return Object.create(node.schema.prototype) as object;
    case 'plain':
      return {};
    case 'array':
      return [];
    case 'map':
      return new Map();
    case 'set':
      return new Set();
    default:
      return new TYPED_ARRAYS[node.kind](node.data.length);
  }
}

function valueOf(datum: Datum): unknown {
  return typeof datum === 'object' && datum !== null ? datum.source : datum;
}

function fill(node: StateNode): void {
  switch (node.kind) {
    case 'described':
      return fillDescribed(node);
    case 'plain': {
      const object = node.source as Record<string, unknown>;
      for (const name of Object.keys(object)) if (!node.fields.has(name)) delete object[name];
      for (const [name, datum] of node.fields) object[name] = valueOf(datum);
      return;
    }
    case 'map':
    case 'set':
      return fillCollection(node);
    case 'array':
      return fillArray(node.source as unknown[], node.data);
    default:
      return fillTyped(node);
  }
}

function fillDescribed({ schema, source, fields }: DescribedNode): void {
  const object = source as Record<string, unknown>;
  for (const [name, { kind }] of schema.fields)
    if (kind === 'value' || kind === 'kept') object[name] = valueOf(fields.get(name));
}

function fillCollection({ kind, source, entries }: CollectionNode): void {
  if (kind === 'set') {
    const set = source as Set<unknown>;
    set.clear();
    for (const item of entries) set.add(valueOf(item));
    return;
  }
  const map = source as Map<unknown, unknown>;
  map.clear();
  for (let at = 0; at < entries.length; at += 2) map.set(valueOf(entries[at]), valueOf(entries[at + 1]));
}

function fillArray(array: unknown[], { length, chunks }: Chunks): void {
  array.length = length;
  let at = 0;
  for (const chunk of chunks) for (const datum of chunk as readonly Datum[]) array[at++] = valueOf(datum);
}

function fillTyped({ source, data }: ListNode): void {
  const array = source as TypedArray;
  let at = 0;
  for (const chunk of data.chunks as readonly TypedArray[]) {
    (array as Uint8Array).set(chunk as Uint8Array, at);
    at += chunk.length;
  }
}

/** Fields that are made anew, and state that is no field. */
function derive({ schema, source, fields }: DescribedNode): void {
  if (schema.custom) return;
  const object = source as Record<string, unknown>;
  for (const [name, field] of schema.fields)
    if (field.kind === 'derived' && field.make) object[name] = field.make(object);
  for (const { name, write } of schema.computed) if (write) write(object, valueOf(fields.get(name)) as never);
}
