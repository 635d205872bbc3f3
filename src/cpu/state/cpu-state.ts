import type { GuestMemory } from '../../memory.js';
import { bigintArithmetic } from '../meaning/bigint-arithmetic.js';
import { FLAGS_CODE_MASK, FLAGS_EXTRA_SHIFT, kindCode, slotsOf, thunkOfCode } from '../meaning/flag-slots.js';
import { AC, RF, STATUS_FLAGS, TF, bitsOf, type FlagsThunk } from '../meaning/flags.js';
import type { Width } from '../../bits.js';
import * as at from './layout.js';
import { outside, schema } from '../../state/schema.js';

/** Size of a thread's registers in bytes. */
export const CONTEXT_BYTES = at.REGISTERS_END - at.GPR;

/** TypeScript access to the CPU state: a typed view of the fields defined in layout.ts. */
export class CpuState {
  static readonly state = schema(
    'registers',
    CpuState,
    {
      context: outside('a view of memory that engines share'),
      view: outside('a view of memory that engines share'),
      memory: outside('guest memory'),
    },
    {
      isPart: true,
      computed: [
        { name: 'bytes', read: (state) => state.settled(), write: (state, bytes) => state.context.set(bytes) },
      ],
    },
  );

  /** The registers of a thread, from RAX to the upper halves of YMM, as they are laid out in memory. */
  readonly context: Uint8Array;
  private readonly view: DataView;

  constructor(readonly memory: GuestMemory) {
    this.view = memory.hostView;
    this.context = memory.host.subarray(at.GPR, at.GPR + CONTEXT_BYTES);
  }

  /** Shows generated code CPL, and whether an interrupt waits. */
  showModes(cpl: number, interruptWaits: boolean): void {
    this.view.setInt32(at.CPL, cpl, true);
    this.view.setInt32(at.INTERRUPT_WAITS, interruptWaits ? 1 : 0, true);
  }

  get rip(): bigint {
    return this.view.getBigUint64(at.RIP, true);
  }
  set rip(value: bigint) {
    this.view.setBigUint64(at.RIP, value, true);
  }

  /** Moves rip past an instruction; as two words for speed. */
  advanceRip(lengthBytes: number): void {
    const low = this.view.getUint32(at.RIP, true) + lengthBytes;
    this.view.setUint32(at.RIP, low, true);
    if (low > 0xffff_ffff) this.view.setUint32(at.RIP + 4, this.view.getUint32(at.RIP + 4, true) + 1, true);
  }

  gpr(register: number): bigint {
    return this.view.getBigUint64(at.GPR + register * 8, true);
  }
  setGpr(register: number, value: bigint): void {
    this.view.setBigUint64(at.GPR + register * 8, value, true);
  }

  /** `width` bits of a register; numbers 16 to 19 are AH to BH. */
  gprPart(register: number, width: Width): bigint {
    const address = at.gprAddress(register);
    if (width === 64) return this.view.getBigUint64(address, true);
    if (width === 32) return BigInt(this.view.getUint32(address, true));
    return BigInt(width === 16 ? this.view.getUint16(address, true) : this.view.getUint8(address));
  }

  /** Writes part of a register. Writes of 32 bits clear the upper half. SDM Vol. 1 3.4.1.1. */
  setGprPart(register: number, width: Width, value: bigint): void {
    const address = at.gprAddress(register);
    if (width >= 32) this.view.setBigUint64(address, value, true);
    else if (width === 16) this.view.setUint16(address, Number(value), true);
    else this.view.setUint8(address, Number(value));
  }

  xmm(register: number): bigint {
    const address = at.xmmAddress(register);
    return this.view.getBigUint64(address, true) | (this.view.getBigUint64(address + 8, true) << 64n);
  }
  setXmm(register: number, value: bigint): void {
    const address = at.xmmAddress(register);
    this.view.setBigUint64(address, value, true);
    this.view.setBigUint64(address + 8, value >> 64n, true);
  }

  /** Bits 255:128 of a YMM register. */
  ymmHigh(register: number): bigint {
    const address = at.ymmHighAddress(register);
    return this.view.getBigUint64(address, true) | (this.view.getBigUint64(address + 8, true) << 64n);
  }
  setYmmHigh(register: number, value: bigint): void {
    const address = at.ymmHighAddress(register);
    this.view.setBigUint64(address, value, true);
    this.view.setBigUint64(address + 8, value >> 64n, true);
  }

  get mxcsr(): number {
    return this.view.getUint32(at.MXCSR, true);
  }
  set mxcsr(value: number) {
    this.view.setUint32(at.MXCSR, value, true);
  }

  /** Outside 64-bit mode, the bits of ESP that address the stack, by SS.B: FFFFh or FFFFFFFFh. */
  get stackMask(): number {
    return this.view.getUint32(at.STACK_MASK, true);
  }
  set stackMask(value: number) {
    this.view.setUint32(at.STACK_MASK, value, true);
  }

  /** All of RFLAGS, with the status flags computed from their thunk. */
  get rflags(): bigint {
    return this.systemFlags | BigInt(this.statusFlags);
  }
  set rflags(value: bigint) {
    this.systemFlags = value & ~BigInt(STATUS_FLAGS);
    this.setFlagsThunk({ kind: 'bits', bits: value & BigInt(STATUS_FLAGS) });
  }

