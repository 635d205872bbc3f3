import { mov } from '../isa/data-transfer.js';
import {
  compareToFlags,
  packedCompare,
  packedEstimate,
  packedFloat,
  packedSquareRoot,
  scalarCompare,
  scalarEstimate,
  scalarFloat,
  scalarSquareRoot,
} from '../isa/sse-arithmetic.js';
import {
  convertFromInteger,
  convertNarrowing,
  convertPacked,
  convertScalar,
  convertToInteger,
  convertWidening,
} from '../isa/sse-conversion.js';
import {
  loadHigh,
  loadLow,
  maskmovdqu,
  moveMask,
  moveScalar,
  moveZeroExtended,
  movhlps,
  storeHigh,
  storeLow,
} from '../isa/sse-data-transfer.js';
import {
  packed,
  extractLane,
  insertLane,
  pshufd,
  shift,
  shiftBytes,
  shuffleWords,
  shufpd,
  shufps,
  unpack,
} from '../isa/sse-integer.js';
import { fence, fxrstor, fxsave, ldmxcsr, stmxcsr } from '../isa/sse-state.js';
import type { OperandType } from '../../decode/row.js';
import {
  Ed,
  Eq,
  Ey,
  Gd,
  Gy,
  Ib,
  M,
  Md,
  Mdq,
  Mq,
  My,
  RyMw,
  Udq,
  Vdq,
  Vsd,
  Vss,
  Wdq,
  WdqUnaligned,
  Wq,
  Wsd,
  Wss,
} from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';
import * as vendors from './vendor-differences.js';

/*
 * MOV is the meaning of whole-register moves too: the operand type says whether memory must be aligned, and a non-temporal
 * hint changes no state.
 */

/** A register form whose register number the instruction ignores. SDM Vol. 2A "LFENCE". */
const ignored: OperandType = { where: 'N', file: 'gpr', size: 32 };

/** SDM Vol. 1 5.5.1.1 "SSE Data Transfer Instructions". */
const sseDataTransfer = [
  row('NP 0F 28 /r', 'MOVAPS', mov, Vdq, Wdq),
  row('NP 0F 29 /r', 'MOVAPS', mov, Wdq, Vdq),
  row('NP 0F 10 /r', 'MOVUPS', mov, Vdq, WdqUnaligned, vendors.unalignedMove),
  row('NP 0F 11 /r', 'MOVUPS', mov, WdqUnaligned, Vdq, vendors.unalignedMove),
  row('NP 0F 16 /r', 'MOVHPS', loadHigh, Vdq, Mq),
  row('NP 0F 17 /r', 'MOVHPS', storeHigh, Mq, Vdq),
  row('NP 0F 12 /r', 'MOVHLPS', movhlps, Vdq, Udq),
  row('NP 0F 12 /r', 'MOVLPS', loadLow, Vdq, Mq),
  row('NP 0F 13 /r', 'MOVLPS', storeLow, Mq, Vdq),
  row('NP 0F 16 /r', 'MOVLHPS', unpack('low', 8), Vdq, Udq),
  row('NP 0F 50 /r', 'MOVMSKPS', moveMask(32), Gd, Udq),
  row('F3 0F 10 /r', 'MOVSS', moveScalar, Vss, Wss),
  row('F3 0F 11 /r', 'MOVSS', moveScalar, Wss, Vss),
];

