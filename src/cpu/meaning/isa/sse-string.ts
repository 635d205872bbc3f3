import { CF, OF, SF, ZF } from '../flags.js';
import type { Form } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { RAX, RCX, RDX } from '../../state/layout.js';
import { flagFromTruth } from './flag-bits.js';
import { readVector, xmm } from './sse-operands.js';

/** PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. SDM Vol. 2 4.1 and Vol. 2B "PCMPESTRI" and so on. */

/** Bits of the control byte: words instead of bytes, and a mask of elements or the highest index. */
const WORDS = 1;
const WHOLE = 1 << 6;

/** Elements of a vector, and those of both strings that count, 32 bits each. */
interface Lengths<V> {
  readonly count: V;
  readonly first: V;
  readonly second: V;
}

/** Truth: the bit of the control byte is set. */
function has<V>(m: Machine<V>, bit: number): V {
  return m.isFalse(m.isZero(32, m.and(32, m.immediate(32), m.constant(32, bit))));
}

type FindLengths = <V>(m: Machine<V>, form: Form, x: V, y: V) => Lengths<V>;

function elements<V>(m: Machine<V>): V {
  return m.select(32, has(m, WORDS), m.constant(32, 8), m.constant(32, 16));
}

/** Up to the first element that is zero. */
const implicit: FindLengths = (m, _form, x, y) => {
  const isWords = has(m, WORDS);
  const zero = m.vectorConstant(0n);
  const length = (v: typeof x): typeof x => {
    const end = (shape: 'i8x16' | 'i16x8'): typeof x => {
      const zeros = m.signMask(8, m.vector(`${shape}.eq`, v, zero));
      return m.countTrailingZeros(32, m.or(32, zeros, m.constant(32, 1 << 16)));
    };
    return m.select(32, isWords, m.shr(32, end('i16x8'), m.constant(32, 1)), end('i8x16'));
  };
  return { count: elements(m), first: length(x), second: length(y) };
};

/** The magnitudes of EAX and EDX (RAX and RDX with REX.W), at most all elements. */
const explicit: FindLengths = (m, { width }) => {
  const count = elements(m);
  const length = (register: number): typeof count => {
    const value = m.gpr(register, width);
    const magnitude = m.select(width, m.lessSigned(width, value, m.constant(width, 0)), m.neg(width, value), value);
    const limit = m.zeroExtend(32, width, count);
    const least = m.select(width, m.lessUnsigned(width, magnitude, limit), magnitude, limit);
    return m.truncate(width, 32, least);
  };
  return { count, first: length(RAX), second: length(RDX) };
};

/** Compares, sets the flags, and gives the outcome to `finish`: IntRes2 and the number of elements. */
function compare(
  findLengths: FindLengths,
  finish: <V>(m: Machine<V>, outcome: V, count: V, form: Form) => void,
): Semantics {
  return (m, form) => {
    const y = readVector(m, form.src);
    const x = m.readXmm(xmm(form.dest));
    const { count, first, second } = findLengths(m, form, x, y);
    const outcome = m.compareStrings(x, first, y, second, m.immediate(8));
    const flags = [
      flagFromTruth(m, m.isFalse(m.isZero(32, outcome)), CF),
      flagFromTruth(m, m.lessUnsigned(32, second, count), ZF),
      flagFromTruth(m, m.lessUnsigned(32, first, count), SF),
      flagFromTruth(m, m.truncate(32, 8, m.and(32, outcome, m.constant(32, 1))), OF),
    ];
    finish(m, outcome, count, form);
    m.setFlags({ kind: 'bits', bits: flags.reduce((a, b) => m.or(32, a, b)) });
  };
}

/** ECX := the lowest or the highest element of the outcome; the number of elements if there is none. */
function toIndex<V>(m: Machine<V>, outcome: V, count: V): void {
  const lowest = m.countTrailingZeros(32, outcome);
  const highest = m.sub(32, m.constant(32, 31), m.countLeadingZeros(32, outcome));
  const found = m.select(32, has(m, WHOLE), highest, lowest);
  m.setGpr(RCX, 32, m.select(32, m.isZero(32, outcome), count, found));
}

const XMM0 = { kind: 'xmm', field: 0, width: 128 } as const;

/** XMM0 := the outcome, as bits or as elements of ones. */
function toMask<V>(m: Machine<V>, outcome: V, _count: V, { row }: Form): void {
  const eight = m.constant(32, 8);
  const bytes = m.vector(
    'i8x16.narrow_i16x8_s',
    m.laneMask(16, m.and(32, outcome, m.constant(32, 0xff))),
    m.laneMask(16, m.shr(32, outcome, eight)),
  );
  const bits = m.fromLanes(32, [outcome, m.constant(32, 0), m.constant(32, 0), m.constant(32, 0)]);
  const wide = m.select(128, has(m, WORDS), m.laneMask(16, outcome), bytes);
  m.writeXmm(XMM0, m.select(128, has(m, WHOLE), wide, bits));
  if (row.pattern.vex) m.writeYmmHigh(XMM0, m.vectorConstant(0n));
}

export const pcmpestri = compare(explicit, toIndex);
export const pcmpestrm = compare(explicit, toMask);
export const pcmpistri = compare(implicit, toIndex);
export const pcmpistrm = compare(implicit, toMask);
