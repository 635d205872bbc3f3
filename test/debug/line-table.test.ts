/** Source lines of instructions: GNU addr2line is the judge of what compilers make, bytes by hand of what they do not. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { compileGuest, guestPrograms } from '../../src/host/toolchain/guest-compiler.js';
import { LineTable } from '../../src/debug/dwarf/line-table.js';
import { SymbolTable } from '../../src/debug/reports/symbols.js';
import type { Steps } from '../../src/vmo/steps.js';
import fc from '../support/fast-check.js';
import { compiledFile, isInstalled, requireCommand } from '../support/guest-programs.js';
import { keptFile } from '../support/kept-files.js';
import { seedOf, someOf } from '../support/volume.js';
import { source } from './image-bytes.js';
import { imageOfSections, lineProgram, type LineProgramOptions } from './line-programs.js';

t.setTimeout(0);

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-lines-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const qsort = join(root, 'guest/qsort.c');

requireCommand('addr2line', 'binutils');

/** The addresses of an image's code: .text, and some bytes before and behind. */
function codeAddresses(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const EXECUTABLE = 1;
  for (let at = Number(view.getBigUint64(32, true)); ; at += 56) {
    if (!(view.getUint32(at + 4, true) & EXECUTABLE)) continue;
    const start = Number(view.getBigUint64(at + 16, true));
    return Array.from({ length: Number(view.getBigUint64(at + 40, true)) + 32 }, (_, i) => start - 16 + i);
  }
}

const judgeVersion = execFileSync('addr2line', ['--version']);

/** What addr2line says of each address, asked once: `path:line`; undefined where it knows none. */
async function judged(path: string, addresses: readonly number[]): Promise<(string | undefined)[]> {
  const input = addresses.map((address) => `${address.toString(16)}\n`).join('');
  const answers = await keptFile('lines', [judgeVersion, readFileSync(path), input], async (output) => {
    writeFileSync(output, execFileSync('addr2line', ['-e', path], { input, maxBuffer: 2 ** 30 }));
  });
  const lines = readFileSync(answers, 'utf8').trimEnd().split('\n');
  return lines.map((line) => (/:[?0]$/.test(line) ? undefined : line.replace(/ \(discriminator \d+\)$/, '')));
}

/** Holds each address of an image's code to what addr2line says of it, or of another image; answers how many have a line. */
async function compareWithJudge(t: Test, path: string, judgedPath = path): Promise<number> {
  const bytes = readFileSync(path);
  const table = LineTable.read(source(bytes));
  const addresses = codeAddresses(bytes);
  const expected = await judged(judgedPath, addresses);
  let known = 0;
  const wrong = addresses.filter((address, i) => {
    const found = table.find(address);
    const theirs = expected[i];
    if (found) known++;
    if (!found || theirs === undefined) return found !== undefined || theirs !== undefined;
    // Before version 5 the line table does not tell where the compiler ran.
    const ours = `${found.path}:${found.line}`;
    return theirs !== ours && !theirs.endsWith(`/${ours}`);
  });
  const tell = (address: number): string => {
    const found = table.find(address);
    return `0x${address.toString(16)}: ${found?.path}:${found?.line}, ${expected[addresses.indexOf(address)]}`;
  };
  t.strictSame(wrong.slice(0, 5).map(tell), [], path);
  return known;
}

function compile(sources: readonly string[], compilerOptions: string[], compiler = 'gcc'): Promise<string> {
  return compiledFile(sources, { compilerOptions, compiler });
}

/** A third of the programs, others each day; all of them in long runs. */
function programsOfDay(): ReturnType<typeof guestPrograms> {
  const thirds = [0, 1, 2].map((rest) => guestPrograms().filter((_, index) => index % 3 === rest));
  return someOf(thirds, 1, seedOf(1), 0).flat();
}

/** bd0 needs one of them. */
const compilers = ['gcc', 'clang'].filter(isInstalled);
t.comment(`compilers: ${compilers.join(', ')}`);
if (compilers.length === 0) requireCommand('gcc', 'gcc');

for (const compiler of compilers) {
  t.test(`${compiler}: every address of all programs that come with bd0`, async (t) => {
    for (const { name, sources } of programsOfDay())
      t.ok((await compareWithJudge(t, await compile(sources, [], compiler))) > 8000, name);
  });

  t.test(`${compiler}: DWARF of all versions and both formats, from sources and from assembly`, async (t) => {
    const variants = [
      ...[2, 3, 4, 5].map((version) => [`-gdwarf-${version}`]),
      ...[['-O0'], ['-no-pie', '-fno-pie'], ['-Os', '-ffunction-sections']],
      ['-ffunction-sections', '-Wl,--gc-sections'],
      ...(compiler === 'gcc' ? [['-gno-as-loc-support'], ['-g1']] : []),
      ...(compiler === 'clang' ? [['-gdwarf64', '-gdwarf-5'], ['-gline-tables-only']] : []),
    ];
    for (const options of variants)
      t.ok((await compareWithJudge(t, await compile([qsort], options, compiler))) > 8000, options.join(' '));
  });
}

