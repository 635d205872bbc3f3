import {
  alignRight,
  convertToMmx,
  horizontal,
  shuffleBytes,
  cvtpi2pd,
  cvtpi2ps,
  extractWord,
  insertWord,
  maskmovq,
  mmx,
  movdq2q,
  move,
  moveQuadword,
  movq2dq,
  pack,
  unpackHigh,
} from '../isa/mmx.js';
import { moveMask } from '../isa/sse-data-transfer.js';
import { absolute, applySign, multiplyAddBytes } from '../isa/sse-horizontal.js';
import { packed, shift, shuffleWords, unpack } from '../isa/sse-integer.js';
import { emms } from '../isa/x87-control.js';
import type { Semantics, VectorOperation } from '../vocabulary.js';
import { Ed, Eq, Gd, Ib, Mq, Nq, Pq, Qd, Qq, RyMw, Udq, Vdq, Wdq, Wq } from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';

/** DEST := DEST op SRC, lane by lane. */
function lanes(opcode: string, mnemonic: string, operation: VectorOperation): RowDraft[] {
  return row(`NP 0F ${opcode} /r`, mnemonic, mmx(packed(operation)), Pq, Qq);
}

function unpackLow(opcode: string, mnemonic: string, laneBytes: 1 | 2 | 4): RowDraft[] {
  return row(`NP 0F ${opcode} /r`, mnemonic, mmx(unpack('low', laneBytes)), Pq, Qd);
}

/** Shifts by a register or memory, and by an immediate. */
function shifts(
  opcode: string,
  immediate: string,
  mnemonic: string,
  operation: 'shl' | 'shr' | 'sar',
  laneWidth: 16 | 32 | 64,
): RowDraft[] {
  const meaning = mmx(shift(operation, laneWidth));
  return [
    row(`NP 0F ${opcode} /r`, mnemonic, meaning, Pq, Qq),
    row(`NP 0F ${immediate}`, mnemonic, meaning, Nq, Ib),
  ].flat();
}

/** SDM Vol. 1 5.4.1 "MMX Data Transfer Instructions" and 5.4.8 "EMMS Instruction". */
const TRANSFER = [
  row('NP REX.W0 0F 6E /r', 'MOVD', move, Pq, Ed),
  row('NP REX.W0 0F 7E /r', 'MOVD', move, Ed, Pq),
  row('NP REX.W 0F 6E /r', 'MOVQ', move, Pq, Eq),
  row('NP REX.W 0F 7E /r', 'MOVQ', move, Eq, Pq),
  row('NP 0F 6F /r', 'MOVQ', moveQuadword, Pq, Qq),
  row('NP 0F 7F /r', 'MOVQ', moveQuadword, Qq, Pq),
  row('NP 0F 77', 'EMMS', emms),
];

/** SDM Vol. 1 5.4.2 to 5.4.7. */
const MMX = [
  row('NP 0F 63 /r', 'PACKSSWB', pack('i8x16.narrow_i16x8_s'), Pq, Qq),
  row('NP 0F 6B /r', 'PACKSSDW', pack('i16x8.narrow_i32x4_s'), Pq, Qq),
  row('NP 0F 67 /r', 'PACKUSWB', pack('i8x16.narrow_i16x8_u'), Pq, Qq),
  row('NP 0F 68 /r', 'PUNPCKHBW', unpackHigh(1), Pq, Qq),
  row('NP 0F 69 /r', 'PUNPCKHWD', unpackHigh(2), Pq, Qq),
  row('NP 0F 6A /r', 'PUNPCKHDQ', unpackHigh(4), Pq, Qq),
  unpackLow('60', 'PUNPCKLBW', 1),
  unpackLow('61', 'PUNPCKLWD', 2),
  unpackLow('62', 'PUNPCKLDQ', 4),
  lanes('FC', 'PADDB', 'i8x16.add'),
  lanes('FD', 'PADDW', 'i16x8.add'),
  lanes('FE', 'PADDD', 'i32x4.add'),
  lanes('EC', 'PADDSB', 'i8x16.add_sat_s'),
  lanes('ED', 'PADDSW', 'i16x8.add_sat_s'),
  lanes('DC', 'PADDUSB', 'i8x16.add_sat_u'),
  lanes('DD', 'PADDUSW', 'i16x8.add_sat_u'),
  lanes('F8', 'PSUBB', 'i8x16.sub'),
  lanes('F9', 'PSUBW', 'i16x8.sub'),
  lanes('FA', 'PSUBD', 'i32x4.sub'),
  lanes('E8', 'PSUBSB', 'i8x16.sub_sat_s'),
  lanes('E9', 'PSUBSW', 'i16x8.sub_sat_s'),
  lanes('D8', 'PSUBUSB', 'i8x16.sub_sat_u'),
  lanes('D9', 'PSUBUSW', 'i16x8.sub_sat_u'),
  lanes('E5', 'PMULHW', 'i16x8.mul_high_s'),
  lanes('D5', 'PMULLW', 'i16x8.mul'),
  lanes('F5', 'PMADDWD', 'i32x4.dot_i16x8_s'),
  lanes('74', 'PCMPEQB', 'i8x16.eq'),
  lanes('75', 'PCMPEQW', 'i16x8.eq'),
  lanes('76', 'PCMPEQD', 'i32x4.eq'),
  lanes('64', 'PCMPGTB', 'i8x16.gt_s'),
  lanes('65', 'PCMPGTW', 'i16x8.gt_s'),
  lanes('66', 'PCMPGTD', 'i32x4.gt_s'),
  lanes('DB', 'PAND', 'and'),
  lanes('DF', 'PANDN', 'andnot'),
  lanes('EB', 'POR', 'or'),
  lanes('EF', 'PXOR', 'xor'),
  shifts('F1', '71 /6', 'PSLLW', 'shl', 16),
  shifts('F2', '72 /6', 'PSLLD', 'shl', 32),
  shifts('F3', '73 /6', 'PSLLQ', 'shl', 64),
  shifts('D1', '71 /2', 'PSRLW', 'shr', 16),
  shifts('D2', '72 /2', 'PSRLD', 'shr', 32),
  shifts('D3', '73 /2', 'PSRLQ', 'shr', 64),
  shifts('E1', '71 /4', 'PSRAW', 'sar', 16),
  shifts('E2', '72 /4', 'PSRAD', 'sar', 32),
];

