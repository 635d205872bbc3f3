/**
 * Content that is written down piece by piece, while a machine runs: subtrees, each once, with numbers from 0 on, after those that
 * they consist of.
 *
 *     leaf      0 ‖ bytes                          a page up to its last nonzero byte
 *     node      1 ‖ left ‖ right                   by their numbers
 *     zero      2 ‖ level
 *     remote    3 ‖ level ‖ used ‖ hash[32]        a subtree of a store of the host
 *     record    4 ‖ hash[32] ‖ bytes               its record; records have no numbers
 *
 * Numbers are LEB128, bytes come after their length.
 */
import { bytesToHex } from '../../bits.js';
import { ValueReader, ValueWriter } from '../../state/saved-values.js';
import {
  type CanonicalHasher,
  HASH_BYTES,
  MAX_LEVEL,
  type PageFormat,
  STANDARD_FORMAT,
} from '../content/canonical-form.js';
import { wholePiece } from '../content/rope.js';
import { Leaf, Remote, type Subtree } from '../content/subtree.js';
import { Vmo } from '../content/vmo.js';
import { VmoHandle } from '../handle.js';
import { RemoteTree } from '../records/remote-tree.js';
import type { RecordReader } from '../records/record-reader.js';
import type { VmoStore } from '../store.js';

const ITEM = { leaf: 0, node: 1, zero: 2, remote: 3, record: 4 } as const;

/** Bytes of items that are given away together, about. */
const PART_BYTES = 2 ** 20;

/** A VMO in a log of content: its subtree by its number, and its length. */
export interface LoggedVmo {
  readonly tree: number;
  readonly lengthBytes: number;
  /** Whether its identity could be opened before, as the same subtrees. */
  readonly isOpen: boolean;
}

/** Writes content down. What was written is remembered by its hashes, some 150 bytes a page. */
export class ContentLogWriter {
  private readonly hasher: CanonicalHasher;
  private readonly numbers = new Map<string, number>();
  /** Spares looking at what is known already. */
  private readonly known = new WeakMap<Subtree, number>();
  private readonly records = new Set<string>();
  private items = new ValueWriter();
  private count = 0;

  /** `write` gets parts of the log. */
  constructor(
    private readonly store: VmoStore,
    private readonly write: (items: Uint8Array) => void,
  ) {
    this.hasher = store.parts.shared.hasher;
  }

  /** The VMO of a handle, whose identity can be opened. Throws DamagedRecordError, MissingRecordError for lost content. */
  add(handle: VmoHandle): LoggedVmo {
    const { id } = handle;
    const { tree, lengthBytes } = handle.content.canonical();
    const published = this.store.parts.shared.published.get(id)!;
    const logged = { tree: this.numberOf(tree), lengthBytes, isOpen: published.vmos > 1 && published.tree === tree };
    this.flush();
    return logged;
  }

  private numberOf(tree: Subtree): number {
    const known = this.known.get(tree) ?? this.numbered(tree);
    this.known.set(tree, known);
    return known;
  }

  private numbered(tree: Subtree): number {
    if (tree.used === 0) return this.item(`zero ${tree.level}`, (items) => items.byte(ITEM.zero).count(tree.level));
    if (tree instanceof Leaf)
      return this.item(bytesToHex(this.hashOf(tree)), (items) => items.byte(ITEM.leaf).bytes(tree.bytes));
    if (tree instanceof Remote) return this.remote(tree);
    const [left, right] = [this.numberOf(tree.left), this.numberOf(tree.right)];
    return this.item(`${left} ${right}`, (items) => items.byte(ITEM.node).count(left).count(right));
  }

  private remote({ source, hash, key, level, used }: Remote): number {
    if (!(source instanceof RemoteTree)) throw new Error('the source of a remote subtree is no RemoteTree');
    this.record(source.reader, hash, level, used);
    return this.item(`remote ${key} ${used}`, (items) => items.byte(ITEM.remote).count(level).count(used).raw(hash));
  }

  private hashOf(leaf: Leaf): Uint8Array {
    return this.store.parts.shared.table.hashOf(leaf);
  }

  private item(key: string, write: (items: ValueWriter) => void): number {
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    write(this.items);
    this.flushLong();
    this.numbers.set(key, this.count);
    return this.count++;
  }

  /** Writes the record of a remote subtree, and those below it. */
  private record(reader: RecordReader, hash: Uint8Array, level: number, used: number): void {
    const key = bytesToHex(hash);
    if (this.records.has(key) || this.hasher.isZero(level, hash)) return;
    this.records.add(key);
    const record = reader.subtree(hash, level, used);
    this.items.byte(ITEM.record).raw(hash).bytes(record);
    this.flushLong();
    if (level === 0) return;
    const { left, right } = reader.node(hash, record, level, used);
    const half = this.hasher.format.levelBytes[level - 1]!;
    this.record(reader, left, level - 1, Math.min(used, half));
    this.record(reader, right, level - 1, Math.max(used - half, 0));
  }

  private flushLong(): void {
    if (this.items.written.length >= PART_BYTES) this.flush();
  }

  private flush(): void {
    if (this.items.written.length === 0) return;
    this.write(this.items.written);
    this.items = new ValueWriter();
  }
}

