import { bytesToHex } from '../../bits.js';
import { DamagedRecordError } from '../../vmo/record-store.js';
import { isSystemError } from '../failure.js';
import { type FileLayer } from './file-layer.js';
import type { Lease } from './leases.js';
import { contentAt, Pack, PACK_SUFFIX, payloadAt, tokenOf } from './pack.js';
import { type Encoded, encodePayload, HEADER_BYTES, type Kind } from './pack-format.js';
import { PackWriter } from './pack-writer.js';
import { type Place, RecordTable } from './record-table.js';

/** A directory whose time lies so close to when it was listed may have changed since without showing it. */
const CLOCK_GRAIN_MS = 50;

/** How long a process that puts may overlook what another one has put: such a record is then there twice. */
const OVERLOOK_MS = 100;

/** What stands beside a pack. */
const LEFTOVER_SUFFIX = /\.index(\.[^.]*\.new)?$/;

/** What was found of a record. */
export interface Found {
  readonly kind: Kind;
  readonly content: Uint8Array;
}

/** A pack that this process writes. */
interface OwnPack {
  readonly writer: PackWriter;
  readonly pack: Pack;
  /** What it holds. */
  readonly entries: number[];
}

/** The packs of a directory: those that other processes have closed or still write, and the one that this one writes. */
export class PackSet {
  readonly table = new RecordTable();
  private readonly packs = new Map<string, Pack>();
  private readonly byNumber = new Map<number, Pack>();
  private packNumbers = 0;
  private ownPacks = 0;
  private own: OwnPack | undefined;
  /** Those of its packs that are full, and not flushed yet. */
  private full: OwnPack[] = [];
  private listedMs = -Infinity;
  private directoryMs = -Infinity;
  private refreshedAt = -Infinity;
  /** Records that were found damaged: they are put anew. */
  private readonly damaged = new Set<string>();

  constructor(
    readonly files: FileLayer,
    readonly directory: string,
    private readonly lease: Lease,
  ) {
    this.refresh();
  }

  /** The packs, those of other processes that grow included. */
  list(): readonly Pack[] {
    return [...this.packs.values()];
  }

  packOf(entry: number): Pack {
    return this.byNumber.get(this.table.pack(entry))!;
  }

  /** The entry of a record, -1 for none. Looks for what others have written since. */
  find(hash: Uint8Array): number {
    const entry = this.table.find(hash);
    return entry < 0 && this.refresh() ? this.table.find(hash) : entry;
  }

  has(hash: Uint8Array): boolean {
    return this.find(hash) >= 0 && !this.isDamaged(hash);
  }

  /** The content of a record, as its CRC says; undefined where there is none. Throws DamagedRecordError. */
  get(hash: Uint8Array): Found | undefined {
    for (;;) {
      const entry = this.find(hash);
      if (entry < 0) return undefined;
      const place = this.table.place(entry);
      try {
        return { kind: place.kind, content: this.contentOf(place, hash) };
      } catch (error) {
        if (isSystemError(error) && error.code === 'ENOENT' && this.refresh()) continue;
        if (!(error instanceof DamagedRecordError)) throw error;
        return this.wholeCopy(entry, hash, error);
      }
    }
  }

  /** Says that a record is not what its hash says, though its CRC is right or wrong: it counts as missing for `put`. */
  reportDamaged(hash: Uint8Array): void {
    this.damaged.add(bytesToHex(hash));
  }

  /** Appends a record unless it is there. Answers whether it did. */
  put(kind: Kind, hash: Uint8Array, content: Uint8Array): boolean {
    let entry = this.table.find(hash);
    if (entry < 0 && performance.now() - this.refreshedAt > OVERLOOK_MS) {
      this.refresh();
      entry = this.table.find(hash);
    }
    if (entry >= 0 && !this.isDamaged(hash)) return false;
    this.append(entry, hash, kind, content.length, encodePayload(kind, content));
    return true;
  }

  /** Writes a record again as it is, into the pack that this process writes. */
  rewrite(entry: number): void {
    const hash = this.table.hash(entry).slice();
    const { header, payload } = payloadAt(this.packOf(entry), this.table.place(entry), hash);
    this.append(entry, hash, header.kind, header.contentBytes, { encoding: header.encoding, payload });
  }

  /** As `rewrite`; what is damaged is left behind. */
  tryToRewrite(entry: number): void {
    try {
      this.rewrite(entry);
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error;
    }
  }

  /** Returns once everything put is on the disk, and everything of other processes that it was found to be equal to. */
  flush(): void {
    this.sealFull();
    this.own?.writer.flush();
    for (const pack of this.packs.values()) if (pack.mayGrow) pack.sync();
  }

  /** Closes the packs that this process writes, with their indexes. */
  seal(): void {
    if (this.own) this.full.push(this.own);
    this.own = undefined;
    this.sealFull();
  }

  /** Takes packs away, and their indexes. */
  remove(packs: readonly Pack[]): void {
    if (packs.length === 0) return;
    for (const pack of packs) {
      this.drop(pack);
      this.files.remove(pack.path);
      this.files.remove(pack.indexPath);
    }
    this.reload();
  }

  /** When a pack was last written. */
  modifiedMs(pack: Pack): number {
    return this.files.status(pack.path)?.modifiedMs ?? 0;
  }

  /** Takes away what processes that were killed have left: indexes without a pack, and files half written. */
  removeLeftovers(): void {
    const names = this.files.list(this.directory);
    for (const name of names) {
      const pack = name.replace(LEFTOVER_SUFFIX, PACK_SUFFIX);
      const isLeft = name.endsWith('.new') ? !this.lease.isAlive(tokenOf(pack)) : !names.includes(pack);
      if (isLeft) this.files.remove(`${this.directory}/${name}`);
    }
  }

