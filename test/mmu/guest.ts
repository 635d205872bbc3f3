/**
 * A guest small enough to check whole after every step: 32 frames of RAM, of which 0 to 7 are page tables, two of each
 * level. It uses the MMU as generated code and the CPU's slow path do, and compares every result with the model.
 */
import { GuestMemory, HOST_LAYOUT, WATCH_CODE, WATCH_TABLE } from '../../src/memory.js';
import type { ChangedPages } from '../../src/mmu/derived-entries.js';
import { Mmu } from '../../src/mmu/mmu.js';
import { TLB_ADDEND_OFFSET, TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_FETCH } from '../../src/mmu/tlb.js';
import { TLB_INDEX_MASK, TLB_INDEX_SHIFT, TLB_READ, TLB_SET, TLB_WRITE } from '../../src/mmu/tlb.js';
import { ACCESS_FETCH, ACCESS_IMPLICIT, ACCESS_READ, ACCESS_WRITE } from '../../src/mmu/walk.js';
import { errorCodeOf, translate, type Access, type Controls, type Fault, type Translation } from './model.js';
import { entryOf, faultOf, halves, linearOf, mustEqual, type AnyEntry } from './page-tables.js';

/** A stretch of the TLB as it is when emptied. */
const NEVER_FILLED = new Uint8Array(8192).fill(0xff);
const ALL_ZERO = new Uint8Array(NEVER_FILLED.length);
const FRAMES = 32;
const PAGE = 4096;
const indexes = [0, 1, 2, 511];

/** All pages that the guest uses, chosen such that many share TLB entries and tables. */
export const pages: bigint[] = [0, 511].flatMap((pml4) =>
  indexes.flatMap((pdpt) => indexes.flatMap((pd) => indexes.map((pt) => linearOf(pml4, pdpt, pd, pt, 0)))),
);
const pageSet = new Set(pages);

export type Kind = Access['kind'];

/** An action of the guest: a method of `Guest` or of its MMU, and its arguments. */
export interface Step {
  do: (typeof stepsOfGuest)[number] | (typeof stepsOfMmu)[number];
  args: unknown[];
}
const stepsOfGuest = ['access', 'crossing', 'storePhysical', 'storeSilently'] as const satisfies (keyof Guest)[];
const stepsOfMmu = ['watch', 'unwatch', 'setCr0', 'setCr3', 'setCr4', 'setEfer', 'setCpl', 'setRflagsAC'] as const;

const accessOf: Record<Kind, number> = { read: ACCESS_READ, write: ACCESS_WRITE, fetch: ACCESS_FETCH };
const tlbOf: Record<Kind, number> = { read: TLB_READ, write: TLB_WRITE, fetch: TLB_FETCH };

interface Decoded {
  linear: bigint;
  user: boolean;
  physical: bigint;
  bytes: bigint;
}

export class Guest {
  readonly memory = new GuestMemory(FRAMES * PAGE);
  readonly mmu = new Mmu(this.memory);
  readonly seen = { hits: 0, writeHits: 0, fills: 0, faults: 0, crossings: 0, drops: 0 };
  private readonly ramBefore = new Uint8Array(this.memory.size);
  private readonly tlbBefore = new Uint8Array(HOST_LAYOUT.tlbBytes);
  /** What the CPU has decoded: kept until the MMU says that mappings changed, or the code is stored to. */
  private decoded: Decoded[] = [];

  /** `isBare`: as on a bare machine, whose TLB has a set of entries for each context, and whose code is dropped page by page. */
  constructor(isBare = false) {
    const { derived } = this.mmu;
    derived.keepsCode = isBare;
    derived.onMappingsChanged = () => this.dropDecoded();
    derived.onPagesChanged = (which) => this.dropDecoded((linear) => isAmong(which, linear));
  }

  /** Empties the machine and fills its tables. */
  reset(entries: AnyEntry[]): void {
    this.memory.ram.fill(0);
    this.memory.watched.fill(0);
    this.mmu.setCr0(0);
    this.mmu.setCr3(0);
    this.mmu.setCr4(0);
    this.mmu.setEfer(1 << 11);
    this.mmu.setCpl(3);
    this.mmu.setRflagsAC(false);
    entries.forEach((entry, i) => {
      const address = ((i / 4) | 0) * PAGE + indexes[i % 4]! * 8;
      this.memory.write64(address, this.entryFor(entry, address));
    });
    this.mmu.flush();
  }