/** Returns bytes of the file that a log is in. */
export type ReadBytes = (offset: number, length: number) => Uint8Array;

/** The content of a log. Only places and numbers are kept in memory. */
export class LoggedContent {
  /** Of items, by their numbers. */
  private readonly kinds: number[] = [];
  private readonly levels: number[] = [];
  /** Offset of the bytes of a leaf or of the hash of a remote subtree; left part of a node. */
  private readonly first: number[] = [];
  /** Length of a leaf; right part of a node. */
  private readonly second: number[] = [];
  /** Bytes up to the last one that may not be zero. */
  private readonly used: number[] = [];
  /** Records by their hashes. */
  private readonly records = new Map<string, { readonly at: number; readonly length: number }>();

  constructor(
    private readonly read: ReadBytes,
    private readonly format: PageFormat = STANDARD_FORMAT,
  ) {}

  /** Takes a part of the log, which is at an offset of the file. Throws SavedSnapshotError for bytes that are never written. */
  add(items: Uint8Array, offset: number): void {
    const source = new ValueReader(items);
    while (!source.isAtEnd) this.addItem(source, offset);
  }

  /** Whether a number is that of a subtree of so many bytes. */
  fits({ tree, lengthBytes }: LoggedVmo): boolean {
    if (!(lengthBytes <= this.format.lengthMax)) return false;
    return this.levels[tree] === this.format.heightOf(lengthBytes) && this.used[tree]! <= lengthBytes;
  }

  /** Makes a VMO, whose identity can be opened, in a store. The caller closes the handle. */
  vmoIn(store: VmoStore, logged: LoggedVmo): VmoHandle {
    const { shared, remoteTrees } = store.parts;
    const { table } = shared;
    const { tree: number, lengthBytes } = logged;
    const remotes = remoteTrees.of(this);
    const made = new Map<number, Subtree>();
    const treeOf = (item: number): Subtree => {
      const tree = made.get(item) ?? make(item);
      made.set(item, tree);
      return tree;
    };
    const make = (item: number): Subtree => {
      const [level, first, second] = [this.levels[item]!, this.first[item]!, this.second[item]!];
      if (this.kinds[item] === ITEM.zero) return table.zero(level);
      if (this.kinds[item] === ITEM.leaf) return table.leaf(this.read(first, second));
      if (this.kinds[item] === ITEM.node) return table.node(treeOf(first), treeOf(second));
      return remotes.subtree(this.read(first, HASH_BYTES).slice(), level, this.used[item]!);
    };
    const vmo = new Vmo(shared, wholePiece(treeOf(number), lengthBytes, table.zero(MAX_LEVEL)));
    const handle = new VmoHandle(vmo);
    table.dropUnused();
    const id = handle.id;
    const other = logged.isOpen ? store.open(id) : undefined;
    if (!other) return handle;
    handle.close();
    return other;
  }

  /** The record of a hash. */
  get(hash: Uint8Array): Uint8Array | undefined {
    const place = this.records.get(bytesToHex(hash));
    return place && this.read(place.at, place.length);
  }

  private addItem(source: ValueReader, offset: number): void {
    const { levelBytes, pageSize } = this.format;
    switch (source.byte()) {
      case ITEM.leaf: {
        const { length } = require(source, source.bytes(), ({ length }) => length > 0 && length <= pageSize);
        return this.put(ITEM.leaf, 0, length, offset + source.offset - length, length);
      }
      case ITEM.node: {
        const [left, right] = [source.count(), source.count()];
        const level = require(source, this.levels[left], (found) => found !== undefined && found < MAX_LEVEL)!;
        require(source, this.levels[right], (found) => found === level);
        const [usedLeft, usedRight] = [this.used[left]!, this.used[right]!];
        const used = usedRight === 0 ? usedLeft : levelBytes[level]! + usedRight;
        return this.put(ITEM.node, level + 1, used, left, right);
      }
      case ITEM.zero:
        return this.put(
          ITEM.zero,
          require(source, source.count(), (level) => level <= MAX_LEVEL),
          0,
        );
      case ITEM.remote: {
        const level = require(source, source.count(), (found) => found <= MAX_LEVEL);
        const used = require(source, source.count(), (found) => found > 0 && found <= levelBytes[level]!);
        source.raw(HASH_BYTES);
        return this.put(ITEM.remote, level, used, offset + source.offset - HASH_BYTES);
      }
      case ITEM.record: {
        const hash = bytesToHex(source.raw(HASH_BYTES));
        const { length } = source.bytes();
        this.records.set(hash, { at: offset + source.offset - length, length });
        return;
      }
      default:
        throw source.malformed();
    }
  }

  private put(kind: number, level: number, used: number, first = 0, second = 0): void {
    this.kinds.push(kind);
    this.levels.push(level);
    this.used.push(used);
    this.first.push(first);
    this.second.push(second);
  }
}

/** A value, if it is as it must be. Throws SavedSnapshotError. */
function require<T>(source: ValueReader, value: T, isRight: (value: T) => boolean): T {
  if (isRight(value)) return value;
  throw source.malformed();
}
