/** What V8 has compiled of a module, kept as bytes and given back. */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { codeOf, moduleWithCode, optimisedCode } from '../../src/host/bundled/machine-code.js';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';

/** A module that exports `run`, which adds a number to what it is given. */
function adder(number: number): Uint8Array {
  const module = new WasmModule();
  module.add(module.type(['i32'], ['i32']), new Code(['i32']).get(0).i32(number).op('i32.add'), 'run');
  return module.encode(1);
}

/** Each module imports the memory. */
const imports = { bd0: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) } };

function exportOf(module: WebAssembly.Module): (value: number) => number {
  return new WebAssembly.Instance(module, imports).exports['run'] as (value: number) => number;
}

function run(module: WebAssembly.Module, value: number): number {
  return exportOf(module)(value);
}

t.test('a module with code that was kept does what the module does', (t) => {
  const wasm = adder(5);
  const code = optimisedCode(wasm);
  const module = moduleWithCode(wasm, code);
  t.ok(module);
  t.equal(run(module!, 37), 42);
  const within = new Uint8Array(code.length + 7);
  within.set(code, 7);
  t.equal(run(moduleWithCode(wasm, within.subarray(7))!, 2), 7, 'the bytes may be a part of others');
  t.end();
});

t.test('code is taken of a module only when the function that it exports is optimised', (t) => {
  const module = new WebAssembly.Module(adder(6) as BufferSource);
  t.equal(codeOf(module, exportOf(module)), undefined);
  const kept = moduleWithCode(adder(7), optimisedCode(adder(7)))!;
  const again = codeOf(kept, exportOf(kept));
  t.equal(run(moduleWithCode(adder(7), again!)!, 1), 8);
  t.end();
});

t.test('V8 refuses code of another version and code that was compiled with other options', (t) => {
  const wasm = adder(8);
  const code = optimisedCode(wasm);
  // The first word is the mark of the format, the next are version, features and options.
  for (const at of [0, 4, 12]) {
    const other = code.slice();
    other[at]! ^= 1;
    t.equal(moduleWithCode(wasm, other), undefined, `byte ${at}`);
  }
  t.equal(moduleWithCode(wasm, new Uint8Array(0)), undefined, 'no code at all');
  t.end();
});

t.test('nothing in the options of V8 is left changed', (t) => {
  const url = new URL('../../src/host/bundled/machine-code.js', import.meta.url).href;
  const text = `import { moduleWithCode } from ${JSON.stringify(url)};
    moduleWithCode(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]), new Uint8Array(0));
    try { new Function('return %GetHeapUsage()'); } catch (error) { console.log(error.name); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' });
  t.equal(stdout, 'SyntaxError\n', stderr);
  t.end();
});

t.test('V8 may forget what it has compiled of the functions in between', (t) => {
  const source = new URL('../../src/host/bundled/machine-code.js', import.meta.url).href;
  const script = `
    import { codeOf, moduleWithCode, optimisedCode } from ${JSON.stringify(source)};
    const wasm = Uint8Array.of(${[...adder(8)].join()});
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const code = optimisedCode(wasm);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 10; j++) gc();
      const module = moduleWithCode(wasm, code);
      const { run } = new WebAssembly.Instance(module, { bd0: { memory } }).exports;
      console.log(run(i), codeOf(module, run)?.length === code.length);
    }`;
  const options = ['--expose-gc', '--stress-flush-code', '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
  t.strictSame([stdout, stderr], ['8 true\n9 true\n10 true\n', '']);
  t.end();
});
