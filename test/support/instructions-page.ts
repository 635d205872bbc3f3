/** docs/instructions.md: every row of the opcode table, where its meaning stands, what executes it and what judges it. */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { enumerateForms } from '../../src/cpu/decode/form-table.js';
import type { Row, VendorDifference } from '../../src/cpu/decode/row.js';
import { Handler } from '../../src/cpu/engine/record.js';
import { functionHandler } from '../../src/cpu/interpreter/function-handler.js';
import { generatedInterpreter } from '../../src/cpu/interpreter/interpreter.js';
import { FEATURE_NAMES, featureFacts } from '../../src/cpu/meaning/features.js';
import type { Form } from '../../src/cpu/meaning/form.js';
import { OPCODES } from '../../src/cpu/meaning/opcodes/index.js';
import * as VENDOR_DIFFERENCES from '../../src/cpu/meaning/opcodes/vendor-differences.js';
import { NotCompiled } from '../../src/cpu/wasm/compiling/not-compiled.js';
import { NEVER_RUN } from '../oracle/refusals.js';
import type { DecodedBinaries } from './decoded-binaries.js';
import type { NativeCases } from './native-cases.js';
import { operandNames, rowName } from './row-names.js';

/** Why the evaluator alone executes rows that say so (EVALUATED), by the file of their meanings. */
const EVALUATED_BECAUSE: Readonly<Record<string, string>> = {
  system: 'system instruction',
  'input-output': 'input and output',
  'far-transfer': 'changes segments',
  'segment-register': 'segment registers',
  'control-transfer': 'interrupt',
  'flag-control': 'depends on IOPL',
  miscellaneous: 'leaves the program, or is rare',
  xsave: 'state of the processor',
  'x87-state': 'state of the FPU',
  'x87-control': 'state of the FPU',
};

/** Why compiled code leaves instructions to the evaluator for some operands (`rarely`), by mnemonic. */
const LEFT_BECAUSE: Readonly<Record<string, string>> = {
  ENTER:
    'with nesting levels: up to 63 accesses, of which each may fault before the first is made; compilers emit none',
  POPF: 'where it changes TF, IF, IOPL, NT, AC or ID: traps, and what the privilege level permits',
  XGETBV: 'unless ECX is 0: depends on CPUID',
};

/** What else compiled code leaves to the evaluator. */
const LEFT_OTHERWISE: readonly string[] = [
  'all: exceptions, which lead to the kernel, and accesses to pages that are not in the TLB yet',
  'x87: an unmasked exception, whose result ends in #MF at the next x87 instruction',
  'F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS, FSINCOS, FPTAN: results so near to a value between two numbers that 128 bits do ' +
    'not tell how they are rounded, one in 10^11',
  'FYL2XP1: beyond -(1 - √½) to √2 - 1, where the manual leaves the result undefined',
];

/** What the CPU and bd0 need not agree on to the last bit, with the bound. test/cpu/meanings/differences. */
const BOUNDED: readonly (readonly [mnemonics: RegExp, bound: string])[] = [
  [/^V?R(CP|SQRT)[PS]S$/, 'relative error at most 1.5 × 2^-12'],
  [
    /^(F2XM1|FYL2X|FYL2XP1|FPTAN|FPATAN|FSIN|FCOS|FSINCOS)$/,
    'within 2 ulp; test/cpu/float.test.ts is the second judge',
  ],
  [/^(CPUID|RDTSCP?|XGETBV)$/, 'values left out: this machine and its time'],
  [/^(RDPID|RDRAND|RDSEED)$/, 'values left out: this processor, random numbers'],
];

/** A meaning in the sources, `binary-arithmetic.ts add`. */
interface Place {
  readonly file: string;
  readonly name: string;
}

const FOLDER = fileURLToPath(new URL('../../src/cpu/meaning/', import.meta.url));

/** The compiled sources of a folder, by the names of the files. */
function sourcesIn(folder: string): (readonly [file: string, text: string])[] {
  const names = readdirSync(FOLDER + folder).filter((name) => name.endsWith('.js'));
  return names.sort().map((name) => [name.replace(/\.js$/, ''), readFileSync(`${FOLDER}${folder}/${name}`, 'utf8')]);
}

