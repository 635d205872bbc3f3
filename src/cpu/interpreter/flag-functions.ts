import { COMMON_KINDS, FLAGS_CODE_MASK, FLAGS_EXTRA_SHIFT, thunkOfCode } from '../meaning/flag-slots.js';
import { bitsOf, conditionOf } from '../meaning/flags.js';
import { FLAGS_KINDS } from '../meaning/flag-slots.js';
import { type FlagsThunk } from '../meaning/flags.js';
import { WasmArithmetic } from '../wasm/compiling/arithmetic.js';
import { Code } from '../wasm/encoding/code.js';
import type { WasmModule } from '../wasm/encoding/module.js';
import { Emitter, localValue, type WasmValue } from '../wasm/encoding/value.js';
import type { SharedFunctions } from './handler-context.js';

const KIND = 0;
const RESULT = localValue('i64', 1);
const OPERAND = localValue('i64', 2);

/** Adds the functions that compute flags whose kind is known only at run time. */
export function addFlagFunctions(module: WasmModule): Pick<SharedFunctions, 'conditions' | 'flagBits'> {
  const type = module.type(['i32', 'i64', 'i64'], ['i32']);
  const flagBits = addFlagBits(module);
  const viaBits = (code: Code): void => {
    code.get(KIND).get(RESULT.local).get(OPERAND.local).call(flagBits);
  };
  const conditions = [0, 2, 4, 6, 8, 10, 12, 14].map((code) =>
    module.add(
      type,
      flagFunction(COMMON_KINDS, (m, thunk) => conditionOf(m, thunk, code), viaBits),
    ),
  );
  return { conditions, flagBits };
}

/** Adds the function (kind, result, operand) → the six flags in their RFLAGS positions. */
export function addFlagBits(module: WasmModule, exportName?: string): number {
  const type = module.type(['i32', 'i64', 'i64'], ['i32']);
  const code = flagFunction(FLAGS_KINDS.length, (m, thunk) => bitsOf(m, thunk));
  return module.add(type, code, exportName);
}

/**
 * A function with one `br_table` case for each kind code. Kinds from `kinds` on are first converted to bits, which
 * `viaBits` pushes.
 */
function flagFunction(
  kinds: number,
  value: (m: WasmArithmetic, thunk: FlagsThunk<WasmValue>) => WasmValue,
  viaBits?: (code: Code) => void,
): Code {
  const code = new Code(['i32', 'i64', 'i64']);
  const emitter = new Emitter(code);
  const arithmetic = new WasmArithmetic(emitter, () => {
    throw new Error('flags need no division');
  });
  const codes = Array.from({ length: FLAGS_CODE_MASK + 1 }, (_, kindCode) => kindCode);
  const ofKinds = codes.filter((kindCode) => (kindCode & 15) < kinds);
  const others = code.block();
  const labels = new Map([...ofKinds].reverse().map((kindCode) => [kindCode, code.block()]));
  code.get(KIND).i32(FLAGS_CODE_MASK).op('i32.and');
  code.brTable(
    codes.map((kindCode) => labels.get(kindCode) ?? others),
    others,
  );
  for (const kindCode of ofKinds) {
    code.end();
    emitter.reuseLocals();
    code.get(KIND).i32(FLAGS_EXTRA_SHIFT).op('i32.shr_u');
    const slots = { extra: emitter.pop('i32'), result: RESULT, operand: OPERAND };
    emitter.push(value(arithmetic, thunkOfCode(arithmetic, kindCode, slots))).code.op('return');
  }
  code.end();
  if (!viaBits) return code.op('unreachable');
  viaBits(code);
  emitter.push(value(arithmetic, { kind: 'bits', bits: emitter.pop('i32') }));
  return code;
}
