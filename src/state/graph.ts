import { hasSameBytes } from './same-bytes.js';
import { schemaOf, type Schema } from './schema.js';

/** Elements of a long array that snapshots keep together, and share where they are equal. */
export const CHUNK = 1024;

/** A value of state, as a snapshot keeps it. */
export type Datum = undefined | null | boolean | number | bigint | string | StateNode;

export type TypedArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | BigUint64Array;

/** The elements of an array, or of a typed array, in pieces that are never changed. */
export interface Chunks {
  readonly length: number;
  readonly chunks: readonly (readonly Datum[] | TypedArray)[];
}

/** An object with a schema. */
export interface DescribedNode {
  readonly kind: 'described';
  readonly schema: Schema;
  /** What it was made from, if that was in this machine. */
  source: object | undefined;
  readonly fields: Map<string, Datum>;
  /** For an object that its class keeps itself: see Custom. */
  image: unknown;
}

/** An object of no class. */
export interface PlainNode {
  readonly kind: 'plain';
  source: object | undefined;
  readonly fields: Map<string, Datum>;
}

/** An array or a typed array. */
export interface ListNode {
  readonly kind: 'array' | TypedName;
  source: object | undefined;
  data: Chunks;
}

/** A map, as keys and values in turn, or a set. */
export interface CollectionNode {
  readonly kind: 'map' | 'set';
  source: object | undefined;
  readonly entries: Datum[];
}

export type StateNode = DescribedNode | PlainNode | ListNode | CollectionNode;

export type TypedName = keyof typeof TYPED_ARRAYS;

/** Typed arrays that state can hold, by their names. */
export const TYPED_ARRAYS = { Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array, BigUint64Array } as const;

/** What an object consists of at one moment, with everything that it leads to. */
export interface StateGraph {
  readonly root: StateNode;
  /** By the object that a node was made from. */
  readonly nodes: ReadonlyMap<object, StateNode>;
}

/**
 * Captures the state of an object and of all that it leads to. Nothing changes in it, but what the classes' `prepare` brings
 * into form. Long arrays share what is equal with `before`. Throws TypeError for state of a class without a schema, and for
 * functions and generators, which cannot be kept.
 */
export function capture(root: object, before?: StateGraph): StateGraph {
  const capturing = new Capture(before);
  return { root: capturing.nodeOf(root, 'the machine'), nodes: capturing.nodes };
}

class Capture {
  readonly nodes = new Map<object, StateNode>();

  constructor(private readonly before: StateGraph | undefined) {}

  /** `was`: the node that stood at the place before, for arrays that are made anew each time. */
  nodeOf(object: object, path: string, was?: Datum): StateNode {
    return this.nodes.get(object) ?? this.make(object, path, was);
  }

