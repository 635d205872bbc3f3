import type { Width } from '../../bits.js';
import type { FlagsThunk } from './flags.js';
import type { FusedOperation } from './fused.js';
import type { X87Operations } from './x87-vocabulary.js';
import type { Form, GprOperand, MemoryOperand, XmmOperand } from './form.js';

/**
 * The vocabulary in which the meaning of every instruction is written, once. `V` is a guest value: a bigint in the
 * evaluator, a Wasm value in the compilers. See docs/life-of-an-instruction.md.
 *
 * Rules that make one definition work for all engines:
 * - A plain `if` may depend only on the form. Register numbers, immediates, displacements, rip and CPL are values.
 * - Values are unsigned and no wider than their stated width. A truth value is 0 or 1, of width 8.
 * - Everything that can fault comes before the first change; `translate` throws after a change, except after
 *   `boundary`.
 */
export interface Machine<V> extends Arithmetic<V>, Vectors<V>, Floats<V> {
  // Registers.
  readGpr(operand: GprOperand): V;
  /**
   * Writes a register. Writes of 32 bits clear the upper half; writes of 8 and 16 bits leave the rest unchanged. SDM
   * Vol. 1 3.4.1.1.
   */
  writeGpr(operand: GprOperand, value: V): void;
  /** A general-purpose register that the instruction implies, by its number. */
  gpr(register: number, width: Width): V;
  setGpr(register: number, width: Width, value: V): void;
  readXmm(operand: XmmOperand): V;
  writeXmm(operand: XmmOperand, value: V): void;
  /** Bits 255:128 of a YMM register, as a vector. */
  readYmmHigh(operand: XmmOperand): V;
  writeYmmHigh(operand: XmmOperand, value: V): void;
  /** The low `width` bits (32 or 64) of an XMM register; writing leaves the rest unchanged. */
  readXmmLow(operand: XmmOperand, width: 32 | 64): V;
  writeXmmLow(operand: XmmOperand, width: 32 | 64, value: V): void;
  /** The immediate, sign- or zero-extended by the decoder to `width`. */
  immediate(width: Width): V;
  /** The second immediate: ENTER's nesting depth, 8 bits, or the selector of a far pointer, 16 bits. */
  secondImmediate(): V;
  /** Address of the next instruction; 64 bits. */
  nextRip(): V;
  /** The time-stamp counter, which counts ticks, this instruction's included; 64 bits. */
  timeStamp(): V;
  /** CPL as an 8-bit value. */
  cpl(): V;
  /** The selector in a segment register, by its number; 16 bits. */
  selector(segment: number): V;
  /** On a bare machine, holds interrupts back until the next instruction has run, if a condition is true. */
  holdInterruptsIf(condition: V): void;
  /** `width` bits at byte `offset` of the x87 state: see isa/x87-state.ts. */
  x87(width: Width, offset: number): V;
  setX87(width: Width, offset: number, value: V): void;
  /** `width` bits at byte `offset` of a physical x87 register; `register` (32 bits) is taken modulo 8. */
  x87Register(register: V, width: Width, offset: number): V;
  setX87Register(register: V, width: Width, offset: number, value: V): void;

