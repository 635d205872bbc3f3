import { Code, Decoder as Judge, DecoderOptions } from 'iced-x86';
import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Form } from '../../src/cpu/meaning/form.js';
import { FormTable } from '../../src/cpu/decode/form-table.js';
import { DEFAULT_MODEL } from '../../src/cpu/state/model.js';
import {
  OpcodeLookup,
  PREFIX_66,
  PREFIX_F2,
  PREFIX_F3,
  VEX_256,
  matchingRow,
} from '../../src/cpu/decode/opcode-lookup.js';
import { OPCODES } from '../../src/cpu/meaning/opcodes/index.js';
import { parseEncoding } from '../../src/cpu/meaning/opcodes/row-syntax.js';
import {
  OPCODE_MAPS,
  type CodeSize,
  type EncodingPattern,
  type OpcodeMap,
  type Row,
} from '../../src/cpu/decode/row.js';
import { encodeForm } from '../support/encode.js';
import { Random } from '../support/random.js';
import { sameMnemonic } from './iced.js';

const SEED = 20240611;

t.setTimeout(0);

const describe = (row: Row): string => `${row.encoding} ${row.mnemonic}`;

const describeForm = ({ row, ...form }: Form): string => `${describe(row)} ${JSON.stringify(form)}`;

/** The encoding of a pattern, as the manual prints it. */
function print(pattern: EncodingPattern): string {
  const { map, opcode, plusRegister, prefix, rexW, hasModRM, digit, fixedModRM, vex, vexL } = pattern;
  const byte = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
  const words: string[] = [];
  if (vex) words.push(`VEX.${LENGTHS[vexL]}.${prefix}.${map}.W${rexW === 'any' ? '' : rexW}`);
  else {
    if (prefix !== 'any') words.push(prefix);
    if (rexW !== 'any') words.push(rexW === 1 ? 'REX.W' : 'REX.W0');
    if (map !== '1') words.push(map === '0F' ? '0F' : `0F ${map.slice(2)}`);
  }
  words.push(byte(opcode) + (plusRegister ? '+r' : ''));
  if (fixedModRM !== undefined) words.push(byte(fixedModRM));
  else if (hasModRM) words.push(digit === undefined ? '/r' : `/${digit}`);
  return words.join(' ');
}

const LENGTHS = { any: 'LIG', 0: '128', 1: '256' } as const;

/** An encoding where two ways to write it are one: LZ is 128, and W that is used is W that is ignored. */
const simple = (encoding: string): string => encoding.replace('.LZ.', '.128.').replace('.WIG ', '.W ');

/** The bits that choose among the rows of an opcode. */
interface Bits {
  readonly prefixes: number;
  readonly rexW: number;
  readonly rexB: number;
  readonly modRM: number;
  readonly vexL: number;
}

const PREFIX_SETS = [0, PREFIX_66, PREFIX_F3, PREFIX_F3 | PREFIX_66, PREFIX_F2, PREFIX_F2 | PREFIX_66];

/** Every combination that can stand with an opcode; a VEX prefix is one of four, and leaves no room for others. */
function* combinations(vex: boolean, hasModRM: boolean): Generator<Bits> {
  const prefixSets = vex ? PREFIX_SETS.filter((set) => set === PREFIX_66 || (set & PREFIX_66) === 0) : PREFIX_SETS;
  const modRMs = hasModRM ? Array.from({ length: 256 }, (_, modRM) => modRM) : [0xc0];
  for (const prefixes of prefixSets)
    for (const rexW of [0, 1])
      for (const rexB of [0, 1])
        for (const vexL of vex ? [0, 1] : [0]) for (const modRM of modRMs) yield { prefixes, rexW, rexB, modRM, vexL };
}

