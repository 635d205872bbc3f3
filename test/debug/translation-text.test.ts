import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { TranslationEvent } from '../../src/cpu/translator/events.js';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import { describeTranslation, translationText } from '../../src/debug/wasm-text/translation-text.js';
import { wasmText } from '../../src/debug/wasm-text/wasm-text.js';

const BASE = 0x1000n;
/** MOV EAX, 5; ADD EAX, [RIP]; RET. */
const GUEST = [0xb8, 5, 0, 0, 0, 0x03, 0x05, 0, 0, 0, 0, 0xc3];

/** A translation of the guest's code that has all that the text must tell, though it would not compute the same. */
function translation(): TranslationEvent {
  const module = new WasmModule();
  module.add(module.type([], []), new Code([]), 'helper');
  const code = new Code(['i32']);
  const at: number[] = [];
  const here = (): number => at.push(code.writer.length);
  code.block();
  here();
  code.i32(5).set(0);
  here();
  code.get(0).if();
  here();
  code.op('return').end().end();
  module.add(module.type(['i32'], []), code, 'run');
  const bytes = module.encode(1);
  const start = bytes.length - 1 - code.writer.length;
  const decoder = new Decoder();
  const instructions = [0, 5, 11].map((offset, i) => {
    const instruction = decoder.decode(Uint8Array.from(GUEST), offset, GUEST.length);
    if (typeof instruction === 'string') throw new Error(instruction);
    return { rip: BASE + BigInt(offset), instruction, wasmOffset: start + at[i]! };
  });
  return { base: BASE, instructions, bytes, entries: [BASE, BASE + 5n], milliseconds: 1.234 };
}

const readMemory = (linear: bigint, length: number): Uint8Array => {
  const offset = Number(linear - BASE);
  return Uint8Array.from(GUEST.slice(offset, offset + length));
};
const symbols = (linear: bigint) => (linear < BASE ? undefined : { name: 'main', offset: Number(linear - BASE) });

t.test('the line that heads a translation', async (t) => {
  const event = translation();
  const size = `3 instructions, ${event.bytes.length} bytes of Wasm in 1.23 ms`;
  t.equal(describeTranslation(event), `region 0x1000: 2 entries, ${size}`);
  t.equal(
    describeTranslation({ ...event, entries: [BASE], reason: 'found running 2 times' }, symbols),
    `region 0x1000 <main>: 1 entry, ${size}; found running 2 times`,
  );
});

t.test('guest instructions stand above the Wasm that they became', async (t) => {
  const event = translation();
  const lines = translationText(event, { readMemory, symbols });
  t.strictSame(
    lines.map((line) => line.replace(/^ *\d+ /, '# ')),
    [
      'entry 0x1000 <main>',
      'entry 0x1005 <main+0x5>',
      '#   (func $run (type 1) (param $l0 i32)',
      '#     block $block1',
      '0x1000 <main>: b8 05 00 00 00        mov eax,0x5',
      '#       i32.const 5',
      '#       local.tee $l0',
      '0x1005 <main+0x5>: 03 05 00 00 00 00     add eax,dword ptr [rip+0x0]  # 0x100b <main+0xb>',
      '#       if $if2',
      '0x100b <main+0xb>: c3                    ret',
      '#         return',
      '#       end',
      '#     end',
      '#   )',
    ],
  );
  const places = lines.flatMap((line) => /^ *(\d+) /.exec(line)?.[1] ?? []).map(Number);
  t.strictSame(
    places,
    [...places].sort((a, b) => a - b),
    'with their places in the module',
  );
  t.equal(places.at(-1), event.bytes.length - 1);
});

t.test('code that cannot be read, or named, is told without', async (t) => {
  const lines = translationText(translation(), { readMemory: () => new Uint8Array(0) });
  t.ok(lines.includes('0x100b:                       ret'), lines.join('\n'));
});

t.test('a function is told wherever guest instructions became part of it', async (t) => {
  const event = translation();
  t.notMatch(translationText(event, { readMemory }).join('\n'), 'helper');
  const [first] = event.instructions;
  const moved = (wasmOffset: number): string =>
    translationText({ ...event, instructions: [{ ...first!, wasmOffset }] }, { readMemory }).join('\n');
  const helper = wasmText(event.bytes).find(({ text }) => text.startsWith('  (func $helper'))!;
  t.match(moved(helper.end), /\(func \$helper[^]*mov eax,0x5/);
  t.notMatch(moved(helper.end), 'func $run');
  const message = 'the code of the instruction at 0x1000 begins at byte 8, which is in no function';
  t.throws(() => moved(8), { message });
});
