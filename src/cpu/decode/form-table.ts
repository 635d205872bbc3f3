import type { Width } from '../../bits.js';
import type {
  AddressShape,
  AddressWidth,
  Form,
  OperandForm,
  RegisterField,
  RelativeOperand,
  Repeat,
} from '../meaning/form.js';
import { PREFIX_66 } from './opcode-lookup.js';
import type { CodeSize, EncodingPattern, OperandSize, OperandType, Row } from './row.js';

/**
 * How a form addresses memory: not at all, or with one of the address shapes, with the address sizes that the mode has, with or
 * without LOCK.
 */
interface AddressMode {
  readonly shape: AddressShape | 'none';
  readonly addressWidth: AddressWidth;
  readonly lock: boolean;
}

/** Those of 64-bit mode. Their order, like that of rows, widths and repeats, determines the numbers of the forms. */
const ADDRESSING_64: readonly AddressMode[] = [
  { shape: 'none', addressWidth: 64, lock: false },
  { shape: 'none', addressWidth: 32, lock: false },
  ...[false, true].flatMap((lock): AddressMode[] => [
    { shape: 'base', addressWidth: 64, lock },
    { shape: 'index', addressWidth: 64, lock },
    { shape: 'general', addressWidth: 64, lock },
    { shape: 'general', addressWidth: 32, lock },
  ]),
];
/** No address, and none but with 67h, in every mode. */
export const NO_MEMORY = 0;
export const NO_MEMORY_67 = 1;
export const MEMORY_BASE = 2;
export const MEMORY_INDEX = 3;
export const MEMORY_GENERAL = 4;
export const MEMORY_GENERAL_32 = 5;
/** Added to those with memory. */
export const MEMORY_LOCK = 4;

/** Those of code segments of 16 or 32 bits, where 67h gives the other address size. */
function addressingOutside64(size: 16 | 32): readonly AddressMode[] {
  const other = size === 16 ? 32 : 16;
  return [
    { shape: 'none', addressWidth: size, lock: false },
    { shape: 'none', addressWidth: other, lock: false },
    ...[false, true].flatMap((lock): AddressMode[] => [
      { shape: 'general', addressWidth: size, lock },
      { shape: 'general', addressWidth: other, lock },
    ]),
  ];
}
export const MEMORY_OUTSIDE_64 = 2;
/** Added for 67h, and for LOCK. */
export const MEMORY_67_OUTSIDE_64 = 1;
export const MEMORY_LOCK_OUTSIDE_64 = 2;

const ADDRESSING: Readonly<Record<CodeSize, readonly AddressMode[]>> = {
  16: addressingOutside64(16),
  32: addressingOutside64(32),
  64: ADDRESSING_64,
};

/** A form, and what the decoder reads after the address. */
export interface FormEntry {
  readonly form: Form;
  /** Size of the immediate or relative distance in bytes; 0 if there is none. */
  readonly immediateBytes: number;
  readonly immediateSigned: boolean;
  readonly secondImmediateBytes: number;
}

/**
 * Kind of register that an encoding names. `byte` includes AH to BH; `loaded segment` is a segment register that is
 * written.
 */
export type RegisterKind =
  'none' | 'byte' | 'general' | 'of eight' | 'segment' | 'loaded segment' | 'control' | 'debug';

/** The decoder's view of a row. Its forms have consecutive numbers and are created on first use. */
export interface RowPlan {
  readonly row: Row;
  readonly firstForm: number;
  readonly widths: readonly Width[];
  /** Index into `widths`, by REX.W * 2 + (1 if 66h is present). */
  readonly widthIndexes: readonly number[];
  /** How its forms address memory: numbers such as MEMORY_BASE. */
  readonly addressings: readonly number[];
  /** Index into `addressings` by such a number; -1 if the row has no such forms. */
  readonly addressingIndexes: readonly number[];
  readonly repeats: readonly Repeat[];
  /** The kind of register in ModRM.reg. */
  readonly reg: RegisterKind;
  /** The kind of register in ModRM.rm, or in the low three bits of the opcode. */
  readonly rm: RegisterKind;
  /** True if ModRM.rm names a register regardless of ModRM.mod. */
  readonly modIgnored: boolean;
  readonly moffs: boolean;
  readonly usesVvvv: boolean;
  /** Where the fourth register is, if there is one. */
  readonly extra: 'immediate' | 'index' | undefined;
}

