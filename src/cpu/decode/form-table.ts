import type { Width } from '../../bits.js';
import type { AddressShape, Form, OperandForm, RegisterField, RelativeOperand, Repeat } from '../meaning/form.js';
import { PREFIX_66 } from './opcode-lookup.js';
import type { EncodingPattern, OperandSize, OperandType, Row } from './row.js';

/**
 * How a form addresses memory: not at all, or with one of the address shapes, with 64-bit or 32-bit addresses, with or
 * without LOCK.
 */
interface AddressMode {
  readonly shape: AddressShape | 'none';
  readonly addressWidth: 32 | 64;
  readonly lock: boolean;
}

/** All modes. Their order, like that of rows, widths and repeats, determines the numbers of the forms. */
const MODES: readonly AddressMode[] = [
  { shape: 'none', addressWidth: 64, lock: false },
  { shape: 'none', addressWidth: 32, lock: false },
  ...[false, true].flatMap((lock): AddressMode[] => [
    { shape: 'base', addressWidth: 64, lock },
    { shape: 'index', addressWidth: 64, lock },
    { shape: 'general', addressWidth: 64, lock },
    { shape: 'general', addressWidth: 32, lock },
  ]),
];
export const MODE_NONE = 0;
export const MODE_NONE_32 = 1;
export const MODE_BASE = 2;
export const MODE_INDEX = 3;
export const MODE_GENERAL = 4;
export const MODE_GENERAL_32 = 5;
/** Added to the index of a mode with memory. */
export const MODE_LOCK = 4;

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
  readonly modes: readonly number[];
  /** Index into `modes` by mode; -1 if the row has no such forms. */
  readonly modeIndexes: readonly number[];
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
 * All possible forms of the opcode table. Numbers follow from the rows alone (row by row; within a row by width, mode
 * and repeat), so they are the same in every run and engine, regardless of which instructions come first.
 */
export class FormTable {
  /** By row id. */
  readonly plans: readonly RowPlan[];
  /** Number of forms. */
  readonly size: number;
  private readonly entries: (FormEntry | undefined)[];
  private forms: readonly Form[] | undefined;

  constructor(rows: readonly Row[]) {
    let next = 0;
    this.plans = rows.map((row, id) => {
      if (row.id !== id) throw new Error(`row ${row.id} stands at place ${id} of the opcode table`);
      const plan = planOf(row, next);
      next += plan.widths.length * plan.modes.length * plan.repeats.length;
      return plan;
    });
    this.size = next;
    this.entries = new Array<undefined>(next).fill(undefined);
  }

  /** The form with the given indexes into the plan's `widths`, `modes` and `repeats`. */
  entry(plan: RowPlan, width: number, mode: number, repeat: number): FormEntry {
    const id = plan.firstForm + (width * plan.modes.length + mode) * plan.repeats.length + repeat;
    return (this.entries[id] ??= makeEntry(
      plan.row,
      id,
      plan.widths[width]!,
      MODES[plan.modes[mode]!]!,
      plan.repeats[repeat]!,
    ));
  }

  /** Returns all forms, in the order of their numbers. */
  all(): readonly Form[] {
    return (this.forms ??= this.plans.flatMap((plan) =>
      plan.widths.flatMap((_w, width) =>
        plan.modes.flatMap((_m, mode) => plan.repeats.map((_r, repeat) => this.entry(plan, width, mode, repeat).form)),
      ),
    ));
  }
}

/** Returns every form that any encoding of the rows can produce; `forms[i].id` is i. */
export function enumerateForms(rows: readonly Row[]): readonly Form[] {
  return new FormTable(rows).all();
}

function planOf(row: Row, firstForm: number): RowPlan {
  let reg: RegisterKind = 'none';
  let rm: RegisterKind = 'none';
  let modIgnored = false;
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
  }
  const { widths, widthIndexes } = widthsOf(row);
  const { modes, modeIndexes } = modeSetOf(row);
  return {
    row,
    firstForm,
    widths,
    widthIndexes,
    modes,
    modeIndexes,
    repeats: repeatsOf(row),
    reg,
    rm,
    modIgnored,
    moffs: modes === MOFFS.modes,
    usesVvvv,
    extra: extraOf(operands),
  };
}

