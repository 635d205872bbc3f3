import { STATUS_FLAGS } from '../flags.js';
import type { Form } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import type {
  Extended,
  X87Binary,
  X87Function,
  X87MemoryFormat,
  X87Result,
  X87Source,
  X87Unary,
} from '../x87-vocabulary.js';
import {
  C1,
  CONDITION_CODES,
  begin,
  clearC1,
  isEmpty,
  isFull,
  operandRegister,
  pop,
  push,
  readRegister,
  selectExtended,
  setCodes,
  source,
  stack,
  unlessUnderflow,
  writeRegister,
} from './x87-stack.js';
import { FSW, topOf } from './x87-state.js';

/** SDM Vol. 1 5.2.2 to 5.2.5: x87 arithmetic, comparison and transcendental instructions. */

export const FORMAT_WIDTHS: Readonly<Record<X87MemoryFormat, 16 | 32 | 64>> = {
  ...{ single: 32, double: 64, int16: 16, int32: 32, int64: 64 },
};

/** Begins an instruction, and reads its operand in memory or the register `form.src`. */
function beginWith<V>(m: Machine<V>, form: Form, format: X87MemoryFormat | undefined): X87Source<V> {
  if (format) {
    const width = FORMAT_WIDTHS[format];
    return { format, bits: begin(m, form, width / 8, 'read').load(width) };
  }
  begin(m, form);
  return source(m, operandRegister(m, form.src));
}

export interface ArithmeticOptions {
  /** The second operand is in memory. */
  readonly format?: X87MemoryFormat;
  /** SRC - DEST, SRC / DEST. */
  readonly reversed?: boolean;
  readonly pops?: boolean;
}

/** FADD, FSUB, FMUL, FDIV and their reversed, popping and integer forms. SDM Vol. 2A "FADD/FADDP/FIADD". */
export function arithmetic(operation: X87Binary, { format, reversed, pops }: ArithmeticOptions = {}): Semantics {
  return (m, form) => {
    const second = beginWith(m, form, format);
    const dest = format ? topOf(m) : operandRegister(m, form.dest);
    const first = source(m, dest);
    const [x, y] = reversed ? [second, first] : [first, second];
    const { value, stores } = m.host.x87.binary(operation, x, y);
    m.if(stores, () => {
      writeRegister(m, dest, value);
      if (pops) pop(m);
    });
  };
}

/** FSQRT, FRNDINT, F2XM1. */
export function unary(operation: X87Unary): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    const { value, stores } = m.host.x87.unary(operation, source(m, top));
    m.if(stores, () => writeRegister(m, top, value));
  };
}

/** FSCALE: of ST(0) and ST(1). FYL2X, FYL2XP1, FPATAN, which pop, and leave the result in the new ST(0). */
export function ofTwo(operation: X87Binary, pops: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    const [x, y] = [stack(m, 0), stack(m, 1)];
    const { value, stores } = m.host.x87.binary(operation, source(m, x), source(m, y));
    m.if(stores, () => {
      writeRegister(m, pops ? y : x, value);
      if (pops) pop(m);
    });
  };
}

const C2_BIT = 10;
const C2 = 1 << C2_BIT;

/** FPREM and FPREM1 (`nearest`). SDM Vol. 2A "FPREM". */
export function partialRemainder(nearest: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    const [x, y] = [stack(m, 0), stack(m, 1)];
    const { value, stores, codes, isQuotient } = m.host.x87.remainder(source(m, x), source(m, y), nearest);
    setCodes(m, m.constant(16, 0), C2);
    m.if(stores, () => {
      writeRegister(m, x, value);
      m.if(isQuotient, () => setCodes(m, codes, CONDITION_CODES));
    });
  };
}

