import * as arithmetic from '../isa/binary-arithmetic.js';
import * as bitByte from '../isa/bit-byte.js';
import * as bitManipulation from '../isa/bit-manipulation.js';
import * as control from '../isa/control-transfer.js';
import * as transfer from '../isa/data-transfer.js';
import * as decimal from '../isa/decimal-arithmetic.js';
import * as far from '../isa/far-transfer.js';
import * as flags from '../isa/flag-control.js';
import * as logical from '../isa/logical.js';
import * as misc from '../isa/miscellaneous.js';
import * as segment from '../isa/segment-register.js';
import * as shift from '../isa/shift-rotate.js';
import * as string from '../isa/string.js';
import type { Semantics } from '../vocabulary.js';
import type { Attribute, Undefined, VendorDifference } from '../../decode/row.js';
import { CS, DS, ES, FS, GS, SS } from '../../state/layout.js';
import * as type from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';
import * as leaves from './undefined-flags.js';
import * as vendors from './vendor-differences.js';

const { AL, Ap, By, CL, Eb, Ev, Ew, Ey, Ez, Gb, Gv, Gy } = type;
const { Ib, Iv, Iw, Iz, Jb, Jz, M, Mb, Mdq, Mq, Mv, Nv, Ob, Ov, RvMw, Ry, Sw, Zb, Zv, rAX, sIb } = type;

const hex = (opcode: number): string => opcode.toString(16).toUpperCase().padStart(2, '0');

/**
 * The ten encodings of ADD, OR, ADC, SBB, AND, SUB, XOR and CMP, which differ only in `n`. SDM Vol. 2D tables A-2 and
 * A-6, group 1.
 */
function arithmeticRows(
  n: number,
  mnemonic: string,
  semantics: Semantics,
  ...rest: (Attribute | Undefined)[]
): RowDraft[] {
  const undefinedParts = rest.filter((item): item is Undefined => typeof item !== 'string');
  const opcode = (offset: number): string => hex(8 * n + offset);
  return [
    row(`${opcode(0)} /r`, mnemonic, semantics, Eb, Gb, ...rest),
    row(`${opcode(1)} /r`, mnemonic, semantics, Ev, Gv, ...rest),
    row(`${opcode(2)} /r`, mnemonic, semantics, Gb, Eb, ...undefinedParts),
    row(`${opcode(3)} /r`, mnemonic, semantics, Gv, Ev, ...undefinedParts),
    row(opcode(4), mnemonic, semantics, AL, Ib, ...undefinedParts),
    row(opcode(5), mnemonic, semantics, rAX, Iz, ...undefinedParts),
    row(`80 /${n}`, mnemonic, semantics, Eb, Ib, ...rest),
    row(`81 /${n}`, mnemonic, semantics, Ev, Iz, ...rest),
    row(`82 /${n}`, mnemonic, semantics, Eb, Ib, 'NO64', ...rest),
    row(`83 /${n}`, mnemonic, semantics, Ev, sIb, ...rest),
  ].flat();
}

/** The six encodings of the shifts and rotations by an immediate, 1 and CL. SDM Vol. 2D table A-6, group 2. */
function shiftRows(n: number, mnemonic: string, semantics: Semantics, undefinedParts: Undefined): RowDraft[] {
  return [
    row(`C0 /${n}`, mnemonic, semantics, Eb, Ib, undefinedParts),
    row(`C1 /${n}`, mnemonic, semantics, Ev, Ib, undefinedParts),
    row(`D0 /${n}`, mnemonic, semantics, Eb, undefinedParts),
    row(`D1 /${n}`, mnemonic, semantics, Ev, undefinedParts),
    row(`D2 /${n}`, mnemonic, semantics, Eb, CL, undefinedParts),
    row(`D3 /${n}`, mnemonic, semantics, Ev, CL, undefinedParts),
  ].flat();
}

