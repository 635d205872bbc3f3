import type { Instruction } from '../../decode/instruction.js';
import type { Region } from './region.js';

/** Why a region is left: bits 2:0 of the result of its function. Execution continues at RIP. */
export const RegionExit = {
  /** Control leaves the code of the region, or the ticks may not suffice until the next check of them. */
  go: 0,
  /** An access has missed the TLB. */
  miss: 1,
  /** The evaluator executes the instruction. */
  evaluate: 2,
  /**
   * Like `miss`, where other code might not miss: the check covered more than the access, or else SINGLE_MISS is set and the
   * access may cross a page. Bits 3 and up are the number of the site.
   */
  wideMiss: 3,
} as const;
export const EXIT_CODE_BITS = 3;

/** What becomes of checks that miss: each covers only its own access; or the accesses are also made across pages. */
export type MissingCheck = 'single' | 'crosses';

/** The input of a translation. */
export interface CodeSource {
  readonly region: Region;
  /** The linear page that addresses are relative to. */
  readonly base: bigint;
  /** Instructions in the region whose checks have missed often, by address. */
  readonly missing: ReadonlyMap<bigint, MissingCheck>;
  /** Whether registers are in the CPU's state where ways meet, rather than in locals. */
  readonly inState: boolean;
  /** Whether the region calls the next one itself, in its own place, rather than by way of the dispatcher. */
  readonly tailCalls: boolean;
  /** Whether the TLB has several sets of tables. */
  readonly hasTlbSets: boolean;
}

export interface Translation {
  readonly bytes: Uint8Array;
  /** Addresses of the entries, counted from the base, by number. */
  readonly entries: readonly bigint[];
  /** Fewest ticks with which it may be called. */
  readonly minimumTicks: number;
  /** For the address of each block, the entry that leads to it; both relative to the base. */
  readonly bestEntries: ReadonlyMap<bigint, bigint>;
  /** Where each instruction's code begins in `bytes`, in the order of emission. */
  readonly instructions: readonly EmittedInstruction[];
}

export interface EmittedInstruction {
  readonly rip: bigint;
  readonly instruction: Instruction;
  readonly wasmOffset: number;
}