function extraOf(operands: readonly OperandType[]): RowPlan['extra'] {
  if (operands.some(({ where }) => where === 'L')) return 'immediate';
  return operands.some(({ where }) => where === 'X') ? 'index' : undefined;
}

type Widths = Pick<RowPlan, 'widths' | 'widthIndexes'>;

/** What the widths of a row depend on, in one number; and the widths of the rows that were planned, by it. */
const widthsByKind = new Map<number, Widths>();

function widthsOf(row: Row): Widths {
  const kind = widthKindOf(row);
  const known = widthsByKind.get(kind);
  if (known) return known;
  const found = findWidths(row.pattern, kind);
  widthsByKind.set(kind, found);
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
function findWidths(pattern: EncodingPattern, kind: number): Widths {
  const widths: Width[] = [];
  const widthIndexes: number[] = [];
  for (let size = 0; size < 4; size++) {
    const rexW = size >> 1;
    const operandSizePrefix = size & PREFIX_66;
    const width = operandWidth(kind, rexW === 1, operandSizePrefix !== 0);
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

type ModeSet = Pick<RowPlan, 'modes' | 'modeIndexes'>;

function modeSet(...modes: number[]): ModeSet {
  return { modes, modeIndexes: MODES.map((_, mode) => modes.indexOf(mode)) };
}

const MEMORY = [MODE_BASE, MODE_INDEX, MODE_GENERAL, MODE_GENERAL_32];
const LOCKED = MEMORY.map((mode) => mode + MODE_LOCK);
const NO_ADDRESS = modeSet(MODE_NONE);
const IMPLIED_ADDRESS = modeSet(MODE_NONE, MODE_NONE_32);
const MOFFS = modeSet(MODE_BASE, MODE_GENERAL, MODE_GENERAL_32);
/** A vector of indexes is not part of the address. */
const WITHOUT_INDEX = modeSet(MODE_BASE, MODE_GENERAL, MODE_GENERAL_32);
const MEMORY_ONLY = modeSet(...MEMORY);
const MEMORY_ONLY_LOCKABLE = modeSet(...MEMORY, ...LOCKED);
const REGISTER_OR_MEMORY = modeSet(MODE_NONE, ...MEMORY);
const REGISTER_OR_MEMORY_LOCKABLE = modeSet(MODE_NONE, ...MEMORY, ...LOCKED);

function modeSetOf({ operands, attributes }: Row): ModeSet {
  for (let i = 0; i < operands.length; i++) {
    const { where } = operands[i]!;
    if (where === 'O') return MOFFS;
    if (operands.some((operand) => operand.where === 'X')) return WITHOUT_INDEX;
    const lockable = i === 0 && attributes.has('LOCK');
    if (where === 'M') return lockable ? MEMORY_ONLY_LOCKABLE : MEMORY_ONLY;
    if (where === 'E') return lockable ? REGISTER_OR_MEMORY_LOCKABLE : REGISTER_OR_MEMORY;
  }
  return attributes.has('ADDRESS') ? IMPLIED_ADDRESS : NO_ADDRESS;
}

const NO_REPEAT: readonly Repeat[] = ['none'];
const REPEAT: readonly Repeat[] = ['none', 'rep'];
const REPEAT_WHILE: readonly Repeat[] = ['none', 'repe', 'repne'];

function repeatsOf({ attributes }: Row): readonly Repeat[] {
  return attributes.has('REPZ') ? REPEAT_WHILE : attributes.has('REP') ? REPEAT : NO_REPEAT;
}

/** Placeholder for absent operands; no meaning can read it. */
const ABSENT: RelativeOperand = { kind: 'relative' };

function makeEntry(row: Row, id: number, width: Width, mode: AddressMode, repeat: Repeat): FormEntry {
  const operands = row.operands.map((type) => operandForm(type, width, mode.shape));
  const [dest = ABSENT, src = ABSENT, third = ABSENT] = operands;
  const [first = ABSENT, second = ABSENT, fourth = ABSENT] = hasTwoSources(row) ? operands.slice(1) : operands;
  const { addressWidth, lock } = mode;
  const form: Form = {
    ...{ row, id, width, addressWidth, lock, repeat },
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
      return { kind: 'control', width: 64 };
    case 'D':
      return { kind: 'debug', width: 64 };
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
    case 'v64':
      return width === 16 ? 16 : 64;
    default:
      return size;
  }
}
