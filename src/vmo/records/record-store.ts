/** What keeps canonical records (leaf 4097, node 66, root 56 bytes; design/vmo.md "Identity") by hash, on disk or elsewhere. */
export interface RecordStore {
  /** Whether a record is there. */
  has(hash: Uint8Array): boolean;
  /** The record of a hash, checked against it; undefined where there is none. Throws DamagedRecordError. */
  get(hash: Uint8Array): Uint8Array | undefined;
  /** Keeps a batch. A record that is there already costs a look. Durable once `flush` has returned. */
  put(batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void;
  flush(): void;
  /** All hashes, ascending, from one on. */
  hashes(from?: Uint8Array): Iterable<Uint8Array>;
}

/** What the bytes of a VMO are: those of a file, or the listing of a directory, which refers to other VMOs in turn. */
export type ContentKind = 'file' | 'tree';

/** A VMO and what it is. The reference says what the bytes are: the same bytes can be a file here and a tree there. */
export interface Reference {
  /** The identity: 64 hexadecimal digits. */
  readonly id: string;
  readonly kind: ContentKind;
}

/** Names for identities. */
export interface NameStore {
  get(name: string): string | undefined;
  /**
   * Sets a name (or, with `next` undefined, removes it) if it stands for the identity `expected` now (undefined: for none).
   * When it returns, that is durable, and so is everything that was flushed before.
   */
  compareAndSwap(name: string, expected: string | undefined, next: Reference | undefined): boolean;
  entries(): Iterable<readonly [string, string]>;
}
/** A record that is there and is not what its hash says, or of which only a part can be read. */
export class DamagedRecordError extends Error {
  override name = 'DamagedRecordError';

  constructor(
    /** 64 hexadecimal digits. */
    readonly hash: string,
    /** Where it lies, and what is wrong with it. */
    readonly detail: string,
  ) {
    super(`record ${hash} is damaged: ${detail}`);
  }
}
