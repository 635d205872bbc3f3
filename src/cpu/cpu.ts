import { PAGE_SIZE } from '../bits.js';
import { WATCH_CODE, type GuestMemory } from '../memory.js';
import { Mmu } from '../mmu/mmu.js';
import { CpuState } from './state/cpu-state.js';
import { DEFAULT_MODEL, type CpuModel } from './state/model.js';
import { Decoder } from './decode/decoder.js';
import { Evaluator } from './evaluator/evaluator.js';
import {
  INTERRUPTIBLE,
  SHUTDOWN,
  STOPPED,
  SYSCALL,
  TICKS,
  VMCALL,
  debugTrap,
  faultOf,
  trap,
  type CpuEvent,
  type RefusedStore,
} from './state/events.js';
import { DR6_SINGLE_STEP, debugException } from './state/exceptions.js';
import type { BareProcessor, MakeBareProcessor } from './system/bare-processor.js';
import { FencedExecution, type FenceVerdict } from './evaluator/fenced-execution.js';
import { InstructionFetcher } from './decode/fetch.js';
import type { Instruction } from './decode/instruction.js';
import { hostOperations } from './evaluator/host-operations.js';
import { RecordEngine } from './engine/record-engine.js';
import { LinearMemory, type ProgramBreakpoints } from './access/linear-memory.js';
import { CodeStops } from './stops.js';
import type { TranslationStats } from './translator/events.js';
import type { TranslationThreshold, TranslatorOptions } from './translator/options.js';
import { outside, schema, value } from '../state/schema.js';

export { CPU_MODELS, DEFAULT_MODEL, isCpuModel, type CpuModel } from './state/model.js';
export type { CpuEvent, RefusedStore, TranslationThreshold };

/** Execution engines. `auto` is the interpreter plus the translator for hot code. */
export type Engine = 'auto' | 'interpreter' | 'evaluator';

const CR0_AM = 1 << 18;

/**
 * One x86-64 processor: state, MMU, decoder, and the engines that run instructions. It knows nothing of the kernel:
 * exceptions, VMCALL and SYSCALL end `run`, and the caller handles them.
 */
export class Cpu {
  static readonly state = schema(
    'CPU',
    Cpu,
    {
      state: outside('computed, since fields of that name are'),
      mmu: outside('its control registers are computed; the TLB is invisible'),
      linearMemory: outside('a view of guest memory'),
      fetcher: outside('a cache of decoded instructions'),
      codeStops: outside('of a debugger'),
      fenced: outside('has no state between two ticks'),
      bare: outside('the board has its state'),
      ticks: value,
      cr2: value,
      evaluator: outside('has no state between two ticks'),
      records: outside('caches of decoded and compiled code'),
      evaluated: outside('a statistic'),
      memory: outside('guest memory'),
      engine: outside('set when the machine is made'),
      model: outside('set when the machine is made'),
    },
    {
      isPart: true,
      computed: [
        { name: 'registers', read: ({ state }) => state, write: () => {} },
        { name: 'controls', read: ({ mmu }) => mmu.controls, write: ({ mmu }, controls) => mmu.setControls(controls) },
      ],
      restored: ({ bare, codeStops, mmu }) => {
        bare?.system.restored();
        codeStops.forgetPassed();
        mmu.dataStops.takeAccesses();
      },
    },
  );

  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly linearMemory: LinearMemory;
  readonly fetcher: InstructionFetcher;
  readonly codeStops: CodeStops;
  /** Executes instructions while the MMU has a write fence. */
  readonly fenced: FencedExecution;
  /** The CPU's time: one tick for each instruction retired, each iteration of REP, and each fault. */
  ticks = 0;
  /** The linear address of the last page fault, set when the fault is handled. SDM Vol. 3A 2.5 "Control Registers". */
  cr2 = 0n;
  /** Number of instructions that the evaluator has executed, by mnemonic. */
  readonly evaluated = new Map<string, number>();
  /** What only the processor of a bare machine has. */
  readonly bare: BareProcessor | undefined;
  private readonly evaluator: Evaluator;
  private readonly records: RecordEngine | undefined;

