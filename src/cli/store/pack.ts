import { bytesToHex } from '../../bits.js';
import { DamagedRecordError } from '../../vmo/record-store.js';
import { isSystemError } from '../failure.js';
import { crc32 } from './crc32.js';
import { StoreWriteError } from './errors.js';
import { type FileLayer, readAt, readWhole, replaceFile } from './file-layer.js';
import type { Lease } from './leases.js';
import { decodePayload, HEADER_BYTES, Kind, readHeader, type RecordHeader } from './pack-format.js';
import { decodeIndex, encodeIndex, type PackIndex } from './pack-index.js';
import { scanPack } from './pack-scan.js';
import { compareBytes, type Place, RecordTable } from './record-table.js';

export const PACK_SUFFIX = '.pack';
const INDEX_SUFFIX = '.index';

/** `TOKEN-N.pack`: the opening of the store that writes it, and which of its packs it is. */
const PACK_NAME = /^(.*)-\d+\.pack$/;

/** The opening of the store that writes or wrote a pack. */
export function tokenOf(fileName: string): string {
  return PACK_NAME.exec(fileName)?.[1] ?? '';
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
  /** What stands behind the last mark. */
  private readonly waiting = new RecordTable();

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

  /** Bytes of it that are records. */
  get endOffset(): number {
    return this.loadedTo;
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
    this.waiting.clear();
    this.load(table, lease);
  }

  /** Puts into `table` what the writer has marked as flushed since. */
  loadMarked(table: RecordTable): void {
    const size = this.size();
    if (size === this.scannedTo) return;
    for (const { header, offset, endOffset } of scanPack(this.files, this.open(), this.scannedTo, size)) {
      if (!header) continue;
      this.scannedTo = endOffset;
      if (header.kind !== Kind.mark) this.waiting.add(header.hash, this.placeOf(header, offset));
      else this.takeWaiting(table, endOffset);
    }
  }

  /** Sees to it that what this process took from it is on the disk: the last marks may not be yet. */
  sync(): void {
    if (this.syncedTo === this.loadedTo) return;
    this.files.sync(this.open());
    this.syncedTo = this.loadedTo;
  }

  /** Bytes at `offset`; fewer where the file ends. Throws ENOENT where it was collected. */
  read(offset: number, length: number): Uint8Array {
    return readAt(this.files, this.open(), offset, length);
  }

  /** Size of the file, in bytes. */
  size(): number {
    return this.files.size(this.open());
  }

  /** Its descriptor, for a scan. */
  open(): number {
    return (this.file ??= this.files.open(this.path, 'read'));
  }

  /** Writes the index: the pack holds the records of `entries` in its first `endOffset` bytes. `token` names the opening. */
  writeIndex(table: RecordTable, entries: readonly number[], endOffset: number, token = 'own'): void {
    this.isGrowing = false;
    this.loadedTo = this.syncedTo = endOffset;
    // A record that was found damaged may have been put anew elsewhere.
    const here = entries.filter((entry) => table.pack(entry) === this.number);
    try {
      const temporary = `${this.indexPath}.${token}.new`;
      replaceFile(this.files, this.indexPath, temporary, encodeIndex(table, here, endOffset));
    } catch (error) {
      throw new StoreWriteError(this.indexPath, error);
    }
  }

  /** The index beside it; undefined where there is none that is whole. */
  readIndex(): PackIndex | undefined {
    const bytes = readWhole(this.files, this.indexPath);
    return bytes && decodeIndex(bytes);
  }

  /** Where a record lies in it, by its index alone. */
  findInIndex(hash: Uint8Array): Place | undefined {
    const table = new RecordTable();
    this.readIndex()?.addTo(table, this.number);
    const entry = table.find(hash);
    return entry < 0 ? undefined : table.place(entry);
  }

  close(): void {
    if (this.file !== undefined) this.files.close(this.file);
    this.file = undefined;
  }

  private take(index: PackIndex, table: RecordTable): void {
    this.isGrowing = false;
    this.waiting.clear();
    this.loadedTo = this.syncedTo = index.endOffset;
    index.addTo(table, this.number);
  }

  /** The pack of a process that is gone, and which has no index, or a damaged one. */
  private recover(table: RecordTable, lease: Lease): void {
    this.isGrowing = false;
    this.loadMarked(table);
    this.waiting.clear();
    if (!lease.isWritable) return;
    this.sync();
    this.tryToIndex(table, lease);
  }

  private takeWaiting(table: RecordTable, endOffset: number): void {
    const { waiting } = this;
    for (let entry = 0; entry < waiting.count; entry++) table.add(waiting.hash(entry), waiting.place(entry));
    waiting.clear();
    this.loadedTo = endOffset;
  }

  private tryToIndex(table: RecordTable, lease: Lease): void {
    try {
      this.writeIndex(table, table.entriesOf(this.number), this.loadedTo, lease.token);
    } catch (error) {
      // It only makes the next opening faster.
      if (!(error instanceof StoreWriteError)) throw error;
    }
  }

  private placeOf(header: { kind: Kind; payloadBytes: number }, offset: number): Place {
    return { pack: this.number, offset, kind: header.kind, payloadBytes: header.payloadBytes };
  }
}

/** The content of the record of `hash` that lies at `place` of a pack. Throws DamagedRecordError. */
export function contentAt(pack: Pack, place: Place, hash: Uint8Array): Uint8Array {
  const { header, payload } = payloadAt(pack, place, hash);
  const content = decodePayload(header, payload);
  if (!content) throw damageAt(pack, place, hash, 'its payload is not what its header says');
  return content;
}

/** The record of `hash` that lies at `place` of a pack, whole by its CRCs. Throws DamagedRecordError. */
export function payloadAt(pack: Pack, place: Place, hash: Uint8Array): { header: RecordHeader; payload: Uint8Array } {
  const damaged = (detail: string): DamagedRecordError => damageAt(pack, place, hash, detail);
  const length = HEADER_BYTES + place.payloadBytes;
  let bytes: Uint8Array;
  try {
    bytes = pack.read(place.offset, length);
  } catch (error) {
    if (isSystemError(error) && error.code === 'EIO') throw damaged('the disk cannot read it');
    throw error;
  }
  if (bytes.length < length) throw damaged('the file ends before it does');
  const header = readHeader(bytes, 0);
  if (!header) throw damaged('there is no header');
  if (header.kind !== place.kind || header.payloadBytes !== place.payloadBytes) throw damaged('it is of another kind');
  if (compareBytes(header.hash, hash) !== 0) throw damaged('another record lies there');
  const payload = bytes.subarray(HEADER_BYTES);
  if (crc32(payload) !== header.payloadCrc) throw damaged('its payload is not what its header says');
  return { header, payload };
}

function damageAt(pack: Pack, place: Place, hash: Uint8Array, detail: string): DamagedRecordError {
  return new DamagedRecordError(bytesToHex(hash), `byte ${place.offset} of ${pack.path}: ${detail}`);
}
