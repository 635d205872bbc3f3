import { PAGE_SIZE } from '../../../bits.js';
import { WATCH_STOP } from '../../../memory.js';
import type { Instruction } from '../../decode/instruction.js';
import { faultOf, type CpuEvent } from '../../state/events.js';
import { RIP } from '../../state/layout.js';
import { QuickInstructions } from './quick-instructions.js';
import { QuickStores, type QuickStore } from './quick-stores.js';
import type { System, SystemHost } from '../system.js';

/** What QuickSteps needs from the processor. */
export interface QuickHost {
  /** Whether the evaluator must execute the next instruction. */
  needsEvaluator(): boolean;
  /** The event that an instruction has caused. */
  takeEvent(): CpuEvent;
  readonly fetcher: { fetch(rip: bigint): Instruction; known(high: number, low: number): Instruction | undefined };
  /** The stops of a debugger on code. */
  readonly codeStops: { completed(): void };
}

/** Executes instructions that kernels use all the time, and that generated code leaves, in TypeScript but without the evaluator. */
export class QuickSteps {
  /** Number of instructions executed. */
  count = 0;
  private readonly instructions: QuickInstructions;
  private readonly stores: QuickStores;

  constructor(
    system: System,
    private readonly machine: SystemHost,
    private readonly host: QuickHost,
  ) {
    this.instructions = new QuickInstructions(system, machine);
    this.stores = new QuickStores(machine);
  }

  /** Executes an instruction that `QuickInstructions` has. Undefined if nothing has been done. The modes must be up to date. */
  step(): CpuEvent | undefined {
    const { machine, host } = this;
    const { registers, mmu, clock } = machine;
    if (registers.trapFlag || host.needsEvaluator() || !mmu.dataStops.isEmpty) return undefined;
    const instruction = this.fetch();
    if (!instruction) return undefined;
    clock.ticks++;
    if (!this.instructions.execute(instruction)) {
      clock.ticks--;
      return undefined;
    }
    this.completed();
    return host.takeEvent();
  }

  /**
   * Executes an instruction that stores at a physical address, in one page of a watched frame, or drops what the frame is watched
   * for: see `QuickStores`. Undefined if nothing has been done.
   */
  store(physical: number): QuickStore | undefined {
    const { dataStops } = this.machine.mmu;
    const watched = this.machine.linearMemory.memory.watched[Math.floor(physical / PAGE_SIZE)]!;
    if (!dataStops.isEmpty || watched & WATCH_STOP) return undefined;
    const instruction = this.fetch();
    const outcome = instruction && this.stores.execute(instruction, physical);
    if (outcome === 'done') this.completed();
    return outcome;
  }

  /** Whether the next instruction, if it can be fetched, has REP. */
  get isRepeated(): boolean {
    return (this.fetch()?.form.repeat ?? 'none') !== 'none';
  }

  private completed(): void {
    this.count++;
    this.host.codeStops.completed();
  }

  /** The next instruction; undefined if its fetch faults, which it does again where the fault is raised. */
  private fetch(): Instruction | undefined {
    const { fetcher } = this.host;
    const { host32 } = this.machine.linearMemory.memory;
    try {
      return fetcher.known(host32[(RIP >> 2) + 1]!, host32[RIP >> 2]!) ?? fetcher.fetch(this.machine.registers.rip);
    } catch (error) {
      faultOf(error);
      return undefined;
    }
  }
}
