import type { Form } from '../form.js';
import type { Machine, Semantics, SystemOperations } from '../vocabulary.js';
import { RDI, RDX, RSI } from '../../state/layout.js';
import { Vector } from '../../state/exceptions.js';
import { gprWidth, place, read } from './operands.js';
import { advance, repeated, sourceElement, targetElement } from './string.js';
import { requireSystem } from './system.js';

/**
 * SDM Vol. 1 5.1.10 "I/O Instructions". On a machine of BD0, which has no ports, they raise #GP(0) at CPL 3, where IOPL is
 * always 0.
 */
function requireBus<V>(m: Machine<V>): SystemOperations<V> {
  if (!m.host.system) m.raiseIf(m.isFalse(m.isZero(8, m.cpl())), Vector.GP);
  return requireSystem(m);
}

/** A port number: an immediate byte, or DX. */
function portOf<V>(m: Machine<V>, operand: Form['dest']): V {
  return operand.kind === 'immediate' ? m.zeroExtend(8, 16, m.immediate(8)) : read(m, operand);
}

/** IN: DEST := the port. SDM Vol. 2A "IN—Input from Port". */
export const input: Semantics = (m, { dest, src }) => {
  const width = gprWidth(dest);
  const value = requireBus(m).input(portOf(m, src), width);
  place(m, dest, 'write').write(value);
};

/** OUT: the port := SRC. SDM Vol. 2B "OUT—Output to Port". */
export const output: Semantics = (m, { dest, src }) => {
  requireBus(m).output(portOf(m, dest), gprWidth(src), read(m, src));
};

/** The size of an element: that of the operand, but at most 32 bits. */
const elementOf = (form: Form): Form => (form.width === 64 ? { ...form, width: 32 } : form);

/** INS: [RDI] := the port DX. SDM Vol. 2A "INS". */
export const ins: Semantics = (m, whole) => {
  const form = elementOf(whole);
  const bus = requireBus(m);
  repeated(m, form, () => {
    bus.requirePort(m.gpr(RDX, 16), form.width);
    const to = targetElement(m, form, 'write');
    to.store(form.width, bus.input(m.gpr(RDX, 16), form.width));
    advance(m, form, RDI);
    return undefined;
  });
};

/** OUTS: the port DX := [RSI], in an overridable segment. SDM Vol. 2B "OUTS". */
export const outs: Semantics = (m, whole) => {
  const form = elementOf(whole);
  const bus = requireBus(m);
  repeated(m, form, () => {
    bus.requirePort(m.gpr(RDX, 16), form.width);
    const from = sourceElement(m, form);
    bus.output(m.gpr(RDX, 16), form.width, from.load(form.width));
    advance(m, form, RSI);
    return undefined;
  });
};
