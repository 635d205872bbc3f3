import type { Cpu } from '../cpu/cpu.js';
import type { VmoStore } from '../vmo/store.js';
import type { AddressSpace } from './memory/address-space.js';
import type { KernelServices } from './calls/call.js';
import type { KernelConsole } from './terminal/console.js';
import type { DebugMode } from './reports/debug-mode.js';
import type { KernelHooks } from './hooks.js';
import type { HostMemory } from './host-memory.js';
import type { LinuxSystem } from './linux/linux-system.js';
import type { SteppedNames } from './names.js';
import type { Pager } from './memory/pager.js';
import type { Scheduler } from './tasks/scheduler.js';
import type { Thread } from './tasks/thread.js';
import type { TrapReport } from './reports/trap-report.js';
import type { Waits } from './tasks/waits.js';

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
  readonly linux: LinuxSystem;
  kill(thread: Thread, report: TrapReport): void;
  trap(thread: Thread, cause: 'out of memory'): void;
}
