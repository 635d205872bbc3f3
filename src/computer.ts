import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { CPU_MODELS, Cpu, DEFAULT_MODEL, isCpuModel } from './cpu/cpu.js';
import type { CpuState } from './cpu/state/cpu-state.js';
import {
  DEFAULT_MEMORY_BYTES,
  limitsOf,
  type ComputerLimits,
  type ComputerOptions,
  type Outcome,
  type ResumeOptions,
  type RunLimits,
  type Statistics,
} from './computer-options.js';
import { PAGE_SHIFT, PAGE_SIZE, hex } from './bits.js';
import type { Console } from './kernel/terminal/console.js';
import type { KernelHooks } from './kernel/hooks.js';
import { Inputs } from './kernel/inputs.js';
import { Errno, KernelError } from './kernel/errors.js';
import type { ChangedFile } from './kernel/kernel-options.js';
import { Kernel } from './kernel/kernel.js';
import { fromLinear } from './kernel/memory/linear-address.js';
import type { StartOptions } from './kernel/program/loader.js';
import type { Process } from './kernel/tasks/process.js';
import { GuestMemory } from './memory.js';
import { MachineState, readSavedProgram } from './machine-state.js';
import type { Snapshot } from './snapshot.js';
import { FramePool } from './vmo/frames/frame-pool.js';
import { VmoHandle } from './vmo/handle.js';
import { VmoStore } from './vmo/store.js';

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
  private readonly limits: ComputerLimits;

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
    this.store = new VmoStore(sha256, undefined, vmoBytes);
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
    const snapshot = readSavedProgram(saved);
    const { limits, model, clock } = snapshot;
    const computer = new Computer({ ...options, ...limits, clock, cpu: model });
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
    if (image instanceof VmoHandle) return this.kernel.starts.start(image, options);
    const handle = this.store.fromBytes(image);
    try {
      return this.kernel.starts.start(handle, options);
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
    this.kernel.exits.end(program, exitCode & 255);
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
    return this.kernel.services.commit(address, lengthBytes);
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

function outcomeOf(program: Process): Outcome {
  const { exitCode, trap } = program.end!;
  if (trap) return { kind: 'trapped', process: program, exitCode, report: trap };
  return { kind: 'exited', process: program, exitCode };
}
