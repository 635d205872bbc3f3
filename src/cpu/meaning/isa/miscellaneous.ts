import { Vector } from '../../state/exceptions.js';
import type { Form, MemoryOperand } from '../form.js';
import type { Access, Machine, Place, Semantics } from '../vocabulary.js';
import { RAX, RBP, RBX, RCX, RDX, RSP, SS } from '../../state/layout.js';
import { CARRY, CF, STATUS_FLAGS } from '../flags.js';
import { addressBeyond } from './bit-byte.js';
import { resize } from './flag-bits.js';
import { place, read } from './operands.js';
import { linearAt, movedDown, movedUp, stackAddress, withStackBits } from './stack.js';

/** SDM Vol. 1 5.1.13 "Miscellaneous Instructions", with ENTER and LEAVE. */

/** LEA: DEST := the effective address, cut or zero-extended to the operand size. SDM Vol. 2A "LEA". */
export const lea: Semantics = (m, { dest, src, width }) => {
  const address = m.effectiveAddress(src as MemoryOperand);
  place(m, dest, 'write').write(resize(m, 64, width, address));
};

/**
 * NOP, PAUSE, PREFETCHh, PREFETCHW, ENDBR64 and the reserved hints: no effect, not even a memory access. SDM Vol. 2B
 * "NOP".
 */
export const nop: Semantics = () => {};

/** UD0, UD1, UD2: #UD. SDM Vol. 2B "UD". */
export const ud: Semantics = (m) => m.raise(Vector.UD);

/** XLAT: AL := [RBX + AL], in an overridable segment. SDM Vol. 2D "XLAT/XLATB". */
export const xlat: Semantics = (m, { addressWidth }) => {
  const index = m.zeroExtend(8, addressWidth, m.gpr(RAX, 8));
  const effective = resize(m, addressWidth, 64, m.add(addressWidth, m.gpr(RBX, addressWidth), index));
  m.setGpr(RAX, 8, m.translate(linearAt(m, m.sourceSegmentBase(), effective), 1, 'read').load(8));
};

/** BOUND: #BR unless DEST, signed, is within the bounds: the first number in memory to the second. SDM Vol. 2A "BOUND". */
export const bound: Semantics = (m, form) => {
  const { dest, src, width } = form;
  const bytes = width / 8;
  const bounds = src as MemoryOperand;
  const lower = m.translate(m.linearAddress(bounds), bytes, 'read').load(width);
  const upper = m.translate(addressBeyond(m, form, bounds, m.constant(64, bytes)), bytes, 'read').load(width);
  const index = read(m, dest);
  const isBelow = m.lessSigned(width, index, lower);
  const isAbove = m.lessSigned(width, upper, index);
  m.raiseIf(m.or(8, isBelow, isAbove), Vector.BR);
};

/** SALC: AL := FFh if CF is set, else 0. AMD64 APM Vol. 3 table A-1; it is in no manual of Intel. */
export const salc: Semantics = (m) => {
  m.setGpr(RAX, 8, m.select(8, m.condition(CARRY), m.constant(8, 0xff), m.constant(8, 0)));
};

/** CPUID: EAX EBX ECX EDX := the values of leaf EAX, subleaf ECX. SDM Vol. 2A "CPUID". */
export const cpuid: Semantics = (m) => {
  const [eax, ebx, ecx, edx] = m.host.cpuid(m.gpr(RAX, 32), m.gpr(RCX, 32));
  m.setGpr(RAX, 32, eax);
  m.setGpr(RBX, 32, ebx);
  m.setGpr(RCX, 32, ecx);
  m.setGpr(RDX, 32, edx);
};

/** RDTSC: EDX:EAX := the time-stamp counter. SDM Vol. 2B "RDTSC". */
export const rdtsc: Semantics = (m) => {
  const time = m.timeStamp();
  m.setGpr(RAX, 32, m.truncate(64, 32, time));
  m.setGpr(RDX, 32, m.truncate(64, 32, m.shr(64, time, m.constant(64, 32))));
};

/** The number of this processor, as Linux keeps it in IA32_TSC_AUX: there is only one. */
const PROCESSOR = 0;

/** RDTSCP: as RDTSC, and RCX := IA32_TSC_AUX. SDM Vol. 2B "RDTSCP". */
export const rdtscp: Semantics = (m, form) => {
  rdtsc(m, form);
  m.setGpr(RCX, 32, m.constant(32, PROCESSOR));
};

/** RDPID: DEST := IA32_TSC_AUX. SDM Vol. 2B "RDPID". */
export const rdpid: Semantics = (m, { dest, width }) => place(m, dest, 'write').write(m.constant(width, PROCESSOR));

/** Where the two streams of random numbers start. */
const STREAMS = { RDRAND: 0x243f_6a88_85a3_08d3n, RDSEED: 0x1319_8a2e_0370_7344n };