/** SDM Vol. 1 5.5.1.2 "SSE Packed Arithmetic Instructions". */
const sseArithmetic = [
  row('NP 0F 58 /r', 'ADDPS', packedFloat('add', 32), Vdq, Wdq),
  row('F3 0F 58 /r', 'ADDSS', scalarFloat('add'), Vss, Wss),
  row('NP 0F 5C /r', 'SUBPS', packedFloat('sub', 32), Vdq, Wdq),
  row('F3 0F 5C /r', 'SUBSS', scalarFloat('sub'), Vss, Wss),
  row('NP 0F 59 /r', 'MULPS', packedFloat('mul', 32), Vdq, Wdq),
  row('F3 0F 59 /r', 'MULSS', scalarFloat('mul'), Vss, Wss),
  row('NP 0F 5E /r', 'DIVPS', packedFloat('div', 32), Vdq, Wdq),
  row('F3 0F 5E /r', 'DIVSS', scalarFloat('div'), Vss, Wss),
  row('NP 0F 53 /r', 'RCPPS', packedEstimate('rcp'), Vdq, Wdq),
  row('F3 0F 53 /r', 'RCPSS', scalarEstimate('rcp'), Vss, Wss),
  row('NP 0F 51 /r', 'SQRTPS', packedSquareRoot(32), Vdq, Wdq),
  row('F3 0F 51 /r', 'SQRTSS', scalarSquareRoot, Vss, Wss),
  row('NP 0F 52 /r', 'RSQRTPS', packedEstimate('rsqrt'), Vdq, Wdq),
  row('F3 0F 52 /r', 'RSQRTSS', scalarEstimate('rsqrt'), Vss, Wss),
  row('NP 0F 5F /r', 'MAXPS', packedFloat('max', 32), Vdq, Wdq),
  row('F3 0F 5F /r', 'MAXSS', scalarFloat('max'), Vss, Wss),
  row('NP 0F 5D /r', 'MINPS', packedFloat('min', 32), Vdq, Wdq),
  row('F3 0F 5D /r', 'MINSS', scalarFloat('min'), Vss, Wss),
];

/** SDM Vol. 1 5.5.1.3 "SSE Comparison Instructions". */
const sseComparison = [
  row('NP 0F C2 /r', 'CMPPS', packedCompare(32), Vdq, Wdq, Ib),
  row('F3 0F C2 /r', 'CMPSS', scalarCompare, Vss, Wss, Ib),
  row('NP 0F 2F /r', 'COMISS', compareToFlags(false), Vss, Wss),
  row('NP 0F 2E /r', 'UCOMISS', compareToFlags(true), Vss, Wss),
];

/** SDM Vol. 1 5.5.1.4 "SSE Logical Instructions" and 5.5.1.5 "SSE Shuffle and Unpack Instructions". */
const sseLogicalShuffle = [
  row('NP 0F 54 /r', 'ANDPS', packed('and'), Vdq, Wdq),
  row('NP 0F 55 /r', 'ANDNPS', packed('andnot'), Vdq, Wdq),
  row('NP 0F 56 /r', 'ORPS', packed('or'), Vdq, Wdq),
  row('NP 0F 57 /r', 'XORPS', packed('xor'), Vdq, Wdq),
  row('NP 0F C6 /r', 'SHUFPS', shufps, Vdq, Wdq, Ib),
  row('NP 0F 15 /r', 'UNPCKHPS', unpack('high', 4), Vdq, Wdq),
  row('NP 0F 14 /r', 'UNPCKLPS', unpack('low', 4), Vdq, Wdq),
];

/** SDM Vol. 1 5.5.1.6 "SSE Conversion Instructions", without those on MMX registers. */
const sseConversion = [
  row('F3 0F 2A /r', 'CVTSI2SS', convertFromInteger, Vss, Ey),
  row('F3 0F 2D /r', 'CVTSS2SI', convertToInteger('rounded'), Gy, Wss),
  row('F3 0F 2C /r', 'CVTTSS2SI', convertToInteger('truncated'), Gy, Wss),
];

/** SDM Vol. 1 5.5.2 "SSE MXCSR State Management Instructions" and 5.5.4 "SSE Cacheability Control ... Instructions". */
const sseState = [
  row('NP 0F AE /2', 'LDMXCSR', ldmxcsr, Md, vendors.misalignedMode),
  row('NP 0F AE /3', 'STMXCSR', stmxcsr, Md),
  row('NP 0F 2B /r', 'MOVNTPS', mov, Mdq, Vdq),
  row('NP 0F AE /7', 'SFENCE', fence, ignored),
];

/** SDM Vol. 1 5.3 "x87 FPU and SIMD State Management Instructions". */
const stateManagement = [
  row('NP REX.W0 0F AE /0', 'FXSAVE', fxsave, M, vendors.savedMask),
  row('NP REX.W 0F AE /0', 'FXSAVE64', fxsave, M, vendors.savedMask),
  row('NP REX.W0 0F AE /1', 'FXRSTOR', fxrstor, M, vendors.misalignedMode),
  row('NP REX.W 0F AE /1', 'FXRSTOR64', fxrstor, M, vendors.misalignedMode),
];

