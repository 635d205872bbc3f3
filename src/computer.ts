import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { CPU_MODELS, Cpu, DEFAULT_MODEL, isCpuModel, type CpuModel, type Engine } from './cpu/cpu.js';
import type { CpuState } from './cpu/state/cpu-state.js';
import type { TranslationHook, TranslationStats } from './cpu/translator/events.js';
import type { Compilation, TranslationThreshold, TranslatorOptions } from './cpu/translator/options.js';
import { PAGE_SHIFT, PAGE_SIZE, hex } from './bits.js';
import type { Console } from './kernel/terminal/console.js';
import type { KernelHooks } from './kernel/hooks.js';
import { Inputs } from './kernel/inputs.js';
import { Errno, KernelError } from './kernel/errors.js';
import type { ChangedFile, Clock, MachineStop, MakeLinuxRoot } from './kernel/kernel-options.js';
import { Kernel } from './kernel/kernel.js';
import { fromLinear } from './kernel/memory/linear-address.js';
import type { StartOptions } from './kernel/program/loader.js';
import type { MakeNameSpace } from './kernel/names.js';
import type { Process } from './kernel/tasks/process.js';
import type { TrapReport } from './kernel/reports/trap-report.js';
import type { WriteBackCounters } from './kernel/memory/write-back.js';
import { GuestMemory } from './memory.js';
import { MachineState, readSavedMachine, type MachineLimits } from './machine-state.js';
import type { Snapshot } from './snapshot.js';
import { STANDARD_FORMAT, type HashFunction } from './vmo/content/canonical-form.js';
import { FramePool, type FrameCounters } from './vmo/frames/frame-pool.js';
import { VmoHandle } from './vmo/handle.js';
import { VmoStore, type VmoCounters } from './vmo/store.js';

/** Configuration of a machine. */
export interface ComputerOptions {
  /** Size of the guest's physical memory; default: 256 MiB. */
  readonly memoryBytes?: number;
  /**
   * Quota for pages that programs have written and that are moved to the store to free their frames, in bytes of
   * distinct pages; 0 disables this. Default: four times the guest memory.
   */
  readonly writeBackBytes?: number;
  /**
   * Quota for VMO content, in bytes of distinct pages over the whole store; a program that would exceed it by copying
   * gets ENOMEM. Default: 16 times the guest memory.
   */
  readonly vmoBytes?: number;
  /**
   * Limit for the host memory of the objects that programs make: processes, threads, handles, mappings, names and the
   * structure of VMOs (the bytes of their pages have a limit of their own), in approximate bytes at fixed prices. A
   * call that would exceed it fails with ENOMEM. Default: half the guest memory, at least 32 MiB.
   */
  readonly hostBytes?: number;
  /**
   * Model of the processor: a level of x86-64, or `max`, all that bd0 has, which is the default. CPUID reports the features of the
   * model, and instructions of others are #UD.
   */
  readonly cpu?: CpuModel;
  /** Execution engine; default: 'auto', the fastest. All engines produce the same states. */
  readonly engine?: Engine;
  /** With engine 'auto': samples in a block before it is translated, 0 for at once; default: when that pays. */
  readonly translationThreshold?: TranslationThreshold;
  /** A faster SHA-256 than the portable default. */
  readonly sha256?: HashFunction;
  /** The console. Without one, output is discarded and input is at its end. */
  readonly console?: Console;
  /** The name space for VMOs, which also names the images that programs start. Default: names kept in memory. */
  readonly names?: MakeNameSpace;
  /**
   * How time passes while all threads sleep: at once ('free', the default), or when the host calls `passTime`. If some
   * threads wait for input, it is always up to the host.
   */
  readonly clock?: Clock;
  /** The files that programs of Linux find when the machine starts, and never change. Default: none. */
  readonly linuxRoot?: MakeLinuxRoot;
  /** Callbacks for events in the machine; they do not affect its state. */
  readonly hooks?: KernelHooks;
  /** Called after a region is translated. */
  readonly onTranslated?: TranslationHook;
  /** Persistent store of translated code, found again by its content after a restart. */
  readonly codeStore?: NonNullable<TranslatorOptions['store']>;
  /** Keeps what has become hot, with what the host has compiled of it, from one run of a program to the next. */
  readonly codeKeeper?: NonNullable<TranslatorOptions['keeper']>;
  /** Budget for compiled Wasm code in bytes; each module counts its size plus 8192. Default: 64 MiB. */
  readonly codeBudgetBytes?: number;
  /** How code is compiled; default: 'sync', which pauses the machine while it compiles. */
  readonly compilation?: Compilation;
  /** Host clock in milliseconds, used only for reported timings. */
  readonly now?: () => number;
}

