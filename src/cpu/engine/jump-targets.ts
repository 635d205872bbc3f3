import type { GuestMemory } from '../../memory.js';
import { CODE_VIEW, RIP } from '../state/layout.js';
import {
  NO_ADDRESS,
  NO_ADDRESS_HALF,
  WAYS,
  clearZeroPlaces,
  isFreePlace,
  placeOf,
  placesFrom,
} from './address-places.js';
import { JUMP_CACHE, JUMP_CACHE_ENTRIES, JUMP_CACHE_ENTRY_SHIFT, JUMP_CACHE_PLACES } from './record.js';

/** Words of 32 bits of an entry. */
const ENTRY_WORDS = (1 << JUMP_CACHE_ENTRY_SHIFT) / 4;

/** Maximum number of set entries that are tracked individually, so that clearing a few is faster than clearing all. */
const MOST_REMEMBERED = 1024;

/** The TypeScript side of the jump cache, which maps targets of indirect branches, as their view has them, to records. */
export class JumpTargets {
  private readonly view: DataView;
  private readonly words: Int32Array;
  private readonly remembered: number[] = [];

  constructor(memory: GuestMemory) {
    this.view = memory.hostView;
    this.words = memory.host32.subarray(JUMP_CACHE >>> 2, (JUMP_CACHE >>> 2) + JUMP_CACHE_ENTRIES * ENTRY_WORDS);
    clearZeroPlaces(this.words, JUMP_CACHE_ENTRY_SHIFT);
  }

  /** Enters an address into the first of its places; what was there goes to another one, if one is free. */
  set(rip: bigint, record: number): void {
    const entry = entryOf(rip);
    const before = this.ripAt(entry);
    const others = placesOf(entry).slice(1);
    for (const other of others) if (this.ripAt(other) === rip) this.write(other, NO_ADDRESS, 0);
    const free = others.find((other) => isFreePlace(this.ripAt(other)));
    const moves = free !== undefined && before !== rip && !isFreePlace(before);
    if (moves) this.write(free, before, this.view.getInt32(entry + 8, true));
    this.write(entry, rip, record);
  }

  /** Removes the entry of an address if it leads to `record`. */
  delete(rip: bigint, record: number): void {
    for (const entry of placesOf(entryOf(rip)))
      if (this.ripAt(entry) === rip && this.view.getInt32(entry + 8, true) === record) this.write(entry, NO_ADDRESS, 0);
  }

  clear(): void {
    const { remembered } = this;
    if (remembered.length === MOST_REMEMBERED) this.words.fill(NO_ADDRESS_HALF);
    else for (const entry of remembered) this.view.setBigUint64(entry, NO_ADDRESS, true);
    remembered.length = 0;
  }

  private ripAt(entry: number): bigint {
    return this.view.getBigUint64(entry, true);
  }
  private write(entry: number, rip: bigint, record: number): void {
    if (this.remembered.length < MOST_REMEMBERED) this.remembered.push(entry);
    this.view.setBigUint64(entry, rip, true);
    this.view.setInt32(entry + 8, record, true);
  }
}

/** The jump cache's record for the address in RIP in the current view, or 0. `host32` is the shared memory. */
export function jumpTargetOfRip(host32: Int32Array): number {
  const low = host32[RIP >> 2]!;
  const high = host32[(RIP >> 2) + 1]! ^ host32[(CODE_VIEW >> 2) + 1]!;
  if (high === NO_ADDRESS_HALF) return 0;
  const first = entryOfLow(low);
  for (let way = 0; way < WAYS; way++) {
    const word = (first ^ (way << JUMP_CACHE_ENTRY_SHIFT)) >> 2;
    if (host32[word] === low && host32[word + 1] === high) return host32[word + 2]!;
  }
  return 0;
}

function entryOf(rip: bigint): number {
  return entryOfLow(Number(BigInt.asIntN(32, rip)));
}

/** The first place of an address with these low 32 bits. */
function entryOfLow(low: number): number {
  return JUMP_CACHE + placeOf(low, JUMP_CACHE_PLACES);
}

/** All places of an address that has its first at one. */
function placesOf(entry: number): number[] {
  return placesFrom(entry, JUMP_CACHE_ENTRY_SHIFT);
}