/** SDM Vol. 1 5.6.1.1 "SSE2 Data Movement Instructions". */
const sse2DataTransfer = [
  row('66 0F 28 /r', 'MOVAPD', mov, Vdq, Wdq),
  row('66 0F 29 /r', 'MOVAPD', mov, Wdq, Vdq),
  row('66 0F 10 /r', 'MOVUPD', mov, Vdq, WdqUnaligned, vendors.unalignedMove),
  row('66 0F 11 /r', 'MOVUPD', mov, WdqUnaligned, Vdq, vendors.unalignedMove),
  row('66 0F 16 /r', 'MOVHPD', loadHigh, Vdq, Mq),
  row('66 0F 17 /r', 'MOVHPD', storeHigh, Mq, Vdq),
  row('66 0F 12 /r', 'MOVLPD', loadLow, Vdq, Mq),
  row('66 0F 13 /r', 'MOVLPD', storeLow, Mq, Vdq),
  row('66 0F 50 /r', 'MOVMSKPD', moveMask(64), Gd, Udq),
  row('F2 0F 10 /r', 'MOVSD', moveScalar, Vsd, Wsd),
  row('F2 0F 11 /r', 'MOVSD', moveScalar, Wsd, Vsd),
];

/** SDM Vol. 1 5.6.1.2 "SSE2 Packed Arithmetic Instructions". */
const sse2Arithmetic = [
  row('66 0F 58 /r', 'ADDPD', packedFloat('add', 64), Vdq, Wdq),
  row('F2 0F 58 /r', 'ADDSD', scalarFloat('add'), Vsd, Wsd),
  row('66 0F 5C /r', 'SUBPD', packedFloat('sub', 64), Vdq, Wdq),
  row('F2 0F 5C /r', 'SUBSD', scalarFloat('sub'), Vsd, Wsd),
  row('66 0F 59 /r', 'MULPD', packedFloat('mul', 64), Vdq, Wdq),
  row('F2 0F 59 /r', 'MULSD', scalarFloat('mul'), Vsd, Wsd),
  row('66 0F 5E /r', 'DIVPD', packedFloat('div', 64), Vdq, Wdq),
  row('F2 0F 5E /r', 'DIVSD', scalarFloat('div'), Vsd, Wsd),
  row('66 0F 51 /r', 'SQRTPD', packedSquareRoot(64), Vdq, Wdq),
  row('F2 0F 51 /r', 'SQRTSD', scalarSquareRoot, Vsd, Wsd),
  row('66 0F 5F /r', 'MAXPD', packedFloat('max', 64), Vdq, Wdq),
  row('F2 0F 5F /r', 'MAXSD', scalarFloat('max'), Vsd, Wsd),
  row('66 0F 5D /r', 'MINPD', packedFloat('min', 64), Vdq, Wdq),
  row('F2 0F 5D /r', 'MINSD', scalarFloat('min'), Vsd, Wsd),
];

/** SDM Vol. 1 5.6.1.3 to 5.6.1.5: "SSE2 Logical", "Compare" and "Shuffle and Unpack Instructions". */
const sse2LogicalCompareShuffle = [
  row('66 0F 54 /r', 'ANDPD', packed('and'), Vdq, Wdq),
  row('66 0F 55 /r', 'ANDNPD', packed('andnot'), Vdq, Wdq),
  row('66 0F 56 /r', 'ORPD', packed('or'), Vdq, Wdq),
  row('66 0F 57 /r', 'XORPD', packed('xor'), Vdq, Wdq),
  row('66 0F C2 /r', 'CMPPD', packedCompare(64), Vdq, Wdq, Ib),
  row('F2 0F C2 /r', 'CMPSD', scalarCompare, Vsd, Wsd, Ib),
  row('66 0F 2F /r', 'COMISD', compareToFlags(false), Vsd, Wsd),
  row('66 0F 2E /r', 'UCOMISD', compareToFlags(true), Vsd, Wsd),
  row('66 0F C6 /r', 'SHUFPD', shufpd, Vdq, Wdq, Ib),
  row('66 0F 15 /r', 'UNPCKHPD', unpack('high', 8), Vdq, Wdq),
  row('66 0F 14 /r', 'UNPCKLPD', unpack('low', 8), Vdq, Wdq),
];

