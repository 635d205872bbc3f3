import type { Cpu, CpuEvent } from '../cpu/cpu.js';
import type { RefusedStore } from '../cpu/events.js';
import { Vector, type GuestException } from '../cpu/exceptions.js';
import { R10, R8, R9, RAX, RDI, RDX, RSI } from '../cpu/state.js';
import type { StateWriter } from '../state-writer.js';
import { OutOfFramesError } from '../vmo/errors.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import { AddressSpace } from './address-space.js';
import {
  ENDED,
  PENDING,
  type CallContext,
  type CallResult,
  type KernelCall,
  type KernelServices,
  type ThreadStart,
} from './calls/call.js';
import { KERNEL_CALLS } from './calls/index.js';
import { commitRange } from './commit.js';
import { KernelConsole, type ConsoleInput } from './console.js';
import { enterUserMode, setInitialRegisters } from './cpu-setup.js';
import { DebugMode, RefusedCallStore } from './debug-mode.js';
import { Errno, failure } from './errors.js';
import type { KernelHooks } from './hooks.js';
import { mapKernelPage } from './kernel-page.js';
import type { Clock, KernelEvent, KernelOptions } from './kernel-options.js';
import { EXIT_INTERRUPTED, foregroundOf } from './foreground.js';
import { KnownImages } from './known-images.js';
import { fromLinear, type LinearAddress } from './linear-address.js';
import { loadProgram, unload, type StartOptions } from './loader.js';
import { again } from './map-vmo.js';
import { MemoryNames, WatchedNames, type NameInput, type NameSpace } from './names.js';
import { PageFaults } from './page-faults.js';
import { Pager } from './pager.js';
import { Process } from './process.js';
import { ProcessTable } from './process-table.js';
import { Scheduler } from './scheduler.js';
import { freeThreadStack, prepareStack } from './threads.js';
import { LAST_DEADLINE, Thread, type PendingCall, type ThreadStack } from './thread.js';
import { accessOf, makeTrapReport, trapOfSpuriousWrite, type TrapReport } from './trap-report.js';
import { UserMemory } from './user-memory.js';
import type { WaitKey } from './wait-queues.js';
import { Waits } from './waits.js';

const ARGUMENT_REGISTERS = [RDI, RSI, RDX, R10, R8, R9];
const CALLS = new Map(KERNEL_CALLS.map((call) => [call.number, call]));

/**
 * BD0's kernel: it stands where a hypervisor stands. Every exception and VMCALL of a thread comes here, and is resolved,
 * answered, or ends the process.
 */
export class Kernel implements KernelServices {
  readonly processes = new ProcessTable();
  readonly space = new AddressSpace();
  readonly images = new KnownImages();
  readonly store: VmoStore;
  readonly names: NameSpace;
  readonly pager: Pager;
  readonly memory: UserMemory;
  readonly console: KernelConsole;
  readonly debugMode: DebugMode;
  /** Ticks in which no instruction retired: exceptions, calls that work on, and idle time. */
  ticksWithoutInstruction = 0;
  private readonly cpu: Cpu;
  private readonly hooks: KernelHooks;
  private readonly clock: Clock;
  private readonly scheduler = new Scheduler();
  private readonly waits = new Waits(this.scheduler);
  private readonly pageFaults: PageFaults;
  private readonly threads = new Map<number, Thread>();
  /** Whose registers the CPU holds. */
  private current: Thread | undefined;
  private nextTid = 1;
  /** Since `run` told of it last. */
  private someProcessEnded = false;

  constructor(options: KernelOptions) {
    const { cpu, store, pool, console, hooks = {}, writeBackBytes = 0, clock = 'free' } = options;
    this.cpu = cpu;
    this.store = store;
    const tell = (input: ConsoleInput | NameInput): void => hooks.onInput?.({ tick: cpu.ticks, ...input });
    this.names = new WatchedNames(options.names ?? new MemoryNames(store), tell);
    this.console = new KernelConsole(console, {
      tell,
      foreground: () => foregroundOf(this.processes),
      interrupt: (process) => this.end(process, EXIT_INTERRUPTED),
    });
    this.hooks = hooks;
    this.clock = clock;
    this.pager = new Pager(cpu.linearMemory, pool, this.space, writeBackBytes);
    this.memory = new UserMemory(cpu.linearMemory, this.space, this.pager);
    this.pageFaults = new PageFaults(this.pager);
    const { memory, space, processes } = this;
    this.debugMode = new DebugMode({ cpu, memory, space, processes, hooks });
    mapKernelPage(store, space);
    enterUserMode(cpu, this.pager.pageTable.root);
  }

