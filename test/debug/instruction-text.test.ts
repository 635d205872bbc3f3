import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { formatInstruction } from '../../src/debug/reports/instruction-text.js';
import { encodeForm } from '../support/encode.js';
import { Random } from '../support/random.js';
import { DIFFERENCES, disassembleBytes, disassembleFile, normalized, type Judged } from './objdump.js';

const SEED = Number(process.env['BD0_SEED'] ?? 1);
const directory = mkdtempSync(join(tmpdir(), 'bd0-instruction-text-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const decoder = new Decoder();

function text(bytes: readonly number[], rip = 0n): string {
  const instruction = decoder.decode(Uint8Array.from(bytes), 0, bytes.length);
  if (typeof instruction === 'string') throw new Error(instruction);
  return formatInstruction(instruction, rip, (linear) => {
    if (linear >= 0x2000n && linear < 0x2100n) return { name: 'table', offset: Number(linear - 0x2000n) };
    return undefined;
  });
}

t.test('addresses are told with their symbols', async (t) => {
  t.equal(text([0xe8, 0xfb, 0x0f, 0, 0], 0x1000n), 'call 0x2000 <table>');
  t.equal(text([0x75, 0xfe], 0x20ffn), 'jne 0x20ff <table+0xff>');
  t.equal(text([0x75, 0xfe], 0x2100n), 'jne 0x2100');
  const lea = [0x48, 0x8d, 0x05, 0x09, 0x10, 0, 0];
  t.equal(text(lea, 0x1000n), 'lea rax,[rip+0x1009]  # 0x2010 <table+0x10>');
  t.equal(text(lea, 0x2000n), 'lea rax,[rip+0x1009]  # 0x3010');
  t.equal(text([0xeb, 0x80], 0n), 'jmp 0xffffffffffffff82', 'addresses wrap around');
});

/** Compares texts with objdump's; answers the differences that are known and were met. */
function compare(t: Test, instructions: readonly Judged[]): Set<string> {
  const met = new Set<string>();
  const wrong: string[] = [];
  let compared = 0;
  for (const { rip, bytes, text: theirText } of instructions) {
    const instruction = decoder.decode(bytes, 0, bytes.length);
    if (typeof instruction === 'string' || instruction.length !== bytes.length) continue;
    compared++;
    const pair = [formatInstruction(instruction, rip), theirText].map(normalized);
    if (pair[0] === pair[1]) continue;
    const known = DIFFERENCES.find(([, pattern]) => pattern.test(pair.join(' | ')));
    if (known) met.add(known[0]);
    else wrong.push(`${Buffer.from(bytes).toString('hex')}: ${pair.join(' | ')}`);
  }
  t.strictSame(wrong.slice(0, 20), [], `ours | theirs, ${wrong.length} of ${instructions.length}`);
  t.ok(compared > 0.99 * instructions.length, `${compared} were compared`);
  return met;
}

t.test('every form of the opcode table has a text', async (t) => {
  const random = new Random(SEED);
  const shapeless: string[] = [];
  for (const form of decoder.forms) {
    const { instruction } = encodeForm(decoder, form, random);
    const shown = formatInstruction(instruction, random.bits64());
    if (!/^[a-z][a-z0-9]* ?[^ ]/.test(shown) || /undefined|NaN/.test(shown)) shapeless.push(shown);
  }
  t.strictSame(shapeless, []);
});

/** Bytes from one instruction to the next: what is between them is NOPs, one of them at least. */
const SLOT_BYTES = 16;
const EXAMPLES_OF_FORM = 6;

t.test('instructions of every form are told as objdump tells them', async (t) => {
  const random = new Random(SEED);
  const image = new Uint8Array(decoder.forms.length * EXAMPLES_OF_FORM * SLOT_BYTES).fill(0x90);
  const lengths: number[] = [];
  for (const form of decoder.forms)
    for (let i = 0; i < EXAMPLES_OF_FORM; i++) {
      const { bytes } = encodeForm(decoder, form, random);
      image.set(bytes, SLOT_BYTES * lengths.length);
      lengths.push(bytes.length);
    }
  const judged = disassembleBytes(image, join(directory, 'forms'));
  const ofForms = judged.filter(({ rip }) => rip % BigInt(SLOT_BYTES) === 0n);
  t.equal(ofForms.length, lengths.length);
  // What objdump does not know, it breaks off early.
  const whole = ofForms.map((one, i) => ({ ...one, bytes: image.subarray(i * SLOT_BYTES).subarray(0, lengths[i]) }));
  const met = compare(t, whole);
  for (const [why] of DIFFERENCES) if (!/CET|\(seldom\)/.test(why)) t.ok(met.has(why), why);
});

t.test('whole programs are told as objdump tells them', async (t) => {
  const source = join(directory, 'symbols.c');
  const output = join(directory, 'symbols');
  writeFileSync(
    source,
    '#include <stdio.h>\nint main(int n, char **words) { return printf("%s %d %f", *words, n, n / 3.0); }',
  );
  await compileGuest({ sources: [source], output, compilerOptions: ['-O2'] });
  const programs = [output, process.env['BD0_BINARY'] ?? '/bin/bash'].filter((path) => existsSync(path));
  for (const path of programs) {
    const judged = disassembleFile(path);
    t.ok(judged.length > 1000, `${path}: ${judged.length} instructions`);
    compare(t, judged);
  }
});
