/** Compares two results of a case and shows the differences. */
import { hex } from '../../../src/bits.js';
import type { OracleResult } from '../../oracle/case.js';
import { formatDifference, sameState, type Comparison } from '../../oracle/difference.js';
import { definedFlags } from './defined.js';
import type { MeaningCase } from './generate.js';
import type { GuestState } from './guest.js';
import type { Expectation } from './host-differences.js';

function sameWords(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether two engines agree in every bit. */
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

/** How `native` and its expected result differ in what the manual defines; undefined if they agree. */
export function nativeDifference(
  c: MeaningCase,
  native: OracleResult,
  expected: Expectation,
  shownFlags: number,
): string | undefined {
  const comparison = { definedFlags: definedFlags(c) & shownFlags, windows: c.oracle.memory.windows };
  const selectors = sameSelectors(native.selectors, expected.selectors);
  const strays = native.stray === expected.stray;
  if (selectors && strays && sameState(native, expected, comparison)) return undefined;
  return [
    ...(selectors ? [] : [`* selectors ${native.selectors.join(' ')}, ours ${expected.selectors.join(' ')}`]),
    ...(strays
      ? []
      : [`* stores outside the windows: ${describeStray(native.stray)}, ours ${describeStray(expected.stray)}`]),
    formatDifference(native, expected, comparison),
  ].join('\n');
}

function describeStray(stray: bigint | undefined): string {
  return stray === undefined ? 'none' : hex(stray);
}

/** Equal, except that null selectors with an RPL come back as 0 from the kernel. SDM Vol. 2A "IRET", on null selectors. */
function sameSelectors(native: Uint16Array, ours: Uint16Array): boolean {
  return native.every((selector, i) => selector === ours[i] || (selector === 0 && ours[i]! < 4));
}