/**
 * All possible forms of the opcode table in one mode. Numbers follow from the rows and the mode alone (row by row; within a row by
 * width, addressing and repeat), so they are the same in every run and engine, regardless of which instructions come first.
 */
export class FormTable {
  /** By row id. */
  readonly plans: readonly RowPlan[];
  /** Number of forms. */
  readonly size: number;
  private readonly entries: (FormEntry | undefined)[];
  private forms: readonly Form[] | undefined;

  /** The forms of `mode`, numbered from `first`. */
  constructor(
    rows: readonly Row[],
    readonly mode: CodeSize = 64,
    readonly first = 0,
  ) {
    let next = 0;
    this.plans = rows.map((row, id) => {
      if (row.id !== id) throw new Error(`row ${row.id} stands at place ${id} of the opcode table`);
      const plan = planOf(row, mode, next);
      next += plan.widths.length * plan.addressings.length * plan.repeats.length;
      return plan;
    });
    this.size = next;
    this.entries = new Array<undefined>(next).fill(undefined);
  }

  /** The form with the given indexes into the plan's `widths`, `addressings` and `repeats`. */
  entry(plan: RowPlan, width: number, addressing: number, repeat: number): FormEntry {
    const place = plan.firstForm + (width * plan.addressings.length + addressing) * plan.repeats.length + repeat;
    return (this.entries[place] ??= this.makeEntry(plan, place, width, addressing, repeat));
  }

  /** The entry of a form that has been made. */
  entryOf(form: Form): FormEntry {
    return this.entries[form.id - this.first]!;
  }

  /** Returns all forms, in the order of their numbers. */
  all(): readonly Form[] {
    return (this.forms ??= this.plans.flatMap((plan) =>
      plan.widths.flatMap((_w, width) =>
        plan.addressings.flatMap((_a, addressing) =>
          plan.repeats.map((_r, repeat) => this.entry(plan, width, addressing, repeat).form),
        ),
      ),
    ));
  }

  private makeEntry(plan: RowPlan, place: number, width: number, addressing: number, repeat: number): FormEntry {
    return makeEntry(plan.row, {
      id: this.first + place,
      mode: this.mode,
      width: plan.widths[width]!,
      repeat: plan.repeats[repeat]!,
      ...ADDRESSING[this.mode][plan.addressings[addressing]!]!,
    });
  }
}

/** Returns every form that any encoding of the rows can produce in 64-bit mode; `forms[i].id` is i. */
export function enumerateForms(rows: readonly Row[]): readonly Form[] {
  return new FormTable(rows).all();
}

function planOf(row: Row, mode: CodeSize, firstForm: number): RowPlan {
  let reg: RegisterKind = 'none';
  let rm: RegisterKind = 'none';
  let modIgnored = false;
  let moffs = false;
  let usesVvvv = false;
  const { operands } = row;
  for (let i = 0; i < operands.length; i++) {
    const { where, file, size } = operands[i]!;
    const kind = file === 'stack' || file === 'mmx' ? 'of eight' : file === 'gpr' && size === 8 ? 'byte' : 'general';
    if (where === 'G') reg = kind;
    else if (where === 'E' || where === 'N' || where === 'R' || where === 'Z') rm = kind;
    else if (where === 'S') reg = i === 0 ? 'loaded segment' : 'segment';
    else if (where === 'C') reg = 'control';
    else if (where === 'D') reg = 'debug';
    else if (where === 'B') usesVvvv = true;
    if (where === 'R') modIgnored = true;
    if (where === 'O') moffs = true;
  }
  const { widths, widthIndexes } = row.modes.includes(mode) ? widthsOf(row, mode) : NO_WIDTHS;
  const { addressings, addressingIndexes } = addressingsOf(row, mode);
  return {
    row,
    firstForm,
    widths,
    widthIndexes,
    addressings,
    addressingIndexes,
    repeats: repeatsOf(row),
    reg,
    rm,
    modIgnored,
    moffs,
    usesVvvv,
    extra: extraOf(operands),
  };
}

function extraOf(operands: readonly OperandType[]): RowPlan['extra'] {
  if (operands.some(({ where }) => where === 'L')) return 'immediate';
  return operands.some(({ where }) => where === 'X') ? 'index' : undefined;
}

