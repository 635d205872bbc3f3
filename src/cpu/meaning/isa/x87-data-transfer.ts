import type { Machine, Place, Semantics } from '../vocabulary.js';
import type { Extended, X87Constant, X87MemoryFormat, X87Result, X87Source } from '../x87-vocabulary.js';
import { FORMAT_WIDTHS } from './x87-arithmetic.js';
import {
  begin,
  clearC1,
  free,
  isEmpty,
  isFull,
  moveTop,
  operandRegister,
  pop,
  push,
  readRegister,
  selectExtended,
  source,
  unlessUnderflow,
  writeRegister,
} from './x87-stack.js';
import { topOf } from './x87-state.js';

/** SDM Vol. 1 5.2.1 "x87 FPU Data Transfer Instructions" and 5.2.6 "x87 FPU Load Constants Instructions". */

const EXTENDED_BYTES = 10;

/** Pushes what needs no conversion, or the indefinite where the stack is full. */
function pushLoaded<V>(m: Machine<V>, value: () => Extended<V>): void {
  m.if(
    isFull(m),
    () => {
      const fault = m.host.x87.stackFault(true);
      m.if(fault.stores, () => push(m, fault.value));
    },
    () => {
      push(m, value());
      clearC1(m);
    },
  );
}

/** FLD of a single or double, FILD. SDM Vol. 2A "FLD", "FILD". */
export function load(format: X87MemoryFormat): Semantics {
  return (m, form) => {
    const width = FORMAT_WIDTHS[format];
    const bits = begin(m, form, width / 8, 'read').load(width);
    const { value, stores } = m.host.x87.load({ format, bits }, isFull(m));
    m.if(stores, () => push(m, value));
  };
}

/** FLD m80fp. */
export const loadExtended: Semantics = (m, form) => {
  const place = begin(m, form, EXTENDED_BYTES, 'read');
  const value = { significand: place.load(64), signExponent: place.load(16, 8) };
  pushLoaded(m, () => value);
};

/** FBLD. SDM Vol. 2A "FBLD". */
export const fbld: Semantics = (m, form) => {
  const place = begin(m, form, EXTENDED_BYTES, 'read');
  const digits = { significand: place.load(64), signExponent: place.load(16, 8) };
  pushLoaded(m, () => m.host.x87.fromDecimal(digits));
};

/** FLD ST(i). */
export const loadRegister: Semantics = (m, form) => {
  begin(m, form);
  const register = operandRegister(m, form.dest);
  const value = readRegister(m, register);
  m.if(
    isEmpty(m, register),
    () => {
      const fault = m.host.x87.stackFault(false);
      m.if(fault.stores, () => push(m, fault.value));
    },
    () => pushLoaded(m, () => value),
  );
};

/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ. SDM Vol. 2A "FLD1/...". */
export function loadConstant(constant: X87Constant): Semantics {
  return (m, form) => {
    begin(m, form);
    pushLoaded(m, () => m.host.x87.constant(constant));
  };
}

/** Stores ST(0) converted, or the indefinite. */
function storeConverted<V, T>(
  m: Machine<V>,
  convert: (x: X87Source<V>) => X87Result<V, T>,
  then: (value: T) => void,
  pops: boolean,
): void {
  const { value, stores } = convert(source(m, topOf(m)));
  m.if(stores, () => {
    then(value);
    if (pops) pop(m);
  });
}

/** Stores ST(0) as it is, or the indefinite. */
function storeUnchanged<V>(m: Machine<V>, then: (value: Extended<V>) => void, pops: boolean): void {
  const top = topOf(m);
  const finish = (value: Extended<V>): void => {
    then(value);
    if (pops) pop(m);
  };
  m.if(
    isEmpty(m, top),
    () => {
      const fault = m.host.x87.stackFault(false);
      m.if(fault.stores, () => finish(fault.value));
    },
    () => {
      finish(readRegister(m, top));
      clearC1(m);
    },
  );
}

/** Stores the two parts of a number of 80 bits. */
function storeParts<V>(place: Place<V>, { significand, signExponent }: Extended<V>): void {
  place.store(64, significand);
  place.store(16, signExponent, 8);
}

