/** Two states of a case side by side. */
import { formatDifference, sameState, type Comparison } from '../../oracle/difference.js';
import type { GuestState } from './guest.js';

function sameBytes(a: Uint8Array | Uint16Array | Uint32Array, b: typeof a): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf(words: Uint8Array | Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** True where two engines agree in every bit. */
export function sameGuestState(expected: GuestState, actual: GuestState): boolean {
  return (
    expected.event === actual.event &&
    expected.ticks === actual.ticks &&
    sameBytes(expected.selectors, actual.selectors) &&
    sameBytes(expected.entries, actual.entries) &&
    sameBytes(expected.x87, actual.x87) &&
    sameState(expected, actual)
  );
}

const hexWords = (words: ArrayLike<number>): string => Array.from(words, (word) => word.toString(16)).join(' ');

/** Both states, `*` at the lines that differ. */
export function formatGuestDifference(expected: GuestState, actual: GuestState, comparison: Comparison): string {
  const line = (name: string, a: string, b: string): string =>
    a === b ? `  ${name.padEnd(10)} ${a}` : `* ${name.padEnd(10)} ${a}\n* ${''.padEnd(10)} ${b}`;
  return [
    line('event', expected.event, actual.event),
    line('ticks', String(expected.ticks), String(actual.ticks)),
    line('selectors', hexWords(expected.selectors), hexWords(actual.selectors)),
    line('entries', hexWords(expected.entries), hexWords(actual.entries)),
    line('x87', hexWords(expected.x87), hexWords(actual.x87)),
    formatDifference(expected, actual, comparison),
  ].join('\n');
}