type Widths = Pick<RowPlan, 'widths' | 'widthIndexes'>;

/** For a row that the mode does not have. */
const NO_WIDTHS: Widths = { widths: [], widthIndexes: [] };

/** What the widths of a row depend on, in one number; and the widths of the rows that were planned, by the mode and that. */
const widthsByKind: Readonly<Record<CodeSize, Map<number, Widths>>> = { 16: new Map(), 32: new Map(), 64: new Map() };

function widthsOf(row: Row, mode: CodeSize): Widths {
  const kind = widthKindOf(row);
  const known = widthsByKind[mode].get(kind);
  if (known) return known;
  const found = findWidths(row.pattern, kind, mode);
  widthsByKind[mode].set(kind, found);
  return found;
}

/** Which width a row has: always the same, or by its prefixes. */
const ALWAYS_64 = 1;
const ALWAYS_32 = 2;
const ALWAYS_8 = 3;
/** An XMM register as operand, and REX.W without and with an effect. */
const XMM = 4;
const XMM_BY_REX_W = 5;
const DEFAULT_64 = 6;
const DEFAULT_32 = 7;
/** Bits of the kind of a row: the width as above, whether 66h makes it 16, and its prefixes. */
const WIDTH_BITS = 7;
const HAS_16 = 8;
const VEX = 16;
const REX_W_SHIFT = 5;
const PREFIX_SHIFT = 7;
const REX_WS: readonly EncodingPattern['rexW'][] = [0, 1, 'any'];
const PREFIXES: readonly EncodingPattern['prefix'][] = ['any', 'NP', '66', 'F2', 'F3', 'NFx'];

function widthKindOf(row: Row): number {
  const { attributes, pattern } = row;
  const has16 = pattern.prefix !== '66' && !attributes.has('NO16');
  return (
    defaultWidthOf(row) |
    (has16 ? HAS_16 : 0) |
    (pattern.vex ? VEX : 0) |
    (REX_WS.indexOf(pattern.rexW) << REX_W_SHIFT) |
    (PREFIXES.indexOf(pattern.prefix) << PREFIX_SHIFT)
  );
}

function defaultWidthOf(row: Row): number {
  const { attributes, operands } = row;
  if (attributes.has('F64')) return ALWAYS_64;
  if (attributes.has('F32')) return ALWAYS_32;
  if (attributes.has('BYTE') || (operands[0]?.file === 'gpr' && operands[0].size === 8)) return ALWAYS_8;
  for (const { file } of operands) if (file === 'xmm') return hasWidthByRexW(row) ? XMM_BY_REX_W : XMM;
  return attributes.has('D64') ? DEFAULT_64 : DEFAULT_32;
}

/** The distinct widths of a row's forms, and the index into them for each of the four operand sizes. */
function findWidths(pattern: EncodingPattern, kind: number, mode: CodeSize): Widths {
  const widths: Width[] = [];
  const widthIndexes: number[] = [];
  for (let size = 0; size < 4; size++) {
    const rexW = size >> 1;
    const operandSizePrefix = size & PREFIX_66;
    const has66 = operandSizePrefix !== 0;
    const width = mode === 64 ? operandWidth(kind, rexW === 1, has66) : operandWidthOutside64(kind, mode, has66);
    if (sizeIsReachable(pattern, rexW, operandSizePrefix) && !widths.includes(width)) widths.push(width);
    widthIndexes.push(widths.indexOf(width));
  }
  return { widths, widthIndexes };
}

/**
 * The operand size of the instruction. SDM Vol. 2A 2.2.1.2 "More on REX Prefix Fields" (REX.W takes precedence over
 * 66h) and Vol. 2D A.3 (d64, f64). 66h on near branches is ignored, as Intel processors do; AMD processors treat it as
 * 16 bits.
 */
function operandWidth(kind: number, rexW: boolean, operandSizePrefix: boolean): Width {
  const width = kind & WIDTH_BITS;
  if (width === ALWAYS_64) return 64;
  if (width === ALWAYS_32 || width === XMM) return 32;
  if (width === ALWAYS_8) return 8;
  if (rexW) return 64;
  if (width === XMM_BY_REX_W) return 32;
  if (operandSizePrefix && (kind & HAS_16) !== 0) return 16;
  return width === DEFAULT_64 ? 64 : 32;
}

