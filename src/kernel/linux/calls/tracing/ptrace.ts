/** ptrace(2): kernel/ptrace.c, arch/x86/kernel/ptrace.c */
import { R10, R8, R9, RAX, RDI, RDX, RSI, RSP } from '../../../../cpu/state/layout.js';
import type { CallResult } from '../../../calls/call.js';
import type { Thread } from '../../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { bytesOfInfo, infoOfBytes, sentBy, SIGINFO_USED_BYTES } from '../../signals/signal-info.js';
import { SET_BYTES, SIGNAL_MAX, Signal } from '../../signals/signal.js';
import { mayTrace } from '../../tracing/may-trace.js';
import { CALL_ENTERED, CALL_LEFT, TRACE_OPTIONS, type Trace } from '../../tracing/trace.js';
import type { TraceCourse } from '../../tracing/trace.js';
import { isStopEvent } from '../../tracing/tracing.js';
import { setUserWord, userWord } from '../../tracing/user-registers.js';
import { bytesAt, put64, putBytes, viewAt } from '../../user-data.js';
import { baseOfPrctl } from '../process.js';
import { findThread, memoryOf } from './find-thread.js';
import { FLOATING_REGISTERS, GENERAL_REGISTERS, registerSet, type RegisterSet } from './register-sets.js';

const { EINVAL, EIO, EPERM, ESRCH } = LinuxErrno;

const PTRACE_TRACEME = 0n;
const PTRACE_ATTACH = 16n;
const PTRACE_SEIZE = 0x4206n;
const PTRACE_KILL = 8n;
const PTRACE_INTERRUPT = 0x4207n;

const AUDIT_ARCH_X86_64 = 0xc000_003e;
const WORD_BYTES = 8;
const ERRNO_MAX = 4095n;

/** A thread that is stopped for its tracer, the caller. */
interface Traced {
  readonly thread: Thread;
  readonly trace: Trace;
}

type Request = (context: LinuxContext, traced: Traced, address: bigint, data: bigint) => CallResult;

/** Calls `use` while the CPU holds the registers of a stopped thread. */
function withRegisters<T>({ kernel }: LinuxContext, { thread }: Traced, use: () => T): T {
  return kernel.withRegisters(thread, use);
}

const peek: Request = (context, { thread }, address, data) => {
  const bytes = memoryOf(context, thread).peek(address, WORD_BYTES);
  if (bytes.length < WORD_BYTES) return failed(EIO);
  putBytes(context, data, bytes);
  return 0n;
};

const poke: Request = (context, { thread }, address, data) => {
  const bytes = new Uint8Array(WORD_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, data, true);
  return memoryOf(context, thread).poke(address, bytes) < WORD_BYTES ? failed(EIO) : 0n;
};

const peekUser: Request = (context, traced, address, data) => {
  const word = withRegisters(context, traced, () => userWord(context.registers, traced.thread.linux!, address));
  return put64(context, data, word);
};

const pokeUser: Request = (context, traced, address, data) => {
  withRegisters(context, traced, () => setUserWord(context.registers, traced.thread.linux!, address, data));
  return 0n;
};

const getRegisters =
  (set: RegisterSet): Request =>
  (context, traced, _address, data) => {
    putBytes(
      context,
      data,
      withRegisters(context, traced, () => set.read(context, traced.trace)),
    );
    return 0n;
  };

const setRegisters =
  (set: RegisterSet): Request =>
  (context, traced, _address, data) => {
    const bytes = bytesAt(context, data, set.lengthBytes);
    withRegisters(context, traced, () => set.write(context, traced.trace, bytes));
    return 0n;
  };

/** The buffer of a struct iovec, cut to the length of a set, which is stored there. Throws LinuxError EINVAL, EFAULT. */
function bufferOf(context: LinuxContext, data: bigint, set: RegisterSet): { start: bigint; lengthBytes: number } {
  const view = viewAt(context, data, 16);
  const given = view.getBigUint64(8, true);
  if (given % BigInt(WORD_BYTES) !== 0n) throw new LinuxError(EINVAL);
  const lengthBytes = given < BigInt(set.lengthBytes) ? Number(given) : set.lengthBytes;
  return { start: view.getBigUint64(0, true), lengthBytes };
}

