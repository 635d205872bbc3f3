import { bytesToHex } from '../../../bits.js';
import { DamagedRecordError } from '../../../vmo/records/record-store.js';
import { isSystemError } from '../../failure.js';
import { DamagedGroupError } from '../errors.js';
import { type FileLayer } from '../file-layer.js';
import { GroupCache } from './group-cache.js';
import type { Lease } from '../leases.js';
import { Pack, PACK_SUFFIX, tokenOf } from './pack.js';
import { HASH_BYTES, hashOfKept, type Kind } from './pack-format.js';
import { hashAt, type IndexedGroup } from './pack-index.js';
import { PackWriter } from './pack-writer.js';
import { compareBytes, type Place, RecordTable } from './record-table.js';

/** A directory whose time lies so close to when it was listed may have changed since without showing it. */
const CLOCK_GRAIN_MS = 50;

/** How long a process that puts may overlook what another one has put: such a record is then there twice. */
const OVERLOOK_MS = 100;

/** What stands beside a pack. */
const LEFTOVER_SUFFIX = /\.index(\.[^.]*\.new)?$/;

/** What was found of a record. */
export interface Found {
  readonly kind: Kind;
  /** What is kept of it: a view. */
  readonly kept: Uint8Array;
}

/** A pack that this process writes. */
interface OwnPack {
  readonly writer: PackWriter;
  readonly pack: Pack;
}

/** The packs of a directory: those that other processes have closed or still write, and the one that this one writes. */
export class PackSet {
  readonly table = new RecordTable();
  private readonly packs = new Map<string, Pack>();
  private readonly byNumber = new Map<number, Pack>();
  private readonly groups = new GroupCache();
  private packNumbers = 0;
  private ownPacks = 0;
  private own: OwnPack | undefined;
  /** Those of its packs that are full, and not flushed yet; each has its index prepared. */
  private full: OwnPack[] = [];
  private listedMs = -Infinity;
  private directoryMs = -Infinity;
  private refreshedAt = -Infinity;

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

  /** Whether a record is there, and its group was not found damaged. */
  has(hash: Uint8Array): boolean {
    const entry = this.find(hash);
    return entry >= 0 && !this.packOf(entry).isKnownDamaged(this.table.place(entry).offset);
  }

  /** What is kept of a record; undefined where there is none. Throws DamagedRecordError. */
  get(hash: Uint8Array): Found | undefined {
    for (;;) {
      const entry = this.find(hash);
      if (entry < 0) return undefined;
      const place = this.table.place(entry);
      try {
        return { kind: place.kind, kept: this.keptAt(place) };
      } catch (error) {
        if (isGone(error) && this.refresh()) continue;
        if (!(error instanceof DamagedGroupError)) throw error;
        return this.wholeCopy(entry, hash, error);
      }
    }
  }

  /** Says that a record is not what its hash says, though its CRC is right: its group counts as missing for `put`. */
  reportDamaged(hash: Uint8Array): void {
    const entry = this.table.find(hash);
    if (entry >= 0) this.packOf(entry).reportDamaged(this.table.place(entry).offset);
  }

  /**
   * Appends a record, unless it is there and intact by the CRC of its group, which is checked once. `kept` is its stored form.
   * Returns whether it was appended.
   */
  put(kind: Kind, hash: Uint8Array, kept: Uint8Array): boolean {
    let entry = this.table.find(hash);
    if (entry < 0 && performance.now() - this.refreshedAt > OVERLOOK_MS) {
      this.refresh();
      entry = this.table.find(hash);
    }
    if (entry >= 0 && this.isWhole(entry)) return false;
    this.append(hash, kind, kept);
    return true;
  }

  /** Writes a record again, into the pack that this process writes. Throws DamagedRecordError, also for one that is gone. */
  rewrite(hash: Uint8Array): void {
    const found = this.get(hash);
    if (!found) throw new DamagedRecordError(bytesToHex(hash), 'it is gone');
    if (compareBytes(hashOfKept(found.kind, found.kept), hash) !== 0)
      throw new DamagedRecordError(bytesToHex(hash), 'its content has another hash');
    this.append(hash, found.kind, found.kept);
  }

  /** Writes again what packs hold, and no other pack has whole; what is damaged is left behind. */
  rewriteWhole(packs: readonly Pack[]): void {
    for (const hash of packs.flatMap((pack) => this.hashesOf(pack))) {
      const entry = this.table.find(hash);
      if (entry >= 0 && !packs.includes(this.packOf(entry)) && this.isWhole(entry)) continue;
      try {
        this.rewrite(hash);
      } catch (error) {
        if (!(error instanceof DamagedRecordError)) throw error;
      }
    }
  }

