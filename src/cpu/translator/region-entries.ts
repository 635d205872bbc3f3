import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import {
  NO_ADDRESS,
  NO_ADDRESS_HALF,
  clearZeroPlaces,
  emitPlaceOf,
  isFreePlace,
  placeOf,
  placesFrom,
  type AddressPlaces,
} from '../engine/address-places.js';
import { pushInView } from '../engine/code-view.js';
import type { Code } from '../wasm/encoding/code.js';
import type { Emitter, WasmValue } from '../wasm/encoding/value.js';

/** The function type of regions. */
export const REGION_TYPE = { parameters: ['i32', 'i32', 'i64', 'i32'], results: ['i32'] } as const;

/** The table of the regions' functions, as modules export and import it. */
export const REGION_TABLE = 'regions';

/** Regions that may live at a time: places in that table. */
export const MOST_REGIONS = 4096;

/** Where uses of a region are counted: i32 for each place in the table. */
export const REGION_USES = HOST_LAYOUT.regionUses;

/**
 * Where regions are entered, as generated code looks it up: a table in the shared memory, by linear address. Regions look at
 * the first two places of an address themselves, the dispatcher at all.
 * An entry is 32 bytes:
 *
 *     +0   i64  the address, as its view has it, or an address that is none
 *     +8   i64  the region's base
 *     +16  i32  the region's place in the dispatcher's table
 *     +20  i32  number of the entry in the region
 *     +24  i32  ticks that the region must be given at least
 *     +28  i32  how often it is still to be given few ticks at a time
 */
export const REGION_ENTRY = {
  address: HOST_LAYOUT.regionEntries,
  base: HOST_LAYOUT.regionEntries + 8,
  index: HOST_LAYOUT.regionEntries + 16,
  entry: HOST_LAYOUT.regionEntries + 20,
  minimumTicks: HOST_LAYOUT.regionEntries + 24,
  shortSlices: HOST_LAYOUT.regionEntries + 28,
} as const;

const ENTRY_SHIFT = 5;
const ENTRIES = HOST_LAYOUT.regionEntriesBytes >> ENTRY_SHIFT;
const PLACES: AddressPlaces = { placesShift: Math.log2(ENTRIES), entryShift: ENTRY_SHIFT };
const ENTRY_WORDS = (1 << ENTRY_SHIFT) / 4;
const FIRST_WORD = HOST_LAYOUT.regionEntries / 4;
/**
 * How often a region is given few ticks at a time: it must return to be called again in the version that the host's
 * compiler has optimised in the meantime.
 */
const SHORT_SLICES = 256;

/**
 * Looks up the address in a local. Returns the offset of its entry in the table, for the offsets of REGION_ENTRY, and leaves on
 * the stack whether the entry is that of the address.
 */
export function emitEntryLookup(emitter: Emitter, address: number): WasmValue {
  emitter.code.get(address).op('i32.wrap_i64');
  const entry = emitPlaceOf(emitter, emitter.pop('i32'), PLACES);
  emitComparison(emitter, address, entry);
  return entry;
}

/** As `emitEntryLookup`, at one of the further places, from 1, of an address whose first one has been looked up. */
export function emitFurtherLookup(emitter: Emitter, address: number, first: WasmValue, way: number): WasmValue {
  emitter
    .push(first)
    .code.i32(way << ENTRY_SHIFT)
    .op('i32.xor');
  const entry = emitter.pop('i32');
  emitComparison(emitter, address, entry);
  return entry;
}

function emitComparison(emitter: Emitter, address: number, entry: WasmValue): void {
  emitter.push(entry).code.memory('i64.load', REGION_ENTRY.address);
  pushInView(emitter, () => emitter.code.get(address));
  emitter.code.op('i64.eq');
}

/** Counts an entry to the region whose place in the table is in a local. */
export function emitCountOfUse(code: Code, index: number): void {
  const address = (): Code => code.get(index).i32(2).op('i32.shl');
  address();
  address().memory('i32.load', REGION_USES).i32(1).op('i32.add').memory('i32.store', REGION_USES);
}

/** What generated code finds for an address. */
export interface RegionEntry {
  readonly address: bigint;
  readonly base: bigint;
  readonly index: number;
  readonly entry: number;
  readonly minimumTicks: number;
}

/**
 * The same table, as TypeScript fills it. An address may be in any of its places; the latest of several
 * has its first one.
 */
export class RegionEntries {
  private readonly view: DataView;
  private readonly words: Int32Array;
  /** Whether an entry has been set since all were cleared. */
  private holdsSome = false;

  constructor(memory: GuestMemory) {
    this.view = memory.hostView;
    this.words = memory.host32.subarray(FIRST_WORD, FIRST_WORD + HOST_LAYOUT.regionEntriesBytes / 4);
    clearZeroPlaces(this.words, ENTRY_SHIFT);
  }

  set({ address, base, index, entry, minimumTicks }: RegionEntry): void {
    const at = offsetOf(address);
    this.holdsSome = true;
    this.delete(address);
    const free = placesOf(at).find((place) => isFreePlace(this.addressAt(place)));
    if (free !== undefined) this.words.copyWithin(free >> 2, at >> 2, (at >> 2) + ENTRY_WORDS);
    this.view.setBigUint64(REGION_ENTRY.address + at, address, true);
    this.view.setBigUint64(REGION_ENTRY.base + at, base, true);
    this.view.setInt32(REGION_ENTRY.index + at, index, true);
    this.view.setInt32(REGION_ENTRY.entry + at, entry, true);
    this.view.setInt32(REGION_ENTRY.minimumTicks + at, minimumTicks, true);
    this.view.setInt32(REGION_ENTRY.shortSlices + at, SHORT_SLICES, true);
  }

  has(address: bigint): boolean {
    return placesOf(offsetOf(address)).some((place) => this.addressAt(place) === address);
  }

  delete(address: bigint): void {
    for (const at of placesOf(offsetOf(address)))
      if (this.addressAt(at) === address) this.view.setBigUint64(REGION_ENTRY.address + at, NO_ADDRESS, true);
  }

  clear(): void {
    if (this.holdsSome) this.words.fill(NO_ADDRESS_HALF);
    this.holdsSome = false;
  }

  private addressAt(at: number): bigint {
    return this.view.getBigUint64(REGION_ENTRY.address + at, true);
  }
}

/** The first place of an address, as an offset in the table. */
function offsetOf(address: bigint): number {
  return placeOf(Number(BigInt.asIntN(32, address)), PLACES);
}

/** All places of an address that has its first at an offset. */
function placesOf(first: number): number[] {
  return placesFrom(first, ENTRY_SHIFT);
}