/** SDM Vol. 1 5.6.1.6 "SSE2 Conversion Instructions" and 5.6.2 "SSE2 Packed Single Precision ... Instructions". */
const sse2Conversion = [
  row('66 0F E6 /r', 'CVTTPD2DQ', convertNarrowing('f64x2.i32x2t'), Vdq, Wdq),
  row('F2 0F E6 /r', 'CVTPD2DQ', convertNarrowing('f64x2.i32x2'), Vdq, Wdq),
  row('F3 0F E6 /r', 'CVTDQ2PD', convertWidening('i32x2.f64x2'), Vdq, Wq),
  row('NP 0F 5A /r', 'CVTPS2PD', convertWidening('f32x2.f64x2'), Vdq, Wq),
  row('66 0F 5A /r', 'CVTPD2PS', convertNarrowing('f64x2.f32x2'), Vdq, Wdq),
  row('F3 0F 5A /r', 'CVTSS2SD', convertScalar, Vsd, Wss),
  row('F2 0F 5A /r', 'CVTSD2SS', convertScalar, Vss, Wsd),
  row('F2 0F 2D /r', 'CVTSD2SI', convertToInteger('rounded'), Gy, Wsd),
  row('F2 0F 2C /r', 'CVTTSD2SI', convertToInteger('truncated'), Gy, Wsd),
  row('F2 0F 2A /r', 'CVTSI2SD', convertFromInteger, Vsd, Ey),
  row('NP 0F 5B /r', 'CVTDQ2PS', convertPacked('i32x4.f32x4'), Vdq, Wdq),
  row('66 0F 5B /r', 'CVTPS2DQ', convertPacked('f32x4.i32x4'), Vdq, Wdq),
  row('F3 0F 5B /r', 'CVTTPS2DQ', convertPacked('f32x4.i32x4t'), Vdq, Wdq),
];

/** SDM Vol. 1 5.6.3 "SSE2 128-Bit SIMD Integer Instructions". */
const sse2IntegerTransfer = [
  row('66 REX.W0 0F 6E /r', 'MOVD', moveZeroExtended, Vdq, Ed),
  row('66 REX.W0 0F 7E /r', 'MOVD', moveZeroExtended, Ed, Vdq),
  row('66 REX.W 0F 6E /r', 'MOVQ', moveZeroExtended, Vdq, Eq),
  row('66 REX.W 0F 7E /r', 'MOVQ', moveZeroExtended, Eq, Vdq),
  row('F3 0F 7E /r', 'MOVQ', moveZeroExtended, Vdq, Wq),
  row('66 0F D6 /r', 'MOVQ', moveZeroExtended, Wq, Vsd),
  row('66 0F 6F /r', 'MOVDQA', mov, Vdq, Wdq),
  row('66 0F 7F /r', 'MOVDQA', mov, Wdq, Vdq),
  row('F3 0F 6F /r', 'MOVDQU', mov, Vdq, WdqUnaligned, vendors.unalignedMove),
  row('F3 0F 7F /r', 'MOVDQU', mov, WdqUnaligned, Vdq, vendors.unalignedMove),
  row('66 0F C5 /r', 'PEXTRW', extractLane(16), Gd, Udq, Ib),
  row('66 0F C4 /r', 'PINSRW', insertLane(16), Vdq, RyMw, Ib),
  row('66 0F D7 /r', 'PMOVMSKB', moveMask(8), Gd, Udq),
];