/** SDM Vol. 1 5.1.1 "Data Transfer Instructions". */
const DATA_TRANSFER = [
  row('88 /r', 'MOV', transfer.mov, Eb, Gb),
  row('89 /r', 'MOV', transfer.mov, Ev, Gv),
  row('8A /r', 'MOV', transfer.mov, Gb, Eb),
  row('8B /r', 'MOV', transfer.mov, Gv, Ev),
  row('A0', 'MOV', transfer.mov, AL, Ob),
  row('A1', 'MOV', transfer.mov, rAX, Ov),
  row('A2', 'MOV', transfer.mov, Ob, AL),
  row('A3', 'MOV', transfer.mov, Ov, rAX),
  row('B0+r', 'MOV', transfer.mov, Zb, Ib),
  row('B8+r', 'MOV', transfer.mov, Zv, Iv),
  row('C6 /0', 'MOV', transfer.mov, Eb, Ib),
  row('C7 /0', 'MOV', transfer.mov, Ev, Iz),
  feature('CMOV', row('0F 40+cc /r', 'CMOV', transfer.cmov, Gv, Ev)),
  row('86 /r', 'XCHG', transfer.xchg, Eb, Gb, 'LOCK'),
  row('87 /r', 'XCHG', transfer.xchg, Ev, Gv, 'LOCK'),
  row('90+r', 'XCHG', transfer.xchg, Zv, rAX, vendors.pauseOfR8),
  row('0F C8+r', 'BSWAP', transfer.bswap, Zv),
  row('0F C0 /r', 'XADD', transfer.xadd, Eb, Gb, 'LOCK'),
  row('0F C1 /r', 'XADD', transfer.xadd, Ev, Gv, 'LOCK'),
  row('0F B0 /r', 'CMPXCHG', transfer.cmpxchg, Eb, Gb, 'LOCK'),
  row('0F B1 /r', 'CMPXCHG', transfer.cmpxchg, Ev, Gv, 'LOCK'),
  feature('CX8', row('REX.W0 0F C7 /1', 'CMPXCHG8B', transfer.cmpxchgPair, Mq, 'LOCK')),
  feature('CMPXCHG16B', row('REX.W 0F C7 /1', 'CMPXCHG16B', transfer.cmpxchgPair, Mdq, 'LOCK')),
  row('50+r', 'PUSH', transfer.push, Zv, 'D64'),
  row('FF /6', 'PUSH', transfer.push, Ev, 'D64'),
  row('6A', 'PUSH', transfer.push, sIb, 'D64'),
  row('68', 'PUSH', transfer.push, Iz, 'D64'),
  row('58+r', 'POP', transfer.pop, Zv, 'D64'),
  row('8F /0', 'POP', transfer.pop, Ev, 'D64'),
  row('60', 'PUSHA', transfer.pusha, 'NO64'),
  row('61', 'POPA', transfer.popa, 'NO64'),
  row('98', 'CBW', transfer.extendAccumulator),
  row('99', 'CWD', transfer.spreadSign),
  row('0F BE /r', 'MOVSX', transfer.movsx, Gv, Eb),
  row('0F BF /r', 'MOVSX', transfer.movsx, Gv, Ew),
  row('63 /r', 'MOVSXD', transfer.movsx, Gv, Ez, 'ONLY64', vendors.signExtendedWord),
  row('0F B6 /r', 'MOVZX', transfer.movzx, Gv, Eb),
  row('0F B7 /r', 'MOVZX', transfer.movzx, Gv, Ew),
  feature(
    'MOVBE',
    row('NFx 0F 38 F0 /r', 'MOVBE', transfer.movbe, Gv, Mv),
    row('NFx 0F 38 F1 /r', 'MOVBE', transfer.movbe, Mv, Gv),
  ),
];

