import type { Form, MemoryOperand, XmmOperand } from '../form.js';
import type { Access, Machine, Place, Semantics } from '../vocabulary.js';
import { memory, readLanes, writeLanes, xmm } from './sse-operands.js';
import { resize } from './flag-bits.js';
import { linearAt } from './stack.js';

/**
 * VMASKMOVPS, VPMASKMOVQ ...: loads or stores the numbers whose top bit is set in the mask. Only these are accessed, and only they
 * can fault. SDM Vol. 2C "VMASKMOV", "VPMASKMOV".
 */

type NumberWidth = 32 | 64;

/** The lanes of FIRST, loaded from SECOND where FIRST selects them; all others are zero. */
export const maskedLoad =
  (width: NumberWidth): Semantics =>
  (m, form) => {
    const masks = readLanes(m, form.first);
    const count = 128 / width;
    const selected = selectedNumbers(m, width, masks);
    m.if(
      m.isFalse(m.isZero(32, selected)),
      () => {
        const places = selectedPlaces(
          m,
          form,
          memory(form.second),
          { width, selected, count: count * masks.length },
          'read',
        );
        const lanes = masks.map((mask, lane) => {
          const numbers = places.slice(lane * count, (lane + 1) * count).map((where) => where.load(width));
          const ones = m.vectorShift('sar', width, mask, m.constant(64, width - 1));
          return m.vector('and', ones, m.fromLanes(width, numbers));
        });
        writeLanes(m, form, lanes);
      },
      () => writeNothing(m, form),
    );
  };

function writeNothing<V>(m: Machine<V>, form: Form): void {
  writeLanes(m, form, [m.vectorConstant(0n)]);
}

/** The numbers of the last operand stored to DEST where the one before selects them. */
export const maskedStore =
  (width: NumberWidth): Semantics =>
  (m, form) => {
    const masks = readLanes(m, form.first);
    const values = readLanes(m, form.second);
    const count = (128 / width) * masks.length;
    const selected = selectedNumbers(m, width, masks);
    m.if(m.isFalse(m.isZero(32, selected)), () => {
      const places = selectedPlaces(m, form, memory(form.dest), { width, selected, count }, 'write');
      const number = (i: number): ReturnType<typeof m.lane> =>
        m.lane(width, values[Math.floor((i * width) / 128)]!, m.constant(32, i % (128 / width)));
      // A number that is not selected has the place of the first one that is, and stores what that one does.
      const numbers = Array.from({ length: count }, (_, i) => number(i));
      const first = numbers.reduceRight((otherwise, value, i) =>
        m.select(width, isSelected(m, selected, i), value, otherwise),
      );
      places.forEach((where, i) => where.store(width, m.select(width, isSelected(m, selected, i), numbers[i]!, first)));
    });
  };

/** One bit for each number that is selected, 32 bits. */
function selectedNumbers<V>(m: Machine<V>, width: NumberWidth, masks: readonly V[]): V {
  return masks
    .map((mask, lane) => m.shl(32, m.signMask(width, mask), m.constant(32, (lane * 128) / width)))
    .reduce((a, b) => m.or(32, a, b));
}

function isSelected<V>(m: Machine<V>, selected: V, index: number): V {
  return m.and(32, m.shr(32, selected, m.constant(32, index)), m.constant(32, 1));
}

interface Selection<V> {
  readonly width: NumberWidth;
  readonly selected: V;
  readonly count: number;
}

/** The places of the numbers in memory; of those that are not selected, that of the first one that is. */
function selectedPlaces<V>(
  m: Machine<V>,
  form: Form,
  operand: MemoryOperand,
  { width, selected, count }: Selection<V>,
  access: Access,
): Place<V>[] {
  const start = m.effectiveAddress(operand);
  const bytes = width / 8;
  const firstIndex = m.zeroExtend(32, 64, m.countTrailingZeros(32, selected));
  const first = m.mul(64, firstIndex, m.constant(64, bytes));
  return Array.from({ length: count }, (_, i) => {
    const offset = m.select(64, isSelected(m, selected, i), m.constant(64, i * bytes), first);
    return m.translate(elementAddress(m, form, operand, m.add(64, start, offset)), bytes, access);
  });
}

/** The linear address of an element at an effective address that is still to be cut to the address size. */
function elementAddress<V>(m: Machine<V>, { addressWidth }: Form, { shape }: MemoryOperand, effective: V): V {
  const cut = resize(m, addressWidth, 64, resize(m, 64, addressWidth, effective));
  return shape === 'general' ? linearAt(m, cut, m.sourceSegmentBase()) : cut;
}