/** Finds where meanings stand: by what their rows say, or by the text of their functions. */
class Places {
  private readonly meanings = sourcesIn('isa');
  private readonly written = new Map<string, Place>();

  constructor() {
    for (const [, text] of sourcesIn('opcodes')) this.readRows(text);
  }

  /** Throws Error for a function that stands in no file of meanings. */
  of({ encoding, mnemonic, semantics }: Row): Place {
    // A row for both vector lengths is written as one.
    const names = [encoding, encoding.replace(/^VEX\.(128|256)\./, 'VEX.')].map((name) => `${name} ${mnemonic}`);
    const written = names.map((name) => this.written.get(name)).find((place) => place !== undefined);
    if (written) return written;
    const text = semantics.toString();
    for (const [file, source] of this.meanings) {
      const at = source.indexOf(text);
      if (at < 0) continue;
      const before = source.slice(0, at + text.length);
      return { file, name: [...before.matchAll(/^(?:export )?(?:const|function) (\w+)/gm)].at(-1)![1]! };
    }
    throw new Error(`the meaning of ${mnemonic} stands in no file of ${FOLDER}isa`);
  }

  /** Rows that name an imported meaning: `row('84 /r', 'TEST', logical.test, Eb, Gb)`. */
  private readRows(text: string): void {
    const modules = new Map<string, string>();
    const imported = new Map<string, string>();
    for (const [, module, names, file] of text.matchAll(
      /^import (?:\* as (\w+)|\{([^}]*)\}) from '..\/isa\/([\w-]+).js';/gm,
    )) {
      if (module !== undefined) modules.set(module, file!);
      for (const name of names?.split(',') ?? []) imported.set(name.trim(), file!);
    }
    for (const [, encoding, mnemonic, first, second] of text.matchAll(
      /\('([^']+)', '([A-Z0-9]+)', (\w+)(?:\.(\w+))?/g,
    )) {
      const file = second === undefined ? imported.get(first!) : modules.get(first!);
      if (file !== undefined) this.written.set(`${encoding} ${mnemonic}`, { file, name: second ?? first! });
    }
  }
}

const OUTSIDE_64 = 'evaluator: in 16-bit and 32-bit code only';
const DECODED_ONLY = 'evaluator: on bare machines only, which have descriptor tables';

/** What executes a row: the compiled engines, or the evaluator with the reason. */
function readingOf(row: Row, forms: readonly Form[], place: Place): string {
  if (!row.modes.includes(64)) return row.attributes.has('SEGMENTS') ? DECODED_ONLY : OUTSIDE_64;
  if (row.attributes.has('EVALUATED')) {
    const because = EVALUATED_BECAUSE[place.file];
    if (because === undefined)
      throw new Error(`no reason is known why ${row.mnemonic} of ${place.file}.ts is EVALUATED`);
    return `evaluator: ${because}`;
  }
  const { handlerOfForm } = generatedInterpreter();
  const reasons = new Set(forms.filter(({ id }) => handlerOfForm[id] === Handler.evaluate).map(whyNotCompiled));
  return reasons.size === 0 ? 'compiled' : `evaluator: ${[...reasons].join('; ')}`;
}

/** Why a form that has no compiled handler cannot be compiled. */
function whyNotCompiled(form: Form): string {
  try {
    functionHandler(form, { conditions: [0, 0, 0, 0, 0, 0, 0, 0], flagBits: 0, indexOf: () => 0 });
  } catch (error) {
    if (error instanceof NotCompiled) return error.message;
    throw error;
  }
  throw new Error(`form ${form.id} of ${form.row.mnemonic} can be compiled, and has no handler`);
}

/** Compiled instructions that the evaluator executes at times, with the reason. */
function leftLines(): string[] {
  const rows = OPCODES.filter(({ semantics }) => semantics.toString().includes('.rarely('));
  const rare = [...new Set(rows.map(({ mnemonic }) => mnemonic))].map((mnemonic) => {
    const because = LEFT_BECAUSE[mnemonic];
    if (because === undefined) throw new Error(`no reason is known why compiled code leaves some of ${mnemonic}`);
    return `${mnemonic}: ${because}`;
  });
  return [...LEFT_OTHERWISE, ...rare].map((line) => `- ${line}`);
}

