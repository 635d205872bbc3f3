import type { Emitter, WasmValue } from '../wasm/encoding/value.js';

/**
 * A table in which addresses have places. The first place of an address depends on the bits above those that number the places,
 * too: code that is hot at the same time often lies at like distances from the starts of its parts.
 */
export interface AddressPlaces {
  /** The table has 2 to the power of this many places. */
  readonly placesShift: number;
  /** Bytes of a place: 2 to the power of this. */
  readonly entryShift: number;
}

/** Places that an address may have: the one that `AddressPlaces` gives it, and those next to this, which share the same others. */
export const WAYS = 4;

/** No canonical address: marks a place as free. Each half of it is NO_ADDRESS_HALF. */
export const NO_ADDRESS = 0x8000_8000_8000_8000n;
export const NO_ADDRESS_HALF = 0x8000_8000 | 0;
/** What a place holds as long as it has never been set. */
const NEVER_SET = 0n;

/** Whether a place that holds an address is free. */
export function isFreePlace(address: bigint): boolean {
  return address === NO_ADDRESS || address === NEVER_SET;
}

/**
 * Marks places of a new table as free: memory begins as zeros, as address 0, which can only be in the first places. `words` is
 * the table, of which an entry begins with its address.
 */
export function clearZeroPlaces(words: Int32Array, entryShift: number): void {
  const entryWords = (1 << entryShift) / 4;
  for (let way = 0; way < WAYS; way++) words.fill(NO_ADDRESS_HALF, way * entryWords, way * entryWords + 2);
}

/** All places of an address, as offsets, of which `first` is the one that `placeOf` gives it. */
export function placesFrom(first: number, entryShift: number): number[] {
  // Array.from with a function takes ten times as long, here a tenth of the time of tests that compile much.
  const places = [first];
  for (let way = 1; way < WAYS; way++) places.push(first ^ (way << entryShift));
  return places;
}

/** Emits the offset in a table of the first place of an address, of which the low 32 bits count. */
export function emitPlaceOf(emitter: Emitter, low: WasmValue, { placesShift, entryShift }: AddressPlaces): WasmValue {
  emitter.push(low);
  emitter
    .push(low)
    .code.i32(placesShift)
    .op('i32.shr_u')
    .op('i32.xor')
    .i32(2 ** placesShift - 1)
    .op('i32.and')
    .i32(entryShift)
    .op('i32.shl');
  return emitter.pop('i32');
}

/** As `emitPlaceOf`, of an address whose low 32 bits are given. */
export function placeOf(low: number, { placesShift, entryShift }: AddressPlaces): number {
  return ((low ^ (low >>> placesShift)) & (2 ** placesShift - 1)) << entryShift;
}
