/**
 * Walks the state of a machine by its schemas, and offers each piece of it to be changed: each field of each described object,
 * and what the plain objects, arrays, maps, sets and typed arrays in those fields hold.
 */
import { OrderedList } from '../../src/kernel/ordered-list.js';
import { schemaOf, type Field, type Schema } from '../../src/state/schema.js';
import type { Random } from './random.js';

/** What a schema says of a piece of state: state that it computes counts as a value. */
export type PieceKind = Field<object>['kind'];

/** A piece of state that an object of the machine holds. */
export interface Piece {
  /** Which piece of which class it is, the same for all objects: `thread.pending`, `scheduler.ready[]`. */
  readonly role: string;
  readonly kind: PieceKind;
  readonly owner: object;
  readonly item: unknown;
  /** Gives it another value. Returns false where it has none. */
  readonly change: (random: Random) => boolean;
}

/** All pieces of state of the objects that `root` leads to. */
export function piecesOf(root: object): Piece[] {
  const walk = new Walk();
  walk.visit(root, 'machine', 'value');
  return walk.pieces;
}

class Walk {
  readonly pieces: Piece[] = [];
  private readonly seen = new Set<object>();

  visit(item: unknown, role: string, kind: PieceKind): void {
    if (typeof item !== 'object' || item === null || this.seen.has(item)) return;
    this.seen.add(item);
    const schema = schemaOf(item);
    if (schema) this.described(item, schema);
    else if (item instanceof Map) this.map(item as Map<unknown, unknown>, role, kind);
    else if (item instanceof Set) this.set(item as Set<unknown>, role, kind);
    else if (ArrayBuffer.isView(item)) this.typed(item as Uint8Array, role, kind);
    else if (Array.isArray(item)) this.list(item, role, kind);
    else for (const name of Object.keys(item)) this.field(item, name, `${role}.${name}`, { kind: kind as 'value' });
  }

  private described(object: object, schema: Schema): void {
    if (schema.custom) {
      const change = changerOf(object);
      this.add({ role: schema.name, kind: 'value', owner: object, item: object, change });
    }
    for (const [name, field] of schema.fields) this.field(object, name, `${schema.name}.${name}`, field);
    for (const { name, read, write } of schema.computed) {
      const item: unknown = read(object);
      const role = `${schema.name}.${name}`;
      const isPart = typeof item === 'object' && item && schemaOf(item);
      if (write && !isPart) {
        const change = (random: Random): boolean => changeComputed(object, read, write, random);
        this.add({ role, kind: 'value', owner: object, item, change });
      }
      for (const object of described(item)) this.visit(object, role, 'value');
    }
  }

  private field(owner: object, name: string, role: string, field: Field<object>): void {
    const { kind } = field;
    const object = owner as Record<string, unknown>;
    const item = object[name];
    const set = (other: unknown): unknown => (object[name] = other);
    const change = (random: Random): boolean => {
      const present = object[name];
      if (field.kind !== 'derived' || typeof present !== 'object' || !present) return changeItem(present, random, set);
      if (!field.make) return emptied(present);
      set(field.make(object));
      return true;
    };
    this.add({ role, kind, owner, item, change });
    if (kind === 'value' || kind === 'kept') this.visit(item, role, kind);
  }

  private map(map: Map<unknown, unknown>, role: string, kind: PieceKind): void {
    const change = (): boolean => {
      for (const key of map.keys()) return map.delete(key);
      return !!map.set('another', 1);
    };
    this.add({ role: `${role}{}`, kind, owner: map, item: map, change });
    for (const [key, item] of map) {
      const change = (random: Random): boolean => changeItem(map.get(key), random, (other) => map.set(key, other));
      this.add({ role: `${role}{value}`, kind, owner: map, item, change });
      this.visit(key, `${role}{key}`, kind);
      this.visit(item, `${role}{value}`, kind);
    }
  }

  private set(set: Set<unknown>, role: string, kind: PieceKind): void {
    const change = (): boolean => {
      for (const item of set) return set.delete(item);
      return !!set.add(1);
    };
    this.add({ role: `${role}{}`, kind, owner: set, item: set, change });
    for (const item of set) this.visit(item, `${role}{item}`, kind);
  }

