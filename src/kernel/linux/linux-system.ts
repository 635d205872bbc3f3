import type { VmoHandle } from '../../vmo/handle.js';
import { ElfError } from '../program/elf-fields.js';
import type { Process } from '../tasks/process.js';
import type { Thread } from '../tasks/thread.js';
import { LinuxThread } from './linux-thread.js';
import { LinuxProcess, type LinuxProgramOf } from './linux-process.js';
import type { LinuxMemory } from './memory/linux-memory.js';
import type { View } from '../memory/view.js';
import { Ipc } from './ipc/ipc.js';
import { tellOfThreadEnd } from './tasks/thread-words.js';
import { RandomStream } from '../../random-stream.js';
import { fromKernel } from './signals/signal-info.js';
import { ProcessSignals } from './signals/process-signals.js';
import { makeSignalParts, type SignalParts, type SignalPartsHost } from './signals/parts.js';
import { outside, schema, value } from '../../state/schema.js';
import type { FileSystem } from './files/file-system.js';
import { resizeTerminal } from './terminals/pseudo-terminal.js';
import { Terminal } from './terminals/terminal.js';
import { contentAt, firstFiles, makeFileSystem, type FilesHost } from './files/of-machine.js';

/** A program of Linux in memory, and what it was started with. */
export interface LoadedLinuxProgram {
  readonly memory: LinuxMemory;
  readonly view: View | undefined;
  readonly program: LinuxProgramOf;
  /** The path of the current directory. */
  readonly directory: Uint8Array;
  /** Rows and columns of the terminal. */
  readonly terminalSize?: readonly [rows: number, columns: number] | undefined;
  /** What its clock is when the machine starts, in nanoseconds since 1970. */
  readonly epoch?: bigint | undefined;
}

/** When the machine starts, for Linux: 1 January 2024, 00:00 UTC, in nanoseconds since 1970. */
const EPOCH = 1_704_067_200_000_000_000n;

/** What Linux needs of the kernel. */
export type LinuxHost = FilesHost & SignalPartsHost;

/** What all Linux processes of a machine share. */
export class LinuxSystem {
  /** @internal */
  static readonly state = schema(
    'linux system',
    LinuxSystem,
    {
      processes: value,
      random: value,
      fileSystem: value,
      terminal: value,
      nextPid: value,
      epoch: value,
      jobs: value,
      host: outside('described by the kernel'),
      signals: value,
      delivery: value,
      tracing: value,
      ipc: value,
    },
    { isPart: true },
  );

  /** Those that live or have not been waited for, by their pid of Linux. */
  readonly processes = new Map<number, LinuxProcess>();
  readonly random = new RandomStream();
  /** The files of all of them. */
  readonly fileSystem: FileSystem;
  /** The settings of the machine's terminal. */
  readonly terminal = new Terminal({ raise: (group, signal) => this.jobs.raise(group, signal) });
  /** What CLOCK_REALTIME is at tick 0, in nanoseconds: as the first program asks for. */
  epoch = EPOCH;
  readonly signals: SignalParts['signals'];
  readonly delivery: SignalParts['delivery'];
  readonly tracing: SignalParts['tracing'];
  readonly jobs: SignalParts['jobs'];
  /** What processes share that have nothing else in common. */
  readonly ipc: Ipc;
  private nextPid = 1;

  constructor(private readonly host: LinuxHost) {
    const { signals, tracing, delivery, jobs } = makeSignalParts(host, this.processes, {
      wakeFile: (number) => this.fileSystem.wake(number),
      tellParent: (linux) => this.tellParent(linux),
    });
    this.signals = signals;
    this.tracing = tracing;
    this.delivery = delivery;
    this.jobs = jobs;
    this.fileSystem = makeFileSystem(host, this);
    this.ipc = new Ipc(this.fileSystem, host.hostMemory);
  }

  /** Processes that there are, with those that were not waited for. */
  get tasks(): number {
    return this.processes.size;
  }

  /** A number for a process or thread, from 1, which no other one has. */
  takePid(): number {
    return this.nextPid++;
  }

  /** A process becomes one of Linux, before it has a thread. */
  add(process: Process, { memory, view, program, directory, terminalSize, epoch }: LoadedLinuxProgram): void {
    process.view = view;
    if (epoch !== undefined && this.nextPid === 1) this.epoch = epoch;
    const pid = this.takePid();
    const terminal = this.terminal.settings;
    if (terminalSize) terminal.size.set(terminalSize);
    if (terminal.group === 0) terminal.group = terminal.session = pid;
    const { fileSystem } = this;
    const { files, place } = firstFiles(fileSystem, directory);
    const linux = new LinuxProcess(pid, memory, files, place, program, this.signalsOf(process));
    process.linux = linux;
    this.processes.set(pid, linux);
  }

  /** The signals of a process, which has none yet. */
  private signalsOf(process: Process): ProcessSignals {
    return new ProcessSignals(process, this.fileSystem.takeNumber());
  }