/** The manual's rules, said once more: whether the bits are an instance of the row. */
function fits({ pattern, operands, attributes }: Row, { prefixes, rexW, modRM, vexL }: Bits, mode: CodeSize): boolean {
  const repeat = prefixes & ~PREFIX_66;
  const mandatory: Record<EncodingPattern['prefix'], boolean> = {
    any: true,
    NP: prefixes === 0,
    '66': prefixes === PREFIX_66,
    F2: repeat === PREFIX_F2,
    F3: repeat === PREFIX_F3,
    NFx: repeat === 0,
  };
  if (!mandatory[pattern.prefix]) return false;
  const ignoresW = mode !== 64 && attributes.has('IGNORES_W');
  if (pattern.rexW !== 'any' && pattern.rexW !== rexW && !ignoresW) return false;
  if (pattern.vexL !== 'any' && pattern.vexL !== vexL) return false;
  if (pattern.fixedModRM !== undefined && pattern.fixedModRM !== modRM) return false;
  if (pattern.digit !== undefined && pattern.digit !== ((modRM >> 3) & 7)) return false;
  const isRegister = modRM >> 6 === 3;
  return operands.every(({ where }) => (where === 'M' ? !isRegister : where === 'N' ? isRegister : true));
}

/** Of rows that fit, those with a mandatory prefix come first; 90h is NOP before XCHG, unless REX.B says otherwise. */
function winners(rows: Row[], { rexB }: Bits): Row[] {
  const whole = (row: Row): boolean => !row.pattern.plusRegister;
  const isGeneral = rows.some((row) => row.pattern.plusRegister);
  const byOpcode = !isGeneral ? rows : rows.filter((row) => (rexB === 1 ? !whole(row) : whole(row)));
  const left = byOpcode.length > 0 ? byOpcode : rows;
  const explicit = left.filter((row) => row.pattern.prefix !== 'any');
  return explicit.length > 0 ? explicit : left;
}

const MODES: readonly CodeSize[] = [64, 32, 16];

const rowsOf = (mode: CodeSize, vex: boolean, map: OpcodeMap, opcode: number): Row[] =>
  OPCODES.filter(
    ({ pattern, modes }) =>
      modes.includes(mode) &&
      pattern.vex === vex &&
      pattern.map === map &&
      (pattern.plusRegister ? opcode >> 3 === pattern.opcode >> 3 : opcode === pattern.opcode),
  );

t.test('in no mode do two rows overlap, and the lookup finds the matching one', async (t) => {
  const overlaps = new Set<string>();
  const wrong = new Set<string>();
  // Rows have both modes outside 64-bit mode, or none.
  t.ok(OPCODES.every(({ modes }) => modes.includes(16) === modes.includes(32)));
  for (const mode of [64, 32] as const) {
    const lookup = new OpcodeLookup(OPCODES, mode);
    for (const vex of [false, true])
      for (const map of OPCODE_MAPS)
        for (let opcode = 0; opcode < 256; opcode++) {
          const rows = rowsOf(mode, vex, map, opcode);
          const prepared = lookup.rows(map, vex, opcode);
          if ((prepared !== undefined) !== rows.length > 0)
            wrong.add(`${map} ${opcode.toString(16)} has ${rows.length} rows`);
          if (!prepared) continue;
          for (const bits of combinations(vex, rows[0]!.pattern.hasModRM)) {
            const fitting = winners(
              rows.filter((row) => fits(row, bits, mode)),
              bits,
            );
            if (fitting.length > 1) overlaps.add(fitting.map(describe).join(' and '));
            const prefixes = bits.prefixes | (bits.vexL * VEX_256);
            const found = matchingRow(prepared, prefixes, bits.rexW, bits.rexB, bits.modRM);
            if (found !== fitting[0])
              wrong.add(
                `${JSON.stringify(bits)}: ${found && describe(found)} for ${fitting[0] && describe(fitting[0])}`,
              );
          }
        }
  }
  t.strictSame([...overlaps], []);
  t.strictSame([...wrong].slice(0, 10), []);
});

t.test('prefixes and escape bytes are not opcodes', async (t) => {
  const everywhere = '0F 26 2E 36 3E 64 65 66 67 F0 F2 F3';
  const only64 = 'C4 C5 62 40 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F';
  for (const mode of MODES) {
    for (const text of `${everywhere}${mode === 64 ? ` ${only64}` : ''}`.split(' '))
      t.strictSame(rowsOf(mode, false, '1', parseInt(text, 16)).map(describe), [], `${text} in the one-byte map`);
    for (const opcode of [0x38, 0x3a]) t.strictSame(rowsOf(mode, false, '0F', opcode).map(describe), []);
  }
});