  private list(list: unknown[], role: string, kind: PieceKind): void {
    const change = (random: Random): boolean => {
      if (list.length > 0 && random.chance(2)) list.pop();
      else list.push(list.length);
      return true;
    };
    this.add({ role: `${role}[]`, kind, owner: list, item: list, change });
    list.forEach((item, index) => {
      const change = (random: Random): boolean => changeItem(list[index], random, (other) => (list[index] = other));
      this.add({ role: `${role}[item]`, kind, owner: list, item, change });
      this.visit(item, `${role}[item]`, kind);
    });
  }

  private typed(array: Uint8Array, role: string, kind: PieceKind): void {
    const change = (random: Random): boolean => {
      if (array.length === 0) return false;
      const index = random.below(array.length);
      const item = array[index] as unknown;
      array[index] = (typeof item === 'bigint' ? item ^ 1n : (item as number) ^ 1) as number;
      return true;
    };
    this.add({ role: `${role}[]`, kind, owner: array, item: array, change });
  }

  private add(piece: Piece): void {
    this.pieces.push(piece);
  }
}

/** Objects with a schema in containers that were computed, and that no field holds. */
function* described(item: unknown): Generator<object, void, undefined> {
  if (typeof item !== 'object' || item === null || ArrayBuffer.isView(item)) return;
  if (schemaOf(item)) yield item;
  else for (const part of Object.values(item) as unknown[]) yield* described(part);
}

/** Sets a value of the same type; references get lost, but not those to the machine's parts, which it always has. */
function changeItem(item: unknown, random: Random, set: (other: unknown) => void): boolean {
  switch (typeof item) {
    case 'number':
      set(Number.isFinite(item) ? item + 1 + random.below(100) : 7);
      return true;
    case 'bigint':
      set(item ^ (1n << BigInt(random.below(64))));
      return true;
    case 'boolean':
      set(!item);
      return true;
    case 'string':
      set(`${item}?`);
      return true;
    case 'undefined':
      return false;
    default:
      if (item === null || schemaOf(item as object)?.isPart || ArrayBuffer.isView(item)) return false;
      set(undefined);
      return true;
  }
}

/** Takes something out of a container that is derived. Returns false if it is empty. */
function emptied(container: object): boolean {
  if (ArrayBuffer.isView(container)) return !!(container as Uint8Array).fill(1);
  const size = Array.isArray(container) ? container.length : (container as { readonly size: number }).size;
  if (size === 0) return false;
  if (Array.isArray(container)) container.length = 0;
  else if (container instanceof OrderedList) container.delete(container.first);
  else (container as Map<unknown, unknown>).clear();
  return true;
}

/** Writes another value of what is computed. Bytes that the object does not keep, such as reserved ones, are tried again. */
function changeComputed(
  object: object,
  read: (object: object) => unknown,
  write: (object: object, value: never) => void,
  random: Random,
): boolean {
  const item = read(object);
  const set = (other: unknown): void => write(object, other as never);
  if (ArrayBuffer.isView(item)) {
    const before = Buffer.from((item as Uint8Array).slice());
    do {
      const copy = Uint8Array.from(before);
      copy[random.below(copy.length)]! ^= 1;
      set(copy);
    } while (before.equals(read(object) as Uint8Array));
    return true;
  }
  if (Array.isArray(item)) {
    if (item.length > 0) set(item.slice(1));
    return item.length > 0;
  }
  if (typeof item !== 'object' || item === null) return changeItem(item, random, set);
  const [name, field] = random.pick(Object.entries(item as Record<string, unknown>));
  return changeItem(field, random, (other) => set({ ...item, [name]: other }));
}

/** Changes an object that its class keeps itself. */
function changerOf(object: object): () => boolean {
  return () => {
    const { close, append } = object as { close?: () => void; append?: (bytes: Uint8Array) => unknown };
    if (close && !(object as { isClosed: boolean }).isClosed) close.call(object);
    else if (append && !(object as { isOver: boolean }).isOver) append.call(object, Uint8Array.of(1, 2, 3));
    else return false;
    return true;
  };
}