  /** Page faults. */
  get faults(): number {
    return this.pageFaults.count;
  }

  /** How often another thread has got the CPU than the one before. */
  get switches(): number {
    return this.scheduler.switches;
  }

  readonly findThread = (tid: number): Thread | undefined => this.threads.get(tid);

  /** Starts a program. The image is the caller's to close. Throws KernelError, with nothing changed: see loadProgram. */
  start(image: VmoHandle, options: StartOptions): Process {
    const pid = this.processes.nextPid();
    const { description, rsp, threadPointer } = loadProgram(this, image, options, pid);
    const process = new Process(pid, description, again(this.store, image));
    this.processes.add(process);
    const thread = this.addThread(process, description.mainStack, () =>
      setInitialRegisters(this.cpu, description.entry, rsp, threadPointer),
    );
    if (options.debugMode) this.debugMode.set(thread, true);
    return process;
  }

  spawn(parent: Thread, { entry, argument, stackBytes }: ThreadStart): Thread {
    const { process } = parent;
    const { stack, rsp, threadPointer } = prepareStack(this, process, stackBytes);
    const thread = this.addThread(process, stack, () => {
      setInitialRegisters(this.cpu, fromLinear(entry)!, rsp, threadPointer);
      this.cpu.state.setGpr(RDI, argument);
    });
    thread.guard.inherit(parent.guard);
    return thread;
  }

  /** Runs threads until something happens that the host should know, at most `maxTicks` ticks (at least 1). */
  run(maxTicks: number): KernelEvent {
    const end = this.cpu.ticks + maxTicks;
    this.console.takeIn();
    while (this.cpu.ticks < end) {
      const thread = this.schedule();
      if (thread) this.runThread(thread, end);
      if (this.someProcessEnded) {
        this.someProcessEnded = false;
        return { kind: 'ended' };
      }
      const event = thread ? undefined : this.rest(end);
      if (event) return event;
    }
    return { kind: 'ticks' };
  }

  /**
   * Runs a thread that can run for one tick, whoever's turn it is: for those who look at every order in which things can
   * happen. A call that waited, and can answer, answers; that takes no tick.
   */
  step(thread: Thread): void {
    this.scheduler.giveTurn(thread, this.cpu.ticks);
    this.runThread(thread, this.cpu.ticks + 1);
  }

  /** Makes a VMO of a range of memory, which is mapped to it from then on: see commitRange. */
  commit(start: LinearAddress, lengthBytes: number): VmoHandle {
    return commitRange(this, start, lengthBytes);
  }

  /** Lets time pass until a tick, the last deadline at most, while all threads wait; no effect if it is past. */
  passTime(tick: number): void {
    if (this.scheduler.running) throw new Error('time passes by itself while threads run');
    this.spend(Math.max(0, Math.min(tick, LAST_DEADLINE) - this.cpu.ticks));
  }

  /** Counts time in which no instruction retires. */
  spend(ticks: number): void {
    this.cpu.ticks += ticks;
    this.ticksWithoutInstruction += ticks;
  }

  /** Ends a process: all its threads. Its memory is given back, unless others live in it. */
  end(process: Process, exitCode: number, trap?: TrapReport): void {
    for (const thread of [...process.threads]) this.removeThread(thread, exitCode);
    process.handles.closeAll();
    process.image.close();
    this.processes.remove(process);
    process.end = { exitCode, trap };
    for (const region of [...process.regions, ...process.maps]) {
      if (--region.users > 0) continue;
      unload(this, region);
      this.debugMode.forget(region);
    }
    this.someProcessEnded = true;
    this.waits.tellEnd(process, exitCode, this.processes.find(process.description.parent));
  }