/** The instructions of MMX (SDM Vol. 1 5.4) and of SSE (5.5.3) on XMM registers: arithmetic. */
const sse2IntegerArithmetic = [
  row('66 0F FC /r', 'PADDB', packed('i8x16.add'), Vdq, Wdq),
  row('66 0F FD /r', 'PADDW', packed('i16x8.add'), Vdq, Wdq),
  row('66 0F FE /r', 'PADDD', packed('i32x4.add'), Vdq, Wdq),
  row('66 0F D4 /r', 'PADDQ', packed('i64x2.add'), Vdq, Wdq),
  row('66 0F EC /r', 'PADDSB', packed('i8x16.add_sat_s'), Vdq, Wdq),
  row('66 0F ED /r', 'PADDSW', packed('i16x8.add_sat_s'), Vdq, Wdq),
  row('66 0F DC /r', 'PADDUSB', packed('i8x16.add_sat_u'), Vdq, Wdq),
  row('66 0F DD /r', 'PADDUSW', packed('i16x8.add_sat_u'), Vdq, Wdq),
  row('66 0F F8 /r', 'PSUBB', packed('i8x16.sub'), Vdq, Wdq),
  row('66 0F F9 /r', 'PSUBW', packed('i16x8.sub'), Vdq, Wdq),
  row('66 0F FA /r', 'PSUBD', packed('i32x4.sub'), Vdq, Wdq),
  row('66 0F FB /r', 'PSUBQ', packed('i64x2.sub'), Vdq, Wdq),
  row('66 0F E8 /r', 'PSUBSB', packed('i8x16.sub_sat_s'), Vdq, Wdq),
  row('66 0F E9 /r', 'PSUBSW', packed('i16x8.sub_sat_s'), Vdq, Wdq),
  row('66 0F D8 /r', 'PSUBUSB', packed('i8x16.sub_sat_u'), Vdq, Wdq),
  row('66 0F D9 /r', 'PSUBUSW', packed('i16x8.sub_sat_u'), Vdq, Wdq),
  row('66 0F E5 /r', 'PMULHW', packed('i16x8.mul_high_s'), Vdq, Wdq),
  row('66 0F E4 /r', 'PMULHUW', packed('i16x8.mul_high_u'), Vdq, Wdq),
  row('66 0F D5 /r', 'PMULLW', packed('i16x8.mul'), Vdq, Wdq),
  row('66 0F F4 /r', 'PMULUDQ', packed('i64x2.mul_even_u32'), Vdq, Wdq),
  row('66 0F F5 /r', 'PMADDWD', packed('i32x4.dot_i16x8_s'), Vdq, Wdq),
  row('66 0F E0 /r', 'PAVGB', packed('i8x16.avgr_u'), Vdq, Wdq),
  row('66 0F E3 /r', 'PAVGW', packed('i16x8.avgr_u'), Vdq, Wdq),
  row('66 0F DA /r', 'PMINUB', packed('i8x16.min_u'), Vdq, Wdq),
  row('66 0F DE /r', 'PMAXUB', packed('i8x16.max_u'), Vdq, Wdq),
  row('66 0F EA /r', 'PMINSW', packed('i16x8.min_s'), Vdq, Wdq),
  row('66 0F EE /r', 'PMAXSW', packed('i16x8.max_s'), Vdq, Wdq),
  row('66 0F F6 /r', 'PSADBW', packed('i8x16.sad'), Vdq, Wdq),
];

/** The same: comparison and logic. */
const sse2IntegerComparisonLogical = [
  row('66 0F 74 /r', 'PCMPEQB', packed('i8x16.eq'), Vdq, Wdq),
  row('66 0F 75 /r', 'PCMPEQW', packed('i16x8.eq'), Vdq, Wdq),
  row('66 0F 76 /r', 'PCMPEQD', packed('i32x4.eq'), Vdq, Wdq),
  row('66 0F 64 /r', 'PCMPGTB', packed('i8x16.gt_s'), Vdq, Wdq),
  row('66 0F 65 /r', 'PCMPGTW', packed('i16x8.gt_s'), Vdq, Wdq),
  row('66 0F 66 /r', 'PCMPGTD', packed('i32x4.gt_s'), Vdq, Wdq),
  row('66 0F DB /r', 'PAND', packed('and'), Vdq, Wdq),
  row('66 0F DF /r', 'PANDN', packed('andnot'), Vdq, Wdq),
  row('66 0F EB /r', 'POR', packed('or'), Vdq, Wdq),
  row('66 0F EF /r', 'PXOR', packed('xor'), Vdq, Wdq),
];

/** The same: conversion, unpacking and shuffles. */
const sse2IntegerShuffle = [
  row('66 0F 63 /r', 'PACKSSWB', packed('i8x16.narrow_i16x8_s'), Vdq, Wdq),
  row('66 0F 6B /r', 'PACKSSDW', packed('i16x8.narrow_i32x4_s'), Vdq, Wdq),
  row('66 0F 67 /r', 'PACKUSWB', packed('i8x16.narrow_i16x8_u'), Vdq, Wdq),
  row('66 0F 68 /r', 'PUNPCKHBW', unpack('high', 1), Vdq, Wdq),
  row('66 0F 69 /r', 'PUNPCKHWD', unpack('high', 2), Vdq, Wdq),
  row('66 0F 6A /r', 'PUNPCKHDQ', unpack('high', 4), Vdq, Wdq),
  row('66 0F 6D /r', 'PUNPCKHQDQ', unpack('high', 8), Vdq, Wdq),
  row('66 0F 60 /r', 'PUNPCKLBW', unpack('low', 1), Vdq, Wdq),
  row('66 0F 61 /r', 'PUNPCKLWD', unpack('low', 2), Vdq, Wdq),
  row('66 0F 62 /r', 'PUNPCKLDQ', unpack('low', 4), Vdq, Wdq),
  row('66 0F 6C /r', 'PUNPCKLQDQ', unpack('low', 8), Vdq, Wdq),
  row('F2 0F 70 /r', 'PSHUFLW', shuffleWords('low'), Vdq, Wdq, Ib),
  row('F3 0F 70 /r', 'PSHUFHW', shuffleWords('high'), Vdq, Wdq, Ib),
  row('66 0F 70 /r', 'PSHUFD', pshufd, Vdq, Wdq, Ib),
];