  run(step: Step): void {
    const on = (step.do in this ? this : this.mmu) as unknown as Record<string, (...args: unknown[]) => void>;
    on[step.do]!(...step.args);
  }

  /** An access as generated code makes it: a hit in the TLB, else the slow path. A store stores `entry`. */
  access(kind: Kind, page: number, offset: number, implicit: boolean, entry: AnyEntry): void {
    const linear = pages[page]! + BigInt(offset & ~7);
    const hit = implicit ? -1 : this.hit(tlbOf[kind], linear, 8n);
    if (hit !== -1) this.seen.hits++;
    if (hit !== -1 && kind === 'write') this.seen.writeHits++;
    this.checkProbe(kind, linear, implicit);
    const physical = this.translate(kind, linear, implicit);
    if (hit !== -1) mustEqual('a hit and the walk', { physical }, { physical: hit - HOST_LAYOUT.ram });
    if (physical === -1) return;
    if (kind === 'fetch') this.decode(linear, physical);
    if (kind !== 'write') return;
    const value = this.entryFor(entry, physical);
    if (hit !== -1) this.memory.hostView.setBigUint64(hit, value, true);
    else this.store(physical, 8, () => this.memory.write64(physical, value));
  }

  /** An access of 8 bytes that ends in the next page. */
  crossing(kind: Kind, page: number, bytesInFirst: number, implicit: boolean): void {
    const second = BigInt.asUintN(64, pages[page]! + BigInt(PAGE));
    if (!pageSet.has(second)) return;
    this.seen.crossings++;
    const first = second - BigInt(bytesInFirst) + (second === 0n ? 1n << 64n : 0n);
    if (this.hit(tlbOf[kind], first, 8n) !== -1) throw new Error('an access that crosses pages hit the TLB');
    const expectedRam = this.copyOfRam();
    const expected = this.expect(kind, first, implicit, expectedRam, true);
    const expectedSecond = 'fault' in expected ? expected : this.expect(kind, second, implicit, expectedRam, true);
    if (kind === 'write' && 'physical' in expected && 'physical' in expectedSecond) {
      setBit(expectedRam, expected.entries.at(-1)!, 6);
      setBit(expectedRam, expectedSecond.entries.at(-1)!, 6);
    }
    const physical = this.mmu.translateCrossing(...halves(first), this.accessBits(kind, implicit));
    if ('fault' in expected) this.mustFault(expected, first, physical);
    else if ('fault' in expectedSecond) this.mustFault(expectedSecond, second, physical);
    else
      mustEqual(
        `${kind} at ${first.toString(16)} and on`,
        { first: expected.physical, second: expectedSecond.physical },
        { first: physical, second: this.mmu.secondPhysical },
      );
    this.mustHaveRam(expectedRam);
  }

  /** A store to a table (or any other place) by its physical address, of any length and alignment. */
  storePhysical(frame: number, slot: number, skew: number, lengthBytes: number, entries: AnyEntry[]): void {
    const start = Math.max(frame * PAGE + indexes[slot]! * 8 - skew, 0);
    const bytes = new Uint8Array(lengthBytes);
    const view = new DataView(bytes.buffer);
    entries.forEach((entry, i) => {
      const at = i * 8 + skew;
      if (at + 8 <= lengthBytes) view.setBigUint64(at, this.entryFor(entry, start + at), true);
    });
    const fits = Math.min(lengthBytes, this.memory.size - start);
    this.store(start, fits, () => this.memory.ram.set(bytes.subarray(0, fits), start));
  }

  /** A change to a table without notification, followed by dropping all pages that it may have mapped. */
  storeSilently(frame: number, slot: number, entry: AnyEntry, pageByPage: boolean): void {
    const address = frame * PAGE + indexes[slot]! * 8;
    this.memory.write64(address, this.entryFor(entry, address));
    this.dropDecoded();
    if (pageByPage) for (const page of pages) this.mmu.derived.invalidatePage(...halves(page));
    else this.mmu.flush();
  }

