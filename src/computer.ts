import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { Cpu, type Engine } from './cpu/cpu.js';
import type { CpuState } from './cpu/state/cpu-state.js';
import type { CodeStore } from './cpu/translator/cache/code-record.js';
import type { TranslationHook, TranslationStats } from './cpu/translator/events.js';
import type { Compilation, TranslationThreshold } from './cpu/translator/options.js';
import { PAGE_SHIFT, PAGE_SIZE, bytesToHex, hex } from './bits.js';
import type { Console } from './kernel/terminal/console.js';
import type { KernelHooks } from './kernel/hooks.js';
import { Errno, KernelError } from './kernel/errors.js';
import type { Clock } from './kernel/kernel-options.js';
import { Kernel } from './kernel/kernel.js';
import { fromLinear } from './kernel/memory/linear-address.js';
import type { StartOptions } from './kernel/program/loader.js';
import type { MakeNameSpace } from './kernel/names.js';
import type { Process } from './kernel/tasks/process.js';
import type { TrapReport } from './kernel/reports/trap-report.js';
import type { WriteBackCounters } from './kernel/memory/write-back.js';
import { GuestMemory } from './memory.js';
import { StateWriter } from './state/state-writer.js';
import { STANDARD_FORMAT, type HashFunction } from './vmo/content/canonical-form.js';
import { FramePool, type FrameCounters } from './vmo/frames/frame-pool.js';
import { VmoHandle } from './vmo/handle.js';
import { MemoryIdentity } from './vmo/frames/memory-identity.js';
import { VmoStore, type VmoCounters } from './vmo/store.js';

/** What a machine is made of. */
export interface ComputerOptions {
  /** Guest physical memory; 256 MiB if not given. */
  readonly memoryBytes?: number;
  /**
   * What the store may keep of pages that programs have written, so that their frames can be given to others: bytes of
   * distinct pages; 0: nothing. Four times the guest memory if not given.
   */
  readonly writeBackBytes?: number;
  /**
   * What VMOs may take, in bytes of distinct pages, all that the store holds counted: a program that would copy more into
   * one gets ENOMEM. 16 times the guest memory if not given.
   */
  readonly vmoBytes?: number;
  /** 'auto', the default: the fastest one there is. All of them give the same states. */
  readonly engine?: Engine;
  /** With engine 'auto': how often a block is found running before it is translated; 0 translates all at once. */
  readonly translationThreshold?: TranslationThreshold;
  /** A faster SHA-256 than the default, which runs everywhere. */
  readonly sha256?: HashFunction;
  /** Without one, what is written vanishes, and the input has ended. */
  readonly console?: Console;
  /** What VMOs are called in the machine, and so the images that programs start; names that live as long as it, if not given. */
  readonly names?: MakeNameSpace;
  /**
   * Whether time passes at once while all threads sleep ('free', the default), or when the host says so by `passTime`; it
   * always does where some of them wait for input.
   */
  readonly clock?: Clock;
  /** Told of what happens in the machine; they change nothing in it. */
  readonly hooks?: KernelHooks;
  /** Told of every region that is translated. */
  readonly onTranslated?: TranslationHook;
  /** Where translated code is found again by its content, after any restart. */
  readonly codeStore?: CodeStore;
  /** Bytes of Wasm that are kept, each module counted with 8192 besides its own; 64 MiB if not given. */
  readonly codeBudgetBytes?: number;
  /** 'sync', the default: the machine stands still while code is compiled. */
  readonly compilation?: Compilation;
  /** A clock of the host, in milliseconds: for what is told of times that the host took, and nothing else. */
  readonly now?: () => number;
}

/** How far `run` may go. */
export interface RunLimits {
  /** Ticks of this call: instructions, iterations of REP and faults. No limit if not given. */
  readonly maxTicks?: number;
  /**
   * What the kernel may do in this call for programs, in units of some 2.5 microseconds, far from exact. The machine may stand
   * in the middle of a kernel-call then, and cannot tell; `machineHash` can. No limit if not given.
   */
  readonly maxEffort?: number;
  /** Called whenever a process has ended; true ends the call, with 'limit'. */
  readonly stopWhen?: () => boolean;
}

