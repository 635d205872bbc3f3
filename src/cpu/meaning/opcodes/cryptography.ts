import * as aes from '../isa/aes.js';
import * as sha from '../isa/sha.js';
import { Hdq, Ib, Vdq, Wdq, WdqUnaligned, XMM0 } from './operand-types.js';
import { alsoRequiring, feature, row, type RowDraft } from './row-syntax.js';
import * as vendors from './vendor-differences.js';

/** SDM Vol. 1 5.12 "Intel AES New Instructions and PCLMULQDQ". */
const AES = [
  row('66 0F 38 DB /r', 'AESIMC', aes.aesimc, Vdq, Wdq),
  row('66 0F 38 DC /r', 'AESENC', aes.encrypt(false), Vdq, Wdq),
  row('66 0F 38 DD /r', 'AESENCLAST', aes.encrypt(true), Vdq, Wdq),
  row('66 0F 38 DE /r', 'AESDEC', aes.decrypt(false), Vdq, Wdq),
  row('66 0F 38 DF /r', 'AESDECLAST', aes.decrypt(true), Vdq, Wdq),
  row('66 0F 3A DF /r', 'AESKEYGENASSIST', aes.aeskeygenassist, Vdq, Wdq, Ib),
];

/** The same with VEX: they need AVX as well. */
const AVX = alsoRequiring('AES', [
  row('VEX.128.66.0F38.WIG DB /r', 'VAESIMC', aes.aesimc, Vdq, WdqUnaligned, 'TYPE 4'),
  row('VEX.128.66.0F38.WIG DC /r', 'VAESENC', aes.encrypt(false), Vdq, Hdq, WdqUnaligned, 'TYPE 4'),
  row('VEX.128.66.0F38.WIG DD /r', 'VAESENCLAST', aes.encrypt(true), Vdq, Hdq, WdqUnaligned, 'TYPE 4'),
  row('VEX.128.66.0F38.WIG DE /r', 'VAESDEC', aes.decrypt(false), Vdq, Hdq, WdqUnaligned, 'TYPE 4'),
  row('VEX.128.66.0F38.WIG DF /r', 'VAESDECLAST', aes.decrypt(true), Vdq, Hdq, WdqUnaligned, 'TYPE 4'),
  row('VEX.128.66.0F3A.WIG DF /r', 'VAESKEYGENASSIST', aes.aeskeygenassist, Vdq, WdqUnaligned, Ib, 'TYPE 4'),
]);

const AVX_PCLMULQDQ = row(
  'VEX.128.66.0F3A.WIG 44 /r',
  'VPCLMULQDQ',
  aes.pclmulqdq,
  Vdq,
  Hdq,
  WdqUnaligned,
  Ib,
  'TYPE 4',
);

/** SDM Vol. 1 5.15 "Intel SHA Extensions". */
const SHA = [
  row('NP 0F 38 C8 /r', 'SHA1NEXTE', sha.sha1nexte, Vdq, Wdq, vendors.misalignedSha),
  row('NP 0F 38 C9 /r', 'SHA1MSG1', sha.sha1msg1, Vdq, Wdq, vendors.misalignedSha),
  row('NP 0F 38 CA /r', 'SHA1MSG2', sha.sha1msg2, Vdq, Wdq, vendors.misalignedSha),
  row('NP 0F 38 CB /r', 'SHA256RNDS2', sha.sha256rnds2, Vdq, Wdq, XMM0, vendors.misalignedSha),
  row('NP 0F 38 CC /r', 'SHA256MSG1', sha.sha256msg1, Vdq, Wdq, vendors.misalignedSha),
  row('NP 0F 38 CD /r', 'SHA256MSG2', sha.sha256msg2, Vdq, Wdq, vendors.misalignedSha),
  row('NP 0F 3A CC /r', 'SHA1RNDS4', sha.sha1rnds4, Vdq, Wdq, Ib, vendors.misalignedSha),
];

/** The instructions for ciphers and hashes. */
export const CRYPTOGRAPHY_ROWS: RowDraft[] = [
  feature('AES', ...AES),
  feature('PCLMULQDQ', row('66 0F 3A 44 /r', 'PCLMULQDQ', aes.pclmulqdq, Vdq, Wdq, Ib)),
  feature('SHA', ...SHA),
  feature('AVX', AVX, alsoRequiring('PCLMULQDQ', AVX_PCLMULQDQ)),
].flat();
