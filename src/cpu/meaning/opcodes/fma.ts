import type { FusedOperation } from '../fused.js';
import { packedFused, scalarFused, type FusedOrder } from '../isa/fma.js';
import * as type from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';

const { Vx, Hx, Wx, Vss, Hss, Wss, Vsd, Hsd, Wsd } = type;

/** What differs between the orders of operands is the high digit of the opcode. */
const ORDERS: readonly (readonly [digit: string, order: FusedOrder])[] = [
  ['9', '132'],
  ['A', '213'],
  ['B', '231'],
];

const PACKED: readonly (readonly [digit: string, name: string, operation: FusedOperation])[] = [
  ['6', 'VFMADDSUB', 'maddsub'],
  ['7', 'VFMSUBADD', 'msubadd'],
  ['8', 'VFMADD', 'madd'],
  ['A', 'VFMSUB', 'msub'],
  ['C', 'VFNMADD', 'nmadd'],
  ['E', 'VFNMSUB', 'nmsub'],
];

const SCALAR: readonly (readonly [digit: string, name: string, operation: FusedOperation])[] = [
  ['9', 'VFMADD', 'madd'],
  ['B', 'VFMSUB', 'msub'],
  ['D', 'VFNMADD', 'nmadd'],
  ['F', 'VFNMSUB', 'nmsub'],
];

/** SDM Vol. 1 14.5 "Fused-Multiply-ADD (FMA) Extensions". */
export const FMA_ROWS: RowDraft[] = feature(
  'FMA',
  ...ORDERS.flatMap(([high, order]) => [
    ...PACKED.flatMap(([low, name, operation]) => [
      row(
        `VEX.66.0F38.W0 ${high}${low} /r`,
        `${name}${order}PS`,
        packedFused(operation, order, 32),
        Vx,
        Hx,
        Wx,
        'TYPE 2',
      ),
      row(
        `VEX.66.0F38.W1 ${high}${low} /r`,
        `${name}${order}PD`,
        packedFused(operation, order, 64),
        Vx,
        Hx,
        Wx,
        'TYPE 2',
      ),
    ]),
    ...SCALAR.flatMap(([low, name, operation]) => [
      row(
        `VEX.LIG.66.0F38.W0 ${high}${low} /r`,
        `${name}${order}SS`,
        scalarFused(operation, order),
        Vss,
        Hss,
        Wss,
        'TYPE 3',
      ),
      row(
        `VEX.LIG.66.0F38.W1 ${high}${low} /r`,
        `${name}${order}SD`,
        scalarFused(operation, order),
        Vsd,
        Hsd,
        Wsd,
        'TYPE 3',
      ),
    ]),
  ]),
);