  // Memory.
  /** log2 of the scale of the address, 64 bits, for vectors of indexes. */
  addressScale(): V;
  /** The effective address, cut to the address size, without the segment base, as for LEA; 64 bits. */
  effectiveAddress(operand: MemoryOperand): V;
  /**
   * The effective address plus the segment base. 64 bits. `popped` bytes are added if the base is RSP: POP m computes
   * its address after the increment (SDM Vol. 2B "POP").
   */
  linearAddress(operand: MemoryOperand, popped?: number): V;
  /** The base of a segment register, by its number; 64 bits. In 64-bit mode those of ES, CS, SS and DS count as 0. */
  segmentBase(segment: number): V;
  /** Outside 64-bit mode, the bits of ESP that address the stack: FFFFh, or FFFFFFFFh where SS.B is set; 32 bits. */
  stackMask(): V;
  /** The base of the data segment that a string instruction's source uses (overridable); 64 bits. */
  sourceSegmentBase(): V;
  /** #GP(0) unless `linear` is a multiple of `bytes` (a power of two). */
  requireAligned(linear: V, bytes: number): void;
  /**
   * Translates `bytes` bytes at a linear address, on at most two pages, or faults. The result can be read and written
   * repeatedly. `segment` is the number of the segment register that the instruction implies; without it, it is that of the
   * operand in memory. In SS, an address that is not canonical raises #SS instead of #GP; outside 64-bit mode the bytes must lie
   * within the segment's limit.
   */
  translate(linear: V, bytes: number, access: Access, segment?: number): Place<V>;
  /**
   * Translates the addresses of elements to read, one after another. Where one faults, `keep` changes what the elements before it
   * change, given their places, and then the fault is raised: in the evaluator, to which compiled code leaves such an instruction.
   */
  translateElements(linears: readonly V[], bytes: number, keep: (places: readonly Place<V>[]) => void): Place<V>[];

  // Flags.
  /** Sets all six status flags, lazily. */
  setFlags(thunk: FlagsThunk<V>): void;
  /**
   * Sets the status flags in `mask` (RFLAGS bit positions) to those of `bits`, a 32-bit value; the others are
   * unchanged.
   */
  setFlagBits(mask: number, bits: V): void;
  /** Sets CF and OF after a rotation, by a nonzero count, with the result `rotated`; the other flags are unchanged. */
  setRotateFlags(kind: 'rol' | 'ror', width: Width, rotated: V): void;
  /** The six status flags, in their RFLAGS bit positions; 32 bits. */
  flagBits(): V;
  /** Truth of the condition `code`, 0 to 15, as in Jcc, SETcc and CMOVcc. SDM Vol. 1 appendix B. */
  condition(code: number): V;
  /** RFLAGS other than the status flags, 64 bits: TF IF DF IOPL NT AC ID and the fixed bit 1. */
  systemFlags(): V;
  setSystemFlags(value: V): void;

  // Control flow of the guest.
  /** Jumps to the target of a direct jump or call. */
  jumpDirect(): void;
  /** Jumps to that target if `condition` holds, else continues with the next instruction. */
  branch(condition: V): void;
  /** Jumps to an address known only at run time, 64 bits, which `requireCanonical` has checked. */
  jumpIndirect(target: V): void;
  /** Raises #GP(0) unless the address is canonical; call it before anything changes. Outside 64-bit mode every one is. */
  requireCanonical(target: V): void;
  /**
   * Raises #GP(0) unless the target of the direct branch is canonical; for branches that change something first (CALL,
   * LOOP).
   */
  requireDirectTarget(): void;

  // Control flow of the meaning.
  if(condition: V, then: () => void, otherwise?: () => void): void;
  /**
   * A loop over values: while `condition(values)` holds, `step(values)` returns the next values. `widths` are those of
   * `initial`, in order.
   */
  while(widths: readonly (Width | 128)[], initial: V[], condition: (values: V[]) => V, step: (values: V[]) => V[]): V[];
  /**
   * Repeats `body` while the count register is not zero, counting it down; each iteration takes one tick. It stops
   * early when `body` returns a false truth value. Interrupts occur between iterations, with rip at the instruction.
   * With `bulk`, each iteration moves an element from [RSI] to [RDI], or fills one at [RDI] from the accumulator, so
   * that many can be done at once.
   */
  repeat(body: () => V | undefined, bulk?: 'move' | 'fill'): void;
  /**
   * As `if`, where the condition seldom holds: compiled code leaves the instruction to the evaluator then, and has no code for
   * it. Nothing may have changed yet.
   */
  rarely(condition: V, then: () => void, otherwise: () => void): void;
  /** Raises an exception at this instruction; nothing may have changed yet. */
  raise(vector: number, errorCode?: V): void;
  raiseIf(condition: V, vector: number, errorCode?: V): void;
  /** Raises #BP, #OF or #DB after the instruction: rip is the next one's. */
  trap(vector: number): void;
  /** Completes the instruction and returns to the caller of the CPU: VMCALL, SYSCALL. */
  leave(reason: LeaveReason): void;
  /** Operations implemented only by the evaluator (rows marked EVALUATED). */
  readonly host: HostOperations<V>;
  readonly form: Form;
}