/** SDM Vol. 1 5.5.1.6, 5.5.3 and 5.5.4: what SSE has on MMX registers. */
const SSE = [
  row('NP 0F 2A /r', 'CVTPI2PS', cvtpi2ps, Vdq, Qq),
  row('NP 0F 2D /r', 'CVTPS2PI', convertToMmx('f32x4.i32x4'), Pq, Wq),
  row('NP 0F 2C /r', 'CVTTPS2PI', convertToMmx('f32x4.i32x4t'), Pq, Wq),
  lanes('E0', 'PAVGB', 'i8x16.avgr_u'),
  lanes('E3', 'PAVGW', 'i16x8.avgr_u'),
  row('NP 0F C5 /r', 'PEXTRW', extractWord, Gd, Nq, Ib),
  row('NP 0F C4 /r', 'PINSRW', insertWord, Pq, RyMw, Ib),
  lanes('EE', 'PMAXSW', 'i16x8.max_s'),
  lanes('DE', 'PMAXUB', 'i8x16.max_u'),
  lanes('EA', 'PMINSW', 'i16x8.min_s'),
  lanes('DA', 'PMINUB', 'i8x16.min_u'),
  row('NP 0F D7 /r', 'PMOVMSKB', mmx(moveMask(8)), Gd, Nq),
  lanes('E4', 'PMULHUW', 'i16x8.mul_high_u'),
  lanes('F6', 'PSADBW', 'i8x16.sad'),
  row('NP 0F 70 /r', 'PSHUFW', mmx(shuffleWords('low')), Pq, Qq, Ib),
  row('NP 0F F7 /r', 'MASKMOVQ', maskmovq, Pq, Nq, 'ADDRESS'),
  row('NP 0F E7 /r', 'MOVNTQ', moveQuadword, Mq, Pq),
];

/** SDM Vol. 1 5.6.1.6 and 5.6.3: what SSE2 has on MMX registers. */
const SSE2 = [
  row('66 0F 2A /r', 'CVTPI2PD', cvtpi2pd, Vdq, Qq),
  row('66 0F 2D /r', 'CVTPD2PI', convertToMmx('f64x2.i32x2'), Pq, Wdq),
  row('66 0F 2C /r', 'CVTTPD2PI', convertToMmx('f64x2.i32x2t'), Pq, Wdq),
  lanes('D4', 'PADDQ', 'i64x2.add'),
  lanes('FB', 'PSUBQ', 'i64x2.sub'),
  lanes('F4', 'PMULUDQ', 'i64x2.mul_even_u32'),
  row('F2 0F D6 /r', 'MOVDQ2Q', movdq2q, Pq, Udq),
  row('F3 0F D6 /r', 'MOVQ2DQ', movq2dq, Vdq, Nq),
];

function ssse3(opcode: string, mnemonic: string, meaning: Semantics): RowDraft[] {
  return row(`NP 0F 38 ${opcode} /r`, mnemonic, meaning, Pq, Qq);
}

/** SDM Vol. 1 5.8: what SSSE3 has on MMX registers. */
const SSSE3 = [
  ssse3('00', 'PSHUFB', shuffleBytes),
  ssse3('01', 'PHADDW', horizontal('i16x8.add', 2)),
  ssse3('02', 'PHADDD', horizontal('i32x4.add', 4)),
  ssse3('03', 'PHADDSW', horizontal('i16x8.add_sat_s', 2)),
  ssse3('04', 'PMADDUBSW', mmx(multiplyAddBytes)),
  ssse3('05', 'PHSUBW', horizontal('i16x8.sub', 2)),
  ssse3('06', 'PHSUBD', horizontal('i32x4.sub', 4)),
  ssse3('07', 'PHSUBSW', horizontal('i16x8.sub_sat_s', 2)),
  ssse3('08', 'PSIGNB', mmx(applySign('i8x16'))),
  ssse3('09', 'PSIGNW', mmx(applySign('i16x8'))),
  ssse3('0A', 'PSIGND', mmx(applySign('i32x4'))),
  ssse3('0B', 'PMULHRSW', mmx(packed('i16x8.mul_round_q15'))),
  ssse3('1C', 'PABSB', mmx(absolute('i8x16'))),
  ssse3('1D', 'PABSW', mmx(absolute('i16x8'))),
  ssse3('1E', 'PABSD', mmx(absolute('i32x4'))),
  row('NP 0F 3A 0F /r', 'PALIGNR', alignRight, Pq, Qq, Ib),
];

/** The rows of instructions on MMX registers. */
export const MMX_ROWS: RowDraft[] = [
  feature('MMX', ...TRANSFER, ...MMX),
  feature('SSE', ...SSE),
  feature('SSE2', ...SSE2),
  feature('SSSE3', ...SSSE3),
].flat();