t.test('each encoding parses and prints back as written', async (t) => {
  const wrong = OPCODES.filter(
    (row) =>
      print(row.pattern) !== simple(row.encoding) ||
      JSON.stringify(parseEncoding(row.encoding, row.operands)) !== JSON.stringify(row.pattern),
  );
  t.strictSame(wrong.map(describe), []);
  t.throws(
    () => parseEncoding('01', [{ where: 'E', file: 'gpr', size: 'v' }]),
    'operands need the ModRM byte they are in',
  );
  t.throws(() => parseEncoding('01 /r extra', []), 'nothing stands behind ModRM');
});

/** What is wrong with a row, in words. */
function* faults({ id, mnemonic, operands, attributes, pattern }: Row, place: number): Generator<string> {
  const count = (places: string): number => operands.filter(({ where }) => places.includes(where)).length;
  if (id !== place) yield `has number ${id} at place ${place}`;
  if (!/^[A-Z][A-Z0-9]*$/.test(mnemonic)) yield 'has a strange mnemonic';
  if (operands.length > 4) yield `has ${operands.length} operands`;
  for (const places of ['EMNRZO', 'GSCD', 'B', 'J']) if (count(places) > 1) yield `has several operands in ${places}`;
  if ((count('Z') === 1) !== pattern.plusRegister) yield 'has +r without a register operand, or the other way round';
  if (attributes.has('LOCK') && !/^[EM]$/.test(operands[0]?.where ?? ''))
    yield 'has LOCK without a destination in memory';
  if (attributes.has('D64') && attributes.has('F64')) yield 'has two default operand sizes';
  if (attributes.has('REP') && attributes.has('REPZ')) yield 'repeats in two ways';
  if (count('J') > 0 && !(attributes.has('BRANCH') && attributes.has('F64'))) yield 'is no near branch';
  if (!pattern.vex && count('B') > 0) yield 'has VEX.vvvv without VEX';
  if (pattern.vex && pattern.prefix === 'any') yield 'has VEX without a prefix';
  if (operands.some(({ where, file, size }) => size === 0 && where !== 'M' && file !== 'stack'))
    yield 'has an operand of no size that is not memory';
}

/** What contradicts the class of exceptions of a row. SDM Vol. 2A tables 2-15 to 2-30. */
function* exceptionFaults({ operands, exceptions, pattern, feature }: Row): Generator<string> {
  if (pattern.vex !== (exceptions !== undefined)) yield 'has VEX without a class of exceptions, or the other way round';
  if (exceptions === undefined) return;
  const memory = operands.find(({ where }) => where === 'E' || where === 'M');
  const bits = Number(memory?.memorySize ?? memory?.size ?? 0);
  if ((exceptions === 1) !== operands.some(({ aligned }) => aligned === true))
    yield 'is aligned without type 1, or of type 1 and not aligned';
  if (exceptions === 7 || exceptions === 8 ? memory !== undefined : exceptions < 6 && memory === undefined && bits > 0)
    yield `has an operand in memory, and type ${exceptions}`;
  if (exceptions === 8 && operands.length > 0) yield 'has operands, and type 8';
  if ((exceptions === 3 || exceptions === 5) && bits > 64 && pattern.vexL !== 1)
    yield `reads ${bits} bits of memory, and has type ${exceptions}`;
  if ((exceptions === 12) !== operands.some(({ where }) => where === 'X')) yield 'is a gather without type 12';
  if ((exceptions === 13) !== /^BMI[12]$/.test(feature)) yield 'belongs to BMI without type 13';
  if ((exceptions === 11) !== (feature === 'F16C')) yield 'belongs to F16C without type 11';
}

t.test('mnemonics, operands and attributes are consistent', async (t) => {
  const all = OPCODES.flatMap((row, place) => {
    const found = [...faults(row, place), ...exceptionFaults(row)];
    return found.map((fault) => `${describe(row)} ${fault}`);
  });
  t.strictSame(all, []);
});

/**
 * Encodings of the first form of each row, and of every form of gathers, and of each other one: at least one has no VEX prefix that is another instruction
 * outside 64-bit mode, and the address size that it needs there.
 */
const ENCODINGS = 40;
const MORE_ENCODINGS = 10;
const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];

/** The instruction without its REX prefix, which is INC or DEC outside 64-bit mode. */
function withoutRex(bytes: Uint8Array): Uint8Array {
  const at = bytes.findIndex((byte) => !PREFIXES.includes(byte));
  return (bytes[at]! & 0xf0) === 0x40 ? Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1)) : bytes;
}