/** Configuration of a machine that is resumed: what is not in the saved snapshot. */
export type ResumeOptions = Omit<ComputerOptions, keyof MachineLimits>;

/** The parts of a machine, for debuggers. Unlike the rest of the API, they may change with any version. */
export interface ComputerParts {
  readonly memory: GuestMemory;
  readonly cpu: Cpu;
  readonly pool: FramePool;
  readonly kernel: Kernel;
  /** The hooks that the machine calls: those of ComputerOptions, unless a debugger has put others in their place. */
  readonly hooks: { -readonly [Name in keyof KernelHooks]: KernelHooks[Name] };
  /** Everything that the machine gets from outside passes there. */
  readonly inputs: Inputs;
}

/** Limits for `run`. */
export interface RunLimits {
  /** Maximum ticks for this call: instructions, iterations of REP and faults. Default: no limit. */
  readonly maxTicks?: number;
  /**
   * Maximum kernel work for this call, in very rough units of 2.5 microseconds. The machine may then stop in the middle
   * of a kernel call, which programs cannot observe, but `machineHash` does. Default: no limit.
   */
  readonly maxEffort?: number;
  /** Called whenever a process has ended; true ends the call, with 'limit'. */
  readonly stopWhen?: () => boolean;
}

/** Why `run` returned. */
export type Outcome =
  /** The process ended itself. */
  | { readonly kind: 'exited'; readonly process: Process; readonly exitCode: number }
  /** The process was killed by a trap; its exit code is 128 plus Linux's signal number. */
  | { readonly kind: 'trapped'; readonly process: Process; readonly exitCode: number; readonly report: TrapReport }
  /** The limit of ticks or effort was reached. */
  | { readonly kind: 'limit' }
  /** Something has happened that a debugger stops the machine for; `run` continues. */
  | { readonly kind: 'stopped'; readonly stop: MachineStop }
  /** The hook onSpuriousWrite returned 'later': the machine is paused until `run` is called again. */
  | { readonly kind: 'asking' }
  /**
   * All threads are waiting; the earliest deadline is tick `until`, Infinity if there is none (see `passTime`). With
   * `forInput`, some of them wait for input; otherwise, and without a deadline, the machine will never continue.
   */
  | { readonly kind: 'waiting'; readonly until: number; readonly forInput: boolean };

/** Statistics of a machine. */
export interface Statistics {
  /** Machine time in nanoseconds. */
  readonly ticks: number;
  /** Instructions retired, counting each iteration of REP. */
  readonly instructions: number;
  /** Number of page faults. */
  readonly faults: number;
  /** Number of context switches. */
  readonly switches: number;
  /** Number of instructions decoded for the interpreter, including repeated decodes; 0 with engine 'evaluator'. */
  readonly decoded: number;
  /** Number of instructions that the evaluator has executed, by mnemonic: engines leave rare and system instructions to it. */
  readonly evaluated: Readonly<Record<string, number>>;
  /** Number of complete TLB flushes. */
  readonly tlbDrops: number;
  readonly frames: FrameCounters;
  readonly writeBacks: WriteBackCounters;
  readonly vmos: VmoCounters;
  /** Host memory of the machine's objects, and its limit: see `ComputerOptions.hostBytes`. */
  readonly hostMemory: Kernel['hostMemory']['counters'];
  /** Statistics of the translator, if the engine has one. */
  readonly translation?: TranslationStats;
}

