import { FS, GS } from '../../../cpu/state/layout.js';
import { isCanonical } from '../../../bits.js';
import { ENDED, PENDING, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, namedAt, pathText } from '../files/arguments.js';
import { O_NONBLOCK } from '../files/constants.js';
import { SymbolicLink } from '../files/tree/inode.js';
import { Signal } from '../signals/signal.js';
import type { LinuxProcess } from '../linux-process.js';
import { CLONE_VFORK, CLONE_VM, clone as cloneTask, type CloneRequest } from '../tasks/clone.js';
import { exec } from '../tasks/exec.js';
import { childInfo, statusWord, type JobChange, type WaitStatus } from '../tasks/wait-status.js';
import { putUsage } from '../timespec.js';
import { put32, put64, putBytes, putFields, stringAt, viewAt } from '../user-data.js';
import { standing } from './in-steps.js';
import { pidFileOf } from './events/pid-file.js';
import { JOB_CALLS } from './job.js';

const { E2BIG, EAGAIN, ECHILD, EINVAL, ELOOP, ENOENT, EPERM } = LinuxErrno;

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

/* include/uapi/linux/wait.h */
const WNOHANG = 1;
const WUNTRACED = 2;
const WEXITED = 4;
const WCONTINUED = 8;
const WNOWAIT = 0x100_0000;
/** __WNOTHREAD, __WALL, __WCLONE. */
const WAIT_FLAGS_OF_LINUX = 0xe000_0000;
const P_ALL = 0;
const P_PID = 1;
const P_PGID = 2;
const P_PIDFD = 3;

const SIGINFO_BYTES = 128;

function exitGroup({ kernel, process, linux }: LinuxContext, code: bigint): CallResult {
  linux.family.status = { kind: 'exited', code: Number(code & 0xffn) };
  kernel.end(process, Number(code & 0xffn));
  return ENDED;
}

/** The end of a thread: that of its process, where it is the last one. */
function exit(context: LinuxContext, code: bigint): CallResult {
  const { kernel, thread, process, linux } = context;
  if (process.threads.length === 1) linux.family.status = { kind: 'exited', code: Number(code & 0xffn) };
  kernel.endThread(thread, Number(code & 0xffn));
  return ENDED;
}

