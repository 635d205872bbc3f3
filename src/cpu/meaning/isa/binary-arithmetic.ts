import type { Width } from '../../../bits.js';
import { Vector } from '../../state/exceptions.js';
import { AF, CARRY, CF, OF, OVERFLOW, flagsOfAdd, flagsOfResult, flagsOfSub } from '../flags.js';
import type { Arithmetic, Machine, Semantics } from '../vocabulary.js';
import { HIGH_BYTE, RAX, RDX } from '../../state/layout.js';
import { flagFromBit, flagFromSign, joinFlags, resize } from './flag-bits.js';
import { place, read } from './operands.js';

/** SDM Vol. 1 5.1.2 "Binary Arithmetic Instructions", with ADCX, ADOX and MULX. */

/** ADD: DEST := DEST + SRC; sets OF SF ZF AF CF PF. SDM Vol. 2A "ADD—Add". */
export const add: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const y = read(m, src, width);
  const x = target.read();
  const sum = m.add(width, x, y);
  target.write(sum);
  m.setFlags(flagsOfAdd(width, x, y, sum));
};

/** SUB: DEST := DEST - SRC; sets OF SF ZF AF PF CF. SDM Vol. 2B "SUB—Subtract". */
export const sub: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const y = read(m, src, width);
  const x = target.read();
  const difference = m.sub(width, x, y);
  target.write(difference);
  m.setFlags(flagsOfSub(width, x, y, difference));
};

/** CMP: sets the flags as SUB does and drops the difference. SDM Vol. 2A "CMP—Compare Two Operands". */
export const cmp: Semantics = (m, { dest, src, width }) => {
  const x = read(m, dest, width);
  const y = read(m, src, width);
  m.setFlags(flagsOfSub(width, x, y, m.sub(width, x, y)));
};

/** ADC: DEST := DEST + (SRC + CF); sets OF SF ZF AF CF PF. SDM Vol. 2A "ADC—Add With Carry". */
export const adc: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const y = read(m, src, width);
  const x = target.read();
  const sum = m.add(width, m.add(width, x, y), carryFlag(m, width));
  target.write(sum);
  const overflow = m.and(width, m.xor(width, x, sum), m.xor(width, y, sum));
  const bits = carryFlags(m, width, carries(m, width, x, y, sum), overflow, [x, y, sum]);
  m.setFlags(flagsOfResult(width, sum, bits));
};

/** SBB: DEST := DEST - (SRC + CF); sets OF SF ZF AF PF CF. SDM Vol. 2B "SBB—Integer Subtraction With Borrow". */
export const sbb: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const y = read(m, src, width);
  const x = target.read();
  const difference = m.sub(width, m.sub(width, x, y), carryFlag(m, width));
  target.write(difference);
  const overflow = m.and(width, m.xor(width, x, y), m.xor(width, x, difference));
  // x - y = ~(~x + y): a borrow out of a bit is a carry of that sum.
  const borrows = carries(m, width, m.not(width, x), y, m.not(width, difference));
  const bits = carryFlags(m, width, borrows, overflow, [x, y, difference]);
  m.setFlags(flagsOfResult(width, difference, bits));
};

/** CF as a number of `width` bits. */
function carryFlag<V>(m: Machine<V>, width: Width): V {
  return resize(m, 8, width, m.condition(CARRY));
}

/** Bit i is set if x + y (+ 1) = sum carried out of bit i. */
function carries<V>(m: Arithmetic<V>, width: Width, x: V, y: V, sum: V): V {
  return m.or(width, m.and(width, x, y), m.and(width, m.or(width, x, y), m.not(width, sum)));
}

/** CF and OF from the sign bits of `carriesOut` and `overflow`; AF from bit 4 of the XOR of operands and result. */
function carryFlags<V>(m: Arithmetic<V>, width: Width, carriesOut: V, overflow: V, [x, y, result]: [V, V, V]): V {
  return joinFlags(
    m,
    flagFromSign(m, width, carriesOut, CF),
    flagFromSign(m, width, overflow, OF),
    flagFromBit(m, width, m.xor(width, m.xor(width, x, y), result), 4, AF),
  );
}

