import type { Cpu, CpuEvent } from '../../cpu/cpu.js';
import type { RefusedStore } from '../../cpu/state/events.js';
import { without, type AddressRange, type WriteFence } from '../../mmu/fence.js';
import type { AddressSpace } from '../memory/address-space.js';
import { Errno, KernelError } from '../errors.js';
import type { KernelHooks } from '../hooks.js';
import type { Inputs } from '../inputs.js';
import type { HostMemory } from '../host-memory.js';
import type { WorkMeter } from '../work-meter.js';
import { LastWriters, type LastWriter } from './last-writers.js';
import type { LinearAddress } from '../memory/linear-address.js';
import type { ProcessTable } from '../tasks/process-table.js';
import { reportSpuriousWrite, type SpuriousWrite, type SpuriousWriteVerdict } from './spurious-write.js';
import type { Thread } from '../tasks/thread.js';
import { trapOfSpuriousWrite, type TrapReport } from './trap-report.js';
import type { UserMemory } from '../memory/user-memory.js';
import { homeOf } from '../memory/view.js';
import { derived, kept, outside, schema, value } from '../../state/schema.js';

/** What debug mode needs of the kernel. */
export interface DebugModeHost {
  readonly cpu: Cpu;
  readonly memory: UserMemory;
  readonly space: AddressSpace;
  readonly processes: ProcessTable;
  readonly hooks: KernelHooks;
  readonly hostMemory: HostMemory;
  readonly work: WorkMeter;
  readonly inputs: Inputs;
}

/** What a byte whose last writer is known takes to be looked at, and a range of a fence, in units of effort. */
const WRITER_EFFORT = 0.05;
const RANGE_EFFORT = 0.1;

/** Thrown by a store that a kernel-call makes for a thread that is to be killed for it, before it has changed anything. */
export class RefusedCallStore {
  constructor(readonly write: SpuriousWrite) {}
}

/** Thrown by a store that a kernel-call makes, of which the host does not say yet what becomes of it: the call is made again. */
export class UndecidedCallStore {}

/**
 * Debug mode: a thread that is in it may write its process's memory and what `debug_allow` grants. Any other store is
 * stopped before it changes anything, and reported; the answer says whether its bytes are left out, stored all the same,
 * or the end of the process. Every store outside of the process's memory that is made is remembered (`lastWriter`).
 */
export class DebugMode {
  static readonly state = schema(
    'debug mode',
    DebugMode,
    {
      lastWriters: value,
      running: kept('the thread that ran last is known from the scheduler'),
      isAsking: derived('no state is captured while the host is asked', () => false),
      asked: derived('no state is captured while the host is asked', () => undefined),
      host: outside('parts of the kernel'),
    },
    { isPart: true },
  );

  private readonly lastWriters: LastWriters;
  /** The thread that the CPU runs, or ran last. */
  private running: Thread | undefined;
  /** The host has not yet decided about a store; the machine is paused until it does. */
  isAsking = false;
  /** The thread whose instruction that is, if it is one. */
  private asked: { readonly thread: Thread; readonly write: SpuriousWrite } | undefined;

  constructor(private readonly host: DebugModeHost) {
    this.lastWriters = new LastWriters(host.hostMemory);
    host.cpu.fenced.onForeignStore = (rip, ranges) => {
      const thread = this.running!;
      this.note(
        thread,
        rip,
        ranges.map((range) => homeOfRange(thread, range)),
      );
    };
  }

  /** Switches debug mode of a thread on or off; returns whether it was on. */
  set(thread: Thread, isOn: boolean): boolean {
    const before = thread.guard.isOn;
    thread.guard.isOn = isOn;
    return before;
  }

  /** Runs a thread, whose registers are in the CPU, at most `maxTicks` ticks, and `maxRounds`: see `Cpu.run`. */
  run(thread: Thread, maxTicks: number, maxRounds: number): CpuEvent {
    const { cpu } = this.host;
    const { guard } = thread;
    if (this.running !== thread) this.running?.guard.dropFence();
    this.running = thread;
    cpu.mmu.derived.setWriteFence(this.fenceOf(thread));
    if (guard.verdict === undefined) return cpu.run(maxTicks, maxRounds);
    const event = cpu.step(guard.verdict);
    // A fault leaves the instruction to be done: it comes again once the page is there.
    if (event.kind !== 'exception' || event.trap) guard.verdict = undefined;
    return event;
  }

