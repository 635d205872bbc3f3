import { mov } from '../isa/data-transfer.js';
import * as blend from '../isa/sse-blend.js';
import * as horizontal from '../isa/sse-horizontal.js';
import { extractLane, insertLane, packed } from '../isa/sse-integer.js';
import * as string from '../isa/sse-string.js';
import * as type from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';

const { Ed, Eq, Ib, Mdq, MdqUnaligned, RyMb, RyMw, Vdq, Vsd, Vss, Wd, Wdq, WdqUnaligned, Wq, Wsd, Wss, Ww, XMM0 } =
  type;

/** SDM Vol. 1 5.7 "Intel SSE3 Instructions", without FISTTP. */
const SSE3 = [
  row('66 0F D0 /r', 'ADDSUBPD', horizontal.addSub(64), Vdq, Wdq),
  row('F2 0F D0 /r', 'ADDSUBPS', horizontal.addSub(32), Vdq, Wdq),
  row('66 0F 7C /r', 'HADDPD', horizontal.horizontalFloat('add', 64), Vdq, Wdq),
  row('F2 0F 7C /r', 'HADDPS', horizontal.horizontalFloat('add', 32), Vdq, Wdq),
  row('66 0F 7D /r', 'HSUBPD', horizontal.horizontalFloat('sub', 64), Vdq, Wdq),
  row('F2 0F 7D /r', 'HSUBPS', horizontal.horizontalFloat('sub', 32), Vdq, Wdq),
  row('F2 0F F0 /r', 'LDDQU', mov, Vdq, MdqUnaligned),
  row('F2 0F 12 /r', 'MOVDDUP', horizontal.duplicate(8, 0), Vdq, Wq),
  row('F3 0F 16 /r', 'MOVSHDUP', horizontal.duplicate(4, 1), Vdq, Wdq),
  row('F3 0F 12 /r', 'MOVSLDUP', horizontal.duplicate(4, 0), Vdq, Wdq),
];

/** SDM Vol. 1 5.8 "Supplemental Streaming SIMD Extensions 3 (SSSE3) Instructions", on XMM registers. */
const SSSE3 = [
  row('66 0F 38 00 /r', 'PSHUFB', packed('i8x16.select_by'), Vdq, Wdq),
  row('66 0F 38 01 /r', 'PHADDW', horizontal.horizontal('i16x8.add', 2), Vdq, Wdq),
  row('66 0F 38 02 /r', 'PHADDD', horizontal.horizontal('i32x4.add', 4), Vdq, Wdq),
  row('66 0F 38 03 /r', 'PHADDSW', horizontal.horizontal('i16x8.add_sat_s', 2), Vdq, Wdq),
  row('66 0F 38 04 /r', 'PMADDUBSW', horizontal.multiplyAddBytes, Vdq, Wdq),
  row('66 0F 38 05 /r', 'PHSUBW', horizontal.horizontal('i16x8.sub', 2), Vdq, Wdq),
  row('66 0F 38 06 /r', 'PHSUBD', horizontal.horizontal('i32x4.sub', 4), Vdq, Wdq),
  row('66 0F 38 07 /r', 'PHSUBSW', horizontal.horizontal('i16x8.sub_sat_s', 2), Vdq, Wdq),
  row('66 0F 38 08 /r', 'PSIGNB', horizontal.applySign('i8x16'), Vdq, Wdq),
  row('66 0F 38 09 /r', 'PSIGNW', horizontal.applySign('i16x8'), Vdq, Wdq),
  row('66 0F 38 0A /r', 'PSIGND', horizontal.applySign('i32x4'), Vdq, Wdq),
  row('66 0F 38 0B /r', 'PMULHRSW', packed('i16x8.mul_round_q15'), Vdq, Wdq),
  row('66 0F 38 1C /r', 'PABSB', horizontal.absolute('i8x16'), Vdq, Wdq),
  row('66 0F 38 1D /r', 'PABSW', horizontal.absolute('i16x8'), Vdq, Wdq),
  row('66 0F 38 1E /r', 'PABSD', horizontal.absolute('i32x4'), Vdq, Wdq),
  row('66 0F 3A 0F /r', 'PALIGNR', horizontal.alignRight, Vdq, Wdq, Ib),
];

