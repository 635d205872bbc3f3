/** The substitutions of AES that compiled code calls are those of the evaluator, for each byte in each place. */
import t from 'tap';
import { hex } from '../../src/bits.js';
import { substituteBytes } from '../../src/cpu/evaluator/cryptography.js';
import { lanesOf, vectorOf } from '../../src/cpu/evaluator/lanes.js';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.js';
import { SCRATCH } from '../../src/cpu/state/layout.js';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import { typeOfFunction } from '../../src/cpu/wasm/functions/functions.js';
import { GuestMemory } from '../../src/memory.js';

const memory = new GuestMemory(65536);
const { functions } = new Interpreter(memory);

/** Calls a function on the vector in SCRATCH. */
function onScratch(name: 'substitute' | 'substituteInverse'): (x: bigint) => bigint {
  const module = new WasmModule();
  const { parameters, results } = typeOfFunction(name);
  const called = module.importFunction('called', module.type(parameters, results));
  const code = new Code([]);
  code.i32(0).i32(0).v128Load(SCRATCH).call(called).v128Store(SCRATCH);
  module.add(module.type([], []), code, 'call');
  const compiled = new WebAssembly.Module(module.encode(1) as BufferSource);
  const imports = { bd0: { memory: memory.memory, called: functions[name]! } };
  const call = new WebAssembly.Instance(compiled, imports).exports['call'] as () => void;
  return (x) => {
    lanesOf(64, x).forEach((lane, i) => memory.hostView.setBigUint64(SCRATCH + 8 * i, lane, true));
    call();
    const lanes = [0, 1].map((i) => memory.hostView.getBigUint64(SCRATCH + 8 * i, true));
    return vectorOf(64, lanes);
  };
}

for (const name of ['substitute', 'substituteInverse'] as const)
  t.test(name, (t) => {
    const substitute = onScratch(name);
    for (let first = 0; first < 256; first++) {
      const bytes = Array.from({ length: 16 }, (_, i) => BigInt((first + 17 * i) & 0xff));
      const x = vectorOf(8, bytes);
      const expected = substituteBytes(x, name === 'substituteInverse');
      if (substitute(x) !== expected) t.equal(hex(substitute(x)), hex(expected), `of ${hex(x)}`);
    }
    t.end();
  });
