import { FLAGS_KINDS, FLAGS_WIDTHS, bitsOf, conditionOf, thunkOfCode, type FlagsThunk } from '../flags.js';
import { WasmArithmetic } from '../wasm/arithmetic.js';
import { Code } from '../wasm/code.js';
import type { WasmModule } from '../wasm/module.js';
import { Emitter, type WasmValue } from '../wasm/value.js';
import type { SharedFunctions } from './handler-context.js';

const KIND = 0;
const RESULT: WasmValue = { type: 'i64', local: 1 };
const OPERAND: WasmValue = { type: 'i64', local: 2 };

/** Adds the functions that work out flags whose kind is known only at run time. */
export function addFlagFunctions(module: WasmModule): SharedFunctions {
  const add = (value: (m: WasmArithmetic, thunk: FlagsThunk<WasmValue>) => WasmValue): number =>
    module.add(module.type(['i32', 'i64', 'i64'], ['i32']), flagFunction(value));
  const conditions = [0, 2, 4, 6, 8, 10, 12, 14].map((code) => add((m, thunk) => conditionOf(m, thunk, code)));
  return { conditions, flagBits: add((m, thunk) => bitsOf(m, thunk)) };
}

/** One case for each kind code, chosen by `br_table`. */
function flagFunction(value: (m: WasmArithmetic, thunk: FlagsThunk<WasmValue>) => WasmValue): Code {
  const code = new Code(['i32', 'i64', 'i64']);
  const emitter = new Emitter(code);
  const arithmetic = new WasmArithmetic(emitter, () => {
    throw new Error('flags need no side exit');
  });
  const codes = Array.from({ length: FLAGS_KINDS.length * FLAGS_WIDTHS.length }, (_, kindCode) => kindCode);
  const labels = codes.map(() => code.block()).reverse();
  code.get(KIND).brTable(labels, labels[0]!);
  for (const kindCode of codes) {
    code.end();
    emitter.reuseLocals();
    emitter.push(value(arithmetic, thunkOfCode(arithmetic, kindCode, RESULT, OPERAND))).code.op('return');
  }
  code.op('unreachable');
  return code;
}