/** SDM Vol. 1 5.10.1 to 5.10.13 "SSE4.1 Instructions": integers. */
const SSE4_1_INTEGER = [
  row('66 0F 38 10 /r', 'PBLENDVB', blend.blendBySign(8), Vdq, Wdq, XMM0),
  row('66 0F 38 17 /r', 'PTEST', blend.ptest, Vdq, Wdq),
  row('66 0F 38 20 /r', 'PMOVSXBW', blend.extend('signed', 8, 16), Vdq, Wq),
  row('66 0F 38 21 /r', 'PMOVSXBD', blend.extend('signed', 8, 32), Vdq, Wd),
  row('66 0F 38 22 /r', 'PMOVSXBQ', blend.extend('signed', 8, 64), Vdq, Ww),
  row('66 0F 38 23 /r', 'PMOVSXWD', blend.extend('signed', 16, 32), Vdq, Wq),
  row('66 0F 38 24 /r', 'PMOVSXWQ', blend.extend('signed', 16, 64), Vdq, Wd),
  row('66 0F 38 25 /r', 'PMOVSXDQ', blend.extend('signed', 32, 64), Vdq, Wq),
  row('66 0F 38 30 /r', 'PMOVZXBW', blend.extend('unsigned', 8, 16), Vdq, Wq),
  row('66 0F 38 31 /r', 'PMOVZXBD', blend.extend('unsigned', 8, 32), Vdq, Wd),
  row('66 0F 38 32 /r', 'PMOVZXBQ', blend.extend('unsigned', 8, 64), Vdq, Ww),
  row('66 0F 38 33 /r', 'PMOVZXWD', blend.extend('unsigned', 16, 32), Vdq, Wq),
  row('66 0F 38 34 /r', 'PMOVZXWQ', blend.extend('unsigned', 16, 64), Vdq, Wd),
  row('66 0F 38 35 /r', 'PMOVZXDQ', blend.extend('unsigned', 32, 64), Vdq, Wq),
  row('66 0F 38 28 /r', 'PMULDQ', packed('i64x2.mul_even_s32'), Vdq, Wdq),
  row('66 0F 38 29 /r', 'PCMPEQQ', packed('i64x2.eq'), Vdq, Wdq),
  row('66 0F 38 2A /r', 'MOVNTDQA', mov, Vdq, Mdq),
  row('66 0F 38 2B /r', 'PACKUSDW', packed('i16x8.narrow_i32x4_u'), Vdq, Wdq),
  row('66 0F 38 38 /r', 'PMINSB', packed('i8x16.min_s'), Vdq, Wdq),
  row('66 0F 38 39 /r', 'PMINSD', packed('i32x4.min_s'), Vdq, Wdq),
  row('66 0F 38 3A /r', 'PMINUW', packed('i16x8.min_u'), Vdq, Wdq),
  row('66 0F 38 3B /r', 'PMINUD', packed('i32x4.min_u'), Vdq, Wdq),
  row('66 0F 38 3C /r', 'PMAXSB', packed('i8x16.max_s'), Vdq, Wdq),
  row('66 0F 38 3D /r', 'PMAXSD', packed('i32x4.max_s'), Vdq, Wdq),
  row('66 0F 38 3E /r', 'PMAXUW', packed('i16x8.max_u'), Vdq, Wdq),
  row('66 0F 38 3F /r', 'PMAXUD', packed('i32x4.max_u'), Vdq, Wdq),
  row('66 0F 38 40 /r', 'PMULLD', packed('i32x4.mul'), Vdq, Wdq),
  row('66 0F 38 41 /r', 'PHMINPOSUW', blend.minimumPosition, Vdq, Wdq),
  row('66 0F 3A 0E /r', 'PBLENDW', blend.blendByImmediate(16), Vdq, Wdq, Ib),
  row('66 0F 3A 14 /r', 'PEXTRB', extractLane(8), RyMb, Vdq, Ib),
  row('66 0F 3A 15 /r', 'PEXTRW', extractLane(16), RyMw, Vdq, Ib),
  row('66 REX.W0 0F 3A 16 /r', 'PEXTRD', extractLane(32), Ed, Vdq, Ib),
  row('66 REX.W 0F 3A 16 /r', 'PEXTRQ', extractLane(64), Eq, Vdq, Ib),
  row('66 0F 3A 20 /r', 'PINSRB', insertLane(8), Vdq, RyMb, Ib),
  row('66 REX.W0 0F 3A 22 /r', 'PINSRD', insertLane(32), Vdq, Ed, Ib),
  row('66 REX.W 0F 3A 22 /r', 'PINSRQ', insertLane(64), Vdq, Eq, Ib),
  row('66 0F 3A 42 /r', 'MPSADBW', blend.mpsadbw, Vdq, Wdq, Ib),
];