  close(): void {
    try {
      this.seal();
    } finally {
      for (const { writer } of this.full) writer.close();
      for (const pack of this.packs.values()) pack.close();
    }
  }

  /** Takes in what other processes have done to the directory. Answers whether anything was new. */
  refresh(): boolean {
    this.refreshedAt = performance.now();
    const modifiedMs = this.files.status(this.directory)?.modifiedMs ?? 0;
    const before = this.table.count;
    const isSame = modifiedMs === this.directoryMs && this.listedMs - modifiedMs >= CLOCK_GRAIN_MS;
    const isChanged = !isSame && this.listAnew();
    this.directoryMs = modifiedMs;
    if (isSame) for (const pack of this.packs.values()) if (pack.mayGrow) pack.loadMarked(this.table);
    return isChanged || this.table.count !== before;
  }

  /** Lists the packs. Answers whether one is gone: then where records lie is found anew, since copies may be elsewhere. */
  private listAnew(): boolean {
    this.listedMs = Date.now();
    const names = this.files.list(this.directory).filter((name) => name.endsWith(PACK_SUFFIX));
    const there = new Set(names);
    const gone = [...this.packs.values()].filter((pack) => !there.has(pack.fileName) && !this.isOwn(pack));
    for (const pack of gone) this.drop(pack);
    if (gone.length > 0) this.reload();
    for (const pack of this.packs.values()) if (pack.mayGrow) this.load(pack);
    for (const name of names.sort()) if (!this.packs.has(name)) this.load(this.enter(name));
    return gone.length > 0;
  }

  /** Takes in what a pack holds; one that was collected meanwhile is dropped. */
  private load(pack: Pack): void {
    try {
      pack.load(this.table, this.lease);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
      this.drop(pack);
    }
  }

  private enter(fileName: string): Pack {
    const pack = new Pack(this.files, this.directory, fileName, ++this.packNumbers);
    this.packs.set(fileName, pack);
    this.byNumber.set(pack.number, pack);
    return pack;
  }

  private drop(pack: Pack): void {
    pack.close();
    this.packs.delete(pack.fileName);
    this.byNumber.delete(pack.number);
  }

  private reload(): void {
    const kept = this.ownPacksNow().map(({ pack, entries }) => {
      const there = entries.filter((entry) => this.table.pack(entry) === pack.number);
      return {
        entries,
        records: there.map((entry) => [this.table.hash(entry).slice(), this.table.place(entry)] as const),
      };
    });
    this.table.clear();
    for (const { entries, records } of kept) {
      entries.length = 0;
      for (const [hash, place] of records) {
        entries.push(this.table.count);
        this.table.add(hash, place);
      }
    }
    for (const pack of this.packs.values()) if (!this.isOwn(pack)) pack.loadAgain(this.table, this.lease);
  }

  private ownPacksNow(): OwnPack[] {
    return this.own ? [...this.full, this.own] : this.full;
  }

  private isOwn(pack: Pack): boolean {
    return this.ownPacksNow().some((own) => own.pack === pack);
  }

  private append(entry: number, hash: Uint8Array, kind: Kind, contentBytes: number, encoded: Encoded): void {
    const { writer, pack, entries } = this.ownPack();
    const offset = writer.append(kind, hash, contentBytes, encoded);
    const place: Place = { pack: pack.number, offset, kind, payloadBytes: encoded.payload.length };
    if (entry < 0) entries.push(this.table.count);
    else if (this.table.pack(entry) !== pack.number) entries.push(entry);
    if (entry < 0) this.table.add(hash, place);
    else {
      this.table.move(entry, place);
      this.damaged.delete(bytesToHex(hash));
    }
  }

  private ownPack(): OwnPack {
    if (this.own?.writer.isFull) {
      this.own.writer.writeOut();
      this.full.push(this.own);
      this.own = undefined;
    }
    if (!this.own) {
      const name = `${this.lease.token}-${this.ownPacks++}${PACK_SUFFIX}`;
      const writer = new PackWriter(this.files, `${this.directory}/${name}`);
      this.own = { writer, pack: this.enter(name), entries: [] };
    }
    return this.own;
  }

  /** What is full is closed in its order, so that of a node and what is below it the latter is visible first. */
  private sealFull(): void {
    for (let own = this.full[0]; own; own = this.full[0]) {
      own.writer.flush();
      own.pack.writeIndex(this.table, own.entries, own.writer.endOffset);
      own.writer.close();
      this.full.shift();
    }
  }

  private contentOf(place: Place, hash: Uint8Array): Uint8Array {
    const { own } = this;
    const endOffset = place.offset + HEADER_BYTES + place.payloadBytes;
    if (place.pack === own?.pack.number && endOffset > own.writer.writtenBytes) own.writer.writeOut();
    return contentAt(this.byNumber.get(place.pack)!, place, hash);
  }

  /** The content from another pack that has the record too. Throws `damage` where none has it whole. */
  private wholeCopy(entry: number, hash: Uint8Array, damage: DamagedRecordError): Found {
    const first = this.table.pack(entry);
    for (const pack of this.packs.values()) {
      const place = pack.number === first || this.isOwn(pack) ? undefined : pack.findInIndex(hash);
      if (!place) continue;
      try {
        const content = contentAt(pack, place, hash);
        this.table.move(entry, place);
        return { kind: place.kind, content };
      } catch (error) {
        if (!(error instanceof DamagedRecordError)) throw error;
      }
    }
    this.reportDamaged(hash);
    throw damage;
  }

  private isDamaged(hash: Uint8Array): boolean {
    return this.damaged.size > 0 && this.damaged.has(bytesToHex(hash));
  }
}