export type Access = 'read' | 'write';
export type LeaveReason = 'vmcall' | 'syscall';

/** Bytes of guest memory that have been translated, with their permissions checked. */
export interface Place<V> {
  /** Loads `width` bits at byte `offset` of the place; 128 gives a vector. */
  load(width: Width | 128, offset?: number): V;
  store(width: Width | 128, value: V, offset?: number): void;
}

export interface Arithmetic<V> {
  constant(width: Width, value: bigint | number): V;
  zeroExtend(from: Width, to: Width, x: V): V;
  signExtend(from: Width, to: Width, x: V): V;
  truncate(from: Width, to: Width, x: V): V;
  add(width: Width, x: V, y: V): V;
  sub(width: Width, x: V, y: V): V;
  mul(width: Width, x: V, y: V): V;
  /** The upper `width` bits of the product of two `width`-bit numbers. */
  mulHighUnsigned(width: Width, x: V, y: V): V;
  mulHighSigned(width: Width, x: V, y: V): V;
  /** Divides `high:low` by `divisor`, all of `width` bits. The quotient must fit: high < divisor. */
  divideUnsigned(width: Width, high: V, low: V, divisor: V): { quotient: V; remainder: V };
  and(width: Width, x: V, y: V): V;
  or(width: Width, x: V, y: V): V;
  xor(width: Width, x: V, y: V): V;
  not(width: Width, x: V): V;
  neg(width: Width, x: V): V;
  /** Shifts and rotates; `count` has the same width as `x` and is less than it. */
  shl(width: Width, x: V, count: V): V;
  shr(width: Width, x: V, count: V): V;
  sar(width: Width, x: V, count: V): V;
  rotateLeft(width: Width, x: V, count: V): V;
  rotateRight(width: Width, x: V, count: V): V;
  /** Comparisons give a truth value. */
  equal(width: Width, x: V, y: V): V;
  lessUnsigned(width: Width, x: V, y: V): V;
  lessSigned(width: Width, x: V, y: V): V;
  isZero(width: Width, x: V): V;
  /** 1 - x, for a truth value. */
  isFalse(x: V): V;
  select(width: Width | 128, condition: V, whenTrue: V, whenFalse: V): V;
  /** Number of leading zeros; `width` if x is zero. */
  countLeadingZeros(width: Width, x: V): V;
  countTrailingZeros(width: Width, x: V): V;
  populationCount(width: Width, x: V): V;
  /** Bytes in reverse order; 16, 32 or 64 bits. */
  byteSwap(width: Width, x: V): V;
}

