import type { PackedConversion, Semantics } from '../vocabulary.js';
import { memoryPlace, place, read } from './operands.js';
import {
  computed,
  readLanes,
  readVector,
  scalarWidth,
  unary,
  vectorWidth,
  writeLanes,
  writeScalar,
  writeVector,
} from './sse-operands.js';

/** CVTDQ2PS, CVTPS2DQ, CVTTPS2DQ: converts each lane. SDM Vol. 2A "CVTDQ2PS" and so on. */
export const convertPacked = (conversion: PackedConversion): Semantics =>
  unary((m, x) => m.convertPacked(conversion, x), 'float');

/** CVTDQ2PD, CVTPS2PD: the lanes of the low half of SRC, to lanes twice as wide. SDM Vol. 2A "CVTDQ2PD", "CVTPS2PD". */
export const convertWidening =
  (conversion: 'i32x2.f64x2' | 'f32x2.f64x2'): Semantics =>
  (m, form) => {
    const x = readVector(m, form.src);
    if (vectorWidth(form.dest) === 128) return writeVector(m, form, m.convertPacked(conversion, x));
    const halves = [x, m.shuffle(x, x, UPPER_HALF)];
    writeLanes(
      m,
      form,
      m.together(() => halves.map((half) => m.convertPacked(conversion, half))),
    );
  };

/** CVTPD2PS, CVTPD2DQ, CVTTPD2DQ: all lanes of SRC, to lanes half as wide. SDM Vol. 2A "CVTPD2DQ", "CVTPD2PS". */
export const convertNarrowing =
  (conversion: 'f64x2.f32x2' | 'f64x2.i32x2' | 'f64x2.i32x2t'): Semantics =>
  (m, form) => {
    const lanes = readLanes(m, form.src);
    const [low, high] = m.together(() => lanes.map((lane) => m.convertPacked(conversion, lane)));
    writeVector(m, form, high === undefined ? low! : m.shuffle(low!, high, LOWER_HALVES));
  };

/** VCVTPH2PS: the numbers of half precision in SRC, to singles. SDM Vol. 2C "VCVTPH2PS". */
export const convertFromHalves: Semantics = (m, form) => {
  const x = readVector(m, form.src);
  const halves = vectorWidth(form.dest) === 128 ? [x] : [x, m.shuffle(x, x, UPPER_HALF)];
  const results = computed(m, halves.length, 'float', () => halves.map((half) => m.floatFromHalves(half)));
  writeLanes(m, form, results);
};

/** VCVTPS2PH: all singles of SRC, to half precision. SDM Vol. 2C "VCVTPS2PH". */
export const convertToHalves: Semantics = (m, form) => {
  const { dest } = form;
  const target = dest.kind === 'memory' ? memoryPlace(m, dest, 'write') : undefined;
  const lanes = readLanes(m, form.src);
  const [low, high] = computed(m, lanes.length, 'float', () =>
    lanes.map((lane) => m.floatToHalves(lane, m.immediate(8))),
  );
  const whole = high === undefined ? low! : m.shuffle(low!, high, LOWER_HALVES);
  if (!target) writeVector(m, form, whole);
  else if (high === undefined) target.store(64, m.lane(64, whole, m.constant(32, 0)));
  else target.store(128, whole);
};

const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const LOWER_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/**
 * CVTSS2SD, CVTSD2SS: converts the lowest number; the rest of DEST is unchanged. SDM Vol. 2A "CVTSS2SD", "CVTSD2SS".
 */
export const convertScalar: Semantics = (m, form) => {
  const to = scalarWidth(form.dest);
  writeScalar(m, form, to, m.floatToFloat(scalarWidth(form.second), to, read(m, form.second)));
};

/**
 * CVTSI2SS, CVTSI2SD: converts a signed integer to the lowest number; the rest of DEST is unchanged. SDM Vol. 2A
 * "CVTSI2SS", "CVTSI2SD".
 */
export const convertFromInteger: Semantics = (m, form) => {
  const to = scalarWidth(form.dest);
  writeScalar(m, form, to, m.intToFloat(scalarWidth(form.second), to, read(m, form.second)));
};

/** CVTSS2SI, CVTSD2SI (rounded), CVTTSS2SI, CVTTSD2SI (truncated). SDM Vol. 2A "CVTSS2SI", "CVTTSS2SI". */
export const convertToInteger =
  (rounding: 'rounded' | 'truncated'): Semantics =>
  (m, { dest, src }) => {
    const integer = m.floatToInt(scalarWidth(src), scalarWidth(dest), read(m, src), rounding === 'truncated');
    place(m, dest, 'write').write(integer);
  };