  /** Where a wanted record lies in several packs, takes it from one in which it is whole. */
  preferWhole(isWanted: (hash: Uint8Array) => boolean): void {
    const { table } = this;
    for (const pack of this.list())
      for (const hash of this.hashesOf(pack)) {
        const entry = table.find(hash);
        if (entry < 0 || this.packOf(entry) === pack || !isWanted(hash) || this.isWhole(entry)) continue;
        const place = pack.findInIndex(hash);
        if (place && pack.isWholeAt(place.offset, place.number, hash)) table.move(entry, place);
      }
  }

  /** Lets other threads encode what was put. To be called now and then while much is put, so that little waits. */
  async ease(): Promise<void> {
    await this.own?.writer.ease();
  }

  /** As `flush`, while other threads encode. */
  async flushAside(): Promise<void> {
    this.sealFull();
    await this.own?.writer.flushAside();
    this.flush();
  }

  /** Returns once everything put is on the disk, and everything of other processes that it was found to be equal to. */
  flush(): void {
    this.sealFull();
    this.own?.writer.flush();
    for (const pack of this.packs.values()) if (pack.mayGrow) pack.sync();
  }

  /** Closes the packs that this process writes, with their indexes. */
  seal(): void {
    this.endOwn();
    this.sealFull();
  }

  /** Deletes the packs that this process writes, after a write that failed. */
  discardOwn(): void {
    const own = this.ownPacksNow();
    [this.own, this.full] = [undefined, []];
    for (const { writer } of own) writer.release();
    this.remove(own.map(({ pack }) => pack));
  }

  /** Takes packs away, and their indexes. */
  remove(packs: readonly Pack[], remove = (pack: Pack): void => this.files.remove(pack.path)): void {
    if (packs.length === 0) return;
    for (const pack of packs) {
      this.drop(pack);
      remove(pack);
      this.files.remove(pack.indexPath);
    }
    this.reload();
  }

  /** Damaged packs that no process is writing. */
  damagedPacks(): Pack[] {
    return this.list().filter((pack) => pack.isDamaged && !pack.mayGrow && !this.isOwn(pack));
  }