/** The same: floating point. */
const SSE4_1_FLOAT = [
  row('66 0F 38 14 /r', 'BLENDVPS', blend.blendBySign(32), Vdq, Wdq, XMM0),
  row('66 0F 38 15 /r', 'BLENDVPD', blend.blendBySign(64), Vdq, Wdq, XMM0),
  row('66 0F 3A 08 /r', 'ROUNDPS', blend.roundPacked(32), Vdq, Wdq, Ib),
  row('66 0F 3A 09 /r', 'ROUNDPD', blend.roundPacked(64), Vdq, Wdq, Ib),
  row('66 0F 3A 0A /r', 'ROUNDSS', blend.roundScalar, Vss, Wss, Ib),
  row('66 0F 3A 0B /r', 'ROUNDSD', blend.roundScalar, Vsd, Wsd, Ib),
  row('66 0F 3A 0C /r', 'BLENDPS', blend.blendByImmediate(32), Vdq, Wdq, Ib),
  row('66 0F 3A 0D /r', 'BLENDPD', blend.blendByImmediate(64), Vdq, Wdq, Ib),
  row('66 0F 3A 17 /r', 'EXTRACTPS', extractLane(32), Ed, Vdq, Ib),
  row('66 0F 3A 21 /r', 'INSERTPS', blend.insertps, Vdq, Wd, Ib),
  row('66 0F 3A 40 /r', 'DPPS', blend.dotProduct(32), Vdq, Wdq, Ib),
  row('66 0F 3A 41 /r', 'DPPD', blend.dotProduct(64), Vdq, Wdq, Ib),
];

/** SDM Vol. 1 5.11 "SSE4.2 Instruction Set"; CRC32 is among the general-purpose instructions. */
const SSE4_2 = [
  row('66 0F 38 37 /r', 'PCMPGTQ', packed('i64x2.gt_s'), Vdq, Wdq),
  row('66 REX.W0 0F 3A 60 /r', 'PCMPESTRM', string.pcmpestrm, Vdq, WdqUnaligned, Ib),
  row('66 REX.W 0F 3A 60 /r', 'PCMPESTRM64', string.pcmpestrm, Vdq, WdqUnaligned, Ib),
  row('66 REX.W0 0F 3A 61 /r', 'PCMPESTRI', string.pcmpestri, Vdq, WdqUnaligned, Ib),
  row('66 REX.W 0F 3A 61 /r', 'PCMPESTRI64', string.pcmpestri, Vdq, WdqUnaligned, Ib),
  row('66 0F 3A 62 /r', 'PCMPISTRM', string.pcmpistrm, Vdq, WdqUnaligned, Ib),
  row('66 0F 3A 63 /r', 'PCMPISTRI', string.pcmpistri, Vdq, WdqUnaligned, Ib),
];

export const SSE4_ROWS: RowDraft[] = [
  ...feature('SSE3', ...SSE3),
  ...feature('SSSE3', ...SSSE3),
  ...feature('SSE4_1', ...SSE4_1_INTEGER, ...SSE4_1_FLOAT),
  ...feature('SSE4_2', ...SSE4_2),
];