/** DEST := DEST + SRC + the flag, which receives the carry; all other flags are unchanged. */
function addWithFlag(flag: typeof CF | typeof OF, conditionCode: number): Semantics {
  return (m, { dest, src, width }) => {
    const target = place(m, dest, 'write');
    const y = read(m, src);
    const x = target.read();
    const sum = m.add(width, m.add(width, x, y), resize(m, 8, width, m.condition(conditionCode)));
    target.write(sum);
    m.setFlagBits(flag, flagFromSign(m, width, carries(m, width, x, y, sum), flag));
  };
}

/** ADCX: DEST := DEST + SRC + CF; sets CF only. SDM Vol. 2A "ADCX". */
export const adcx = addWithFlag(CF, CARRY);
/** ADOX: DEST := DEST + SRC + OF; sets OF only. SDM Vol. 2A "ADOX". */
export const adox = addWithFlag(OF, OVERFLOW);

/** INC: DEST := DEST + 1; sets OF SF ZF AF PF, CF is unchanged. SDM Vol. 2A "INC—Increment by 1". */
export const inc: Semantics = (m, { dest, width }) => {
  const target = place(m, dest, 'write');
  const carry = m.condition(CARRY);
  const sum = m.add(width, target.read(), m.constant(width, 1));
  target.write(sum);
  m.setFlags({ kind: 'inc', width, result: sum, carry });
};

/** DEC: DEST := DEST - 1; sets OF SF ZF AF PF, CF is unchanged. SDM Vol. 2A "DEC—Decrement by 1". */
export const dec: Semantics = (m, { dest, width }) => {
  const target = place(m, dest, 'write');
  const carry = m.condition(CARRY);
  const difference = m.sub(width, target.read(), m.constant(width, 1));
  target.write(difference);
  m.setFlags({ kind: 'dec', width, result: difference, carry });
};

/** NEG: DEST := 0 - DEST; sets CF unless DEST was 0, and the other flags by the result. SDM Vol. 2B "NEG". */
export const neg: Semantics = (m, { dest, width }) => {
  const target = place(m, dest, 'write');
  const x = target.read();
  const zero = m.constant(width, 0);
  const negated = m.sub(width, zero, x);
  target.write(negated);
  m.setFlags(flagsOfSub(width, zero, x, negated));
};

/** The upper half of a double-width product or dividend: AH for AL, else DX, EDX, RDX. */
function upperHalf(width: Width): number {
  return width === 8 ? HIGH_BYTE + RAX : RDX;
}

/**
 * MUL: AX, DX:AX, EDX:EAX or RDX:RAX := the accumulator * SRC; CF and OF are set if the upper half is used. SDM Vol. 2B
 * "MUL".
 */
export const mul: Semantics = (m, { dest, width }) => {
  const y = read(m, dest);
  const x = m.gpr(RAX, width);
  const low = m.mul(width, x, y);
  const high = m.mulHighUnsigned(width, x, y);
  m.setGpr(RAX, width, low);
  m.setGpr(upperHalf(width), width, high);
  setProductFlags(m, m.isZero(width, high));
};

/**
 * IMUL: the same for signed numbers with one operand; DEST := DEST * SRC with two; DEST := SRC1 * SRC2 with three. CF
 * and OF are set if the product is wider than the operands. SDM Vol. 2A "IMUL—Signed Multiply".
 */
export const imul: Semantics = (m, { dest, src, third, width, operands }) => {
  if (operands.length === 1) {
    const [x, y] = [m.gpr(RAX, width), read(m, dest)];
    const [low, high] = [m.mul(width, x, y), m.mulHighSigned(width, x, y)];
    m.setGpr(RAX, width, low);
    m.setGpr(upperHalf(width), width, high);
    m.setFlags({ kind: 'product', width, x, y });
    return;
  }
  const x = read(m, src);
  const y = operands.length === 2 ? read(m, dest) : read(m, third, width);
  place(m, dest, 'write').write(m.mul(width, x, y));
  m.setFlags({ kind: 'product', width, x, y });
};