  /**
   * An instruction of a thread has been refused. Answers the report where the process is to be killed for it; else the
   * instruction is done, one way or the other, when the thread runs again.
   */
  refused(thread: Thread, seen: readonly RefusedStore[]): TrapReport | undefined {
    const stores = seen.map((store) => ({ ...store, ...homeOfRange(thread, store) }));
    // A store to a page that is not writable raises a page fault when it is made.
    if (!stores.every(({ start, end }) => this.host.space.permits(start, end, 'write'))) {
      thread.guard.verdict = 'allow';
      return undefined;
    }
    return this.decide(thread, this.report(thread, stores));
  }

  /** Asks once more about the instruction of a thread. Answers the thread, and the report as `refused` does. */
  askAgain(): { readonly thread: Thread; readonly report: TrapReport | undefined } | undefined {
    const { asked } = this;
    this.isAsking = false;
    if (!asked) return undefined;
    return { thread: asked.thread, report: this.decide(asked.thread, asked.write) };
  }

  /** Throws KernelError EAGAIN while the host has not decided on a write. */
  requireDecided(): void {
    if (this.isAsking) throw new KernelError(Errno.EAGAIN, 'the machine waits for a decision on a spurious write');
  }

  /** A thread has ended. */
  forgetThread(thread: Thread): void {
    if (this.running === thread) this.running = undefined;
    if (this.asked?.thread === thread) this.asked = undefined;
  }

  /** Memory for a kernel-call that stores on behalf of a thread. Its stores may throw RefusedCallStore. */
  memoryFor(thread: Thread, call: string): UserMemory {
    const fence = this.fenceOf(thread);
    const { memory, cpu } = this.host;
    if (!fence) return memory;
    return memory.guardedBy({
      admit: (start, bytes) => {
        const whole = { start, end: start + bytes.length };
        return without([whole], this.refuse(thread, call, fence.refused(whole), start, bytes));
      },
      stored: (parts) => {
        const foreign = parts.flatMap((part) => fence.foreign(part));
        this.note(thread, cpu.state.rip, foreign);
      },
    });
  }

  /** The last store outside of its own memory that a thread in debug mode made to a byte. */
  lastWriter(address: LinearAddress): LastWriter | undefined {
    return this.lastWriters.at(address);
  }

  /** Forgets what was recorded about memory that was unmapped. */
  forget(region: AddressRange): void {
    this.host.work.add(WRITER_EFFORT * this.lastWriters.size);
    this.lastWriters.forget(region);
  }

  private fenceOf(thread: Thread): WriteFence | undefined {
    const { guard, process } = thread;
    if (guard.isOn && !guard.hasFence(process)) this.host.work.add(RANGE_EFFORT * process.maps.length);
    return guard.fence(process);
  }

  /** Which of the refused parts of a call's store are to be left out. */
  private refuse(
    thread: Thread,
    call: string,
    refused: readonly AddressRange[],
    start: LinearAddress,
    bytes: Uint8Array,
  ): readonly AddressRange[] {
    if (refused.length === 0) return refused;
    const stores = refused.map((range) => ({
      ...range,
      before: this.host.memory.peek(range.start, range.end - range.start).slice(),
      after: bytes.slice(range.start - start, range.end - start),
    }));
    const write = this.report(thread, stores, call);
    const verdict = this.ask(write);
    if (verdict === 'later') throw new UndecidedCallStore();
    if (verdict === 'kill') throw new RefusedCallStore(write);
    return verdict === 'skip' ? refused : [];
  }

  private report(thread: Thread, stores: readonly RefusedStore[], call?: string): SpuriousWrite {
    const { cpu, memory, space, processes } = this.host;
    const scene = { memory, space, processes, rip: cpu.state.rip, tick: cpu.ticks };
    return reportSpuriousWrite(scene, thread, stores, call);
  }

  private decide(thread: Thread, write: SpuriousWrite): TrapReport | undefined {
    const verdict = this.ask(write);
    this.asked = verdict === 'later' ? { thread, write } : undefined;
    if (verdict === 'kill') return trapOfSpuriousWrite(write);
    if (verdict !== 'later') thread.guard.verdict = verdict;
    return undefined;
  }

  private ask(write: SpuriousWrite): SpuriousWriteVerdict | 'later' {
    const { inputs, hooks } = this.host;
    const verdict = inputs.verdict(write, (asked) => hooks.onSpuriousWrite?.(asked) ?? 'kill');
    this.isAsking = verdict === 'later';
    return verdict;
  }

  private note(thread: Thread, rip: bigint, ranges: readonly AddressRange[]): void {
    const writer = { tid: thread.tid, rip, tick: this.host.cpu.ticks };
    for (const range of ranges) this.lastWriters.note(range, writer);
  }
}

/** Where the bytes of a store lie that a thread sees in a range. */
function homeOfRange({ process }: Thread, { start, end }: AddressRange): AddressRange {
  const home = homeOf(process.view, start);
  return { start: home, end: home + end - start };
}
