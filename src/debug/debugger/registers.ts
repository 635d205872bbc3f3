import { isCanonical } from '../../bits.js';
import type { CpuState } from '../../cpu/state/cpu-state.js';
import { FS, GS, X87_BYTES, xmmAddress, ymmHighAddress } from '../../cpu/state/layout.js';
import { cleanX87 } from '../../kernel/linux/signals/floating-state.js';
import type { DebuggedMachine, MachineThread as Thread } from '../machine/debugged-machine.js';
import { SCALAR_REGISTERS, type RegisterFile, type RegisterName, type ScalarRegister } from '../target.js';

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

/** The registers of all threads. */
export class ThreadRegisters {
  constructor(private readonly machine: DebuggedMachine) {}

  read(thread: Thread): RegisterFile {
    return this.machine.withRegisters(thread, false, (state) => {
      const scalars = Object.fromEntries(SCALAR_REGISTERS.map((name) => [name, readScalar(state, name)]));
      const { host } = state.memory;
      const xmm = Array.from({ length: GPR_COUNT }, (_, i) => host.slice(xmmAddress(i), xmmAddress(i) + XMM_BYTES));
      const ymmHigh = Array.from({ length: GPR_COUNT }, (_, i) =>
        host.slice(ymmHighAddress(i), ymmHighAddress(i) + XMM_BYTES),
      );
      return {
        ...scalars,
        xmm,
        ymmHigh,
        x87: state.x87,
        control: this.machine.control(thread),
      } as unknown as RegisterFile;
    });
  }

  /** Reads one register of 64 bits or less. */
  scalar(thread: Thread, name: ScalarRegister): bigint {
    return this.machine.withRegisters(thread, false, (state) => readScalar(state, name));
  }

  /** Returns false if there is no such register, it is read-only, or it cannot hold the value. */
  write(thread: Thread, name: RegisterName, value: bigint): boolean {
    return this.machine.withRegisters(thread, true, (state) => {
      const vector = /^(?:xmm(\d{1,2})|ymm(\d{1,2})h)$/.exec(name);
      if (vector) return writeVector(state, vector, value);
      return name === 'x87'
        ? writeX87(state, value)
        : writeScalar(state, name as ScalarRegister, value, this.machine.writableFlags);
    });
  }

  /** As bytes that are equal for equal registers, on every engine. */
  save(thread: Thread): SavedRegisters {
    return this.machine.withRegisters(thread, false, (state) => {
      const context = state.context.slice();
      state.settle(context);
      return { context };
    });
  }

  restore(thread: Thread, { context }: SavedRegisters): void {
    this.machine.withRegisters(thread, true, (state) => state.context.set(context));
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

function writeScalar(state: CpuState, name: ScalarRegister, value: bigint, writableFlags: bigint): boolean {
  const index = SCALAR_REGISTERS.indexOf(name);
  if (index < 0 || SELECTORS.includes(name) || value < 0n || value > MASK64) return false;
  if (index < GPR_COUNT) state.setGpr(index, value);
  else if (name === 'rflags') state.rflags = (state.rflags & ~writableFlags) | (value & writableFlags);
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