function oracleOf({ mnemonic, modes, attributes }: Row): string {
  const never = NEVER_RUN[mnemonic];
  if (never !== undefined) return `manual: ${never}`;
  if (!modes.includes(64)) return attributes.has('SEGMENTS') ? 'manual' : 'CPU, in 16-bit and 32-bit code';
  const bound = BOUNDED.find(([mnemonics]) => mnemonics.test(mnemonic))?.[1];
  return bound === undefined ? 'CPU' : `CPU, ${bound}`;
}

/** What else the row says. */
function notesOf({ privilege, exceptions, modes, attributes, vendors }: Row): string {
  return [
    privilege,
    exceptions && `type ${exceptions}`,
    modes.length === 1 && '64-bit mode only',
    !modes.includes(64) && 'not in 64-bit mode',
    modes.length === 3 && attributes.has('SEGMENTS') && 'outside 64-bit mode on bare machines only',
    attributes.has('LOCK') && 'LOCK',
    vendors.length > 0 && 'AMD ≠ Intel',
  ]
    .filter(Boolean)
    .join(', ');
}

/** How many rows there are outside 64-bit mode. */
function outside64(): string {
  const rows = OPCODES.filter(({ modes }) => modes.includes(32));
  const decoded = rows.filter(({ attributes }) => attributes.has('SEGMENTS'));
  return `They are ${rows.length} rows, of which ${decoded.length} need descriptor tables, which only bare machines have.`;
}

const HEADING = ['Instruction', 'Encoding', 'Meaning', 'Executed by', 'Judged by', 'CPU cases', 'Notes'];

function table(heading: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...lines.map(line)];
}

/** The rows of each feature, those of every x86-64 processor first. */
function byFeature(): (readonly [name: string, rows: readonly Row[]])[] {
  const names = ['', ...FEATURE_NAMES];
  const all = names.map((name) => [name, OPCODES.filter(({ feature }) => feature === name)] as const);
  return all.filter(([, rows]) => rows.length > 0);
}

function vendorLines(): string[] {
  const all: readonly VendorDifference[] = Object.values(VENDOR_DIFFERENCES);
  const lines = all.map(({ instructions, AMD, Intel, bd0, source }) => [instructions, AMD, Intel, bd0, source]);
  return table(['Instructions', 'AMD', 'Intel', 'bd0 as', 'Source'], lines);
}