/** FST and FSTP to a single or double. SDM Vol. 2A "FST/FSTP". */
export function storeFloat(width: 32 | 64, pops: boolean): Semantics {
  return (m, form) => {
    const place = begin(m, form, width / 8, 'write');
    storeConverted(
      m,
      (x) => m.host.x87.toFloat(width, x),
      (bits) => place.store(width, bits),
      pops,
    );
  };
}

/** FIST, FISTP, FISTTP (`truncated`). SDM Vol. 2A "FIST/FISTP". */
export function storeInteger(width: 16 | 32 | 64, pops: boolean, truncated = false): Semantics {
  return (m, form) => {
    const place = begin(m, form, width / 8, 'write');
    storeConverted(
      m,
      (x) => m.host.x87.toInteger(width, x, truncated),
      (bits) => place.store(width, bits),
      pops,
    );
  };
}

/** FSTP m80fp. */
export const storeExtended: Semantics = (m, form) => {
  const place = begin(m, form, EXTENDED_BYTES, 'write');
  storeUnchanged(m, (value) => storeParts(place, value), true);
};

/** FBSTP. SDM Vol. 2A "FBSTP". */
export const fbstp: Semantics = (m, form) => {
  const place = begin(m, form, EXTENDED_BYTES, 'write');
  storeConverted(
    m,
    (x) => m.host.x87.toDecimal(x),
    (value) => storeParts(place, value),
    true,
  );
};

/** FST ST(i), FSTP ST(i). */
export function storeRegister(pops: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    const register = operandRegister(m, form.dest);
    storeUnchanged(m, (value) => writeRegister(m, register, value), pops);
  };
}

/**
 * FSTPNCE, "no check for empty": FSTP of a register, which an empty ST(0) leaves as it is, without an exception. No manual has it;
 * the name is that of Intel's XED.
 */
export const storeUnchecked: Semantics = (m, form) => {
  begin(m, form);
  const [top, register] = [topOf(m), operandRegister(m, form.dest)];
  m.if(m.isFalse(isEmpty(m, top)), () => writeRegister(m, register, readRegister(m, top)));
  clearC1(m);
  pop(m);
};

/** FXCH: empty registers are indefinite. SDM Vol. 2A "FXCH". */
export const fxch: Semantics = (m, form) => {
  begin(m, form);
  const [top, other] = [topOf(m), operandRegister(m, form.src)];
  const [x, y] = [readRegister(m, top), readRegister(m, other)];
  const [isXEmpty, isYEmpty] = [isEmpty(m, top), isEmpty(m, other)];
  const exchange = (newTop: Extended<typeof top>, newOther: Extended<typeof top>): void => {
    writeRegister(m, top, newTop);
    writeRegister(m, other, newOther);
  };
  m.if(
    m.or(8, isXEmpty, isYEmpty),
    () => {
      const { value, stores } = m.host.x87.stackFault(false);
      m.if(stores, () => exchange(selectExtended(m, isYEmpty, value, y), selectExtended(m, isXEmpty, value, x)));
    },
    () => {
      exchange(y, x);
      clearC1(m);
    },
  );
};

/** FCMOVcc: ST(0) := ST(i) if a condition of the flags holds. SDM Vol. 2A "FCMOVcc". */
export function conditionalMove(condition: number): Semantics {
  return (m, form) => {
    begin(m, form);
    const [top, other] = [topOf(m), operandRegister(m, form.src)];
    unlessUnderflow(m, m.or(8, isEmpty(m, top), isEmpty(m, other)), top, () => {
      m.if(m.condition(condition), () => writeRegister(m, top, readRegister(m, other)));
    });
  };
}

/** FINCSTP, FDECSTP: TOP moves, the registers stay. SDM Vol. 2A "FINCSTP". */
export function rotateStack(by: 1 | -1): Semantics {
  return (m, form) => {
    begin(m, form);
    moveTop(m, by);
    clearC1(m);
  };
}

/** FFREE; FFREEP (`pops`), which no manual but AMD's of old has. SDM Vol. 2A "FFREE". */
export function freeRegister(pops: boolean): Semantics {
  return (m, form) => {
    begin(m, form);
    free(m, operandRegister(m, form.dest));
    clearC1(m);
    if (pops) pop(m);
  };
}