  /** Compares every TLB entry and all decoded code with the model. */
  check(): void {
    const { host32, hostView, watched } = this.memory;
    for (const kind of ['read', 'write', 'fetch'] as const)
      for (let place = 0; place < TLB_ENTRIES; place++) {
        const entry = tlbOf[kind] + host32[TLB_SET >>> 2]! + place * TLB_ENTRY_BYTES;
        if (entry % NEVER_FILLED.length === 0 && this.isNeverFilled(entry)) {
          place += NEVER_FILLED.length / TLB_ENTRY_BYTES - 1;
          continue;
        }
        if (host32[entry >>> 2] === -1 || this.isZero(entry)) continue;
        const linear = hostView.getBigUint64(entry, true);
        const found = this.expect(kind, linear, false, this.memory.ram, false);
        if ('fault' in found) throw new Error(`the TLB has ${kind} of ${linear.toString(16)}, which faults`);
        const physical = this.hit(tlbOf[kind], linear, 1n) - HOST_LAYOUT.ram;
        const leaf = this.memory.read64(Number(found.entries.at(-1)));
        mustEqual(
          `TLB entry for ${kind} of ${linear.toString(16)}`,
          { physical: found.physical, place: placeOf(linear), accessed: true, dirty: kind === 'write', watched: 0 },
          {
            physical,
            place: place * TLB_ENTRY_BYTES,
            accessed: found.entries.every((address) => this.memory.read64(Number(address)) & 0x20n),
            dirty: kind === 'write' && (leaf & 0x40n) !== 0n,
            watched: kind === 'write' ? watched[physical / PAGE]! : 0,
          },
        );
      }
    for (const { linear, user, physical, bytes } of this.decoded) {
      if (user !== (this.mmu.cpl === 3)) continue;
      const found = this.expect('fetch', linear, false, this.memory.ram, false);
      const now =
        'fault' in found ? {} : { physical: found.physical, bytes: this.memory.read64(Number(found.physical)) };
      mustEqual(`code decoded at ${linear.toString(16)}`, { physical, bytes }, now);
    }
  }

  private translate(kind: Kind, linear: bigint, implicit: boolean): number {
    const expectedRam = this.copyOfRam();
    const expected = this.expect(kind, linear, implicit, expectedRam, true);
    if (kind === 'write' && 'physical' in expected) setBit(expectedRam, expected.entries.at(-1)!, 6);
    const physical = this.mmu.translate(...halves(linear), this.accessBits(kind, implicit));
    if ('fault' in expected) this.mustFault(expected, linear, physical);
    else mustEqual(`${kind} of ${linear.toString(16)}`, { physical: expected.physical }, { physical });
    this.mustHaveRam(expectedRam);
    if (!implicit && this.hit(tlbOf[kind], linear, 8n) !== -1) this.seen.fills++;
    return physical;
  }

  /** Whether nothing was ever entered in an entry. */
  private isZero(entry: number): boolean {
    const { host32 } = this.memory;
    const word = entry >>> 2;
    return host32[word] === 0 && host32[word + 1] === 0 && host32[word + 2] === 0;
  }

  /** Whether nothing has been entered since the TLB was last emptied into the entries from this one on. */
  private isNeverFilled(entry: number): boolean {
    const bytes = this.memory.host.subarray(entry, entry + NEVER_FILLED.length);
    return Buffer.compare(bytes, ALL_ZERO) === 0 || Buffer.compare(bytes, NEVER_FILLED) === 0;
  }

  private checkProbe(kind: Kind, linear: bigint, implicit: boolean): void {
    const expected = this.expect(kind, linear, implicit, this.memory.ram, false);
    const tlb = this.memory.host.subarray(HOST_LAYOUT.tlb, HOST_LAYOUT.tlb + HOST_LAYOUT.tlbBytes);
    this.tlbBefore.set(tlb);
    const ram = this.copyOfRam();
    const fault = faultOf(this.mmu);
    const physical = this.mmu.probe(...halves(linear), this.accessBits(kind, implicit));
    mustEqual(
      'probe',
      { physical: 'fault' in expected ? -1 : expected.physical, ...fault },
      { physical, ...faultOf(this.mmu) },
    );
    this.mustHaveRam(ram);
    if (Buffer.compare(this.tlbBefore, tlb) !== 0) throw new Error('a probe changed the TLB');
  }

  /** The model's result for the tables in `ram`, in which it sets A if requested. */
  private expect(
    kind: Kind,
    linear: bigint,
    implicit: boolean,
    ram: Uint8Array,
    setsAccessed: boolean,
  ): Translation | Fault {
    const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    const read64 = (address: bigint) =>
      address < ram.length ? view.getBigUint64(Number(address), true) : 0xffff_ffff_ffff_ffffn;
    const mode = this.mmu.cpl === 3 && !implicit ? 'user' : 'supervisor';
    const found = translate(read64, this.controls(), { kind, mode, implicit }, linear);
    if (setsAccessed && 'physical' in found) for (const address of found.entries) setBit(ram, address, 5);
    return found;
  }

