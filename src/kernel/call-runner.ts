import { R10, R11, R8, R9, RAX, RCX, RDI, RDX, RSI } from '../cpu/state/layout.js';
import { OutOfFramesError } from '../vmo/errors.js';
import { callOf, lacksLinuxCalls, type AnyCall } from './all-calls.js';
import type { CallRunnerOptions } from './call-runner-options.js';
import { ENDED, STANDING, type CallResult } from './calls/call.js';
import { RefusedCallStore, UndecidedCallStore } from './reports/debug-mode.js';
import { Errno, failure } from './errors.js';
import type { KernelCallEvent } from './hooks.js';
import type { Interruption, LinuxContext } from './linux/call.js';
import { LinuxErrno, LinuxError, failed } from './linux/errno.js';
import { makeAgain } from './linux/tracing/interrupted-call.js';
import type { ProgramAbi } from './program/elf.js';
import type { ProcessTable } from './tasks/process-table.js';
import type { PendingCall, Thread } from './tasks/thread.js';
import { trapOfSpuriousWrite } from './reports/trap-report.js';
import { outside, schema, value } from '../state/schema.js';

const ARGUMENT_REGISTERS = [RDI, RSI, RDX, R10, R8, R9];

/** Performs kernel-calls, from VMCALL or SYSCALL to the value of rax, repeating a call until it returns. */
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

  /** Whether there is a process whose calls are still to be loaded. */
  lacksCallsOf(processes: ProcessTable): boolean {
    return lacksLinuxCalls() && processes.live().some(({ linux }) => linux !== undefined);
  }

  /** The thread whose registers the CPU holds makes the call that they say. */
  begin(thread: Thread, abi: ProgramAbi): void {
    this.options.pager.releasePins();
    const number = this.numberOf(abi);
    const pending: PendingCall = { abi, number, progress: 0, wait: undefined, answer: undefined };
    const trace = abi === 'linux' ? thread.linux!.trace : undefined;
    if (!trace) return this.make(thread, pending);
    const { tracing } = this.options.linux;
    const call = tracing.callOf(trace, pending);
    if (!tracing.stopsAtEntry(thread, trace, call)) this.make(thread, call);
  }

  /** Goes on with a call that has not answered yet. One that works on costs a tick each time; one that waited costs none. */
  goOn(thread: Thread, pending: PendingCall): void {
    this.options.pager.releasePins();
    if (pending.answer !== undefined) return this.answer(thread, pending, pending.answer);
    if (pending.isSkipped) return this.answer(thread, pending, this.options.cpu.state.gpr(RAX));
    if (!pending.wait && this.standing !== thread) this.options.kernel.charge({ ticks: 1 });
    this.make(thread, pending);
  }

  /** A handler interrupts the call of the thread whose registers the CPU holds. `restarts`: which calls are made again after it. */
  interrupt(thread: Thread, restarts: readonly Interruption[]): void {
    const { state } = this.options.cpu;
    const pending = thread.pending!;
    const result = this.suspend(thread);
    this.setResult(thread, pending, typeof result === 'bigint' ? result : failed(LinuxErrno.EINTR));
    if (typeof result === 'bigint' || !restarts.includes(result)) return;
    makeAgain(state, BigInt(pending.number));
  }

  /** Gives up the interrupted call of the thread whose registers the CPU holds. Returns how it ends, or its result. */
  suspend(thread: Thread): Interruption | bigint {
    const pending = thread.pending!;
    const { interrupted = 'restart' } = callOf(pending)!;
    const result = typeof interrupted === 'function' ? this.interruption(thread, pending, interrupted) : interrupted;
    this.close(pending);
    thread.pending = undefined;
    return result;
  }

  /** Makes a call with the registers in the CPU. */
  make(thread: Thread, pending: PendingCall): void {
    const { scheduler, waits } = this.options;
    const waited = pending.wait !== undefined;
    pending.wait = undefined;
    if (pending.isInterrupted) pending.isInterrupted = false;
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
      if (this.stopsForEvent(thread)) thread.pending = { ...pending, answer: result };
      else this.answer(thread, pending, result);
      return;
    }
    this.tell(thread, pending, result);
    if (result === ENDED) {
      thread.pending = undefined;
      if (thread.linux?.trace && thread.process.threads.includes(thread))
        this.options.linux.tracing.hasReturned(thread);
      return;
    }
    thread.pending = pending;
    this.giveWay(thread, pending);
    if (!waited && pending.wait) waits.begin(thread, pending.wait);
    if (waited && !pending.wait) scheduler.wake(thread);
    this.stopsForEvent(thread);
  }

  /** Stops the thread if its tracer waits for what a call has done. Returns whether it does; the call has no result yet. */
  private stopsForEvent(thread: Thread): boolean {
    return thread.linux?.trace?.event !== undefined && this.options.linux.tracing.stopsForEvent(thread);
  }

  private interruption(
    thread: Thread,
    pending: PendingCall,
    interrupted: Exclude<AnyCall['interrupted'], string | undefined>,
  ): Interruption | bigint {
    const call = callOf(pending)!;
    try {
      return interrupted(this.contextOf(thread, pending, call), ...this.argumentsOf(call));
    } catch (error) {
      if (error instanceof LinuxError) return failed(error.errno);
      throw error;
    }
  }

  /** A call that is about to wait does not where a signal is due: a handler may interrupt it first. */
  private giveWay(thread: Thread, pending: PendingCall): void {
    if (!thread.linux || !pending.wait || pending.wait.isFirm || !this.options.linux.signals.isInterrupted(thread))
      return;
    pending.wait = undefined;
    pending.isInterrupted = true;
  }

  /** Drops the call of a thread that has ended. */
  giveUp(thread: Thread): void {
    if (this.standing === thread) this.standing = undefined;
    this.close(thread.pending);
  }

  /** Undefined where that ended the process. */
  private perform(thread: Thread, pending: PendingCall): CallResult | undefined {
    const call = callOf(pending);
    if (!call) return failure(Errno.ENOSYS);
    const { dataStops } = this.options.cpu.mmu;
    dataStops.callOf = thread.tid;
    try {
      const result = call.perform(this.contextOf(thread, pending, call), ...this.argumentsOf(call));
      if (typeof result === 'bigint' || result === ENDED) this.close(pending);
      return result;
    } catch (error) {
      if (error instanceof UndecidedCallStore) return STANDING;
      this.close(pending);
      if (error instanceof LinuxError) return failed(error.errno);
      if (error instanceof RefusedCallStore) this.options.kill(thread, trapOfSpuriousWrite(error.write));
      else if (error instanceof OutOfFramesError) this.options.trap(thread, 'out of memory');
      else throw error;
      return undefined;
    } finally {
      dataStops.callOf = undefined;
    }
  }

  private argumentsOf({ parameters }: AnyCall): bigint[] {
    const { state } = this.options.cpu;
    const args: bigint[] = [];
    for (let index = 0; index < parameters.length; index++) args.push(state.gpr(ARGUMENT_REGISTERS[index]!));
    return args;
  }

  private close(pending: PendingCall | undefined): void {
    const work = pending?.work;
    if (work) this.options.store.closing(() => work.close());
  }

  /** Answers a call of the thread whose registers the CPU holds. */
  private answer(thread: Thread, pending: PendingCall, result: bigint): void {
    this.setResult(thread, pending, result);
    thread.linux?.signals.restoreMask();
    if (thread.linux?.trace) this.options.linux.tracing.called(thread);
  }

  private setResult(thread: Thread, pending: PendingCall, result: bigint): void {
    this.tell(thread, pending, result);
    const { state } = this.options.cpu;
    state.setGpr(RAX, BigInt.asUintN(64, result));
    if (pending.abi === 'linux') {
      // SYSCALL leaves there where it returns to, and the flags.
      state.setGpr(RCX, state.rip);
      state.setGpr(R11, state.rflags);
    }
    thread.pending = undefined;
  }

  /** The call that the registers in the CPU ask for, which are those of a thread. */
  describe(thread: Thread, abi: ProgramAbi): Omit<KernelCallEvent, 'result'> {
    return this.descriptionOf(thread, abi, this.numberOf(abi));
  }

  /** The number of the call that the registers in the CPU ask for. */
  private numberOf(abi: ProgramAbi): number {
    const rax = this.options.cpu.state.gpr(RAX);
    return Number(abi === 'linux' ? BigInt.asUintN(32, rax) : rax);
  }

  private descriptionOf(thread: Thread, abi: ProgramAbi, number: number): Omit<KernelCallEvent, 'result'> {
    const { state } = this.options.cpu;
    const args = ARGUMENT_REGISTERS.map((register) => state.gpr(register));
    return { thread, number: BigInt(number), name: callOf({ abi, number })?.name, arguments: args };
  }

  private tell(thread: Thread, { abi, number }: PendingCall, result: Exclude<CallResult, typeof STANDING>): void {
    const { onKernelCall } = this.options.hooks;
    onKernelCall?.call(this.options.hooks, { ...this.descriptionOf(thread, abi, number), result });
  }

  /** One literal: put together by spreading others it takes ten microseconds, and rubbish to collect. */
  private contextOf(thread: Thread, pending: PendingCall, call: AnyCall): LinuxContext {
    const { kernel, console, store, names, space, pager, debugMode, cpu, hostMemory, linux: system } = this.options;
    const { process } = thread;
    const { ticks: now, memory: guestMemory, state: registers } = cpu;
    // Only calls of Linux look at it, and only processes of Linux make those.
    const linux = process.linux!;
    const memory = debugMode.memoryFor(thread, call.name).seenIn(process.view);
    // prettier-ignore
    return { kernel, thread, process, now, pending, memory, console, store, names, space, pager, debugMode, hostMemory, guestMemory, linux, system, registers };
  }
}
