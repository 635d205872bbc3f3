import t, { type Test } from 'tap';
import openWabt from 'wabt';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { generatedInterpreter } from '../../src/cpu/interpreter/interpreter.js';
import { Code, ValueType } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import {
  WASM_LANE_OPCODES,
  WASM_MEMORY_OPCODES,
  WASM_OPCODES,
  WASM_VECTOR_OPCODES,
  type WasmInstruction,
  type WasmLaneInstruction,
  type WasmMemoryInstruction,
  type WasmVectorInstruction,
} from '../../src/cpu/wasm/encoding/opcodes.js';
import { WasmFormatError, wasmText, type WasmLine } from '../../src/debug/wasm-text/wasm-text.js';
import { BareMachine } from '../support/bare-machine.js';
import { branchingProgram } from '../support/branching-programs.js';
import fc from '../support/fast-check.js';
import { InstructionPool } from '../support/random-programs.js';
import { Random } from '../support/random.js';
import { volume } from '../support/volume.js';

const SEED = Number(process.env['BD0_SEED'] ?? 1);
const PROGRAMS = Number(process.env['BD0_PROGRAMS'] ?? 5);

/** The assembler that judges the text. */
const wabt = await openWabt();
const FEATURES = { simd: true, bulk_memory: true, tail_call: true, sign_extension: true, sat_float_to_int: true };

/** The modules that are compiled while something runs. */
function modulesOf(run: () => void): Uint8Array[] {
  const modules: Uint8Array[] = [];
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct(target, [bytes]: [BufferSource]) {
      modules.push(Uint8Array.from(bytes as Uint8Array));
      return new target(bytes);
    },
  });
  try {
    run();
  } finally {
    WebAssembly.Module = Module;
  }
  return modules;
}

/** Modules of what random programs become, translated at once. */
function translatedModules(): Uint8Array[] {
  const pool = new InstructionPool(new Decoder(), new Random(SEED));
  return modulesOf(() => {
    const machine = new BareMachine('auto', 0);
    for (let number = 0; number < PROGRAMS; number++) {
      machine.load(branchingProgram(pool, new Random(Math.imul(SEED, 0x2545_f491) + number)));
      for (let event = 0; event < 20; event++) machine.run(500);
    }
  });
}

function interpreterModule(): Uint8Array {
  return Uint8Array.from(Buffer.from(generatedInterpreter().wasm, 'base64'));
}

const v128 = 0xfedc_ba98_7654_3210_0123_4567_89ab_cdefn;

/** One function with everything that the encoder has words for. */
function everyInstruction(): Uint8Array {
  const module = new WasmModule();
  const type = module.type(['i32', 'i64'], ['i32']);
  const callee = module.add(type, new Code(['i32', 'i64']).i32(-1), 'callee');
  module.addToTable(callee);
  const code = new Code(['i32', 'i64']);
  for (const local of ['i32', 'i32', 'i64', 'v128', 'f32', 'f64', 'i32'] as const) code.newLocal(local);
  const outer = code.block();
  const loop = code.loop();
  code.get(0).if();
  code.br(loop).else().brIf(outer).end().brTable([loop, outer, loop], outer).end().end();
  for (const name of Object.keys(WASM_OPCODES)) code.op(name as WasmInstruction);
  for (const name of Object.keys(WASM_MEMORY_OPCODES)) code.memory(name as WasmMemoryInstruction, 70_000);
  for (const name of Object.keys(WASM_VECTOR_OPCODES)) code.vectorOp(name as WasmVectorInstruction);
  for (const name of Object.keys(WASM_LANE_OPCODES)) code.laneOp(name as WasmLaneInstruction, 1);
  code
    .v128Const(v128)
    .v128Load(0)
    .v128Store(16)
    .shuffle(Array.from({ length: 16 }, (_, i) => 31 - i));
  for (const value of [0, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)]) code.i32(value);
  for (const value of [0n, 63n, -65n, 2n ** 63n - 1n, -(2n ** 63n)]) code.i64(value);
  code.set(3).get(3).set(8).call(callee).callIndirect(type, 0);
  module.add(type, code, 'every');
  return module.encode(2);
}

/** What the encoder has no words for: imports of all kinds, globals, tail calls, blocks with results. */
function byHand(): Uint8Array {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const imports = [
    [...name('m'), ...name('call'), 0, 0],
    [...name('m'), ...name('run'), 0, 0],
    [...name('m'), ...name('call'), 0, 0],
    [...name('m'), ...name('table'), 1, 0x70, 1, 2, 3],
    [...name('m'), ...name('memory'), 2, 3, 1, 4],
    [...name('m'), ...name('count'), 3, ValueType.i64, 1],
    [...name('m'), ...name('limit'), 3, ValueType.i32, 0],
  ];
  const body = [
    ...[1, 2, ValueType.i32, 0x23, 0, 0x24, 0, 0x02, ValueType.i32, 0x20, 1, 0x0c, 0, 0x0b, 0x1a],
    ...[0x03, 1, 0x0c, 1, 0x0b, 0x12, 0, 0x13, 0, 0, 0x28, 2, 0, 0x0b],
  ];
  const sections: [id: number, contents: number[]][] = [
    [1, [2, 0x60, 0, 0, 0x60, 1, ValueType.i32, 1, ValueType.i32]],
    [2, [imports.length, ...imports.flat()]],
    [3, [1, 0]],
    [7, [3, ...name('run'), 0, 3, ...name('again'), 0, 3, ...name('shared memory'), 2, 0]],
    [10, [1, body.length, ...body]],
  ];
  const encoded = sections.flatMap(([id, contents]) => [id, contents.length, ...contents]);
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...encoded]);
}

