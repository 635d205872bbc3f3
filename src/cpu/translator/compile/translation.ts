import type { Instruction } from '../../decode/instruction.js';

/** Why a region is left: bits 2:0 of what its function answers. RIP says where to go on. */
export const RegionExit = {
  /** Control goes where the region has no code, or the ticks may not last to the next place where they are looked at. */
  go: 0,
  /** An access has missed the TLB, or the extent of a check that covers more than its own access. */
  miss: 1,
  /** The evaluator does the instruction. */
  evaluate: 2,
  /** As `miss`, where the check covered more than the access. The number of the site is in the bits from 3 on. */
  wideMiss: 3,
} as const;
export const EXIT_CODE_BITS = 3;

export interface Translation {
  readonly bytes: Uint8Array;
  /** Addresses of the entries, counted from the base, by number. */
  readonly entries: readonly bigint[];
  /** Ticks that it must be given at least. */
  readonly minimumTicks: number;
  /** For the address of each block, where the region is best entered to get to it; counted from the base, both. */
  readonly bestEntries: ReadonlyMap<bigint, bigint>;
  /** Where each instruction's code begins in `bytes`, in the order of emission. */
  readonly instructions: readonly EmittedInstruction[];
}

export interface EmittedInstruction {
  readonly rip: bigint;
  readonly instruction: Instruction;
  readonly wasmOffset: number;
}
