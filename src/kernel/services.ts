import type { VmoHandle } from '../vmo/handle.js';
import type { Cost, KernelServices, ThreadStart } from './calls/call.js';
import type { Kernel } from './kernel.js';
import { commitRange } from './memory/commit.js';
import type { LinearAddress } from './memory/linear-address.js';
import type { Region } from './memory/region.js';
import type { UserMemory } from './memory/user-memory.js';
import type { ProgramBeginning } from './program/beginning.js';
import type { KnownImages } from './program/known-images.js';
import type { StartOptions } from './program/loader.js';
import type { Process } from './tasks/process.js';
import type { ProcessTable } from './tasks/process-table.js';
import type { Thread, ThreadStack } from './tasks/thread.js';
import type { WaitKey } from './tasks/wait-queues.js';
import { TICKS_PER_EFFORT, type WorkMeter } from './work-meter.js';

/** What kernel-calls need of the kernel, each passed on to the part that does it. */
export class Services implements KernelServices {
  constructor(private readonly kernel: Kernel) {}

  get processes(): ProcessTable {
    return this.kernel.processes;
  }

  get memory(): UserMemory {
    return this.kernel.memory;
  }

  get images(): KnownImages {
    return this.kernel.images;
  }

  get work(): WorkMeter {
    return this.kernel.work;
  }

  findThread(tid: number): Thread | undefined {
    return this.kernel.findThread(tid);
  }

  isAwaited(thread: Thread): boolean {
    return this.kernel.tasks.waits.isAwaited(thread);
  }

  linuxFile(path: string): VmoHandle | undefined {
    return this.kernel.linux.fileAt(path);
  }

  beginStart(image: VmoHandle, options: StartOptions): ProgramBeginning {
    return this.kernel.starts.beginStart(image, options);
  }

  takeStart(start: ProgramBeginning): Process | undefined {
    return this.kernel.starts.takeStart(start);
  }

  spawn(parent: Thread, start: ThreadStart): Thread {
    return this.kernel.starts.spawn(parent, start);
  }

  forkThread(like: Thread, process: Process, stack: ThreadStack, change: () => void): Thread {
    return this.kernel.starts.fork(like, process, stack, change);
  }

  withRegisters<T>(thread: Thread, use: () => T): T {
    return this.kernel.tasks.current.use(thread, use);
  }

  execThread(thread: Thread, entry: LinearAddress, rsp: LinearAddress): void {
    this.kernel.starts.exec(thread, entry, rsp);
  }

  end(process: Process, exitCode: number): void {
    this.kernel.exits.end(process, exitCode);
  }

  endThread(thread: Thread, code: number): void {
    this.kernel.exits.endThread(thread, code);
  }

  freeRegions(regions: readonly Region[]): void {
    this.kernel.exits.endings.free(regions);
  }

  wake(key: WaitKey, answer: bigint, count = Infinity): number {
    return this.kernel.tasks.waits.wake(key, answer, count);
  }

  wakeAgain(key: WaitKey): void {
    this.kernel.tasks.waits.wakeAgain(key);
  }

  requeue(from: WaitKey, to: WaitKey, count: number): number {
    return this.kernel.tasks.waits.requeue(from, to, count);
  }

  runNext(thread: Thread): void {
    this.kernel.tasks.scheduler.giveTurn(thread, this.kernel.cpu.ticks);
  }

  yieldTurn(): void {
    this.kernel.tasks.scheduler.yield(this.kernel.cpu.ticks);
  }

  charge({ ticks = 0, effort = 0 }: Cost): void {
    this.kernel.pass(ticks);
    const total = effort + ticks / TICKS_PER_EFFORT;
    this.kernel.work.add(total);
    this.kernel.tasks.scheduler.shortenSlice(total);
  }

  /** Makes a VMO of a range of memory, which is mapped to it from then on: see commitRange. */
  commit(start: LinearAddress, lengthBytes: number): VmoHandle {
    const { store, space, pager, hostMemory, cpu } = this.kernel;
    return commitRange({ store, space, pager, hostMemory, guestMemory: cpu.memory }, start, lengthBytes);
  }
}
