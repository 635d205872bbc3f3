import type { Width } from '../../../bits.js';
import { DF, flagsOfSub } from '../flags.js';
import type { AddressWidth, Form } from '../form.js';
import type { Machine, Place, Semantics } from '../vocabulary.js';
import { ES, RAX, RDI, RSI } from '../../state/layout.js';
import { resize } from './flag-bits.js';
import { linearAt } from './stack.js';

/**
 * SDM Vol. 1 5.1.8 "String Instructions". Elements are at RSI, in an overridable segment, and at RDI, in ES; afterwards
 * both registers advance by one element, or move back if DF is set. With other address sizes they are ESI, EDI and ECX, or SI, DI
 * and CX.
 */

/** Processes one element, or with REP as many as the count register specifies, one per iteration. */
export function repeated<V>(
  m: Machine<V>,
  { repeat }: Form,
  element: () => V | undefined,
  bulk?: 'move' | 'fill',
): void {
  if (repeat === 'none') element();
  else m.repeat(element, bulk);
}

/** The element at RSI. */
export function sourceElement<V>(m: Machine<V>, { width, addressWidth }: Form): Place<V> {
  const address = wideAddress(m, addressWidth, RSI);
  return m.translate(linearAt(m, m.sourceSegmentBase(), address), width / 8, 'read');
}

/** The element at RDI. */
export function targetElement<V>(
  m: Machine<V>,
  { width, addressWidth, mode }: Form,
  access: 'read' | 'write',
): Place<V> {
  const address = wideAddress(m, addressWidth, RDI);
  const linear = mode === 64 ? address : linearAt(m, m.segmentBase(ES), address);
  return m.translate(linear, width / 8, access, ES);
}

function wideAddress<V>(m: Machine<V>, addressWidth: AddressWidth, register: number): V {
  return resize(m, addressWidth, 64, m.gpr(register, addressWidth));
}

/** Advances registers by one element. */
export function advance<V>(m: Machine<V>, { width, addressWidth }: Form, ...registers: number[]): void {
  const bytes = width / 8;
  // DF is bit 10: moved down to 2 * bytes, it turns bytes into -bytes.
  const isDown = m.and(64, m.systemFlags(), m.constant(64, DF));
  const twice = m.shr(64, isDown, m.constant(64, Math.log2(DF) - Math.log2(2 * bytes)));
  const step = cut(m, addressWidth, m.sub(64, m.constant(64, bytes), twice));
  for (const register of registers)
    m.setGpr(register, addressWidth, m.add(addressWidth, m.gpr(register, addressWidth), step));
}

function cut<V>(m: Machine<V>, width: Width, x: V): V {
  return width === 64 ? x : m.truncate(64, width, x);
}

/** MOVS: [RDI] := [RSI]. SDM Vol. 2B "MOVS/MOVSB/MOVSW/MOVSD/MOVSQ". */
export const movs: Semantics = (m, form) => {
  repeated(
    m,
    form,
    () => {
      const from = sourceElement(m, form);
      const to = targetElement(m, form, 'write');
      to.store(form.width, from.load(form.width));
      advance(m, form, RSI, RDI);
      return undefined;
    },
    'move',
  );
};

/** STOS: [RDI] := accumulator. SDM Vol. 2B "STOS/STOSB/STOSW/STOSD/STOSQ". */
export const stos: Semantics = (m, form) => {
  repeated(
    m,
    form,
    () => {
      targetElement(m, form, 'write').store(form.width, m.gpr(RAX, form.width));
      advance(m, form, RDI);
      return undefined;
    },
    'fill',
  );
};

/** LODS: accumulator := [RSI]. SDM Vol. 2A "LODS/LODSB/LODSW/LODSD/LODSQ". */
export const lods: Semantics = (m, form) => {
  repeated(m, form, () => {
    m.setGpr(RAX, form.width, sourceElement(m, form).load(form.width));
    advance(m, form, RSI);
    return undefined;
  });
};

/**
 * CMPS: flags as CMP [RSI], [RDI]; REPE and REPNE continue while ZF is set or clear. SDM Vol. 2A
 * "CMPS/CMPSB/CMPSW/CMPSD/CMPSQ".
 */
export const cmps: Semantics = (m, form) => {
  repeated(m, form, () => {
    // The manual does not say which of the two is read first.
    const y = targetElement(m, form, 'read').load(form.width);
    const x = sourceElement(m, form).load(form.width);
    return compare(m, form, x, y, [RSI, RDI]);
  });
};

/**
 * SCAS: flags as CMP accumulator, [RDI]; REPE and REPNE continue while ZF is set or clear. SDM Vol. 2B
 * "SCAS/SCASB/SCASW/SCASD".
 */
export const scas: Semantics = (m, form) => {
  repeated(m, form, () => {
    const y = targetElement(m, form, 'read').load(form.width);
    return compare(m, form, m.gpr(RAX, form.width), y, [RDI]);
  });
};

/** Compares, advances the registers, and returns whether to continue. */
function compare<V>(m: Machine<V>, form: Form, x: V, y: V, registers: number[]): V {
  const { width, repeat } = form;
  m.setFlags(flagsOfSub(width, x, y, m.sub(width, x, y)));
  advance(m, form, ...registers);
  const equal = m.equal(width, x, y);
  return repeat === 'repne' ? m.isFalse(equal) : equal;
}