  /** A thread has run for some ticks. */
  passTime({ linux, process }: Thread, ticks: number): void {
    const { cpuTime } = process.linux!;
    const { ticks: now } = this.host.cpu;
    this.jobs.ring(linux!.clock.pass(ticks), now);
    this.jobs.ring(cpuTime.clock.pass(ticks), now);
    for (const signal of cpuTime.takeRung()) this.signals.send(process, fromKernel(signal));
  }

  /** Ticks for which a thread may run until a timer that counts them rings. */
  timeLeft({ linux, process }: Thread): number {
    return Math.min(linux!.clock.left, process.linux!.cpuTime.left);
  }

  /** A process of Linux has its first thread. */
  begin(thread: Thread): void {
    thread.linux = new LinuxThread(thread.process.linux!.pid);
  }

  /**
   * Threads of a process have ended, or begin another program, and its memory is still there: words in it tell of that. Returns
   * how many of them there were.
   */
  leave(process: Process, threads: readonly Thread[]): number {
    const isShared = process.region.users > 1 || process.threads.some((other) => !threads.includes(other));
    return threads.reduce((words, thread) => words + tellOfThreadEnd(this.host, thread, isShared), 0);
  }

  /**
   * A process has ended, by itself or by a trap. Its parent gets SIGCHLD, and may wait for it as long as the parent lives; its children have
   * none any more.
   */
  ended(linux: LinuxProcess, exitCode: number, isTrap: boolean): void {
    this.ipc.ended(linux, linux.memory.region.users === 1);
    linux.close();
    const { family } = linux;
    const groups = this.jobs.groupsLinkedBy(linux);
    family.ended(exitCode, isTrap);
    for (const child of family.children) {
      child.family.orphan();
      if (child.family.status) this.processes.delete(child.pid);
    }
    family.children.length = 0;
    this.jobs.ended(linux, groups);
    if (linux.session === linux.pid) this.fileSystem.pseudoTerminals.leave(this.fileSystem, linux.pid);
    this.tracing.tracerEnded(linux);
    this.tracing.processEnded(linux);
    if (!isTracedByOther(linux)) this.tellParent(linux);
    this.fileSystem.wake(linux.signals.number);
    if (family.vforkOf) this.host.waits.wakeAgain({ kind: 'vfork', number: linux.pid });
  }

  /** The parent of a process that has ended gets its signal, and may wait for it. */
  private tellParent(linux: LinuxProcess): void {
    const { parentOf: parent } = linux.family;
    if (!parent) return void this.processes.delete(linux.pid);
    if (this.jobs.tellOfEnd(linux, parent) && linux.family.traces.length === 0) this.reap(linux);
    this.host.waits.wakeAgain({ kind: 'child', number: parent.pid });
  }

  /** A thread of a process that goes on has ended. */
  threadEnded({ linux }: Thread, code: number): void {
    const { trace } = linux!;
    if (trace?.tracer) this.tracing.threadEnded(trace, code);
  }

  /** A process was waited for: it is forgotten where it has ended. */
  waitedFor(linux: LinuxProcess): void {
    if (linux.family.status) this.reap(linux);
    else linux.family.change = undefined;
  }

  /** A process that has ended. */
  private reap(linux: LinuxProcess): void {
    const { parentOf: parent } = linux.family;
    if (parent) parent.cpuTime.ofChildren += linux.cpuTime.used + linux.cpuTime.ofChildren;
    parent?.family.forget(linux);
    for (const trace of linux.family.traces.filter(({ tracer }) => tracer === parent)) this.tracing.forget(trace);
    this.processes.delete(linux.pid);
  }

  /** The machine's terminal has another size, in characters, of which its programs hear by SIGWINCH. Returns false where nothing has changed. */
  resizeTerminal(rows: number, columns: number): boolean {
    if (this.processes.size === 0) return false;
    return resizeTerminal(this.fileSystem, this.terminal.settings, [rows, columns]);
  }

  /** There is input at the console. */
  inputArrived(): void {
    this.fileSystem.inputArrived();
  }

  /** The file at an absolute path, a handle of the caller's; undefined where there is none. */
  fileAt(path: string): VmoHandle | undefined {
    return path.startsWith('/') ? contentAt(this.fileSystem, new TextEncoder().encode(path)) : undefined;
  }

  /** The file of a path, for a dynamic linker. The handle is the caller's. Throws ElfError. */
  openImage(path: Uint8Array): VmoHandle {
    const content = contentAt(this.fileSystem, path);
    if (content) return content;
    throw new ElfError(`there is no file '${new TextDecoder().decode(path)}', its dynamic linker`);
  }
}

/** Whether a process has a tracer that is not its parent: that waits for its end first. */
function isTracedByOther({ pid, family }: LinuxProcess): boolean {
  return family.traces.some(({ tid, tracer }) => tid === pid && tracer !== family.parentOf);
}
