import { HOST_LAYOUT } from '../../memory.js';
import type { AddressPlaces } from './address-places.js';

/**
 * A decoded record: an instruction in the form that the interpreter's handlers read, 48 bytes in the shared memory. The
 * records of a run of instructions are contiguous.
 *
 *     +0  u16  handler
 *     +2  u16  instructions from here to the end of the block, this one included: what entering here costs in ticks
 *     +4  u16  host address of the register of operand 0     +6  of operand 1     +8  of operand 2; of ST(i), the number i
 *     +10 u16  host address of the base register              +12 of the index register      +14 of the segment base
 *     +16 i64  immediate, extended; of ENTER, +20 u8 its second one; or u16 host address of the register of operand 3
 *     +24 i64  displacement; with rip as the base, the address itself
 *     +32 i64  rip of the next instruction
 *     +40 i32  record of the direct target
 *     +44 u8   log2 of the scale    +45 u8  length of the instruction
 *     +46 u16  the handler that `region` has replaced; in a run that is being written, a sum of `Join`
 */
export const RECORD_BYTES = 48;

export const Field = {
  handler: 0,
  ticksToEnd: 2,
  operands: [4, 6, 8, 16],
  base: 10,
  index: 12,
  segmentBase: 14,
  immediate: 16,
  secondImmediate: 20,
  displacement: 24,
  nextRip: 32,
  target: 40,
  scale: 44,
  length: 45,
  handlerBefore: 46,
  join: 46,
} as const;

/** How a record joins its neighbours, until the run that it belongs to is finished. */
export const Join = {
  /** Bits 6:0: the group of forms that may be second in a fused pair; bits 13:7: of those that may be first. 0 is no group. */
  groupBits: 7,
  isDirectBranch: 0x4000,
  /** The block ends after it: at branches, and at REP, which takes a tick per iteration. */
  endsBlock: 0x8000,
} as const;
export const MOST_GROUPS = 1 << Join.groupBits;

/** Handlers that do not execute an instruction. */
export const Handler = {
  /** Continues at `target`; takes no tick. */
  goto: 0,
  /** Exits with RESOLVE, since nothing is decoded here (any more); takes no tick. */
  resolve: 1,
  /** Exits with EVALUATE: the evaluator executes this instruction. */
  evaluate: 2,
  /** Exits with REGION: a translated region is entered here. */
  region: 3,
} as const;
export const FIRST_FORM_HANDLER = 4;

/** Why generated code returned. Exit codes are smaller than any record's address, so a handler can return either. */
export const Exit = {
  /** Fewer ticks are left than the block at EXIT_RECORD costs, or REP has used up the last one. */
  ticks: 1,
  resolve: 2,
  /** rip is not in the jump cache. */
  indirect: 3,
  evaluate: 4,
  /**
   * EXIT_LINEAR missed the TLB for EXIT_ACCESS: bit 0 write, bit 1 not the first of its instruction, bit 2 an element of several,
   * bytes from bit 8.
   */
  miss: 5,
  /** A translated region continues from here. */
  region: 6,
  // The following are exits of the dispatcher (translator/dispatcher.ts); RIP is where to continue.
  /** Neither a region nor the jump cache entry is known for RIP. */
  unknown: 7,
  /** Fewer ticks are left than the region at RIP may need. */
  tail: 8,
  /** The evaluator must execute the instruction at RIP. */
  evaluateRip: 9,
  /** The instruction at RIP has often missed a check that covers more than its own access. */
  wideMisses: 10,
} as const;

export type ExitCode = (typeof Exit)[keyof typeof Exit];

export const RECORDS_START = HOST_LAYOUT.records;
export const RECORDS_END = HOST_LAYOUT.records + HOST_LAYOUT.recordsBytes;

/**
 * The jump cache, where indirect branches find the record of their target. 16 bytes per entry: i64 rip, i32 record. An
 * address may be in any of its places: see `AddressPlaces`.
 */
export const JUMP_CACHE = HOST_LAYOUT.jumpCache;
export const JUMP_CACHE_ENTRY_SHIFT = 4;
export const JUMP_CACHE_ENTRIES = HOST_LAYOUT.jumpCacheBytes >> JUMP_CACHE_ENTRY_SHIFT;
export const JUMP_CACHE_PLACES: AddressPlaces = {
  placesShift: Math.log2(JUMP_CACHE_ENTRIES),
  entryShift: JUMP_CACHE_ENTRY_SHIFT,
};
