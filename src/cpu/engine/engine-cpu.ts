import type { GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { InstructionFetcher } from '../decode/fetch.js';
import type { CodeStops } from '../stops.js';
import type { CpuState } from '../state/cpu-state.js';
import type { CpuEvent } from '../state/events.js';

/** What the record engine needs from the CPU whose instructions it runs. */
export interface EngineCpu {
  readonly memory: GuestMemory;
  readonly mmu: Mmu;
  readonly fetcher: InstructionFetcher;
  readonly state: CpuState;
  readonly codeStops: CodeStops;
  readonly linearMemory: { readonly checksAlignment: boolean };
  /** Time: the engine counts it on. */
  ticks: number;
  /** Executes one instruction, or one iteration of it, in the evaluator. */
  step(): CpuEvent;
  /** Takes over what RFLAGS says about memory accesses and traps; call it before running code. */
  updateModes(): void;
}