/** Lane-wise operations on 128 bits, named after lane width, operation, saturation and signedness. */
export type VectorOperation =
  | `${'i8x16' | 'i16x8' | 'i32x4' | 'i64x2'}.${'add' | 'sub'}`
  | `${'i8x16' | 'i16x8' | 'i32x4' | 'i64x2'}.${'eq' | 'gt_s'}`
  | `${'i8x16' | 'i16x8'}.${'add_sat_s' | 'add_sat_u' | 'sub_sat_s' | 'sub_sat_u'}`
  | 'i16x8.mul'
  | 'i32x4.mul'
  | 'i16x8.mul_round_q15' // PMULHRSW
  | 'i16x8.mul_high_s'
  | 'i16x8.mul_high_u'
  | 'i64x2.mul_even_u32'
  | 'i64x2.mul_even_s32'
  | 'i32x4.dot_i16x8_s'
  | 'i8x16.avgr_u'
  | 'i16x8.avgr_u'
  | `${'i8x16' | 'i16x8' | 'i32x4'}.${'min' | 'max'}_${'s' | 'u'}`
  /** Two vectors of wider lanes, read as signed, to one of narrower lanes with saturation; x gives the low half. */
  | 'i8x16.narrow_i16x8_s'
  | 'i8x16.narrow_i16x8_u'
  | 'i16x8.narrow_i32x4_s'
  | 'i16x8.narrow_i32x4_u'
  | 'i8x16.sad' // PSADBW
  | 'i8x16.select_by' // PSHUFB
  | 'and'
  | 'or'
  | 'xor'
  | 'andnot'; // andnot(x, y) = ~x & y, as PANDN

/** Vectors are 128-bit values; lane 0 is the least significant. */
export interface Vectors<V> {
  vectorConstant(value: bigint): V;
  vector(operation: VectorOperation, x: V, y: V): V;
  /** Shifts each lane of `laneWidth` bits by `count` (64 bits, any value): counts beyond the lane give 0 or sign bits. */
  vectorShift(operation: 'shl' | 'shr' | 'sar', laneWidth: 16 | 32 | 64, x: V, count: V): V;
  /** Shifts the whole vector by `count` bytes (8 bits, any value). */
  vectorShiftBytes(operation: 'shl' | 'shr', x: V, count: V): V;
  /** Bytes of x (0 to 15) and y (16 to 31) in the order of `lanes`, 16 constants. */
  shuffle(x: V, y: V, lanes: readonly number[]): V;
  /** The lane whose number is a value: `index` (32 bits) is taken modulo the number of lanes. */
  lane(laneWidth: Width, x: V, index: V): V;
  withLane(laneWidth: Width, x: V, index: V, value: V): V;
  /** Four 32-bit (or two 64-bit) lanes to one vector, lane 0 first. */
  fromLanes(laneWidth: 32 | 64, lanes: readonly V[]): V;
  /** The lanes `indexes[i]` (32-bit values, modulo the number of lanes) of `sources[i]`, lane 0 first. */
  permute(laneWidth: 16 | 32 | 64, sources: readonly V[], indexes: readonly V[]): V;
  /** All ones in the lanes whose bit is set in `bits` (32 bits, lane 0 in bit 0), zeros in the others. */
  laneMask(laneWidth: 16 | 32 | 64, bits: V): V;
  /** The bits of `whenSet` where `mask` has ones, those of `otherwise` elsewhere. */
  blend(mask: V, whenSet: V, otherwise: V): V;
  /** Truth: no bit is set. */
  vectorIsZero(x: V): V;
  /**
   * PCMPxSTRx: IntRes2 (32 bits) of the first `lengthX` and `lengthY` (32 bits) elements under the control byte (8 bits). SDM
   * Vol. 2 4.1 "Imm8 Control Byte Operation for PCMPESTRI / ...".
   */
  compareStrings(x: V, lengthX: V, y: V, lengthY: V, control: V): V;
  /** SubBytes or InvSubBytes of FIPS 197. */
  substituteBytes(x: V, inverse: boolean): V;
  /** The product of two numbers of 64 bits without carries, a vector: PCLMULQDQ. */
  carrylessProduct(x: V, y: V): V;
  /** The sign bits of the lanes, lane 0 in bit 0; 32 bits. */
  signMask(laneWidth: 8 | 32 | 64, x: V): V;
}

export type FloatWidth = 32 | 64;
export type FloatOperation = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

/**
 * IEEE 754 arithmetic under MXCSR, as SSE does it: rounding, DAZ, FTZ, NaN operands and sticky flags; #XM if an
 * exception is unmasked. Scalars are the bits of the number, `width` wide; packed values are vectors.
 */