  private make(object: object, path: string, was: Datum): StateNode {
    const schema = schemaOf(object);
    if (schema) return this.described(object, schema, path);
    if (Array.isArray(object)) return this.list(object, path, was);
    if (object instanceof Map) return this.map(object as Map<unknown, unknown>, path);
    if (object instanceof Set) return this.set(object as Set<unknown>, path);
    if (ArrayBuffer.isView(object)) return this.typed(object as TypedArray, was);
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null)
      throw new TypeError(`${path} is of ${object.constructor.name}, which does not describe its state`);
    return this.plain(object, path);
  }

  private described(object: object, schema: Schema, path: string): DescribedNode {
    schema.prepare?.(object);
    const node: DescribedNode = { kind: 'described', schema, source: object, fields: new Map(), image: undefined };
    this.nodes.set(object, node);
    if (schema.custom) {
      node.image = schema.custom.capture(object);
      return node;
    }
    for (const [name, { kind }] of schema.fields) {
      if (kind !== 'value' && kind !== 'kept') continue;
      node.fields.set(name, this.datum((object as Record<string, unknown>)[name], `${path}.${name}`));
    }
    const before = this.before?.nodes.get(object) as DescribedNode | undefined;
    for (const { name, read } of schema.computed)
      node.fields.set(name, this.datum(read(object), `${path}.${name}`, before?.fields.get(name)));
    return node;
  }

  private plain(object: object, path: string): PlainNode {
    const node: PlainNode = { kind: 'plain', source: object, fields: new Map() };
    this.nodes.set(object, node);
    for (const [name, item] of Object.entries(object)) node.fields.set(name, this.datum(item, `${path}.${name}`));
    return node;
  }

  private list(array: readonly unknown[], path: string, was: Datum): ListNode {
    const node: ListNode = { kind: 'array', source: array, data: { length: array.length, chunks: [] } };
    this.nodes.set(array, node);
    const chunks: (readonly Datum[])[] = [];
    const old = this.chunksBefore('array', array, was);
    for (let at = 0; at < array.length; at += CHUNK) {
      const end = Math.min(at + CHUNK, array.length);
      const before = old?.[at / CHUNK] as readonly Datum[] | undefined;
      // Most are as they were: nothing is made for them, which would soon be garbage.
      if (before && hasSameValues(before, array, at, end)) {
        chunks.push(before);
        continue;
      }
      const chunk: Datum[] = [];
      for (let index = at; index < end; index++) chunk.push(this.datum(array[index], path));
      chunks.push(before && isEqual(before, chunk) ? before : chunk);
    }
    node.data = { length: array.length, chunks };
    return node;
  }

  private typed(array: TypedArray, was: Datum): ListNode {
    const kind = typeNameOf(array) as TypedName;
    if (!(kind in TYPED_ARRAYS)) throw new TypeError(`state cannot hold a ${kind}`);
    const old = this.chunksBefore(kind, array, was);
    const chunks: TypedArray[] = [];
    for (let at = 0; at < array.length; at += CHUNK) {
      const before = old?.[at / CHUNK] as TypedArray | undefined;
      const chunk = array.subarray(at, at + CHUNK);
      chunks.push(before && hasSameBytes(before, chunk) ? before : copyOf(kind, chunk));
    }
    const node: ListNode = { kind, source: array, data: { length: array.length, chunks } };
    this.nodes.set(array, node);
    return node;
  }

  private map(map: ReadonlyMap<unknown, unknown>, path: string): CollectionNode {
    const node: CollectionNode = { kind: 'map', source: map, entries: [] };
    this.nodes.set(map, node);
    for (const [key, item] of map) node.entries.push(this.datum(key, path), this.datum(item, path));
    return node;
  }

  private set(set: ReadonlySet<unknown>, path: string): CollectionNode {
    const node: CollectionNode = { kind: 'set', source: set, entries: [] };
    this.nodes.set(set, node);
    for (const item of set) node.entries.push(this.datum(item, path));
    return node;
  }

  private datum(item: unknown, path: string, was?: Datum): Datum {
    if (typeof item === 'object' && item !== null) return this.nodeOf(item, path, was);
    if (typeof item === 'function' || typeof item === 'symbol')
      throw new TypeError(`${path} is a ${typeof item}, which is no state`);
    return item as Datum;
  }

  private chunksBefore(kind: ListNode['kind'], source: object, was: Datum): Chunks['chunks'] | undefined {
    const node = this.before?.nodes.get(source) ?? was;
    return typeof node === 'object' && node?.kind === kind ? (node as ListNode).data.chunks : undefined;
  }
}

/** Whether the elements of a list from `at` to `end` are these values; false if an object is among them. */
function hasSameValues(before: readonly Datum[], array: readonly unknown[], at: number, end: number): boolean {
  if (before.length !== end - at) return false;
  for (let index = at; index < end; index++) {
    const item = array[index];
    const was = before[index - at];
    // Mostly, without a call: 0 may be -0.
    if (item === was && item !== 0) continue;
    if ((typeof item === 'object' && item !== null) || !Object.is(item, was)) return false;
  }
  return true;
}

function isEqual(a: readonly Datum[] | TypedArray, b: readonly Datum[] | TypedArray): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}

/** A copy, also of a Buffer, whose own `slice` makes none. */
function copyOf(kind: TypedName, array: TypedArray): TypedArray {
  const copy = new TYPED_ARRAYS[kind](array.length);
  copy.set(array as never);
  return copy;
}

/** `Uint8Array` for arrays of that type and of types derived from it, such as Node's Buffer. */
export function typeNameOf(array: ArrayBufferView): string {
  return Object.prototype.toString.call(array).slice('[object '.length, -1);
}
