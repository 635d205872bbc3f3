import { isCanonical } from '../../../bits.js';
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import * as at from '../../../cpu/state/layout.js';
import type { UserMemory } from '../../memory/user-memory.js';
import {
  FXSAVE_BYTES,
  floatingBytes,
  floatingImage,
  resetFloating,
  restoreFloating,
  saysExtended,
} from './floating-state.js';
import { SA_ONSTACK, SA_RESTORER, SA_SIGINFO, type SignalAction } from './signal-actions.js';
import { SIGINFO_BYTES, bytesOfInfo, type SignalInfo } from './signal-info.js';
import { changedStack, isOn, liesIn, readStack, useOf, writeStack } from './signal-stack.js';
import type { ThreadSignals } from './thread-signals.js';
import { LinuxError } from '../errno.js';

/*
 * The frame of a handler: struct rt_sigframe of arch/x86/include/asm/sigframe.h. rsp points to it when the handler begins, to
 * `uc` when it has returned.
 *
 *       0  restorer           48  r8 to r15 rdi rsi rbp rbx rdx rax rcx rsp rip rflags (mcontext)
 *       8  uc_flags          192  cs gs fs ss, 16 bits each
 *      16  uc_link           200  error code   208 vector   216 mask   224 cr2   232 address of the FXSAVE image
 *      24  uc_stack          304  uc_sigmask
 *                            312  siginfo, 128 bytes
 */
const UC_FLAGS = 8;
const UC_STACK = 24;
const REGISTERS = 48;
const RIP = 176;
const RFLAGS = 184;
const CS = 192;
const SS = 198;
const ERROR_CODE = 200;
const VECTOR = 208;
const OLD_MASK = 216;
const CR2 = 224;
const FLOATING = 232;
const MASK = 304;
const INFO = 312;
const FRAME_BYTES = INFO + SIGINFO_BYTES;
/** Bytes of the frame that rt_sigreturn reads. */
const READ_BYTES = INFO;

const GENERAL_REGISTERS = [
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  at.RDI,
  at.RSI,
  at.RBP,
  at.RBX,
  at.RDX,
  at.RAX,
  at.RCX,
  at.RSP,
];

const UC_FP_XSTATE = 1;
const UC_SIGCONTEXT_SS = 2;
const UC_STRICT_RESTORE_SS = 4;
/** What functions keep below rsp without moving it: System V ABI 3.2.2 "The Stack Frame". */
const RED_ZONE = 128n;
const FLOATING_ALIGNMENT = 64n;

const USER_CODE = 0x33;
const USER_DATA = 0x2b;
const RF = 0x1_0000n;
/** AC RF OF DF TF SF ZF AF PF CF. */
const RESTORED_FLAGS = 0x5_0dd5n;
/** DF RF TF. */
const CLEARED_FLAGS = 0x1_0500n;

/** What a handler is called with. */
export interface HandlerCall {
  readonly action: SignalAction;
  readonly info: SignalInfo;
  /** An instruction is to be executed again when the handler returns: that sets RF in the flags that are saved. */
  readonly isFault: boolean;
  /** The processor has XSAVE, and the frame its area. */
  readonly hasXsave: boolean;
}

/** Memory as the thread finds it; undefined where it may not write. */
export interface FrameMemory {
  readonly memory: UserMemory;
  permits(address: number, lengthBytes: number): boolean;
}

/**
 * Puts a frame on a thread's stack and lets its registers, those in the CPU, begin a handler. Returns false, with nothing
 * changed, where the frame has no place. arch/x86/kernel/signal.c "get_sigframe", signal_64.c "x64_setup_rt_frame".
 */
export function enterHandler(state: CpuState, stacks: FrameMemory, signals: ThreadSignals, call: HandlerCall): boolean {
  const { action, info, hasXsave } = call;
  if ((action.flags & SA_RESTORER) === 0n) return false;
  const place = placeOf(state.gpr(at.RSP), signals, action, floatingBytes(hasXsave));
  if (!place) return false;
  const frame = new Uint8Array(FRAME_BYTES);
  fillFrame(new DataView(frame.buffer), state, signals, call, place.floating);
  if ((action.flags & SA_SIGINFO) !== 0n) frame.set(bytesOfInfo(info), INFO);
  else frame.set(new Uint8Array(SIGINFO_BYTES), INFO);
  if (!store(stacks, place.floating, floatingImage(state, hasXsave)) || !store(stacks, place.frame, frame))
    return false;
  state.setGpr(at.RDI, BigInt(info.signal));
  state.setGpr(at.RSI, place.frame + BigInt(INFO));
  state.setGpr(at.RDX, place.frame + BigInt(UC_FLAGS));
  state.setGpr(at.RAX, 0n);
  state.setGpr(at.RSP, place.frame);
  state.rip = action.handler;
  state.rflags &= ~CLEARED_FLAGS;
  resetFloating(state);
  return true;
}

