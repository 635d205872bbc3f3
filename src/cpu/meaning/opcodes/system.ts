import { arpl, lar, lsl, privileged, syscall, sysenter, sysret, verr, verw } from '../isa/system.js';
import { AL, Cv, DX, Dv, Ew, Gv, Gw, Ib, M, Mb, Rv, RvMw, eAX } from './operand-types.js';
import { xgetbv, xrstor, xsave, xsavec } from '../isa/xsave.js';
import { feature, row, type RowDraft } from './row-syntax.js';
import * as vendors from './vendor-differences.js';

/** SDM Vol. 1 5.1.10 "I/O Instructions". */
const INPUT_OUTPUT = [
  row('E4', 'IN', privileged, AL, Ib, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('E5', 'IN', privileged, eAX, Ib, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('EC', 'IN', privileged, AL, DX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('ED', 'IN', privileged, eAX, DX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('E6', 'OUT', privileged, Ib, AL, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('E7', 'OUT', privileged, Ib, eAX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('EE', 'OUT', privileged, DX, AL, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('EF', 'OUT', privileged, DX, eAX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6C', 'INS', privileged, 'BYTE', 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6D', 'INS', privileged, 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6E', 'OUTS', privileged, 'BYTE', 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6F', 'OUTS', privileged, 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
];

/** SDM Vol. 1 5.20 "System Instructions". */
const SYSTEM = [
  row('F4', 'HLT', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 06', 'CLTS', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 08', 'INVD', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 09', 'WBINVD', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 30', 'WRMSR', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 32', 'RDMSR', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 33', 'RDPMC', privileged, 'BRANCH', 'EVALUATED', 'PCE'),
  row('0F 20 /r', 'MOV', privileged, Rv, Cv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 21 /r', 'MOV', privileged, Rv, Dv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 22 /r', 'MOV', privileged, Cv, Rv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 23 /r', 'MOV', privileged, Dv, Rv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 00 /0', 'SLDT', privileged, RvMw, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 00 /1', 'STR', privileged, RvMw, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 00 /2', 'LLDT', privileged, Ew, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 00 /3', 'LTR', privileged, Ew, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 00 /4', 'VERR', verr, Ew, 'EVALUATED'),
  row('0F 00 /5', 'VERW', verw, Ew, 'EVALUATED'),
  row('0F 01 /0', 'SGDT', privileged, M, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 01 /1', 'SIDT', privileged, M, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 01 /2', 'LGDT', privileged, M, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 /3', 'LIDT', privileged, M, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 /4', 'SMSW', privileged, RvMw, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 01 /6', 'LMSW', privileged, Ew, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 /7', 'INVLPG', privileged, Mb, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 F8', 'SWAPGS', privileged, 'BRANCH', 'EVALUATED', 'CPL0', 'ONLY64'),
  row('63 /r', 'ARPL', arpl, Ew, Gw, 'EVALUATED', 'NO64'),
  row('0F 02 /r', 'LAR', lar, Gv, RvMw, 'EVALUATED'),
  row('0F 03 /r', 'LSL', lsl, Gv, RvMw, 'EVALUATED'),
  row('0F 05', 'SYSCALL', syscall, 'BRANCH', 'EVALUATED', 'SEGMENTS'),
  row('0F 07', 'SYSRET', sysret, 'BRANCH', 'EVALUATED', 'SEGMENTS', 'CPL0'),
  row('0F 34', 'SYSENTER', sysenter, 'BRANCH', 'EVALUATED'),
  row('0F 35', 'SYSEXIT', sysenter, 'BRANCH', 'EVALUATED', 'CPL0'),
];

/** SDM Vol. 1 13 "Managing State Using the XSAVE Feature Set". XSETBV is privileged. */
const STATE_ROWS = feature(
  'XSAVE',
  row('NP REX.W0 0F AE /4', 'XSAVE', xsave, M, 'EVALUATED', vendors.savedMask),
  row('NP REX.W 0F AE /4', 'XSAVE64', xsave, M, 'EVALUATED', vendors.savedMask),
  row('NP REX.W0 0F AE /5', 'XRSTOR', xrstor, M, 'EVALUATED', vendors.misalignedMode),
  row('NP REX.W 0F AE /5', 'XRSTOR64', xrstor, M, 'EVALUATED', vendors.misalignedMode),
  row('NP 0F 01 D0', 'XGETBV', xgetbv),
  row('NP 0F 01 D1', 'XSETBV', privileged, 'BRANCH', 'EVALUATED', 'CPL0'),
);

/** SDM Vol. 1 13.9 and 13.10. */
const OPTIMIZED_STATE_ROWS = [
  ...feature(
    'XSAVEOPT',
    row('NP REX.W0 0F AE /6', 'XSAVEOPT', xsave, M, 'EVALUATED'),
    row('NP REX.W 0F AE /6', 'XSAVEOPT64', xsave, M, 'EVALUATED'),
  ),
  ...feature(
    'XSAVEC',
    row('NP REX.W0 0F C7 /4', 'XSAVEC', xsavec, M, 'EVALUATED'),
    row('NP REX.W 0F C7 /4', 'XSAVEC64', xsavec, M, 'EVALUATED'),
  ),
];

/** System instructions; at CPL 3 most of them trap. */
export const SYSTEM_ROWS: RowDraft[] = [...[INPUT_OUTPUT, SYSTEM].flat(2), ...STATE_ROWS, ...OPTIMIZED_STATE_ROWS];