const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;
const DEFAULT_WRITE_BACK_PER_MEMORY = 4;
const DEFAULT_VMOS_PER_MEMORY = 16;
const DEFAULT_HOST_PER_MEMORY = 1 / 2;
const DEFAULT_HOST_BYTES_MIN = 32 * 2 ** 20;

const NO_CONSOLE: Console = { write: () => {}, read: () => 'end' };

/** A machine: memory, CPU, VMO store, frame pool and BD0's kernel. Its behaviour is a function of its inputs. */
export class Computer {
  readonly store: VmoStore;
  readonly parts: ComputerParts;
  private readonly memory: GuestMemory;
  private readonly cpu: Cpu;
  private readonly pool: FramePool;
  private readonly kernel: Kernel;
  private readonly state: MachineState;
  private readonly limits: MachineLimits;

  /** Throws RangeError for an invalid memory size, quota or model of the processor. */
  constructor(options: ComputerOptions = {}) {
    const { engine = 'auto', console = NO_CONSOLE, cpu: model = DEFAULT_MODEL } = options;
    if (!isCpuModel(model))
      throw new RangeError(`cpu '${String(model)}' is none of the models ${CPU_MODELS.join(', ')}`);
    const hooks = Object.create(options.hooks ?? {}) as ComputerParts['hooks'];
    const sha256 = options.sha256 ?? portableSha256;
    this.memory = new GuestMemory(options.memoryBytes ?? DEFAULT_MEMORY_BYTES);
    this.limits = limitsOf(options, this.memory.size);
    const { writeBackBytes, vmoBytes, hostBytes, clock } = this.limits;
    const translator = {
      threshold: options.translationThreshold,
      onTranslated: options.onTranslated,
      store: options.codeStore,
      keeper: options.codeKeeper,
      codeBudgetBytes: options.codeBudgetBytes,
      compilation: options.compilation,
      sha256,
      now: options.now,
    };
    this.cpu = new Cpu(this.memory, engine, translator, model);
    this.store = new VmoStore(sha256, STANDARD_FORMAT, vmoBytes);
    const { linearMemory } = this.cpu;
    const codeChanged = (frame: number): void => linearMemory.stored(frame * PAGE_SIZE, PAGE_SIZE);
    this.pool = new FramePool(this.memory, this.store, {
      firstFrame: 0,
      endFrame: this.memory.size >>> PAGE_SHIFT,
      codeChanged,
    });
    const inputs = new Inputs(() => this.ticks);
    this.kernel = new Kernel({
      cpu: this.cpu,
      inputs,
      store: this.store,
      pool: this.pool,
      console,
      ...(options.names && { names: options.names(this.store) }),
      ...(options.linuxRoot && { linuxRoot: options.linuxRoot(this.store) }),
      ...{ writeBackBytes, hostBytes, clock },
      hooks,
    });
    const { memory, cpu, kernel, pool, store } = this;
    this.parts = { memory, cpu, pool, kernel, hooks, inputs };
    this.state = new MachineState({
      ...{ memory, cpu, store, sha256, kind: 'bd0 machine 2', roots: { cpu, kernel, pool } },
      usedEnd: () => pool.usedEnd,
      settle: () => kernel.settle(),
    });
  }

  /**
   * Makes a machine that goes on from a saved snapshot, as the one that it was taken from, on any engine. Names and files that
   * the host provides, and the console, are those in `options`. Content is read from `saved` as it is touched, even after that
   * handle is closed. Throws SavedSnapshotError for a VMO that is not a snapshot which this version of bd0 can resume.
   */
  static resume(saved: VmoHandle, options: ResumeOptions = {}): Computer {
    const snapshot = readSavedMachine(saved);
    const computer = new Computer({ ...options, ...snapshot.limits, cpu: snapshot.model });
    computer.state.resume(snapshot);
    return computer;
  }

  /**
   * Starts a program, paused before its first instruction. Bytes are made into a VMO; a handle must still be closed by
   * the caller. Throws KernelError, with nothing changed: ENOEXEC (an ElfError) for an image that cannot run, EINVAL
   * for invalid options, ENOSPC if the address space has no room, ENOMEM if memory has none, or
   * the limit of host memory is reached (HostMemoryError).
   */
  start(image: VmoHandle | Uint8Array, options: StartOptions): Process {
    if (image instanceof VmoHandle) return this.kernel.start(image, options);
    const handle = this.store.fromBytes(image);
    try {
      return this.kernel.start(handle, options);
    } finally {
      handle.close();
    }
  }

