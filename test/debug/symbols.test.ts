import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';
import { SymbolTable } from '../../src/debug/reports/symbols.js';
import { RangeIndex } from '../../src/debug/range-index.js';
import { finished } from '../../src/vmo/steps.js';
import fc from '../support/fast-check.js';
import { source } from './image-bytes.js';

const directory = mkdtempSync(join(tmpdir(), 'bd0-symbols-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

async function compile(name: string, text: string, ...compilerOptions: string[]): Promise<Uint8Array> {
  const input = join(directory, name);
  writeFileSync(input, text);
  await compileGuest({ sources: [input], output: `${input}.image`, compilerOptions });
  return readFileSync(`${input}.image`);
}

const program = `
    .globl main, sized, unsized
    .text
    .balign 4096
before: .skip 16
    .size before, 16
    .type sized, @function
sized: .skip 32, 0x90
    .size sized, 32
gap: .skip 16, 0x90
    .size gap, 8
unsized: .skip 48, 0x90
main: xorl %eax, %eax
    ret
    .size main, . - main
    .data
    .type object, @object
object: .quad 1, 2
    .size object, 16
`;
const image = await compile('program.S', program);
const symbols = SymbolTable.read(source(image));

/** The address of a symbol as the table itself has it: the first one at which it is found. */
function addressOf(name: string): number {
  for (let address = 0; address < 0x1_0000; address++) {
    const match = symbols.find(address);
    if (match?.name === name) return address - match.offset;
  }
  throw new Error(`there is no symbol ${name}`);
}

t.test('an address is found in the symbol that it lies in', async (t) => {
  const start = addressOf('sized');
  t.strictSame(symbols.find(start), { name: 'sized', offset: 0 });
  t.strictSame(symbols.find(start + 31), { name: 'sized', offset: 31 });
  t.strictSame(symbols.find(start - 1), { name: 'before', offset: 15 });
  t.strictSame(symbols.find(addressOf('object') + 15), { name: 'object', offset: 15 });
});

t.test('a label without a size reaches to the next symbol', async (t) => {
  const start = addressOf('unsized');
  t.strictSame(symbols.find(start + 47), { name: 'unsized', offset: 47 });
  t.strictSame(symbols.find(start + 48), { name: 'main', offset: 0 });
});

t.test('names of C++ are shown as programmers write them, and found in three ways', async (t) => {
  const text = `
    .globl main
    .text
main: xorl %eax, %eax
    ret
    .size main, . - main
_ZN4shop4sellEii: ret
    .size _ZN4shop4sellEii, 1
_ZN4shop4sellEi: ret
    .size _ZN4shop4sellEi, 1
`;
  const table = SymbolTable.read(source(await compile('cpp.S', text)));
  const address = table.addressOf('_ZN4shop4sellEi')!;
  t.strictSame(table.find(address), { name: 'shop::sell(int)', offset: 0 });
  t.equal(table.addressOf('shop::sell(int)'), address);
  t.equal(table.addressOf('shop::sell'), address - 1);
  t.equal(table.addressOf('shop'), undefined);
  t.strictSame(table.extentOf('shop::sell(int)'), { start: address, end: address + 1 });
  t.strictSame(table.namesFrom('shop::', 10), ['shop::sell']);
});

t.test('an address between symbols, or outside all, has none', async (t) => {
  t.equal(symbols.find(addressOf('gap') + 8), undefined);
  t.equal(symbols.find(-1), undefined);
  t.equal(symbols.find(2 ** 46), undefined);
});

t.test('the entry point is told, and has a name', async (t) => {
  t.strictSame(symbols.find(symbols.entry), { name: '_start', offset: 0 });
});

t.test('a stripped image has no symbols, and still an entry point', async (t) => {
  const stripped = SymbolTable.read(source(await compile('stripped.S', program, '-s')));
  t.equal(stripped.find(stripped.entry), undefined);
  t.not(stripped.entry, 0);
});

t.test('ranges in any order, and over one another, are found as a search through all of them finds them', (t) => {
  const range = fc.record({ start: fc.nat(40), length: fc.nat(12) });
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), fc.integer({ min: -2, max: 60 }), (ranges, address) => {
      const ends = ranges.map(({ start, length }) => start + length);
      const index = finished(RangeIndex.of(ranges.map(({ start }) => start), ends)); // prettier-ignore
      let last: number | undefined;
      for (const [i, { start }] of ranges.entries()) {
        if (start > address) continue;
        const isBehind = last === undefined || start > ranges[last]!.start || (start === ranges[last]!.start && ends[i]! >= ends[last]!); // prettier-ignore
        if (isBehind) last = i;
      }
      t.equal(index.find(address), last !== undefined && address < ends[last]! ? last : undefined);
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test('whatever an image claims, reading it throws nothing', async () => {
  const headerBytes = 64;
  const sectionTable = Number(new DataView(image.buffer, image.byteOffset).getBigUint64(40, true));
  const places = fc.oneof(
    fc.nat(headerBytes - 1),
    fc.integer({ min: sectionTable, max: image.length - 1 }),
    fc.nat(image.length - 1),
  );
  const changes = fc.array(fc.record({ at: places, byte: fc.nat(255) }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(changes, fc.nat(image.length), fc.nat(), (changed, length, address) => {
      const bytes = Uint8Array.from(image);
      for (const { at, byte } of changed) bytes[at] = byte;
      for (const part of [bytes, bytes.subarray(0, length)]) {
        const table = SymbolTable.read(source(part));
        table.find(address);
        table.find(table.entry);
      }
    }),
  );
});
