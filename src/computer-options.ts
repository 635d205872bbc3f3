/** What a machine is made with, what a run of it is bounded by, and what they tell. */
import { DEFAULT_MODEL, type CpuModel, type Engine } from './cpu/cpu.js';
import type { TranslationHook, TranslationStats } from './cpu/translator/events.js';
import type { Compilation, TranslationThreshold, TranslatorOptions } from './cpu/translator/options.js';
import type { KernelHooks } from './kernel/hooks.js';
import type { Clock, MachineStop, MakeLinuxRoot } from './kernel/kernel-options.js';
import type { Kernel } from './kernel/kernel.js';
import type { WriteBackCounters } from './kernel/memory/write-back.js';
import type { MakeNameSpace } from './kernel/names.js';
import type { TrapReport } from './kernel/reports/trap-report.js';
import type { Process } from './kernel/tasks/process.js';
import type { Console } from './kernel/terminal/console.js';
import type { MachineLimits } from './machine-state.js';
import type { HashFunction } from './vmo/content/canonical-form.js';
import type { FrameCounters } from './vmo/frames/frame-pool.js';
import type { VmoCounters } from './vmo/store.js';

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

/** Of a machine whose options do not say. */
export const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;
const DEFAULT_WRITE_BACK_PER_MEMORY = 4;
const DEFAULT_VMOS_PER_MEMORY = 16;
const DEFAULT_HOST_PER_MEMORY = 1 / 2;
const DEFAULT_HOST_BYTES_MIN = 32 * 2 ** 20;

/** The limits of a machine of BD0. */
export type ComputerLimits = MachineLimits & { readonly clock: 'free' | 'real' };

/** The limits of a machine, with the defaults of those that are not given. `memoryBytes`: the size of its memory. */
export function limitsOf(options: ComputerOptions, memoryBytes: number): ComputerLimits {
  return {
    memoryBytes,
    writeBackBytes: options.writeBackBytes ?? DEFAULT_WRITE_BACK_PER_MEMORY * memoryBytes,
    vmoBytes: options.vmoBytes ?? DEFAULT_VMOS_PER_MEMORY * memoryBytes,
    hostBytes: options.hostBytes ?? Math.max(DEFAULT_HOST_BYTES_MIN, DEFAULT_HOST_PER_MEMORY * memoryBytes),
    clock: options.clock ?? 'free',
    cpu: options.cpu ?? DEFAULT_MODEL,
  };
}
