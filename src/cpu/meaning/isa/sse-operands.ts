import type { Form, MemoryOperand, OperandForm, XmmOperand } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { memoryPlace, place, read, widthOf } from './operands.js';

/**
 * Operands of vector instructions. A meaning says what happens in one lane of 128 bits, or to the lowest number; the functions
 * here apply it as the encoding demands. In the legacy form DEST is the first source as well, and what is not written stays.
 */

/** The operand as an XMM register, which it is in every form of the row. */
export function xmm(operand: OperandForm): XmmOperand {
  if (operand.kind !== 'xmm') throw new Error(`an operand of kind ${operand.kind} is not an XMM register`);
  return operand;
}

/** Bits of a scalar operand: 32 or 64. */
export function scalarWidth(operand: OperandForm): 32 | 64 {
  const width = widthOf(operand);
  if (width !== 32 && width !== 64) throw new Error(`a scalar of ${width} bits is not 32 or 64 bits wide`);
  return width;
}

/** Bits of a vector operand: 128 or 256. */
export function vectorWidth(operand: OperandForm): 128 | 256 {
  return 'width' in operand && operand.width === 256 ? 256 : 128;
}

/** The vector with `value` in its lowest lane and zeros above. */
export function zeroExtendToVector<V>(m: Machine<V>, width: 32 | 64, value: V): V {
  const low = width === 64 ? value : m.zeroExtend(32, 64, value);
  return m.fromLanes(64, [low, m.constant(64, 0)]);
}

/**
 * A source operand of a packed instruction: the whole register, or 16 or fewer bytes of memory, depending on the operand's
 * width, with zeros above.
 */
export function readVector<V>(m: Machine<V>, operand: OperandForm): V {
  if (operand.kind === 'xmm') return m.readXmm(operand);
  const width = widthOf(operand);
  if (width === 128) return read(m, operand);
  const value = read(m, operand);
  return zeroExtendToVector(m, 64, width === 64 ? value : m.zeroExtend(width, 64, value));
}

/** The lanes of a source operand, the lowest first. */
export function readLanes<V>(m: Machine<V>, operand: OperandForm): V[] {
  if (!('width' in operand) || operand.width !== 256) return [readVector(m, operand)];
  if (operand.kind === 'xmm') return [m.readXmm(operand), m.readYmmHigh(operand)];
  const place = memoryPlace(m, memory(operand), 'read');
  return [place.load(128), place.load(128, LANE_BYTES)];
}

const LANE_BYTES = 16;

/** The operand in memory, which it is in this form. */
export function memory(operand: OperandForm): MemoryOperand {
  if (operand.kind !== 'memory') throw new Error(`an operand of kind ${operand.kind} is not in memory`);
  return operand;
}

/** `float` if the lanes raise floating-point exceptions, which they then do together. */
type Raises = 'float' | undefined;

/** What `compute` gives for so many lanes, whose exceptions are raised together. */
export function computed<V>(m: Machine<V>, count: number, raises: Raises, compute: () => V[]): V[] {
  return raises === 'float' && count > 1 ? m.together(compute) : compute();
}

/** DEST := `operation`(SRC), lane by lane. */
export const unary =
  (operation: <V>(m: Machine<V>, x: V, form: Form, lane: number) => V, raises?: Raises): Semantics =>
  (m, form) => {
    const x = readLanes(m, form.src);
    writeLanes(
      m,
      form,
      computed(m, x.length, raises, () => x.map((lane, i) => operation(m, lane, form, i))),
    );
  };

/** DEST := `operation`(FIRST, SECOND), lane by lane. */
export const binary =
  (operation: <V>(m: Machine<V>, x: V, y: V, form: Form, lane: number) => V, raises?: Raises): Semantics =>
  (m, form) => {
    const y = readLanes(m, form.second);
    const x = readLanes(m, form.first);
    writeLanes(
      m,
      form,
      computed(m, x.length, raises, () => x.map((lane, i) => operation(m, lane, y[i]!, form, i))),
    );
  };

/** The lowest number of DEST := `operation`(that of FIRST, SECOND); above it, DEST is FIRST. */
export const scalarBinary =
  (operation: <V>(m: Machine<V>, width: 32 | 64, x: V, y: V, form: Form) => V): Semantics =>
  (m, form) => {
    const width = scalarWidth(form.second);
    const y = read(m, form.second);
    writeScalar(m, form, width, operation(m, width, m.readXmmLow(xmm(form.first), width), y, form));
  };

/**
 * Writes the destination of a packed instruction; an MMX register is the lower half. With VEX, what lies above the last lane
 * becomes zero.
 */
export function writeLanes<V>(m: Machine<V>, { dest, row }: Form, values: readonly V[]): void {
  if (dest.kind === 'mmx') return place(m, dest, 'write').write(m.lane(64, values[0]!, m.constant(32, 0)));
  const register = xmm(dest);
  m.writeXmm(register, values[0]!);
  if (row.pattern.vex) m.writeYmmHigh(register, values[1] ?? m.vectorConstant(0n));
}

/** Writes a destination of one lane. */
export function writeVector<V>(m: Machine<V>, form: Form, value: V): void {
  writeLanes(m, form, [value]);
}

/** Writes the lowest number of the destination. With VEX, the rest of the lane is that of FIRST, and zero above. */
export function writeScalar<V>(m: Machine<V>, form: Form, width: 32 | 64, value: V): void {
  if (!form.row.pattern.vex) m.writeXmmLow(xmm(form.dest), width, value);
  else writeVector(m, form, m.withLane(width, m.readXmm(xmm(form.first)), m.constant(32, 0), value));
}

/** DEST := SRC, of one or two lanes, one of them in memory perhaps: VMOVAPS and relatives. */
export const moveLanes: Semantics = (m, form) => {
  if (form.dest.kind !== 'memory') return writeLanes(m, form, readLanes(m, form.src));
  const place = memoryPlace(m, form.dest, 'write');
  readLanes(m, form.src).forEach((value, i) => place.store(128, value, LANE_BYTES * i));
};
