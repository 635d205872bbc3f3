import * as avx from '../isa/avx.js';
import { maskedLoad, maskedStore } from '../isa/avx-masked.js';
import * as arithmetic from '../isa/sse-arithmetic.js';
import * as blend from '../isa/sse-blend.js';
import * as conversion from '../isa/sse-conversion.js';
import * as transfer from '../isa/sse-data-transfer.js';
import * as horizontal from '../isa/sse-horizontal.js';
import * as integer from '../isa/sse-integer.js';
import { moveLanes } from '../isa/sse-operands.js';
import { ldmxcsr, stmxcsr } from '../isa/sse-state.js';
import * as type from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';

const { Ed, Eq, Ey, Gd, Gy, Ib, Md, Mq, MdqUnaligned, Mx, MxAligned, RyMb, RyMw } = type;
const { Vdq, Hdq, Udq, WdqUnaligned, Vss, Hss, Uss, Wss, Vsd, Hsd, Usd, Wsd, Wd, Wq, WqScaled } = type;
const { Vx, Hx, Wx, Ux, Lx, WxAligned, Vqq, Hqq, Wqq } = type;

/** Floating point and data of AVX: SDM Vol. 1 14.1. The meanings are those of SSE. */

/** Packed floating point. */
const PACKED = [
  row('VEX.NP.0F.WIG 58 /r', 'VADDPS', arithmetic.packedFloat('add', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG 5C /r', 'VSUBPS', arithmetic.packedFloat('sub', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG 59 /r', 'VMULPS', arithmetic.packedFloat('mul', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG 5E /r', 'VDIVPS', arithmetic.packedFloat('div', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG 53 /r', 'VRCPPS', arithmetic.packedEstimate('rcp'), Vx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 51 /r', 'VSQRTPS', arithmetic.packedSquareRoot(32), Vx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG 52 /r', 'VRSQRTPS', arithmetic.packedEstimate('rsqrt'), Vx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 5F /r', 'VMAXPS', arithmetic.packedFloat('max', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG 5D /r', 'VMINPS', arithmetic.packedFloat('min', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.NP.0F.WIG C2 /r', 'VCMPPS', arithmetic.packedCompare(32), Vx, Hx, Wx, Ib, 'TYPE 2'),
  row('VEX.NP.0F.WIG 54 /r', 'VANDPS', integer.packed('and'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 55 /r', 'VANDNPS', integer.packed('andnot'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 56 /r', 'VORPS', integer.packed('or'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 57 /r', 'VXORPS', integer.packed('xor'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG C6 /r', 'VSHUFPS', integer.shufps, Vx, Hx, Wx, Ib, 'TYPE 4'),
  row('VEX.NP.0F.WIG 15 /r', 'VUNPCKHPS', integer.unpack('high', 4), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 14 /r', 'VUNPCKLPS', integer.unpack('low', 4), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG 58 /r', 'VADDPD', arithmetic.packedFloat('add', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 5C /r', 'VSUBPD', arithmetic.packedFloat('sub', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 59 /r', 'VMULPD', arithmetic.packedFloat('mul', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 5E /r', 'VDIVPD', arithmetic.packedFloat('div', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 51 /r', 'VSQRTPD', arithmetic.packedSquareRoot(64), Vx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 5F /r', 'VMAXPD', arithmetic.packedFloat('max', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 5D /r', 'VMINPD', arithmetic.packedFloat('min', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 54 /r', 'VANDPD', integer.packed('and'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG 55 /r', 'VANDNPD', integer.packed('andnot'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG 56 /r', 'VORPD', integer.packed('or'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG 57 /r', 'VXORPD', integer.packed('xor'), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG C2 /r', 'VCMPPD', arithmetic.packedCompare(64), Vx, Hx, Wx, Ib, 'TYPE 2'),
  row('VEX.66.0F.WIG C6 /r', 'VSHUFPD', integer.shufpd, Vx, Hx, Wx, Ib, 'TYPE 4'),
  row('VEX.66.0F.WIG 15 /r', 'VUNPCKHPD', integer.unpack('high', 8), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG 14 /r', 'VUNPCKLPD', integer.unpack('low', 8), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 5B /r', 'VCVTDQ2PS', conversion.convertPacked('i32x4.f32x4'), Vx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 5B /r', 'VCVTPS2DQ', conversion.convertPacked('f32x4.i32x4'), Vx, Wx, 'TYPE 2'),
  row('VEX.F3.0F.WIG 5B /r', 'VCVTTPS2DQ', conversion.convertPacked('f32x4.i32x4t'), Vx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG D0 /r', 'VADDSUBPD', horizontal.addSub(64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.F2.0F.WIG D0 /r', 'VADDSUBPS', horizontal.addSub(32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 7C /r', 'VHADDPD', horizontal.horizontalFloat('add', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.F2.0F.WIG 7C /r', 'VHADDPS', horizontal.horizontalFloat('add', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 7D /r', 'VHSUBPD', horizontal.horizontalFloat('sub', 64), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.F2.0F.WIG 7D /r', 'VHSUBPS', horizontal.horizontalFloat('sub', 32), Vx, Hx, Wx, 'TYPE 2'),
  row('VEX.F3.0F.WIG 16 /r', 'VMOVSHDUP', horizontal.duplicate(4, 1), Vx, Wx, 'TYPE 4'),
  row('VEX.F3.0F.WIG 12 /r', 'VMOVSLDUP', horizontal.duplicate(4, 0), Vx, Wx, 'TYPE 4'),
  row('VEX.66.0F3A.WIG 08 /r', 'VROUNDPS', blend.roundPacked(32), Vx, Wx, Ib, 'TYPE 2'),
  row('VEX.66.0F3A.WIG 09 /r', 'VROUNDPD', blend.roundPacked(64), Vx, Wx, Ib, 'TYPE 2'),
  row('VEX.66.0F3A.WIG 0C /r', 'VBLENDPS', blend.blendByImmediate(32), Vx, Hx, Wx, Ib, 'TYPE 4'),
  row('VEX.66.0F3A.WIG 0D /r', 'VBLENDPD', blend.blendByImmediate(64), Vx, Hx, Wx, Ib, 'TYPE 4'),
  row('VEX.66.0F3A.WIG 40 /r', 'VDPPS', blend.dotProduct(32), Vx, Hx, Wx, Ib, 'TYPE 2'),
  row('VEX.128.66.0F3A.WIG 41 /r', 'VDPPD', blend.dotProduct(64), Vdq, Hdq, WdqUnaligned, Ib, 'TYPE 2'),
  row('VEX.F3.0F.WIG E6 /r', 'VCVTDQ2PD', conversion.convertWidening('i32x2.f64x2'), Vx, WqScaled, 'TYPE 5'),
  row('VEX.NP.0F.WIG 5A /r', 'VCVTPS2PD', conversion.convertWidening('f32x2.f64x2'), Vx, WqScaled, 'TYPE 3'),
  row('VEX.F2.0F.WIG E6 /r', 'VCVTPD2DQ', conversion.convertNarrowing('f64x2.i32x2'), Vdq, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG E6 /r', 'VCVTTPD2DQ', conversion.convertNarrowing('f64x2.i32x2t'), Vdq, Wx, 'TYPE 2'),
  row('VEX.66.0F.WIG 5A /r', 'VCVTPD2PS', conversion.convertNarrowing('f64x2.f32x2'), Vdq, Wx, 'TYPE 2'),
];

/** The lowest number only. */
const SCALAR = [
  row('VEX.LIG.F3.0F.WIG 58 /r', 'VADDSS', arithmetic.scalarFloat('add'), Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 5C /r', 'VSUBSS', arithmetic.scalarFloat('sub'), Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 59 /r', 'VMULSS', arithmetic.scalarFloat('mul'), Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 5E /r', 'VDIVSS', arithmetic.scalarFloat('div'), Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 53 /r', 'VRCPSS', arithmetic.scalarEstimate('rcp'), Vss, Hss, Wss, 'TYPE 5'),
  row('VEX.LIG.F3.0F.WIG 51 /r', 'VSQRTSS', arithmetic.scalarSquareRoot, Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 52 /r', 'VRSQRTSS', arithmetic.scalarEstimate('rsqrt'), Vss, Hss, Wss, 'TYPE 5'),
  row('VEX.LIG.F3.0F.WIG 5F /r', 'VMAXSS', arithmetic.scalarFloat('max'), Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 5D /r', 'VMINSS', arithmetic.scalarFloat('min'), Vss, Hss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG C2 /r', 'VCMPSS', arithmetic.scalarCompare, Vss, Hss, Wss, Ib, 'TYPE 3'),
  row('VEX.LIG.NP.0F.WIG 2F /r', 'VCOMISS', arithmetic.compareToFlags(false), Vss, Wss, 'TYPE 3'),
  row('VEX.LIG.NP.0F.WIG 2E /r', 'VUCOMISS', arithmetic.compareToFlags(true), Vss, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.W 2A /r', 'VCVTSI2SS', conversion.convertFromInteger, Vss, Hss, Ey, 'TYPE 3'),
  row('VEX.LIG.F3.0F.W 2D /r', 'VCVTSS2SI', conversion.convertToInteger('rounded'), Gy, Wss, 'TYPE 3'),
  row('VEX.LIG.F3.0F.W 2C /r', 'VCVTTSS2SI', conversion.convertToInteger('truncated'), Gy, Wss, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 58 /r', 'VADDSD', arithmetic.scalarFloat('add'), Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 5C /r', 'VSUBSD', arithmetic.scalarFloat('sub'), Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 59 /r', 'VMULSD', arithmetic.scalarFloat('mul'), Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 5E /r', 'VDIVSD', arithmetic.scalarFloat('div'), Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 51 /r', 'VSQRTSD', arithmetic.scalarSquareRoot, Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 5F /r', 'VMAXSD', arithmetic.scalarFloat('max'), Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 5D /r', 'VMINSD', arithmetic.scalarFloat('min'), Vsd, Hsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG C2 /r', 'VCMPSD', arithmetic.scalarCompare, Vsd, Hsd, Wsd, Ib, 'TYPE 3'),
  row('VEX.LIG.66.0F.WIG 2F /r', 'VCOMISD', arithmetic.compareToFlags(false), Vsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.66.0F.WIG 2E /r', 'VUCOMISD', arithmetic.compareToFlags(true), Vsd, Wsd, 'TYPE 3'),
  row('VEX.LIG.F3.0F.WIG 5A /r', 'VCVTSS2SD', conversion.convertScalar, Vsd, Hsd, Wss, 'TYPE 3'),
  row('VEX.LIG.F2.0F.WIG 5A /r', 'VCVTSD2SS', conversion.convertScalar, Vss, Hss, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.W 2D /r', 'VCVTSD2SI', conversion.convertToInteger('rounded'), Gy, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.W 2C /r', 'VCVTTSD2SI', conversion.convertToInteger('truncated'), Gy, Wsd, 'TYPE 3'),
  row('VEX.LIG.F2.0F.W 2A /r', 'VCVTSI2SD', conversion.convertFromInteger, Vsd, Hsd, Ey, 'TYPE 3'),
  row('VEX.LIG.66.0F3A.WIG 0A /r', 'VROUNDSS', blend.roundScalar, Vss, Hss, Wss, Ib, 'TYPE 3'),
  row('VEX.LIG.66.0F3A.WIG 0B /r', 'VROUNDSD', blend.roundScalar, Vsd, Hsd, Wsd, Ib, 'TYPE 3'),
];

/** Selection: SDM Vol. 1 14.1.1 "Blend, permute, broadcast, mask". */
const SELECTION = [
  row('VEX.66.0F3A.W0 4A /r', 'VBLENDVPS', blend.blendBySign(32), Vx, Hx, Wx, Lx, 'TYPE 4'),
  row('VEX.66.0F3A.W0 4B /r', 'VBLENDVPD', blend.blendBySign(64), Vx, Hx, Wx, Lx, 'TYPE 4'),
  row('VEX.66.0F38.W0 0C /r', 'VPERMILPS', avx.permuteInLaneBy(32), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F38.W0 0D /r', 'VPERMILPD', avx.permuteInLaneBy(64), Vx, Hx, Wx, 'TYPE 4'),
  row('VEX.66.0F3A.W0 04 /r', 'VPERMILPS', avx.permuteInLane(32), Vx, Wx, Ib, 'TYPE 4'),
  row('VEX.66.0F3A.W0 05 /r', 'VPERMILPD', avx.permuteInLane(64), Vx, Wx, Ib, 'TYPE 4'),
  row('VEX.256.66.0F3A.W0 06 /r', 'VPERM2F128', avx.permute128, Vqq, Hqq, Wqq, Ib, 'TYPE 6'),
  row('VEX.256.66.0F3A.W0 18 /r', 'VINSERTF128', avx.insert128, Vqq, Hqq, WdqUnaligned, Ib, 'TYPE 6'),
  row('VEX.256.66.0F3A.W0 19 /r', 'VEXTRACTF128', avx.extract128, WdqUnaligned, Vqq, Ib, 'TYPE 6'),
  row('VEX.66.0F38.W0 18 /r', 'VBROADCASTSS', avx.broadcast(32), Vx, Md, 'TYPE 6'),
  row('VEX.256.66.0F38.W0 19 /r', 'VBROADCASTSD', avx.broadcast(64), Vqq, Mq, 'TYPE 6'),
  row('VEX.256.66.0F38.W0 1A /r', 'VBROADCASTF128', avx.broadcast128, Vqq, MdqUnaligned, 'TYPE 6'),
  row('VEX.66.0F38.W0 2C /r', 'VMASKMOVPS', maskedLoad(32), Vx, Hx, Mx, 'TYPE 6'),
  row('VEX.66.0F38.W0 2D /r', 'VMASKMOVPD', maskedLoad(64), Vx, Hx, Mx, 'TYPE 6'),
  row('VEX.66.0F38.W0 2E /r', 'VMASKMOVPS', maskedStore(32), Mx, Hx, Vx, 'TYPE 6'),
  row('VEX.66.0F38.W0 2F /r', 'VMASKMOVPD', maskedStore(64), Mx, Hx, Vx, 'TYPE 6'),
  row('VEX.66.0F38.W0 0E /r', 'VTESTPS', avx.testSigns(32), Vx, Wx, 'TYPE 4'),
  row('VEX.66.0F38.W0 0F /r', 'VTESTPD', avx.testSigns(64), Vx, Wx, 'TYPE 4'),
  row('VEX.66.0F38.WIG 17 /r', 'VPTEST', blend.ptest, Vx, Wx, 'TYPE 4'),
  row('VEX.128.66.0F3A.WIG 21 /r', 'VINSERTPS', blend.insertps, Vdq, Hdq, Wd, Ib, 'TYPE 5'),
];

/** Moves. */
const MOVES = [
  row('VEX.NP.0F.WIG 28 /r', 'VMOVAPS', moveLanes, Vx, WxAligned, 'TYPE 1'),
  row('VEX.NP.0F.WIG 29 /r', 'VMOVAPS', moveLanes, WxAligned, Vx, 'TYPE 1'),
  row('VEX.66.0F.WIG 28 /r', 'VMOVAPD', moveLanes, Vx, WxAligned, 'TYPE 1'),
  row('VEX.66.0F.WIG 29 /r', 'VMOVAPD', moveLanes, WxAligned, Vx, 'TYPE 1'),
  row('VEX.NP.0F.WIG 10 /r', 'VMOVUPS', moveLanes, Vx, Wx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 11 /r', 'VMOVUPS', moveLanes, Wx, Vx, 'TYPE 4'),
  row('VEX.66.0F.WIG 10 /r', 'VMOVUPD', moveLanes, Vx, Wx, 'TYPE 4'),
  row('VEX.66.0F.WIG 11 /r', 'VMOVUPD', moveLanes, Wx, Vx, 'TYPE 4'),
  row('VEX.66.0F.WIG 6F /r', 'VMOVDQA', moveLanes, Vx, WxAligned, 'TYPE 1'),
  row('VEX.66.0F.WIG 7F /r', 'VMOVDQA', moveLanes, WxAligned, Vx, 'TYPE 1'),
  row('VEX.F3.0F.WIG 6F /r', 'VMOVDQU', moveLanes, Vx, Wx, 'TYPE 4'),
  row('VEX.F3.0F.WIG 7F /r', 'VMOVDQU', moveLanes, Wx, Vx, 'TYPE 4'),
  row('VEX.F2.0F.WIG F0 /r', 'VLDDQU', moveLanes, Vx, Mx, 'TYPE 4'),
  row('VEX.NP.0F.WIG 2B /r', 'VMOVNTPS', moveLanes, MxAligned, Vx, 'TYPE 1'),
  row('VEX.66.0F.WIG 2B /r', 'VMOVNTPD', moveLanes, MxAligned, Vx, 'TYPE 1'),
  row('VEX.66.0F.WIG E7 /r', 'VMOVNTDQ', moveLanes, MxAligned, Vx, 'TYPE 1'),
  row('VEX.NP.0F.WIG 50 /r', 'VMOVMSKPS', transfer.moveMask(32), Gd, Ux, 'TYPE 7'),
  row('VEX.66.0F.WIG 50 /r', 'VMOVMSKPD', transfer.moveMask(64), Gd, Ux, 'TYPE 7'),
  row('VEX.128.F2.0F.WIG 12 /r', 'VMOVDDUP', horizontal.duplicate(8, 0), Vdq, Wq, 'TYPE 5'),
  row('VEX.256.F2.0F.WIG 12 /r', 'VMOVDDUP', horizontal.duplicate(8, 0), Vqq, Wqq, 'TYPE 5'),
  row('VEX.128.NP.0F.WIG 12 /r', 'VMOVLPS', transfer.loadLow, Vdq, Hdq, Mq, 'TYPE 5'),
  row('VEX.128.NP.0F.WIG 12 /r', 'VMOVHLPS', transfer.movhlps, Vdq, Hdq, Udq, 'TYPE 7'),
  row('VEX.128.NP.0F.WIG 13 /r', 'VMOVLPS', transfer.storeLow, Mq, Vdq, 'TYPE 5'),
  row('VEX.128.NP.0F.WIG 16 /r', 'VMOVHPS', transfer.loadHigh, Vdq, Hdq, Mq, 'TYPE 5'),
  row('VEX.128.NP.0F.WIG 16 /r', 'VMOVLHPS', integer.unpack('low', 8), Vdq, Hdq, Udq, 'TYPE 7'),
  row('VEX.128.NP.0F.WIG 17 /r', 'VMOVHPS', transfer.storeHigh, Mq, Vdq, 'TYPE 5'),
  row('VEX.128.66.0F.WIG 12 /r', 'VMOVLPD', transfer.loadLow, Vdq, Hdq, Mq, 'TYPE 5'),
  row('VEX.128.66.0F.WIG 13 /r', 'VMOVLPD', transfer.storeLow, Mq, Vdq, 'TYPE 5'),
  row('VEX.128.66.0F.WIG 16 /r', 'VMOVHPD', transfer.loadHigh, Vdq, Hdq, Mq, 'TYPE 5'),
  row('VEX.128.66.0F.WIG 17 /r', 'VMOVHPD', transfer.storeHigh, Mq, Vdq, 'TYPE 5'),
  row('VEX.LIG.F3.0F.WIG 10 /r', 'VMOVSS', transfer.moveScalar, Vss, Md, 'TYPE 5'),
  row('VEX.LIG.F3.0F.WIG 10 /r', 'VMOVSS', transfer.moveScalar, Vss, Hss, Uss, 'TYPE 5'),
  row('VEX.LIG.F3.0F.WIG 11 /r', 'VMOVSS', transfer.moveScalar, Md, Vss, 'TYPE 5'),
  row('VEX.LIG.F3.0F.WIG 11 /r', 'VMOVSS', transfer.moveScalar, Uss, Hss, Vss, 'TYPE 5'),
  row('VEX.LIG.F2.0F.WIG 10 /r', 'VMOVSD', transfer.moveScalar, Vsd, Mq, 'TYPE 5'),
  row('VEX.LIG.F2.0F.WIG 10 /r', 'VMOVSD', transfer.moveScalar, Vsd, Hsd, Usd, 'TYPE 5'),
  row('VEX.LIG.F2.0F.WIG 11 /r', 'VMOVSD', transfer.moveScalar, Mq, Vsd, 'TYPE 5'),
  row('VEX.LIG.F2.0F.WIG 11 /r', 'VMOVSD', transfer.moveScalar, Usd, Hsd, Vsd, 'TYPE 5'),
  row('VEX.128.66.0F.W0 6E /r', 'VMOVD', transfer.moveZeroExtended, Vdq, Ed, 'TYPE 5', 'IGNORES_W'),
  row('VEX.128.66.0F.W0 7E /r', 'VMOVD', transfer.moveZeroExtended, Ed, Vdq, 'TYPE 5', 'IGNORES_W'),
  row('VEX.128.66.0F.W1 6E /r', 'VMOVQ', transfer.moveZeroExtended, Vdq, Eq, 'TYPE 5', 'ONLY64'),
  row('VEX.128.66.0F.W1 7E /r', 'VMOVQ', transfer.moveZeroExtended, Eq, Vdq, 'TYPE 5', 'ONLY64'),
  row('VEX.128.F3.0F.WIG 7E /r', 'VMOVQ', transfer.moveZeroExtended, Vdq, Wq, 'TYPE 5'),
  row('VEX.128.66.0F.WIG D6 /r', 'VMOVQ', transfer.moveZeroExtended, Wq, Vsd, 'TYPE 5'),
  row('VEX.128.66.0F3A.WIG 17 /r', 'VEXTRACTPS', integer.extractLane(32), Ed, Vdq, Ib, 'TYPE 5'),
  row('VEX.128.66.0F3A.WIG 14 /r', 'VPEXTRB', integer.extractLane(8), RyMb, Vdq, Ib, 'TYPE 5'),
  row('VEX.128.66.0F.WIG C5 /r', 'VPEXTRW', integer.extractLane(16), Gd, Udq, Ib, 'TYPE 5'),
  row('VEX.128.66.0F3A.WIG 15 /r', 'VPEXTRW', integer.extractLane(16), RyMw, Vdq, Ib, 'TYPE 5'),
  row('VEX.128.66.0F3A.W0 16 /r', 'VPEXTRD', integer.extractLane(32), Ed, Vdq, Ib, 'TYPE 5', 'IGNORES_W'),
  row('VEX.128.66.0F3A.W1 16 /r', 'VPEXTRQ', integer.extractLane(64), Eq, Vdq, Ib, 'TYPE 5', 'ONLY64'),
  row('VEX.128.66.0F3A.WIG 20 /r', 'VPINSRB', integer.insertLane(8), Vdq, Hdq, RyMb, Ib, 'TYPE 5'),
  row('VEX.128.66.0F.WIG C4 /r', 'VPINSRW', integer.insertLane(16), Vdq, Hdq, RyMw, Ib, 'TYPE 5'),
  row('VEX.128.66.0F3A.W0 22 /r', 'VPINSRD', integer.insertLane(32), Vdq, Hdq, Ed, Ib, 'TYPE 5', 'IGNORES_W'),
  row('VEX.128.66.0F3A.W1 22 /r', 'VPINSRQ', integer.insertLane(64), Vdq, Hdq, Eq, Ib, 'TYPE 5', 'ONLY64'),
  row('VEX.128.66.0F.WIG F7 /r', 'VMASKMOVDQU', transfer.maskmovdqu, Vdq, Udq, 'ADDRESS', 'TYPE 4'),
];

/** SDM Vol. 1 14.4 "Half-Precision Floating-Point Conversion". */
export const F16C_ROWS: RowDraft[] = feature(
  'F16C',
  row('VEX.66.0F38.W0 13 /r', 'VCVTPH2PS', conversion.convertFromHalves, Vx, WqScaled, 'TYPE 11'),
  row('VEX.66.0F3A.W0 1D /r', 'VCVTPS2PH', conversion.convertToHalves, WqScaled, Vx, Ib, 'TYPE 11'),
);

/** Of registers, and of MXCSR. */
const STATE = [
  row('VEX.128.NP.0F.WIG 77', 'VZEROUPPER', avx.zeroRegisters('upper'), 'TYPE 8'),
  row('VEX.256.NP.0F.WIG 77', 'VZEROALL', avx.zeroRegisters('all'), 'TYPE 8'),
  row('VEX.LZ.NP.0F.WIG AE /2', 'VLDMXCSR', ldmxcsr, Md, 'TYPE 5'),
  row('VEX.LZ.NP.0F.WIG AE /3', 'VSTMXCSR', stmxcsr, Md, 'TYPE 5'),
];

export const AVX_ROWS: RowDraft[] = feature('AVX', ...PACKED, ...SCALAR, ...SELECTION, ...MOVES, ...STATE);
