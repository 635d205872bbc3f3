import type { Mmu } from '../../mmu/mmu.js';
import type { CpuState } from '../state/cpu-state.js';
import { CallGates } from './call-gates.js';
import type { ControlRegisters } from './control-registers.js';
import { Delivery } from './delivery.js';
import { InnerStacks } from './inner-stacks.js';
import type { Segments } from './segments.js';
import { Stacks } from './stacks.js';
import type { SystemMemory } from './system-memory.js';
import { Tasks } from './tasks.js';
import { Transfers } from './transfers.js';

/** The registers and memory that transfers of control read and change. */
export interface ControlFlowParts {
  readonly segments: Segments;
  readonly registers: CpuState;
  readonly mmu: Mmu;
  readonly memory: SystemMemory;
  readonly controls: ControlRegisters;
}

/** Makes what transfers control between segments, privilege levels and tasks: by instructions, and by interrupts and exceptions. */
export function controlFlow({ segments, registers, mmu, memory, controls }: ControlFlowParts): {
  readonly transfers: Transfers;
  readonly delivery: Delivery;
} {
  const stacks = new Stacks(segments, registers, memory);
  const innerStacks = new InnerStacks(segments, stacks, memory);
  const tasks = new Tasks(segments, registers, mmu, memory, stacks, controls);
  const callGates = new CallGates(segments, registers, mmu, stacks, innerStacks);
  return {
    transfers: new Transfers({ segments, registers, mmu, stacks, callGates, tasks }),
    delivery: new Delivery({ segments, registers, mmu, memory, stacks, innerStacks, tasks }),
  };
}