/** Why `run` came back. */
export type Outcome =
  /** The process ended itself. */
  | { readonly kind: 'exited'; readonly process: Process; readonly exitCode: number }
  /** The process was killed by a trap; 128 + the number of Linux's signal is its exit code. */
  | { readonly kind: 'trapped'; readonly process: Process; readonly exitCode: number; readonly report: TrapReport }
  /** All ticks were used up, or all effort. */
  | { readonly kind: 'limit' }
  /** The hook onSpuriousWrite wants to be asked later: the machine stands still until `run` is called again. */
  | { readonly kind: 'asking' }
  /**
   * All threads wait, the first of them until tick `until`, Infinity for ever: see `passTime`. `forInput`: some of them for
   * input; without that, and with no end of it, nothing will ever happen.
   */
  | { readonly kind: 'waiting'; readonly until: number; readonly forInput: boolean };

/** What a machine has done. */
export interface Statistics {
  /** Its time, in nanoseconds of its own. */
  readonly ticks: number;
  /** Instructions retired, each iteration of REP counted. */
  readonly instructions: number;
  /** Page faults. */
  readonly faults: number;
  /** How often another thread has got the CPU than the one before. */
  readonly switches: number;
  /** Instructions decoded to be interpreted, each time counted; 0 with engine 'evaluator'. */
  readonly decoded: number;
  /** How often all entries of the TLB have been dropped at once. */
  readonly tlbDrops: number;
  readonly frames: FrameCounters;
  readonly writeBacks: WriteBackCounters;
  readonly vmos: VmoCounters;
  /** Where the engine translates. */
  readonly translation?: TranslationStats;
}

const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;
const DEFAULT_WRITE_BACK_PER_MEMORY = 4;
const DEFAULT_VMOS_PER_MEMORY = 16;

const NO_CONSOLE: Console = { write: () => {}, read: () => 'end' };

/** A machine: memory, CPU, VMO store, frame pool and BD0's kernel. What it does is a function of its inputs. */
export class Computer {
  readonly store: VmoStore;
  private readonly memory: GuestMemory;
  private readonly cpu: Cpu;
  private readonly pool: FramePool;
  private readonly kernel: Kernel;
  private readonly sha256: HashFunction;
  private memoryIdentity: MemoryIdentity | undefined;

  /** Throws RangeError for memory or a write-back quota of a size that cannot be. */
  constructor(options: ComputerOptions = {}) {
    const { memoryBytes = DEFAULT_MEMORY_BYTES, engine = 'auto', console = NO_CONSOLE, hooks } = options;
    this.sha256 = options.sha256 ?? portableSha256;
    this.memory = new GuestMemory(memoryBytes);
    this.cpu = new Cpu(this.memory, engine, {
      threshold: options.translationThreshold,
      onTranslated: options.onTranslated,
      store: options.codeStore,
      codeBudgetBytes: options.codeBudgetBytes,
      compilation: options.compilation,
      sha256: this.sha256,
      now: options.now,
    });
    const vmoBytes = options.vmoBytes ?? DEFAULT_VMOS_PER_MEMORY * this.memory.size;
    this.store = new VmoStore(this.sha256, STANDARD_FORMAT, vmoBytes);
    const { linearMemory } = this.cpu;
    this.pool = new FramePool(this.memory, this.store, {
      firstFrame: 0,
      endFrame: this.memory.size >>> PAGE_SHIFT,
      codeChanged: (frame) => linearMemory.stored(frame * PAGE_SIZE, PAGE_SIZE),
    });
    this.kernel = new Kernel({
      cpu: this.cpu,
      store: this.store,
      pool: this.pool,
      console,
      ...(options.names && { names: options.names(this.store) }),
      writeBackBytes: options.writeBackBytes ?? DEFAULT_WRITE_BACK_PER_MEMORY * this.memory.size,
      ...(options.clock && { clock: options.clock }),
      ...(hooks && { hooks }),
    });
  }

