/**
 * A durable store of VMOs in a directory:
 *
 *     format        the version of all this
 *     packs/        records of VMOs: pack-format.ts
 *     code/         translated code, in packs too
 *     names         names and pins: names.ts
 *     names.anchor  shows whether the names are whole: anchor.ts
 *     reserve       room for a full disk: reserve.ts
 *     condemned     garbage that is to be deleted: condemned.ts
 *     leases/       the processes that write to it: leases.ts
 *     quarantine/   damaged packs and names, kept for inspection
 *
 * Packs are only appended to, each by one process, and names only change by appended lines, so that a process which is
 * killed at any moment leaves what it had acknowledged, and nothing by halves.
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { bytesToHex } from '../../bits.js';
import type { CodeStore } from '../../index.js';
import {
  type ContentKind,
  DamagedRecordError,
  type RecordStore,
  type Reference,
} from '../../vmo/records/record-store.js';
import { HostError, isSystemError } from '../failure.js';
import { sha256 } from '../sha256.js';
import { ZeroRecords } from './canonical-records.js';
import { PackedCode } from './code-packs.js';
import { type FileLayer, hostFiles, isFull } from './file-layer.js';
import { FORMAT_VERSION, prepareDirectory, writeFormat } from './format.js';
import { hostProcesses, Lease, type LeaseMode, type ProcessTable } from './leases.js';
import { type NamedReference, NameLog, type NameLogOwner } from './names.js';
import { Anchor } from './name-log/anchor.js';
import { Reserve, RESERVE_BYTES } from './reserve.js';
import { keptOfRecord, Kind, kindOfRecord, recordOfKept } from './packs/pack-format.js';
import { PackSet } from './packs/pack-set.js';
import { kindByContent, Reach } from './reach.js';
import { unreachedContent } from './unreached.js';
import { StoreWriteError } from './errors.js';
import { WholeTrees } from './whole-trees.js';

const QUARANTINE = 'quarantine';
const WAIT_MS = 10_000;

/** Most records that `has` reads: it is called for each subtree of a tree that is put, and must not take long. */
const HAS_RECORDS_MAX = 64;

export interface StoreOptions {
  /** Readers block no other process; writers and garbage collection exclude each other: leases.ts. */
  readonly mode: LeaseMode;
  /** Creates the store if it does not exist. */
  readonly create?: boolean;
  /** How long to wait for processes that exclude this mode. 10 s by default. */
  readonly waitMs?: number;
  /** Bytes reserved for a full disk. 64 KiB by default. */
  readonly reserveBytes?: number;
  readonly files?: FileLayer;
  readonly processes?: ProcessTable;
}

/** The result of a repair. */
export interface Repaired {
  /** The new paths of damaged packs and names. */
  readonly quarantined: readonly string[];
  /** New names of content that no name reaches, and that lost lines of the names may have named. */
  readonly recovered: readonly NamedReference[];
}

/** An open store. A node must be put after the records below it. */
export class DiskStore implements RecordStore {
  readonly names: NameLog;
  readonly packs: PackSet;
  readonly reserve: Reserve;
  /** Undefined in a store of an earlier version. */
  private anchor: Anchor | undefined;
  private codePacks: PackSet | undefined;
  /** Of identities, by their content. */
  private readonly kinds = new Map<string, ContentKind>();
  private readonly zeros = new ZeroRecords(sha256);
  private readonly whole = new WholeTrees(this);

  private constructor(
    readonly directory: string,
    readonly files: FileLayer,
    readonly lease: Lease,
    { reserveBytes = RESERVE_BYTES, version }: { reserveBytes?: number | undefined; version: number },
  ) {
    const anchor = new Anchor(files, `${directory}/names.anchor`, lease.token);
    this.reserve = new Reserve(files, `${directory}/reserve`, reserveBytes);
    this.packs = new PackSet(files, `${directory}/packs`, lease);
    this.names = new NameLog(files, `${directory}/names`, this.nameLogOwner());
    if (version === FORMAT_VERSION || this.bringUp(version, anchor)) this.anchor = anchor;
  }