function placeOf(
  rsp: bigint,
  { stack }: ThreadSignals,
  { flags }: SignalAction,
  areaBytes: number,
): { readonly floating: bigint; readonly frame: bigint } | undefined {
  const free = BigInt.asUintN(64, rsp - RED_ZONE);
  const begins = (flags & SA_ONSTACK) !== 0n && useOf(stack, free) === 0;
  const top = begins ? stack.start + stack.size : free;
  const floating = BigInt.asUintN(64, top - BigInt(areaBytes)) & ~(FLOATING_ALIGNMENT - 1n);
  const frame = BigInt.asUintN(64, ((floating - BigInt(FRAME_BYTES)) & ~15n) - 8n);
  // On the stack for signals, but too deep in it.
  if ((begins || isOn(stack, rsp)) && !liesIn(stack, frame)) return undefined;
  return { floating, frame };
}

function fillFrame(
  view: DataView,
  state: CpuState,
  signals: ThreadSignals,
  { action, isFault, hasXsave }: HandlerCall,
  floating: bigint,
): void {
  const { fault, stack, mask, savedMask = mask } = signals;
  view.setBigUint64(0, action.restorer, true);
  view.setUint32(UC_FLAGS, (hasXsave ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, true);
  writeStack(view, UC_STACK, stack);
  GENERAL_REGISTERS.forEach((register, i) => view.setBigUint64(REGISTERS + 8 * i, state.gpr(register), true));
  view.setBigUint64(RIP, state.rip, true);
  view.setBigUint64(RFLAGS, state.rflags | (isFault ? RF : 0n), true);
  view.setUint16(CS, state.selector(at.CS), true);
  view.setUint16(SS, state.selector(at.SS), true);
  view.setBigUint64(ERROR_CODE, BigInt(fault.errorCode), true);
  view.setBigUint64(VECTOR, BigInt(fault.vector), true);
  view.setBigUint64(OLD_MASK, savedMask, true);
  view.setBigUint64(CR2, fault.cr2, true);
  view.setBigUint64(FLOATING, floating, true);
  view.setBigUint64(MASK, savedMask, true);
}

function store({ memory, permits }: FrameMemory, address: bigint, bytes: Uint8Array): boolean {
  const start = memory.locate(address, BigInt(bytes.length), 'write');
  if (start === undefined || !permits(start, bytes.length)) return false;
  memory.write(start, bytes);
  return true;
}

function load(memory: UserMemory, address: bigint, lengthBytes: number): Uint8Array | undefined {
  const start = memory.locate(address, BigInt(lengthBytes), 'read');
  return start === undefined ? undefined : memory.read(start, lengthBytes);
}

/**
 * rt_sigreturn: takes the registers, the mask and the stack for signals back from the frame that rsp points behind. Returns
 * false for a frame that is not valid; as much of it is restored then as Linux restores. arch/x86/kernel/signal_64.c
 */
export function leaveHandler(state: CpuState, memory: UserMemory, signals: ThreadSignals, hasXsave: boolean): boolean {
  const bytes = load(memory, BigInt.asUintN(64, state.gpr(at.RSP) - 8n), READ_BYTES);
  if (!bytes) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  signals.setMask(view.getBigUint64(MASK, true));
  restoreStack(view, state, signals);
  GENERAL_REGISTERS.forEach((register, i) => state.setGpr(register, view.getBigUint64(REGISTERS + 8 * i, true)));
  state.rip = view.getBigUint64(RIP, true);
  state.rflags = (state.rflags & ~RESTORED_FLAGS) | (view.getBigUint64(RFLAGS, true) & RESTORED_FLAGS);
  if (!restoreFrom(state, memory, view.getBigUint64(FLOATING, true), hasXsave)) return false;
  const isStrict = (view.getUint32(UC_FLAGS, true) & UC_STRICT_RESTORE_SS) !== 0;
  return (
    isUserCode(view.getUint16(CS, true), isStrict ? view.getUint16(SS, true) : USER_DATA) && isCanonical(state.rip)
  );
}

/** There are no other segments that a program could return to: code of 32 bits is refused. */
function isUserCode(cs: number, ss: number): boolean {
  return (cs | 3) === USER_CODE && (ss | 3) === USER_DATA;
}

function restoreFrom(state: CpuState, memory: UserMemory, address: bigint, hasXsave: boolean): boolean {
  if (address === 0n) {
    resetFloating(state);
    return true;
  }
  const image = address % 16n === 0n ? load(memory, address, FXSAVE_BYTES) : undefined;
  if (!image) return false;
  const whole =
    hasXsave && saysExtended(image) && address % FLOATING_ALIGNMENT === 0n
      ? load(memory, address, floatingBytes(true))
      : image;
  return whole !== undefined && restoreFloating(state, whole);
}

/**
 * A stack that is not valid is left out. It is set before rsp is, so a handler that runs on a stack which it has set keeps it:
 * so does Linux from 6.12 on.
 */
function restoreStack(view: DataView, state: CpuState, signals: ThreadSignals): void {
  try {
    signals.stack = changedStack(signals.stack, readStack(view, UC_STACK), state.gpr(at.RSP));
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
  }
}
