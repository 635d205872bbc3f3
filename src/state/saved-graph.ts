import {
  CHUNK,
  TYPED_ARRAYS,
  type CollectionNode,
  type Datum,
  type DescribedNode,
  type ListNode,
  type PlainNode,
  type StateGraph,
  type StateNode,
  type TypedArray,
  type TypedName,
} from './graph.js';
import { reachable } from './restore.js';
import { SavedSnapshotError, TAG, type ValueReader, type ValueWriter } from './saved-values.js';
import { schemaNamed, type ContentNumbers, type NumberedContent, type Packed, type Schema } from './schema.js';

/** The kinds of nodes, by their numbers. Never reorder them. */
const KINDS = ['described', 'plain', 'array', 'map', 'set', ...(Object.keys(TYPED_ARRAYS) as TypedName[])] as const;

type Kind = (typeof KINDS)[number];

/**
 * Writes a graph: the schemas that it needs, with the names of their fields; the kinds of all nodes, the root first; then what
 * each node holds. Nodes refer to each other by their numbers.
 */
export function writeGraph({ root }: StateGraph, out: ValueWriter, content: ContentNumbers): void {
  const nodes = reachable(root);
  const numbers = new Map(nodes.map((node, number) => [node, number]));
  const schemas = [...new Set(nodes.flatMap((node) => (node.kind === 'described' ? [node.schema] : [])))];
  out.count(schemas.length);
  for (const schema of schemas) {
    const fields = fieldsOf(schema);
    out.text(schema.name).count(fields.length);
    for (const field of fields) out.text(field);
  }
  out.count(nodes.length);
  for (const node of nodes) {
    out.byte(KINDS.indexOf(node.kind));
    if (node.kind === 'described') out.count(schemas.indexOf(node.schema));
  }
  const datum = (item: Datum): void => {
    if (typeof item === 'object' && item !== null) out.byte(TAG.node).count(numbers.get(item)!);
    else out.value(item);
  };
  for (const node of nodes) writeNode(node, out, content, datum);
}

/** Reads a graph, whose nodes have no sources. Throws SavedSnapshotError. */
export function readGraph(source: ValueReader, content: NumberedContent): StateGraph {
  const schemas = Array.from({ length: source.countOfItems() }, () => readSchema(source));
  const nodes = Array.from({ length: source.countOfItems() }, () => emptyNode(source, schemas));
  const nodeOf = (number: number): StateNode => {
    const node = nodes[number];
    if (!node) throw source.malformed();
    return node;
  };
  const datum = (): Datum => {
    const item = source.value(nodeOf);
    if (Array.isArray(item) || item instanceof Uint8Array) throw source.malformed();
    return item as Datum;
  };
  for (const node of nodes) readNode(node, source, content, datum);
  return { root: nodeOf(0), nodes: new Map() };
}

/** The fields that nodes of a schema have, in their order. */
function fieldsOf({ fields, computed }: Schema): string[] {
  const kept = [...fields].filter(([, { kind }]) => kind === 'value' || kind === 'kept').map(([name]) => name);
  return [...kept, ...computed.map(({ name }) => name)];
}

function readSchema(source: ValueReader): Schema {
  const name = source.text();
  const fields = Array.from({ length: source.countOfItems() }, () => source.text());
  const schema = schemaNamed(name);
  if (!schema || fieldsOf(schema).join() !== fields.join())
    throw new SavedSnapshotError(`the snapshot was saved by another version of bd0: its '${name}' is different here`);
  return schema;
}

function emptyNode(source: ValueReader, schemas: readonly Schema[]): StateNode {
  const kind: Kind | undefined = KINDS[source.byte()];
  switch (kind) {
    case undefined:
      throw source.malformed();
    case 'described': {
      const schema = schemas[source.count()];
      if (!schema) throw source.malformed();
      return { kind, schema, source: undefined, fields: new Map(), image: undefined };
    }
    case 'plain':
      return { kind, source: undefined, fields: new Map() };
    case 'map':
    case 'set':
      return { kind, source: undefined, entries: [] };
    default:
      return { kind, source: undefined, data: { length: 0, chunks: [] } };
  }
}

function writeNode(node: StateNode, out: ValueWriter, content: ContentNumbers, datum: (item: Datum) => void): void {
  switch (node.kind) {
    case 'described':
      if (node.schema.custom) out.value(node.schema.custom.pack(node.image, content));
      else for (const name of fieldsOf(node.schema)) datum(node.fields.get(name));
      return;
    case 'plain':
      out.count(node.fields.size);
      for (const [name, item] of node.fields) {
        out.text(name);
        datum(item);
      }
      return;
    case 'map':
    case 'set':
      out.count(node.entries.length);
      return node.entries.forEach(datum);
    case 'array':
      out.count(node.data.length);
      for (const chunk of node.data.chunks) (chunk as readonly Datum[]).forEach(datum);
      return;
    default:
      out.count(node.data.length);
      for (const { buffer, byteOffset, byteLength } of node.data.chunks as readonly TypedArray[])
        out.raw(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

function readNode(node: StateNode, source: ValueReader, content: NumberedContent, datum: () => Datum): void {
  switch (node.kind) {
    case 'described':
      return readDescribed(node, source, content, datum);
    case 'plain':
      return readPlain(node, source, datum);
    case 'map':
    case 'set':
      return readCollection(node, source, datum);
    case 'array':
      return readArray(node, source, datum);
    default:
      return readTyped(node, node.kind, source);
  }
}

function readDescribed(node: DescribedNode, source: ValueReader, content: NumberedContent, datum: () => Datum): void {
  const { custom } = node.schema;
  if (!custom) {
    for (const name of fieldsOf(node.schema)) node.fields.set(name, datum());
    return;
  }
  const { object, image } = custom.unpack(source.value() as Packed, content);
  node.source = object;
  node.image = image;
}

function readPlain({ fields }: PlainNode, source: ValueReader, datum: () => Datum): void {
  for (let left = source.countOfItems(2); left > 0; left--) {
    const name = source.text();
    if (name === '__proto__') throw source.malformed();
    fields.set(name, datum());
  }
}

function readCollection({ kind, entries }: CollectionNode, source: ValueReader, datum: () => Datum): void {
  const count = source.countOfItems();
  if (kind === 'map' && count % 2 !== 0) throw source.malformed();
  for (let at = 0; at < count; at++) entries.push(datum());
}

function readArray(node: ListNode, source: ValueReader, datum: () => Datum): void {
  const length = source.countOfItems();
  const chunks: Datum[][] = [];
  for (let at = 0; at < length; at += CHUNK)
    chunks.push(Array.from({ length: Math.min(CHUNK, length - at) }, () => datum()));
  node.data = { length, chunks };
}

function readTyped(node: ListNode, kind: TypedName, source: ValueReader): void {
  const type = TYPED_ARRAYS[kind];
  const length = source.countOfItems(type.BYTES_PER_ELEMENT);
  const { buffer } = source.raw(length * type.BYTES_PER_ELEMENT).slice();
  const all: TypedArray = new type(buffer);
  const chunks: TypedArray[] = [];
  for (let at = 0; at < length; at += CHUNK) chunks.push(all.subarray(at, at + CHUNK));
  node.data = { length, chunks };
}