/** SDM Vol. 1 5.1.2 "Binary Arithmetic Instructions". */
const BINARY_ARITHMETIC = [
  arithmeticRows(0, 'ADD', arithmetic.add, 'LOCK'),
  arithmeticRows(2, 'ADC', arithmetic.adc, 'LOCK'),
  arithmeticRows(3, 'SBB', arithmetic.sbb, 'LOCK'),
  arithmeticRows(5, 'SUB', arithmetic.sub, 'LOCK'),
  arithmeticRows(7, 'CMP', arithmetic.cmp),
  feature(
    'ADX',
    row('66 0F 38 F6 /r', 'ADCX', arithmetic.adcx, Gy, Ey, 'NO16'),
    row('F3 0F 38 F6 /r', 'ADOX', arithmetic.adox, Gy, Ey, 'NO16'),
  ),
  row('F6 /4', 'MUL', arithmetic.mul, Eb, leaves.product),
  row('F7 /4', 'MUL', arithmetic.mul, Ev, leaves.product),
  row('F6 /5', 'IMUL', arithmetic.imul, Eb, leaves.product),
  row('F7 /5', 'IMUL', arithmetic.imul, Ev, leaves.product),
  row('0F AF /r', 'IMUL', arithmetic.imul, Gv, Ev, leaves.product),
  row('69 /r', 'IMUL', arithmetic.imul, Gv, Ev, Iz, leaves.product),
  row('6B /r', 'IMUL', arithmetic.imul, Gv, Ev, sIb, leaves.product),
  row('F6 /6', 'DIV', arithmetic.div, Eb, leaves.division),
  row('F7 /6', 'DIV', arithmetic.div, Ev, leaves.division),
  row('F6 /7', 'IDIV', arithmetic.idiv, Eb, leaves.division),
  row('F7 /7', 'IDIV', arithmetic.idiv, Ev, leaves.division),
  row('40+r', 'INC', arithmetic.inc, Zv, 'NO64'),
  row('48+r', 'DEC', arithmetic.dec, Zv, 'NO64'),
  row('FE /0', 'INC', arithmetic.inc, Eb, 'LOCK'),
  row('FF /0', 'INC', arithmetic.inc, Ev, 'LOCK'),
  row('FE /1', 'DEC', arithmetic.dec, Eb, 'LOCK'),
  row('FF /1', 'DEC', arithmetic.dec, Ev, 'LOCK'),
  row('F6 /3', 'NEG', arithmetic.neg, Eb, 'LOCK'),
  row('F7 /3', 'NEG', arithmetic.neg, Ev, 'LOCK'),
];

/** SDM Vol. 1 5.1.3 "Decimal Arithmetic Instructions". */
const DECIMAL_ARITHMETIC = [
  row('27', 'DAA', decimal.daa, 'NO64', leaves.packedDecimal),
  row('2F', 'DAS', decimal.das, 'NO64', leaves.packedDecimal),
  row('37', 'AAA', decimal.aaa, 'NO64', leaves.unpackedDecimal),
  row('3F', 'AAS', decimal.aas, 'NO64', leaves.unpackedDecimal),
  row('D4', 'AAM', decimal.aam, Ib, 'NO64', leaves.decimalProduct),
  row('D5', 'AAD', decimal.aad, Ib, 'NO64', leaves.decimalProduct),
];

/** SDM Vol. 1 5.1.4 "Logical Instructions". */
const LOGICAL = [
  arithmeticRows(1, 'OR', logical.or, 'LOCK', leaves.logic),
  arithmeticRows(4, 'AND', logical.and, 'LOCK', leaves.logic),
  arithmeticRows(6, 'XOR', logical.xor, 'LOCK', leaves.logic),
  row('F6 /2', 'NOT', logical.not, Eb, 'LOCK'),
  row('F7 /2', 'NOT', logical.not, Ev, 'LOCK'),
];