export interface Floats<V> {
  /** What `body` computes belongs to one instruction: the exceptions of all its lanes are raised together. */
  together<T>(body: () => T): T;
  /**
   * Rounds to an integral number as ROUNDSS does: `control` (8 bits) holds the mode in bits 1:0 unless bit 2 chooses that of
   * MXCSR, and bit 3 suppresses PE. SDM Vol. 2B "ROUNDPD".
   */
  floatRound(width: FloatWidth, x: V, control: V): V;
  floatRoundPacked(width: FloatWidth, x: V, control: V): V;
  float(operation: FloatOperation, width: FloatWidth, x: V, y: V): V;
  floatPacked(operation: FloatOperation, width: FloatWidth, x: V, y: V): V;
  /** ±(x × y) ± z, rounded once. Of several NaNs, x is the first and z the last. */
  floatFused(operation: FusedOperation, width: FloatWidth, x: V, y: V, z: V): V;
  floatFusedPacked(operation: FusedOperation, width: FloatWidth, x: V, y: V, z: V): V;
  floatSqrt(width: FloatWidth, x: V): V;
  floatSqrtPacked(width: FloatWidth, x: V): V;
  /** ZF PF CF in RFLAGS positions (others 0), 32 bits, as COMISx (a QNaN is invalid too) or UCOMISx (`quiet`). */
  floatCompare(width: FloatWidth, x: V, y: V, quiet: boolean): V;
  /** All ones or all zeros, as CMPccSx with the predicate in the low 5 bits of `predicate` (8 bits). */
  floatPredicate(width: FloatWidth, x: V, y: V, predicate: V): V;
  floatPredicatePacked(width: FloatWidth, x: V, y: V, predicate: V): V;
  floatToFloat(from: FloatWidth, to: FloatWidth, x: V): V;
  intToFloat(from: 32 | 64, to: FloatWidth, x: V): V;
  /** Converts to an integer, rounded according to MXCSR or truncated; the integer indefinite if it does not fit. */
  floatToInt(from: FloatWidth, to: 32 | 64, x: V, truncated: boolean): V;
  /** Packed conversions: lanes from low to high, missing source lanes ignored, missing result lanes zero. */
  convertPacked(conversion: PackedConversion, x: V): V;
  /** VCVTPH2PS: the numbers of half precision in the lower half of x, as singles. */
  floatFromHalves(x: V): V;
  /**
   * VCVTPS2PH: singles as numbers of half precision in the lower half, zeros above. `control` (8 bits) holds the rounding mode in
   * bits 1:0 unless bit 2 chooses that of MXCSR.
   */
  floatToHalves(x: V, control: V): V;
  /** RCPPS and RSQRTPS on 32-bit lanes: approximations that are the same on every host. */
  floatEstimate(operation: 'rcp' | 'rsqrt', x: V): V;
  mxcsr(): V;
  /** #GP(0) if a reserved bit is set. */
  setMxcsr(value: V): void;
}

/** Named after source lanes and result lanes; `t` truncates. */
export type PackedConversion =
  | 'i32x2.f64x2' // CVTDQ2PD
  | 'i32x4.f32x4' // CVTDQ2PS
  | 'f64x2.i32x2' // CVTPD2DQ
  | 'f64x2.i32x2t' // CVTTPD2DQ
  | 'f32x4.i32x4' // CVTPS2DQ
  | 'f32x4.i32x4t' // CVTTPS2DQ
  | 'f64x2.f32x2' // CVTPD2PS
  | 'f32x2.f64x2'; // CVTPS2PD

