import type { RoundingMode } from '../float/mxcsr.js';

/** FSW: IE to PE, SF, C0 to C3. SDM Vol. 1 8.1.3 "x87 FPU Status Register". */
export const FSW = {
  IE: 1 << 0,
  DE: 1 << 1,
  ZE: 1 << 2,
  OE: 1 << 3,
  UE: 1 << 4,
  PE: 1 << 5,
  /** Stack fault; IE is set as well. */
  SF: 1 << 6,
  C0: 1 << 8,
  C1: 1 << 9,
  C2: 1 << 10,
  C3: 1 << 14,
} as const;

/** ES and B: an unmasked exception is pending. */
const PENDING = 0x8080;
const EXCEPTIONS = 0x3f;
/** Exceptions detected from the operands: if one of them is unmasked, the instruction computes and stores nothing. */
const PRE_COMPUTATION = FSW.IE | FSW.DE | FSW.ZE;

const RC_SHIFT = 10;
/** In the order of FCW.RC. SDM Vol. 1 table 4-8. */
const ROUNDING_MODES: readonly RoundingMode[] = ['nearest', 'down', 'up', 'zero'];

const PC_SHIFT = 8;
/** Bits of the significand by FCW.PC; 1 is reserved. SDM Vol. 1 table 8-2 "Precision Control Field (PC)". */
const PRECISIONS: readonly number[] = [24, 64, 53, 64];

/** The settings in FCW for one x87 instruction, and the exceptions that it raises. */
export class X87Context {
  readonly rounding: RoundingMode;
  /** Precision of the results of FADD, FSUB, FMUL, FDIV and FSQRT. */
  readonly precision: number;
  /** Bits IE to PE and SF of FSW. */
  flags = 0;
  /** C1: the last rounding was away from zero, or the stack has overflowed. */
  c1 = false;

  constructor(private readonly fcw: number) {
    this.rounding = ROUNDING_MODES[(fcw >> RC_SHIFT) & 3]!;
    this.precision = PRECISIONS[(fcw >> PC_SHIFT) & 3]!;
  }

  raise(flags: number): void {
    this.flags |= flags;
  }

  isMasked(exception: number): boolean {
    return (this.fcw & exception) !== 0;
  }

  /** True if an exception has been raised that is not masked. */
  isPending(exception: number): boolean {
    return (this.flags & ~this.fcw & exception) !== 0;
  }

  /** True if an unmasked exception prevents the computation; nothing is stored then. */
  get stopsEarly(): boolean {
    return this.isPending(PRE_COMPUTATION);
  }

  /** FSW after the instruction: its flags are sticky, C1 is its own. */
  statusAfter(fsw: number): number {
    const { stopsEarly, fcw } = this;
    const flags = stopsEarly ? this.flags & (PRE_COMPUTATION | FSW.SF) : this.flags;
    const status = (fsw & ~FSW.C1) | flags | (this.c1 && (!stopsEarly || (flags & FSW.SF) !== 0) ? FSW.C1 : 0);
    return (status & ~fcw & EXCEPTIONS) === 0 ? status : status | PENDING;
  }
}