const getRegisterSet: Request = (context, traced, type, data) => {
  const set = registerSet(context, type);
  const { start, lengthBytes } = bufferOf(context, data, set);
  const bytes = withRegisters(context, traced, () => set.read(context, traced.trace));
  putBytes(context, start, bytes.subarray(0, lengthBytes));
  return put64(context, data + 8n, BigInt(lengthBytes));
};

const setRegisterSet: Request = (context, traced, type, data) => {
  const set = registerSet(context, type);
  const { start, lengthBytes } = bufferOf(context, data, set);
  const bytes = bytesAt(context, start, lengthBytes);
  withRegisters(context, traced, () => set.write(context, traced.trace, bytes));
  return put64(context, data + 8n, BigInt(lengthBytes));
};

const goOn =
  (course: TraceCourse): Request =>
  ({ system }, { thread, trace }, _address, data) => {
    if (data > BigInt(SIGNAL_MAX)) return failed(EIO);
    system.tracing.resume(trace, thread, course, Number(data));
    return 0n;
  };

const detach: Request = ({ system }, { thread, trace }, _address, data) => {
  if (data > BigInt(SIGNAL_MAX)) return failed(EIO);
  system.tracing.detach(trace, thread, Number(data));
  return 0n;
};

const setOptions: Request = (_context, { trace }, _address, data) => {
  if (data & ~BigInt(TRACE_OPTIONS)) return failed(EINVAL);
  trace.options = Number(data);
  return 0n;
};

const getEventMessage: Request = (context, { trace }, _address, data) => put64(context, data, trace.message);

const getSignalInfo: Request = (context, { trace }, _address, data) => {
  const { info } = trace.stop!;
  if (!info) return failed(EINVAL);
  putBytes(context, data, bytesOfInfo(info));
  return 0n;
};

const setSignalInfo: Request = (context, { trace }, _address, data) => {
  const stop = trace.stop!;
  const bytes = bytesAt(context, data, SIGINFO_USED_BYTES);
  if (!stop.info) return failed(EINVAL);
  const signal = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  trace.stop = { ...stop, info: infoOfBytes(signal, bytes) };
  return 0n;
};

const getMask: Request = (context, { thread }, size, data) => {
  if (size !== SET_BYTES) return failed(EINVAL);
  const { mask, savedMask = mask } = thread.linux!.signals;
  return put64(context, data, savedMask);
};

const setMask: Request = (context, { thread }, size, data) => {
  if (size !== SET_BYTES) return failed(EINVAL);
  const { signals } = thread.linux!;
  signals.setMask(viewAt(context, data, WORD_BYTES).getBigUint64(0, true));
  signals.savedMask = undefined;
  return 0n;
};

/** PTRACE_LISTEN. */
const listen: Request = ({ system }, { thread, trace }) => {
  if (!trace.isSeized || !isStopEvent(trace.stop!)) return failed(EIO);
  system.tracing.listen(thread, trace);
  return 0n;
};

const archPrctl: Request = (context, traced, address, code) => {
  const base = withRegisters(context, traced, () => baseOfPrctl(context.registers, signed32(code), address));
  return base === undefined ? 0n : put64(context, address, base);
};

/** PTRACE_GET_SYSCALL_INFO. Returns the length of the whole structure, even where the caller has room for less. */
const getCallInfo: Request = (context, traced, size, data) => {
  const bytes = withRegisters(context, traced, () => callInfo(context, traced.trace));
  putBytes(context, data, size < BigInt(bytes.length) ? bytes.subarray(0, Number(size)) : bytes);
  return BigInt(bytes.length);
};

/** struct ptrace_syscall_info: kind, architecture, rip, rsp; then the call and its arguments, or its result and whether that is an error. */
function callInfo({ registers }: LinuxContext, trace: Trace): Uint8Array {
  const isCall = trace.stop!.info?.code === (Signal.SIGTRAP | 0x80);
  const isEntry = isCall && trace.message === CALL_ENTERED;
  const isExit = isCall && trace.message === CALL_LEFT;
  const bytes = new Uint8Array(isEntry ? 80 : isExit ? 33 : 24);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, isEntry ? 1 : isExit ? 2 : 0);
  view.setUint32(4, AUDIT_ARCH_X86_64, true);
  view.setBigUint64(8, registers.rip, true);
  view.setBigUint64(16, registers.gpr(RSP), true);
  if (isEntry) {
    const words = [BigInt.asUintN(64, BigInt.asIntN(32, trace.registers.call))];
    for (const register of [RDI, RSI, RDX, R10, R8, R9]) words.push(registers.gpr(register));
    words.forEach((word, index) => view.setBigUint64(24 + 8 * index, word, true));
  }
  if (isExit) {
    const result = registers.gpr(RAX);
    view.setBigUint64(24, result, true);
    view.setUint8(32, BigInt.asUintN(64, -result) <= ERRNO_MAX && result !== 0n ? 1 : 0);
  }
  return bytes;
}

