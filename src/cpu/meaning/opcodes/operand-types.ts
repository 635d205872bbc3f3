import type { OperandPlace, OperandSize, OperandType } from '../../decode/row.js';

/**
 * Operand types by their letters in SDM Vol. 2D appendix A.2: the upper-case letter is where the operand is encoded,
 * the lower-case letters are its width (b 8, w 16, d 32, q 64, dq 128 bits, v operand size, z at most 32, y 32 or 64).
 */
function gpr(where: OperandPlace, size: OperandSize, more: Partial<OperandType> = {}): OperandType {
  return { where, file: 'gpr', size, ...more };
}

function xmm(where: OperandPlace, size: OperandSize, more: Partial<OperandType> = {}): OperandType {
  return { where, file: 'xmm', size, ...more };
}

export const Eb = gpr('E', 8);
export const Ew = gpr('E', 16);
export const Ed = gpr('E', 32);
export const Eq = gpr('E', 64);
export const Ev = gpr('E', 'v');
/** 16 or 32 bits: MOVSXD. */
export const Ez = gpr('E', 'z');
export const Ey = gpr('E', 'y');
/** A register of the operand size, but 16 bits in memory: MOV from a segment register and the like. */
export const RvMw = gpr('E', 'v', { memorySize: 16 });
/** A 32- or 64-bit register, 8 or 16 bits in memory: PINSRW. */
export const RyMw = gpr('E', 32, { memorySize: 16 });

/** The same with 8 bits: PEXTRB, PINSRB. */
export const RyMb = gpr('E', 32, { memorySize: 8 });

export const Gb = gpr('G', 8);
export const Gw = gpr('G', 16);
export const Gd = gpr('G', 32);
export const Gv = gpr('G', 'v');
export const Gy = gpr('G', 'y');

/** Memory only; the meaning determines the size. */
export const M = gpr('M', 0);
export const Mb = gpr('M', 8);
export const Mw = gpr('M', 16);
export const Md = gpr('M', 32);
export const Mq = gpr('M', 64);
export const Mv = gpr('M', 'v');
export const My = gpr('M', 'y');
/** 16 bytes that must be aligned. */
export const Mdq = gpr('M', 128, { aligned: true });

/** 16 bytes at any address: LDDQU. */
export const MdqUnaligned = gpr('M', 128);

export const Zb = gpr('Z', 8);
export const Zv = gpr('Z', 'v');

/** A register in ModRM.rm. */
export const Nv = gpr('N', 'v');

export const By = gpr('B', 'y');
/** A register in ModRM.rm. */
export const Ry = gpr('N', 'y');

export const Ib: OperandType = { where: 'I', file: 'none', size: 8 };
export const Iw: OperandType = { where: 'I', file: 'none', size: 16 };
/** 16 or 32 bits, sign-extended to the operand size. */
export const Iz: OperandType = { where: 'I', file: 'none', size: 'z', signed: true };
/** 8 bits, sign-extended to the operand size. */
export const sIb: OperandType = { where: 'I', file: 'none', size: 8, signed: true };
/** As wide as the operand size, including 64 bits: MOV. */
export const Iv: OperandType = { where: 'I', file: 'none', size: 'v' };

/** The offset of a far pointer; Iw, its selector, follows. */
export const Ap: OperandType = { where: 'I', file: 'none', size: 'z' };

export const Jb: OperandType = { where: 'J', file: 'none', size: 8 };
export const Jz: OperandType = { where: 'J', file: 'none', size: 'z' };

/** ST(0), and ST(i) in ModRM.rm. */
export const ST0: OperandType = { where: 'implied', file: 'stack', size: 0, register: 0 };
export const STi: OperandType = { where: 'N', file: 'stack', size: 0 };