/** SDM Vol. 1 5.1.5 "Shift and Rotate Instructions". Group 2 /6 is a duplicate of SHL, as on real processors. */
const SHIFT_AND_ROTATE = [
  shiftRows(0, 'ROL', shift.rol, leaves.rotation),
  shiftRows(1, 'ROR', shift.ror, leaves.rotation),
  shiftRows(2, 'RCL', shift.rcl, leaves.rotation),
  shiftRows(3, 'RCR', shift.rcr, leaves.rotation),
  shiftRows(4, 'SHL', shift.shl, leaves.shift),
  shiftRows(5, 'SHR', shift.shr, leaves.shift),
  shiftRows(6, 'SAL', shift.shl, leaves.shift),
  shiftRows(7, 'SAR', shift.sar, leaves.arithmeticShift),
  row('0F A4 /r', 'SHLD', shift.shld, Ev, Gv, Ib, leaves.doubleShift),
  row('0F A5 /r', 'SHLD', shift.shld, Ev, Gv, CL, leaves.doubleShift),
  row('0F AC /r', 'SHRD', shift.shrd, Ev, Gv, Ib, leaves.doubleShift),
  row('0F AD /r', 'SHRD', shift.shrd, Ev, Gv, CL, leaves.doubleShift),
];

/** SDM Vol. 1 5.1.6 "Bit and Byte Instructions". Group 3 /1 is a duplicate of TEST, as on real processors. */
const BIT_AND_BYTE = [
  row('0F A3 /r', 'BT', bitByte.bt, Ev, Gv, leaves.bitTest),
  row('0F BA /4', 'BT', bitByte.bt, Ev, Ib, leaves.bitTest),
  row('0F AB /r', 'BTS', bitByte.bts, Ev, Gv, 'LOCK', leaves.bitTest),
  row('0F BA /5', 'BTS', bitByte.bts, Ev, Ib, 'LOCK', leaves.bitTest),
  row('0F B3 /r', 'BTR', bitByte.btr, Ev, Gv, 'LOCK', leaves.bitTest),
  row('0F BA /6', 'BTR', bitByte.btr, Ev, Ib, 'LOCK', leaves.bitTest),
  row('0F BB /r', 'BTC', bitByte.btc, Ev, Gv, 'LOCK', leaves.bitTest),
  row('0F BA /7', 'BTC', bitByte.btc, Ev, Ib, 'LOCK', leaves.bitTest),
  row('0F BC /r', 'BSF', bitByte.bsf, Gv, Ev, leaves.bitScan, vendors.bitScanOfZero),
  row('0F BD /r', 'BSR', bitByte.bsr, Gv, Ev, leaves.bitScan, vendors.bitScanOfZero),
  row('0F 90+cc /r', 'SET', bitByte.setcc, Eb),
  row('84 /r', 'TEST', logical.test, Eb, Gb, leaves.logic),
  row('85 /r', 'TEST', logical.test, Ev, Gv, leaves.logic),
  row('A8', 'TEST', logical.test, AL, Ib, leaves.logic),
  row('A9', 'TEST', logical.test, rAX, Iz, leaves.logic),
  row('F6 /0', 'TEST', logical.test, Eb, Ib, leaves.logic),
  row('F6 /1', 'TEST', logical.test, Eb, Ib, leaves.logic),
  row('F7 /0', 'TEST', logical.test, Ev, Iz, leaves.logic),
  row('F7 /1', 'TEST', logical.test, Ev, Iz, leaves.logic),
  feature(
    'SSE4_2',
    row('F2 0F 38 F0 /r', 'CRC32', bitByte.crc32, Gy, Eb, 'NO16'),
    row('F2 0F 38 F1 /r', 'CRC32', bitByte.crc32, Gy, Ev),
  ),
  feature('POPCNT', row('F3 0F B8 /r', 'POPCNT', bitByte.popcnt, Gv, Ev)),
];

