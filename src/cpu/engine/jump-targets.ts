import type { GuestMemory } from '../../memory.js';
import { RIP } from '../state/layout.js';
import { JUMP_CACHE, JUMP_CACHE_ENTRIES } from './record.js';

/** A non-canonical address that marks empty entries. */
const NO_RIP_HALF = 0x8000_8000 | 0;
const NO_RIP = 0x8000_8000_8000_8000n;

/** Maximum number of set entries that are tracked individually, so that clearing a few is faster than clearing all. */
const MOST_REMEMBERED = 1024;

/**
 * The TypeScript side of the jump cache, which maps targets of indirect branches to records. Different addresses may
 * share an entry.
 */
export class JumpTargets {
  private readonly view: DataView;
  private readonly words: Int32Array;
  private readonly remembered: number[] = [];

  constructor(memory: GuestMemory) {
    this.view = memory.hostView;
    this.words = memory.host32.subarray(JUMP_CACHE >>> 2, (JUMP_CACHE >>> 2) + JUMP_CACHE_ENTRIES * 4);
    this.words.fill(NO_RIP_HALF);
  }

  set(rip: bigint, record: number): void {
    const entry = entryOf(rip);
    if (this.remembered.length < MOST_REMEMBERED) this.remembered.push(entry);
    this.view.setBigUint64(entry, rip, true);
    this.view.setInt32(entry + 8, record, true);
  }

  /** Removes the entry of an address if it leads to `record`. */
  delete(rip: bigint, record: number): void {
    const entry = entryOf(rip);
    if (this.view.getInt32(entry + 8, true) === record) this.view.setBigUint64(entry, NO_RIP, true);
  }

  clear(): void {
    const { remembered } = this;
    if (remembered.length === MOST_REMEMBERED) this.words.fill(NO_RIP_HALF);
    else for (const entry of remembered) this.view.setBigUint64(entry, NO_RIP, true);
    remembered.length = 0;
  }
}

/** The jump cache's record for the address in RIP, or 0. `host32` is the shared memory. */
export function jumpTargetOfRip(host32: Int32Array): number {
  const low = host32[RIP >> 2]!;
  const high = host32[(RIP >> 2) + 1]!;
  const word = entryOfLow(low) >> 2;
  const isKnown = host32[word] === low && host32[word + 1] === high && high !== NO_RIP_HALF;
  return isKnown ? host32[word + 2]! : 0;
}

function entryOf(rip: bigint): number {
  return entryOfLow(Number(BigInt.asIntN(32, rip)));
}

/** The entry for an address with these low 32 bits. */
function entryOfLow(low: number): number {
  return JUMP_CACHE + (low & (JUMP_CACHE_ENTRIES - 1)) * 16;
}
