/**
 * What `bd0 vmo export` writes: the canonical stream of a VMO; of a tree, the canonical stream of its listing, and then of
 * each VMO that is in it, in the order of the listings, what is in a directory behind its own listing, and each once. Nothing
 * else stands there: each listing says which streams follow.
 */
import { CanonicalStreamError, CanonicalStreamReader, MissingRecordError, exportRecords } from '../../../index.js';
import { sha256 } from '../../../host/sha256.js';
import { kindByContent } from '../../../host/store/reach.js';
import type { Reference, StoreView } from './store-view.js';

/** Bytes that `exportTree` does not write. */
export class BadTreeStreamError extends Error {
  override readonly name = 'BadTreeStreamError';
}

/** What was read. A stream does not say what its bytes are: a VMO that is a listing is read as a tree. */
export interface ReadTree extends Reference {
  readonly lengthBytes: number;
  /** VMOs, that of `id` included. */
  readonly vmos: number;
}

/** The records of a VMO and, if it is a tree, of all that is in it. Throws DamagedRecordError, MissingRecordError. */
export function* exportTree(store: StoreView, reference: Reference): Generator<Uint8Array, void, undefined> {
  for (const part of idsOf(store, reference)) {
    const records = exportRecords(store.disk, part, sha256);
    if (records === undefined) throw new MissingRecordError(`the root ${part} is not in the store`);
    yield* records;
  }
}

/** The identities that a tree is made of, its own first. Each listing is looked at when the one behind it is asked for. */
function* idsOf(store: StoreView, reference: Reference): Generator<string, void, undefined> {
  const open = [reference];
  const met = new Set<string>();
  const followed = new Set<string>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { id, kind } = next;
    if (!met.has(id)) yield id;
    met.add(id);
    if (kind === 'file' || followed.has(id)) continue;
    followed.add(id);
    const below = store.listing(id, id).flatMap((entry) => (entry.type === 'link' ? [] : [{ id: entry.id, kind: entry.type }])); // prettier-ignore
    open.push(...below.reverse());
  }
}

/** Reads what `exportTree` writes into a store, in parts of any size, and verifies it as it comes. */
export class TreeStreamReader {
  private reader: CanonicalStreamReader;
  private first: (Reference & { readonly lengthBytes: number }) | undefined;
  private expected: Generator<string, void, undefined> | undefined;
  private vmos = 0;
  private isOver = false;
  /** Where the stream that is being read begins, in bytes. */
  private start = 0;
  private position = 0;

  constructor(private readonly store: StoreView) {
    this.reader = this.newReader(undefined);
  }

  /** Reads the next bytes. Throws BadTreeStreamError for what does not belong there. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.isOver) throw new BadTreeStreamError(`byte ${this.position}: ${bytes.length - at} bytes after the end`);
      const part = bytes.subarray(at, at + this.reader.bytesWanted);
      this.explained(() => this.reader.push(part));
      at += part.length;
      this.position += part.length;
      if (this.reader.isComplete) this.goOn();
    }
  }

  /** Says that no more bytes come. Throws BadTreeStreamError where some are missing. */
  finish(): ReadTree {
    if (!this.isOver) this.explained(() => this.reader.finish());
    return { ...this.first!, vmos: this.vmos };
  }

  /** After a stream: on to the next one, if there is one. */
  private goOn(): void {
    const { id, lengthBytes } = this.explained(() => this.reader.finish());
    this.first ??= { id, kind: kindByContent(this.store.disk, id) ?? 'file', lengthBytes };
    this.vmos++;
    this.start = this.position;
    if (this.expected === undefined) {
      this.expected = idsOf(this.store, this.first);
      this.expected.next();
    }
    const next = this.expected.next();
    if (next.done === true) this.isOver = true;
    else this.reader = this.newReader(next.value);
  }

  private newReader(id: string | undefined): CanonicalStreamReader {
    // The reader has hashed what it puts.
    const put = (batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void => {
      for (const { hash, record } of batch) this.store.disk.putHashed(hash, record);
    };
    return new CanonicalStreamReader({ put }, { hash: sha256, id });
  }

  private explained<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CanonicalStreamError)) throw error;
      const reason = error.message.replace(/^byte \d+: /, '');
      throw new BadTreeStreamError(`byte ${this.start + error.offset}: ${reason}`);
    }
  }
}
