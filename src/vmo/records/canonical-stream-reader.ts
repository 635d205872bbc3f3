import { hexToBytes } from '@noble/hashes/utils.js';
import {
  CanonicalHasher,
  equalHashes,
  type HashFunction,
  type PageFormat,
  ROOT_RECORD_BYTES,
  STANDARD_FORMAT,
} from '../content/canonical-form.js';
import { bytesToHex } from '../../bits.js';
import { CanonicalStreamError } from '../errors.js';
import { RecordBatch } from './record-batch.js';
import { readLeaf, readNode, readRoot, recordBytes, type RecordFault, type RootFields } from './record-check.js';
import type { RecordStore } from './record-store.js';

/** Options of a stream reader. */
export interface StreamReaderOptions {
  /** SHA-256. */
  readonly hash: HashFunction;
  /** The identity that the stream must have, 64 hexadecimal digits; any if undefined. */
  readonly id?: string | undefined;
  readonly format?: PageFormat;
}

/** The VMO that a stream contained. */
export interface ReadVmo {
  readonly id: string;
  readonly lengthBytes: number;
  /** The hash of the top node. */
  readonly top: Uint8Array;
}

/** A subtree whose record comes next. Its bytes from `usedMax` on must be zeros. */
interface Expected {
  readonly hash: Uint8Array;
  readonly level: number;
  readonly usedMax: number;
}

/** A node that has not been read completely. */
interface OpenNode extends Expected {
  readonly record: Uint8Array;
  readonly right: Uint8Array;
  /** Number of bytes of the left half up to the last nonzero one, once it has been read. */
  leftUsed: number | undefined;
}

/**
 * Reads a canonical stream in parts of any size and verifies it on the fly: throws CanonicalStreamError at the first
 * byte that cannot be part of a valid stream, and on every later call.
 *
 * Each record is put into `records` after those below it, the root last, so that a store is consistent wherever the
 * stream ends: a failed read leaves complete subtrees and no root. The reader holds one record per level, a batch of
 * records to be put, and every hash that it has seen.
 */
export class CanonicalStreamReader {
  private readonly hasher: CanonicalHasher;
  private readonly batch: RecordBatch;
  private readonly expectedId: Uint8Array | undefined;
  private root: { readonly hash: Uint8Array; readonly record: Uint8Array; readonly fields: RootFields } | undefined;
  private expected: Expected | undefined;
  private readonly open: OpenNode[] = [];
  /** The number of used bytes of each subtree seen so far, by hash. */
  private readonly usedByHash = new Map<string, number>();
  private buffer = new Uint8Array(ROOT_RECORD_BYTES);
  private filled = 0;
  /** Offset in the stream of the record that is being read. */
  private recordStart = 0;
  private isWhole = false;
  private failure: unknown;

  constructor(records: Pick<RecordStore, 'put'>, { hash, id, format = STANDARD_FORMAT }: StreamReaderOptions) {
    this.hasher = new CanonicalHasher(hash, format);
    this.batch = new RecordBatch(records);
    this.expectedId = id === undefined ? undefined : hexToBytes(id);
  }

  /** True once the last record has been read. */
  get isComplete(): boolean {
    return this.isWhole;
  }

  /** Number of bytes left in the record that is being read; 0 after the last one. */
  get bytesWanted(): number {
    return this.isWhole ? 0 : this.buffer.length - this.filled;
  }

  /** Reads the next bytes of the stream. */
  push(bytes: Uint8Array): this {
    return this.guarded(() => {
      for (let from = 0; from < bytes.length;) {
        if (this.isWhole) this.refuse('trailing bytes', 0, `${bytes.length - from} bytes after the end`);
        const part = bytes.subarray(from, from + this.buffer.length - this.filled);
        this.buffer.set(part, this.filled);
        this.filled += part.length;
        from += part.length;
        if (this.filled === this.buffer.length) this.takeRecord();
      }
      return this;
    });
  }

  /** Ends the stream and puts the remaining records. */
  finish(): ReadVmo {
    return this.guarded(() => {
      const { root } = this;
      if (!this.isWhole || root === undefined)
        return this.refuse('cut', this.filled, `the stream ends ${this.filled} bytes into ${this.nameOfExpected()}`);
      this.batch.put();
      return { id: bytesToHex(root.hash), lengthBytes: root.fields.lengthBytes, top: root.fields.top };
    });
  }

