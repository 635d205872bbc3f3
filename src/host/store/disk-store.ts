/**
 * A durable store of VMOs in a directory:
 *
 *     format        the version of all this
 *     packs/        records of VMOs: pack-format.ts
 *     code/         translated code, in packs too
 *     names         names and pins: names.ts
 *     leases/       who has it open: leases.ts
 *     quarantine/   packs and names that were found damaged, for whoever wants to look into them
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
import { HostError } from '../failure.js';
import { sha256 } from '../sha256.js';
import { ZeroRecords } from './canonical-records.js';
import { PackedCode } from './code-packs.js';
import { type FileLayer, hostFiles, readWhole, replaceFile } from './file-layer.js';
import { hostProcesses, Lease, type LeaseMode, type ProcessTable, sleep } from './leases.js';
import { NameLog } from './names.js';
import { keptOfRecord, Kind, kindOfRecord, recordOfKept } from './packs/pack-format.js';
import { PackSet } from './packs/pack-set.js';
import { compareBytes } from './packs/record-table.js';
import { kindByContent } from './reach.js';
import { StoreWriteError } from './errors.js';

const FORMAT = 'bd0 store 2\n';
const DIRECTORIES = ['packs', 'code', 'leases'];
const QUARANTINE = 'quarantine';
const WAIT_MS = 10_000;
const HOLD_WAIT_MS = 10;

export interface StoreOptions {
  /** Reading keeps nobody waiting; writers and garbage collection exclude one another: leases.ts. */
  readonly mode: LeaseMode;
  /** Makes the store where there is none. */
  readonly create?: boolean;
  /** How long to wait for those who are in the way. 10 s. */
  readonly waitMs?: number;
  readonly files?: FileLayer;
  readonly processes?: ProcessTable;
}

/** An opening of a store. A node is to be put after what is below it. */
export class DiskStore implements RecordStore {
  readonly names: NameLog;
  readonly packs: PackSet;
  private codePacks: PackSet | undefined;
  /** Of identities, by their content. */
  private readonly kinds = new Map<string, ContentKind>();
  private readonly zeros = new ZeroRecords(sha256);

  private constructor(
    readonly directory: string,
    private readonly files: FileLayer,
    readonly lease: Lease,
  ) {
    this.packs = new PackSet(files, `${directory}/packs`, lease);
    this.names = new NameLog(files, `${directory}/names`, lease.token, (id) => this.beforeNaming(id), (id) => this.kindByContent(id)); // prettier-ignore
  }

  /** Throws HostError where there is no store, or one of another version, or one that others keep busy. */
  static open(directory: string, options: StoreOptions): DiskStore {
    const { files = hostFiles, processes = hostProcesses, mode, waitMs = WAIT_MS } = options;
    prepare(files, directory, options.create ?? false);
    const lease = Lease.take(files, processes, `${directory}/leases`, mode, waitMs);
    try {
      return new DiskStore(directory, files, lease);
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** Translated code by its key. Whoever reads may put code, too. */
  get code(): CodeStore {
    return new PackedCode(this.codeSet());
  }

  /** The packs of translated code. */
  codeSet(): PackSet {
    return (this.codePacks ??= new PackSet(this.files, `${this.directory}/code`, this.lease));
  }

  has(hash: Uint8Array): boolean {
    return this.zeros.has(hash) || this.packs.has(hash);
  }

  get(hash: Uint8Array): Uint8Array | undefined {
    const zero = this.zeros.get(hash);
    if (zero) return zero.slice();
    const found = this.packs.get(hash);
    if (!found) return undefined;
    const record = recordOfKept(found.kind, found.kept);
    if (compareBytes(sha256(record), hash) === 0) return record;
    this.packs.reportDamaged(hash);
    throw new DamagedRecordError(bytesToHex(hash), 'its content has another hash');
  }

  put(batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void {
    for (const { hash, record } of batch) {
      if (compareBytes(sha256(record), hash) !== 0)
        throw new DamagedRecordError(bytesToHex(hash), 'what was to be put has another hash');
      this.putHashed(hash, record);
    }
  }

  /** Keeps a record whose hash was just computed. Answers whether it was new. */
  putHashed(hash: Uint8Array, record: Uint8Array): boolean {
    this.requireWriter();
    if (this.zeros.has(hash)) return false;
    const kind = kindOfRecord(record);
    if (kind === undefined) throw new TypeError(`${record.length} bytes with tag ${record[0]} are no canonical record`);
    return this.packs.put(kind, hash, keptOfRecord(kind, record));
  }

  flush(): void {
    this.packs.flush();
  }

  /**
   * As `flush`, while other threads compress. Packs in which something was found damaged go into quarantine, and what is
   * whole of them is written anew: so an import mends what it brings. Answers where they are.
   */
  async settle(): Promise<string[]> {
    await this.packs.flushAside();
    return this.quarantine();
  }

  /**
   * After `verifyStore` has found damage: what is whole is written anew, and packs and names as they were go into quarantine.
   * The store is open to `collect`. Answers where they are.
   */
  repair(): string[] {
    if (this.lease.mode !== 'collect') throw new Error(`the store is open to ${this.lease.mode}`);
    const paths = this.quarantine();
    if (this.names.damage().length === 0) return paths;
    const path = `${this.directory}/${QUARANTINE}/names-${this.lease.token}`;
    this.files.makeDirectory(`${this.directory}/${QUARANTINE}`);
    this.names.repair(path);
    return [...paths, path];
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
    for (const hash of hashes) if (!from || compareBytes(hash, from) >= 0) yield hash;
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

  /** Keeps what an identity reaches from being collected until this opening is closed. Answers whether it is there. */
  hold(id: string): boolean {
    this.lease.hold(id);
    while (this.lease.isCollecting()) sleep(HOLD_WAIT_MS);
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

  /** What cannot be read counts as a file: whoever follows it finds what is missing. */
  private kindByContent(id: string): ContentKind {
    const kind = this.kinds.get(id) ?? kindByContent(this, id);
    if (kind !== undefined) this.kinds.set(id, kind);
    return kind ?? 'file';
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

  private beforeNaming(id: string | undefined): void {
    this.requireWriter();
    this.flush();
    if (id !== undefined && !this.has(hexToBytes(id)))
      throw new HostError(`there is no ${id} in the store`, 'not-found');
  }

  private requireWriter(): void {
    if (this.lease.mode !== 'write') throw new Error(`the store is open to ${this.lease.mode}`);
  }
}

/** Makes sure that there is a store of this version. */
function prepare(files: FileLayer, directory: string, create: boolean): void {
  const path = `${directory}/format`;
  const format = readWhole(files, path);
  if (format) {
    const text = Buffer.from(format).toString();
    if (text !== FORMAT)
      throw new HostError(
        `'${directory}' is no store of this version: ${JSON.stringify(text.slice(0, 40))}`,
        'no-store',
      );
    return;
  }
  if (!create) throw new HostError(`there is no store in '${directory}'`, 'no-store');
  files.makeDirectory(directory);
  const strangers = files.list(directory).filter((name) => !DIRECTORIES.includes(name) && !name.startsWith('format'));
  if (strangers.length > 0)
    throw new HostError(`'${directory}' is not empty and no store: it has '${strangers[0]}'`, 'no-store');
  for (const name of DIRECTORIES) files.makeDirectory(`${directory}/${name}`);
  try {
    replaceFile(files, path, `${path}.${process.pid}`, Buffer.from(FORMAT));
  } catch (error) {
    throw new StoreWriteError(path, error);
  }
}
