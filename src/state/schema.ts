/**
 * Schemas of state: each class whose objects hold state of the machine says once, in its static field `state`, what becomes of
 * each of its fields. The machine hash, snapshots, restoring, saved snapshots and differences in words all come from that;
 * none of them has a list of its own. Plain objects, arrays, maps, sets and typed arrays need no schema: all they hold is state.
 * In classes that the package exports, the field is marked `@internal`, which leaves it out of the package's types.
 */

/** What becomes of a field. */
export type Field<T> =
  /** State: hashed, kept by snapshots, restored, compared. */
  | { readonly kind: 'value' }
  /** Kept by snapshots and restored, but not hashed: a function of what is hashed that is dear to work out again. */
  | { readonly kind: 'kept'; readonly reason: string }
  /** Made anew by `make` when the object is restored. */
  | { readonly kind: 'derived'; readonly reason: string; readonly make: ((owner: T) => unknown) | undefined }
  /** A constant of the object, such as its place in the machine or a service of the host: left as it is. */
  | { readonly kind: 'outside'; readonly reason: string };

/** State that is no field: read and written through functions. */
export interface Computed<T> {
  readonly name: string;
  readonly read: (owner: T) => unknown;
  /** Restores what `read` returned. Undefined: hashed and compared, but not restored, since it follows from other fields. */
  readonly write?: (owner: T, value: never) => void;
}

/**
 * How objects of a class are kept that no list of fields can describe, since others count how often they are used. `Image` is
 * what a snapshot keeps: it must not change afterwards, whatever becomes of the object.
 */
export interface Custom<T, Image = unknown> {
  capture(object: T): Image;
  /** Puts an object, which may have been discarded, back to what it was. */
  restore(object: T, image: Image): void;
  /** Called for an object of the present that the restored state does not have. */
  discard(object: T): void;
  /** What stands for the object in hashes and differences. */
  identity(object: T): string;
  /** The image as a value that a saved snapshot can hold; content that it leads to is saved once, and has a number. */
  pack(image: Image, content: ContentNumbers): Packed;
  /** An object without state, and the image to restore it to. Throws SavedSnapshotError for a value that `pack` never makes. */
  unpack(packed: Packed, content: NumberedContent): { readonly object: T; readonly image: Image };
}

/** A value of a saved snapshot that is no object of the machine. */
export type Packed = undefined | boolean | number | bigint | string | Uint8Array | readonly Packed[];

/** Numbers of the content that images lead to, while a snapshot is saved. */
export interface ContentNumbers {
  numberOf(content: object): number;
}

/** The content that was saved, by its number. */
export interface NumberedContent {
  /** Throws SavedSnapshotError for anything but the number of content of a kind. */
  contentOf<Content extends object>(number: unknown, isKind: (content: object) => content is Content): Content;
}

/** What a class says of its objects. */
export interface Schema<T = object> {
  /** What objects are called in differences. */
  readonly name: string;
  readonly prototype: object;
  /** By the name of the field, in the order in which they are hashed. */
  readonly fields: ReadonlyMap<string, Field<T>>;
  /** Names of the fields that are hashed, in that order. */
  readonly hashed: readonly string[];
  readonly computed: readonly Computed<T>[];
  readonly custom: Custom<T> | undefined;
  /** One object of the class is made with each machine, at the same place. */
  readonly isPart: boolean;
  /** Called before the fields of an object are read: brings them into one form for equal states. */
  readonly prepare: ((object: T) => void) | undefined;
  /** Called after all objects have their fields back. */
  readonly restored: ((object: T) => void) | undefined;
  /** Called for an object of the present that the restored state does not have. */
  readonly discarded: ((object: T) => void) | undefined;
  /** Says which object it is among others of its class. */
  readonly label: ((object: T) => string) | undefined;
}

/** The parts of a schema besides the fields. */
export interface SchemaOptions<T, Image = unknown> {
  readonly computed?: readonly Computed<T>[];
  readonly custom?: Custom<T, Image>;
  readonly isPart?: boolean;
  readonly prepare?: (object: T) => void;
  readonly restored?: (object: T) => void;
  readonly discarded?: (object: T) => void;
  readonly label?: (object: T) => string;
}

/** A class of `T`, as far as a schema needs it. */
interface ClassOf<T> {
  readonly prototype: T;
}

const byName = new Map<string, Schema>();

/** State: hashed and restored. */
export const value: Field<never> = { kind: 'value' };

/** Restored, but not hashed. */
export function kept(reason: string): Field<never> {
  return { kind: 'kept', reason };
}

/** Neither; `make` gives the field of a restored object. Without it, `restored` of the schema sets the field. */
export function derived<T>(reason: string, make?: (owner: T) => unknown): Field<T> {
  return { kind: 'derived', reason, make };
}

/** Neither hashed nor restored, since it never changes. */
export function outside(reason: string): Field<never> {
  return { kind: 'outside', reason };
}

/** The schema of a name, if a class has it. */
export function schemaNamed(name: string): Schema | undefined {
  return byName.get(name);
}

/**
 * The schema of a class, for its static field `state`. Fields are named as the class names them, private ones included. Throws
 * for a name that another class has.
 */
export function schema<T extends object, Image = unknown>(
  name: string,
  type: ClassOf<T>,
  fields: Readonly<Record<string, Field<T> | Field<never>>>,
  options: SchemaOptions<T, Image> = {},
): Schema {
  if (byName.has(name)) throw new Error(`two classes have state that is called '${name}'`);
  const { computed = [], custom, isPart = false, prepare, restored, discarded, label } = options;
  const entries = Object.entries(fields);
  const hashed = entries.filter(([, { kind }]) => kind === 'value').map(([name]) => name);
  const made = {
    ...{ name, prototype: type.prototype, fields: new Map(entries), hashed, computed, custom, isPart },
    ...{ prepare, restored, discarded, label },
  } as unknown as Schema;
  byName.set(name, made);
  return made;
}

/** The schema of an object's class, or of the nearest class above it that has one; undefined where none has. */
export function schemaOf(object: object): Schema | undefined {
  return (object.constructor as { readonly state?: Schema } | undefined)?.state;
}