/** Each byte belongs to one line. */
function isWhole(lines: readonly WasmLine[], bytes: Uint8Array): boolean {
  const ends = [0, ...lines.map(({ end }) => end)];
  return lines.every(({ offset, end }, i) => offset === ends[i] && end >= offset) && ends.at(-1) === bytes.length;
}

/** Assembles the text; what comes of it must be the module, byte for byte. */
function isAssembledTo(t: Test, lines: readonly WasmLine[], bytes: Uint8Array, what: string): void {
  const text = lines.map((line) => `${line.text}\n`).join('');
  // This assembler knows the instruction without the number of the table, which is 0 then, and is encoded.
  const parsed = wabt.parseWat(what, text.replace(/return_call_indirect 0 /g, 'return_call_indirect '), FEATURES);
  const { buffer } = parsed.toBinary({ canonicalize_lebs: true });
  parsed.destroy();
  t.ok(Buffer.from(bytes).equals(buffer), `${what}: ${bytes.length} bytes`);
}

const translated = translatedModules();
const all: [what: string, bytes: Uint8Array][] = [
  ['every instruction', everyInstruction()],
  ['by hand', byHand()],
  ['the interpreter', interpreterModule()],
  ...translated.map((bytes, i): [string, Uint8Array] => [`translated ${i}`, bytes]),
];

t.test('the text of a function', async (t) => {
  const module = new WasmModule();
  const code = new Code(['i32', 'i64']);
  const [count, sum] = [code.newLocal('i32'), code.newLocal('i64')];
  const leave = code.block();
  const loop = code.loop();
  code.get(0).memory('i32.load', 65536).set(count).get(count).op('i32.eqz').if();
  code.br(leave).else().i64(-5n).set(sum).end();
  code.get(0).brTable([leave, loop], leave).end().end().get(count);
  module.add(module.type(['i32', 'i64'], ['i32']), code, 'run');
  const bytes = module.encode(1);
  const names = ['$entry', '$budget', '$count'];
  const lines = wasmText(bytes, (_, local) => names[local] ?? `$l${local}`).map(({ text }) => text);
  t.strictSame(lines.slice(lines.indexOf('  (export "run" (func $run))') + 2), [
    '  (func $run (type 0) (param $entry i32) (param $budget i64) (result i32)',
    '    (local $count i32)',
    '    (local $l3 i64)',
    '    block $block1',
    '      loop $loop2',
    '        local.get $entry',
    '        i32.load offset=65536 align=1',
    '        local.tee $count',
    '        i32.eqz',
    '        if $if3',
    '          br $block1',
    '        else',
    '          i64.const -5',
    '          local.set $l3',
    '        end',
    '        local.get $entry',
    '        br_table $block1 $loop2 $block1',
    '      end',
    '    end',
    '    local.get $count',
    '  )',
    ')',
  ]);
});

t.test('every byte of every module belongs to one line', async (t) => {
  t.ok(translated.length >= PROGRAMS, `${translated.length} regions`);
  for (const [what, bytes] of all) if (!isWhole(wasmText(bytes), bytes)) t.fail(what);
});

t.test('the text is assembled to the same bytes', async (t) => {
  const longest = [...all.slice(3)].sort(([, a], [, b]) => b.length - a.length);
  for (const [what, bytes] of [...all.slice(0, 3), ...longest.slice(0, volume(4, 25))])
    isAssembledTo(t, wasmText(bytes), bytes, what);
});

t.test('what bd0 does not emit is refused with its place', async (t) => {
  const bytes = byHand();
  const changed = (at: number, byte: number): Uint8Array => bytes.map((old, i) => (i === at ? byte : old));
  const at = bytes.length - 15;
  t.equal(bytes[at], 0x1a);
  t.throws(() => wasmText(changed(at, 0xd3)), new WasmFormatError('the opcode 0xd3 is not known', at));
  t.throws(() => wasmText(changed(at, 0xfd)), new WasmFormatError('the opcode 0xfd 3 is not known', at));
  t.throws(() => wasmText(changed(8, 11)), { message: 'a section 11 is not known, at byte 8' });
});

t.test('bytes of any kind are told whole, or refused', async () => {
  const bases = all.slice(0, 2).map(([, bytes]) => bytes);
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...bases), changes, fc.nat(), (base, changed, cut) => {
      const bytes = Uint8Array.from(base);
      for (const [at, byte] of changed) bytes[at % bytes.length] = byte;
      const shown = cut % 2 === 0 ? bytes : bytes.subarray(0, cut % bytes.length);
      try {
        return isWhole(wasmText(shown), shown);
      } catch (error) {
        return error instanceof WasmFormatError;
      }
    }),
    { seed: SEED, numRuns: 3000 },
  );
});
