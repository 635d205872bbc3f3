import type { Width } from '../../../bits.js';
import { CF, ZF, flagsOfLogic, flagsOfResult } from '../flags.js';
import type { Form, MemoryOperand } from '../form.js';
import type { Access, Arithmetic, Machine, Semantics } from '../vocabulary.js';
import { flagFromTruth, flagFromBit, resize } from './flag-bits.js';
import { gprWidth, place, read, type OperandPlace } from './operands.js';
import { linearAt } from './stack.js';

/** SDM Vol. 1 5.1.6 "Bit and Byte Instructions", with LZCNT and TZCNT. */

/** SETcc: DEST := 1 if the condition holds, else 0. SDM Vol. 2B "SETcc". */
export const setcc =
  (condition: number): Semantics =>
  (m, { dest }) => {
    place(m, dest, 'write').write(m.condition(condition));
  };

/**
 * BT and the like: CF := the selected bit of DEST, which `change` then replaces. OF SF AF PF are undefined; here they
 * are unchanged.
 */
function bitTest(change?: <V>(m: Arithmetic<V>, width: Width, x: V, bit: V) => V): Semantics {
  return (m, form) => {
    const { src, width } = form;
    const offset = read(m, src, width);
    const target = bitPlace(m, form, offset, change ? 'write' : 'read');
    const index = m.and(width, offset, m.constant(width, width - 1));
    const x = target.read();
    if (change) target.write(change(m, width, x, m.shl(width, m.constant(width, 1), index)));
    m.setFlagBits(CF, flagFromBit(m, width, m.shr(width, x, index), 0, CF));
  };
}

/**
 * The operand that holds the bit: a register offset into memory is signed and may reach beyond the operand. SDM Vol. 2A
 * "BT—Bit Test".
 */
function bitPlace<V>(m: Machine<V>, form: Form, offset: V, access: Access): OperandPlace<V> {
  const { dest, src, width } = form;
  if (dest.kind !== 'memory' || src.kind === 'immediate') return place(m, dest, access);
  const operands = m.sar(width, offset, m.constant(width, Math.log2(width)));
  const wide = width === 64 ? operands : m.signExtend(width, 64, operands);
  const bytes = m.shl(64, wide, m.constant(64, Math.log2(width / 8)));
  const where = m.translate(addressBeyond(m, form, dest, bytes), width / 8, access);
  return { read: () => where.load(width), write: (value) => where.store(width, value) };
}

/** The linear address of an operand plus `bytes`, 64 bits; the effective address wraps around with 32-bit and 16-bit addresses. */
export function addressBeyond<V>(m: Machine<V>, { addressWidth }: Form, operand: MemoryOperand, bytes: V): V {
  const linear = m.linearAddress(operand);
  if (addressWidth === 64) return m.add(64, linear, bytes);
  const effective = m.effectiveAddress(operand);
  const beyond = m.zeroExtend(addressWidth, 64, m.truncate(64, addressWidth, m.add(64, effective, bytes)));
  return linearAt(m, m.sub(64, linear, effective), beyond);
}

/** BT. SDM Vol. 2A "BT—Bit Test". */
export const bt = bitTest();
/** BTS: sets the bit. SDM Vol. 2A "BTS". */
export const bts = bitTest((m, width, x, bit) => m.or(width, x, bit));
/** BTR: clears the bit. SDM Vol. 2A "BTR". */
export const btr = bitTest((m, width, x, bit) => m.and(width, x, m.not(width, bit)));
/** BTC: inverts the bit. SDM Vol. 2A "BTC". */
export const btc = bitTest((m, width, x, bit) => m.xor(width, x, bit));

/**
 * BSF, BSR: DEST := the number of the lowest (highest) bit set in SRC. If SRC is 0, ZF is set and DEST is unchanged,
 * whatever its width. The other flags are undefined. SDM Vol. 2A "BSF", "BSR".
 */
function bitScan(find: <V>(m: Arithmetic<V>, width: Width, x: V) => V): Semantics {
  return (m, { dest, src, width }) => {
    const x = read(m, src);
    const target = place(m, dest, 'write');
    m.if(m.isFalse(m.isZero(width, x)), () => target.write(find(m, width, x)));
    m.setFlags(flagsOfLogic(m, width, x));
  };
}

export const bsf = bitScan((m, width, x) => m.countTrailingZeros(width, x));
export const bsr = bitScan((m, width, x) => m.sub(width, m.constant(width, width - 1), m.countLeadingZeros(width, x)));

/**
 * LZCNT, TZCNT: DEST := the number of zeros above the highest (below the lowest) bit set; CF is set if SRC is 0. OF SF
 * PF AF are undefined. SDM Vol. 2A "LZCNT", 2B "TZCNT".
 */
function countZeros(count: 'countLeadingZeros' | 'countTrailingZeros'): Semantics {
  return (m, { dest, src, width }) => {
    const x = read(m, src);
    const zeros = m[count](width, x);
    place(m, dest, 'write').write(zeros);
    m.setFlags(flagsOfResult(width, zeros, flagFromTruth(m, m.isZero(width, x), CF)));
  };
}

export const lzcnt = countZeros('countLeadingZeros');
export const tzcnt = countZeros('countTrailingZeros');

/**
 * POPCNT: DEST := the number of bits set in SRC; ZF is set if SRC is 0, the other flags are cleared. SDM Vol. 2B
 * "POPCNT".
 */
export const popcnt: Semantics = (m, { dest, src, width }) => {
  const x = read(m, src);
  place(m, dest, 'write').write(m.populationCount(width, x));
  m.setFlags({ kind: 'bits', bits: flagFromTruth(m, m.isZero(width, x), ZF) });
};

/** 11EDC6F41h, CRC-32C (iSCSI), with bits reflected and the leading one omitted. SDM Vol. 2A "CRC32". */
const CRC32C_REFLECTED = 0x82f6_3b78;

/** CRC32: DEST := the CRC of SRC, 8 to 64 bits, continued from DEST; flags unchanged. SDM Vol. 2A "CRC32". */
export const crc32: Semantics = (m, { dest, src }) => {
  const data = read(m, src);
  const width = gprWidth(src);
  const target = place(m, dest, 'write');
  const crc = resize(m, gprWidth(dest), 32, target.read());
  const one = m.constant(64, 1);
  const start = m.xor(64, m.zeroExtend(32, 64, crc), resize(m, width, 64, data));
  const [rest] = m.while(
    [64, 8],
    [start, m.constant(8, width)],
    ([, bitsLeft]) => m.isFalse(m.isZero(8, bitsLeft!)),
    ([remainder, bitsLeft]) => {
      const subtrahend = m.and(64, m.neg(64, m.and(64, remainder!, one)), m.constant(64, CRC32C_REFLECTED));
      return [m.xor(64, m.shr(64, remainder!, one), subtrahend), m.sub(8, bitsLeft!, m.constant(8, 1))];
    },
  );
  target.write(resize(m, 64, gprWidth(dest), rest!));
};
