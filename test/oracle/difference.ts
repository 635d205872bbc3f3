/** Two states side by side, with `*` where they differ. */
import { hex } from '../../src/bits.js';
import { describeBytes, RFLAGS, type Fault, type OracleState } from './case.js';
import type { Window } from './layout.js';

/** What is compared, where it is less than everything. */
export interface Comparison {
  /** The bits of rflags that the instruction defines; all unless given. */
  definedFlags?: number;
  /** The windows of the case, to name the addresses of memory that differs. */
  windows?: readonly Window[];
}

/** One line of the comparison. */
interface Row {
  name: string;
  expected: string;
  actual: string;
  differs: boolean;
}

const GPR_NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
const ALL_FLAGS = 0xffff_ffff;
const MEMORY_ROW_BYTES = 16;

const gprName = (index: number) => GPR_NAMES[index] ?? `r${index}`;

function sameElements(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function sameFault(a: Fault | undefined, b: Fault | undefined): boolean {
  return a?.vector === b?.vector && a?.errorCode === b?.errorCode && a?.cr2 === b?.cr2;
}

/** The words of the x87 image that are compared: FCW, FSW and FTW, and the ten bytes of each register. */
const X87_PARTS: readonly (readonly [name: string, from: number, to: number])[] = [
  ['fcw', 0, 2],
  ['fsw', 2, 4],
  ['ftw', 4, 6],
  ...Array.from({ length: 8 }, (_, i) => [`st${i}`, 32 + 16 * i, 42 + 16 * i] as const),
];

function sameX87(a: Uint8Array, b: Uint8Array): boolean {
  return X87_PARTS.every(([, from, to]) => sameElements(a.subarray(from, to), b.subarray(from, to)));
}

/** Bytes with the highest first, as the manual writes numbers. */
function describeNumber(bytes: Uint8Array): string {
  return '0x' + describeBytes(bytes.slice().reverse()).replaceAll(' ', '');
}

/** True where the two states agree in everything that is compared. */
export function sameState(expected: OracleState, actual: OracleState, comparison: Comparison = {}): boolean {
  const { definedFlags = ALL_FLAGS } = comparison;
  return (
    sameX87(expected.x87, actual.x87) &&
    expected.rip === actual.rip &&
    ((expected.rflags ^ actual.rflags) & definedFlags) === 0 &&
    expected.mxcsr === actual.mxcsr &&
    expected.fsBase === actual.fsBase &&
    expected.gsBase === actual.gsBase &&
    sameFault(expected.fault, actual.fault) &&
    sameElements(expected.gpr, actual.gpr) &&
    sameElements(expected.xmm, actual.xmm) &&
    expected.windows.length === actual.windows.length &&
    expected.windows.every((window, i) => sameElements(window, actual.windows[i]!))
  );
}

/** `0x203 CF IF`: rflags and the names of its bits. */
function describeFlags(rflags: number): string {
  const names = Object.entries(RFLAGS).filter(([, bit]) => (rflags & bit) !== 0);
  return [hex(rflags), ...names.map(([name]) => name)].join(' ');
}

function describeFault(fault: Fault | undefined): string {
  if (!fault) return 'none';
  return `vector ${fault.vector}, error code ${hex(fault.errorCode)}, cr2 ${hex(fault.cr2)}`;
}

function describeXmm(xmm: Uint8Array, index: number): string {
  return describeNumber(xmm.subarray(index * 16, index * 16 + 16));
}

function row(name: string, expected: string, actual: string, differs = expected !== actual): Row {
  return { name, expected, actual, differs };
}

function registerRows(expected: OracleState, actual: OracleState, definedFlags: number): Row[] {
  const flagsDiffer = ((expected.rflags ^ actual.rflags) & definedFlags) !== 0;
  const index16 = Array.from({ length: 16 }, (_, index) => index);
  return [
    row('fault', describeFault(expected.fault), describeFault(actual.fault)),
    row('rip', hex(expected.rip, 16), hex(actual.rip, 16)),
    row('rflags', describeFlags(expected.rflags), describeFlags(actual.rflags), flagsDiffer),
    ...index16.map((i) => row(gprName(i), hex(expected.gpr[i]!, 16), hex(actual.gpr[i]!, 16))),
    row('fs_base', hex(expected.fsBase, 16), hex(actual.fsBase, 16)),
    row('gs_base', hex(expected.gsBase, 16), hex(actual.gsBase, 16)),
    row('mxcsr', hex(expected.mxcsr, 4), hex(actual.mxcsr, 4)),
    ...X87_PARTS.map(([name, from, to]) =>
      row(name, describeNumber(expected.x87.subarray(from, to)), describeNumber(actual.x87.subarray(from, to))),
    ),
    ...index16.map((i) => row(`xmm${i}`, describeXmm(expected.xmm, i), describeXmm(actual.xmm, i))),
    ...index16.map((i) => row(`ymm${i}h`, describeXmm(expected.xmm, 16 + i), describeXmm(actual.xmm, 16 + i))),
  ];
}

/** The rows of a window that differ; of memory that is the same nothing is shown. */
function memoryRows(expected: Uint8Array, actual: Uint8Array, name: (offset: number) => string): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at < Math.max(expected.length, actual.length); at += MEMORY_ROW_BYTES) {
    const part = (bytes: Uint8Array) => describeBytes(bytes.subarray(at, at + MEMORY_ROW_BYTES));
    if (part(expected) !== part(actual)) rows.push(row(name(at), part(expected), part(actual)));
  }
  return rows;
}

/**
 * Both states as a table: every register, and the memory that differs. A line starts with `*` where the states differ
 * in what is compared.
 */
export function formatDifference(expected: OracleState, actual: OracleState, comparison: Comparison = {}): string {
  const { definedFlags = ALL_FLAGS, windows = [] } = comparison;
  const rows = registerRows(expected, actual, definedFlags);
  const none = new Uint8Array();
  for (let i = 0; i < Math.max(expected.windows.length, actual.windows.length); i++) {
    const window = windows[i];
    const name = (offset: number) => (window ? hex(window.address + BigInt(offset)) : `window ${i} + ${offset}`);
    rows.push(...memoryRows(expected.windows[i] ?? none, actual.windows[i] ?? none, name));
  }
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const width = Math.max('expected'.length, ...rows.map((line) => line.expected.length));
  const line = (mark: string, name: string, left: string, right: string) =>
    `${mark} ${name.padEnd(nameWidth)}  ${left.padEnd(width)}  ${right}`;
  return [
    line(' ', '', 'expected', 'actual'),
    ...rows.map(({ name, expected, actual, differs }) => line(differs ? '*' : ' ', name, expected, actual)),
  ].join('\n');
}