t.test('gcc: 64-bit DWARF, of which this addr2line finds no function', async (t) => {
  const judgedPath = await compile([qsort], []);
  t.ok((await compareWithJudge(t, await compile([qsort], ['-gdwarf64']), judgedPath)) > 8000);
});

t.test('an image without lines, or without bytes, has none', async (t) => {
  const hello = join(root, 'guest/hello_world.c');
  const path = await compile([hello], ['-s']);
  const bytes = readFileSync(path);
  t.equal(LineTable.read(source(bytes)).find(SymbolTable.read(source(bytes)).entry), undefined);
  t.equal(LineTable.read(source(new Uint8Array(0))).find(0x1000), undefined);
  const compressed = await compile([hello], ['-gz=zlib', '-Wl,--compress-debug-sections=zlib']);
  const compressedBytes = source(readFileSync(compressed));
  const { entry } = SymbolTable.read(compressedBytes);
  t.equal(LineTable.read(compressedBytes).find(entry), undefined, 'compressed sections are not read');
});

/** The lines of an image with one line program. */
function linesOf(options: LineProgramOptions): LineTable {
  return LineTable.read(source(imageOfSections({ '.debug_line': lineProgram(options) })));
}

t.test('opcodes that compilers hardly use', async (t) => {
  const { setAddress, endSequence, copy, advancePc, advanceLine, setFile, extended } = lineProgram;
  const table = linesOf({
    version: 3,
    files: ['a.c'],
    program: [
      ...setAddress(0x1000),
      ...[...advanceLine(9), ...copy],
      // DW_LNS_const_add_pc, as special opcode 255: (255 - 13) / 14 = 17 bytes.
      ...[0x08, ...advanceLine(1), ...copy],
      // DW_LNS_fixed_advance_pc 300; DW_LNS_set_column, negate_stmt, set_basic_block, set_prologue_end, set_isa.
      ...[0x09, 300 & 255, 300 >> 8, 0x05, 7, 0x06, 0x07, 0x0a, 0x0b, 0x0c, 3],
      // Defines a file, of no directory, and goes on in it, on the line before.
      ...extended(3, [...Buffer.from('made.c\0'), 0, 0, 0]),
      ...[...setFile(2), ...advanceLine(-1), ...copy],
      // An opcode of a later version and one of a vendor.
      ...[...extended(4, [5]), ...extended(0x80, [1, 2, 3])],
      // A special opcode: (0x51 - 13) = 68: 4 bytes, and line -3 + 12.
      ...[0x51, ...advancePc(16), ...endSequence],
    ],
  });
  const at = (address: number): string | undefined => {
    const found = table.find(address);
    return found && `${found.path}:${found.line}`;
  };
  t.strictSame([0xfff, 0x1000, 0x1010].map(at), [undefined, 'a.c:10', 'a.c:10']);
  t.strictSame([0x1011, 0x1011 + 299].map(at), ['a.c:11', 'a.c:11']);
  t.strictSame([0x1011 + 300, 0x1011 + 303].map(at), ['made.c:10', 'made.c:10']);
  t.strictSame([0x1011 + 304, 0x1011 + 319, 0x1011 + 320].map(at), ['made.c:19', 'made.c:19', undefined]);
});

t.test('instructions of several bytes, and several operations each', async (t) => {
  const { setAddress, endSequence, copy, advancePc } = lineProgram;
  const program = [...setAddress(0x1000), ...copy, ...advancePc(5), 0x03, 1, ...copy, ...advancePc(1), ...endSequence];
  const wide = linesOf({ version: 2, instructionBytes: 4, files: ['a.c'], program });
  t.match(
    [0x1000, 0x1013, 0x1014, 0x1017].map((address) => wide.find(address)?.line),
    [1, 1, 2, 2],
  );
  t.equal(wide.find(0x1018), undefined);
  // Five operations, three to each instruction of 16 bytes: two are left over, and the sixth completes the second.
  const packed = linesOf({ version: 4, instructionBytes: 16, operationsMax: 3, files: ['a.c'], program });
  t.match(
    [0x1000, 0x100f, 0x1010, 0x101f].map((address) => packed.find(address)?.line),
    [1, 1, 2, 2],
  );
  t.equal(packed.find(0x1020), undefined);
});