/**
 * RDRAND, RDSEED: the next number of a stream that is the same in every run, and CF. The numbers of all ticks differ: SplitMix64 of
 * Steele, Lea and Flood. SDM Vol. 2B "RDRAND".
 */
export const random =
  (stream: keyof typeof STREAMS): Semantics =>
  <V>(m: Machine<V>, { dest, width }: Form) => {
    const mixed = (x: V, shift: number, factor: bigint): V =>
      m.mul(64, m.xor(64, x, m.shr(64, x, m.constant(64, shift))), m.constant(64, factor));
    const start = m.add(64, m.constant(64, STREAMS[stream]), m.mul(64, m.timeStamp(), m.constant(64, GOLDEN)));
    const x = mixed(mixed(start, 30, 0xbf58_476d_1ce4_e5b9n), 27, 0x94d0_49bb_1331_11ebn);
    const value = m.xor(64, x, m.shr(64, x, m.constant(64, 31)));
    place(m, dest, 'write').write(width === 64 ? value : m.truncate(64, width, value));
    m.setFlagBits(STATUS_FLAGS, m.constant(32, CF));
  };

/** 2^64 divided by the golden ratio. */
const GOLDEN = 0x9e37_79b9_7f4a_7c15n;

/** CLFLUSH, CLFLUSHOPT, CLWB: there is nothing to flush, but the byte must be readable. SDM Vol. 2A "CLFLUSH". */
export const clflush: Semantics = (m, { dest }) => {
  m.translate(m.linearAddress(dest as MemoryOperand), 1, 'read');
};

/** VMCALL: calls the kernel (as a hypervisor). SDM Vol. 3C 31.3 "VMCALL". */
export const vmcall: Semantics = (m) => m.leave('vmcall');

const DEEPEST_NESTING = 31;

/**
 * ENTER: pushes RBP, then `level` frame pointers (level - 1 of them from the frame that RBP is in, and the new one),
 * points RBP to the new frame and subtracts `immediate` from RSP; the new top of the stack must be writable. SDM Vol.
 * 2A "ENTER".
 */
export function enter<V>(m: Machine<V>, { width }: Form): void {
  const bytes = width / 8;
  const level = m.and(8, m.secondImmediate(), m.constant(8, DEEPEST_NESTING));
  const oldFrame = m.gpr(RBP, 64);
  const frame = movedDown(m, m.gpr(RSP, 64), bytes);
  const below = (pointer: V, words: number): V => movedDown(m, pointer, words * bytes);
  const translate = (pointer: V, access: Access): Place<V> => m.translate(stackAddress(m, pointer), bytes, access, SS);
  const savedFrame = translate(frame, 'write');

  const finish = (depth: number, copies: readonly Copy<V>[]): void => {
    const newFrame = depth > 0 ? translate(below(frame, depth), 'write') : undefined;
    const lowest = below(frame, depth);
    const top = withStackBits(m, lowest, m.sub(64, lowest, m.zeroExtend(16, 64, m.immediate(16))));
    translate(top, 'write');
    savedFrame.store(width, m.gpr(RBP, width));
    for (const { from, to } of copies) to.store(width, from.load(width));
    newFrame?.store(width, resize(m, 64, width, frame));
    m.setGpr(RBP, width, resize(m, 64, width, frame));
    m.setGpr(RSP, 64, top);
  };
  const copy = (depth: number): Copy<V> => ({
    from: translate(below(oldFrame, depth), 'read'),
    to: translate(below(frame, depth), 'write'),
  });
  // All places are translated before the first is written, so each level is nested in the branch of the previous one.
  const nest = (depth: number, copies: readonly Copy<V>[]): void => {
    m.if(
      m.equal(8, level, m.constant(8, depth)),
      () => finish(depth, copies),
      () => {
        if (depth < DEEPEST_NESTING) nest(depth + 1, [...copies, copy(depth)]);
      },
    );
  };
  m.rarely(
    m.isFalse(m.isZero(8, level)),
    () => nest(1, []),
    () => finish(0, []),
  );
}

/** A frame pointer of an outer level that is copied to the new frame. */
interface Copy<V> {
  readonly from: Place<V>;
  readonly to: Place<V>;
}

/** LEAVE: RSP := RBP, then pops RBP. SDM Vol. 2A "LEAVE". */
export const leave: Semantics = (m, { width }) => {
  const bytes = width / 8;
  const frame = withStackBits(m, m.gpr(RSP, 64), m.gpr(RBP, 64));
  const saved = m.translate(stackAddress(m, frame), bytes, 'read', SS).load(width);
  m.setGpr(RSP, 64, movedUp(m, frame, m.constant(64, bytes)));
  m.setGpr(RBP, width, saved);
};