function groupBy<T, K>(things: readonly T[], keyOf: (thing: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const thing of things) {
    const key = keyOf(thing);
    groups.set(key, [...(groups.get(key) ?? []), thing]);
  }
  return groups;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** How many instructions of Debian's binaries bd0 lacks, by family. */
function binaryLines({ date, binaries }: DecodedBinaries): string[] {
  const families = [...new Set(binaries.flatMap(({ beyond }) => Object.keys(beyond)))];
  const sumOf = (family: string): number => binaries.reduce((sum, { beyond }) => sum + (beyond[family] ?? 0), 0);
  const whereOf = (family: string): string =>
    binaries
      .filter(({ beyond }) => family in beyond)
      .map(({ name, beyond }) => `${name} ${count(beyond[family]!)}`)
      .join(', ');
  const agreed = binaries.reduce((sum, binary) => sum + binary.agreed, 0);
  return [
    `On ${date} bd0 and iced-x86 agreed on ${count(agreed)} instructions of ${binaries.length} binaries of Debian, in length,`,
    'operands and validity, and disagreed on none that bd0 has. It lacks these:',
    '',
    ...table(
      ['Family', 'Instructions', 'Binaries'],
      families.sort((a, b) => sumOf(b) - sumOf(a)).map((family) => [family, count(sumOf(family)), whereOf(family)]),
    ),
    '',
    `Binaries: ${binaries.map(({ name, agreed }) => `${name} ${count(agreed)}`).join(', ')}.`,
  ];
}

/** The page, for the table as it is and the last long runs. */
export function instructionsPage(run: NativeCases, decoded: DecodedBinaries): string {
  const places = new Places();
  const forms = groupBy(enumerateForms(OPCODES), ({ row }) => row);
  const readings = new Map(OPCODES.map((row) => [row, readingOf(row, forms.get(row)!, places.of(row))]));
  const evaluated = OPCODES.filter((row) => readings.get(row) !== 'compiled');
  const sections = byFeature().flatMap(([name, rows]) => {
    const lines = rows.map((row) => {
      const { file, name: meaning } = places.of(row);
      const cases = run.rows[rowName(row)];
      const shown = cases === undefined ? '–' : count(cases);
      const instruction = [row.mnemonic, operandNames(row)].filter(Boolean).join(' ');
      return [
        instruction,
        row.encoding,
        `${file}.ts ${meaning}`,
        readings.get(row)!,
        oracleOf(row),
        shown,
        notesOf(row),
      ];
    });
    const heading = name === '' ? 'Every x86-64 processor' : `${name} (x86-64-v${featureFacts(name as never).level})`;
    const title = heading.replace('x86-64-v4', 'beyond x86-64-v3').replace('x86-64-v1', 'every x86-64 processor');
    return ['', `## ${title}`, '', ...table(HEADING, lines)];
  });
  const missing = ['', '## What binaries of Debian have and bd0 lacks', '', ...binaryLines(decoded)];
  return [...introduction(run, evaluated, readings), ...missing, ...sections, ''].join('\n');
}

function introduction(run: NativeCases, evaluated: readonly Row[], readings: ReadonlyMap<Row, string>): string[] {
  const left = groupBy(evaluated, (row) => readings.get(row)!.replace('evaluator: ', ''));
  const sum = Object.values(run.rows).reduce((total, cases) => total + cases, 0);
  return [
    '# Instructions',
    '',
    'Generated from the opcode table by `npm run instructions`; do not edit. A test compares the page with the table.',
    '',
    'Operands are in the letters of SDM Vol. 2D A.2. *Meaning* names a file of `src/cpu/meaning/isa` and the function in it.',
    '*Compiled* instructions run in the interpreter and in translated code. *CPU cases* counts the states that the real CPU has',
    'executed in the last long run, compared bit for bit in what the manual defines. *Notes* give the privilege, the class of',
    'exceptions of VEX instructions (SDM Vol. 2A 2.4), and the modes if not all.',
    '',
    'Code segments of 16 and 32 bits: all rows but those of 64-bit mode only are decoded, and the evaluator executes them, but for',
    `those of bare machines only. The CPU judges all of these but vectors, MMX and x87 (test/cpu/outside-64-bit.test.ts), and counts no`,
    `cases here. Bare machines run such code (boot.md). ${outside64()}`,
    '',
    'Transcendental instructions of x87 give the exact result for their operand, rounded: within half a unit in the last place (ulp)',
    'with rounding to nearest, where the manual allows one. For FSIN, FCOS, FSINCOS and FPTAN that is so after the operand is reduced by a π',
    'of 66 bits (SDM Vol. 1 8.3.8), as processors do.',
    '',
    `Last long run: ${run.date}, ${run.host}, seed ${run.seed}: ${count(run.cases)} cases, of which the CPU executed`,
    `${count(run.native)}; ${count(run.differ)} differ. With later runs of single instructions (\`--only\`) it has executed ${count(sum)}.`,
    '',
    `## What only the evaluator executes`,
    '',
    `${evaluated.length} of ${OPCODES.length} rows:`,
    '',
    ...[...left].map(
      ([reason, rows]) => `- ${reason}: ${[...new Set(rows.map(({ mnemonic }) => mnemonic))].join(', ')}`,
    ),
    '',
    '## What compiled code leaves to the evaluator',
    '',
    ...leftLines(),
    '',
    '## Where AMD and Intel differ',
    '',
    'CPUID reports an AMD processor. What bd0 does is its own choice for each difference; compiled programs depend on none.',
    '',
    ...vendorLines(),
  ];
}