  /** Runs the machine until `program` has ended, all threads wait, or a limit is reached. */
  run(program: Process, { maxTicks = Infinity, maxEffort = Infinity, stopWhen }: RunLimits = {}): Outcome {
    const end = this.cpu.ticks + maxTicks;
    const effortEnd = this.kernel.effort + maxEffort;
    for (;;) {
      if (program.end && !this.kernel.isEnding) return outcomeOf(program);
      const left = end - this.cpu.ticks;
      const effortLeft = effortEnd - this.kernel.effort;
      if ((left <= 0 && !this.kernel.isEnding) || effortLeft <= 0) return { kind: 'limit' };
      const event = this.kernel.run(left, effortLeft);
      if (event.kind === 'waiting' || event.kind === 'asking' || event.kind === 'stopped') return event;
      if (event.kind === 'idle') throw new Error(`process ${program.pid} lives, but has no thread`);
      if (event.kind === 'ended' && !program.end && stopWhen?.()) return { kind: 'limit' };
    }
  }

  /** Runs one tick: an instruction, an iteration of REP, or a fault. */
  step(program: Process): Outcome {
    return this.run(program, { maxTicks: 1 });
  }

  /** Ends a process from outside, with an exit code of 0 to 255. No effect if it has ended. */
  kill(program: Process, exitCode: number): void {
    if (program.end) return;
    this.kernel.end(program, exitCode & 255);
    this.kernel.finishEndings();
    this.store.forgetSome(Infinity);
  }

  /** Finds the live process with a pid. */
  findProcess(pid: number): Process | undefined {
    return this.kernel.processes.find(pid);
  }

  /** The live processes that were started by `start`, here or before the machine was saved. */
  get programs(): Process[] {
    return this.kernel.processes.live().filter(({ description }) => description.parent === 0);
  }

  /** Advances the clock while all threads wait; waits whose deadline is at or before this tick end. */
  passTime(tick: number): void {
    this.kernel.passTime(tick);
  }

  /** The registers of the thread that is running or ran last. */
  get registers(): CpuState {
    return this.cpu.state;
  }

  /** The machine's time: nanoseconds since it started, one for each instruction retired. */
  get ticks(): number {
    return this.cpu.ticks;
  }

  /** Instructions retired. */
  get instructions(): number {
    return this.cpu.ticks - this.kernel.ticksWithoutInstruction;
  }

  /**
   * Reads the bytes that the threads of a process would find at a linear address: at most `lengthBytes`, up to the first
   * one that is not mapped. The machine is not affected. Without a process: what lies at the address in the one address
   * space. Only some processes of Linux see something else at some addresses: those that were forked, and those of which
   * the image is linked at a fixed address.
   */
  readMemory(linear: bigint, lengthBytes: number, process?: Process): Uint8Array {
    const address = fromLinear(linear);
    if (address === undefined) return new Uint8Array(0);
    return this.kernel.memory.seenIn(process?.view).peekSeen(address, lengthBytes);
  }

  /**
   * Stores bytes, even to read-only pages, up to the first page that is not mapped or for which no frame is left.
   * Returns the number of bytes stored. `process`: see `readMemory`.
   */
  writeMemory(linear: bigint, bytes: Uint8Array, process?: Process): number {
    const address = fromLinear(linear);
    return address === undefined ? 0 : this.kernel.memory.seenIn(process?.view).pokeSeen(address, bytes);
  }