/** The same: shifts. */
const sse2IntegerShift = [
  row('66 0F F1 /r', 'PSLLW', shift('shl', 16), Vdq, Wdq),
  row('66 0F 71 /6', 'PSLLW', shift('shl', 16), Udq, Ib),
  row('66 0F F2 /r', 'PSLLD', shift('shl', 32), Vdq, Wdq),
  row('66 0F 72 /6', 'PSLLD', shift('shl', 32), Udq, Ib),
  row('66 0F F3 /r', 'PSLLQ', shift('shl', 64), Vdq, Wdq),
  row('66 0F 73 /6', 'PSLLQ', shift('shl', 64), Udq, Ib),
  row('66 0F D1 /r', 'PSRLW', shift('shr', 16), Vdq, Wdq),
  row('66 0F 71 /2', 'PSRLW', shift('shr', 16), Udq, Ib),
  row('66 0F D2 /r', 'PSRLD', shift('shr', 32), Vdq, Wdq),
  row('66 0F 72 /2', 'PSRLD', shift('shr', 32), Udq, Ib),
  row('66 0F D3 /r', 'PSRLQ', shift('shr', 64), Vdq, Wdq),
  row('66 0F 73 /2', 'PSRLQ', shift('shr', 64), Udq, Ib),
  row('66 0F E1 /r', 'PSRAW', shift('sar', 16), Vdq, Wdq),
  row('66 0F 71 /4', 'PSRAW', shift('sar', 16), Udq, Ib),
  row('66 0F E2 /r', 'PSRAD', shift('sar', 32), Vdq, Wdq),
  row('66 0F 72 /4', 'PSRAD', shift('sar', 32), Udq, Ib),
  row('66 0F 73 /7', 'PSLLDQ', shiftBytes('shl'), Udq, Ib),
  row('66 0F 73 /3', 'PSRLDQ', shiftBytes('shr'), Udq, Ib),
];

/** SDM Vol. 1 5.6.4 "SSE2 Cacheability Control and Ordering Instructions". */
const sse2Cacheability = [
  row('NP 0F AE /5', 'LFENCE', fence, ignored),
  row('NP 0F AE /6', 'MFENCE', fence, ignored),
  row('66 0F F7 /r', 'MASKMOVDQU', maskmovdqu, Vdq, Udq, 'ADDRESS'),
  row('66 0F 2B /r', 'MOVNTPD', mov, Mdq, Vdq),
  row('66 0F E7 /r', 'MOVNTDQ', mov, Mdq, Vdq),
  row('NP 0F C3 /r', 'MOVNTI', mov, My, Gy),
];

/** The SSE and SSE2 instructions, apart from those on MMX registers (mmx.ts): SDM Vol. 1 5.5 and 5.6. */
export const SSE_ROWS: RowDraft[] = [
  ...feature(
    'SSE',
    ...sseDataTransfer,
    ...sseArithmetic,
    ...sseComparison,
    ...sseLogicalShuffle,
    ...sseConversion,
    ...sseState,
  ),
  ...feature('FXSR', ...stateManagement),
  ...feature(
    'SSE2',
    ...sse2DataTransfer,
    ...sse2Arithmetic,
    ...sse2LogicalCompareShuffle,
    ...sse2Conversion,
    ...sse2IntegerTransfer,
    ...sse2IntegerArithmetic,
    ...sse2IntegerComparisonLogical,
    ...sse2IntegerShuffle,
    ...sse2IntegerShift,
    ...sse2Cacheability,
  ),
];
