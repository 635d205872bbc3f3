import { MXCSR, reportedFlags, roundingMode, wouldFault, type RoundingMode } from './mxcsr.js';

/**
 * The MXCSR settings for the arithmetic of one SSE instruction, and the exceptions that its lanes raise. Create one for
 * each instruction, compute every lane with it, then check `faults` before writing anything:
 *
 *     const context = new FloatContext(mxcsr);
 *     const results = lanes.map(([x, y]) => add(context, F32, x, y));
 *     mxcsr = context.mxcsrAfter;                 // set before the fault too
 *     if (context.faults) raise #XM               // the results mean nothing then
 */
export class FloatContext {
  readonly rounding: RoundingMode;
  /** DAZ: denormal operands are treated as zeros of the same sign. SDM Vol. 1 10.2.3.4. */
  readonly denormalsAreZeros: boolean;
  /** FTZ: masked underflow gives a zero of the result's sign. No effect if UM is clear. SDM Vol. 1 10.2.3.3. */
  readonly flushToZero: boolean;
  readonly overflowMasked: boolean;
  readonly underflowMasked: boolean;
  /** The exceptions raised so far, over all lanes: bits IE to PE of MXCSR. */
  flags = 0;

  constructor(readonly mxcsr: number) {
    this.rounding = roundingMode(mxcsr);
    this.denormalsAreZeros = (mxcsr & MXCSR.DAZ) !== 0;
    this.overflowMasked = (mxcsr & MXCSR.OM) !== 0;
    this.underflowMasked = (mxcsr & MXCSR.UM) !== 0;
    this.flushToZero = (mxcsr & MXCSR.FTZ) !== 0;
  }

  raise(flags: number): void {
    this.flags |= flags;
  }

  /** True if the instruction raises #XM instead of writing its result. */
  get faults(): boolean {
    return wouldFault(this.mxcsr, this.flags);
  }

  /** MXCSR after the instruction has retired or faulted: its flags are sticky. */
  get mxcsrAfter(): number {
    return this.mxcsr | reportedFlags(this.mxcsr, this.flags);
  }
}

/** Another MXCSR for a part of an instruction, whose exceptions it raises. */
export class VariedContext extends FloatContext {
  constructor(
    private readonly whole: FloatContext,
    mxcsr: number,
  ) {
    super(mxcsr);
  }

  override raise(flags: number): void {
    this.whole.raise(flags);
  }
}