  private guarded<T>(action: () => T): T {
    if (this.failure !== undefined) throw this.failure;
    try {
      return action();
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  private takeRecord(): void {
    const record = this.buffer;
    if (this.expected === undefined) this.takeRoot(record);
    else this.takeSubtree(record, this.expected);
    this.recordStart += record.length;
    this.filled = 0;
    const next = this.expected;
    if (next !== undefined) this.buffer = new Uint8Array(recordBytes(this.hasher.format, next.level));
  }

  private takeRoot(record: Uint8Array): void {
    const fields = readRoot(this.hasher, record, this.refuse);
    const hash = this.hasher.ofRecord(record);
    if (this.expectedId !== undefined && !equalHashes(hash, this.expectedId)) this.refuseHash(hash, this.expectedId);
    this.root = { hash, record, fields };
    const { lengthBytes, top } = fields;
    const used = this.expect({ hash: top, level: this.hasher.format.heightOf(lengthBytes), usedMax: lengthBytes });
    if (used !== undefined) this.settle(used);
  }

  private takeSubtree(record: Uint8Array, expected: Expected): void {
    const { hash, level, usedMax } = expected;
    const actual = this.hasher.ofRecord(record);
    if (!equalHashes(actual, hash)) this.refuseHash(actual, hash);
    if (level === 0) {
      const page = readLeaf(this.hasher.format, record, usedMax, this.refuse);
      let used = page.length;
      while (page[used - 1] === 0) used--;
      this.enter(expected, record, used);
      return this.settle(used);
    }
    const { left, right } = readNode(this.hasher, record, level, usedMax, this.refuse);
    this.open.push({ ...expected, record, right, leftUsed: undefined });
    const used = this.expect({ hash: left, level: level - 1, usedMax: Math.min(usedMax, this.halfOf(level)) });
    if (used !== undefined) this.settle(used);
  }

  /**
   * Sets the subtree expected next. If its records are omitted from the stream, returns its number of used bytes
   * instead.
   */
  private expect(subtree: Expected): number | undefined {
    const { hash, level, usedMax } = subtree;
    const used = this.hasher.isZero(level, hash) ? 0 : this.usedByHash.get(bytesToHex(hash));
    if (used === undefined) {
      this.expected = subtree;
      return undefined;
    }
    if (used > usedMax)
      this.refuse(
        'beyond the length',
        this.buffer.length,
        `a subtree that was sent has ${used} bytes; at most ${usedMax} belong here`,
      );
    return used;
  }

  /** Continues after a subtree with `used` used bytes was read or omitted. */
  private settle(used: number): void {
    let settled = used;
    for (let node = this.open.at(-1); node !== undefined; node = this.open.at(-1)) {
      const half = this.halfOf(node.level);
      if (node.leftUsed === undefined) {
        node.leftUsed = settled;
        const right = { hash: node.right, level: node.level - 1, usedMax: Math.max(node.usedMax - half, 0) };
        const rightUsed = this.expect(right);
        if (rightUsed === undefined) return;
        settled = rightUsed;
      }
      settled = settled === 0 ? node.leftUsed : half + settled;
      this.open.pop();
      this.enter(node, node.record, settled);
    }
    const { hash, record } = this.root!;
    this.batch.add({ hash, record });
    this.isWhole = true;
    this.expected = undefined;
  }

  private enter({ hash }: Expected, record: Uint8Array, used: number): void {
    this.usedByHash.set(bytesToHex(hash), used);
    this.batch.add({ hash, record });
  }

  private halfOf(level: number): number {
    return this.hasher.format.levelBytes[level - 1]!;
  }

  private nameOfExpected(): string {
    const { expected } = this;
    if (expected === undefined) return 'the root';
    const what = expected.level === 0 ? 'leaf' : `node of level ${expected.level}`;
    return `the ${what} ${bytesToHex(expected.hash)}`;
  }

  private refuseHash(actual: Uint8Array, expected: Uint8Array): never {
    const name = this.root === undefined ? `the root ${bytesToHex(expected)}` : this.nameOfExpected();
    return this.refuse('hash', 0, `${name} is expected; the record's hash is ${bytesToHex(actual)}`);
  }

  /** Throws, for byte `at` of the record that is being read. */
  private readonly refuse = (fault: RecordFault | 'cut' | 'trailing bytes', at: number, message: string): never => {
    throw new CanonicalStreamError(fault, this.recordStart + at, message);
  };
}