t.test('standard opcodes that are not known are passed over, with their arguments', async (t) => {
  const { setAddress, endSequence, copy, advancePc } = lineProgram;
  const program = [...setAddress(0x1000), 0x0d, 0x85, 0x01, 0x02, ...copy, ...advancePc(4), ...endSequence];
  t.match(linesOf({ version: 4, files: ['a.c'], extraArguments: [2], program }).find(0x1000), { line: 1 });
});

t.test('what cannot be is refused, and the units beside it are not', async (t) => {
  const { setAddress, endSequence, copy, advancePc, extended } = lineProgram;
  const good = lineProgram({ version: 5, files: ['good.c'], program: [...setAddress(0x9000), ...copy, ...advancePc(8), ...endSequence] }); // prettier-ignore
  const rows = [...setAddress(0x1000), ...copy, ...advancePc(8), ...copy];
  const bad: Record<string, LineProgramOptions> = {
    'a version to come': { version: 6, program: [...rows, ...endSequence] },
    'a version before 2': { version: 1, program: [...rows, ...endSequence] },
    'a line range of 0': { version: 4, lineRange: 0, program: [...rows, ...endSequence] },
    'no operations in an instruction': { version: 4, operationsMax: 0, program: [...rows, ...endSequence] },
    'a row before the last one': { version: 4, program: [...rows, ...setAddress(0x1000), ...copy, ...endSequence] },
    'an address of three bytes': { version: 4, program: [...extended(2, [1, 2, 3]), ...rows, ...endSequence] },
    'an opcode of no bytes': { version: 4, program: [...rows, 0, 0, ...endSequence] },
    'an opcode behind the end': { version: 4, program: [...rows, ...endSequence, 0, 0x7f, 1] },
    'a number without an end': {
      version: 4,
      program: [...rows, ...endSequence, 0x02, ...Array<number>(20).fill(0xff)],
    },
    'a sequence without an end': { version: 4, program: rows },
    'a file that is not there': { version: 4, program: [...setAddress(0x1000), 0x04, 9, ...copy, ...advancePc(8), ...endSequence] }, // prettier-ignore
    'a line before the first': { version: 4, program: [...setAddress(0x1000), 0x03, 0x7e, ...copy, ...advancePc(8), ...endSequence] }, // prettier-ignore
    'directories of nothing, without end': { version: 5, directoryFormat: [0], directoryCount: 2 ** 31, program: [...rows, ...endSequence] }, // prettier-ignore
  };
  for (const [what, options] of Object.entries(bad)) {
    const section = new Uint8Array([...lineProgram({ files: ['bad.c'], ...options }), ...good]);
    const table = LineTable.read(source(imageOfSections({ '.debug_line': section })));
    t.equal(table.find(0x1000), undefined, what);
    t.match(table.find(0x9007), { path: 'good.c', line: 1 }, what);
  }
});

t.test('functions that the linker left out are nowhere', async (t) => {
  const { setAddress, endSequence, copy, advancePc } = lineProgram;
  for (const nowhere of [0, -1]) {
    const left = [...setAddress(nowhere), ...copy, ...advancePc(0x9000), 0x03, 5, ...copy, ...endSequence];
    const kept = [...setAddress(0x1000), 0x03, 1, ...copy, ...advancePc(8), ...endSequence];
    t.match(linesOf({ version: 5, files: ['a.c'], program: [...left, ...kept] }).find(0x1004), { line: 2 });
  }
});

/** How many steps it takes to do something. */
function stepsOf<T>(steps: Steps<T>): { readonly count: number; readonly result: T } {
  for (let count = 1; ; count++) {
    const { done, value } = steps.next();
    if (done) return { count, result: value };
  }
}

t.test('what a table claims is read in short steps, as far as an effort goes', async (t) => {
  const { setAddress, endSequence, copy, advancePc } = lineProgram;
  const unit = (address: number, rows: number): Uint8Array => {
    const around = lineProgram({ version: 4, files: ['a.c'], program: [...setAddress(address), ...copy, ...advancePc(8), ...endSequence] }); // prettier-ignore
    // The rows lie between those two opcodes and the last ones.
    const at = around.length - 5;
    const bytes = new Uint8Array(around.length + rows).fill(copy[0]!);
    bytes.set(around.slice(0, at));
    bytes.set(around.slice(at), at + rows);
    new DataView(bytes.buffer).setUint32(0, bytes.length - 4, true);
    return bytes;
  };
  const steps = (...units: Uint8Array[]): { readonly count: number; readonly result: LineTable } =>
    stepsOf(LineTable.readInSteps(source(imageOfSections({ '.debug_line': Buffer.concat(units) }))));
  const large = steps(unit(0x1000, 900_000), unit(0x2000, 5));
  t.match(
    [0x1000, 0x2000].map((address) => large.result.find(address)?.line),
    [1, 1],
  );
  t.ok(large.count > 900_000 / 2 ** 16, `${large.count} steps`);
  const bomb = steps(unit(0x1000, 5), unit(0x2000, 5_000_000), unit(0x3000, 5));
  t.match(
    [0x1000, 0x2000, 0x3000].map((address) => bomb.result.find(address)?.line),
    [1, undefined, undefined],
  );
  t.ok(bomb.count < 100, `${bomb.count} steps`);
  const empty = steps(new Uint8Array(2 ** 24));
  t.ok(empty.count < 1000, 'units of nothing are counted, too');
});