  endThread(thread: Thread, code: number): void {
    const { process, tid } = thread;
    if (process.threads.length === 1) return this.end(process, code & 0xff);
    if (this.removeThread(thread, code) === 0) process.endedThreads.add(tid, code);
    if (thread.stack !== process.description.mainStack) freeThreadStack(this, process, thread.stack);
  }

  wake(key: WaitKey, answer: bigint, count = Infinity): number {
    return this.waits.wake(key, answer, count);
  }

  yieldTurn(): void {
    this.scheduler.yield(this.cpu.ticks);
  }

  /** All that decides what the kernel does next; the CPU's state and guest memory apart. */
  writeState(out: StateWriter): void {
    out.numbers([this.nextTid, this.ticksWithoutInstruction, this.current?.tid ?? 0]);
    this.pageFaults.writeState(out);
    this.processes.writeState(out);
    for (const thread of this.threads.values()) thread.writeState(out, thread === this.current);
    this.space.writeState(out);
    this.scheduler.writeState(out);
    this.waits.writeState(out);
    this.pager.writeState(out);
    this.debugMode.writeState(out);
    this.console.writeState(out);
    this.names.writeState(out);
    out.text(this.store.openIds().sort().join());
  }

  /** A new thread, whose first registers `setRegisters` puts into the CPU. */
  private addThread(process: Process, stack: ThreadStack, setRegisters: () => void): Thread {
    const thread = new Thread(this.nextTid++, process, stack);
    process.threads.push(thread);
    this.threads.set(thread.tid, thread);
    const before = this.current;
    this.switchTo(thread);
    setRegisters();
    if (before) this.switchTo(before);
    this.scheduler.add(thread);
    return thread;
  }

  /** Answers how many threads waited for the end of this one. */
  private removeThread(thread: Thread, code: number): number {
    const { process, tid, pending } = thread;
    this.waits.forget(thread);
    pending?.work?.close();
    this.scheduler.remove(thread);
    this.threads.delete(tid);
    process.threads.splice(process.threads.indexOf(thread), 1);
    if (this.current === thread) this.current = undefined;
    return this.wake(`thread ${tid}`, BigInt(code));
  }

  private runThread(thread: Thread, end: number): void {
    this.switchTo(thread);
    if (thread.pending) return this.continueCall(thread, thread.pending);
    const event = this.debugMode.run(thread, this.scheduler.turnEnd(end) - this.cpu.ticks);
    this.scheduler.passSlices(this.cpu.ticks);
    this.handle(thread, event);
  }

  /** The thread that is to run, with a slice that is not used up. Those that wait for input ask again when a slice begins. */
  private schedule(): Thread | undefined {
    const { scheduler } = this;
    this.console.settle();
    if (scheduler.nextDeadline <= this.cpu.ticks)
      this.waits.passDeadlines(this.cpu.ticks, (thread) => this.askAgain(thread));
    if (scheduler.needsSlice(this.cpu.ticks)) {
      if (scheduler.waitingForInput.length > 0) this.console.takeIn();
      for (const thread of [...scheduler.waitingForInput]) if (this.threads.has(thread.tid)) this.askAgain(thread);
      scheduler.beginSlice(this.cpu.ticks);
    }
    return scheduler.running;
  }

  /** A thread that waits makes its call once more. */
  private askAgain(thread: Thread): void {
    this.switchTo(thread);
    this.call(thread, thread.pending!);
  }