/** SDM Vol. 1 5.1.7 "Control Transfer Instructions". Near branches have 64-bit operands in 64-bit mode, regardless of prefixes. */
const CONTROL_TRANSFER = [
  row('EB', 'JMP', control.jmpDirect, Jb, 'F64', 'BRANCH', vendors.nearBranch),
  row('E9', 'JMP', control.jmpDirect, Jz, 'F64', 'BRANCH', vendors.nearBranch),
  row('FF /4', 'JMP', control.jmpIndirect, Ev, 'F64', 'BRANCH', vendors.nearBranch),
  row('70+cc', 'J', control.jcc, Jb, 'F64', 'BRANCH', vendors.nearBranch),
  row('0F 80+cc', 'J', control.jcc, Jz, 'F64', 'BRANCH', vendors.nearBranch),
  row('E3', 'JRCXZ', control.jrcxz, Jb, 'F64', 'ADDRESS', 'BRANCH', vendors.nearBranch),
  row('E2', 'LOOP', control.loop, Jb, 'F64', 'ADDRESS', 'BRANCH', vendors.nearBranch),
  row('E1', 'LOOPE', control.loope, Jb, 'F64', 'ADDRESS', 'BRANCH', vendors.nearBranch, vendors.conditionalLoop),
  row('E0', 'LOOPNE', control.loopne, Jb, 'F64', 'ADDRESS', 'BRANCH', vendors.nearBranch, vendors.conditionalLoop),
  row('E8', 'CALL', control.callDirect, Jz, 'F64', 'BRANCH', vendors.nearBranch),
  row('FF /2', 'CALL', control.callIndirect, Ev, 'F64', 'BRANCH', vendors.nearBranch),
  row('C3', 'RET', control.ret, 'F64', 'BRANCH', vendors.nearBranch),
  row('C2', 'RET', control.ret, Iw, 'F64', 'BRANCH', vendors.nearBranch),
  row('FF /5', 'JMP', far.jmpFar, M, 'BRANCH', 'EVALUATED', 'SEGMENTS', vendors.farPointer),
  row('FF /3', 'CALL', far.callFar, M, 'BRANCH', 'EVALUATED', 'SEGMENTS', vendors.farPointer),
  row('EA', 'JMP', far.jmpFar, Ap, Iw, 'BRANCH', 'EVALUATED', 'NO64', 'SEGMENTS'),
  row('9A', 'CALL', far.callFar, Ap, Iw, 'BRANCH', 'EVALUATED', 'NO64', 'SEGMENTS'),
  row('CB', 'RETF', far.retf, 'BRANCH', 'EVALUATED', 'SEGMENTS', vendors.poppedSelector),
  row('CA', 'RETF', far.retf, Iw, 'BRANCH', 'EVALUATED', 'SEGMENTS', vendors.poppedSelector),
  row('CF', 'IRET', far.iret, 'BRANCH', 'EVALUATED', 'SEGMENTS', vendors.poppedSelector),
  row('CD', 'INT', control.int, Ib, 'BRANCH', 'EVALUATED'),
  row('CC', 'INT3', control.int3, 'BRANCH', 'EVALUATED'),
  row('CE', 'INTO', control.into, 'BRANCH', 'EVALUATED', 'NO64'),
  row('62 /r', 'BOUND', misc.bound, Gv, M, 'NO64'),
  row('F1', 'INT1', control.int1, 'BRANCH', 'EVALUATED'),
  row('C8', 'ENTER', misc.enter, Iw, Ib, 'D64'),
  row('C9', 'LEAVE', misc.leave, 'D64'),
];

