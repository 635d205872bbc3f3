import { isCanonical } from '../../bits.js';
import type { Cpu } from '../../cpu/cpu.js';
import { STATUS_FLAGS } from '../../cpu/meaning/flags.js';
import type { CpuState } from '../../cpu/state/cpu-state.js';
import { FS, GS, X87_BYTES, xmmAddress, ymmHighAddress } from '../../cpu/state/layout.js';
import type { Kernel } from '../../kernel/kernel.js';
import { cleanX87 } from '../../kernel/linux/signals/floating-state.js';
import type { Thread } from '../../kernel/tasks/thread.js';
import { SCALAR_REGISTERS, type RegisterFile, type RegisterName, type ScalarRegister } from '../target.js';

/** DF, AC and ID: with the status flags, the bits of RFLAGS that a debugger can change. */
const CONTROL_FLAGS = (1 << 10) | (1 << 18) | (1 << 21);
const WRITABLE_FLAGS = BigInt(STATUS_FLAGS | CONTROL_FLAGS);

/** Bits of MXCSR that exist. */
const MXCSR_MASK = 0xffffn;

const GPR_COUNT = 16;
const XMM_BYTES = 16;
const SELECTORS: readonly ScalarRegister[] = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

const MASK64 = 0xffff_ffff_ffff_ffffn;

/** All registers of a thread. */
export interface SavedRegisters {
  readonly context: Uint8Array;
}

/** The registers of all threads: those of the current thread are in the CPU, all others in memory of the kernel. */
export class ThreadRegisters {
  constructor(
    private readonly cpu: Cpu,
    private readonly kernel: Kernel,
  ) {}

  read(thread: Thread): RegisterFile {
    return this.use(thread, false, (state) => {
      const scalars = Object.fromEntries(SCALAR_REGISTERS.map((name) => [name, readScalar(state, name)]));
      const { host } = state.memory;
      const xmm = Array.from({ length: GPR_COUNT }, (_, i) => host.slice(xmmAddress(i), xmmAddress(i) + XMM_BYTES));
      const ymmHigh = Array.from({ length: GPR_COUNT }, (_, i) =>
        host.slice(ymmHighAddress(i), ymmHighAddress(i) + XMM_BYTES),
      );
      return { ...scalars, xmm, ymmHigh, x87: state.x87, control: this.control(thread) } as unknown as RegisterFile;
    });
  }

  /** Reads one register of 64 bits or less. */
  scalar(thread: Thread, name: ScalarRegister): bigint {
    return this.use(thread, false, (state) => readScalar(state, name));
  }

  /** Returns false if there is no such register, it is read-only, or it cannot hold the value. */
  write(thread: Thread, name: RegisterName, value: bigint): boolean {
    return this.use(thread, true, (state) => {
      const vector = /^(?:xmm(\d{1,2})|ymm(\d{1,2})h)$/.exec(name);
      if (vector) return writeVector(state, vector, value);
      return name === 'x87' ? writeX87(state, value) : writeScalar(state, name as ScalarRegister, value);
    });
  }

  /** As bytes that are equal for equal registers, on every engine. */
  save(thread: Thread): SavedRegisters {
    return this.use(thread, false, (state) => {
      const context = state.context.slice();
      state.settle(context);
      return { context };
    });
  }

  restore(thread: Thread, { context }: SavedRegisters): void {
    this.use(thread, true, (state) => state.context.set(context));
  }

  /** CR3 is what it is while the thread runs. */
  private control({ process }: Thread): RegisterFile['control'] {
    const { cr0, cr4, efer } = this.cpu.mmu;
    const cr3 = BigInt(process.view?.root ?? this.kernel.pager.pageTable.root);
    return { cr0: word(cr0), cr2: this.cpu.cr2, cr3, cr4: word(cr4), cr8: 0n, efer: word(efer) };
  }

  /** Calls `use` while the CPU holds the registers of a thread. */
  private use<T>(thread: Thread, isWrite: boolean, use: (state: CpuState) => T): T {
    const { state } = this.cpu;
    if (thread === this.kernel.currentThread) return use(state);
    const before = state.context.slice();
    thread.restore(state);
    try {
      const result = use(state);
      if (isWrite) thread.save(state);
      return result;
    } finally {
      state.context.set(before);
    }
  }
}

function readScalar(state: CpuState, name: ScalarRegister): bigint {
  const index = SCALAR_REGISTERS.indexOf(name);
  if (index < GPR_COUNT) return state.gpr(index);
  if (SELECTORS.includes(name)) return BigInt(state.selector(SELECTORS.indexOf(name)));
  if (name === 'rip') return state.rip;
  if (name === 'rflags') return state.rflags;
  if (name === 'mxcsr') return BigInt(state.mxcsr);
  return state.segmentBase(name === 'fsBase' ? FS : GS);
}

function writeScalar(state: CpuState, name: ScalarRegister, value: bigint): boolean {
  const index = SCALAR_REGISTERS.indexOf(name);
  if (index < 0 || SELECTORS.includes(name) || value < 0n || value > MASK64) return false;
  if (index < GPR_COUNT) state.setGpr(index, value);
  else if (name === 'rflags') state.rflags = (state.rflags & ~WRITABLE_FLAGS) | (value & WRITABLE_FLAGS);
  else if (name === 'mxcsr') {
    if (value > MXCSR_MASK) return false;
    state.mxcsr = Number(value);
  } else {
    if (!isCanonical(value)) return false;
    if (name === 'rip') state.rip = value;
    else state.setSegmentBase(name === 'fsBase' ? FS : GS, value);
  }
  return true;
}

function writeVector(state: CpuState, [, low, high]: RegExpExecArray, value: bigint): boolean {
  const index = Number(low ?? high);
  if (index >= GPR_COUNT || value < 0n || value >> 128n !== 0n) return false;
  if (low !== undefined) state.setXmm(index, value);
  else state.setYmmHigh(index, value);
  return true;
}

function writeX87(state: CpuState, value: bigint): boolean {
  if (value < 0n || value >> BigInt(8 * X87_BYTES) !== 0n) return false;
  const image = Uint8Array.from({ length: X87_BYTES }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  state.x87 = cleanX87(image);
  return true;
}

function word(value: number): bigint {
  return BigInt(value >>> 0);
}
