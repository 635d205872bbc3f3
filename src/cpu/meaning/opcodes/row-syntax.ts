import type { Semantics } from '../vocabulary.js';
import {
  PRIVILEGES,
  type Attribute,
  type CodeSize,
  type EncodingPattern,
  type ExceptionsType,
  type OpcodeMap,
  type OperandSize,
  type OperandType,
  type Privilege,
  type Row,
  type Undefined,
  type VendorDifference,
} from '../../decode/row.js';
import type { Feature } from '../features.js';

/** A row as written in the table, before it gets its number. */
export type RowDraft = Omit<Row, 'id'>;

/** What follows the meaning in a row. */
export type RowItem = OperandType | Attribute | Privilege | `TYPE ${ExceptionsType}` | Undefined | VendorDifference;

/**
 * Makes one row of the opcode table in the manual's notation, or sixteen if the encoding contains `+cc`. Behind the operands, in
 * any order, stand attributes, the privilege, the class of exceptions, what the instruction leaves undefined, and where
 * processors differ. With `+cc`, the meaning is a function of the condition code that returns a meaning.
 */
export function row(
  encoding: string,
  mnemonic: string,
  semantics: Semantics | ((condition: number) => Semantics),
  ...rest: RowItem[]
): RowDraft[] {
  const items = sorted(rest);
  const { operands, attributes } = items;
  const make = (text: string, name: string, meaning: Semantics): RowDraft => {
    const pattern = parseEncoding(text, operands);
    const only64 = attributes.has('ONLY64') || (!pattern.vex && pattern.rexW === 1);
    const modes = only64 ? ONLY_64 : attributes.has('NO64') ? NOT_64 : ALL_SIZES;
    return {
      ...{ encoding: text, mnemonic: name, semantics: meaning, feature: '', pattern },
      ...items,
      modes,
    };
  };
  if (/^VEX\.(NP|66|F2|F3)\./.test(encoding)) return bothLengths(encoding, mnemonic, semantics as Semantics, rest);
  if (!encoding.includes('+cc')) return [make(encoding, mnemonic, semantics as Semantics)];
  const byCondition = semantics as (condition: number) => Semantics;
  return CONDITION_NAMES.map((name, code) => make(addCondition(encoding, code), mnemonic + name, byCondition(code)));
}

const ALL_SIZES: readonly CodeSize[] = [16, 32, 64];
const ONLY_64: readonly CodeSize[] = [64];
const NOT_64: readonly CodeSize[] = [16, 32];

/** The items of a row by their kind. */
function sorted(
  rest: readonly RowItem[],
): Pick<Row, 'operands' | 'attributes' | 'privilege' | 'exceptions' | 'leaves' | 'vendors'> {
  const words = rest.filter((item) => typeof item === 'string');
  const things = rest.filter((item) => typeof item !== 'string');
  const isPrivilege = (word: string): word is Privilege => (PRIVILEGES as readonly string[]).includes(word);
  const type = words.find((word) => word.startsWith('TYPE '));
  return {
    operands: things.filter((item): item is OperandType => 'where' in item),
    attributes: new Set(words.filter((word): word is Attribute => word !== type && !isPrivilege(word))),
    privilege: words.find(isPrivilege),
    exceptions: type === undefined ? undefined : (Number(type.slice('TYPE '.length)) as ExceptionsType),
    leaves: things.find((item): item is Undefined => !('where' in item) && !('source' in item)) ?? {},
    vendors: things.filter((item): item is VendorDifference => 'source' in item),
  };
}

/** The rows for 128 and 256 bits of an encoding that leaves the vector length open. */
function bothLengths(encoding: string, mnemonic: string, semantics: Semantics, rest: readonly RowItem[]): RowDraft[] {
  const wide = rest.map((item) => (typeof item !== 'string' && 'where' in item ? widened(item) : item));
  const of = (length: number): string => encoding.replace('VEX.', `VEX.${length}.`);
  return [...row(of(128), mnemonic, semantics, ...rest), ...row(of(256), mnemonic, semantics, ...wide)];
}

function widened(type: OperandType): OperandType {
  if (!type.scaled) return type;
  const { size, memorySize } = type;
  const twice = (bits: OperandSize): OperandSize => (2 * Number(bits)) as OperandSize;
  return { ...type, size: twice(size), ...(memorySize === undefined ? {} : { memorySize: twice(memorySize) }) };
}

/** Marks rows of integer vectors, which belong to AVX with 128 bits and to AVX2 with 256. */
export function avxInteger(...rows: RowDraft[][]): RowDraft[] {
  return rows.flat().map((draft) => ({ ...draft, feature: draft.pattern.vexL === 1 ? 'AVX2' : 'AVX' }));
}