t.test('of the names of files those of one path are read, whatever their number', async (t) => {
  const { setAddress, endSequence, copy, advancePc, setFile } = lineProgram;
  const program = [...setAddress(0x1000), ...setFile(4), ...copy, ...advancePc(8), ...endSequence];
  for (const version of [4, 5]) {
    const files = Array.from({ length: 50_000 }, (_, i) => `${i}.c`);
    const image = imageOfSections({ '.debug_line': lineProgram({ version, files, program }) });
    t.match(LineTable.read(source(image)).find(0x1000), { path: '3.c', line: 1 });
    const long = imageOfSections({ '.debug_line': lineProgram({ version, files: ['', '', '', 'x'.repeat(5000)].map((name, i) => name || `${i}.c`), program }) }); // prettier-ignore
    t.equal(LineTable.read(source(long)).find(0x1000), undefined, 'a name of 5000 bytes is none');
  }
});

/** A program without the library, so that its line table is small. */
const small = `
volatile int memory[64];
static inline int twice(int n) { return 2 * n; }
__attribute__((noinline)) int sum(int n) { int all = 0; for (int i = 0; i < n; i++) all += twice(memory[i]); return all; }
void _start(void) { memory[0] = sum(64); }
`;

t.test('whatever bytes a table has, reading it ends, and throws nothing', async (t) => {
  const path = join(directory, 'small.c');
  writeFileSync(path, small);
  for (const version of [3, 5]) {
    const output = join(directory, `fuzzed-${version}`);
    const compilerOptions = [`-gdwarf-${version}`, '-ffunction-sections'];
    await compileGuest({ sources: [path], output, compilerOptions });
    fuzz(t, readFileSync(output));
  }
});

/** Changes bytes of the sections of a line table, 10,000 times. */
function fuzz(t: Test, image: Uint8Array): void {
  const { entry } = SymbolTable.read(source(image));
  t.match(LineTable.read(source(image)).find(entry), { path: /small\.c$/, line: 5 });
  const sections = imageSections(image);
  const places = fc.oneof(...sections.map(({ start, end }) => fc.integer({ min: start, max: end - 1 })));
  const bytes = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));
  const changes = fc.array(fc.record({ at: places, byte: bytes }), { minLength: 1, maxLength: 12 });
  let stillFound = 0;
  fc.assert(
    fc.property(changes, fc.array(fc.nat(0x2000), { minLength: 4, maxLength: 4 }), (changed, addresses) => {
      const mutated = Uint8Array.from(image);
      for (const { at, byte } of changed) mutated[at] = byte;
      const table = LineTable.read(source(mutated));
      for (const address of [entry, ...addresses]) {
        const found = table.find(address);
        if (found) stillFound++;
        if (found && !(found.line > 0 && typeof found.path === 'string')) throw new Error(JSON.stringify(found));
      }
    }),
    { numRuns: 10_000 },
  );
  t.ok(stillFound > 1000, 'many tables still have lines');
}

/** Where the sections that lines are read from lie in a file. */
function imageSections(image: Uint8Array): { start: number; end: number }[] {
  const view = new DataView(image.buffer, image.byteOffset);
  const table = Number(view.getBigUint64(40, true));
  const header = (index: number): { name: number; start: number; end: number } => {
    const at = table + 64 * index;
    const start = Number(view.getBigUint64(at + 24, true));
    return { name: view.getUint32(at, true), start, end: start + Number(view.getBigUint64(at + 32, true)) };
  };
  const names = header(view.getUint16(62, true));
  const all = Array.from({ length: view.getUint16(60, true) }, (_, index) => header(index));
  const nameOf = ({ name }: { name: number }): string =>
    Buffer.from(image.subarray(names.start + name))
      .toString('latin1', 0, 32)
      .split('\0')[0]!;
  return all.filter((section) => ['.debug_line', '.debug_line_str', '.debug_str'].includes(nameOf(section)));
}
