/**
 * MXCSR, the control and status register of SSE. SDM Vol. 1 10.2.3 "MXCSR Control and Status Register".
 *
 *     31      16  15   14 13  12  11  10   9   8   7   6    5   4   3   2   1   0
 *    | reserved | FTZ |  RC | PM| UM| OM| ZM| DM| IM| DAZ | PE| UE| OE| ZE| DE| IE|
 */
export const MXCSR = {
  /** Invalid operation. */
  IE: 1 << 0,
  /** Denormal operand. */
  DE: 1 << 1,
  /** Divide by zero. */
  ZE: 1 << 2,
  /** Numeric overflow. */
  OE: 1 << 3,
  /** Numeric underflow. */
  UE: 1 << 4,
  /** Precision: the result is inexact. */
  PE: 1 << 5,
  /** Denormals are zeros. */
  DAZ: 1 << 6,
  IM: 1 << 7,
  DM: 1 << 8,
  ZM: 1 << 9,
  OM: 1 << 10,
  UM: 1 << 11,
  PM: 1 << 12,
  /** Rounding control, two bits. */
  RC: 3 << 13,
  /** Flush to zero. */
  FTZ: 1 << 15,
} as const;

/** MXCSR after power-up, reset and INIT: every exception masked, rounding to nearest. SDM Vol. 1 10.2.3. */
export const MXCSR_DEFAULT = 0x1f80;

/** The bits that may be set; setting any other with LDMXCSR or FXRSTOR is #GP(0). SDM Vol. 1 11.6.6 "MXCSR_MASK". */
export const MXCSR_MASK = 0xffff;

/** IE, DE, ZE, OE, UE and PE: the sticky flags. */
export const MXCSR_FLAGS = 0x3f;

/** A flag's mask bit lies this many bits above the flag. */
const MASK_SHIFT = 7;
/** Where the rounding control is. */
export const MXCSR_RC_SHIFT = 13;

/**
 * Exceptions detected from the operands, before anything is computed. SDM Vol. 1 11.5.3 "Generating SIMD Floating-Point
 * Exceptions".
 */
const PRE_COMPUTATION = MXCSR.IE | MXCSR.DE | MXCSR.ZE;

export type RoundingMode = 'nearest' | 'down' | 'up' | 'zero';

/** In the order of MXCSR.RC. SDM Vol. 1 table 4-8 "Rounding Modes and Encoding of Rounding Control (RC) Field". */
const roundingModes: readonly RoundingMode[] = ['nearest', 'down', 'up', 'zero'];

/** The rounding mode that `mxcsr` selects. */
export function roundingMode(mxcsr: number): RoundingMode {
  return roundingModes[(mxcsr & MXCSR.RC) >> MXCSR_RC_SHIFT]!;
}

/** The bits of `flags` whose exceptions are unmasked in `mxcsr`. */
function unmasked(mxcsr: number, flags: number): number {
  return flags & ~(mxcsr >> MASK_SHIFT) & MXCSR_FLAGS;
}

/**
 * Whether an instruction that raises `flags` ends in #XM (or in #UD if CR4.OSXMMEXCPT is clear) without writing its
 * result.
 */
export function wouldFault(mxcsr: number, flags: number): boolean {
  return unmasked(mxcsr, flags) !== 0;
}

/**
 * The flags raised by the lanes of one instruction that reach MXCSR. An unmasked pre-computation exception in any lane
 * stops all lanes before they compute, so that no lane reports overflow, underflow or precision. SDM Vol. 1 11.5.3.2
 * "Handling Unmasked Exceptions".
 */
export function reportedFlags(mxcsr: number, flags: number): number {
  const stopsEarly = unmasked(mxcsr, flags & PRE_COMPUTATION) !== 0;
  return stopsEarly ? flags & PRE_COMPUTATION : flags & MXCSR_FLAGS;
}
