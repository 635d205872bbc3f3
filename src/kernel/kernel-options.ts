import type { Cpu } from '../cpu/cpu.js';
import type { FramePool } from '../vmo/frames/frame-pool.js';
import type { VmoStore } from '../vmo/store.js';
import type { Console } from './terminal/console.js';
import type { KernelHooks } from './hooks.js';
import type { Inputs } from './inputs.js';
import type { ChangedFile } from './linux/files/changes.js';
import type { LinuxRoot, MakeLinuxRoot } from './linux/files/tree/linux-root.js';
import type { NameSpace } from './names.js';
import type { MachineStop } from './stops.js';

export type { ChangedFile, MachineStop, MakeLinuxRoot };

/** Whether time goes on while all threads wait: at once, or as the host says (`passTime`). */
export type Clock = 'free' | 'real';

export interface KernelOptions {
  readonly cpu: Cpu;
  readonly store: VmoStore;
  readonly pool: FramePool;
  readonly console: Console;
  /** Everything from outside passes there. */
  readonly inputs: Inputs;
  readonly hooks?: KernelHooks;
  /** What VMOs are called; names that live as long as the machine, if not given. */
  readonly names?: NameSpace;
  /** Bytes that the store keeps for private pages that are written back; 0 if not given. */
  readonly writeBackBytes?: number;
  /** Bytes of the host's memory that the machine's objects may take: see HostMemory. No bound if not given. */
  readonly hostBytes?: number;
  /** 'free' if not given. */
  readonly clock?: Clock;
  /** The files of programs of Linux; none, if not given. */
  readonly linuxRoot?: LinuxRoot;
}

/** Why `run` came back. */
export type KernelEvent =
  | { readonly kind: 'ticks' }
  /** A process has ended; the others can go on. */
  | { readonly kind: 'ended' }
  /**
   * All threads wait, the first of them until a tick (Infinity: without a deadline); `forInput`: some of them for input. With
   * neither, nothing will ever happen.
   */
  | { readonly kind: 'waiting'; readonly until: number; readonly forInput: boolean }
  /** The hook onSpuriousWrite has postponed its decision. */
  | { readonly kind: 'asking' }
  /** Something has happened that a debugger stops the machine for. */
  | { readonly kind: 'stopped'; readonly stop: MachineStop }
  /** There is no process. */
  | { readonly kind: 'idle' };
