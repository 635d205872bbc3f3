import type { WasmValue } from '../encoding/value.js';

/** Bits of the control of `floatRound`: see evaluator/float/convert.ts. */
const ROUND_BY_MXCSR = 4;
export const ROUND_QUIETLY = 8;

/** The Wasm instruction for a control that is known; undefined if MXCSR, or a value, chooses the mode. */
export function roundingOf({ constant }: WasmValue): 'nearest' | 'floor' | 'ceil' | 'trunc' | undefined {
  if (constant === undefined || (Number(constant) & ROUND_BY_MXCSR) !== 0) return undefined;
  return (['nearest', 'floor', 'ceil', 'trunc'] as const)[Number(constant) & 3];
}