function archPrctl(context: LinuxContext, code: bigint, address: bigint): CallResult {
  const { registers } = context;
  switch (signed32(code)) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (!isCanonical(address) || address >> 47n) return failed(EPERM);
      registers.setSegmentBase(signed32(code) === ARCH_SET_FS ? FS : GS, address);
      return 0n;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
      return put64(context, address, registers.segmentBase(signed32(code) === ARCH_GET_FS ? FS : GS));
    default:
      return failed(EINVAL);
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

/** The time that a process has used, with its children. */
function usageOf({ cpuTime }: LinuxProcess): number {
  return cpuTime.used + cpuTime.ofChildren;
}

/** Which children are waited for. */
type Choice = (child: LinuxProcess) => boolean;

function wait4(context: LinuxContext, pidArgument: bigint, status: bigint, options: bigint, usage: bigint): CallResult {
  const flags = signed32(options);
  if (flags & ~(WNOHANG | WUNTRACED | WCONTINUED | WAIT_FLAGS_OF_LINUX)) return failed(EINVAL);
  const pid = signed32(pidArgument);
  const group = pid === 0 ? context.linux.group : -pid;
  const choice: Choice =
    pid === -1 ? () => true : pid > 0 ? (child) => child.pid === pid : (child) => child.group === group;
  const found = findChild(context, choice, flags | WEXITED);
  if (!(typeof found === 'object')) return found;
  const { child, change } = found;
  if (status !== 0n) put32(context, status, statusWord(change));
  if (usage !== 0n) putUsage(context, usage, usageOf(child));
  context.system.waitedFor(child);
  return BigInt(child.pid);
}

function waitid(
  context: LinuxContext,
  type: bigint,
  idArgument: bigint,
  info: bigint,
  options: bigint,
  usage: bigint,
): CallResult {
  const flags = signed32(options);
  const known = WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WAIT_FLAGS_OF_LINUX;
  if (flags & ~known || !(flags & (WEXITED | WUNTRACED | WCONTINUED))) return failed(EINVAL);
  const id = signed32(idArgument);
  const choices: Readonly<Record<number, Choice>> = {
    [P_ALL]: () => true,
    [P_PID]: (child) => child.pid === id,
    [P_PGID]: (child) => child.group === (id === 0 ? context.linux.group : id),
  };
  const file = signed32(type) === P_PIDFD ? pidFileOf(context, idArgument) : undefined;
  const choice: Choice | undefined = file ? (child) => child === file.process : choices[signed32(type)];
  if (!choice) return failed(EINVAL);
  const found = findChild(context, choice, flags | (file && file.flags & O_NONBLOCK ? WNOHANG : 0));
  if (found === 0n && !(flags & WNOHANG)) return failed(EAGAIN);
  if (found === 0n && info !== 0n) putBytes(context, info, new Uint8Array(SIGINFO_BYTES));
  if (!(typeof found === 'object')) return found;
  const { child, change } = found;
  const [code, status] = childInfo(change);
  if (info !== 0n)
    putFields(context, info, SIGINFO_BYTES, (view) => {
      view.setInt32(0, Signal.SIGCHLD, true);
      view.setInt32(8, code, true);
      view.setInt32(16, child.pid, true);
      view.setInt32(20, child.place.credentials.user, true);
      view.setInt32(24, status, true);
    });
  if (usage !== 0n) putUsage(context, usage, usageOf(child));
  if (!(flags & WNOWAIT)) context.system.waitedFor(child);
  return 0n;
}

/** A child of which there is something to tell. */
interface ChangedChild {
  readonly child: LinuxProcess;
  readonly change: WaitStatus | JobChange;
}

/** What is to be told of a child to those who wait with these flags. */
function changeOf({ family }: LinuxProcess, flags: number): ChangedChild['change'] | undefined {
  const { status, change } = family;
  if (status) return flags & WEXITED ? status : undefined;
  return change && flags & (change.kind === 'stopped' ? WUNTRACED : WCONTINUED) ? change : undefined;
}

/** The first child of a choice of which there is something to tell, or what the call answers now. */
function findChild(context: LinuxContext, choice: Choice, flags: number): ChangedChild | CallResult {
  const { linux, pending } = context;
  // One that has ended is none for those who do not wait for ends.
  const children = linux.family.children.filter((child) => choice(child) && (flags & WEXITED || !child.family.status));
  if (children.length === 0) return failed(ECHILD);
  for (const child of children) {
    const change = changeOf(child, flags);
    if (change) return { child, change };
  }
  if (flags & WNOHANG) return 0n;
  pending.wait = { deadline: Infinity, for: { kind: 'child', number: linux.pid }, late: undefined };
  return PENDING;
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
    ...{ number: 61, name: 'wait4', parameters: ['pid', 'status', 'options', 'usage'], perform: wait4 },
    ...{ state: 'part', differs: 'Of the resource usage, only the CPU times are filled in.' },
  },
  {
    ...{ number: 110, name: 'getppid', parameters: [], perform: ({ linux }) => BigInt(linux.family.parentPid) },
    ...whole,
  },
  { number: 231, name: 'exit_group', parameters: ['status'], perform: exitGroup, ...whole },
  {
    ...{ number: 158, name: 'arch_prctl', parameters: ['code', 'address'], perform: archPrctl },
    ...{ state: 'part', differs: 'The bases of FS and GS alone.' },
  },
  {
    ...{ number: 247, name: 'waitid', parameters: ['type', 'id', 'info', 'options', 'usage'], perform: waitid },
    ...{ state: 'part', differs: 'Of the resource usage, only the CPU times are filled in.' },
  },
  ...JOB_CALLS,
];
