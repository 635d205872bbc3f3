import type { Width } from '../../../bits.js';
import type { Form, OperandForm } from '../form.js';
import type { Access, Machine, Place, Semantics } from '../vocabulary.js';
import { place, read } from './operands.js';
import {
  FCW,
  FDP,
  FIP,
  FOP,
  FOP_WRITABLE,
  FSW,
  FTW,
  REGISTERS,
  X87_EXCEPTIONS,
  clearExceptions,
  fullTags,
  initialize,
  loadStack,
  requireNoPending,
  setControlAndStatus,
  setTop,
  storeStack,
  usedRegisters,
} from './x87-state.js';

/** SDM Vol. 1 5.2.7 "x87 FPU Control Instructions". */

/** FNSTCW: DEST := FCW. SDM Vol. 2A "FSTCW/FNSTCW". */
export const fnstcw: Semantics = (m, { dest }) => place(m, dest, 'write').write(m.x87(16, FCW));

/**
 * FLDCW: FCW := SRC. An exception flag that this unmasks becomes pending for the next waiting instruction. SDM Vol. 2A
 * "FLDCW".
 */
export const fldcw: Semantics = (m, { dest }) => {
  requireNoPending(m);
  const value = read(m, dest);
  setControlAndStatus(m, value, m.x87(16, FSW));
};

/** FNSTSW: DEST := FSW. SDM Vol. 2A "FSTSW/FNSTSW". */
export const fnstsw: Semantics = (m, { dest }) => place(m, dest, 'write').write(m.x87(16, FSW));

/** FNCLEX. SDM Vol. 2A "FCLEX/FNCLEX". */
export const fnclex: Semantics = (m) => clearExceptions(m);

/** FNINIT. SDM Vol. 2A "FINIT/FNINIT". */
export const fninit: Semantics = (m) => initialize(m);

/** FWAIT: #MF if an exception is pending. SDM Vol. 2D "WAIT/FWAIT". */
export const fwait: Semantics = (m) => requireNoPending(m);

/** EMMS: all registers count as empty, and TOP is 0. SDM Vol. 2A "EMMS", Vol. 3B table 13-1. */
export const emms: Semantics = (m) => {
  requireNoPending(m);
  setTop(m, m.constant(32, 0));
  m.setX87(16, FTW, m.constant(16, 0));
};

/** FNOP: nothing, but an exception that is pending. SDM Vol. 2A "FNOP". */
export const fnop: Semantics = (m) => requireNoPending(m);

/*
 * The environment in memory, in protected mode's formats with 32 and with 16 bits. SDM Vol. 1 figures 8-9 and 8-11. The
 * selectors of the pointers are 0, as on every CPU that deprecates FPU CS and DS (CPUID.7.0:EBX[13]).
 *
 *      0 | ones FCW  |    16 | FOP  0     |          0 | FCW  |  8 | 0     |
 *      4 | ones FSW  |    20 | FDP        |          2 | FSW  | 10 | FDP   |
 *      8 | ones FTW  |    24 | ones 0     |          4 | FTW  | 12 | 0     |
 *     12 | FIP       |                               6 | FIP  |
 */
const STACK_STRIDE = 10;

/** The sizes of the environment: 28 bytes, or 14 with 66h. */
function environmentBytes({ width }: Form): number {
  return width === 16 ? 14 : 28;
}

function imageOf<V>(m: Machine<V>, operand: OperandForm, bytes: number, access: Access): Place<V> {
  if (operand.kind !== 'memory') throw new Error(`an x87 environment in an operand of kind ${operand.kind}`);
  return m.translate(m.linearAddress(operand), bytes, access);
}

function storeEnvironment<V>(m: Machine<V>, form: Form, image: Place<V>): void {
  const pointer = (width: 16 | 32, offset: number): V => m.truncate(64, width, m.x87(64, offset));
  const words = [m.x87(16, FCW), m.x87(16, FSW), fullTags(m)];
  if (form.width === 16) {
    const zero = m.constant(16, 0);
    [...words, pointer(16, FIP), zero, pointer(16, FDP), zero].forEach((word, i) => image.store(16, word, 2 * i));
    return;
  }
  const ones = m.constant(32, 0xffff_0000);
  words.forEach((word, i) => image.store(32, m.or(32, ones, m.zeroExtend(16, 32, word)), 4 * i));
  image.store(32, pointer(32, FIP), 12);
  image.store(32, m.shl(32, m.zeroExtend(16, 32, m.x87(16, FOP)), m.constant(32, 16)), 16);
  image.store(32, pointer(32, FDP), 20);
  image.store(32, ones, 24);
}

function loadEnvironment<V>(m: Machine<V>, form: Form, image: Place<V>): void {
  const width: Width = form.width === 16 ? 16 : 32;
  const word = (index: number): V => image.load(16, (index * width) / 8);
  const pointer = (index: number): V => m.zeroExtend(width, 64, image.load(width, (index * width) / 8));
  const opcode = width === 16 ? m.constant(16, 0) : m.and(16, image.load(16, 18), m.constant(16, FOP_WRITABLE));
  setControlAndStatus(m, word(0), word(1));
  m.setX87(16, FTW, usedRegisters(m, word(2)));
  m.setX87(16, FOP, opcode);
  m.setX87(64, FIP, pointer(3));
  m.setX87(64, FDP, pointer(5));
}

/** FNSTENV: stores the environment, then masks all exceptions. SDM Vol. 2A "FSTENV/FNSTENV". */
export const fnstenv: Semantics = (m, form) => {
  storeEnvironment(m, form, imageOf(m, form.dest, environmentBytes(form), 'write'));
  setControlAndStatus(m, m.or(16, m.x87(16, FCW), m.constant(16, X87_EXCEPTIONS)), m.x87(16, FSW));
};

/** FLDENV. SDM Vol. 2A "FLDENV". */
export const fldenv: Semantics = (m, form) => {
  requireNoPending(m);
  const image = imageOf(m, form.dest, environmentBytes(form), 'read');
  loadEnvironment(m, form, image);
};

/** FNSAVE: stores the environment and ST(0) to ST(7), then initializes. SDM Vol. 2A "FSAVE/FNSAVE". */
export const fnsave: Semantics = (m, form) => {
  const bytes = environmentBytes(form);
  const image = imageOf(m, form.dest, bytes + REGISTERS * STACK_STRIDE, 'write');
  storeEnvironment(m, form, image);
  storeStack(m, image, bytes, STACK_STRIDE);
  initialize(m);
};

/** FRSTOR: loads what FNSAVE has stored. SDM Vol. 2A "FRSTOR". */
export const frstor: Semantics = (m, form) => {
  requireNoPending(m);
  const bytes = environmentBytes(form);
  const image = imageOf(m, form.dest, bytes + REGISTERS * STACK_STRIDE, 'read');
  loadEnvironment(m, form, image);
  loadStack(m, image, bytes, STACK_STRIDE);
};
