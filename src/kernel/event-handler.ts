import type { Cpu, CpuEvent, RefusedStore } from '../cpu/cpu.js';
import { Vector, type GuestException } from '../cpu/state/exceptions.js';
import { outside, schema, value } from '../state/schema.js';
import type { CallRunner } from './call-runner.js';
import type { Cost } from './calls/call.js';
import type { KernelHooks } from './hooks.js';
import type { LinuxSystem } from './linux/linux-system.js';
import type { AddressSpace } from './memory/address-space.js';
import { PageFaults } from './memory/page-faults.js';
import type { Pager } from './memory/pager.js';
import type { UserMemory } from './memory/user-memory.js';
import type { DebugMode } from './reports/debug-mode.js';
import { accessOf, makeTrapReport, type TrapReport } from './reports/trap-report.js';
import type { KernelStops } from './stops.js';
import type { Exits } from './tasks/exits.js';
import type { ProcessTable } from './tasks/process-table.js';
import type { Thread } from './tasks/thread.js';
import { EFFORT, type WorkMeter } from './work-meter.js';

/** What events are handled with. */
export interface EventTarget {
  readonly cpu: Cpu;
  readonly hooks: KernelHooks;
  readonly calls: CallRunner;
  readonly debugMode: DebugMode;
  readonly linux: LinuxSystem;
  readonly exits: Exits;
  readonly memory: UserMemory;
  readonly pager: Pager;
  readonly processes: ProcessTable;
  readonly space: AddressSpace;
  readonly stops: KernelStops;
  readonly work: WorkMeter;
  charge(cost: Cost): void;
  /** Counts a tick in which no instruction retired. */
  countTick(): void;
}

/** Handles what threads leave the CPU for: calls, page faults, and exceptions, which end their processes. */
export class EventHandler {
  static readonly state = schema(
    'event handler',
    EventHandler,
    { pageFaults: value, target: outside('parts of the kernel') },
    { isPart: true },
  );

  readonly pageFaults: PageFaults;

  constructor(private readonly target: EventTarget) {
    this.pageFaults = new PageFaults(target.pager);
  }

  handle(thread: Thread, event: CpuEvent): void {
    const { calls, stops } = this.target;
    if (event.kind === 'ticks') return;
    if (event.kind === 'stopped') return stops.cpuStopped(thread);
    if (event.kind === 'vmcall' || event.kind === 'syscall') {
      calls.begin(thread, event.kind === 'vmcall' ? 'bd0' : 'linux');
      if (!stops.isHolding) this.target.charge({ effort: EFFORT.call });
      return;
    }
    if (event.kind === 'refused') return this.refused(thread, event.stores);
    if (event.kind !== 'exception') throw new Error(`a processor of BD0 stopped with '${event.kind}'`);
    if (!event.trap) this.target.countTick();
    if (event.exception.vector === Vector.PF) this.handleFault(thread, event.exception);
    else this.trap(thread, 'exception', event.exception);
  }

  trap(thread: Thread, cause: TrapReport['cause'], exception?: GuestException): void {
    const { cpu, linux } = this.target;
    if (thread.linux && exception && linux.delivery.takeFault(thread, exception)) return;
    this.kill(thread, makeTrapReport(this.target, thread, cause, cpu.state.rip, exception));
  }

  /** Ends the process of a thread, or stops before that for a debugger. */
  kill(thread: Thread, report: TrapReport): void {
    if (!this.target.stops.hold(thread, report)) this.endByTrap(report, thread);
  }

  /** Ends the process whose end was held back for a debugger. */
  endHeld(): void {
    const held = this.target.stops.takeHeld();
    if (held) this.endByTrap(held.report, held.thread);
  }

  private handleFault(thread: Thread, exception: GuestException): void {
    const { cpu, hooks } = this.target;
    const access = accessOf(exception.errorCode);
    cpu.cr2 = exception.linear;
    const outcome = this.pageFaults.resolve(thread, exception, access, cpu.ticks);
    this.target.charge({ effort: EFFORT.fault });
    hooks.onFault?.({ thread, rip: cpu.state.rip, linear: exception.linear, access, outcome });
    if (outcome !== 'resolved') this.trap(thread, outcome === 'out of memory' ? outcome : 'exception', exception);
  }

  /** A store of a thread in debug mode, which has taken a tick as a fault does. */
  private refused(thread: Thread, stores: readonly RefusedStore[]): void {
    const { debugMode, work } = this.target;
    this.target.countTick();
    work.add(EFFORT.refused);
    const report = debugMode.refused(thread, stores);
    if (report) this.kill(thread, report);
  }

  private endByTrap(report: TrapReport, { process }: Thread): void {
    this.target.hooks.onTrap?.(report);
    this.target.exits.end(process, report.exitCode, report);
  }
}