/** SDM Vol. 1 5.1.8 "String Instructions". */
const STRING = [
  row('A4', 'MOVS', string.movs, 'BYTE', 'REP', 'ADDRESS', vendors.noIteration),
  row('A5', 'MOVS', string.movs, 'REP', 'ADDRESS', vendors.noIteration),
  row('A6', 'CMPS', string.cmps, 'BYTE', 'REPZ', 'ADDRESS', vendors.noIteration, vendors.betweenIterations),
  row('A7', 'CMPS', string.cmps, 'REPZ', 'ADDRESS', vendors.noIteration, vendors.betweenIterations),
  row('AE', 'SCAS', string.scas, 'BYTE', 'REPZ', 'ADDRESS', vendors.noIteration, vendors.betweenIterations),
  row('AF', 'SCAS', string.scas, 'REPZ', 'ADDRESS', vendors.noIteration, vendors.betweenIterations),
  row('AC', 'LODS', string.lods, 'BYTE', 'REP', 'ADDRESS', vendors.noIteration),
  row('AD', 'LODS', string.lods, 'REP', 'ADDRESS', vendors.noIteration),
  row('AA', 'STOS', string.stos, 'BYTE', 'REP', 'ADDRESS', vendors.noIteration),
  row('AB', 'STOS', string.stos, 'REP', 'ADDRESS', vendors.noIteration),
];

/** SDM Vol. 1 5.1.11 "Flag Control (EFLAG) Instructions". */
const FLAG_CONTROL = [
  row('F9', 'STC', flags.stc),
  row('F8', 'CLC', flags.clc),
  row('F5', 'CMC', flags.cmc),
  row('FC', 'CLD', flags.cld),
  row('FD', 'STD', flags.std),
  feature('LAHF64', row('9F', 'LAHF', flags.lahf), row('9E', 'SAHF', flags.sahf)),
  row('9C', 'PUSHF', flags.pushf, 'D64'),
  row('9D', 'POPF', flags.popf, 'D64'),
  row('FB', 'STI', flags.sti, 'IOPL'),
  row('FA', 'CLI', flags.cli, 'IOPL'),
];

/** SDM Vol. 1 5.1.12 "Segment Register Instructions". */
const SEGMENT_REGISTER = [
  ...[ES, CS, SS, DS, FS, GS].map((register) =>
    row(`8C /${register}`, 'MOV', segment.movFromSegment(register), RvMw, Sw),
  ),
  row('8E /r', 'MOV', segment.movToSegment, Sw, Ew, 'EVALUATED', 'SEGMENTS'),
  row('06', 'PUSH', segment.pushSegment(ES), 'EVALUATED', 'NO64', vendors.pushedSegment),
  row('0E', 'PUSH', segment.pushSegment(CS), 'EVALUATED', 'NO64', vendors.pushedSegment),
  row('16', 'PUSH', segment.pushSegment(SS), 'EVALUATED', 'NO64', vendors.pushedSegment),
  row('1E', 'PUSH', segment.pushSegment(DS), 'EVALUATED', 'NO64', vendors.pushedSegment),
  row('07', 'POP', segment.popSegment(ES), 'EVALUATED', 'NO64', 'SEGMENTS', vendors.poppedSegment),
  row('17', 'POP', segment.popSegment(SS), 'EVALUATED', 'NO64', 'SEGMENTS', vendors.poppedSegment),
  row('1F', 'POP', segment.popSegment(DS), 'EVALUATED', 'NO64', 'SEGMENTS', vendors.poppedSegment),
  row('0F A0', 'PUSH', segment.pushSegment(FS), 'D64', 'EVALUATED', vendors.pushedSegment),
  row('0F A8', 'PUSH', segment.pushSegment(GS), 'D64', 'EVALUATED', vendors.pushedSegment),
  row('0F A1', 'POP', segment.popSegment(FS), 'D64', 'EVALUATED', 'SEGMENTS', vendors.poppedSegment),
  row('0F A9', 'POP', segment.popSegment(GS), 'D64', 'EVALUATED', 'SEGMENTS', vendors.poppedSegment),
  row('C4 /r', 'LES', segment.loadFarPointer(ES), Gv, M, 'EVALUATED', 'NO64', 'SEGMENTS', vendors.farPointer),
  row('C5 /r', 'LDS', segment.loadFarPointer(DS), Gv, M, 'EVALUATED', 'NO64', 'SEGMENTS', vendors.farPointer),
  row('0F B2 /r', 'LSS', segment.loadFarPointer(SS), Gv, M, 'EVALUATED', 'SEGMENTS', vendors.farPointer),
  row('0F B4 /r', 'LFS', segment.loadFarPointer(FS), Gv, M, 'EVALUATED', 'SEGMENTS', vendors.farPointer),
  row('0F B5 /r', 'LGS', segment.loadFarPointer(GS), Gv, M, 'EVALUATED', 'SEGMENTS', vendors.farPointer),
  feature(
    'FSGSBASE',
    row('F3 0F AE /0', 'RDFSBASE', segment.readBase(FS), Ry, 'NO16', 'EVALUATED', 'ONLY64'),
    row('F3 0F AE /1', 'RDGSBASE', segment.readBase(GS), Ry, 'NO16', 'EVALUATED', 'ONLY64'),
    row('F3 0F AE /2', 'WRFSBASE', segment.writeBase(FS), Ry, 'NO16', 'EVALUATED', 'ONLY64'),
    row('F3 0F AE /3', 'WRGSBASE', segment.writeBase(GS), Ry, 'NO16', 'EVALUATED', 'ONLY64'),
  ),
];

