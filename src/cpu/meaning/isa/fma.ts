import type { FusedOperation } from '../fused.js';
import type { OperandForm } from '../form.js';
import type { FloatWidth, Semantics } from '../vocabulary.js';
import { read } from './operands.js';
import { computed, readLanes, scalarWidth, writeLanes, writeVector, xmm } from './sse-operands.js';

/**
 * Fused multiply and add: DEST := ±(x × y) ± z, rounded once. SDM Vol. 2C "VFMADD132PD/VFMADD213PD/VFMADD231PD" and so on.
 */

/** The operands that are x, y and z, by their numbers from 1 on, as the mnemonics name them. */
export type FusedOrder = '132' | '213' | '231';

function inOrder(order: FusedOrder, operands: readonly OperandForm[]): OperandForm[] {
  return [...order].map((number) => operands[Number(number) - 1]!);
}

/** VFMADD132PS, VFNMSUB231PD ...: each lane. */
export const packedFused =
  (operation: FusedOperation, order: FusedOrder, width: FloatWidth): Semantics =>
  (m, form) => {
    // Memory, which may fault, is the last operand.
    const lanes = new Map([...form.operands].reverse().map((operand) => [operand, readLanes(m, operand)]));
    const [x, y, z] = inOrder(order, form.operands).map((operand) => lanes.get(operand)!);
    const results = computed(m, x!.length, 'float', () =>
      x!.map((lane, i) => m.floatFusedPacked(operation, width, lane, y![i]!, z![i]!)),
    );
    writeLanes(m, form, results);
  };

/** VFMADD132SS, VFNMSUB231SD ...: the lowest number; the rest of the lane stays, and zero above. */
export const scalarFused =
  (operation: FusedOperation, order: FusedOrder): Semantics =>
  (m, form) => {
    const width = scalarWidth(form.dest);
    const last = read(m, form.third);
    const [x, y, z] = inOrder(order, form.operands).map((operand) =>
      operand === form.third ? last : m.readXmmLow(xmm(operand), width),
    );
    const result = m.floatFused(operation, width, x!, y!, z!);
    writeVector(m, form, m.withLane(width, m.readXmm(xmm(form.dest)), m.constant(32, 0), result));
  };
