import { schema, value } from '../../state/schema.js';
import type { FileTable } from './files/file-table.js';
import type { Place } from './files/place.js';
import { bytesOfText } from './files/byte-text.js';
import type { LinuxMemory } from './memory/linux-memory.js';
import type { ProcessSignals } from './signals/process-signals.js';
import { Signal } from './signals/signal.js';
import { CpuTime } from './tasks/cpu-time.js';
import { Family } from './tasks/family.js';

/** What a process runs. */
export interface LinuxProgramOf {
  /** Its path, absolute and without symbolic links where there is such a file, as a string with a character for each byte. */
  readonly path: string;
  readonly argv: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  /** The auxiliary vector, as it lies on its stack. */
  readonly auxiliary: Uint8Array;
}

/** What a Linux process has besides a process of BD0. */
export class LinuxProcess {
  /** @internal */
  static readonly state = schema(
    'linux process',
    LinuxProcess,
    {
      ...{ pid: value, memory: value, files: value, place: value, program: value, limits: value },
      ...{ family: value, group: value, session: value, exitSignal: value, signals: value, hasExecuted: value },
      ...{ nice: value, ioPriority: value, cpuTime: value },
    },
    { label: ({ pid }) => String(pid) },
  );

  /** What it has set of its resource limits, by their numbers. */
  readonly limits = new Map<number, readonly [soft: bigint, hard: bigint]>();

  constructor(
    /** Its number for Linux: 1 for the first. */
    readonly pid: number,
    /** Another one after execve. */
    public memory: LinuxMemory,
    readonly files: FileTable,
    readonly place: Place,
    public program: LinuxProgramOf,
    readonly signals: ProcessSignals,
    parent?: LinuxProcess,
  ) {
    this.family = new Family(parent);
    this.group = parent?.group ?? pid;
    this.session = parent?.session ?? pid;
    parent?.family.children.push(this);
  }

  /** Its parent, its children, and how it has ended. */
  readonly family: Family;
  /** The numbers of its process group and of its session: those of the processes that have founded them. */
  group: number;
  session: number;
  /** The signal that its parent gets when it ends. */
  exitSignal: number = Signal.SIGCHLD;
  /** Whether it has begun another program: its parent may not move it to another group any more. */
  hasExecuted = false;
  readonly cpuTime = new CpuTime();
  /** What nice(2) has made it, from -20 to 19. */
  nice = 0;
  /** What ioprio_set(2) has made it: 0 for the class and level that follow from the nice value. */
  ioPriority = 0;

  /** A child of it, with these signals and this memory. */
  fork(pid: number, signals: ProcessSignals, memory: LinuxMemory, exitSignal: number): LinuxProcess {
    const child = new LinuxProcess(pid, memory, this.files.copy(), this.place.copy(), this.program, signals, this);
    child.exitSignal = exitSignal;
    child.nice = this.nice;
    child.ioPriority = this.ioPriority;
    for (const [number, limit] of this.limits) child.limits.set(number, limit);
    return child;
  }

  /** It begins another program. */
  exec(memory: LinuxMemory, program: LinuxProgramOf): void {
    this.memory = memory;
    this.program = program;
    this.files.exec();
    this.signals.exec();
    this.hasExecuted = true;
  }

  /** Whether a process of Linux has made it, and not the host or a process of BD0. */
  get isForked(): boolean {
    return this.family.parentPid !== 0;
  }

  /** The last part of the path of its program, in bytes: what its threads are called. */
  get programName(): Uint8Array {
    return bytesOfText(this.program.path.slice(this.program.path.lastIndexOf('/') + 1));
  }

  /** It has ended: gives up its files. */
  close(): void {
    this.files.closeAll();
    this.place.close();
  }
}