/**
 * The operand size in a code segment of 16 or 32 bits: 66h gives the other one; with VEX, and where 66h selects the row, it is 32.
 * SDM Vol. 1 3.6 "Operand-Size and Address-Size Attributes".
 */
function operandWidthOutside64(kind: number, mode: 16 | 32, operandSizePrefix: boolean): Width {
  switch (kind & WIDTH_BITS) {
    case ALWAYS_8:
      return 8;
    case ALWAYS_32:
    case XMM:
    case XMM_BY_REX_W:
      return 32;
    default:
      if ((kind & HAS_16) === 0 || (kind & VEX) !== 0) return 32;
      return operandSizePrefix === (mode === 32) ? 16 : 32;
  }
}

/**
 * Whether REX.W selects the width. Of the instructions on XMM registers, only those with a general-purpose operand of
 * 32 or 64 bits use it.
 */
function hasWidthByRexW({ operands, pattern }: Row): boolean {
  return pattern.rexW === 1 || operands.some(({ size }) => size === 'y');
}

function sizeIsReachable(pattern: EncodingPattern, rexW: number, operandSizePrefix: number): boolean {
  if (pattern.rexW !== 'any' && pattern.rexW !== rexW) return false;
  if (pattern.vex || pattern.prefix === 'NP') return operandSizePrefix === 0;
  return pattern.prefix !== '66' || operandSizePrefix === 1;
}

type AddressingSet = Pick<RowPlan, 'addressings' | 'addressingIndexes'>;

/** The ways to address memory that rows can have, in one mode. */
interface AddressingSets {
  readonly noAddress: AddressingSet;
  /** The address size counts, though no operand is in memory. */
  readonly impliedAddress: AddressingSet;
  readonly moffs: AddressingSet;
  /** A vector of indexes, which is not part of the address, but stands in SIB: 16-bit addresses have none. */
  readonly withoutIndex: AddressingSet;
  readonly memoryOnly: AddressingSet;
  readonly memoryOnlyLockable: AddressingSet;
  readonly registerOrMemory: AddressingSet;
  readonly registerOrMemoryLockable: AddressingSet;
}

function addressingSets(all: readonly AddressMode[]): AddressingSets {
  const set = (...addressings: number[]): AddressingSet => ({
    addressings,
    addressingIndexes: all.map((_, number) => addressings.indexOf(number)),
  });
  const withMemory = (accepts: (mode: AddressMode) => boolean): number[] =>
    all.flatMap((mode, number) => (mode.shape !== 'none' && accepts(mode) ? [number] : []));
  const unlocked = withMemory(({ lock }) => !lock);
  const lockable = withMemory(() => true);
  const moffs = withMemory(({ lock, shape }) => !lock && shape !== 'index');
  const withoutIndex = moffs.filter((number) => all[number]!.addressWidth !== 16);
  return {
    noAddress: set(NO_MEMORY),
    impliedAddress: set(NO_MEMORY, NO_MEMORY_67),
    moffs: set(...moffs),
    withoutIndex: set(...withoutIndex),
    memoryOnly: set(...unlocked),
    memoryOnlyLockable: set(...lockable),
    registerOrMemory: set(NO_MEMORY, ...unlocked),
    registerOrMemoryLockable: set(NO_MEMORY, ...lockable),
  };
}

const ADDRESSING_SETS: Readonly<Record<CodeSize, AddressingSets>> = {
  16: addressingSets(ADDRESSING[16]),
  32: addressingSets(ADDRESSING[32]),
  64: addressingSets(ADDRESSING[64]),
};

function addressingsOf({ operands, attributes }: Row, mode: CodeSize): AddressingSet {
  const sets = ADDRESSING_SETS[mode];
  for (let i = 0; i < operands.length; i++) {
    const { where } = operands[i]!;
    if (where === 'O') return sets.moffs;
    if (operands.some((operand) => operand.where === 'X')) return sets.withoutIndex;
    const lockable = i === 0 && attributes.has('LOCK');
    if (where === 'M') return lockable ? sets.memoryOnlyLockable : sets.memoryOnly;
    if (where === 'E') return lockable ? sets.registerOrMemoryLockable : sets.registerOrMemory;
  }
  return attributes.has('ADDRESS') ? sets.impliedAddress : sets.noAddress;
}

