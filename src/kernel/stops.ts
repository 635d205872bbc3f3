import type { Cpu, CpuEvent } from '../cpu/cpu.js';
import type { DataAccess, DataStops } from '../mmu/data-stops.js';
import { fromLinear, type LinearAddress } from './memory/linear-address.js';
import type { ProgramAbi } from './program/elf.js';
import type { TrapReport } from './reports/trap-report.js';
import type { Thread } from './tasks/thread.js';

/** A thread, as far as stops look at it. */
export interface StoppedThread {
  readonly tid: number;
  readonly process: { readonly end: unknown };
  readonly pending: unknown;
}

/** Why the machine stopped for a debugger. All threads stop together. */
export type MachineStop<T extends StoppedThread = Thread> =
  /** The thread is about to execute an instruction with a code stop. */
  | { readonly kind: 'code'; readonly thread: T; readonly address: LinearAddress }
  /** An instruction or a kernel call of the thread has accessed bytes with a data stop. */
  | { readonly kind: 'data'; readonly thread: T; readonly accesses: readonly DataAccess[] }
  /** The process of the thread ends when the machine continues; until then everything is as at the fault. */
  | { readonly kind: 'trap'; readonly thread: T; readonly report: TrapReport }
  /** A process has started. */
  | { readonly kind: 'started'; readonly process: T['process'] }
  /** A hook has called `request` while the thread was running. */
  | { readonly kind: 'requested'; readonly thread: T }
  /** The thread is about to make a kernel-call. */
  | { readonly kind: 'call'; readonly thread: T; readonly abi: ProgramAbi }
  /** The thread `turnOf` is about to execute an instruction. */
  | { readonly kind: 'turn'; readonly thread: T };

/** Bytes of VMCALL and SYSCALL, without prefixes: they do the same with and without. */
const CALL_BYTES = { bd0: 3n, linux: 2n } as const;

/** A process that ends when the machine continues. */
export interface HeldTrap<T extends StoppedThread = Thread> {
  readonly thread: T;
  readonly report: TrapReport;
}

/**
 * What a debugger makes the machine stop for, in addition to the code and data stops of the CPU, and the stops that have
 * not been reported yet. None of this is part of the machine's state: a run with stops passes through the same states as
 * one without.
 */
export class KernelStops<T extends StoppedThread = Thread> {
  /** Whether the machine stops before a process is ended by a trap. */
  stopsAtTraps = false;
  /** Whether the machine stops after a process has started. */
  stopsAtStarts = false;
  /** The thread at whose next instruction the machine stops. */
  turnOf: T | undefined;
  private readonly pending: MachineStop<T>[] = [];
  private readonly dataStops: DataStops;
  /** The process whose end is held back. */
  held: HeldTrap<T> | undefined;
  /** Whether the machine stops before each kernel-call. */
  stopsAtCalls = false;
  /** Threads that stand before a call that was reported, and where. */
  private readonly reportedCalls = new Map<T, bigint>();
  /** Whether the last run ended with a stop. */
  private hasStopped = false;

  constructor(
    private readonly cpu: Cpu,
    private readonly findThread: (tid: number) => T | undefined,
  ) {
    this.dataStops = cpu.mmu.dataStops;
  }

  /** Called when a run begins; returns whether it continues one that was stopped. */
  beginRun(): boolean {
    const { hasStopped } = this;
    this.hasStopped = false;
    return hasStopped;
  }

  /** Called after the CPU stopped in a thread. */
  cpuStopped(thread: T): void {
    if (this.dataStops.hasAccesses) return;
    this.pending.push({ kind: 'code', thread, address: fromLinear(this.cpu.state.rip)! });
  }

  /**
   * Takes back the instruction by which the thread whose registers the CPU holds is making a call, if the machine stops before it.
   * Returns whether it does, which is once each time that the thread comes there.
   */
  stopsBefore(thread: T, { kind }: CpuEvent): boolean {
    const { cpu, reportedCalls } = this;
    if (!this.stopsAtCalls && reportedCalls.size === 0) return false;
    if (kind !== 'vmcall' && kind !== 'syscall') return false;
    const abi = kind === 'vmcall' ? 'bd0' : 'linux';
    const { state } = cpu;
    const rip = BigInt.asUintN(64, state.rip - CALL_BYTES[abi]);
    const isReported = reportedCalls.get(thread) === rip;
    reportedCalls.delete(thread);
    if (isReported || !this.stopsAtCalls) return false;
    reportedCalls.set(thread, rip);
    state.rip = rip;
    cpu.ticks--;
    cpu.codeStops.pass(thread, fromLinear(rip)!);
    this.pending.push({ kind: 'call', thread, abi });
    return true;
  }

  /** The address after the call before which a thread stands. */
  afterCall(thread: T, abi: ProgramAbi): bigint {
    return BigInt.asUintN(64, this.reportedCalls.get(thread)! + CALL_BYTES[abi]);
  }

  /** A thread stands elsewhere than it did. */
  moved(thread: T): void {
    this.reportedCalls.delete(thread);
    this.cpu.codeStops.completed(thread);
  }

  started(process: T['process']): void {
    if (this.stopsAtStarts) this.pending.push({ kind: 'started', process });
  }

  /** Holds back the end of a process, if the machine stops for it. Returns whether it does. */
  hold(thread: T, report: TrapReport): boolean {
    if (!this.stopsAtTraps) return false;
    this.held = { thread, report };
    this.pending.push({ kind: 'trap', ...this.held });
    return true;
  }

  get isHolding(): boolean {
    return this.held !== undefined;
  }

  /** The process whose end was held back, if it is still alive. */
  takeHeld(): HeldTrap<T> | undefined {
    const { held } = this;
    this.held = undefined;
    return held?.thread.process.end ? undefined : held;
  }

  /** Forgets what has not been reported, since the machine has gone back to an earlier state. */
  forgetPending(): void {
    this.pending.length = 0;
    this.reportedCalls.clear();
    this.held = undefined;
    this.turnOf = undefined;
    this.hasStopped = false;
  }

  /** Lets the thread of a trap execute the instruction again instead. */
  retry(): void {
    this.held = undefined;
  }

  /** Stops the machine as soon as the current instruction or kernel call of a thread is complete. */
  request(thread: T): void {
    this.pending.push({ kind: 'requested', thread });
  }

  /** Whether the machine stops before a thread executes an instruction. */
  stopsAtTurn(thread: T): boolean {
    if (this.turnOf !== thread || thread.pending) return false;
    this.pending.push({ kind: 'turn', thread });
    return true;
  }

  /** The next stop to be reported; `running` is the thread that ran last. */
  take(running: T | undefined): MachineStop<T> | undefined {
    if (this.pending.length === 0 && !this.dataStops.hasAccesses) return undefined;
    this.collectAccesses(running);
    const stop = this.pending.shift();
    if (stop) this.hasStopped = true;
    return stop;
  }

  /** Accesses come before the trap that the same instruction may have caused. */
  private collectAccesses(running: T | undefined): void {
    const byThread = new Map<T, DataAccess[]>();
    for (const access of this.dataStops.takeAccesses()) {
      const thread = access.tid === undefined ? running : this.findThread(access.tid);
      // The thread may have ended in the same call.
      if (!thread) continue;
      byThread.set(thread, [...(byThread.get(thread) ?? []), access]);
    }
    this.pending.unshift(
      ...Array.from(byThread, ([thread, accesses]) => ({ kind: 'data' as const, thread, accesses })),
    );
  }
}
