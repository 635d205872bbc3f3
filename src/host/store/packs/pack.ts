import { crc32 } from 'node:zlib';
import { isSystemError } from '../../failure.js';
import { decode } from './compression.js';
import { DamagedGroupError, StoreWriteError } from '../errors.js';
import { type FileLayer, readAt, readWhole, writeAll } from '../file-layer.js';
import type { Lease } from '../leases.js';
import { type GroupHeader, HASH_BYTES, hashOfKept, HEADER_BYTES, keptIn, Kind, readHeader } from './pack-format.js';
import { addGroups, decodeIndex, encodeIndex, type IndexedGroup, type PackIndex } from './pack-index.js';
import { scanPack } from './pack-scan.js';
import { compareBytes, type Place, RecordTable } from './record-table.js';

export const PACK_SUFFIX = '.pack';
const INDEX_SUFFIX = '.index';
/** Longer than any pack: it is closed at 64 MiB, and its last group has 256 MiB at most. */
const PACK_BYTES_LIMIT = 2 ** 29;

/** `TOKEN-N.pack`: the opening of the store that writes it, and which of its packs it is. */
const PACK_NAME = /^(.*)-\d+\.pack$/;

/** The opening of the store that writes or wrote a pack. */
export function tokenOf(fileName: string): string {
  return PACK_NAME.exec(fileName)?.[1] ?? '';
}

/** A group that was read. */
export interface Group {
  readonly header: GroupHeader;
  /** What is kept of its records. */
  readonly kept: readonly Uint8Array[];
}

/** A pack in a directory. */
export class Pack {
  readonly path: string;
  private file: number | undefined;
  /** Another process writes it, or did when it was last looked at. */
  private isGrowing = false;
  /** Bytes of it that are in the table. */
  private loadedTo = 0;
  private scannedTo = 0;
  private syncedTo = 0;
  /** Offsets of groups behind the last mark. */
  private waiting: number[] = [];
  /** The content of its index, once that was read. */
  private indexed: RecordTable | undefined;
  /** By offset of a group, whether its bytes are what their CRCs say: those that were looked at. */
  private readonly whole = new Map<number, boolean>();

  constructor(
    private readonly files: FileLayer,
    directory: string,
    readonly fileName: string,
    /** How the table names it. */
    readonly number: number,
  ) {
    this.path = `${directory}/${fileName}`;
  }

  get indexPath(): string {
    return this.path.slice(0, -PACK_SUFFIX.length) + INDEX_SUFFIX;
  }

  get mayGrow(): boolean {
    return this.isGrowing;
  }

  /** Bytes of it that count. */
  get endOffset(): number {
    return this.loadedTo;
  }

  /** Whether a part of it was found damaged. */
  get isDamaged(): boolean {
    for (const isWhole of this.whole.values()) if (!isWhole) return true;
    return false;
  }

  /**
   * Puts into `table` what the pack holds: by its index; else what its writer has marked as flushed, and where that is gone,
   * the index is made.
   */
  load(table: RecordTable, lease: Lease): void {
    const index = this.readIndex();
    if (index) this.take(index, table);
    else if (lease.isAlive(tokenOf(this.fileName))) {
      this.isGrowing = true;
      this.loadMarked(table);
    } else this.recover(table, lease);
  }

  loadAgain(table: RecordTable, lease: Lease): void {
    this.loadedTo = this.scannedTo = 0;
    this.waiting = [];
    this.load(table, lease);
  }

  /** Adds to `table` the records that the writer has flushed since the last call. Returns their groups. */
  loadMarked(table: RecordTable): IndexedGroup[] {
    const size = this.size();
    const groups: IndexedGroup[] = [];
    if (size === this.scannedTo) return groups;
    for (const { header, offset, endOffset } of scanPack(this.files, this.open(), this.scannedTo, size)) {
      if (!header) continue;
      this.scannedTo = endOffset;
      if (header.kind !== Kind.mark) this.waiting.push(offset);
      else {
        groups.push(...this.waiting.flatMap((waiting) => this.indexedAt(waiting) ?? []));
        this.waiting = [];
        this.loadedTo = endOffset;
      }
    }
    addGroups(table, this.number, groups);
    return groups;
  }

  /** Sees to it that what this process took from it is on the disk: the last marks may not be yet. */
  sync(): void {
    if (this.syncedTo === this.loadedTo) return;
    this.files.sync(this.open());
    this.syncedTo = this.loadedTo;
  }

  /** Size of the file, in bytes; what lies behind the limit of a pack is none of it. */
  size(): number {
    return Math.min(PACK_BYTES_LIMIT, this.files.size(this.open()));
  }

  get isOpen(): boolean {
    return this.file !== undefined;
  }

  /** Its descriptor, for a scan. */
  open(): number {
    return (this.file ??= this.files.open(this.path, 'read'));
  }

  /** What stands before the payload of the group at `offset`. Throws DamagedGroupError; ENOENT where it was collected. */
  headerAt(offset: number): GroupHeader {
    const header = readHeader(this.read(offset, HEADER_BYTES));
    if (!header || header.kind === Kind.mark) throw this.damage(offset, 'no group begins there');
    return header;
  }

  /** The records of the group at `offset`. Throws DamagedGroupError; ENOENT where it was collected. */
  groupAt(offset: number): Group {
    const header = this.headerAt(offset);
    const payload = this.payloadOf(offset, header);
    const content = decode({ encoding: header.encoding, payload }, header.contentBytes);
    const kept = content && keptIn(content, header);
    if (!kept) throw this.damage(offset, 'its payload is not what its header says');
    return { header, kept };
  }

