import type { Cpu, CpuEvent } from '../cpu/cpu.js';
import { Vector, type GuestException } from '../cpu/exceptions.js';
import { R10, R8, R9, RAX, RDI, RDX, RSI } from '../cpu/state.js';
import type { StateWriter } from '../state-writer.js';
import { OutOfFramesError } from '../vmo/errors.js';
import type { FramePool } from '../vmo/frame-pool.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import { AddressSpace } from './address-space.js';
import { ENDED, PENDING, type CallContext, type CallResult } from './calls/call.js';
import { KERNEL_CALLS } from './calls/index.js';
import { commitRange } from './commit.js';
import { CountedConsole, type Console } from './console.js';
import { enterUserMode, setInitialRegisters } from './cpu-setup.js';
import { Errno, failure } from './errors.js';
import type { KernelHooks } from './hooks.js';
import { fromLinear, type LinearAddress } from './linear-address.js';
import { loadProgram, unload, type StartOptions } from './loader.js';
import type { MemoryAccess } from './mapping.js';
import { Pager, type FaultOutcome } from './pager.js';
import { Process, ProcessTable } from './process.js';
import { Scheduler } from './scheduler.js';
import { LAST_DEADLINE, Thread, type PendingCall } from './thread.js';
import { accessOf, makeTrapReport, type TrapReport } from './trap-report.js';
import { UserMemory } from './user-memory.js';

const ARGUMENT_REGISTERS = [RDI, RSI, RDX, R10, R8, R9];
const CALLS = new Map(KERNEL_CALLS.map((call) => [BigInt(call.number), call]));

export interface KernelOptions {
  readonly cpu: Cpu;
  readonly store: VmoStore;
  readonly pool: FramePool;
  readonly console: Console;
  readonly hooks?: KernelHooks;
  /** Bytes that the store keeps for private pages that are written back; 0 if not given. */
  readonly writeBackBytes?: number;
}

/** Why `run` came back. */
export type KernelEvent =
  | { readonly kind: 'ticks' }
  /** A process has ended; the others can go on. */
  | { readonly kind: 'ended' }
  /** All threads wait for input, the first of them until a tick, Infinity for ever. */
  | { readonly kind: 'waiting'; readonly until: number }
  /** There is no process. */
  | { readonly kind: 'idle' };

/**
 * BD0's kernel: it stands where a hypervisor stands. Every exception and VMCALL of a thread comes here, and is resolved,
 * answered, or ends the process.
 */
export class Kernel {
  readonly processes = new ProcessTable();
  readonly space = new AddressSpace();
  readonly store: VmoStore;
  readonly pager: Pager;
  readonly memory: UserMemory;
  /** Page faults. */
  faults = 0;
  /** Ticks in which no instruction retired: exceptions, calls that work on, and idle time. */
  ticksWithoutInstruction = 0;
  private readonly cpu: Cpu;
  private readonly console: CountedConsole;
  private readonly hooks: KernelHooks;
  private readonly scheduler = new Scheduler();
  /** Whose registers the CPU holds. */
  private current: Thread | undefined;
  private nextTid = 1;
  private lastFault: { thread: Thread; tick: number } | undefined;
  /** Since `run` told of it last. */
  private someProcessEnded = false;

  constructor({ cpu, store, pool, console, hooks = {}, writeBackBytes = 0 }: KernelOptions) {
    this.cpu = cpu;
    this.store = store;
    this.console = new CountedConsole(console);
    this.hooks = hooks;
    this.pager = new Pager(cpu.linearMemory, pool, this.space, writeBackBytes);
    this.memory = new UserMemory(cpu.linearMemory, this.space, this.pager);
    enterUserMode(cpu, this.pager.pageTable.root);
  }

  /** Starts a program. The image is the caller's to close. Throws KernelError, with nothing changed: see loadProgram. */
  start(image: VmoHandle, options: StartOptions): Process {
    const pid = this.processes.nextPid();
    const { description, rsp, threadPointer } = loadProgram(this, image, options, pid);
    const process = new Process(pid, description);
    this.processes.add(process);
    const thread = new Thread(this.nextTid++, process);
    process.threads.push(thread);
    const before = this.current;
    this.switchTo(thread);
    setInitialRegisters(this.cpu, description.entry, rsp, threadPointer);
    if (before) this.switchTo(before);
    this.scheduler.add(thread);
    return process;
  }

  /** Runs threads until something happens that the host should know, at most `maxTicks` ticks (at least 1). */
  run(maxTicks: number): KernelEvent {
    const end = this.cpu.ticks + maxTicks;
    while (this.cpu.ticks < end) {
      const thread = this.schedule();
      if (thread) this.runThread(thread, end);
      if (this.someProcessEnded) {
        this.someProcessEnded = false;
        return { kind: 'ended' };
      }
      if (!thread) return this.rest();
    }
    return { kind: 'ticks' };
  }

  /** Makes a VMO of a range of memory, which is mapped to it from then on: see commitRange. */
  commit(start: LinearAddress, lengthBytes: number): VmoHandle {
    return commitRange(this, start, lengthBytes);
  }

  /** Lets time pass until a tick, the last deadline at most, while all threads wait; no effect if it is past. */
  passTime(tick: number): void {
    if (this.scheduler.running) throw new Error('time passes by itself while threads run');
    const ticks = Math.max(0, Math.min(tick, LAST_DEADLINE) - this.cpu.ticks);
    this.cpu.ticks += ticks;
    this.ticksWithoutInstruction += ticks;
  }