/** FXTRACT: ST(0) becomes the exponent, and the significand is pushed. SDM Vol. 2A "FXTRACT". */
export const fxtract: Semantics = (m, form) => {
  begin(m, form);
  const x = topOf(m);
  const { value, stores } = m.host.x87.extract(source(m, x), isFull(m));
  m.if(stores, () => {
    writeRegister(m, x, value.exponent);
    push(m, value.significand);
  });
};

/** Runs `then` unless ST(0) is empty or the register to push to is in use: `fault` gets the indefinite then. */
function whereRoom<V>(m: Machine<V>, top: V, then: () => void, fault: (result: X87Result<V>) => void): void {
  m.if(
    isEmpty(m, top),
    () => fault(m.host.x87.stackFault(false)),
    () => m.if(isEmpty(m, stack(m, -1)), then, () => fault(m.host.x87.stackFault(true))),
  );
}

/** FSIN, FCOS: ST(0), and C2 if it is too large. SDM Vol. 2A "FSIN". */
export function sineOrCosine(name: X87Function): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    const { value, stores, outOfRange } = m.host.x87.trigonometric(name, source(m, top));
    setCodes(m, m.shl(16, m.zeroExtend(8, 16, outOfRange), m.constant(16, C2_BIT)), C2);
    m.if(m.and(8, stores, m.isFalse(outOfRange)), () => writeRegister(m, top, value));
  };
}

/** Whether the exponent is that of infinities and of what is not a number. */
function isSpecial<V>(m: Machine<V>, { signExponent }: Extended<V>): V {
  const special = m.constant(16, 0x7fff);
  return m.isZero(16, m.xor(16, m.and(16, signExponent, special), special));
}

/** FPTAN: pushes 1 as well, FSINCOS the cosine; both push what is not a number once more. SDM Vol. 2A "FPTAN", "FSINCOS". */
export function pushingFunction(name: 'tangent' | 'sineAndCosine'): Semantics {
  return <V>(m: Machine<V>, form: Form) => {
    begin(m, form);
    const top = topOf(m);
    const result = (): void => {
      const x = source(m, top);
      const { x87 } = m.host;
      const { value, stores, outOfRange, pushed } =
        name === 'tangent' ? { ...x87.trigonometric(name, x), pushed: x87.constant('one') } : x87.sineAndCosine(x);
      setCodes(m, m.select(16, outOfRange, m.constant(16, C2), m.constant(16, 0)), C2);
      m.if(m.and(8, stores, m.isFalse(outOfRange)), () => {
        writeRegister(m, top, value);
        push(m, selectExtended(m, isSpecial(m, value), value, pushed));
      });
    };
    whereRoom(m, top, result, ({ value, stores }) => {
      setCodes(m, m.constant(16, 0), C2);
      m.if(stores, () => {
        writeRegister(m, top, value);
        push(m, value);
      });
    });
  };
}

/** FCHS, FABS: the sign bit, also of what is not a number. SDM Vol. 2A "FCHS". */
export function sign(mode: 'change' | 'clear'): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    unlessUnderflow(m, isEmpty(m, top), top, () => {
      const { significand, signExponent } = readRegister(m, top);
      const changed =
        mode === 'change'
          ? m.xor(16, signExponent, m.constant(16, 0x8000))
          : m.and(16, signExponent, m.constant(16, 0x7fff));
      writeRegister(m, top, { significand, signExponent: changed });
      clearC1(m);
    });
  };
}

export interface CompareOptions {
  readonly format?: X87MemoryFormat;
  /** FUCOM: QNaNs are valid. */
  readonly quiet?: boolean;
  readonly pops?: number;
  /** Which flags the result goes to: C3 C2 C0, or ZF PF CF. */
  readonly to?: 'codes' | 'flags';
}

/** C3 C2 C0. */
const COMPARED = 0x4500;

