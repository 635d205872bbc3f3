import type { Cpu } from '../../cpu/cpu.js';
import { outside, schema, value } from '../../state/schema.js';
import type { CallRunner } from '../call-runner.js';
import type { LinuxSystem } from '../linux/linux-system.js';
import type { TrapReport } from '../reports/trap-report.js';
import { EFFORT } from '../work-meter.js';
import type { CurrentThread } from './current-thread.js';
import { Endings, type EndingTarget } from './endings.js';
import type { Process } from './process.js';
import type { ProcessTable } from './process-table.js';
import type { Scheduler } from './scheduler.js';
import type { ThreadTable } from './thread-table.js';
import type { Thread } from './thread.js';
import type { Waits } from './waits.js';

/** What takes part when processes and threads end. */
export interface ExitsTarget extends EndingTarget {
  readonly cpu: Cpu;
  readonly current: CurrentThread;
  readonly processes: ProcessTable;
  readonly threads: ThreadTable;
  readonly scheduler: Scheduler;
  readonly waits: Waits;
  readonly calls: CallRunner;
  readonly linux: LinuxSystem;
}

/** Ends processes and threads. */
export class Exits {
  static readonly state = schema(
    'exits',
    Exits,
    { endings: value, target: outside('parts of the kernel') },
    { isPart: true },
  );

  readonly endings: Endings;

  constructor(private readonly target: ExitsTarget) {
    this.endings = new Endings(target);
  }

  /**
   * Ends a process: all its threads. Its memory is given back, unless others live in it, before anything else happens: at
   * once by `endings.finish`.
   */
  end(process: Process, exitCode: number, trap?: TrapReport): void {
    const { processes, scheduler, waits, linux, pager, store, work } = this.target;
    const threads = process.threads.splice(0);
    scheduler.removeAll(new Set(threads));
    // None of them is woken by the end of another.
    for (const thread of threads) waits.forget(thread);
    if (process.linux) work.add(linux.leave(process, threads) * EFFORT.wake);
    for (const thread of threads) this.forgetThread(thread, exitCode);
    work.add(threads.length * EFFORT.wake);
    processes.remove(process);
    if (process.linux) linux.ended(process.linux, exitCode, trap !== undefined);
    process.end = { exitCode, trap };
    const { view } = process;
    if (view && --view.users === 0) pager.pageTable.removeView(view);
    const unused = [...process.regions, ...process.maps].filter((region) => --region.users === 0);
    store.closing(() => process.giveUp());
    this.endings.processEnded(unused);
    waits.tellEnd(process, exitCode, processes.find(process.description.parent));
  }

  endThread(thread: Thread, code: number): void {
    const { process } = thread;
    if (process.threads.length === 1) return this.end(process, code & 0xff);
    process.threads.splice(process.threads.indexOf(thread), 1);
    const { scheduler, waits, linux, work } = this.target;
    scheduler.remove(thread);
    waits.forget(thread);
    if (process.linux) {
      work.add(linux.leave(process, [thread]) * EFFORT.wake);
      linux.threadEnded(thread, code & 0xff);
    }
    this.forgetThread(thread, code);
    if (thread.stack !== process.description.mainStack) this.endings.freeStack(process, thread.stack);
  }

  /** Forgets a thread that its process and the scheduler have forgotten already, and wakes those that wait for its end. */
  private forgetThread(thread: Thread, code: number): void {
    const { cpu, current, threads, waits, calls, debugMode } = this.target;
    waits.forget(thread);
    calls.giveUp(thread);
    debugMode.forgetThread(thread);
    cpu.codeStops.completed(thread);
    threads.delete(thread);
    thread.giveUp();
    current.forget(thread);
    waits.tellThreadEnd(thread, code);
  }
}