/** Requests about a thread that has stopped for the caller. include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h */
const REQUESTS: ReadonlyMap<bigint, Request> = new Map<bigint, Request>([
  ...[1n, 2n].map((number) => [number, peek] as const),
  [3n, peekUser],
  ...[4n, 5n].map((number) => [number, poke] as const),
  [6n, pokeUser],
  [7n, goOn('free')],
  [9n, goOn('step')],
  [12n, getRegisters(GENERAL_REGISTERS)],
  [13n, setRegisters(GENERAL_REGISTERS)],
  [14n, getRegisters(FLOATING_REGISTERS)],
  [15n, setRegisters(FLOATING_REGISTERS)],
  [17n, detach],
  [21n, setOptions],
  [24n, goOn('calls')],
  [30n, archPrctl],
  [31n, goOn('emulation')],
  [0x4200n, setOptions],
  [0x4201n, getEventMessage],
  [0x4202n, getSignalInfo],
  [0x4203n, setSignalInfo],
  [0x4204n, getRegisterSet],
  [0x4205n, setRegisterSet],
  [0x4208n, listen],
  [0x420an, getMask],
  [0x420bn, setMask],
  [0x420en, getCallInfo],
]);

function ptrace(context: LinuxContext, request: bigint, pid: bigint, address: bigint, data: bigint): CallResult {
  if (request === PTRACE_TRACEME) return traceMe(context);
  const thread = findThread(context, signed32(pid));
  if (!thread) return failed(ESRCH);
  if (request === PTRACE_ATTACH) return attach(context, thread, false, 0);
  if (request === PTRACE_SEIZE) {
    if (address !== 0n || data & ~BigInt(TRACE_OPTIONS)) return failed(EIO);
    return attach(context, thread, true, Number(data));
  }
  const { trace } = thread.linux!;
  if (trace?.tracer !== context.linux) return failed(ESRCH);
  if (request === PTRACE_KILL) {
    context.system.signals.send(thread.process, sentBy(context.linux, Signal.SIGKILL));
    return 0n;
  }
  if (request === PTRACE_INTERRUPT) {
    if (!trace.isSeized) return failed(EIO);
    context.system.tracing.interrupt(thread, trace);
    return 0n;
  }
  if (!trace.stop || trace.listens) return failed(ESRCH);
  const perform = REQUESTS.get(request);
  return perform ? perform(context, { thread, trace }, address, data) : failed(EIO);
}

/** PTRACE_TRACEME: the parent becomes the tracer of the caller. */
function traceMe({ thread, linux, system }: LinuxContext): CallResult {
  const { parentOf: parent } = linux.family;
  if (thread.linux!.trace?.tracer || !parent || !mayTrace(parent, linux)) return failed(EPERM);
  system.tracing.attach(parent, thread, false);
  return 0n;
}

function attach(context: LinuxContext, thread: Thread, isSeized: boolean, options: number): CallResult {
  const { linux, system } = context;
  const target = thread.process.linux!;
  if (target === linux || thread.linux!.trace?.tracer || !mayTrace(linux, target)) return failed(EPERM);
  const trace = system.tracing.attach(linux, thread, isSeized);
  trace.options = options;
  system.tracing.stopAttached(thread, trace);
  return 0n;
}

export const PTRACE_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 101, name: 'ptrace', parameters: ['request', 'pid', 'address', 'data'], perform: ptrace },
    state: 'part',
    differs:
      'Without PTRACE_SINGLEBLOCK; calls do not change DR6; all threads of a tracer may make requests; of the threads that ' +
      'exit_group ends, the caller alone stops for PTRACE_EVENT_EXIT.',
  },
  {
    ...{ number: 219, name: 'restart_syscall', parameters: [], perform: () => failed(LinuxErrno.EINTR) },
    ...{ state: 'whole', differs: '' },
  },
];