  /**
   * Makes a VMO from a range of whole pages of memory, between two instructions; the VMO can be opened by its id. The
   * range is then mapped to the VMO: programs find the same bytes, and pages that had been written back now belong to
   * the VMO. The cost is one hash for each page written since the last commit and one for each node above those pages.
   * The caller must close the handle. Throws KernelError, with nothing changed: EINVAL if the range is not one or more
   * whole pages, EFAULT if it is not entirely mapped within one region, ENOMEM if the VMO would
   * exceed the limit of host memory (HostMemoryError).
   */
  commit(linear: bigint, lengthBytes: number): VmoHandle {
    const address = fromLinear(linear);
    if (address === undefined) throw new KernelError(Errno.EFAULT, `${hex(linear)} is not a canonical address`);
    return this.kernel.commit(address, lengthBytes);
  }

  /**
   * SHA-256, 64 hexadecimal digits, over all state that determines the machine's future: registers, controls, time, the
   * tables of the kernel and the frame pool, the positions in console input and output, and the identity of guest
   * memory as a VMO. It is the same on every engine. The first call hashes all frames in use and keeps a copy of them;
   * later calls hash only what has changed. The call does not change anything that programs can observe, although
   * mapped VMOs are hashed.
   */
  machineHash(): string {
    return this.state.hash();
  }

  /**
   * The machine's state, to go back to with `restore`. The first one copies all memory in use; later ones copy what was written
   * since the last one, and share the rest with it. Nothing is hashed, and programs cannot observe it. Kernel calls that stand
   * still within the tick are finished first. Throws KernelError EAGAIN while the host has not decided on a spurious write.
   */
  snapshot(): Snapshot {
    return this.state.take();
  }

  /**
   * Puts the machine back to a snapshot that it took, exactly: the machine hash is what it was, and so is all that follows. Frames
   * and compiled code that are the same stay. What programs wrote to the console or gave to the host is not taken back.
   */
  restore(snapshot: Snapshot): void {
    this.state.restore(snapshot);
  }

  /**
   * Saves a snapshot of this machine as a VMO of `store`, from which `resume` makes a machine in any process of a host. All its
   * memory and content is hashed. A store other than the machine's own leaves the machine as it is: see VmoStore.hostBytes.
   */
  saveSnapshot(snapshot: Snapshot, store: VmoStore): VmoHandle {
    return this.state.save(snapshot, this.limits, store);
  }

  /**
   * What programs of Linux have changed of the files of `linuxRoot`, as a tree of names from `/` on; /dev and /proc are left
   * out. Versions from before are what the root has now. Their content is read as it is asked for, while nothing else happens
   * in the machine, which does not notice.
   */
  fileChanges(): ChangedFile {
    return this.kernel.linux.fileSystem.changes();
  }

  /** Has the host keep what has become hot, for later runs of the same program: see `codeKeeper`. */
  keepCode(): void {
    this.cpu.keepCode();
  }

  get statistics(): Statistics {
    const { ticks, translationStats } = this.cpu;
    return {
      ticks,
      instructions: this.instructions,
      faults: this.kernel.faults,
      switches: this.kernel.switches,
      decoded: this.cpu.decoded,
      evaluated: Object.fromEntries(this.cpu.evaluated),
      tlbDrops: this.cpu.mmu.derived.tlbDrops,
      frames: this.pool.counters,
      writeBacks: this.kernel.pager.writeBacks,
      vmos: this.store.counters,
      hostMemory: this.kernel.hostMemory.counters,
      ...(translationStats && { translation: translationStats }),
    };
  }
}

function limitsOf(options: ComputerOptions, memoryBytes: number): MachineLimits {
  return {
    memoryBytes,
    writeBackBytes: options.writeBackBytes ?? DEFAULT_WRITE_BACK_PER_MEMORY * memoryBytes,
    vmoBytes: options.vmoBytes ?? DEFAULT_VMOS_PER_MEMORY * memoryBytes,
    hostBytes: options.hostBytes ?? Math.max(DEFAULT_HOST_BYTES_MIN, DEFAULT_HOST_PER_MEMORY * memoryBytes),
    clock: options.clock ?? 'free',
    cpu: options.cpu ?? DEFAULT_MODEL,
  };
}

function outcomeOf(program: Process): Outcome {
  const { exitCode, trap } = program.end!;
  if (trap) return { kind: 'trapped', process: program, exitCode, report: trap };
  return { kind: 'exited', process: program, exitCode };
}