/**
 * VGATHERDPS, VPGATHERQD ...: DEST := the numbers in memory at the base plus the scaled indexes, where the mask selects them; the
 * mask becomes zero. Elements count by the wider of numbers and indexes; what is above them is zero. If an element faults, those
 * before it are loaded, and no others. SDM Vol. 2C "VGATHERDPS/VGATHERDPD", "VPGATHERDD/VPGATHERQD".
 */
export const gather =
  (indexWidth: NumberWidth, width: NumberWidth): Semantics =>
  (m, form) => {
    const { dest, src, third, row } = form;
    const operand = memory(src);
    const indexes = readLanes(m, form.operands[3]!);
    const masks = readLanes(m, third);
    const old = readLanes(m, dest);
    const lengthBits = row.pattern.vexL === 1 ? 256 : 128;
    const count = lengthBits / Math.max(width, indexWidth);
    const all = m.constant(32, (1 << count) - 1);
    const selected = m.and(32, selectedNumbers(m, width, masks), all);
    const finish = (values: readonly (typeof old)[number][]): void => {
      writeLanes(m, form, values);
      m.writeXmm(xmm(third), m.vectorConstant(0n));
      m.writeYmmHigh(xmm(third), m.vectorConstant(0n));
    };
    const kept = (lane: number): (typeof old)[number] => keepElements(m, old[lane]!, count * width - 128 * lane);
    m.if(
      m.isFalse(m.isZero(32, selected)),
      () => {
        const base = m.effectiveAddress(operand);
        const scale = m.addressScale();
        const offsets = Array.from({ length: count }, (_, i) => {
          const [lane, place] = [Math.floor((i * indexWidth) / 128), i % (128 / indexWidth)];
          const index = m.lane(indexWidth, indexes[lane]!, m.constant(32, place));
          return m.shl(64, m.signExtend(indexWidth, 64, index), scale);
        });
        const first = offsets.reduceRight((otherwise, offset, i) =>
          m.select(64, isSelected(m, selected, i), offset, otherwise),
        );
        const addresses = offsets.map((offset, i) => {
          const own = m.select(64, isSelected(m, selected, i), offset, first);
          return elementAddress(m, form, operand, m.add(64, base, own));
        });
        const places = m.translateElements(addresses, width / 8, (done) =>
          keepGathered(m, { width, selected, old, masks, dest: xmm(dest), mask: xmm(third) }, done),
        );
        const perLane = 128 / width;
        finish(
          old.map((_, lane) => {
            const numbers = places.slice(lane * perLane, (lane + 1) * perLane).map((where) => where.load(width));
            while (numbers.length < perLane) numbers.push(m.constant(width, 0));
            const ones = m.vectorShift('sar', width, masks[lane]!, m.constant(64, width - 1));
            return m.blend(ones, keepElements(m, m.fromLanes(width, numbers), count * width), kept(lane));
          }),
        );
      },
      () => finish(old.map((_, lane) => kept(lane))),
    );
  };

interface Gathering<V> {
  readonly width: NumberWidth;
  readonly selected: V;
  /** Of DEST and of the mask. */
  readonly old: readonly V[];
  readonly masks: readonly V[];
  readonly dest: XmmOperand;
  readonly mask: XmmOperand;
}

/** Loads the elements before one that faults, and clears their part of the mask; all else stays. */
function keepGathered<V>(
  m: Machine<V>,
  { width, selected, old, masks, dest, mask }: Gathering<V>,
  places: readonly Place<V>[],
): void {
  const perLane = 128 / width;
  const first = m.countTrailingZeros(32, selected);
  const write = (register: XmmOperand, lanes: readonly V[], element: (i: number, before: V) => V): void =>
    lanes.forEach((lane, at) => {
      const numbers = Array.from({ length: perLane }, (_, i) =>
        element(at * perLane + i, m.lane(width, lane, m.constant(32, i))),
      );
      const vector = m.fromLanes(width, numbers);
      if (at === 0) m.writeXmm(register, vector);
      else m.writeYmmHigh(register, vector);
    });
  write(dest, old, (i, before) => {
    const where = places[i];
    return where ? m.select(width, isSelected(m, selected, i), where.load(width), before) : before;
  });
  // An element that is not selected has the address of the first one that is, which faults on its behalf.
  const none = m.constant(width, 0);
  write(mask, masks, (i, before) =>
    i < places.length ? none : m.select(width, m.lessUnsigned(32, m.constant(32, i), first), none, before),
  );
}

/** The low `bits` bits of a vector, if it has more. */
function keepElements<V>(m: Machine<V>, x: V, bits: number): V {
  return bits >= 128 ? x : m.vector('and', x, m.vectorConstant((1n << BigInt(bits)) - 1n));
}