  /**
   * Starts a program, stopped before its first instruction. Bytes become a VMO; a handle stays the caller's to close.
   * Throws KernelError, with nothing changed: ENOEXEC (an ElfError) for an image that cannot run, EINVAL for bad options,
   * ENOSPC where the address space has no room, ENOMEM where memory has none.
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

  /** Runs the machine until a process has ended, all threads wait, or the limit is reached. */
  run(program: Process, { maxTicks = Infinity, maxEffort = Infinity, stopWhen }: RunLimits = {}): Outcome {
    const end = this.cpu.ticks + maxTicks;
    const effortEnd = this.kernel.effort + maxEffort;
    for (;;) {
      if (program.end) return outcomeOf(program);
      const left = end - this.cpu.ticks;
      const effortLeft = effortEnd - this.kernel.effort;
      if (left <= 0 || effortLeft <= 0) return { kind: 'limit' };
      const event = this.kernel.run(left, effortLeft);
      if (event.kind === 'waiting' || event.kind === 'asking') return event;
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
    this.store.forgetSome(Infinity);
  }

  /** The live process of a pid. */
  findProcess(pid: number): Process | undefined {
    return this.kernel.processes.find(pid);
  }

  /** Lets time pass while all threads wait: those that give up at this tick or before will. */
  passTime(tick: number): void {
    this.kernel.passTime(tick);
  }

  /** Registers of the thread that runs, or ran last. */
  get registers(): CpuState {
    return this.cpu.state;
  }

  /** Time: nanoseconds since the machine started, one for each instruction retired. */
  get ticks(): number {
    return this.cpu.ticks;
  }

  /** Instructions retired. */
  get instructions(): number {
    return this.cpu.ticks - this.kernel.ticksWithoutInstruction;
  }

  /**
   * The bytes that a thread would find at a linear address, up to the first one that is not mapped: as many as were asked
   * for, or less. The machine does not notice.
   */
  readMemory(linear: bigint, lengthBytes: number): Uint8Array {
    const address = fromLinear(linear);
    return address === undefined ? new Uint8Array(0) : this.kernel.memory.peek(address, lengthBytes);
  }

  /**
   * Stores bytes, read-only pages included, up to the first page that is not mapped, or for which there is no frame left.
   * Answers how many were stored.
   */
  writeMemory(linear: bigint, bytes: Uint8Array): number {
    const address = fromLinear(linear);
    return address === undefined ? 0 : this.kernel.memory.poke(address, bytes);
  }

  /**
   * Makes a VMO of a range of memory, in whole pages, between two instructions; it can be opened by its id. The range is
   * mapped to it from then on: programs find the same bytes, and what was written back of it is the VMO's. Costs a hash for
   * each page written since the last time, and one for each node above those. The handle is the caller's to close.
   * Throws KernelError, with nothing changed: EINVAL where it is not made of whole pages, one or more, EFAULT where not all
   * of it is mapped, in one region.
   */
  commit(linear: bigint, lengthBytes: number): VmoHandle {
    const address = fromLinear(linear);
    if (address === undefined) throw new KernelError(Errno.EFAULT, `${hex(linear)} is not a canonical address`);
    return this.kernel.commit(address, lengthBytes);
  }

  /**
   * SHA-256, 64 hexadecimal digits, over all that decides what the machine does next: registers, controls, time, the
   * kernel's and the frame pool's tables, how far the console was read and written, and the identity that guest memory has
   * as a VMO. It is the same on every engine. The first call hashes all frames in use and keeps a copy of them; the next
   * ones pay for what has changed. Nothing that a program can tell changes, though VMOs that are mapped are hashed.
   */
  machineHash(): string {
    const out = new StateWriter().text('bd0 machine 1');
    this.cpu.writeState(out);
    this.kernel.writeState(out);
    this.pool.writeState(out);
    this.memoryIdentity ??= new MemoryIdentity(this.memory, this.sha256);
    out.text(this.memoryIdentity.id(this.pool.usedEnd));
    return bytesToHex(this.sha256(out.written));
  }

  get statistics(): Statistics {
    const { ticks, translationStats } = this.cpu;
    return {
      ticks,
      instructions: this.instructions,
      faults: this.kernel.faults,
      switches: this.kernel.switches,
      decoded: this.cpu.decoded,
      tlbDrops: this.cpu.mmu.tlbDrops,
      frames: this.pool.counters,
      writeBacks: this.kernel.pager.writeBacks,
      vmos: this.store.counters,
      ...(translationStats && { translation: translationStats }),
    };
  }
}

function outcomeOf(program: Process): Outcome {
  const { exitCode, trap } = program.end!;
  if (trap) return { kind: 'trapped', process: program, exitCode, report: trap };
  return { kind: 'exited', process: program, exitCode };
}