/** Sets CF and OF. SF, ZF, AF and PF are undefined in the manual; here they are cleared. */
function setProductFlags<V>(m: Machine<V>, fits: V): void {
  m.setFlags({ kind: 'bits', bits: m.select(32, fits, m.constant(32, 0), m.constant(32, CF | OF)) });
}

/**
 * MULX: DEST1:DEST2 := RDX * SRC, unsigned, flags unchanged; the upper half wins if both are the same register. SDM
 * Vol. 2B "MULX".
 */
export const mulx: Semantics = (m, { dest, src, third, width }) => {
  const y = read(m, third);
  const x = m.gpr(RDX, width);
  const low = m.mul(width, x, y);
  const high = m.mulHighUnsigned(width, x, y);
  place(m, src, 'write').write(low);
  place(m, dest, 'write').write(high);
};

/**
 * DIV: the quotient to AL, AX, EAX, RAX and the remainder to AH, DX, EDX, RDX; #DE if the divisor is 0 or the quotient
 * does not fit. All flags are undefined; here they are unchanged. SDM Vol. 2A "DIV—Unsigned Divide".
 */
export const div: Semantics = (m, { dest, width }) => {
  const divisor = read(m, dest);
  const high = m.gpr(upperHalf(width), width);
  m.raiseIf(m.isFalse(m.lessUnsigned(width, high, divisor)), Vector.DE);
  const { quotient, remainder } = m.divideUnsigned(width, high, m.gpr(RAX, width), divisor);
  m.setGpr(RAX, width, quotient);
  m.setGpr(upperHalf(width), width, remainder);
};

/**
 * IDIV: DIV for signed numbers; the quotient is cut towards zero, the remainder has the dividend's sign. SDM Vol. 2A
 * "IDIV—Signed Divide".
 */
export const idiv: Semantics = (m, { dest, width }) => {
  const divisor = read(m, dest);
  const high = m.gpr(upperHalf(width), width);
  const low = m.gpr(RAX, width);
  const dividendSign = isNegative(m, width, high);
  const divisorSign = isNegative(m, width, divisor);
  const quotientSign = m.xor(8, dividendSign, divisorSign);
  const dividend = magnitudeOfPair(m, width, high, low, dividendSign);
  const magnitude = negateIf(m, width, divisorSign, divisor);
  m.raiseIf(m.isFalse(m.lessUnsigned(width, dividend.high, magnitude)), Vector.DE);
  const { quotient, remainder } = m.divideUnsigned(width, dividend.high, dividend.low, magnitude);
  const largest = m.add(width, m.constant(width, (1n << BigInt(width - 1)) - 1n), resize(m, 8, width, quotientSign));
  m.raiseIf(m.lessUnsigned(width, largest, quotient), Vector.DE);
  m.setGpr(RAX, width, negateIf(m, width, quotientSign, quotient));
  m.setGpr(upperHalf(width), width, negateIf(m, width, dividendSign, remainder));
};

function isNegative<V>(m: Arithmetic<V>, width: Width, x: V): V {
  return m.lessSigned(width, x, m.constant(width, 0));
}

function negateIf<V>(m: Arithmetic<V>, width: Width, condition: V, x: V): V {
  return m.select(width, condition, m.neg(width, x), x);
}

/** `high:low`, negated if it is negative. */
function magnitudeOfPair<V>(m: Arithmetic<V>, width: Width, high: V, low: V, negative: V): { high: V; low: V } {
  const carry = resize(m, 8, width, m.isZero(width, low));
  const negatedHigh = m.add(width, m.not(width, high), carry);
  return { high: m.select(width, negative, negatedHigh, high), low: negateIf(m, width, negative, low) };
}
