import { OutOfFramesError } from '../../../vmo/errors.js';
import { PENDING, type CallResult } from '../../calls/call.js';
import { HOST_BYTES, HostMemoryError } from '../../host-memory.js';
import { KernelError } from '../../errors.js';
import { forkMemory } from '../../memory/fork.js';
import type { Region } from '../../memory/region.js';
import { unload } from '../../memory/unload.js';
import type { Process } from '../../tasks/process.js';
import type { Thread } from '../../tasks/thread.js';
import type { LinuxContext } from '../call.js';
import type { Steps } from '../../../vmo/steps.js';
import { standing } from '../calls/in-steps.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { LinuxThread } from '../linux-thread.js';
import type { LinuxProcess } from '../linux-process.js';
import { placeHome } from '../program/linux-layout.js';
import { located, put32 } from '../user-data.js';
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_NEW,
  CLONE_OF_THREADS,
  CLONE_PARENT_SETTID,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
} from './clone-flags.js';
import { begin, movedTo, newProcess } from './child.js';
import { sightOf } from './sight.js';

/** Processes and threads of Linux that there may be at once. */
const TASKS_MAX = 4096;

/** What clone is asked for. */
export interface CloneRequest {
  readonly flags: number;
  /** Of a child with memory of its own, or of a thread: where its stack pointer is to be; 0: where that of the caller is. */
  readonly stack: bigint;
  /** Where the parent finds the number of the child, and where the child does. */
  readonly parentTid: bigint;
  readonly childTid: bigint;
  readonly threadPointer: bigint;
  /** The signal that the parent gets when the child ends. */
  readonly exitSignal: number;
}

/** A further thread, or a child. Answers its number. */
export function clone(context: LinuxContext, request: CloneRequest): CallResult {
  const { flags } = request;
  const { system, pending } = context;
  if (flags & CLONE_NEW) return failed(LinuxErrno.EPERM);
  if (flags & CLONE_THREAD && (flags & CLONE_OF_THREADS) !== CLONE_OF_THREADS) return failed(LinuxErrno.EINVAL);
  if (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) return failed(LinuxErrno.EINVAL);
  // A parent that waits for its child with its memory makes the call again when that has left it.
  if (pending.progress > 0) {
    system.tracing.vforkDone(context.thread, pending.progress);
    return BigInt(pending.progress);
  }
  const putOff = system.tracing.putsOff(context.thread);
  if (putOff !== undefined) return putOff;
  if (system.tasks >= TASKS_MAX || !context.hostMemory.hasRoom(HOST_BYTES.process + HOST_BYTES.thread))
    return failed(LinuxErrno.EAGAIN);
  if (flags & CLONE_PARENT_SETTID) located(context, request.parentTid, 4, 'write');
  if (flags & CLONE_THREAD) return addThread(context, request);
  return flags & CLONE_VM ? share(context, request) : standing(context, () => fork(context, request));
}

function addThread(context: LinuxContext, request: CloneRequest): CallResult {
  const { kernel, thread, process, system } = context;
  const child = kernel.forkThread(thread, process, thread.stack, () => begin(context, request));
  child.linux = new LinuxThread(system.takePid());
  child.linux.inherit(thread.linux!);
  child.linux.signals.inherit(thread.linux!.signals, false);
  return begun(context, request, child);
}

/** A child in the memory of its parent: CLONE_VM without CLONE_THREAD, with which posix_spawn and vfork begin. */
function share(context: LinuxContext, request: CloneRequest): CallResult {
  const { process, linux, kernel } = context;
  const region = process.region;
  const child = newProcess(context, { ...process.description, parent: process.pid });
  region.users++;
  if (process.view) process.view.users++;
  child.view = process.view;
  const thread = takeUp(context, request, child, linux.memory);
  if (request.flags & CLONE_VFORK) {
    child.linux!.family.vforkOf = linux;
    context.pending.progress = thread.linux!.tid;
    context.pending.wait = {
      deadline: Infinity,
      for: { kind: 'vfork', number: thread.linux!.tid },
      late: undefined,
      isFirm: true,
    };
    kernel.runNext(thread);
    return PENDING;
  }
  return BigInt(thread.linux!.tid);
}

/** A child with a copy of the memory of its parent, at the same addresses. */
function* fork(context: LinuxContext, request: CloneRequest): Steps<bigint, number> {
  const { linux, space } = context;
  let home: Region | undefined;
  let answer: bigint | undefined;
  try {
    home = placeHome(space, linux.memory.region.size);
    for (const _ of forkMemory(context, linux.memory.region, home)) yield 0;
    return (answer = forked(context, request, home));
  } catch (error) {
    if (error instanceof OutOfFramesError || error instanceof HostMemoryError) return failed(LinuxErrno.ENOMEM);
    if (error instanceof KernelError) return failed(LinuxErrno.EAGAIN);
    throw error;
  } finally {
    if (home && answer === undefined) unload(context, home);
  }
}

function forked(context: LinuxContext, request: CloneRequest, home: Region): bigint {
  const { process, linux, kernel, pager } = context;
  const memory = linux.memory.movedTo(home);
  const view = sightOf(pager.pageTable, memory);
  const child = newProcess(context, movedTo(process.description, home, process.pid, context.now));
  child.view = view;
  const thread = takeUp(context, request, child, memory);
  context.system.ipc.forked(linux);
  kernel.runNext(thread);
  return BigInt(thread.linux!.tid);
}

function takeUp(context: LinuxContext, request: CloneRequest, child: Process, memory: LinuxProcess['memory']): Thread {
  const { kernel, thread, linux, system } = context;
  const pid = system.takePid();
  const { flags } = request;
  child.linux = linux.fork(
    pid,
    linux.signals.forked(child, system.fileSystem.takeNumber(), (flags & CLONE_SIGHAND) !== 0),
    memory,
    request.exitSignal,
  );
  system.processes.set(pid, child.linux);
  const first = kernel.forkThread(thread, child, child.description.mainStack, () => begin(context, request));
  first.linux = new LinuxThread(pid);
  first.linux.inherit(thread.linux!);
  first.linux.signals.inherit(thread.linux!.signals, (flags & (CLONE_VM | CLONE_VFORK)) !== CLONE_VM);
  begun({ ...context, process: child, memory: context.memory }, request, first);
  return first;
}

function begun(context: LinuxContext, request: CloneRequest, child: Thread): bigint {
  const { flags, parentTid, childTid } = request;
  const linux = child.linux!;
  if (flags & CLONE_CHILD_CLEARTID) linux.clearTid = childTid;
  if (flags & CLONE_PARENT_SETTID) put32(context, parentTid, linux.tid);
  if (flags & CLONE_CHILD_SETTID) putForChild(context, child, childTid, linux.tid);
  context.system.tracing.cloned(context.thread, child, flags, request.exitSignal);
  return BigInt(linux.tid);
}

/** As Linux does, without an error where the address is no good. */
function putForChild(context: LinuxContext, child: Thread, address: bigint, tid: number): void {
  try {
    put32({ ...context, memory: context.memory.seenIn(child.process.view) }, address, tid);
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
  }
}

/** A process does without the memory of its parent from now on: that goes on. */
export function leaveParent({ kernel }: Pick<LinuxContext, 'kernel'>, { family, pid }: LinuxProcess): void {
  if (!family.vforkOf) return;
  family.vforkOf = undefined;
  kernel.wakeAgain({ kind: 'vfork', number: pid });
}
