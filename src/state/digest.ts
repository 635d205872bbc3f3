import { typeNameOf } from './graph.js';
import { schemaOf, type Schema } from './schema.js';
import type { StateWriter } from './state-writer.js';

/** Writes the state of an object, and of all that it leads to, so that equal states give equal bytes. */
export function writeStateOf(root: object, out: StateWriter): void {
  new Digest(out).object(root);
}

class Digest {
  /** Numbers of objects that were written. */
  private readonly numbers = new Map<object, number>();

  constructor(private readonly out: StateWriter) {}

  object(object: object): void {
    const schema = schemaOf(object);
    if (schema?.custom) return void this.out.text(`${schema.name} ${schema.custom.identity(object)}`);
    const number = this.numbers.get(object);
    if (number !== undefined) return void this.out.text('again').number(number);
    this.numbers.set(object, this.numbers.size);
    if (schema) this.described(object, schema);
    else if (Array.isArray(object)) this.list('array', object);
    else if (object instanceof Map) this.list('map', keysAndValues(object));
    else if (object instanceof Set) this.list('set', [...(object as Set<unknown>)]);
    else if (ArrayBuffer.isView(object)) this.typed(object);
    else this.plain(object);
  }

  private described(object: object, schema: Schema): void {
    schema.prepare?.(object);
    this.out.text(schema.name);
    for (const name of schema.hashed) this.datum((object as Record<string, unknown>)[name]);
    for (const { read } of schema.computed) this.datum(read(object));
  }

  private plain(object: object): void {
    const names = Object.keys(object);
    this.out.number(names.length);
    for (const name of names) {
      this.out.text(name);
      this.datum((object as Record<string, unknown>)[name]);
    }
  }

  private list(kind: string, items: readonly unknown[]): void {
    if (items.every((item) => typeof item === 'number')) return void this.out.text('numbers').numbers(items);
    this.out.text(kind).number(items.length);
    for (const item of items) this.datum(item);
  }

  private typed(array: ArrayBufferView): void {
    this.out.text(typeNameOf(array));
    this.out.bytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }

  /** A value behind a number for its type. */
  private datum(item: unknown): void {
    const { out } = this;
    switch (typeof item) {
      case 'undefined':
        return void out.number(0);
      case 'boolean':
        return void out.number(item ? 1 : 2);
      case 'number':
        return void out.number(3).number(item);
      case 'bigint':
        return void out.number(4).text(item.toString(16));
      case 'string':
        return void out.number(5).text(item);
      case 'object':
        if (item === null) return void out.number(6);
        out.number(7);
        return this.object(item);
      default:
        throw new TypeError(`state cannot hold a ${typeof item}`);
    }
  }
}

/** Keys and values in turn. */
function keysAndValues(map: ReadonlyMap<unknown, unknown>): unknown[] {
  const items: unknown[] = [];
  for (const [key, value] of map) items.push(key, value);
  return items;
}
