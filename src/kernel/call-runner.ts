import type { Cpu } from '../cpu/cpu.js';
import { R10, R8, R9, RAX, RDI, RDX, RSI } from '../cpu/state/layout.js';
import { OutOfFramesError } from '../vmo/errors.js';
import type { VmoStore } from '../vmo/store.js';
import type { AddressSpace } from './memory/address-space.js';
import {
  ENDED,
  STANDING,
  type CallContext,
  type CallResult,
  type KernelCall,
  type KernelServices,
} from './calls/call.js';
import { KERNEL_CALLS } from './calls/index.js';
import type { KernelConsole } from './terminal/console.js';
import { RefusedCallStore, UndecidedCallStore, type DebugMode } from './reports/debug-mode.js';
import { Errno, failure } from './errors.js';
import type { KernelHooks } from './hooks.js';
import type { HostMemory } from './host-memory.js';
import type { SteppedNames } from './names.js';
import type { Pager } from './memory/pager.js';
import type { Scheduler } from './tasks/scheduler.js';
import type { PendingCall, Thread } from './tasks/thread.js';
import { trapOfSpuriousWrite, type TrapReport } from './reports/trap-report.js';
import type { Waits } from './tasks/waits.js';
import { outside, schema, value } from '../state/schema.js';

const ARGUMENT_REGISTERS = [RDI, RSI, RDX, R10, R8, R9];
const CALLS = new Map(KERNEL_CALLS.map((call) => [call.number, call]));

/** What calls are made with, and what becomes of those that cannot be. */
export interface CallRunnerOptions {
  readonly kernel: KernelServices;
  readonly cpu: Cpu;
  readonly hooks: KernelHooks;
  readonly console: KernelConsole;
  readonly store: VmoStore;
  readonly names: SteppedNames;
  readonly scheduler: Scheduler;
  readonly waits: Waits;
  readonly space: AddressSpace;
  readonly pager: Pager;
  readonly debugMode: DebugMode;
  readonly hostMemory: HostMemory;
  kill(thread: Thread, report: TrapReport): void;
  trap(thread: Thread, cause: 'out of memory'): void;
}

/** Makes kernel-calls: from VMCALL to what rax holds then, however often a call is made until it answers. */
export class CallRunner {
  static readonly state = schema(
    'call runner',
    CallRunner,
    {
      standing: value,
      options: outside('parts of the kernel'),
    },
    { isPart: true },
  );

  /** The thread for whose call the machine stands still. */
  standing: Thread | undefined;

  constructor(private readonly options: CallRunnerOptions) {}

  /** The thread whose registers the CPU holds makes the call that they say. */
  begin(thread: Thread): void {
    const { pager, cpu } = this.options;
    pager.releasePins();
    const number = Number(cpu.state.gpr(RAX));
    this.make(thread, { number, progress: 0, wait: undefined, answer: undefined });
  }

  /** Goes on with a call that has not answered yet. One that works on costs a tick each time; one that waited costs none. */
  goOn(thread: Thread, pending: PendingCall): void {
    this.options.pager.releasePins();
    if (pending.answer !== undefined) return this.answer(thread, pending, pending.answer);
    if (!pending.wait && this.standing !== thread) this.options.kernel.charge({ ticks: 1 });
    this.make(thread, pending);
  }

  /** Makes a call with the registers in the CPU. */
  make(thread: Thread, pending: PendingCall): void {
    const { scheduler, waits } = this.options;
    const waited = pending.wait !== undefined;
    pending.wait = undefined;
    if (this.standing === thread) this.standing = undefined;
    const result = this.perform(thread, pending);
    if (result === undefined) return;
    if (result === STANDING) {
      thread.pending = pending;
      this.standing = thread;
      if (waited) scheduler.wake(thread);
      return;
    }
    if (typeof result === 'bigint') {
      if (waited) scheduler.wake(thread);
      this.answer(thread, pending, result);
      return;
    }
    this.tell(thread, pending, result);
    if (result === ENDED) return;
    thread.pending = pending;
    if (!waited && pending.wait) waits.begin(thread, pending.wait);
    if (waited && !pending.wait) scheduler.wake(thread);
  }

  /** A thread is no more: so is its call. */
  giveUp(thread: Thread): void {
    if (this.standing === thread) this.standing = undefined;
    this.close(thread.pending);
  }

  /** Undefined where that ended the process. */
  private perform(thread: Thread, pending: PendingCall): CallResult | undefined {
    const { state } = this.options.cpu;
    const call = CALLS.get(pending.number);
    if (!call) return failure(Errno.ENOSYS);
    const { dataStops } = this.options.cpu.mmu;
    dataStops.callOf = thread.tid;
    try {
      const args: bigint[] = [];
      for (let index = 0; index < call.parameters.length; index++) args.push(state.gpr(ARGUMENT_REGISTERS[index]!));
      const result = call.perform(this.contextOf(thread, pending, call), ...args);
      if (typeof result === 'bigint' || result === ENDED) this.close(pending);
      return result;
    } catch (error) {
      if (error instanceof UndecidedCallStore) return STANDING;
      this.close(pending);
      if (error instanceof RefusedCallStore) this.options.kill(thread, trapOfSpuriousWrite(error.write));
      else if (error instanceof OutOfFramesError) this.options.trap(thread, 'out of memory');
      else throw error;
      return undefined;
    } finally {
      dataStops.callOf = undefined;
    }
  }

  private close(pending: PendingCall | undefined): void {
    const work = pending?.work;
    if (work) this.options.store.closing(() => work.close());
  }

  /** Answers a call of the thread whose registers the CPU holds. */
  private answer(thread: Thread, pending: PendingCall, result: bigint): void {
    this.tell(thread, pending, result);
    this.options.cpu.state.setGpr(RAX, BigInt.asUintN(64, result));
    thread.pending = undefined;
  }

  private tell(thread: Thread, { number }: PendingCall, result: Exclude<CallResult, typeof STANDING>): void {
    const { cpu, hooks } = this.options;
    if (!hooks.onKernelCall) return;
    const args = ARGUMENT_REGISTERS.map((register) => cpu.state.gpr(register));
    hooks.onKernelCall({ thread, number: BigInt(number), name: CALLS.get(number)?.name, arguments: args, result });
  }

  /** One literal: put together by spreading others it takes ten microseconds, and rubbish to collect. */
  private contextOf(thread: Thread, pending: PendingCall, call: KernelCall): CallContext {
    const { kernel, console, store, names, space, pager, debugMode, cpu, hostMemory } = this.options;
    const { process } = thread;
    const { ticks: now, memory: guestMemory } = cpu;
    const memory = debugMode.memoryFor(thread, call.name);
    // prettier-ignore
    return { kernel, thread, process, now, pending, memory, console, store, names, space, pager, debugMode, hostMemory, guestMemory };
  }
}