/** MMX register in ModRM.reg: P; in ModRM.rm: N; register or memory: Q. */
export const Pq: OperandType = { where: 'G', file: 'mmx', size: 64 };
export const Nq: OperandType = { where: 'N', file: 'mmx', size: 64 };
export const Qq: OperandType = { where: 'E', file: 'mmx', size: 64 };
/** 32 bits of memory: PUNPCKLBW. */
export const Qd: OperandType = { where: 'E', file: 'mmx', size: 64, memorySize: 32 };

export const Ob = gpr('O', 8);
export const Ov = gpr('O', 'v');

/** The general-purpose register of MOV to and from control and debug registers. */
export const Rv = gpr('R', 'v');
/** Control and debug registers, by ModRM.reg. */
export const Cv: OperandType = { where: 'C', file: 'none', size: 'v' };
export const Dv: OperandType = { where: 'D', file: 'none', size: 'v' };

export const Sw: OperandType = { where: 'S', file: 'none', size: 16 };

export const AL = gpr('implied', 8, { register: 0 });
export const rAX = gpr('implied', 'v', { register: 0 });
/** 16 or 32 bits: IN and OUT. */
export const eAX = gpr('implied', 'z', { register: 0 });
export const AX = gpr('implied', 16, { register: 0 });
export const CL = gpr('implied', 8, { register: 1 });
export const DX = gpr('implied', 16, { register: 2 });

/** XMM register in ModRM.reg: V; in ModRM.rm: U; register or memory: W. */
export const Vss = xmm('G', 32);
export const Vsd = xmm('G', 64);
export const Vdq = xmm('G', 128);
export const Udq = xmm('N', 128);
/** 16 bytes in memory, aligned: most packed instructions. */
export const Wdq = xmm('E', 128, { aligned: true });
/** 16 bytes in memory, at any address: MOVUPS, MOVDQU and the like. */
export const WdqUnaligned = xmm('E', 128);
export const Wss = xmm('E', 32);
export const Wsd = xmm('E', 64);
/** A whole register, or 64 (32) bits of memory: conversions that read the low half. */
export const Wq = xmm('E', 64);
/** A whole register, or 32 or 16 bits of memory: PMOVSXBD, PMOVSXBQ. */
export const Wd = xmm('E', 32);
export const Ww = xmm('E', 128, { memorySize: 16 });
/** XMM0, which the instruction implies: BLENDVPS. */
export const XMM0 = xmm('implied', 128, { register: 0 });

/** Vectors of 128 or 256 bits, by VEX.L: in ModRM.reg, VEX.vvvv, ModRM.rm, and in an immediate byte. */
export const Vx = xmm('G', 128, { scaled: true });
export const Hx = xmm('B', 128, { scaled: true });
export const Wx = xmm('E', 128, { scaled: true });
export const Ux = xmm('N', 128, { scaled: true });
export const Lx = xmm('L', 128, { scaled: true });
/** The same, aligned in memory; and memory only. */
export const WxAligned = xmm('E', 128, { scaled: true, aligned: true });
export const Mx = gpr('M', 128, { scaled: true });
export const MxAligned = gpr('M', 128, { scaled: true, aligned: true });
/** A register, or half, a quarter, an eighth of the vector's size in memory: conversions and extensions. */
export const WqScaled = xmm('E', 64, { scaled: true });
export const WdScaled = xmm('E', 32, { scaled: true });
export const WwScaled = xmm('E', 32, { scaled: true, memorySize: 16 });
/** A register, or a byte of memory: VPBROADCASTB. */
export const WdqMb = xmm('E', 128, { memorySize: 8 });
/** 128 bits whatever VEX.L says. */
export const Hdq = xmm('B', 128);
export const Hss = xmm('B', 32);
export const Hsd = xmm('B', 64);
export const Uss = xmm('N', 32);
export const Usd = xmm('N', 64);
/** 256 bits. */
export const Vqq = xmm('G', 256);
export const Hqq = xmm('B', 256);
export const Wqq = xmm('E', 256);
/** Vectors of indexes in SIB. */
export const Xx = xmm('X', 128, { scaled: true });
export const Xdq = xmm('X', 128);