  private controls(): Controls {
    const { cr0, cr3, cr4, efer, rflagsAC } = this.mmu;
    const has = (register: number, index: number) => ((register >>> index) & 1) === 1;
    return {
      cr3: BigInt(cr3),
      wp: has(cr0, 16),
      smep: has(cr4, 20),
      smap: has(cr4, 21),
      nxe: has(efer, 11),
      ac: rflagsAC,
    };
  }

  private accessBits(kind: Kind, implicit: boolean): number {
    return accessOf[kind] | (implicit ? ACCESS_IMPLICIT : 0);
  }

  /** The lookup that generated code does inline: the host address, or -1. */
  private hit(table: number, linear: bigint, size: bigint): number {
    const entry = table + this.memory.host32[TLB_SET >>> 2]! + placeOf(linear);
    const wanted = BigInt.asUintN(64, (linear + size - 1n) & ~4095n);
    if (this.memory.hostView.getBigUint64(entry, true) !== wanted) return -1;
    const addend = BigInt(this.memory.hostView.getInt32(entry + TLB_ADDEND_OFFSET, true));
    return Number(BigInt.asUintN(32, addend + linear));
  }

  /** A store on the slow path, which notifies the watchers of the frames. */
  private store(physical: number, lengthBytes: number, write: () => void): void {
    write();
    const { watched } = this.memory;
    const reasons = watched[Math.floor(physical / PAGE)]! | watched[Math.floor((physical + lengthBytes - 1) / PAGE)]!;
    if (reasons & WATCH_CODE) this.dropDecoded();
    if (reasons & WATCH_TABLE) this.mmu.derived.stored(physical, lengthBytes);
  }

  private decode(linear: bigint, physical: number): void {
    const bytes = this.memory.read64(physical);
    this.decoded.push({ linear, user: this.mmu.cpl === 3, physical: BigInt(physical), bytes });
    this.mmu.watch(Math.floor(physical / PAGE), WATCH_CODE);
  }

  private dropDecoded(isDropped: (linear: bigint) => boolean = () => true): void {
    const kept = this.decoded.filter(({ linear }) => !isDropped(linear));
    if (kept.length < this.decoded.length) this.seen.drops++;
    for (const { physical } of this.decoded) this.mmu.unwatch(Number(physical >> 12n), WATCH_CODE);
    this.decoded = kept;
    for (const { physical } of kept) this.mmu.watch(Number(physical >> 12n), WATCH_CODE);
  }

  /** An entry for the table that this address lies in: it names a table of the next level, or a frame of data. */
  private entryFor(entry: AnyEntry, address: number): bigint {
    const level = address >>> 13;
    const next = level < 3 ? 2 * (level + 1) + (entry.target & 1) : 8 + (entry.target % (FRAMES - 8));
    const large = entry.large && (level === 1 || level === 2 || entry.escapes);
    return entryOf({ ...entry, large }, entry.escapes ? entry.target % (FRAMES + 8) : next, 21n);
  }

  private mustFault(expected: Fault, cr2: bigint, physical: number): void {
    this.seen.faults++;
    mustEqual(
      'page fault',
      { physical: -1, cr2, errorCode: errorCodeOf(expected.fault) },
      { physical, ...faultOf(this.mmu) },
    );
  }

  /** Valid until the next call. */
  private copyOfRam(): Uint8Array {
    this.ramBefore.set(this.memory.ram);
    return this.ramBefore;
  }

  private mustHaveRam(expected: Uint8Array): void {
    if (Buffer.compare(expected, this.memory.ram) === 0) return;
    const at = expected.findIndex((byte, i) => byte !== this.memory.ram[i]) & ~7;
    const view = new DataView(expected.buffer);
    mustEqual(`RAM at ${at.toString(16)}`, { word: view.getBigUint64(at, true) }, { word: this.memory.read64(at) });
  }
}

/** Whether an address, of its page or in it, is one of those whose mappings have changed. */
function isAmong(which: ChangedPages, linear: bigint): boolean {
  if (which === 'all') return true;
  if (which === 'lower half') return linear < 1n << 63n;
  const low = Number(BigInt.asUintN(48, linear));
  return low >= which.start && low < which.end;
}

function placeOf(linear: bigint): number {
  return Number((linear >> BigInt(TLB_INDEX_SHIFT)) & BigInt(TLB_INDEX_MASK));
}

function setBit(ram: Uint8Array, address: bigint, bit: number): void {
  ram[Number(address)]! |= 1 << bit;
}