  /** Writes the intact records of packs again, and moves the packs to a directory. */
  quarantine(packs: readonly Pack[], directory: string): void {
    if (packs.length === 0) return;
    this.rewriteWhole(packs);
    this.seal();
    this.files.makeDirectory(directory);
    this.remove(packs, (pack) => {
      try {
        this.files.rename(pack.path, `${directory}/${pack.fileName}`);
      } catch (error) {
        // Another process has put it there in the meantime, with its own copies of the intact records.
        if (!isGone(error)) throw error;
      }
    });
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
      for (const { writer } of this.ownPacksNow()) writer.release();
      for (const pack of this.packs.values()) pack.close();
    }
  }

  /** Loads changes that other processes have made to the directory. Returns whether there were any. */
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

  /** Lists the packs. Returns whether one is gone: then where records lie is found anew, since copies may be elsewhere. */
  private listAnew(): boolean {
    this.listedMs = Date.now();
    let names = this.listPacks();
    const there = new Set(names);
    const gone = this.list().filter((pack) => !there.has(pack.fileName) && !this.isOwn(pack) && !this.isHeld(pack));
    for (const pack of gone) this.drop(pack);
    if (gone.length > 0) this.reload();
    for (const pack of this.packs.values()) if (pack.mayGrow) this.load(pack);
    for (; names.length > 0; names = this.isReader ? this.listPacks().filter((name) => !there.has(name)) : [])
      for (const name of names.sort()) {
        there.add(name);
        if (!this.packs.has(name)) this.load(this.enter(name));
      }
    return gone.length > 0;
  }

  private listPacks(): string[] {
    return this.files.list(this.directory).filter((name) => name.endsWith(PACK_SUFFIX));
  }

  /** Readers hold every pack open: what a collector deletes stays readable for them. */
  private get isReader(): boolean {
    return this.lease.mode === 'read';
  }

  private isHeld(pack: Pack): boolean {
    return this.isReader && pack.isOpen;
  }

  /** Loads the records of a pack; forgets a pack that was collected in the meantime. */
  private load(pack: Pack): void {
    try {
      if (this.isReader) holdOpen(pack);
      pack.load(this.table, this.lease);
    } catch (error) {
      if (!isGone(error)) throw error;
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
    const { table } = this;
    const own = this.ownPacksNow().flatMap(({ pack }) =>
      table.entriesOf(pack.number).map((entry) => [table.hash(entry).slice(), table.place(entry)] as const),
    );
    table.clear();
    for (const [hash, place] of own) table.add(hash, place);
    for (const pack of this.packs.values()) if (!this.isOwn(pack)) pack.loadAgain(table, this.lease);
  }

  /** The records of a pack that is closed. */
  private hashesOf(pack: Pack): Uint8Array[] {
    const groups = pack.readIndex()?.groups;
    if (!groups) return this.table.entriesOf(pack.number).map((entry) => this.table.hash(entry).slice());
    return groups.flatMap((group) =>
      Array.from({ length: group.hashes.length / HASH_BYTES }, (_, number) => hashAt(group, number)),
    );
  }

  private ownPacksNow(): OwnPack[] {
    return this.own ? [...this.full, this.own] : this.full;
  }

  private isOwn(pack: Pack): boolean {
    return this.ownPacksNow().some((own) => own.pack === pack);
  }

  private append(hash: Uint8Array, kind: Kind, kept: Uint8Array): void {
    const { writer, pack } = this.ownPack();
    const place: Place = { pack: pack.number, kind, ...writer.append(kind, hash, kept) };
    const entry = this.table.find(hash);
    if (entry < 0) this.table.add(hash, place);
    else this.table.move(entry, place);
  }

  private ownPack(): OwnPack {
    if (this.own?.writer.isFull) this.endOwn();
    if (!this.own) {
      this.lease.announce();
      const name = `${this.lease.token}-${this.ownPacks++}${PACK_SUFFIX}`;
      const path = `${this.directory}/${name}`;
      const writer = new PackWriter(this.files, path, (before, group) => this.settle(pack.number, before, group));
      const pack = this.enter(name);
      this.own = { writer, pack };
    }
    return this.own;
  }

  /** Nothing is appended any more to the pack that is written. */
  private endOwn(): void {
    if (!this.own) return;
    const { writer, pack } = this.own;
    pack.prepareIndex(writer.index());
    writer.forgetIndex();
    this.full.push(this.own);
    this.own = undefined;
  }

  /** A group of an own pack has found its place. */
  private settle(pack: number, before: number, group: IndexedGroup): void {
    const { table } = this;
    for (let number = 0; number * HASH_BYTES < group.hashes.length; number++) {
      const entry = table.find(hashAt(group, number));
      const place = entry < 0 ? undefined : table.place(entry);
      if (place?.pack === pack && place.offset === before) table.move(entry, { ...place, offset: group.offset });
    }
  }

  /** What is full is closed in its order, so that of a node and what is below it the latter is visible first. */
  private sealFull(): void {
    for (let own = this.full[0]; own; own = this.full[0]) {
      own.writer.flush();
      own.pack.publishIndex();
      own.writer.release();
      this.full.shift();
    }
  }

  private isWhole(entry: number): boolean {
    const pack = this.packOf(entry);
    if (this.isOwn(pack)) return true;
    try {
      const { offset, number } = this.table.place(entry);
      return pack.isWholeAt(offset, number, this.table.hash(entry));
    } catch (error) {
      if (!isGone(error)) throw error;
      const hash = this.table.hash(entry).slice();
      this.refresh();
      const again = this.table.find(hash);
      return again >= 0 && this.packOf(again) !== pack && this.isWhole(again);
    }
  }

  private keptAt({ pack: number, offset, number: record }: Place): Uint8Array {
    const pack = this.byNumber.get(number)!;
    const own = this.ownPacksNow().find((own) => own.pack === pack);
    const kept = own?.writer.unwrittenKept(offset, record) ?? this.groups.read(pack, offset).kept[record];
    if (!kept) throw new DamagedGroupError(pack.path, offset, `it has no record ${record}`);
    return kept;
  }

  /** What another pack keeps of a record. Throws DamagedRecordError where none has it whole. */
  private wholeCopy(entry: number, hash: Uint8Array, damage: DamagedGroupError): Found {
    const first = this.table.pack(entry);
    for (const pack of this.packs.values()) {
      const place = pack.number === first || this.isOwn(pack) ? undefined : pack.findInIndex(hash);
      if (!place) continue;
      try {
        const kept = this.keptAt(place);
        this.table.move(entry, place);
        return { kind: place.kind, kept };
      } catch (error) {
        if (!(error instanceof DamagedGroupError)) throw error;
      }
    }
    throw new DamagedRecordError(bytesToHex(hash), damage.message);
  }
}

/** Opens a pack, if the process may have one more file open: what is deleted of all others is then missing, never wrong. */
function holdOpen(pack: Pack): void {
  try {
    pack.open();
  } catch (error) {
    if (!isSystemError(error) || !['EMFILE', 'ENFILE'].includes(error.code)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return isSystemError(error) && error.code === 'ENOENT';
}