  /** RFLAGS without the status flags. */
  get systemFlags(): bigint {
    return this.view.getBigUint64(at.RFLAGS, true);
  }
  set systemFlags(value: bigint) {
    this.view.setBigUint64(at.RFLAGS, value | 2n, true);
  }

  /** AC. */
  get alignmentCheckFlag(): boolean {
    return (this.view.getInt32(at.RFLAGS, true) & AC) !== 0;
  }
  /** RF: the next instruction runs in spite of a breakpoint on it. */
  get resumeFlag(): boolean {
    return (this.view.getInt32(at.RFLAGS, true) & RF) !== 0;
  }
  set resumeFlag(resumes: boolean) {
    this.systemFlags = (this.systemFlags & ~BigInt(RF)) | (resumes ? BigInt(RF) : 0n);
  }
  /** TF or RF. */
  get isSteppedOrResumed(): boolean {
    return (this.view.getInt32(at.RFLAGS, true) & (TF | RF)) !== 0;
  }
  /** TF. */
  get trapFlag(): boolean {
    return (this.view.getInt32(at.RFLAGS, true) & TF) !== 0;
  }

  get statusFlags(): number {
    return Number(bitsOf(bigintArithmetic, this.flagsThunk()));
  }

  /** The thunk of the status flags, as generated code left it. */
  flagsThunk(): FlagsThunk<bigint> {
    const kind = this.view.getInt32(at.FLAGS_KIND, true);
    return thunkOfCode(bigintArithmetic, kind & FLAGS_CODE_MASK, {
      extra: BigInt(kind >>> FLAGS_EXTRA_SHIFT),
      result: this.view.getBigUint64(at.FLAGS_RESULT, true),
      operand: this.view.getBigUint64(at.FLAGS_OPERAND, true),
    });
  }

  setFlagsThunk(thunk: FlagsThunk<bigint>): void {
    const { extra, result, operand } = slotsOf(bigintArithmetic, thunk);
    this.view.setInt32(at.FLAGS_KIND, kindCode(thunk) + Number(extra ?? 0n), true);
    this.view.setBigUint64(at.FLAGS_RESULT, result ?? 0n, true);
    this.view.setBigUint64(at.FLAGS_OPERAND, operand ?? 0n, true);
  }

  segmentBase(segment: number): bigint {
    return this.view.getBigUint64(at.SEGMENT_BASE + segment * 8, true);
  }
  setSegmentBase(segment: number, value: bigint): void {
    this.view.setBigUint64(at.SEGMENT_BASE + segment * 8, value, true);
  }

  selector(segment: number): number {
    return this.view.getUint16(at.SELECTORS + segment * 2, true);
  }
  setSelector(segment: number, value: number): void {
    this.view.setUint16(at.SELECTORS + segment * 2, value, true);
  }

  /** Works out the status flags in a copy of `context`, since each engine keeps them differently. */
  settle(context: Uint8Array): void {
    const before = this.context.slice();
    this.context.set(context);
    const { rflags } = this;
    this.rflags = rflags;
    context.set(this.context);
    this.context.set(before);
  }

  private settled(): Uint8Array {
    const context = this.context.slice();
    this.settle(context);
    return context;
  }

  /** `width` bits at byte `offset` of the x87 state. */
  x87Part(width: Width, offset: number): bigint {
    const address = at.X87 + offset;
    if (width === 64) return this.view.getBigUint64(address, true);
    if (width === 32) return BigInt(this.view.getUint32(address, true));
    return BigInt(width === 16 ? this.view.getUint16(address, true) : this.view.getUint8(address));
  }
  setX87Part(width: Width, offset: number, value: bigint): void {
    const address = at.X87 + offset;
    if (width === 64) this.view.setBigUint64(address, value, true);
    else if (width === 32) this.view.setUint32(address, Number(value), true);
    else if (width === 16) this.view.setUint16(address, Number(value), true);
    else this.view.setUint8(address, Number(value));
  }

  /** The first 160 bytes of the FXSAVE image, without MXCSR: the x87 state with the registers in the order of the stack. */
  get x87(): Uint8Array {
    const image = this.memory.host.slice(at.X87, at.X87 + at.X87_BYTES);
    this.permuteStack((stack, physical) => image.set(this.x87Bytes(physical), stack));
    return image;
  }
  set x87(image: Uint8Array) {
    this.memory.host.set(image.subarray(0, at.X87_REGISTERS), at.X87);
    this.permuteStack((stack, physical) => this.x87Bytes(physical).set(image.subarray(stack, stack + 16)));
  }

  /** Calls `move` for each register with its offsets in the FXSAVE image and in the x87 state. */
  private permuteStack(move: (stack: number, physical: number) => void): void {
    const top = this.view.getUint8(at.X87 + 3) >> 3;
    for (let i = 0; i < 8; i++) move(at.x87RegisterOffset(i), at.x87RegisterOffset(top + i));
  }
  private x87Bytes(offset: number): Uint8Array {
    return this.memory.host.subarray(at.X87 + offset, at.X87 + offset + 16);
  }
}