/** Rows of a hint, which is a NOP here, for each value of ModRM.reg that has no other meaning. */
function hintRows(opcode: string, digits: string, ...rest: VendorDifference[]): RowDraft[] {
  return [...digits].flatMap((digit) => row(`${opcode} /${digit}`, 'NOP', misc.nop, Ev, ...rest));
}

/** SDM Vol. 1 5.1.13 "Miscellaneous Instructions". 0F 0D and 0F 18 to 0F 1F are hints: NOPs, known or reserved. */
const MISCELLANEOUS = [
  row('8D /r', 'LEA', misc.lea, Gv, M),
  row('90', 'NOP', misc.nop),
  row('F3 90', 'PAUSE', misc.nop, vendors.pauseOfR8),
  feature('PREFETCHW', row('0F 0D /1', 'PREFETCHW', misc.nop, Eb, vendors.prefetchOfRegister)),
  hintRows('0F 0D', '0234567', vendors.prefetchOfRegister),
  row('0F 18 /0', 'PREFETCHNTA', misc.nop, Eb),
  row('0F 18 /1', 'PREFETCHT0', misc.nop, Eb),
  row('0F 18 /2', 'PREFETCHT1', misc.nop, Eb),
  row('0F 18 /3', 'PREFETCHT2', misc.nop, Eb),
  hintRows('0F 18', '4567'),
  row('0F 19 /r', 'NOP', misc.nop, Ev),
  row('0F 1A /r', 'NOP', misc.nop, Ev),
  row('0F 1B /r', 'NOP', misc.nop, Ev),
  row('0F 1C /r', 'NOP', misc.nop, Ev),
  row('0F 1D /r', 'NOP', misc.nop, Ev),
  row('0F 1E /r', 'NOP', misc.nop, Ev),
  row('0F 1F /r', 'NOP', misc.nop, Ev),
  row('0F FF /r', 'UD0', misc.ud, Gv, Ev, 'BRANCH', 'EVALUATED', vendors.undefinedWithoutModRM),
  row('0F B9 /r', 'UD1', misc.ud, Gv, Ev, 'BRANCH', 'EVALUATED', vendors.undefinedWithoutModRM),
  row('0F 0B', 'UD2', misc.ud, 'BRANCH', 'EVALUATED'),
  row('D6', 'SALC', misc.salc, 'NO64'),
  row('D7', 'XLAT', misc.xlat, 'ADDRESS'),
  row('0F A2', 'CPUID', misc.cpuid, 'EVALUATED'),
  feature('TSC', row('0F 31', 'RDTSC', misc.rdtsc)),
  feature('CLFSH', row('NP 0F AE /7', 'CLFLUSH', misc.clflush, Mb)),
  feature('CLFLUSHOPT', row('66 0F AE /7', 'CLFLUSHOPT', misc.clflush, Mb)),
  feature('CLWB', row('66 0F AE /6', 'CLWB', misc.clflush, Mb)),
  feature('RDTSCP', row('0F 01 F9', 'RDTSCP', misc.rdtscp)),
  feature('RDPID', row('F3 0F C7 /7', 'RDPID', misc.rdpid, Nv, 'F64', 'NO16')),
  feature('RDRAND', row('NFx 0F C7 /6', 'RDRAND', misc.random('RDRAND'), Nv)),
  feature('RDSEED', row('NFx 0F C7 /7', 'RDSEED', misc.random('RDSEED'), Nv)),
  row('NP 0F 01 C1', 'VMCALL', misc.vmcall, 'BRANCH', 'EVALUATED'),
];