  /** Ends a process: all its threads; its memory is given back. */
  end(process: Process, exitCode: number, trap?: TrapReport): void {
    for (const thread of process.threads) this.scheduler.remove(thread);
    if (this.current?.process === process) this.current = undefined;
    process.threads.length = 0;
    for (const region of process.regions) unload(this, region);
    this.processes.remove(process);
    process.end = { exitCode, trap };
    this.someProcessEnded = true;
  }

  /** All that decides what the kernel does next; the CPU's state and guest memory apart. */
  writeState(out: StateWriter): void {
    const { lastFault, current, nextTid, faults, ticksWithoutInstruction } = this;
    out.numbers([nextTid, faults, ticksWithoutInstruction, current?.tid ?? 0]);
    out.numbers([lastFault?.thread.tid ?? 0, lastFault?.tick ?? 0]);
    this.processes.writeState(out);
    for (const { threads } of this.processes.live())
      for (const thread of threads) thread.writeState(out, thread === current);
    this.space.writeState(out);
    this.scheduler.writeState(out);
    this.pager.writeState(out);
    this.console.writeState(out);
  }

  private runThread(thread: Thread, end: number): void {
    this.switchTo(thread);
    if (thread.pending) return this.continueCall(thread);
    const event = this.cpu.run(this.scheduler.turnEnd(end) - this.cpu.ticks);
    this.scheduler.passSlices(this.cpu.ticks);
    this.handle(thread, event);
  }

  /** The thread that is to run, with a slice that is not used up. Waiting threads ask again when a slice begins. */
  private schedule(): Thread | undefined {
    const { scheduler } = this;
    if (scheduler.needsSlice(this.cpu.ticks)) {
      scheduler.beginSlice(this.cpu.ticks);
      for (const thread of [...scheduler.waiters]) {
        if (thread.process.end) continue;
        this.switchTo(thread);
        this.continueCall(thread);
      }
    }
    return scheduler.running;
  }

  private rest(): KernelEvent {
    const { waiters } = this.scheduler;
    if (waiters.length === 0) return { kind: 'idle' };
    return { kind: 'waiting', until: Math.min(...waiters.map(({ pending }) => pending?.deadline ?? Infinity)) };
  }

  /** A context switch changes registers and nothing else. */
  private switchTo(thread: Thread): void {
    if (this.current === thread) return;
    this.current?.save(this.cpu.state);
    thread.restore(this.cpu.memory);
    this.current = thread;
  }

  private handle(thread: Thread, event: CpuEvent): void {
    if (event.kind === 'ticks') return;
    if (event.kind === 'vmcall') {
      this.pager.releasePins();
      this.call(thread, { number: this.cpu.state.gpr(RAX), progress: 0, deadline: undefined });
      return;
    }
    if (!event.trap) this.ticksWithoutInstruction++;
    if (event.exception.vector === Vector.PF) this.handleFault(thread, event.exception);
    else this.trap(thread, 'exception', event.exception);
  }

  private handleFault(thread: Thread, exception: GuestException): void {
    const { ticks } = this.cpu;
    const sameInstruction = this.lastFault?.thread === thread && this.lastFault.tick === ticks - 1;
    if (!sameInstruction) this.pager.releasePins();
    this.lastFault = { thread, tick: ticks };
    this.faults++;
    const access = accessOf(exception.errorCode);
    const outcome = this.resolve(exception.linear, access);
    this.hooks.onFault?.({ thread, rip: this.cpu.state.rip, linear: exception.linear, access, outcome });
    if (outcome !== 'resolved') this.trap(thread, outcome === 'out of memory' ? outcome : 'exception', exception);
  }

  private resolve(linear: bigint, access: MemoryAccess): FaultOutcome | 'out of memory' {
    const address = fromLinear(linear);
    if (address === undefined) throw new Error(`a page fault at ${linear}, which is not canonical`);
    try {
      return this.pager.resolve(address, access);
    } catch (error) {
      if (error instanceof OutOfFramesError) return 'out of memory';
      throw error;
    }
  }

  /** Makes a call that was pending once more. One that works on costs a tick each time; one that waits costs none. */
  private continueCall(thread: Thread): void {
    const pending = thread.pending!;
    this.pager.releasePins();
    if (pending.deadline === undefined) {
      this.cpu.ticks++;
      this.ticksWithoutInstruction++;
    }
    this.call(thread, pending);
  }

  private call(thread: Thread, pending: PendingCall): void {
    const { state } = this.cpu;
    const args = ARGUMENT_REGISTERS.map((register) => state.gpr(register));
    const call = CALLS.get(pending.number);
    let result: CallResult;
    try {
      result = call ? call.perform(this.contextOf(thread, pending), ...args) : failure(Errno.ENOSYS);
    } catch (error) {
      if (!(error instanceof OutOfFramesError)) throw error;
      this.trap(thread, 'out of memory');
      return;
    }
    this.hooks.onKernelCall?.({ thread, number: pending.number, name: call?.name, arguments: args, result });
    if (result === ENDED) return;
    if (typeof result === 'bigint') state.setGpr(RAX, BigInt.asUintN(64, result));
    thread.pending = result === PENDING ? pending : undefined;
    this.scheduler.setWaiting(thread, thread.pending?.deadline !== undefined);
  }

  private contextOf(thread: Thread, pending: PendingCall): CallContext {
    const { process } = thread;
    return {
      process,
      memory: this.memory,
      console: this.console,
      now: this.cpu.ticks,
      pending,
      findProcess: (pid) => (pid === 0n ? process : this.processes.find(Number(pid))),
      exit: (code) => this.end(process, code),
    };
  }

  private trap(thread: Thread, cause: TrapReport['cause'], exception?: GuestException): void {
    const report = makeTrapReport(this, thread, cause, this.cpu.state.rip, exception);
    this.hooks.onTrap?.(report);
    this.end(thread.process, report.exitCode, report);
  }
}