  /** Throws HostError if there is no store, or one of another version, or one that other processes keep busy. */
  static open(directory: string, options: StoreOptions): DiskStore {
    const { files = hostFiles, processes = hostProcesses, mode, waitMs = WAIT_MS, reserveBytes } = options;
    const version = prepareDirectory(files, directory, options.create ?? false);
    const leases = `${directory}/leases`;
    const reserve = new Reserve(files, `${directory}/reserve`, reserveBytes ?? RESERVE_BYTES);
    const lease = writing(leases, () => reserve.use(() => Lease.take(files, processes, leases, mode, waitMs)));
    try {
      const store = new DiskStore(directory, files, lease, { reserveBytes, version });
      if (lease.isWritable) writing(`${directory}/reserve`, () => reserve.fill());
      return store;
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** Translated code by its key. Readers may put code, too. */
  get code(): CodeStore {
    return new PackedCode(this.codeSet());
  }

  /** The packs of translated code. */
  codeSet(): PackSet {
    return (this.codePacks ??= new PackSet(this.files, `${this.directory}/code`, this.lease));
  }

  /**
   * Whether a record is there; for writers, which rely on it, also whether everything below it is there. For a large tree that
   * has not been checked yet, writers get `false`, and then check its parts in turn.
   */
  has(hash: Uint8Array): boolean {
    if (this.zeros.has(hash)) return true;
    return this.lease.mode === 'write' ? this.whole.has(hash, HAS_RECORDS_MAX) : this.packs.has(hash);
  }

  get(hash: Uint8Array): Uint8Array | undefined {
    const zero = this.zeros.get(hash);
    if (zero) return zero.slice();
    const found = this.packs.get(hash);
    if (!found) return undefined;
    const record = recordOfKept(found.kind, found.kept);
    if (Buffer.compare(sha256(record), hash) === 0) return record;
    this.packs.reportDamaged(hash);
    throw new DamagedRecordError(bytesToHex(hash), 'its content has another hash');
  }

  put(batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void {
    for (const { hash, record } of batch) {
      if (Buffer.compare(sha256(record), hash) !== 0)
        throw new DamagedRecordError(bytesToHex(hash), 'what was to be put has another hash');
      this.putHashed(hash, record);
    }
  }

  /** Stores a record whose hash was just computed. Returns whether it was new. */
  putHashed(hash: Uint8Array, record: Uint8Array): boolean {
    this.requireWriter();
    if (this.zeros.has(hash)) return false;
    const kind = kindOfRecord(record);
    if (kind === undefined) throw new TypeError(`${record.length} bytes with tag ${record[0]} are no canonical record`);
    const isNew = this.packs.put(kind, hash, keptOfRecord(kind, record));
    this.whole.note(hash, record);
    return isNew;
  }

  /** Says that everything that a listing refers to was put by this opening. */
  noteListing(id: string): void {
    this.whole.noteListing(id);
  }

  flush(): void {
    this.packs.flush();
  }

  /**
   * Like `flush`, while other threads compress. Packs that were found to be damaged are moved to quarantine, and their intact
   * records are written again, so that an import repairs the content that it brings. Returns the new paths of these packs.
   */
  async settle(): Promise<string[]> {
    await this.packs.flushAside();
    return this.quarantine();
  }

  /**
   * After `verifyStore` has found damage: writes intact records again, and moves the damaged packs and names to quarantine. If
   * names are lost, all content that no name reaches gets a name. The store must be open to `collect`.
   */
  repair(): Repaired {
    if (this.lease.mode !== 'collect') throw new Error(`the store is open to ${this.lease.mode}`);
    const quarantined = this.quarantine();
    const isLost = this.names.loss() !== undefined || this.names.damage().some(({ hasCopy }) => !hasCopy);
    if (!isLost && this.names.damage().length === 0) return { quarantined, recovered: [] };
    const recovered = isLost ? unreachedContent(this) : [];
    const directory = `${this.directory}/${QUARANTINE}`;
    this.files.makeDirectory(directory);
    const kept = this.names.repair(directory, recovered);
    return { quarantined: [...quarantined, ...kept], recovered };
  }

  /** Puts packs into quarantine in which something was found damaged, as `settle` does. */
  quarantine(): string[] {
    const directory = `${this.directory}/${QUARANTINE}`;
    return [this.packs, ...(this.codePacks ? [this.codePacks] : [])].flatMap((set) => {
      const damaged = set.damagedPacks();
      set.quarantine(damaged, directory);
      return damaged.map(({ fileName }) => `${directory}/${fileName}`);
    });
  }

  *hashes(from?: Uint8Array): Generator<Uint8Array, void, undefined> {
    this.packs.refresh();
    const { table } = this.packs;
    const entries = Array.from({ length: table.count }, (_, entry) => entry);
    const hashes = [...table.sorted(entries)].map((entry) => table.hash(entry).slice());
    for (const hash of hashes) if (!from || Buffer.compare(hash, from) >= 0) yield hash;
  }

  /** Whether a hash is that of zeros, of which nothing is kept. */
  isZero(hash: Uint8Array): boolean {
    return this.zeros.has(hash);
  }

  /** The identity that a text means: a name, an identity, or as many digits of one as tell it from all others, at least 4. */
  resolve(text: string): string | undefined {
    const named = this.names.get(text);
    if (named !== undefined || !/^[0-9a-f]{4,64}$/i.test(text)) return named;
    const found = this.idsFrom(text.toLowerCase());
    if (found.length > 1)
      throw new HostError(
        `${text} begins ${found.length} identities, such as ${found[0]} and ${found[1]}`,
        'ambiguous',
      );
    return found[0];
  }

  /** The identities that begin with some digits, ascending. */
  idsFrom(digits: string): string[] {
    this.packs.refresh();
    const { table } = this.packs;
    const first = Number.parseInt(digits.slice(0, 2), 16);
    const found: string[] = [];
    for (let entry = 0; entry < table.count; entry++) {
      if (table.kind(entry) !== Kind.root || (digits.length >= 2 && table.hash(entry)[0] !== first)) continue;
      const id = bytesToHex(table.hash(entry));
      if (id.startsWith(digits)) found.push(id);
    }
    return found.sort();
  }

  /** Keeps what an identity reaches readable until this opening is closed. Returns whether it is there. */
  hold(id: string): boolean {
    this.packs.refresh();
    return this.has(hexToBytes(id));
  }

  /** Pins content, so that it is kept without a name, or removes the pin. Returns whether that changed anything. */
  pin(reference: Reference, on: boolean): boolean {
    return this.names.setPin(reference, on);
  }

  /**
   * What an identity alone stands for: what a name or a pin says that it is; else a tree if its bytes are a listing, which is
   * also the rule for names and pins that earlier versions have written without a kind.
   */
  kindOf(id: string): ContentKind {
    const references = [...this.names.references(), ...this.names.pinnedReferences()];
    return references.find((reference) => reference.id === id)?.kind ?? this.kindByContent(id);
  }

  /** Unreadable content counts as a file; following it finds what is missing. */
  private kindByContent(id: string): ContentKind {
    return this.readKind(id) ?? 'file';
  }

  private readKind(id: string): ContentKind | undefined {
    const kind = this.kinds.get(id) ?? kindByContent(this, id);
    if (kind !== undefined) this.kinds.set(id, kind);
    return kind;
  }

  /** Makes everything durable, and lets go of the store. */
  close(): void {
    try {
      this.packs.close();
    } finally {
      this.closeCode();
      this.lease.release();
    }
  }

  /** Translated code can be made again: a disk that does not take it is no failure. */
  private closeCode(): void {
    try {
      this.codePacks?.close();
    } catch (error) {
      if (!(error instanceof StoreWriteError)) throw error;
    }
  }

  private nameLogOwner(): NameLogOwner {
    const anchorNow = (): Anchor | undefined => this.anchor;
    return {
      token: this.lease.token,
      reserve: this.reserve,
      get anchor() {
        return anchorNow();
      },
      hasRecords: () => this.packs.table.count > 0,
      beforeChange: (reference) => this.beforeNaming(reference),
      kindOf: (id) => this.readKind(id),
    };
  }

  /**
   * Makes a new store (version 0), or takes one of an earlier version to this one if it may be written, its names are whole and the
   * disk has room. Returns whether it is of this version now.
   */
  private bringUp(version: number, anchor: Anchor): boolean {
    if (version > 0 && (!this.lease.isWritable || this.names.loss() !== undefined || this.names.damage().length > 0))
      return false;
    try {
      if (version === 0) this.names.begin(anchor);
      else this.names.upgrade(anchor);
      writeFormat(this.files, this.directory, this.lease.token);
      return true;
    } catch (error) {
      if (version > 0 && isFull(error)) return false;
      throw isSystemError(error) ? new StoreWriteError(error.path ?? this.directory, error) : error;
    }
  }

  /** Of what a name or a pin stands for already, a part may be missing: that is no news, and it can be renamed. */
  private beforeNaming(reference: Reference | undefined): void {
    this.requireWriter();
    this.flush();
    if (!reference) return;
    const { id } = reference;
    if (!this.packs.has(hexToBytes(id))) throw new HostError(`there is no ${id} in the store`, 'not-found');
    if (this.whole.hasAll(reference) || this.isReferredTo(id)) return;
    const reach = new Reach(this);
    for (const _ of reach.add(reference));
    const [broken] = reach.broken;
    if (!broken) return;
    const why = broken.damage?.message ?? `record ${broken.hash} is ${broken.detail ?? 'missing'}`;
    throw new HostError(`${id} is not whole in the store: ${why}; import its content again`, 'damaged');
  }

  private isReferredTo(id: string): boolean {
    return [...this.names.references(), ...this.names.pinnedReferences()].some((reference) => reference.id === id);
  }

  private requireWriter(): void {
    if (this.lease.mode !== 'write') throw new Error(`the store is open to ${this.lease.mode}`);
  }
}

/** Does what may write. Throws StoreWriteError where the disk refuses. */
function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? new StoreWriteError(error.path ?? path, error) : error;
  }
}