/** CPU services for system and rare instructions; only the evaluator provides them. */
export interface HostOperations<V> {
  /** EAX EBX ECX EDX for a leaf (EAX) and subleaf (ECX). */
  cpuid(leaf: V, subleaf: V): [V, V, V, V];
  /** x87 arithmetic and the x87 stack. */
  readonly x87: X87Operations<V>;
  /** The register EFER; 64 bits. */
  efer(): V;
  setSegmentBase(segment: number, value: V): void;
  /** Loads a segment register as MOV Sreg does; #GP(selector) or #NP if there is no such descriptor. */
  loadSegment(segment: number, selector: V): void;
  /** The number of the register that the ModRM byte's reg field names: of a segment, control or debug register. */
  registerField(): number;
  /**
   * The system registers of a bare machine. Undefined on a machine of BD0, which has neither descriptor tables nor code at
   * CPL 0: its kernel stands where a hypervisor stands.
   */
  readonly system: SystemOperations<V> | undefined;
}

/** GDTR or IDTR. */
export type DescriptorTable = 'gdt' | 'idt';

/** LDTR or TR. */
export type SystemSegment = 'ldt' | 'task';

/**
 * System registers, descriptor tables and input and output. Each operation makes the checks that its instruction makes
 * besides that of CPL, and raises exceptions before it changes anything. Selectors are 16-bit values, ports and the numbers
 * of model-specific registers 16 and 32, everything else 64.
 */
export interface SystemOperations<V> {
  control(number: number): V;
  setControl(number: number, value: V): void;
  debug(number: number): V;
  setDebug(number: number, value: V): void;
  modelSpecific(number: V): V;
  setModelSpecific(number: V, value: V): void;
  table(which: DescriptorTable): { readonly base: V; readonly limit: V };
  setTable(which: DescriptorTable, base: V, limit: V): void;
  systemSelector(which: SystemSegment): V;
  loadSystemSegment(which: SystemSegment, selector: V): void;
  /** The limit (LSL) or the access rights of what a selector names; undefined where the instruction clears ZF. */
  describe(selector: V, purpose: 'LAR' | 'LSL' | 'VERR' | 'VERW'): V | undefined;
  /** `next` is the address of the instruction behind, where a task that is left goes on. */
  jumpFar(selector: V, offset: V, next: V): void;
  /** `width` is the size of the words that are pushed or popped. */
  callFar(selector: V, offset: V, next: V, width: Width): void;
  returnFar(releasedBytes: V, width: Width): void;
  returnFromInterrupt(next: V, width: Width): void;
  /** #UD in real-address and virtual-8086 mode, which have no descriptor tables. */
  requireTables(): void;
  /** #GP(0) in virtual-8086 mode unless IOPL is 3: PUSHF, POPF, INT n and IRET. */
  requireFlagPrivilege(): void;
  /** INT n, INT3 and INTO: calls a gate; #GP if CPL exceeds its DPL. */
  interrupt(vector: V, next: V): void;
  callSystem(next: V): void;
  /** Returns to 64-bit code if `isLong` (REX.W), else to 32-bit code. */
  returnFromSystem(isLong: boolean): void;
  /** XCR0; 64 bits. */
  extendedControl(): V;
  /** XSETBV: #GP(0) if there is no such register, or for components that exclude each other. */
  setExtendedControl(number: V, value: V): void;
  /** SYSENTER and SYSEXIT. */
  enterSystem(): void;
  leaveSystem(): void;
  swapGs(): void;
  /** Reads `width` bits of a port; #GP(0) unless CPL <= IOPL or the task's I/O permission bitmap allows it. */
  input(port: V, width: Width): V;
  output(port: V, width: Width, value: V): void;
  /** #GP(0) as `input` and `output` raise it. */
  requirePort(port: V, width: Width): void;
  /** Holds back interrupts until the next instruction is complete: STI, MOV SS, POP SS. */
  holdInterrupts(): void;
  halt(): void;
}

/** The meaning of an instruction: a single function that the evaluator, the interpreter and the translator share. */
export type Semantics = <V>(m: Machine<V>, form: Form) => void;
