import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { FS, GS } from '../../../cpu/state/layout.js';
import { ENDED, PENDING, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, namedAt, pathText } from '../files/arguments.js';
import { SymbolicLink } from '../files/tree/inode.js';
import { Signal } from '../signals/signal.js';
import { clone as cloneTask, type CloneRequest } from '../tasks/clone.js';
import { CLONE_VFORK, CLONE_VM } from '../tasks/clone-flags.js';
import { exec } from '../tasks/exec.js';
import { TASK_SIZE_MAX } from '../tracing/user-registers.js';
import { put64, stringAt, viewAt } from '../user-data.js';
import { standing } from './in-steps.js';
import { JOB_CALLS } from './job.js';
import { WAIT_CALLS } from './wait.js';

const { E2BIG, EINVAL, ELOOP, ENOENT, EPERM } = LinuxErrno;

/* arch/x86/include/uapi/asm/prctl.h */
const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;

/* include/uapi/linux/sched.h */
const CSIGNAL = 0xff;

/** What execve reads of argv and the environment: a quarter of RLIMIT_STACK, in strings of at most 32 pages. */
const ARGUMENT_BYTES_MAX = 2 ** 21;
const STRING_BYTES_MAX = 2 ** 17;
const WORD_BYTES = 8;

function exitGroup({ kernel, process, linux, thread, system }: LinuxContext, code: bigint): CallResult {
  const status = { kind: 'exited', code: Number(code & 0xffn) } as const;
  if (system.tracing.stopsBeforeEnd(thread, status)) return PENDING;
  linux.family.status = status;
  kernel.end(process, Number(code & 0xffn));
  return ENDED;
}

/** The end of a thread: that of its process, where it is the last one. */
function exit(context: LinuxContext, code: bigint): CallResult {
  const { kernel, thread, process, linux, system } = context;
  const status = { kind: 'exited', code: Number(code & 0xffn) } as const;
  if (system.tracing.stopsBeforeEnd(thread, status)) return PENDING;
  if (process.threads.length === 1) linux.family.status = status;
  kernel.endThread(thread, Number(code & 0xffn));
  return ENDED;
}

function archPrctl(context: LinuxContext, code: bigint, address: bigint): CallResult {
  const base = baseOfPrctl(context.registers, signed32(code), address);
  return base === undefined ? 0n : put64(context, address, base);
}

/** Sets a base of the thread in the CPU, or returns it, as a code of arch_prctl(2) says. Throws LinuxError EPERM, EINVAL. */
export function baseOfPrctl(state: CpuState, code: number, base: bigint): bigint | undefined {
  switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (base >= TASK_SIZE_MAX) throw new LinuxError(EPERM);
      state.setSegmentBase(code === ARCH_SET_FS ? FS : GS, base);
      return undefined;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
      return state.segmentBase(code === ARCH_GET_FS ? FS : GS);
    default:
      throw new LinuxError(EINVAL);
  }
}

function clone(
  context: LinuxContext,
  flags: bigint,
  stack: bigint,
  parentTid: bigint,
  childTid: bigint,
  threadPointer: bigint,
): CallResult {
  const all = Number(BigInt.asUintN(32, flags));
  return cloneTask(context, {
    ...{ flags: all & ~CSIGNAL, exitSignal: all & CSIGNAL },
    ...{ stack, parentTid, childTid, threadPointer },
  });
}

const SIMPLE: Omit<CloneRequest, 'flags'> = {
  ...{ stack: 0n, parentTid: 0n, childTid: 0n, threadPointer: 0n },
  exitSignal: Signal.SIGCHLD,
};

const fork = (context: LinuxContext): CallResult => cloneTask(context, { ...SIMPLE, flags: 0 });
const vfork = (context: LinuxContext): CallResult => cloneTask(context, { ...SIMPLE, flags: CLONE_VM | CLONE_VFORK });

function execve(context: LinuxContext, path: bigint, argv: bigint, environment: bigint): CallResult {
  return execveat(context, BigInt(AT_FDCWD), path, argv, environment, 0n);
}

function execveat(
  context: LinuxContext,
  fd: bigint,
  address: bigint,
  argv: bigint,
  environment: bigint,
  flagsArgument: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  return standing(context, () => {
    const left = { bytes: ARGUMENT_BYTES_MAX };
    const given = stringsAt(context, argv, left);
    // Linux gives a program without arguments an empty one.
    const path = pathText(context, address);
    if (path === '' && !(flags & AT_EMPTY_PATH)) throw new LinuxError(ENOENT);
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) throw new LinuxError(EINVAL);
    const file = namedAt(context, fd, address, flags);
    if (file.inode instanceof SymbolicLink) throw new LinuxError(ELOOP);
    const isHere = path.startsWith('/') || signed32(fd) === AT_FDCWD;
    return exec(context, {
      ...{ path: isHere ? path : `/dev/fd/${signed32(fd)}${path === '' ? '' : `/${path}`}`, file },
      isPathLost: !isHere && context.linux.files.closesOnExec(signed32(fd)),
      argv: given.length > 0 ? given : [new Uint8Array(0)],
      environment: stringsAt(context, environment, left),
    });
  });
}

/** The strings that an array of pointers names, up to a null one. */
function stringsAt(context: LinuxContext, address: bigint, left: { bytes: number }): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = address; address !== 0n; at += BigInt(WORD_BYTES)) {
    const pointer = viewAt(context, at, WORD_BYTES).getBigUint64(0, true);
    if (pointer === 0n) break;
    const text = stringAt(context, pointer, STRING_BYTES_MAX - 1, E2BIG);
    left.bytes -= text.length + 1 + WORD_BYTES;
    if (left.bytes < 0) throw new LinuxError(E2BIG);
    strings.push(text);
  }
  return strings;
}

const whole = { state: 'whole', differs: '' } as const;

export const PROCESS_CALLS: readonly LinuxCall[] = [
  { number: 39, name: 'getpid', parameters: [], perform: ({ linux }) => BigInt(linux.pid), ...whole },
  {
    ...{ number: 56, name: 'clone', parameters: ['flags', 'stack', 'parentTid', 'childTid', 'tls'], perform: clone },
    ...{ state: 'part', differs: 'Without namespaces, and files are shared only among threads.' },
  },
  { number: 57, name: 'fork', parameters: [], perform: fork, ...whole },
  { number: 58, name: 'vfork', parameters: [], perform: vfork, ...whole },
  { number: 59, name: 'execve', parameters: ['path', 'argv', 'environment'], perform: execve, ...whole },
  {
    ...{ number: 322, name: 'execveat', perform: execveat, ...whole },
    parameters: ['fd', 'path', 'argv', 'environment', 'flags'],
  },
  { number: 60, name: 'exit', parameters: ['status'], perform: exit, ...whole },
  {
    ...{ number: 110, name: 'getppid', parameters: [], perform: ({ linux }) => BigInt(linux.family.parentPid) },
    ...whole,
  },
  { number: 231, name: 'exit_group', parameters: ['status'], perform: exitGroup, ...whole },
  {
    ...{ number: 158, name: 'arch_prctl', parameters: ['code', 'address'], perform: archPrctl },
    ...{ state: 'part', differs: 'The bases of FS and GS alone.' },
  },
  ...WAIT_CALLS,
  ...JOB_CALLS,
];