/** FCOM, FICOM, FUCOM, FCOMI, FUCOMI and their popping forms. SDM Vol. 2A "FCOM/FCOMP/FCOMPP". */
export function comparison({ format, quiet = false, pops = 0, to = 'codes' }: CompareOptions = {}): Semantics {
  return (m, form) => {
    const second = beginWith(m, form, format);
    const c1 = m.and(16, m.x87(16, FSW), m.constant(16, C1));
    compareTop(m, second, quiet, pops, (codes, isEmpty) => {
      if (to === 'codes') return setCodes(m, placed(m, codes), COMPARED);
      m.setFlagBits(STATUS_FLAGS, codes);
      // C1 stays, as on AMD.
      setCodes(m, m.select(16, isEmpty, m.constant(16, 0), c1), C1);
    });
  };
}

/** FCOMPP, FUCOMPP: ST(0) with ST(1). */
export function comparisonOfTwo(quiet: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    compareTop(m, source(m, stack(m, 1)), quiet, 2, (codes) => setCodes(m, placed(m, codes), COMPARED));
  };
}

/** FTST: ST(0) with zero. SDM Vol. 2A "FTST". */
export const ftst: Semantics = (m, form) => {
  begin(m, form);
  const second = { format: 'int16', bits: m.constant(16, 0) } as const;
  compareTop(m, second, false, 0, (codes) => setCodes(m, placed(m, codes), COMPARED));
};

/** ZF PF CF in the places of C3 C2 C0. */
function placed<V>(m: Machine<V>, codes: V): V {
  return m.shl(16, m.truncate(32, 16, codes), m.constant(16, 8));
}

/**
 * Compares ST(0), and goes on with the result and whether an operand was empty. The result is there even where an unmasked
 * exception keeps the operands on the stack, as on AMD.
 */
function compareTop<V>(
  m: Machine<V>,
  second: X87Source<V>,
  quiet: boolean,
  pops: number,
  then: (codes: V, isEmpty: V) => void,
): void {
  const first = source(m, topOf(m));
  const { value, stores } = m.host.x87.compare(first, second, quiet);
  then(value, second.format === 'extended' ? m.or(8, first.isEmpty, second.isEmpty) : first.isEmpty);
  m.if(stores, () => pop(m, pops));
}

const MAX_EXPONENT = 0x7fff;
/** From the sign, bit 15, to C1, bit 9. */
const SIGN_TO_C1 = 6;

/** C3 C2 C0 of FXAM by class. SDM Vol. 2A table 3-42. */
const EXAMINED = {
  unsupported: 0,
  nan: 0x0100,
  normal: 0x0400,
  infinity: 0x0500,
  zero: 0x4000,
  empty: 0x4100,
  denormal: 0x4400,
} as const;

/** FXAM: the class of ST(0), and its sign in C1. SDM Vol. 2A "FXAM". */
export const fxam: Semantics = <V>(m: Machine<V>, form: Form) => {
  begin(m, form);
  const { significand, signExponent, isEmpty } = source(m, topOf(m));
  const exponent = m.and(16, signExponent, m.constant(16, MAX_EXPONENT));
  const is = (name: keyof typeof EXAMINED): V => m.constant(16, EXAMINED[name]);
  const choose = (condition: V, yes: V, no: V): V => m.select(16, condition, yes, no);
  const fraction = m.shl(64, significand, m.constant(64, 1));
  const large = choose(m.isZero(64, fraction), is('infinity'), is('nan'));
  const number = choose(m.equal(16, exponent, m.constant(16, MAX_EXPONENT)), large, is('normal'));
  const known = choose(m.lessSigned(64, significand, m.constant(64, 0)), number, is('unsupported'));
  const tiny = choose(m.isZero(64, significand), is('zero'), is('denormal'));
  const kind = choose(isEmpty, is('empty'), choose(m.isZero(16, exponent), tiny, known));
  const sign = m.and(16, m.shr(16, signExponent, m.constant(16, SIGN_TO_C1)), m.constant(16, C1));
  setCodes(m, m.or(16, kind, sign), CONDITION_CODES);
};
