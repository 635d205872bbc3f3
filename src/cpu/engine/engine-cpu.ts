import type { GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { InstructionFetcher } from '../decode/fetch.js';
import type { CodeStops } from '../stops.js';
import type { CpuState } from '../state/cpu-state.js';
import type { Form } from '../meaning/form.js';
import type { QuickSteps } from '../system/quick/quick-steps.js';
import type { CpuEvent } from '../state/events.js';

/** Rules that may forbid instructions at run time. */
export interface FormRules {
  readonly isStrict: boolean;
  /** Whether the rules look at an instruction at all. */
  concerns(form: Form): boolean;
}

/** What the record engine needs of the processor of a bare machine. */
export interface BareEngineCpu {
  /** Whether an interrupt waits that can be delivered now. */
  readonly isInterruptible: boolean;
  /** Whether instructions must be executed one by one: records are of 64-bit code only. */
  readonly needsEvaluator: boolean;
  /** Whether they must be executed so only because RF is set, which the next instruction clears. */
  readonly onlyResumes: boolean;
  /** Clears RF. */
  resumed(): void;
  /** STI has held interrupts back at a tick. */
  heldInterrupts(tick: number): void;
  /** What the control registers forbid is left to the evaluator. */
  readonly rules: FormRules;
  /** Executes common instructions without the evaluator. */
  readonly quick: Pick<QuickSteps, 'step' | 'store' | 'isRepeated'>;
}

/** What the record engine needs from the CPU whose instructions it runs. */
export interface EngineCpu {
  readonly memory: GuestMemory;
  readonly mmu: Mmu;
  readonly fetcher: InstructionFetcher;
  readonly state: CpuState;
  readonly codeStops: CodeStops;
  readonly linearMemory: { readonly checksAlignment: boolean };
  /** Whether the evaluator must execute the next instruction: for TF, RF, or breakpoints. */
  readonly runsSingly: boolean;
  /** Of a bare machine. */
  readonly bare: BareEngineCpu | undefined;
  /** Time: the engine counts it on. */
  ticks: number;
  /** Executes one instruction, or one iteration of it, in the evaluator. */
  step(): CpuEvent;
  /** Takes over what RFLAGS says about memory accesses and traps; call it before running code. */
  updateModes(): void;
}
