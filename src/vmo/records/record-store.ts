/**
 * A store of canonical records (leaf 4097, node 66, root 56 bytes; design/vmo.md "Identity") by hash, on disk or
 * elsewhere.
 */
export interface RecordStore {
  /** Whether the store has a record. */
  has(hash: Uint8Array): boolean;
  /** The record with a hash, verified; undefined if there is none. Throws DamagedRecordError. */
  get(hash: Uint8Array): Uint8Array | undefined;
  /** Stores a batch. Storing an existing record costs one lookup. Records are durable once `flush` has returned. */
  put(batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void;
  flush(): void;
  /** All hashes >= `from`, ascending. */
  hashes(from?: Uint8Array): Iterable<Uint8Array>;
}

/** Kind of content: the bytes of a file, or the listing of a directory, which refers to other VMOs. */
export type ContentKind = 'file' | 'tree';

/**
 * A VMO and its kind of content. The kind is part of the reference, since the same bytes can be a file in one place and
 * a tree in another.
 */
export interface Reference {
  /** The identity: 64 hexadecimal digits. */
  readonly id: string;
  readonly kind: ContentKind;
}

/** Names for identities. */
export interface NameStore {
  get(name: string): string | undefined;
  /**
   * Sets a name (or, with `next` undefined, removes it) if it currently refers to the identity `expected` (undefined:
   * to none). When it returns, the change is durable, and so is everything flushed before.
   */
  compareAndSwap(name: string, expected: string | undefined, next: Reference | undefined): boolean;
  entries(): Iterable<readonly [string, string]>;
}
/** A stored record does not match its hash, or can be read only in part. */
export class DamagedRecordError extends Error {
  override name = 'DamagedRecordError';

  constructor(
    /** 64 hexadecimal digits. */
    readonly hash: string,
    /** Where it is stored, and what is wrong with it. */
    readonly detail: string,
  ) {
    super(`record ${hash} is damaged: ${detail}`);
  }
}
