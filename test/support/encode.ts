import type { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Form } from '../../src/cpu/meaning/form.js';
import type { Instruction } from '../../src/cpu/decode/instruction.js';
import type { EncodingPattern } from '../../src/cpu/decode/row.js';
import type { Random } from './random.js';

export interface Encoded {
  readonly bytes: Uint8Array;
  readonly instruction: Instruction;
}

const TRIES = 4000;

/**
 * Random bytes that encode an instruction of the form: what the row's pattern says, with random prefixes, registers,
 * addresses and immediates, until the decoder answers with the form.
 */
export function encodeForm(decoder: Decoder, form: Form, random: Random): Encoded {
  for (let i = 0; i < TRIES; i++) {
    const bytes = attempt(form, random);
    const instruction = decoder.decode(bytes, 0, bytes.length);
    if (typeof instruction === 'string' || instruction.form.id !== form.id) continue;
    return { bytes: bytes.slice(0, instruction.length), instruction };
  }
  throw new Error(`no encoding of ${form.row.encoding} ${form.row.mnemonic} gives form ${form.id}`);
}

function attempt(form: Form, random: Random): Uint8Array {
  const { pattern } = form.row;
  const bytes = [...legacyPrefixes(form, random)];
  if (pattern.vex) bytes.push(...vexPrefix(pattern, form, random));
  else {
    const rex = rexPrefix(pattern, form, random);
    if (rex !== 0) bytes.push(rex);
    if (pattern.map !== '1') bytes.push(0x0f);
    if (pattern.map === '0F38') bytes.push(0x38);
    if (pattern.map === '0F3A') bytes.push(0x3a);
  }
  bytes.push(pattern.opcode | (pattern.plusRegister ? random.below(8) : 0));
  if (pattern.hasModRM) bytes.push(...modRM(pattern, form, random));
  for (let i = 0; i < 10; i++) bytes.push(random.chance(3) ? random.pick([0, 0xff, 0x7f, 0x80]) : random.below(256));
  return Uint8Array.from(bytes.slice(0, 15));
}

const OVERRIDES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

function legacyPrefixes(form: Form, random: Random): number[] {
  const { pattern } = form.row;
  const { mode } = form;
  const prefixes: number[] = [];
  if (form.lock) prefixes.push(0xf0);
  if (form.addressWidth !== mode) prefixes.push(0x67);
  if (form.operands.some((operand) => operand.kind === 'memory' && operand.shape === 'general')) {
    if (mode !== 64) prefixes.push(...(random.chance(3) ? [random.pick(OVERRIDES)] : []));
    else if (form.addressWidth === 64 || random.chance(3)) prefixes.push(random.pick([0x64, 0x65]));
  }
  const has66 = mode === 64 ? form.width === 16 : form.width !== 8 && form.width !== mode;
  if (has66 && !pattern.vex && pattern.prefix !== 'NP' && pattern.prefix !== '66') prefixes.push(0x66);
  if (form.repeat !== 'none') prefixes.push(form.repeat === 'repne' ? 0xf2 : 0xf3);
  if (!pattern.vex && /^(66|F2|F3)$/.test(pattern.prefix)) prefixes.push(parseInt(pattern.prefix, 16));
  return prefixes;
}

/** REX, 0 for none, as outside 64-bit mode: W as the form needs it, the register bits at random. */
function rexPrefix(pattern: EncodingPattern, form: Form, random: Random): number {
  if (form.mode !== 64) return 0;
  const needsW = pattern.rexW === 1 || (form.width === 64 && !form.row.attributes.has('D64'));
  const w = pattern.rexW === 0 ? false : needsW || random.chance(6);
  if (!w && random.chance(2)) return 0;
  return 0x40 | (w ? 8 : 0) | random.below(8);
}

function vexPrefix(pattern: EncodingPattern, form: Form, random: Random): number[] {
  const map = { '1': 0, '0F': 1, '0F38': 2, '0F3A': 3 }[pattern.map];
  const pp = { any: 0, NP: 0, NFx: 0, '66': 1, F3: 2, F2: 3 }[pattern.prefix];
  const isLong = form.mode === 64;
  const ignored = pattern.rexW === 'any' && !(isLong && form.row.operands.some(({ size }) => size === 'y'));
  const w = ignored ? random.chance(2) : pattern.rexW === 'any' ? form.width === 64 : pattern.rexW === 1;
  const usesVvvv = form.row.operands.some((operand) => operand.where === 'B');
  const vvvv = usesVvvv ? random.below(16) : 15;
  const l = pattern.vexL === 'any' ? random.below(2) : pattern.vexL;
  // Outside 64-bit mode it is LES unless R and X, inverted, are 1.
  const registers = isLong ? random.below(8) : 6 | random.below(2);
  return [0xc4, (registers << 5) | map, (w ? 0x80 : 0) | (vvvv << 3) | (l << 2) | pp];
}

function modRM(pattern: EncodingPattern, form: Form, random: Random): number[] {
  if (pattern.fixedModRM !== undefined) return [pattern.fixedModRM];
  const reg = pattern.digit ?? random.below(8);
  const memory = form.operands.find((operand) => operand.kind === 'memory');
  if (!memory) return [0xc0 | (reg << 3) | random.below(8)];
  const mod = random.below(3);
  const withSib = form.addressWidth !== 16 && (memory.shape === 'index' || random.chance(3));
  const rm = withSib ? 4 : random.below(8);
  return withSib ? [(mod << 6) | (reg << 3) | rm, random.below(256)] : [(mod << 6) | (reg << 3) | rm];
}