  constructor(
    readonly memory: GuestMemory,
    readonly engine: Engine = 'auto',
    /** Used with engine 'auto'. */
    translator: TranslatorOptions = {},
    readonly model: CpuModel = DEFAULT_MODEL,
    /** Makes it the processor of a bare machine, which runs code at every privilege level: `bareProcessor`. */
    makeBare?: MakeBareProcessor,
  ) {
    this.state = new CpuState(memory);
    this.codeStops = new CodeStops(memory.host32);
    this.mmu = new Mmu(memory);
    this.linearMemory = new LinearMemory(memory, this.mmu);
    this.fetcher = new InstructionFetcher(memory, this.mmu, new Decoder(model));
    const { state: registers, mmu, linearMemory } = this;
    mmu.derived.keepsCode = makeBare !== undefined;
    mmu.derived.onPagesChanged = (which) => this.records?.pagesChanged(which);
    this.bare = makeBare?.({ registers, mmu, linearMemory, clock: this }, model, this);
    this.evaluator = new Evaluator(
      this.state,
      this.linearMemory,
      hostOperations(this.state, this.mmu, () => this.ticks, model, this.bare?.system),
    );
    this.fenced = new FencedExecution(this.state, this.linearMemory, this.evaluator);
    if (engine === 'interpreter') this.records = new RecordEngine(this);
    if (engine === 'auto') this.records = new RecordEngine(this, translator);
    this.codeStops.listener = this.records;
    this.linearMemory.onCodeStored = (physical, lengthBytes) => this.codeStored(physical, lengthBytes);
    this.mmu.derived.onMappingsChanged = () => {
      // An A or D bit may have been set in a page table that is code as well.
      this.fetcher.forgetAll();
      this.records?.mappingsChanged();
    };
    const { context } = this.mmu;
    context.onSwitched = (changes) => this.records?.slotsSwitched(changes);
    context.onHomeChanged = (home) => this.records?.homeChanged(home);
    context.onForgotten = (aliases) => this.records?.aliasesForgotten(aliases);
    this.mmu.derived.onPageChanged = (high, low) => this.records?.pageChanged(high, low);
  }

  /** A bare machine runs code of another size, or at another privilege level. */
  codeChanged(decoder: Decoder, isUser: boolean): void {
    this.fetcher.setDecoder(decoder);
    this.records?.privilegeChanged(isUser);
  }

  /** Other instructions than before may be forbidden on a bare machine. */
  rulesChanged(): void {
    this.records?.mappingsChanged();
  }

  /** Statistics of the translator; undefined if there is none. */
  get translationStats(): TranslationStats | undefined {
    return this.records?.translationStats;
  }

  /** Has the host keep what has become hot, for later runs of the same program: see `TranslatorOptions.keeper`. */
  keepCode(): void {
    this.records?.keepCode();
  }

  /** Number of instructions decoded for the interpreter, including repeated decodes; 0 with engine 'evaluator'. */
  get decoded(): number {
    return this.records?.decoded ?? 0;
  }

  /** Discards everything decoded from bytes of physical memory that have changed. */
  codeStored(physical: number, lengthBytes: number): void {
    const frame = Math.floor(physical / PAGE_SIZE);
    this.fetcher.forget(frame);
    this.records?.codeStored(physical, lengthBytes);
    if (!this.records?.holds(frame)) this.mmu.unwatch(frame, WATCH_CODE);
  }

  /**
   * Runs until an event that the caller must handle, for at most `maxTicks` ticks (at least 1). It also returns, with `TICKS`,
   * after `maxRounds` in TypeScript, each of which may take a thousand times as long as an instruction in generated code:
   * how soon differs from engine to engine.
   */
  run(maxTicks: number, maxRounds = Infinity): CpuEvent {
    const end = this.ticks + maxTicks;
    for (;;) {
      const event = this.runTo(end, maxRounds);
      if (!this.bare || event.kind !== 'exception') return event;
      if (!this.bare.deliver(event.exception, event.trap)) return SHUTDOWN;
      if (this.mmu.dataStops.hasAccesses) return STOPPED;
      if (this.bare.hasDeviceAccess) return this.bare.takeEvent();
      if (this.ticks >= end) return TICKS;
    }
  }

  private runTo(end: number, maxRounds: number): CpuEvent {
    if (this.records) return this.records.run(end, maxRounds);
    let event = TICKS;
    for (let round = 0; event === TICKS && this.ticks < end && round < maxRounds; round++)
      event = this.bare?.isInterruptible === true ? INTERRUPTIBLE : this.codeStops.takeStop() ? STOPPED : this.step();
    return event;
  }