  /** Bytes of the pack for each record of the group at `offset`, what stands before them included; 0 where it is damaged. */
  bytesPerRecord(offset: number): number {
    try {
      const { payloadBytes, records } = this.headerAt(offset);
      return (HEADER_BYTES + payloadBytes) / records;
    } catch (error) {
      if (!(error instanceof DamagedGroupError)) throw error;
      return 0;
    }
  }

  /**
   * Whether the group at `offset` is what its CRCs say, and holds the record of a hash as the index says, as it does not in the pack
   * of another store. It is read once. Throws ENOENT where it was collected.
   */
  isWholeAt(offset: number, number: number, hash: Uint8Array): boolean {
    const known = this.whole.get(offset);
    if (known !== undefined) return known;
    try {
      const { header, kept } = this.groupAt(offset);
      const isWhole = number < kept.length && compareBytes(hashOfKept(header.kind, kept[number]!), hash) === 0;
      this.whole.set(offset, isWhole);
      return isWhole;
    } catch (error) {
      if (!(error instanceof DamagedGroupError)) throw error;
      return false;
    }
  }

  isKnownDamaged(offset: number): boolean {
    return this.whole.get(offset) === false;
  }

  /** Says that a group is not what it should be, though its CRCs may say otherwise. */
  reportDamaged(offset: number): void {
    this.whole.set(offset, false);
  }

  /** Writes down what the pack holds, to be its index when it is published. It is no harm if a crash takes that along. */
  prepareIndex(index: PackIndex, token = 'own'): void {
    this.isGrowing = false;
    this.loadedTo = this.syncedTo = index.endOffset;
    const path = this.preparedPath(token);
    try {
      this.files.remove(path);
      const file = this.files.open(path, 'create');
      try {
        writeAll(this.files, file, encodeIndex(index));
      } finally {
        this.files.close(file);
      }
    } catch (error) {
      throw new StoreWriteError(path, error);
    }
  }

  /** Puts the index that was prepared in its place. */
  publishIndex(token = 'own'): void {
    try {
      this.files.rename(this.preparedPath(token), this.indexPath);
    } catch (error) {
      throw new StoreWriteError(this.indexPath, error);
    }
  }

  /** The index file of the pack; undefined if it is missing or damaged. */
  readIndex(): PackIndex | undefined {
    const bytes = readWhole(this.files, this.indexPath);
    return bytes && decodeIndex(bytes);
  }

  /** Where a record lies in it, by its index alone. */
  findInIndex(hash: Uint8Array): Place | undefined {
    if (!this.indexed) {
      const index = this.readIndex();
      if (!index) return undefined;
      this.indexed = new RecordTable();
      addGroups(this.indexed, this.number, index.groups);
    }
    const entry = this.indexed.find(hash);
    return entry < 0 ? undefined : this.indexed.place(entry);
  }

  close(): void {
    if (this.file !== undefined) this.files.close(this.file);
    this.file = undefined;
  }

  private take(index: PackIndex, table: RecordTable): void {
    this.isGrowing = false;
    this.waiting = [];
    this.loadedTo = this.syncedTo = index.endOffset;
    addGroups(table, this.number, index.groups);
  }

  /** The pack of a process that is gone, and which has no index, or a damaged one. */
  private recover(table: RecordTable, lease: Lease): void {
    this.isGrowing = false;
    this.loadedTo = this.scannedTo = 0;
    this.waiting = [];
    const groups = this.loadMarked(table);
    this.waiting = [];
    if (!lease.isWritable) return;
    this.sync();
    try {
      this.prepareIndex({ groups, endOffset: this.loadedTo }, lease.token);
      this.publishIndex(lease.token);
    } catch (error) {
      // It only makes the next opening faster.
      if (!(error instanceof StoreWriteError)) throw error;
    }
  }

  /** What the group at `offset` holds, as it follows from the group; undefined for one that is damaged. */
  private indexedAt(offset: number): IndexedGroup | undefined {
    try {
      const { header, kept } = this.groupAt(offset);
      const hashes = new Uint8Array(kept.length * HASH_BYTES);
      kept.forEach((record, i) => hashes.set(hashOfKept(header.kind, record), i * HASH_BYTES));
      return { offset, kind: header.kind, hashes };
    } catch (error) {
      if (error instanceof DamagedGroupError) return undefined;
      throw error;
    }
  }

  private payloadOf(offset: number, { payloadBytes, payloadCrc }: GroupHeader): Uint8Array {
    const payload = this.read(offset + HEADER_BYTES, payloadBytes);
    if (payload.length < payloadBytes) throw this.damage(offset, 'the file ends before it does');
    if (crc32(payload) !== payloadCrc) throw this.damage(offset, 'its payload is not what its header says');
    return payload;
  }

  /** Bytes at `offset`; fewer where the file ends. */
  private read(offset: number, length: number): Uint8Array {
    try {
      return readAt(this.files, this.open(), offset, length);
    } catch (error) {
      if (isSystemError(error) && error.code === 'EIO') throw this.damage(offset, 'the disk cannot read it');
      throw error;
    }
  }

  private damage(offset: number, detail: string): DamagedGroupError {
    this.whole.set(offset, false);
    return new DamagedGroupError(this.path, offset, detail);
  }

  private preparedPath(token: string): string {
    return `${this.indexPath}.${token}.new`;
  }
}
