import type { VendorDifference } from '../../decode/row.js';

/**
 * Where processors of AMD and Intel differ in what user mode can see, for the rows that it concerns. The native oracle finds
 * out which way the host goes: test/cpu/meanings/differences has a probe for each of them, and shows that bd0 goes the way that
 * stands here. Where models of one vendor differ, the text says what the manual or the later ones do.
 */

/** Near branches: JMP, Jcc, CALL, RET, LOOP, JRCXZ. */
export const nearBranch: VendorDifference = {
  instructions: 'near branches with 66h',
  AMD: 'rip has 16 bits',
  Intel: '66h is ignored',
  bd0: 'Intel',
  source: 'SDM Vol. 2A "Jcc", "CALL": 66h is ignored in 64-bit mode; APM Vol. 3 "JMP": an operand size of 16 bits',
};

export const conditionalLoop: VendorDifference = {
  instructions: 'LOOPE, LOOPNE with F2h or F3h',
  AMD: 'the prefix decides',
  Intel: 'the prefix is ignored',
  bd0: 'Intel',
  source: 'SDM Vol. 2A 2.1.1 reserves the prefixes here; AMD takes the condition from them, as of REPNE and REPE',
};

export const farPointer: VendorDifference = {
  instructions: 'LSS, LFS, LGS, far JMP and far CALL with REX.W',
  AMD: 'm16:32',
  Intel: 'm16:64',
  bd0: 'Intel',
  source: 'SDM Vol. 2A "LDS/LES/LFS/LGS/LSS", "CALL"; APM Vol. 3 "LDS", "CALL (Far)" have no m16:64',
};

export const misalignedMode: VendorDifference = {
  instructions: 'LDMXCSR, FXRSTOR with bit 17 of MXCSR',
  AMD: 'is loaded',
  Intel: '#GP',
  bd0: 'Intel',
  source: 'SDM Vol. 1 10.2.3: reserved; APM Vol. 2 11.3.1: MM, which allows misaligned operands of SSE',
};

export const savedMask: VendorDifference = {
  instructions: 'FXSAVE',
  AMD: 'MXCSR_MASK is 2FFFFH',
  Intel: 'MXCSR_MASK is FFFFH',
  bd0: 'Intel',
  source: 'SDM Vol. 1 11.6.6: MXCSR_MASK has the bits of MXCSR that the processor implements',
};

export const bitScanOfZero: VendorDifference = {
  instructions: 'BSF, BSR of 32 bits that are zero',
  AMD: 'all 64 bits stay',
  Intel: 'the upper half is cleared',
  bd0: 'AMD',
  source: 'APM Vol. 3 "BSF": the destination stays; SDM Vol. 2A "BSF": some processors clear its upper half',
};

export const pauseOfR8: VendorDifference = {
  instructions: 'F3 90 with REX.B',
  AMD: 'XCHG',
  Intel: 'PAUSE',
  bd0: 'AMD',
  source: 'SDM Vol. 2B "PAUSE" is F3 90; "XCHG" with R8 is REX.B 90, and F3 has no meaning for it',
};

export const poppedSegment: VendorDifference = {
  instructions: 'POP FS, POP GS at the end of a page, or misaligned',
  AMD: 'read 64 bits',
  Intel: 'read 16 bits',
  bd0: 'AMD',
  source: 'SDM Vol. 2B "POP" takes 64 bits off the stack; of them some processors read 16 only',
};

export const poppedSelector: VendorDifference = {
  instructions: 'RETF, IRET with a selector at the end of a page, or misaligned',
  AMD: 'reads all of it',
  Intel: 'reads 16 bits',
  bd0: 'AMD',
  source: 'SDM Vol. 2B "RET" pops 32 or 64 bits for the selector; of them some processors read 16 only',
};

export const pushedSegment: VendorDifference = {
  instructions: 'PUSH FS, PUSH GS',
  AMD: 'write 64 bits',
  Intel: 'write 16 bits',
  bd0: 'AMD',
  source: 'SDM Vol. 2B "PUSH": the selector is zero-extended, or some processors write 16 bits only',
};

export const signExtendedWord: VendorDifference = {
  instructions: 'MOVSXD r16, r/m16',
  AMD: 'reads 32 bits',
  Intel: 'reads 16 bits',
  bd0: 'Intel',
  source: 'SDM Vol. 2B "MOVSXD" reads 16 bits; AMD reads 32 and drops 16',
};

export const unalignedMove: VendorDifference = {
  instructions: 'MOVUPS, MOVUPD, MOVDQU that are misaligned with RFLAGS.AC',
  AMD: '#AC',
  Intel: 'no #AC',
  bd0: 'AMD',
  source: 'SDM Vol. 3A 6.15 "Interrupt 17": these may raise #AC, depending on the implementation',
};

export const misalignedSha: VendorDifference = {
  instructions: 'SHA that is misaligned',
  AMD: 'completes',
  Intel: '#GP',
  bd0: 'Intel',
  source: 'SDM Vol. 2B "SHA1MSG1": exceptions of type 4, #GP; AMD takes operands at any address',
};

export const noIteration: VendorDifference = {
  instructions: 'REP with 67h, without an iteration',
  AMD: 'kept',
  Intel: 'cleared',
  bd0: 'AMD',
  source: 'SDM Vol. 2B "REP" leaves the upper halves of RCX, RSI and RDI open',
};

export const betweenIterations: VendorDifference = {
  instructions: 'REP CMPS, REP SCAS between two iterations',
  AMD: 'of the last comparison',
  Intel: 'as before the first',
  bd0: 'AMD',
  source: 'SDM Vol. 2B "REP": RFLAGS that an interrupt saves; AMD as measured',
};

export const undefinedWithoutModRM: VendorDifference = {
  instructions: 'UD0, UD1 at the end of a page',
  AMD: '#UD',
  Intel: '#PF of the fetch',
  bd0: 'Intel',
  source: 'SDM Vol. 2B "UD": some processors raise #UD without fetching ModRM',
};

export const prefetchOfRegister: VendorDifference = {
  instructions: 'NOP 0F 0D and PREFETCHW with a register',
  AMD: '#UD',
  Intel: 'does nothing',
  bd0: 'Intel',
  source: 'SDM Vol. 2D table A-3 gives 0F 0D an operand in a register or memory; APM Vol. 3 "PREFETCH": memory only',
};

/** Concerns every instruction with a memory operand, and stands in no row. */
export const segmentOffset: VendorDifference = {
  instructions: 'any in FS or GS, where the offset is not canonical but the linear address is',
  AMD: '#GP',
  Intel: 'the linear address counts',
  bd0: 'Intel',
  source: 'SDM Vol. 1 3.3.7.1 checks the linear address; AMD raises #GP for the effective address too',
};