/** Marks rows as requiring a second CPUID feature. */
export function alsoRequiring(name: Feature, rows: readonly (RowDraft | RowDraft[])[]): RowDraft[] {
  return rows.flat().map((draft) => ({ ...draft, alsoRequires: name }));
}

/** Marks rows as requiring a CPUID feature. */
export function feature(name: Feature, ...rows: RowDraft[][]): RowDraft[] {
  return rows.flat().map((draft) => ({ ...draft, feature: name }));
}

/** Suffixes of Jcc, SETcc and CMOVcc by condition code. SDM Vol. 1 appendix B. */
export const CONDITION_NAMES: readonly string[] = [
  'O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G',
]; // prettier-ignore

function addCondition(encoding: string, code: number): string {
  return encoding.replace(/([0-9A-F]{2})\+cc/, (_, byte: string) => hexByte(parseInt(byte, 16) + code));
}

function hexByte(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

const VEX_LENGTHS: Readonly<Record<string, EncodingPattern['vexL']>> = { '128': 0, '256': 1, LIG: 'any', LZ: 0 };
const LEGACY_PREFIXES = new Set(['NP', '66', 'F2', 'F3', 'NFx']);

/**
 * Reads an encoding in the manual's notation: `[NP|66|F2|F3|NFx] [REX.W|REX.W0] [0F [38|3A]] opcode[+r]
 * [/r|/digit|byte]`, or `VEX.length.prefix.map.W opcode /r|/digit`, where the length is 128, 256, LIG (ignored) or LZ (0), and
 * is left out for two rows, one of 128 bits and one of 256. Immediates follow from the operands and are omitted.
 */
export function parseEncoding(encoding: string, operands: readonly OperandType[]): EncodingPattern {
  const tokens = encoding.split(' ');
  let prefix: EncodingPattern['prefix'] = 'any';
  let rexW: EncodingPattern['rexW'] = 'any';
  let map: OpcodeMap = '1';
  let vexL: EncodingPattern['vexL'] = 'any';
  const vex = tokens[0]!.startsWith('VEX.');
  if (vex) {
    const fields = tokens.shift()!.split('.').slice(1);
    const [length, vexPrefix, vexMap, vexW] = fields;
    if (fields.length !== 4 || !(length! in VEX_LENGTHS)) throw new Error(`encoding '${encoding}' is not understood`);
    vexL = VEX_LENGTHS[length!]!;
    map = vexMap as OpcodeMap;
    if (vexW !== 'WIG') rexW = vexW === 'W1' ? 1 : vexW === 'W0' ? 0 : 'any';
    prefix = vexPrefix as EncodingPattern['prefix'];
  }
  if (!vex && LEGACY_PREFIXES.has(tokens[0]!) && tokens.length > 1)
    prefix = tokens.shift() as EncodingPattern['prefix'];
  if (tokens[0] === 'REX.W' || tokens[0] === 'REX.W0') rexW = tokens.shift() === 'REX.W' ? 1 : 0;
  if (!vex && tokens[0] === '0F' && tokens.length > 1) {
    tokens.shift();
    const escape = tokens.at(0);
    const escaped = (escape === '38' || escape === '3A') && /^[0-9A-F]{2}/.test(tokens[1] ?? '');
    map = !escaped ? '0F' : escape === '38' ? '0F38' : '0F3A';
    if (escaped) tokens.shift();
  }
  const [opcodeText, plus] = tokens.shift()!.split('+');
  const opcode = parseInt(opcodeText!, 16);
  const modRM = tokens.shift();
  if (tokens.length > 0 || Number.isNaN(opcode)) throw new Error(`encoding '${encoding}' is not understood`);
  const digit = modRM !== undefined && /^\/[0-7]$/.test(modRM) ? Number(modRM[1]) : undefined;
  const fixedModRM = modRM !== undefined && /^[0-9A-F]{2}$/.test(modRM) ? parseInt(modRM, 16) : undefined;
  const hasModRM = modRM !== undefined;
  if (!hasModRM && operands.some((operand) => 'EMNRGSCDB'.includes(operand.where) && operand.where.length === 1))
    throw new Error(`encoding '${encoding}' has operands in a ModRM byte that it does not name`);
  return {
    map,
    opcode,
    plusRegister: plus === 'r',
    prefix,
    rexW,
    hasModRM,
    ...(digit === undefined ? {} : { digit }),
    ...(fixedModRM === undefined ? {} : { fixedModRM }),
    vex,
    vexL,
  };
}