/** Whether iced-x86 finds the row in encodings of its forms when it decodes them for a code segment of `bits`. */
function isValidIn(bits: CodeSize, encodings: readonly Uint8Array[], { mnemonic }: Row): boolean {
  return encodings.some((bytes) => {
    const judge = new Judge(bits, bytes, DecoderOptions.None);
    const judged = judge.decode();
    const found = judged.code !== Code.INVALID && judged.length <= bytes.length && sameMnemonic(mnemonic, judged);
    judged.free();
    judge.free();
    return found;
  });
}

/** Whether iced-x86 says that an instruction requires CPL 0, or is one of input and output. */
function privilegeOf(bytes: Uint8Array, mode: CodeSize): 'CPL0' | 'IOPL' | undefined {
  const judge = new Judge(mode, bytes, DecoderOptions.None);
  const judged = judge.decode();
  const { isPrivileged, isInputOutput } = judged.opCode;
  judged.free();
  judge.free();
  return isInputOutput ? 'IOPL' : isPrivileged ? 'CPL0' : undefined;
}

/** The privileges that depend on a control register, or on RFLAGS where iced-x86 does not say so. */
const CONDITIONAL = ['SLDT', 'STR', 'SGDT', 'SIDT', 'SMSW', 'RDPMC', 'STI', 'CLI'];

t.test('valid modes and privilege are those of iced-x86', async (t) => {
  const random = new Random(SEED);
  const encodings = new Map<Row, Uint8Array[]>(OPCODES.map((row) => [row, []]));
  for (const decoder of [new Decoder(), new Decoder(DEFAULT_MODEL, 32)])
    for (const form of decoder.forms) {
      if (decoder.mode === 32 && form.row.modes.includes(64)) continue;
      const those = encodings.get(form.row)!;
      const isGather = form.row.exceptions === 12;
      const count = those.length === 0 || isGather ? ENCODINGS : MORE_ENCODINGS;
      for (let i = 0; i < count; i++) those.push(encodeForm(decoder, form, random).bytes);
    }
  const wrong: string[] = [];
  for (const [row, all] of encodings) {
    const hasRex = row.modes.includes(64) && (row.pattern.rexW !== 1 || row.pattern.vex);
    const short = hasRex ? all.map(withoutRex) : all;
    for (const bits of [16, 32, 64] as const)
      if (isValidIn(bits, bits === 64 ? all : short, row) !== row.modes.includes(bits))
        wrong.push(`${describe(row)} in segments of ${bits} bits`);
    const privilege = CONDITIONAL.includes(row.mnemonic) ? row.privilege : privilegeOf(all[0]!, row.modes.at(-1)!);
    if (privilege !== row.privilege) wrong.push(`${describe(row)} has privilege ${row.privilege}, not ${privilege}`);
  }
  t.strictSame(wrong, []);
});

t.test('every form has an encoding that decodes to it', async (t) => {
  const random = new Random(SEED);
  let forms = 0;
  for (const mode of MODES) {
    const decoder = new Decoder(DEFAULT_MODEL, mode);
    const withForms = new Set<Row>();
    for (const form of decoder.forms) {
      if (form.id !== forms) t.fail(`form ${form.id} stands at place ${forms}`);
      forms++;
      const { instruction } = encodeForm(decoder, form, random);
      if (instruction.form !== form) t.fail(`form ${form.id} of ${describe(form.row)} is not the one that decodes`);
      withForms.add(form.row);
    }
    const rows = OPCODES.filter(({ modes }) => modes.includes(mode));
    t.strictSame(rows.filter((row) => !withForms.has(row)).map(describe), [], 'and every row has forms');
    t.comment(`${mode} bits: ${rows.length} rows, ${decoder.forms.length} forms`);
  }
});

t.test('form numbers do not depend on the order of use', async (t) => {
  for (const mode of MODES) {
    const forwards = new FormTable(OPCODES, mode).all();
    const table = new FormTable(OPCODES, mode);
    for (const plan of [...table.plans].reverse())
      if (plan.widths.length > 0) table.entry(plan, 0, plan.addressings.length - 1, plan.repeats.length - 1);
    const backwards = table.all();
    const differing = forwards.filter(
      (form, id) => form.id !== id || describeForm(backwards[id]!) !== describeForm(form),
    );
    t.equal(backwards.length, forwards.length);
    t.strictSame(differing.map(describeForm), []);
  }
});