  /**
   * Runs one tick in the evaluator: an instruction, an iteration of REP, or a fault. Under a write fence, `verdict`
   * determines what happens to bytes that the fence refuses; without it, they cause an event. It does not stop at a
   * code stop, and stops after an access that touches a data stop.
   */
  step(verdict?: FenceVerdict): CpuEvent {
    this.updateModes();
    const traps = this.state.trapFlag;
    this.ticks++;
    try {
      this.requireNoBreakpoint();
      const instruction = this.fetcher.fetch(this.bare ? this.bare.fetchAddress() : this.state.rip);
      const { mnemonic } = instruction.form.row;
      this.bare?.begin(instruction);
      this.evaluated.set(mnemonic, (this.evaluated.get(mnemonic) ?? 0) + 1);
      const isFenced = this.mmu.context.fence !== undefined;
      const outcome = isFenced ? this.fenced.execute(instruction, verdict) : this.evaluator.execute(instruction);
      if (typeof outcome === 'object') return this.undone(outcome);
      if (outcome !== 'more') this.completed();
      if (outcome === 'vmcall') return VMCALL;
      if (outcome === 'syscall') return SYSCALL;
      if (outcome === 'trap') return trap(this.evaluator.trapVector);
      const causes = this.takeDebugCauses(instruction, traps, outcome === 'more');
      if (causes !== 0) return debugTrap(causes);
      const event = this.bare?.takeEvent() ?? TICKS;
      return event === TICKS && this.mmu.dataStops.hasAccesses ? STOPPED : event;
    } catch (error) {
      return this.undone(faultOf(error));
    }
  }

  /** Uses breakpoints of the program that runs, or none, on a processor that is not bare. They cost nothing where there are none. */
  useBreakpoints(breakpoints: ProgramBreakpoints | undefined): void {
    const { linearMemory } = this;
    if (linearMemory.breakpoints === breakpoints) return;
    linearMemory.breakpoints = breakpoints;
    linearMemory.onAccess = breakpoints && ((linear, bytes, access) => breakpoints.onAccess(linear, bytes, access));
  }

  /** Whether instructions must be executed one by one: with TF or RF, with breakpoints, and as bare machines need it. */
  get runsSingly(): boolean {
    const { state, bare } = this;
    if (bare) return state.trapFlag || bare.needsEvaluator;
    return state.isSteppedOrResumed || this.linearMemory.breakpoints !== undefined;
  }

  /** Raises #DB for a breakpoint of the program on the next instruction, with RF set so that it is executed then. SDM Vol. 3B 17.3.1.1. */
  private requireNoBreakpoint(): void {
    const { breakpoints } = this.linearMemory;
    if (!breakpoints) return;
    // Accesses of an instruction that faulted do not count, nor those of the kernel.
    breakpoints.takeHits();
    const { state } = this;
    const causes = state.resumeFlag ? 0 : breakpoints.onFetch(state.rip);
    if (causes === 0) return;
    state.resumeFlag = true;
    throw debugException(causes);
  }

  private completed(): void {
    this.codeStops.completed();
    if (!this.bare && this.state.resumeFlag) this.state.resumeFlag = false;
  }

  /**
   * The bits of DR6 for which an instruction raises #DB when it is complete, or at least an iteration of it; 0 if it raises none. Between
   * iterations RF is set, on a processor that is not bare. SDM Vol. 3B 17.3.1.1.
   */
  private takeDebugCauses(instruction: Instruction, isStepped: boolean, isIncomplete: boolean): number {
    if (this.bare) return this.bare.takesDebugTrap(instruction, isStepped, isIncomplete) ? DR6_SINGLE_STEP : 0;
    const causes = (isStepped ? DR6_SINGLE_STEP : 0) | (this.linearMemory.breakpoints?.takeHits() ?? 0);
    if (causes !== 0 && isIncomplete) this.state.resumeFlag = true;
    return causes;
  }

  /** The instruction has changed nothing: its accesses were not made. */
  private undone(event: CpuEvent): CpuEvent {
    this.mmu.dataStops.takeAccesses();
    return event;
  }

  /** Updates the modes that depend on RFLAGS, alignment checks and single-stepping, and what generated code reads of others. */
  updateModes(): void {
    const alignmentCheck = this.state.alignmentCheckFlag;
    this.mmu.setRflagsAC(alignmentCheck);
    const checksAlignment = alignmentCheck && this.mmu.cpl === 3 && (this.mmu.cr0 & CR0_AM) !== 0;
    this.linearMemory.checksAlignment = checksAlignment;
    // While alignment is checked no access may hit the TLB, so that the evaluator sees them all.
    this.mmu.derived.setSparesTlb(checksAlignment);
    this.state.showModes(this.mmu.cpl, this.bare?.hasInterrupt === true);
  }
}