  /** All threads wait. Undefined: not any more, since time has passed. */
  private rest(end: number): KernelEvent | undefined {
    const { nextDeadline: until, waitingForInput } = this.scheduler;
    // What Ctrl-C would end may wait for anything.
    const forInput = waitingForInput.length > 0 || (this.console.isTerminal && !foregroundOf(this.processes)?.isFirst);
    if (this.threads.size === 0) return { kind: 'idle' };
    if (forInput || until === Infinity || this.clock === 'real') return { kind: 'waiting', until, forInput };
    this.passTime(Math.min(until, end));
    return undefined;
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
      const number = Number(this.cpu.state.gpr(RAX));
      this.call(thread, { number, progress: 0, wait: undefined, answer: undefined });
      return;
    }
    if (event.kind === 'refused') return this.refused(thread, event.stores);
    if (!event.trap) this.ticksWithoutInstruction++;
    if (event.exception.vector === Vector.PF) this.handleFault(thread, event.exception);
    else this.trap(thread, 'exception', event.exception);
  }

  private handleFault(thread: Thread, exception: GuestException): void {
    const { linear, errorCode } = exception;
    const access = accessOf(errorCode);
    const outcome = this.pageFaults.resolve(thread, linear, access, this.cpu.ticks);
    this.hooks.onFault?.({ thread, rip: this.cpu.state.rip, linear, access, outcome });
    if (outcome !== 'resolved') this.trap(thread, outcome === 'out of memory' ? outcome : 'exception', exception);
  }

  /** A store of a thread in debug mode, which has taken a tick as a fault does. */
  private refused(thread: Thread, stores: readonly RefusedStore[]): void {
    this.ticksWithoutInstruction++;
    const report = this.debugMode.refused(thread, stores);
    if (report) this.kill(thread, report);
  }

  /** Goes on with a call that has not answered yet. One that works on costs a tick each time; one that waited costs none. */
  private continueCall(thread: Thread, pending: PendingCall): void {
    this.pager.releasePins();
    if (pending.answer !== undefined) return this.answer(thread, pending, pending.answer);
    if (!pending.wait) this.spend(1);
    this.call(thread, pending);
  }

  /** Makes a call with the registers in the CPU. */
  private call(thread: Thread, pending: PendingCall): void {
    const { state } = this.cpu;
    const call = CALLS.get(pending.number);
    const waited = pending.wait !== undefined;
    pending.wait = undefined;
    let result: CallResult;
    try {
      if (call) {
        const args = call.parameters.map((_, index) => state.gpr(ARGUMENT_REGISTERS[index]!));
        result = call.perform(this.contextOf(thread, pending, call), ...args);
      } else result = failure(Errno.ENOSYS);
    } catch (error) {
      pending.work?.close();
      if (error instanceof RefusedCallStore) return this.kill(thread, trapOfSpuriousWrite(error.write));
      if (!(error instanceof OutOfFramesError)) throw error;
      this.trap(thread, 'out of memory');
      return;
    }
    if (result !== PENDING) pending.work?.close();
    if (typeof result === 'bigint') {
      if (waited) this.scheduler.wake(thread);
      this.answer(thread, pending, result);
      return;
    }
    this.tell(thread, pending, result);
    if (result === ENDED) return;
    thread.pending = pending;
    if (!waited && pending.wait) this.waits.begin(thread, pending.wait);
    if (waited && !pending.wait) this.scheduler.wake(thread);
  }

  /** Answers a call of the thread whose registers the CPU holds. */
  private answer(thread: Thread, pending: PendingCall, result: bigint): void {
    this.tell(thread, pending, result);
    this.cpu.state.setGpr(RAX, BigInt.asUintN(64, result));
    thread.pending = undefined;
  }

  private tell(thread: Thread, { number }: PendingCall, result: CallResult): void {
    const { onKernelCall } = this.hooks;
    if (!onKernelCall) return;
    const args = ARGUMENT_REGISTERS.map((register) => this.cpu.state.gpr(register));
    onKernelCall({ thread, number: BigInt(number), name: CALLS.get(number)?.name, arguments: args, result });
  }

  /** One literal: put together by spreading others it takes ten microseconds, and rubbish to collect. */
  private contextOf(thread: Thread, pending: PendingCall, call: KernelCall): CallContext {
    const { console, store, names, space, pager, debugMode, cpu } = this;
    const { process } = thread;
    const { ticks: now, memory: guestMemory } = cpu;
    const memory = debugMode.memoryFor(thread, call.name);
    // prettier-ignore
    return { kernel: this, thread, process, now, pending, memory, console, store, names, space, pager, debugMode, guestMemory };
  }

  private trap(thread: Thread, cause: TrapReport['cause'], exception?: GuestException): void {
    this.kill(thread, makeTrapReport(this, thread, cause, this.cpu.state.rip, exception));
  }

  private kill(thread: Thread, report: TrapReport): void {
    this.hooks.onTrap?.(report);
    this.end(thread.process, report.exitCode, report);
  }
}
