import type { VmoHandle } from '../../vmo/handle.js';
import { ElfError } from '../program/elf-fields.js';
import type { Process } from '../tasks/process.js';
import type { Thread } from '../tasks/thread.js';
import { LinuxThread } from './linux-thread.js';
import { LinuxProcess } from './linux-process.js';
import type { LinuxMemory } from './memory/linux-memory.js';
import { RandomStream } from './random-stream.js';
import { kept, schema, value } from '../../state/schema.js';

/** When the machine starts, for Linux: 1 January 2024, 00:00 UTC, in nanoseconds since 1970. */
const EPOCH = 1_704_067_200_000_000_000n;

/** What all Linux processes of a machine share. */
export class LinuxSystem {
  /** @internal */
  static readonly state = schema(
    'linux system',
    LinuxSystem,
    { processes: value, random: value, nextPid: value, epoch: kept('set when the machine is made') },
    { isPart: true },
  );

  /** Those that live or have not been waited for, by their pid of Linux. */
  readonly processes = new Map<number, LinuxProcess>();
  readonly random = new RandomStream();
  /** What CLOCK_REALTIME is at tick 0, in nanoseconds. */
  readonly epoch = EPOCH;
  private nextPid = 1;

  /** A number for a process or thread, from 1, which no other one has. */
  takePid(): number {
    return this.nextPid++;
  }

  /** A process becomes one of Linux, before it has a thread. */
  add(process: Process, memory: LinuxMemory): void {
    const pid = this.takePid();
    const linux = new LinuxProcess(pid, memory);
    process.linux = linux;
    this.processes.set(pid, linux);
  }

  /** A process of Linux has its first thread. */
  begin(thread: Thread): void {
    thread.linux = new LinuxThread(thread.process.linux!.pid);
  }

  /** A process has ended. */
  ended({ pid }: LinuxProcess): void {
    this.processes.delete(pid);
  }

  /** The file of a path, for a dynamic linker. The handle is the caller's. Throws ElfError. */
  openImage(path: Uint8Array): VmoHandle {
    throw new ElfError(`there is no file '${new TextDecoder().decode(path)}', its dynamic linker`);
  }
}
