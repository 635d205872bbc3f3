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
/** Names for identities. */
export interface NameStore {
  get(name: string): string | undefined;
  /** Sets (or with `next` undefined removes) a name if it is for `expected` now (undefined: if there is none). Durable, and everything flushed before is. */
  compareAndSwap(name: string, expected: string | undefined, next: string | undefined): boolean;
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
