import type { Emitter, WasmValue } from '../wasm/encoding/value.js';

/**
 * A table in which addresses have places. Which is the first one of an address: the bits above those that number the places count as well, since code that is
 * hot at the same time often lies at like distances from the starts of its parts.
 */
export interface AddressPlaces {
  /** The table has 2 to the power of this many places. */
  readonly placesShift: number;
  /** Bytes of a place: 2 to the power of this. */
  readonly entryShift: number;
}

/** Places that an address may have: the one that `AddressPlaces` gives it, and those next to this, which share the same others. */
export const WAYS = 4;

/** All places of an address, as offsets, of which `first` is the one that `placeOf` gives it. */
export function placesFrom(first: number, entryShift: number): number[] {
  return Array.from({ length: WAYS }, (_, way) => first ^ (way << entryShift));
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
