import { STATUS_FLAGS } from '../flags.js';
import type { Form } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import type { X87Binary, X87Function, X87MemoryFormat, X87Result, X87Source, X87Unary } from '../x87-vocabulary.js';
import {
  C1,
  CONDITION_CODES,
  begin,
  clearC1,
  isEmpty,
  operandRegister,
  pop,
  push,
  readRegister,
  setCodes,
  source,
  stack,
  writeRegister,
} from './x87-stack.js';
import { FSW, topOf } from './x87-state.js';

/** SDM Vol. 1 5.2.2 to 5.2.5: x87 arithmetic, comparison and transcendental instructions. */

export const FORMAT_WIDTHS: Readonly<Record<X87MemoryFormat, 16 | 32 | 64>> = {
  ...{ single: 32, double: 64, int16: 16, int32: 32, int64: 64 },
};

/** A second operand, and whether it is an empty register; undefined for memory. */
interface Second<V> {
  readonly value: X87Source<V>;
  readonly isEmpty: V | undefined;
}

/** Begins an instruction, and reads its operand in memory or the register `form.src` or `form.dest`. */
function beginWith<V>(m: Machine<V>, form: Form, format: X87MemoryFormat | undefined): Second<V> {
  if (format) {
    const width = FORMAT_WIDTHS[format];
    const bits = begin(m, form, width / 8, 'read').load(width);
    return { value: { format, bits }, isEmpty: undefined };
  }
  begin(m, form);
  const register = operandRegister(m, form.src);
  return { value: source(m, register), isEmpty: isEmpty(m, register) };
}

/** Whether ST(0), or the second operand, is empty. */
function anyEmpty<V>(m: Machine<V>, register: V, second: Second<V>): V {
  const first = isEmpty(m, register);
  return second.isEmpty === undefined ? first : m.or(8, first, second.isEmpty);
}

/** Goes on with the result of an operation, or of a stack fault if `faults`, where it may be stored. */
function store<V>(
  m: Machine<V>,
  faults: V,
  operation: () => X87Result<V>,
  then: (value: X87Result<V>['value']) => void,
): void {
  const finish = ({ value, stores }: X87Result<V>): void => m.if(stores, () => then(value));
  m.if(
    faults,
    () => finish(m.host.x87.stackFault(false)),
    () => finish(operation()),
  );
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
    const [x, y] = reversed ? [second.value, first] : [first, second.value];
    store(
      m,
      anyEmpty(m, dest, second),
      () => m.host.x87.binary(operation, x, y),
      (value) => {
        writeRegister(m, dest, value);
        if (pops) pop(m);
      },
    );
  };
}

/** FSQRT, FRNDINT, F2XM1. */
export function unary(operation: X87Unary): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    store(
      m,
      isEmpty(m, top),
      () => m.host.x87.unary(operation, source(m, top)),
      (value) => writeRegister(m, top, value),
    );
  };
}

/** FSCALE: of ST(0) and ST(1). FYL2X, FYL2XP1, FPATAN, which pop, and leave the result in the new ST(0). */
export function ofTwo(operation: X87Binary, pops: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    const [x, y] = [stack(m, 0), stack(m, 1)];
    store(
      m,
      m.or(8, isEmpty(m, x), isEmpty(m, y)),
      () => m.host.x87.binary(operation, source(m, x), source(m, y)),
      (value) => {
        writeRegister(m, pops ? y : x, value);
        if (pops) pop(m);
      },
    );
  };
}

const C2 = 0x0400;

/** FPREM and FPREM1 (`nearest`). SDM Vol. 2A "FPREM". */
export function partialRemainder(nearest: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    const [x, y] = [stack(m, 0), stack(m, 1)];
    setCodes(m, m.constant(16, 0), C2);
    m.if(
      m.or(8, isEmpty(m, x), isEmpty(m, y)),
      () => {
        const { value, stores } = m.host.x87.stackFault(false);
        m.if(stores, () => writeRegister(m, x, value));
      },
      () => {
        const { value, stores, codes, isQuotient } = m.host.x87.remainder(source(m, x), source(m, y), nearest);
        m.if(stores, () => {
          writeRegister(m, x, value);
          m.if(isQuotient, () => setCodes(m, codes, CONDITION_CODES));
        });
      },
    );
  };
}

/** FXTRACT: ST(0) becomes the exponent, and the significand is pushed. SDM Vol. 2A "FXTRACT". */
export const fxtract: Semantics = (m, form) => {
  begin(m, form);
  const x = topOf(m);
  const result = (): void => {
    const { value, stores } = m.host.x87.extract(source(m, x));
    m.if(stores, () => {
      writeRegister(m, x, value.exponent);
      push(m, value.significand);
    });
  };
  whereRoom(m, x, result, (value) => {
    writeRegister(m, x, value);
    push(m, value);
  });
};

/** Runs `then` unless ST(0) is empty or the register to push to is in use: `fault` gets the indefinite then. */
function whereRoom<V>(m: Machine<V>, top: V, then: () => void, fault: (value: X87Result<V>['value']) => void): void {
  const finish = ({ value, stores }: X87Result<V>): void => m.if(stores, () => fault(value));
  m.if(
    isEmpty(m, top),
    () => finish(m.host.x87.stackFault(false)),
    () => m.if(isEmpty(m, stack(m, -1)), then, () => finish(m.host.x87.stackFault(true))),
  );
}