/** SDM Vol. 1 5.1.16 "BMI1, BMI2", and LZCNT. */
const BIT_MANIPULATION = [
  feature('LZCNT', row('F3 0F BD /r', 'LZCNT', bitByte.lzcnt, Gv, Ev, leaves.bitCount)),
  feature(
    'BMI1',
    row('F3 0F BC /r', 'TZCNT', bitByte.tzcnt, Gv, Ev, leaves.bitCount),
    row('VEX.LZ.NP.0F38.W F2 /r', 'ANDN', logical.andn, Gy, By, Ey, leaves.bitField, 'TYPE 13'),
    row('VEX.LZ.NP.0F38.W F7 /r', 'BEXTR', bitManipulation.bextr, Gy, Ey, By, leaves.bitExtract, 'TYPE 13'),
    row('VEX.LZ.NP.0F38.W F3 /1', 'BLSR', bitManipulation.blsr, By, Ey, leaves.bitField, 'TYPE 13'),
    row('VEX.LZ.NP.0F38.W F3 /2', 'BLSMSK', bitManipulation.blsmsk, By, Ey, leaves.bitField, 'TYPE 13'),
    row('VEX.LZ.NP.0F38.W F3 /3', 'BLSI', bitManipulation.blsi, By, Ey, leaves.bitField, 'TYPE 13'),
  ),
  feature(
    'BMI2',
    row('VEX.LZ.NP.0F38.W F5 /r', 'BZHI', bitManipulation.bzhi, Gy, Ey, By, leaves.bitField, 'TYPE 13'),
    row('VEX.LZ.F2.0F38.W F5 /r', 'PDEP', bitManipulation.pdep, Gy, By, Ey, 'TYPE 13'),
    row('VEX.LZ.F3.0F38.W F5 /r', 'PEXT', bitManipulation.pext, Gy, By, Ey, 'TYPE 13'),
    row('VEX.LZ.F2.0F38.W F6 /r', 'MULX', arithmetic.mulx, Gy, By, Ey, 'TYPE 13'),
    row('VEX.LZ.F2.0F3A.W F0 /r', 'RORX', shift.rorx, Gy, Ey, Ib, 'TYPE 13'),
    row('VEX.LZ.F3.0F38.W F7 /r', 'SARX', shift.sarx, Gy, Ey, By, 'TYPE 13'),
    row('VEX.LZ.66.0F38.W F7 /r', 'SHLX', shift.shlx, Gy, Ey, By, 'TYPE 13'),
    row('VEX.LZ.F2.0F38.W F7 /r', 'SHRX', shift.shrx, Gy, Ey, By, 'TYPE 13'),
  ),
];

/** The general-purpose instructions. SDM Vol. 1 5.1. */
export const GENERAL_ROWS: RowDraft[] = [
  DATA_TRANSFER,
  BINARY_ARITHMETIC,
  DECIMAL_ARITHMETIC,
  LOGICAL,
  SHIFT_AND_ROTATE,
  BIT_AND_BYTE,
  CONTROL_TRANSFER,
  STRING,
  FLAG_CONTROL,
  SEGMENT_REGISTER,
  MISCELLANEOUS,
  BIT_MANIPULATION,
].flat(2);