const NO_REPEAT: readonly Repeat[] = ['none'];
const REPEAT: readonly Repeat[] = ['none', 'rep'];
const REPEAT_WHILE: readonly Repeat[] = ['none', 'repe', 'repne'];

function repeatsOf({ attributes }: Row): readonly Repeat[] {
  return attributes.has('REPZ') ? REPEAT_WHILE : attributes.has('REP') ? REPEAT : NO_REPEAT;
}

/** Placeholder for absent operands; no meaning can read it. */
const ABSENT: RelativeOperand = { kind: 'relative' };

/** What a form consists of besides its row's operands. */
type FormParts = AddressMode & Pick<Form, 'id' | 'mode' | 'width' | 'repeat'>;

function makeEntry(row: Row, { id, mode, width, repeat, shape, addressWidth, lock }: FormParts): FormEntry {
  const operands = row.operands.map((type) => operandForm(type, width, shape));
  const [dest = ABSENT, src = ABSENT, third = ABSENT] = operands;
  const [first = ABSENT, second = ABSENT, fourth = ABSENT] = hasTwoSources(row) ? operands.slice(1) : operands;
  const form: Form = {
    ...{ row, id, width, addressWidth, mode, lock, repeat },
    ...{ operands, dest, src, third, first, second, fourth },
  };
  const [immediate, secondImmediate] = row.operands.filter(
    ({ where }) => where === 'I' || where === 'J' || where === 'L',
  );
  return {
    form,
    immediateBytes: immediate ? (immediate.where === 'L' ? 1 : widthOfSize(immediate.size, width) / 8) : 0,
    immediateSigned: immediate?.signed === true || immediate?.where === 'J',
    secondImmediateBytes: secondImmediate ? widthOfSize(secondImmediate.size, width) / 8 : 0,
  };
}

/** True if the row names both sources besides DEST: VEX.vvvv holds the first of them, or DEST of a shift by an immediate. */
function hasTwoSources({ operands }: Row): boolean {
  return operands.length > 2 && (operands[0]!.where === 'B' || operands[1]!.where === 'B');
}

function operandForm(type: OperandType, width: Width, shape: AddressShape | 'none'): OperandForm {
  switch (type.where) {
    case 'I':
      // A sign-extended operand has the width that it is extended to.
      return { kind: 'immediate', width: type.signed ? width : (widthOfSize(type.size, width) as Width) };
    case 'J':
      return { kind: 'relative' };
    case 'S':
      return { kind: 'segment' };
    case 'C':
      return { kind: 'control', width };
    case 'D':
      return { kind: 'debug', width };
    case 'E':
    case 'M':
    case 'O':
      return shape === 'none' ? registerForm(type, 'rm', width) : memoryForm(type, width, shape);
    case 'N':
    case 'R':
    case 'Z':
      return registerForm(type, 'rm', width);
    case 'G':
      return registerForm(type, 'reg', width);
    case 'B':
      return registerForm(type, 'vvvv', width);
    case 'L':
    case 'X':
      return registerForm(type, 'extra', width);
    case 'implied':
      return registerForm(type, type.register!, width);
  }
}

function memoryForm(type: OperandType, width: Width, shape: AddressShape): OperandForm {
  const bits = widthOfSize(type.memorySize ?? type.size, width);
  return { kind: 'memory', width: bits, shape, aligned: type.aligned === true };
}

function registerForm(type: OperandType, field: RegisterField, width: Width): OperandForm {
  const bits = widthOfSize(type.size, width);
  if (type.file === 'stack' || type.file === 'mmx') return { kind: type.file, field };
  if (type.file === 'xmm') return { kind: 'xmm', field, width: bits as 32 | 64 | 128 | 256 };
  return { kind: 'gpr', field, width: bits as Width };
}

/** Size of an operand in bits if the operand size of the instruction is `width`. SDM Vol. 2D A.2.2. */
function widthOfSize(size: OperandSize, width: Width): Width | 128 | 256 | 0 {
  switch (size) {
    case 'v':
      return width;
    case 'z':
      return width === 64 ? 32 : width;
    case 'y':
      return width === 64 ? 64 : 32;
    default:
      return size;
  }
}
