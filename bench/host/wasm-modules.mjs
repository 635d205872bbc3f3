/**
 * What V8 keeps of Wasm modules that nobody has any more, without bd0: `node wasm-modules.mjs [MODULES [KEPT]]` compiles,
 * instantiates and runs MODULES modules that differ, of which the last KEPT are in use, and prints a line each time a tenth of
 * them has been made, garbage collected. With `--no-wasm-lazy-compilation` before the name, the timers are left out.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const [modules, kept] = [process.argv[2] ?? 250_000, process.argv[3] ?? 400].map(Number);
if (!(modules >= 10) || !(kept >= 1)) {
  console.error('usage: node wasm-modules.mjs [MODULES [KEPT]]');
  process.exit(2);
}
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** Modules between two collections: what is dead at a time shall not be what is measured. */
const COLLECT_EVERY = 500;
const CONSTANTS = 40;

const text = (name) => [name.length, ...Buffer.from(name)];
const section = (id, bytes) => [id, ...number(bytes.length), ...bytes];

/** An unsigned number in LEB128; as i32.const reads it, too, if a bit is left above it. */
function number(value) {
  const bytes = [];
  for (; value >= 64; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

/** A module of the kind that a region becomes: the memory, one function of the same type, and constants of its own. */
function moduleBytes(serial) {
  const [i32, i64] = [0x7f, 0x7e];
  const add = Array.from({ length: CONSTANTS }, (_, i) => [0x41, ...number(serial * CONSTANTS + i), 0x6a]); // i32.const, i32.add
  const body = [0, 0x20, 0, ...add.flat(), 0x0b]; // no locals; local.get 0; end
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 4, i32, i32, i64, i32, 1, i32]),
    ...section(2, [1, ...text('bd0'), ...text('memory'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...number(body.length), ...body]),
  ]);
}

const imports = { bd0: { memory: new WebAssembly.Memory({ initial: 1 }) } };
const inUse = new Array(kept);
const start = performance.now();
for (let serial = 0; serial <= modules; serial++) {
  const module = new WebAssembly.Module(moduleBytes(serial));
  const { run } = new WebAssembly.Instance(module, imports).exports;
  run(serial, 0, 0n, 0);
  inUse[serial % kept] = run;
  if (serial % COLLECT_EVERY === 0) collectGarbage();
  if (serial % Math.floor(modules / 10) > 0) continue;
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const mib = (bytes) => (bytes / 2 ** 20).toFixed(2);
  console.log(`${seconds} s, ${serial} modules: heap ${mib(heapUsed)} MiB, resident ${mib(rss)} MiB`);
}
