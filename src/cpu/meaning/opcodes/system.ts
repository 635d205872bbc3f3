import { input, ins, output, outs } from '../isa/input-output.js';
import * as system from '../isa/system.js';
import { AL, Cv, DX, Dv, Ew, Gv, Gw, Ib, M, Mb, MdqUnaligned, Rv, RvMw, eAX } from './operand-types.js';
import { xgetbv, xrstor, xsave, xsavec } from '../isa/xsave.js';
import { feature, row, type RowDraft } from './row-syntax.js';
import * as vendors from './vendor-differences.js';

/** SDM Vol. 1 5.1.10 "I/O Instructions". */
const INPUT_OUTPUT = [
  row('E4', 'IN', input, AL, Ib, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('E5', 'IN', input, eAX, Ib, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('EC', 'IN', input, AL, DX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('ED', 'IN', input, eAX, DX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('E6', 'OUT', output, Ib, AL, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('E7', 'OUT', output, Ib, eAX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('EE', 'OUT', output, DX, AL, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('EF', 'OUT', output, DX, eAX, 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6C', 'INS', ins, 'BYTE', 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6D', 'INS', ins, 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6E', 'OUTS', outs, 'BYTE', 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
  row('6F', 'OUTS', outs, 'REP', 'BRANCH', 'EVALUATED', 'IOPL'),
];

/** SDM Vol. 1 5.20 "System Instructions". */
const SYSTEM = [
  row('F4', 'HLT', system.hlt, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 06', 'CLTS', system.clts, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 08', 'INVD', system.invd, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 09', 'WBINVD', system.invd, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 30', 'WRMSR', system.wrmsr, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 32', 'RDMSR', system.rdmsr, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 33', 'RDPMC', system.rdpmc, 'BRANCH', 'EVALUATED', 'PCE'),
  row('0F 20 /r', 'MOV', system.movFromControl, Rv, Cv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 21 /r', 'MOV', system.movFromDebug, Rv, Dv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 22 /r', 'MOV', system.movToControl, Cv, Rv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 23 /r', 'MOV', system.movToDebug, Dv, Rv, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 00 /0', 'SLDT', system.storeSystemSegment('ldt'), RvMw, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 00 /1', 'STR', system.storeSystemSegment('task'), RvMw, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 00 /2', 'LLDT', system.loadSystemSegment('ldt'), Ew, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 00 /3', 'LTR', system.loadSystemSegment('task'), Ew, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 00 /4', 'VERR', system.verr, Ew, 'EVALUATED'),
  row('0F 00 /5', 'VERW', system.verw, Ew, 'EVALUATED'),
  row('0F 01 /0', 'SGDT', system.storeTable('gdt'), M, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 01 /1', 'SIDT', system.storeTable('idt'), M, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 01 /2', 'LGDT', system.loadTable('gdt'), M, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 /3', 'LIDT', system.loadTable('idt'), M, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 /4', 'SMSW', system.smsw, RvMw, 'BRANCH', 'EVALUATED', 'UMIP'),
  row('0F 01 /6', 'LMSW', system.lmsw, Ew, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 /7', 'INVLPG', system.invlpg, Mb, 'BRANCH', 'EVALUATED', 'CPL0'),
  row('0F 01 F8', 'SWAPGS', system.swapgs, 'BRANCH', 'EVALUATED', 'CPL0', 'ONLY64'),
  row('63 /r', 'ARPL', system.arpl, Ew, Gw, 'EVALUATED', 'NO64'),
  row('0F 02 /r', 'LAR', system.lar, Gv, RvMw, 'EVALUATED'),
  row('0F 03 /r', 'LSL', system.lsl, Gv, RvMw, 'EVALUATED'),
  row('0F 05', 'SYSCALL', system.syscall, 'BRANCH', 'EVALUATED', 'SEGMENTS'),
  row('0F 07', 'SYSRET', system.sysret, 'BRANCH', 'EVALUATED', 'SEGMENTS', 'CPL0'),
  row('0F 34', 'SYSENTER', system.sysenter, 'BRANCH', 'EVALUATED'),
  row('0F 35', 'SYSEXIT', system.sysexit, 'BRANCH', 'EVALUATED', 'CPL0'),
];

/** SDM Vol. 2A "CLAC", "INVPCID", Vol. 2B "STAC". */
const PAGING_ROWS = [
  ...feature(
    'SMAP',
    row('NP 0F 01 CA', 'CLAC', system.clac, 'BRANCH', 'EVALUATED', 'CPL0'),
    row('NP 0F 01 CB', 'STAC', system.stac, 'BRANCH', 'EVALUATED', 'CPL0'),
  ),
  ...feature(
    'INVPCID',
    row('66 0F 38 82 /r', 'INVPCID', system.invpcid, Gv, MdqUnaligned, 'F64', 'NO16', 'BRANCH', 'EVALUATED', 'CPL0'),
  ),
];

/** SDM Vol. 1 13 "Managing State Using the XSAVE Feature Set". XSETBV is privileged. */
const STATE_ROWS = feature(
  'XSAVE',
  row('NP REX.W0 0F AE /4', 'XSAVE', xsave, M, 'EVALUATED', vendors.savedMask),
  row('NP REX.W 0F AE /4', 'XSAVE64', xsave, M, 'EVALUATED', vendors.savedMask),
  row('NP REX.W0 0F AE /5', 'XRSTOR', xrstor, M, 'EVALUATED', vendors.misalignedMode),
  row('NP REX.W 0F AE /5', 'XRSTOR64', xrstor, M, 'EVALUATED', vendors.misalignedMode),
  row('NP 0F 01 D0', 'XGETBV', xgetbv, 'EVALUATED'),
  row('NP 0F 01 D1', 'XSETBV', system.xsetbv, 'BRANCH', 'EVALUATED', 'CPL0'),
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
export const SYSTEM_ROWS: RowDraft[] = [
  ...[INPUT_OUTPUT, SYSTEM].flat(2),
  ...PAGING_ROWS,
  ...STATE_ROWS,
  ...OPTIMIZED_STATE_ROWS,
];