/** FSIN, FCOS: ST(0), and C2 if it is too large. SDM Vol. 2A "FSIN". */
export function sineOrCosine(name: X87Function): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    setCodes(m, m.constant(16, 0), C2);
    m.if(
      isEmpty(m, top),
      () => {
        const { value, stores } = m.host.x87.stackFault(false);
        m.if(stores, () => writeRegister(m, top, value));
      },
      () => {
        const { value, stores, outOfRange } = m.host.x87.trigonometric(name, source(m, top));
        m.if(outOfRange, () => setCodes(m, m.constant(16, C2), C2));
        m.if(m.and(8, stores, m.isFalse(outOfRange)), () => writeRegister(m, top, value));
      },
    );
  };
}

/** FPTAN: pushes 1 as well. FSINCOS: pushes the cosine. SDM Vol. 2A "FPTAN", "FSINCOS". */
export function pushingFunction(name: 'tangent' | 'sine'): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    setCodes(m, m.constant(16, 0), C2);
    const result = (): void => {
      const x = source(m, top);
      const { value, stores, outOfRange } = m.host.x87.trigonometric(name, x);
      m.if(outOfRange, () => setCodes(m, m.constant(16, C2), C2));
      m.if(m.and(8, stores, m.isFalse(outOfRange)), () => {
        const pushed = name === 'tangent' ? m.host.x87.constant('one') : m.host.x87.trigonometric('cosine', x).value;
        writeRegister(m, top, value);
        push(m, pushed);
      });
    };
    whereRoom(m, top, result, (value) => {
      writeRegister(m, top, value);
      push(m, value);
    });
  };
}

/** FCHS, FABS: the sign bit, also of what is not a number. SDM Vol. 2A "FCHS". */
export function sign(mode: 'change' | 'clear'): Semantics {
  return (m, form) => {
    begin(m, form);
    const top = topOf(m);
    m.if(
      isEmpty(m, top),
      () => {
        const { value, stores } = m.host.x87.stackFault(false);
        m.if(stores, () => writeRegister(m, top, value));
      },
      () => {
        const { significand, signExponent } = readRegister(m, top);
        const changed =
          mode === 'change'
            ? m.xor(16, signExponent, m.constant(16, 0x8000))
            : m.and(16, signExponent, m.constant(16, 0x7fff));
        writeRegister(m, top, { significand, signExponent: changed });
        clearC1(m);
      },
    );
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

const UNORDERED = 0x45;
/** C3 C2 C0. */
const COMPARED = 0x4500;

/** FCOM, FICOM, FUCOM, FCOMI, FUCOMI and their popping forms. SDM Vol. 2A "FCOM/FCOMP/FCOMPP". */
export function comparison({ format, quiet = false, pops = 0, to = 'codes' }: CompareOptions = {}): Semantics {
  return (m, form) => {
    const second = beginWith(m, form, format);
    const c1 = m.and(16, m.x87(16, FSW), m.constant(16, C1));
    compareTop(m, second, quiet, pops, (codes, isFault) => {
      if (to === 'codes') return setCodes(m, placed(m, codes), COMPARED);
      m.setFlagBits(STATUS_FLAGS, codes);
      // C1 stays, as on AMD.
      if (!isFault) setCodes(m, c1, C1);
    });
  };
}

/** FCOMPP, FUCOMPP: ST(0) with ST(1). */
export function comparisonOfTwo(quiet: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    const y = stack(m, 1);
    compareTop(m, { value: source(m, y), isEmpty: isEmpty(m, y) }, quiet, 2, (codes) =>
      setCodes(m, placed(m, codes), COMPARED),
    );
  };
}

/** FTST: ST(0) with zero. SDM Vol. 2A "FTST". */
export const ftst: Semantics = (m, form) => {
  begin(m, form);
  const second = { value: { format: 'int16' as const, bits: m.constant(16, 0) }, isEmpty: undefined };
  compareTop(m, second, false, 0, (codes) => setCodes(m, placed(m, codes), COMPARED));
};

/** ZF PF CF in the places of C3 C2 C0. */
function placed<V>(m: Machine<V>, codes: V): V {
  return m.shl(16, m.truncate(32, 16, codes), m.constant(16, 8));
}

/** The result is there even where an unmasked exception keeps the operands on the stack, as on AMD. */
function compareTop<V>(
  m: Machine<V>,
  second: Second<V>,
  quiet: boolean,
  pops: number,
  then: (codes: V, isFault: boolean) => void,
): void {
  const top = topOf(m);
  m.if(
    anyEmpty(m, top, second),
    () => {
      const { stores } = m.host.x87.stackFault(false);
      then(m.constant(32, UNORDERED), true);
      m.if(stores, () => pop(m, pops));
    },
    () => {
      const { value, stores } = m.host.x87.compare(source(m, top), second.value, quiet);
      then(value, false);
      m.if(stores, () => pop(m, pops));
    },
  );
}

/** C3 and C0: an empty register. */
const EXAMINED_EMPTY = 0x4100;
/** The sign, C1. */
const EXAMINED_SIGN = 0x0200;

/** FXAM: the class of ST(0). SDM Vol. 2A "FXAM". */
export const fxam: Semantics = (m, form) => {
  begin(m, form);
  const top = topOf(m);
  const examined = m.host.x87.examine(readRegister(m, top));
  const signed = m.and(16, examined, m.constant(16, EXAMINED_SIGN));
  const empty = m.or(16, signed, m.constant(16, EXAMINED_EMPTY));
  setCodes(m, m.select(16, isEmpty(m, top), empty, examined), CONDITION_CODES);
};
