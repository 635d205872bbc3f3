import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import type { Decoder } from '../decode/decoder.js';
import type { RowPlan } from '../decode/form-table.js';
import type { Instruction } from '../decode/instruction.js';
import type { RegisterField } from '../meaning/form.js';
import { HIGH_BYTE, gprAddress } from '../state/layout.js';
import type { RecordPlan, RegisterSlot } from './record-plan.js';

/**
 * What the quick decoder of runs (interpreter/run-decoder.ts) finds in the shared memory: for each opcode, by its place in the
 * tables of opcodes, how it decodes (i32, see `OpcodeKind`, 0 if that is not known yet); the handler of each fused pair (u16), by
 * the groups of the two forms; and templates of records, each at one of two places that follow from its key.
 */
export const OPCODE_KINDS = HOST_LAYOUT.templates;
const OPCODE_KINDS_BYTES = 0x2000;
export const PAIR_HANDLERS = HOST_LAYOUT.templates + 0x8000;
export const TEMPLATES = HOST_LAYOUT.templates + 0x1_0000;
export const TEMPLATES_BITS = 12;
export const TEMPLATE_BYTES = 32;
const TEMPLATES_END = TEMPLATES + (TEMPLATE_BYTES << TEMPLATES_BITS);

/**
 * A template: what the records of all instructions with the same key have in common.
 *
 *     +0  i32  key, of the bits below     +4  u16  handler     +6  u16  `Join`
 *     +8  u8   bytes of the immediate     +9  u8   a sum of `TemplateFlag`     +10 u8  bytes of the second immediate
 *     +12 i32  how the register of operand 0 is found: see `SlotBits`     +16, +20, +24 of operands 1 to 3
 */
export const TemplateField = {
  key: 0,
  handler: 4,
  join: 6,
  immediateBytes: 8,
  flags: 9,
  secondBytes: 10,
  slots: [12, 16, 20, 24],
} as const;

export const TemplateFlag = {
  immediateSigned: 1,
  /** The record holds the second immediate. */
  holdsSecond: 2,
  usesVvvv: 4,
  endsRun: 8,
} as const;

/** 0 if an operand has no register; else where its number is, whether 4 to 7 are AH to BH without REX, and how to get its address. */
export const SlotBits = {
  reg: 1,
  rm: 2,
  vvvv: 3,
  fixed: 4,
  source: 7,
  isByte: 8,
  /** Bits 7:4: the bits of the number that count. */
  maskShift: 4,
  /** Bits 11:8: log2 of the distance between two registers. */
  stepShift: 8,
  /** Bits 31:16: the address of the first. */
  baseShift: 16,
} as const;

/** The bits of a key: place of the opcode, prefixes, REX.W, addressing and LOCK, the bits of ModRM and REX that count; never 0. */
export const KeyBits = {
  prefixesShift: 11,
  rexWShift: 15,
  addressingShift: 16,
  modRMShift: 20,
  rexBShift: 28,
  isKey: 1 << 29,
} as const;
/** Multiplied by a key, the upper bits are its place. */
export const KEY_FACTOR = 0x9e37_79b1;

/** Instructions with more prefixes than the quick decoder takes are left to the other one. */
export const MOST_PREFIXES = 5;
/** How far behind its first byte it may read: prefixes, opcode, ModRM, SIB, displacement and two immediates. */
export const DECODER_READS = MOST_PREFIXES + 1 + 3 + 2 + 4 + 8 + 2;

/** Why the quick decoder has stopped; DECODED_TO is where. */
export const Why = {
  /** After an instruction that ends the run. */
  ended: 0,
  /** Where it was to stop, or after as many records as it was to write. */
  reached: 1,
  /** It does not know the kind of the opcode DECODED_KEY. */
  kind: 2,
  /** There is no template with the key DECODED_KEY. */
  template: 3,
  /** At an instruction that it leaves to the decoder. */
  unusual: 4,
} as const;

/** The TypeScript side of these tables. */
export class RecordTemplates {
  private readonly view: DataView;
  private decoder: Decoder | undefined;

  constructor(private readonly memory: GuestMemory) {
    this.view = memory.hostView;
  }

  /** Uses the tables for a decoder: empties them if they were another one's. */
  use(decoder: Decoder): void {
    if (decoder === this.decoder) return;
    this.memory.host.fill(0, OPCODE_KINDS, OPCODE_KINDS + OPCODE_KINDS_BYTES);
    this.memory.host.fill(0, TEMPLATES, TEMPLATES_END);
    this.decoder = decoder;
  }

  /** Enters the kind of an opcode. */
  addKind(place: number): void {
    this.view.setInt32(OPCODE_KINDS + place * 4, this.decoder!.opcodeKindAt(place), true);
  }

  /** Enters a template for all instructions with a key, of which this is one. */
  add(key: number, { form }: Instruction, plan: RecordPlan): void {
    const { view } = this;
    const first = TEMPLATES + (Math.imul(key, KEY_FACTOR) >>> (32 - TEMPLATES_BITS)) * TEMPLATE_BYTES;
    const other = first ^ TEMPLATE_BYTES;
    const at = view.getInt32(first, true) === 0 || view.getInt32(other, true) !== 0 ? first : other;
    const { entry, plan: row } = this.decoder!.readingOf(form);
    view.setInt32(at + TemplateField.key, key, true);
    view.setUint16(at + TemplateField.handler, plan.handler, true);
    view.setUint16(at + TemplateField.join, plan.join, true);
    view.setUint8(at + TemplateField.immediateBytes, entry.immediateBytes);
    view.setUint8(at + TemplateField.secondBytes, entry.secondImmediateBytes);
    const flags =
      (entry.immediateSigned ? TemplateFlag.immediateSigned : 0) |
      (plan.hasTwoImmediates ? TemplateFlag.holdsSecond : 0) |
      (row.usesVvvv ? TemplateFlag.usesVvvv : 0) |
      (plan.endsRun ? TemplateFlag.endsRun : 0);
    view.setUint8(at + TemplateField.flags, flags);
    for (const field of TemplateField.slots) view.setInt32(at + field, 0, true);
    for (const slot of plan.slots) view.setInt32(at + TemplateField.slots[slot.place]!, slotBits(slot, row), true);
  }
}

function slotBits({ register, valueOf }: RegisterSlot, row: RowPlan): number {
  const base = valueOf(0) << SlotBits.baseShift;
  if (typeof register === 'number') return SlotBits.fixed | (valueOf(register) << SlotBits.baseShift);
  const kind = register === 'reg' ? row.reg : register === 'rm' ? row.rm : 'general';
  const step = Math.log2(valueOf(1) - valueOf(0));
  const mask = kind === 'of eight' ? 7 : 15;
  const isByte = kind === 'byte' ? SlotBits.isByte : 0;
  return sourceOf(register) | isByte | (mask << SlotBits.maskShift) | (step << SlotBits.stepShift) | base;
}

function sourceOf(register: Exclude<RegisterField, number>): number {
  if (register === 'extra') throw new Error('no template has a fourth register');
  return SlotBits[register];
}

/** How far AH is from the low byte of the first register. */
export const HIGH_BYTES = gprAddress(HIGH_BYTE) - gprAddress(0);
