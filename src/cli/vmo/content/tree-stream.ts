/**
 * What `bd0 vmo export` writes. Of a file, its canonical stream. Of a tree, `bd0 tree stream` and a line feed, then the canonical
 * stream of its listing, and then of each VMO that is in it, in the order of the listings, what is in a directory behind its
 * own listing, and each once. Nothing else stands there: each listing says which streams follow.
 *
 * The first line says that it is a tree, not the content. Streams that were written before there was one have a listing first:
 * a file that looks like one begins with `bd0 file stream` and a line feed.
 */
import { CanonicalStreamError, CanonicalStreamReader, MissingRecordError, exportRecords } from '../../../index.js';
import { joined, shown, type ByteText } from '../../../host/byte-text.js';
import { sha256 } from '../../../host/sha256.js';
import { kindByContent } from '../../../host/store/reach.js';
import { readFailure } from './damage.js';
import type { Reference, StoreView } from './store-view.js';

/** Bytes that `exportTree` does not write. */
export class BadTreeStreamError extends Error {
  override readonly name = 'BadTreeStreamError';
}

/** What was read. */
export interface ReadTree extends Reference {
  readonly lengthBytes: number;
  /** VMOs, that of `id` included. */
  readonly vmos: number;
}

const HEADERS = { tree: Buffer.from('bd0 tree stream\n'), file: Buffer.from('bd0 file stream\n') } as const;
const HEADER_BYTES = HEADERS.tree.length;

/** A VMO of a tree, and what people call it. */
interface Part extends Reference {
  readonly path: ByteText;
}

/** The stream of a VMO that the user calls `path`. Throws Failure if a part is missing or damaged. */
export function* exportTree(store: StoreView, root: Part): Generator<Uint8Array, void, undefined> {
  if (root.kind === 'tree') yield HEADERS.tree;
  else if (kindByContent(store.disk, root.id) === 'tree') yield HEADERS.file;
  for (const { id, path } of partsOf(store, root)) {
    try {
      const records = exportRecords(store.disk, id, sha256);
      if (records === undefined) throw new MissingRecordError(`the root ${id} is not in the store`);
      yield* records;
    } catch (error) {
      throw readFailure(shown(path), error);
    }
  }
}

/** The VMOs of a tree, that of its own listing first. Each listing is read when the next VMO is requested. */
function* partsOf(store: StoreView, root: Part): Generator<Part, void, undefined> {
  const open = [root];
  const met = new Set<string>();
  const followed = new Set<string>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { id, kind, path } = next;
    if (!met.has(id)) yield next;
    met.add(id);
    if (kind === 'file' || followed.has(id)) continue;
    followed.add(id);
    for (const entry of [...store.listing(id, shown(path)).entries].reverse())
      if ('id' in entry) open.push({ id: entry.id, kind: entry.type, path: joined(path, entry.name) });
  }
}

/** Reads what `exportTree` writes into a store, in parts of any size, and verifies it as it comes. */
export class TreeStreamReader {
  private reader: CanonicalStreamReader;
  private first: (Reference & { readonly lengthBytes: number }) | undefined;
  private expected: Generator<Part, void, undefined> | undefined;
  private vmos = 0;
  private isOver = false;
  /** The bytes of a header that have come; undefined once it is known, or known not to be there. */
  private header: Buffer | undefined = Buffer.alloc(0);
  /** What the header says. */
  private kind: Reference['kind'] | undefined;
  /** Where the stream that is being read begins, in bytes. */
  private start = 0;
  private position = 0;

  constructor(private readonly store: StoreView) {
    this.reader = this.newReader(undefined);
  }

  /** Reads the next bytes. Throws BadTreeStreamError for what does not belong there. */
  push(bytes: Uint8Array): void {
    for (let at = this.pushHeader(bytes); at < bytes.length;) {
      if (this.isOver) throw new BadTreeStreamError(`byte ${this.position}: ${bytes.length - at} bytes after the end`);
      const part = bytes.subarray(at, at + this.reader.bytesWanted);
      this.explained(() => this.reader.push(part));
      at += part.length;
      this.position += part.length;
      if (this.reader.isComplete) this.goOn();
    }
  }

  /** Ends the stream. Throws BadTreeStreamError if bytes are missing. */
  finish(): ReadTree {
    if (this.header && this.header.length > 0)
      throw new BadTreeStreamError(`byte ${this.header.length}: cut: the stream ends within its first line`);
    if (!this.isOver) this.explained(() => this.reader.finish());
    return { ...this.first!, vmos: this.vmos };
  }

  /** Returns how many of the bytes belong to a header. */
  private pushHeader(bytes: Uint8Array): number {
    if (this.header === undefined || bytes.length === 0) return 0;
    const wanted = bytes.subarray(0, HEADER_BYTES - this.header.length);
    if (this.header.length === 0 && bytes[0] !== HEADERS.tree[0]) {
      this.header = undefined;
      return 0;
    }
    this.header = Buffer.concat([this.header, wanted]);
    if (this.header.length < HEADER_BYTES) return wanted.length;
    const kinds = ['tree', 'file'] as const;
    this.kind = kinds.find((kind) => HEADERS[kind].equals(this.header!));
    if (this.kind === undefined) throw new BadTreeStreamError('byte 0: neither a canonical stream nor that of a tree');
    this.header = undefined;
    this.start = this.position = HEADER_BYTES;
    return wanted.length;
  }

  /** After a stream: on to the next one, if there is one. */
  private goOn(): void {
    const { id, lengthBytes } = this.explained(() => this.reader.finish());
    this.first ??= { id, kind: this.kind ?? kindByContent(this.store.disk, id) ?? 'file', lengthBytes };
    this.vmos++;
    this.start = this.position;
    if (this.expected === undefined) {
      this.expected = partsOf(this.store, { ...this.first, path: id as ByteText });
      this.expected.next();
    }
    const next = this.expected.next();
    if (next.done === true) this.isOver = true;
    else this.reader = this.newReader(next.value.id);
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
