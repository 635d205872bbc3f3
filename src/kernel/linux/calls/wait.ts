import { PENDING, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { O_NONBLOCK } from '../files/constants.js';
import type { LinuxProcess } from '../linux-process.js';
import { Signal } from '../signals/signal.js';
import { childInfo, statusWord, type JobChange, type TraceChange, type WaitStatus } from '../tasks/wait-status.js';
import { putUsage } from '../timespec.js';
import type { Trace } from '../tracing/trace.js';
import { put32, putBytes, putFields } from '../user-data.js';
import { pidFileOf } from './events/pid-file.js';

const { EAGAIN, ECHILD, EINVAL } = LinuxErrno;

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

/** The time that a process has used, with its children. */
function usageOf({ cpuTime }: LinuxProcess): number {
  return cpuTime.used + cpuTime.ofChildren;
}

/** A child of the caller, a thread that it traces, or both. */
interface Awaited {
  readonly pid: number;
  readonly process: LinuxProcess;
  /** Undefined unless the caller is its tracer. */
  readonly trace: Trace | undefined;
}

/** Selects the children and threads that a call waits for. */
type Choice = (awaited: Awaited) => boolean;

function wait4(context: LinuxContext, pidArgument: bigint, status: bigint, options: bigint, usage: bigint): CallResult {
  const flags = signed32(options);
  if (flags & ~(WNOHANG | WUNTRACED | WCONTINUED | WAIT_FLAGS_OF_LINUX)) return failed(EINVAL);
  const wanted = signed32(pidArgument);
  const group = wanted === 0 ? context.linux.group : -wanted;
  const choice: Choice =
    wanted === -1 ? () => true : wanted > 0 ? ({ pid }) => pid === wanted : ({ process }) => process.group === group;
  const found = findAwaited(context, choice, flags | WEXITED);
  if (!(typeof found === 'object')) return found;
  const { awaited, change } = found;
  if (status !== 0n) put32(context, status, statusWord(change));
  if (usage !== 0n) putUsage(context, usage, usageOf(awaited.process));
  waitedFor(context, found);
  return BigInt(awaited.pid);
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
    [P_PID]: ({ pid }) => pid === id,
    [P_PGID]: ({ process }) => process.group === (id === 0 ? context.linux.group : id),
  };
  const file = signed32(type) === P_PIDFD ? pidFileOf(context, idArgument) : undefined;
  const choice: Choice | undefined = file
    ? ({ process, pid }) => process === file.process && pid === process.pid
    : choices[signed32(type)];
  if (!choice) return failed(EINVAL);
  const found = findAwaited(context, choice, flags | (file && file.flags & O_NONBLOCK ? WNOHANG : 0));
  if (found === 0n && !(flags & WNOHANG)) return failed(EAGAIN);
  if (found === 0n && info !== 0n) putBytes(context, info, new Uint8Array(SIGINFO_BYTES));
  if (!(typeof found === 'object')) return found;
  const { awaited, change } = found;
  const [code, status] = childInfo(change);
  if (info !== 0n)
    putFields(context, info, SIGINFO_BYTES, (view) => {
      view.setInt32(0, Signal.SIGCHLD, true);
      view.setInt32(8, code, true);
      view.setInt32(16, awaited.pid, true);
      view.setInt32(20, awaited.process.place.credentials.user, true);
      view.setInt32(24, status, true);
    });
  if (usage !== 0n) putUsage(context, usage, usageOf(awaited.process));
  if (!(flags & WNOWAIT)) waitedFor(context, found);
  return 0n;
}

/** A child or traced thread whose state has changed. */
interface Found {
  readonly awaited: Awaited;
  readonly change: WaitStatus | JobChange | TraceChange;
}

/** Each change is reported once. */
function waitedFor({ system }: LinuxContext, { awaited, change }: Found): void {
  const { trace, process } = awaited;
  if (trace && change.kind === 'trapped') trace.untold = 0;
  else if (trace?.end) system.tracing.forget(trace);
  else system.waitedFor(process);
}

/** The change to report to a caller that waits with these flags. */
function changeOf({ process, trace, pid }: Awaited, flags: number): Found['change'] | undefined {
  const { status, change } = process.family;
  if (trace?.end) return flags & WEXITED ? trace.end : undefined;
  if (status && pid === process.pid) return flags & WEXITED ? status : undefined;
  if (trace && trace.untold !== 0 && !trace.listens) return { kind: 'trapped', code: trace.untold };
  if (!change || pid !== process.pid || (trace && change.kind === 'stopped')) return undefined;
  return flags & (change.kind === 'stopped' ? WUNTRACED : WCONTINUED) ? change : undefined;
}

/** The children of a process, oldest first, and then the threads that it traces, newest first. */
function awaitedOf(linux: LinuxProcess): Awaited[] {
  const { children, tracees } = linux.family;
  const ofProcess = ({ tid, process }: Trace): boolean => tid === process.pid && process.family.parentOf === linux;
  return [
    ...children.map((process) => {
      const trace = process.family.traces.find((each) => each.tracer === linux && each.tid === process.pid);
      return { pid: process.pid, process, trace };
    }),
    ...tracees.filter((trace) => !ofProcess(trace)).map((trace) => ({ pid: trace.tid, process: trace.process, trace })),
  ];
}

/** Whether a child has ended, but its tracer has not waited for it yet: until then, its parent cannot. */
function isHidden({ pid, process, trace }: Awaited): boolean {
  const { status, traces } = process.family;
  return status !== undefined && !trace && traces.some(({ tid }) => tid === pid);
}

/** The first selected child or thread with a change to report; if there is none, the result of the call. */
function findAwaited(context: LinuxContext, choice: Choice, flags: number): Found | CallResult {
  const { linux, pending } = context;
  // A process that has ended does not count unless the caller waits for ends.
  const candidates = awaitedOf(linux).filter(
    (awaited) => choice(awaited) && (flags & WEXITED || !(awaited.process.family.status ?? awaited.trace?.end)),
  );
  if (candidates.length === 0) return failed(ECHILD);
  for (const awaited of candidates) {
    const change = isHidden(awaited) ? undefined : changeOf(awaited, flags);
    if (change) return { awaited, change };
  }
  if (flags & WNOHANG) return 0n;
  pending.wait = { deadline: Infinity, for: { kind: 'child', number: linux.pid }, late: undefined };
  return PENDING;
}

export const WAIT_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 61, name: 'wait4', parameters: ['pid', 'status', 'options', 'usage'], perform: wait4 },
    ...{ state: 'part', differs: 'Of the resource usage, only the CPU times are filled in.' },
  },
  {
    ...{ number: 247, name: 'waitid', parameters: ['type', 'id', 'info', 'options', 'usage'], perform: waitid },
    ...{ state: 'part', differs: 'Of the resource usage, only the CPU times are filled in.' },
  },
];
