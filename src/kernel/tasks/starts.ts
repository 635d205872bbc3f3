import type { Cpu } from '../../cpu/cpu.js';
import { RDI } from '../../cpu/state/layout.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { ThreadStart } from '../calls/call.js';
import { HOST_BYTES } from '../host-memory.js';
import type { LinuxStartTarget } from '../linux/program/linux-start.js';
import { fromLinear, type LinearAddress } from '../memory/linear-address.js';
import { again } from '../memory/map-target.js';
import { beginProgram, type ProgramBeginning } from '../program/beginning.js';
import { setInitialRegisters } from '../program/cpu-setup.js';
import type { StartOptions } from '../program/loader.js';
import type { DebugMode } from '../reports/debug-mode.js';
import type { KernelStops } from '../stops.js';
import { EFFORT, type WorkMeter } from '../work-meter.js';
import type { CurrentThread } from './current-thread.js';
import { Process } from './process.js';
import type { ProcessTable } from './process-table.js';
import { prepareStack } from './thread-stacks.js';
import type { ThreadTable } from './thread-table.js';
import type { Thread, ThreadStack } from './thread.js';

/** Mappings that a further stack adds to its region: its guard page and its protection divide one. */
const MAPPINGS_OF_STACK = 4;

/** What takes part when processes and threads start. */
export interface StartsTarget extends LinuxStartTarget {
  readonly cpu: Cpu;
  readonly current: CurrentThread;
  readonly processes: ProcessTable;
  readonly threads: ThreadTable;
  readonly debugMode: DebugMode;
  readonly stops: KernelStops;
  readonly work: WorkMeter;
  /** Lets a new thread have turns. */
  schedule(thread: Thread): void;
}

/** Starts processes and threads. */
export class Starts {
  constructor(private readonly target: StartsTarget) {}

  /** Starts a program at once. The image is the caller's to close. Throws KernelError, with nothing changed. */
  start(image: VmoHandle, options: StartOptions): Process {
    const start = this.beginStart(image, options);
    try {
      for (;;) {
        const process = this.takeStart(start);
        if (process) return process;
      }
    } finally {
      start.close();
    }
  }

  beginStart(image: VmoHandle, options: StartOptions): ProgramBeginning {
    return beginProgram(this.target, image, options);
  }

  takeStart(start: ProgramBeginning): Process | undefined {
    const { cpu, store, processes, hostMemory, linux, debugMode, stops, work } = this.target;
    const pid = processes.nextPid();
    const loaded = start.take(pid);
    if (!loaded) return undefined;
    const { description, rip, rsp, threadPointer } = loaded;
    const process = new Process(pid, description, again(store, start.image), hostMemory);
    if (loaded.linux) linux.add(process, loaded.linux);
    processes.add(process);
    const thread = this.addThread(process, description.mainStack, () =>
      setInitialRegisters(cpu, rip, rsp, threadPointer),
    );
    if (process.linux) linux.begin(thread);
    if (start.options.debugMode) debugMode.set(thread, true);
    stops.started(process);
    work.add(EFFORT.start);
    return process;
  }

  spawn(parent: Thread, { entry, argument, stackBytes }: ThreadStart): Thread {
    const { cpu, hostMemory, work } = this.target;
    const { process } = parent;
    const { thread: perThread, mapping, grant } = HOST_BYTES;
    hostMemory.require(perThread + MAPPINGS_OF_STACK * mapping + parent.guard.grantCount * grant);
    const { stack, rsp, threadPointer } = prepareStack(this.target, process, stackBytes);
    const thread = this.addThread(process, stack, () => {
      setInitialRegisters(cpu, fromLinear(entry)!, rsp, threadPointer);
      cpu.state.setGpr(RDI, argument);
    });
    thread.guard.inherit(parent.guard);
    work.add(EFFORT.spawn);
    return thread;
  }

  fork(like: Thread, process: Process, stack: ThreadStack, change: () => void): Thread {
    const { cpu, processes, stops, work } = this.target;
    const isNew = processes.find(process.pid) === undefined;
    if (isNew) processes.add(process);
    const thread = this.addThread(process, stack, () => {
      like.restore(cpu.state);
      change();
    });
    thread.guard.inherit(like.guard);
    if (isNew) stops.started(process);
    work.add(isNew ? EFFORT.start : EFFORT.spawn);
    return thread;
  }

  exec({ process }: Thread, entry: LinearAddress, rsp: LinearAddress): void {
    const { cpu, pager, stops, work } = this.target;
    pager.pageTable.switchView(process.view);
    setInitialRegisters(cpu, entry, rsp, 0);
    stops.started(process);
    work.add(EFFORT.start);
  }

  /** A new thread, whose first registers `setRegisters` puts into the CPU. */
  private addThread(process: Process, stack: ThreadStack, setRegisters: () => void): Thread {
    const { current, threads } = this.target;
    const thread = threads.add(process, stack);
    current.begin(thread, setRegisters);
    this.target.schedule(thread);
    return thread;
  }
}
