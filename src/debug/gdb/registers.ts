import { littleEndian, valueOf } from './byte-strings.js';
import { stackRegister, withStackRegister, withX87Control, x87Control, type X87Control } from './x87.js';
import { SCALAR_REGISTERS, type DebugTarget, type RegisterFile, type RegisterName } from '../target.js';

/** The features of target.xml, with the names that gdb and lldb know; the last one is our own. */
export type Feature = 'core' | 'sse' | 'avx' | 'segments' | 'control';

/** A register as the protocol numbers it: by its place in `REGISTERS`. */
export interface GdbRegister {
  readonly name: string;
  readonly lengthBytes: number;
  /** A type of target.xml. */
  readonly type: string;
  readonly feature: Feature;
  /** gdb shows registers of a group with `info registers GROUP`. */
  readonly group?: string;
  /** The register of the machine that a write changes; undefined: it cannot be written. */
  readonly writes?: RegisterName;
  /** For a part of the x87 state, which is written as a whole: that state with other bytes in the register. */
  readonly within?: (x87: Uint8Array, bytes: Uint8Array) => Uint8Array;
  read(file: RegisterFile): Uint8Array;
}

const GENERAL = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const;
const EXTENDED = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
const SELECTORS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs'] as const;
const X87_CONTROL = ['fctrl', 'fstat', 'ftag', 'fiseg', 'fioff', 'foseg', 'fooff', 'fop'] as const;
const CONTROL = ['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'] as const;

const TYPES: Readonly<Record<string, string>> = {
  rbp: 'data_ptr',
  rsp: 'data_ptr',
  cr0: 'bd0_cr0',
  cr2: 'data_ptr',
  cr4: 'bd0_cr4',
  efer: 'bd0_efer',
};

/** All registers in the order of the standard features of gdb: "i386 Features" in its manual. */
export const REGISTERS: readonly GdbRegister[] = [
  ...[...GENERAL, ...EXTENDED].map((name) => scalar(name, name, 8, TYPES[name] ?? 'int64')),
  scalar('rip', 'rip', 8, 'code_ptr'),
  scalar('eflags', 'rflags', 4, 'i386_eflags'),
  ...SELECTORS.map((name) => scalar(name, name, 4, 'int32')),
  ...range(8).map((i) => ({
    ...{ name: `st${i}`, lengthBytes: 10, type: 'i387_ext', feature: 'core' as const },
    writes: 'x87' as const,
    read: ({ x87 }: RegisterFile) => stackRegister(x87, i),
    within: (x87: Uint8Array, bytes: Uint8Array) => withStackRegister(x87, i, bytes),
  })),
  ...X87_CONTROL.map(x87),
  ...range(16).map((i) => ({
    ...{ name: `xmm${i}`, lengthBytes: 16, type: 'vec128', feature: 'sse' as const, writes: `xmm${i}` as const },
    read: ({ xmm }: RegisterFile) => xmm[i]!,
  })),
  { ...scalar('mxcsr', 'mxcsr', 4, 'i386_mxcsr'), feature: 'sse', group: 'vector' },
  { ...scalar('fs_base', 'fsBase', 8, 'int64'), feature: 'segments' },
  { ...scalar('gs_base', 'gsBase', 8, 'int64'), feature: 'segments' },
  ...CONTROL.map((name) => ({
    ...{ name, lengthBytes: 8, type: TYPES[name] ?? 'int64', feature: 'control' as const, group: 'system' },
    ...(name === 'cr2' && { writes: name }),
    read: ({ control }: RegisterFile) => littleEndian(control[name], 8),
  })),
  // gdb shows $ymm0 of these and of XMM.
  ...range(16).map((i) => ({
    ...{ name: `ymm${i}h`, lengthBytes: 16, type: 'uint128', feature: 'avx' as const, writes: `ymm${i}h` as const },
    read: ({ ymmHigh }: RegisterFile) => ymmHigh[i]!,
  })),
  {
    ...{ name: 'k_gs_base', lengthBytes: 8, type: 'int64', feature: 'control', group: 'system' },
    read: ({ control }: RegisterFile) => littleEndian(control.kernelGsBase, 8),
  },
];

/** The numbers of registers that stop replies contain, so that a debugger need not ask for them. */
export const EXPEDITED = ['rbp', 'rsp', 'rip'].map((name) => REGISTERS.findIndex((register) => register.name === name));

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

type Scalar = Exclude<keyof RegisterFile, 'xmm' | 'ymmHigh' | 'x87' | 'control'>;

function scalar(name: string, register: Scalar, lengthBytes: number, type: string): GdbRegister {
  const read = (file: RegisterFile): Uint8Array => littleEndian(file[register], lengthBytes);
  return { name, lengthBytes, type, feature: 'core', writes: register, read };
}

function x87(name: X87Control): GdbRegister {
  const read = (file: RegisterFile): Uint8Array => littleEndian(BigInt(x87Control(file.x87, name)), 4);
  const within = (x87: Uint8Array, bytes: Uint8Array): Uint8Array => withX87Control(x87, name, Number(valueOf(bytes)));
  return { name, lengthBytes: 4, type: 'int', feature: 'core', group: 'float', writes: 'x87', read, within };
}

/** The value of a register; undefined if there is none with this number. */
export function registerValue(target: DebugTarget, tid: number, number: number): bigint | undefined {
  const register = REGISTERS[number];
  const scalar = SCALAR_REGISTERS.find((name) => name === register?.writes);
  if (scalar !== undefined) return target.readRegister(tid, scalar);
  return register && valueOf(register.read(target.readRegisters(tid)));
}

/** Writes a register. Returns false if it cannot be written, or not with this value; an equal value is no change. */
export function writeRegister(target: DebugTarget, tid: number, register: GdbRegister, bytes: Uint8Array): boolean {
  if (bytes.length !== register.lengthBytes) return false;
  const file = target.readRegisters(tid);
  const current = register.read(file);
  if (bytes.every((byte, i) => byte === current[i])) return true;
  const written = register.within?.(file.x87, bytes) ?? bytes;
  return register.writes !== undefined && target.writeRegister(tid, register.writes, valueOf(written));
}
