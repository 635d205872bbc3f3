import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { finished } from '../../src/vmo/steps.js';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';
import { Tracing } from '../../src/cli/run/tracing.js';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import { Computer } from '../../src/index.js';

const directory = mkdtempSync(join(tmpdir(), 'bd0-tracing-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const source = join(directory, 'guest.S');
const output = join(directory, 'guest');
writeFileSync(source, '.globl main\n.type main, @function\nmain: xorl %eax, %eax\nret\n.size main, . - main\n');
await compileGuest({ sources: [source], output, compilerOptions: [] });

t.test('a translation is logged with its numbers, and with its text as the message', async (t) => {
  const written: string[] = [];
  const log = pino({ level: 'warn', base: null }, { write: (line: string) => written.push(line) });
  const computer = new Computer({ engine: 'interpreter' });
  const tracing = new Tracing(log, ['blocks'], () => computer);
  const image = computer.store.fromBytes(readFileSync(output));
  const program = computer.start(image, { name: 'guest', limitBytes: 2 ** 24 });
  finished(tracing.started(program));

  const { entry } = program;
  const code = computer.readMemory(entry, 15);
  const instruction = new Decoder().decode(code, 0, code.length);
  if (typeof instruction === 'string') throw new Error(instruction);
  const module = new WasmModule();
  module.add(module.type([], []), new Code([]).op('return'), 'run');
  const bytes = module.encode(1);
  const instructions = [{ rip: entry, instruction, wasmOffset: bytes.length - 2 }];
  tracing.onTranslated!({ base: entry, instructions, bytes, entries: [entry], milliseconds: 0.5, reason: 'it is hot' });

  t.equal(written.length, 1);
  const { msg, ...facts } = JSON.parse(written[0]!) as Record<string, unknown>;
  const region = `0x${entry.toString(16)}`;
  t.match(facts, { level: 10, tick: 0, region, entries: [region], instructions: 1, bytes: bytes.length });
  t.match(facts, { milliseconds: 0.5, reason: 'it is hot' });
  const lines = String(msg).split('\n');
  t.equal(
    lines[0],
    `region ${region} <_start>: 1 entry, 1 instruction, ${bytes.length} bytes of Wasm in 0.50 ms; it is hot`,
  );
  t.equal(lines[1], `entry ${region} <_start>`);
  const at = lines.findIndex((line) => line.startsWith(`${region} <_start>: `));
  t.match(lines[at + 1], /^\d+ +return$/);
});

t.test('symbols are those of all processes', async (t) => {
  const written: string[] = [];
  const log = pino({ level: 'warn', base: null }, { write: (line: string) => written.push(line) });
  const computer = new Computer({ engine: 'interpreter' });
  const tracing = new Tracing(log, ['blocks'], () => computer);
  const image = computer.store.fromBytes(readFileSync(output));
  const first = computer.start(image, { name: 'first', limitBytes: 2 ** 24 });
  finished(tracing.started(first));
  const second = computer.start(image, { name: 'second', limitBytes: 2 ** 24 });
  // The host closes its handle, as bd0 run does.
  image.close();
  t.not(second.entry, first.entry);
  const bytes = new WasmModule().encode(1);
  const facts = { instructions: [], bytes, milliseconds: 0, reason: 'it is hot' };
  for (const { entry } of [first, second]) tracing.onTranslated!({ base: entry, entries: [entry], ...facts });
  for (const [index, { entry }] of [first, second].entries())
    t.match(JSON.parse(written[index]!), { msg: new RegExp(`^region 0x${entry.toString(16)} <_start>: `) });
});

t.test('hooks that nobody asks for are not there', async (t) => {
  const log = pino({ level: 'silent' });
  const machine = (): Computer => {
    throw new Error('there is none');
  };
  const asked = (...traces: ('calls' | 'faults' | 'blocks')[]): string[] => {
    const { hooks, onTranslated } = new Tracing(log, traces, machine);
    return [...Object.keys(hooks), ...(onTranslated ? ['onTranslated'] : [])];
  };
  t.strictSame(asked('calls'), ['onKernelCall']);
  t.strictSame(asked('faults'), ['onFault']);
  t.strictSame(asked('blocks', 'calls'), ['onKernelCall', 'onTranslated']);
});
