import { FAULT_WRITE } from '../../mmu/entry.js';
import { addressOf, without, type AddressRange } from '../../mmu/fence.js';
import { ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import { GuestException } from '../state/exceptions.js';
import type { LinearMemory, LinearPlace } from './linear-memory.js';
import type { Access } from '../meaning/vocabulary.js';

/** Maximum bytes per store. */
const MOST_AT_ONCE = 8;

/** Pending bytes by address. */
type StoredBytes = Map<number, number>;

/**
 * The stores of one instruction, held back until it is known which of them are made. Until then they are kept in a
 * separate table, where later loads of the same instruction find them, and their addresses are translated for reading
 * only: no D bit is set, and write permission is checked only when the stores are made.
 */
export class DeferredStores {
  private readonly stored: StoredBytes = new Map();
  /** Places to be written, in the order in which the instruction translated them. */
  private readonly places: DeferredPlace[] = [];

  constructor(private readonly linearMemory: LinearMemory) {}

  /** Finds the place of an access at a canonical address. Throws #PF, reported as a write if `access` is 'write'. */
  locate(high: number, low: number, bytes: number, access: Access): LinearPlace {
    const place = new DeferredPlace(high, low, bytes, this.translateForReading(high, low, bytes, access), this.stored);
    if (access === 'write') this.places.push(place);
    return place;
  }

  /** Finds the ranges that have been stored to, in ascending order. */
  findRanges(): AddressRange[] {
    const ranges: { start: number; end: number }[] = [];
    for (const at of this.addressesStoredTo()) {
      const last = ranges.at(-1);
      if (last?.end === at) last.end++;
      else ranges.push({ start: at, end: at + 1 });
    }
    return ranges;
  }

  /** Ascending, as most instructions store. */
  private addressesStoredTo(): number[] {
    const addresses = [...this.stored.keys()];
    const isAscending = addresses.every((at, index) => index === 0 || at > addresses[index - 1]!);
    return isAscending ? addresses : addresses.sort((a, b) => a - b);
  }

  /** The bytes that a stored range would hold after the instruction. */
  after({ start, end }: AddressRange): Uint8Array {
    const bytes = new Uint8Array(end - start);
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.stored.get(start + i)!;
    return bytes;
  }

  /** The bytes that the range holds now. */
  before({ start, end }: AddressRange): Uint8Array {
    const bytes = new Uint8Array(end - start);
    for (let i = 0; i < bytes.length; i++) {
      const place = this.places.find((place) => start + i >= place.start && start + i < place.end);
      bytes[i] = place!.byteInMemory(start + i);
    }
    return bytes;
  }

  /**
   * Makes all stores, which are to `ranges`, except those to the skipped ranges. Throws #PF before the first one, as an instruction that
   * translates all its places for writing in turn; skipped bytes need not be writable.
   */
  make(ranges: readonly AddressRange[], skipped: readonly AddressRange[]): void {
    const made = this.places.flatMap((place) => {
      const stored = without([place], without([place], ranges));
      const left = without(stored, skipped);
      const parts = isSame(stored, left) ? [place] : left;
      return parts.map((part) => {
        const located = this.translateForWriting(place, part);
        return () => without([part], without([part], left)).forEach((range) => this.store(range, part, located));
      });
    });
    for (const make of made) make();
  }

  private translateForReading(high: number, low: number, bytes: number, access: Access): LinearPlace {
    try {
      return this.linearMemory.translate(high, low, bytes, ACCESS_READ);
    } catch (error) {
      if (!(error instanceof GuestException) || access === 'read') throw error;
      const { vector, errorCode, linearHigh, linearLow } = error;
      throw new GuestException(vector, errorCode | FAULT_WRITE, linearHigh, linearLow);
    }
  }

  private translateForWriting(place: DeferredPlace, part: AddressRange): LinearPlace {
    const { high, low } = place.halvesOf(part.start);
    return this.linearMemory.translate(high, low, part.end - part.start, ACCESS_WRITE);
  }

  private store({ start, end }: AddressRange, part: AddressRange, located: LinearPlace): void {
    for (let at = start; at < end; at += MOST_AT_ONCE) {
      const bytes = Math.min(MOST_AT_ONCE, end - at);
      let value = 0n;
      for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.stored.get(at + i)!);
      located.store(at - part.start, bytes, value);
    }
  }
}

/** Bytes of guest memory overlaid with the pending stores. */
class DeferredPlace implements LinearPlace, AddressRange {
  readonly start: number;
  readonly end: number;

  constructor(
    private readonly high: number,
    private readonly low: number,
    bytes: number,
    private readonly located: LinearPlace,
    private readonly stored: StoredBytes,
  ) {
    this.start = addressOf(high, low);
    this.end = this.start + bytes;
  }

  load(offset: number, bytes: number): bigint {
    if (this.stored.size === 0) return this.located.load(offset, bytes);
    let value = 0n;
    for (let i = offset + bytes - 1; i >= offset; i--) {
      const at = this.start + i;
      value = (value << 8n) | BigInt(this.stored.get(at) ?? this.byteInMemory(at));
    }
    return value;
  }

  store(offset: number, bytes: number, value: bigint): void {
    const start = this.start + offset;
    for (let i = 0, word = 0; i < bytes; i++, word >>>= 8) {
      if (i % 4 === 0) word = Number(BigInt.asUintN(32, value >> BigInt(8 * i)));
      this.stored.set(start + i, word & 0xff);
    }
  }

  byteInMemory(address: number): number {
    return Number(this.located.load(address - this.start, 1));
  }

  /** The two halves of the linear address of a byte. */
  halvesOf(address: number): { high: number; low: number } {
    const low = (this.low >>> 0) + address - this.start;
    return { high: low > 0xffff_ffff ? (this.high + 1) | 0 : this.high, low: low | 0 };
  }
}

function isSame(ranges: readonly AddressRange[], others: readonly AddressRange[]): boolean {
  return without(ranges, others).length === 0;
}
