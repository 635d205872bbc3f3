/** Whether two answers to a case agree, and how to show where they do not. */
import { hex } from '../../../src/bits.js';
import { MXCSR_MASK } from '../../../src/cpu/evaluator/float/mxcsr.js';
import { RCX, RDI, RSI } from '../../../src/cpu/state/layout.js';
import type { OracleResult, OracleState } from '../../oracle/case.js';
import { formatDifference, sameState, type Comparison } from '../../oracle/difference.js';
import { contains } from '../../oracle/layout.js';
import { definedFlags } from './defined.js';
import type { MeaningCase } from './generate.js';
import type { GuestState } from './guest.js';
import type { Spoilt } from './host-differences.js';

function sameWords(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** True where two engines agree in every bit. */
export function sameGuestState(expected: GuestState, actual: GuestState): boolean {
  return (
    expected.event === actual.event &&
    expected.ticks === actual.ticks &&
    sameWords(expected.selectors, actual.selectors) &&
    sameWords(expected.entries, actual.entries) &&
    sameWords(expected.x87, actual.x87) &&
    sameState(expected, actual)
  );
}

/** The states of two engines, `*` at the lines that differ. */
export function formatGuestDifference(expected: GuestState, actual: GuestState, comparison: Comparison = {}): string {
  const words = (values: ArrayLike<number>): string => Array.from(values, (word) => word.toString(16)).join(' ');
  const lines = ([name, a, b]: readonly string[]): string[] =>
    a === b ? [`  ${name}: ${a}`] : [`* ${name}, expected: ${a}`, `* ${name}, actual:   ${b}`];
  return [
    ...[
      ['event', expected.event, actual.event],
      ['ticks', String(expected.ticks), String(actual.ticks)],
      ['selectors', words(expected.selectors), words(actual.selectors)],
      ['page-table entries', words(expected.entries), words(actual.entries)],
      ['x87', words(expected.x87), words(actual.x87)],
    ].flatMap(lines),
    formatDifference(expected, actual, comparison),
  ].join('\n');
}

/** How `native` and `ours` differ in what the manual defines, `spoilt` left out; undefined where they agree. */
export function nativeDifference(
  c: MeaningCase,
  native: OracleResult,
  ours: GuestState,
  stray: bigint | undefined,
  spoilt: ReadonlySet<Spoilt>,
): string | undefined {
  const expected = expectation(c, native, ours, spoilt);
  const comparison = { definedFlags: definedFlags(c), windows: c.oracle.memory.windows };
  const estimates = !spoilt.has('estimates') || sameEstimates(native.xmm, ours.xmm);
  const selectors = sameSelectors(native.selectors, ours.selectors);
  const strays = spoilt.has('memory') || native.stray === stray;
  if (estimates && selectors && strays && sameState(expected, ours, comparison)) return undefined;
  return [
    ...(estimates ? [] : ['* the estimates are too far apart']),
    ...(selectors ? [] : [`* selectors ${native.selectors.join(' ')}, ours ${ours.selectors.join(' ')}`]),
    ...(strays ? [] : [`* stores outside the windows: ${describeStray(native.stray)}, ours ${describeStray(stray)}`]),
    formatDifference(expected, ours, comparison),
  ].join('\n');
}

function describeStray(stray: bigint | undefined): string {
  return stray === undefined ? 'none' : hex(stray);
}

/** The oracle's answer, with ours in the place of what is spoilt. */
function expectation(c: MeaningCase, native: OracleResult, ours: GuestState, spoilt: ReadonlySet<Spoilt>): OracleState {
  const expected: OracleState = { ...native };
  if (spoilt.has('memory')) expected.windows = ours.windows;
  if (spoilt.has('rip')) expected.rip = ours.rip;
  if (spoilt.has('rflags')) expected.rflags = ours.rflags;
  if (spoilt.has('upper halves of string registers')) expected.gpr = withUpperHalves(native.gpr, ours.gpr);
  if (spoilt.has('page fault')) expected.fault = ours.fault;
  if (spoilt.has('estimates')) expected.xmm = ours.xmm;
  if (spoilt.has('mxcsr mask') && !native.fault) expected.windows = withMxcsrMask(c, native.windows);
  return expected;
}

/** `gpr` with the upper halves of RCX, RSI and RDI from `upper`. */
function withUpperHalves(gpr: BigUint64Array, upper: BigUint64Array): BigUint64Array {
  const changed = gpr.slice();
  for (const i of [RCX, RSI, RDI]) changed[i] = ((upper[i]! >> 32n) << 32n) | BigInt.asUintN(32, gpr[i]!);
  return changed;
}

/** The windows with bd0's MXCSR_MASK in the FXSAVE image, at byte 28. */
function withMxcsrMask({ address, oracle }: MeaningCase, windows: readonly Uint8Array[]): Uint8Array[] {
  const at = address! + 28n;
  return windows.map((bytes, i) => {
    const window = oracle.memory.windows[i]!;
    if (!contains(window, at, 4)) return bytes;
    const changed = bytes.slice();
    new DataView(changed.buffer).setUint32(Number(at - window.address), MXCSR_MASK, true);
    return changed;
  });
}

/** Equal, but that null selectors with an RPL come back as 0 from the kernel. SDM Vol. 2A "IRET", on null selectors. */
function sameSelectors(native: Uint16Array, ours: Uint16Array): boolean {
  return native.every((selector, i) => selector === ours[i] || (selector === 0 && ours[i]! < 4));
}

/** Twice the greatest relative error that the manual allows. SDM Vol. 2B "RCPPS", "RSQRTPS". */
const ESTIMATE_ERROR = 2 * 1.5 * 2 ** -12;

function sameEstimates(native: Uint8Array, ours: Uint8Array): boolean {
  const [x, y] = [native.slice().buffer, ours.slice().buffer];
  const [bitsOfX, bitsOfY] = [new Uint32Array(x), new Uint32Array(y)];
  const singles = new Float32Array(y);
  return new Float32Array(x).every((single, i) => {
    const tolerance = Math.abs(single) * ESTIMATE_ERROR;
    return bitsOfX[i] === bitsOfY[i] || Math.abs(single - singles[i]!) <= tolerance;
  });
}
