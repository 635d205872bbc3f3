/** System V semaphores: semget(2), semop(2), semctl(2). */
import type { CallResult } from '../../../calls/call.js';
import { HOST_BYTES } from '../../../host-memory.js';
import { deadlineTick } from '../../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { SETS_MAX } from '../../ipc/ipc.js';
import {
  SEMAPHORE_MAX,
  SEM_UNDO,
  SemaphoreSet,
  SemaphoreSleeper,
  type SemaphoreOperation,
} from '../../ipc/semaphore-set.js';
import { timespecAt } from '../../timespec.js';
import { bytesAt, putBytes, putFields, viewAt } from '../../user-data.js';
import {
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  PERMISSION_BYTES,
  READ,
  WRITE,
  objectOf,
  permissionsAt,
  put32s,
  put64s,
  putPermissions,
  requireOwner,
  requirePermission,
} from './objects.js';

const { E2BIG, EAGAIN, EFBIG, EINVAL, ENOMEM, ENOSPC, ERANGE } = LinuxErrno;

/* include/uapi/linux/sem.h */
const GETPID = 11;
const GETVAL = 12;
const GETALL = 13;
const GETNCNT = 14;
const GETZCNT = 15;
const SETVAL = 16;
const SETALL = 17;
const SEM_STAT = 18;
const SEM_INFO = 19;
const SEM_STAT_ANY = 20;
/** Semaphores of a set, and operations of a call. */
const SEMMSL = 32_000;
const SEMOPM = 500;
const SEMMNS = 1_024_000_000;
const OPERATION_BYTES = 6;
/** Bytes of a struct semid64_ds and seminfo. */
const STATUS_BYTES = 104;
const INFO_BYTES = 40;

function semget(context: LinuxContext, key: bigint, countArgument: bigint, flags: bigint): CallResult {
  const { hostMemory, system } = context;
  const count = signed32(countArgument);
  if (count < 0 || count > SEMMSL) return failed(EINVAL);
  const { semaphores: table } = system.ipc;
  return objectOf(context, table, { key: signed32(key), flags: signed32(flags) }, {
    check: (found) => count <= found.values.length,
    make: (ownership) => {
      if (count === 0) throw new LinuxError(EINVAL);
      table.requireRoom();
      if (!hostMemory.hasRoom(HOST_BYTES.ipcObject + count * HOST_BYTES.semaphore)) throw new LinuxError(ENOSPC);
      hostMemory.charge('semaphore', count);
      return new SemaphoreSet(ownership, system.ipc.now, count);
    },
  }); // prettier-ignore
}

function semtimedop(
  context: LinuxContext,
  id: bigint,
  address: bigint,
  countArgument: bigint,
  timeout: bigint,
): CallResult {
  const { linux, system, pending, now } = context;
  if (pending.work) return (pending.work as SemaphoreSleeper).goOn(context, EAGAIN);
  const time = timeout === 0n ? Infinity : timespecAt(context, timeout);
  const [number, count] = [signed32(id), Number(countArgument & 0xffff_ffffn)];
  if (count > SEMOPM) return failed(E2BIG);
  if (count < 1) return failed(EINVAL);
  const operations = operationsAt(context, address, count);
  if (number < 0 || time === undefined) return failed(EINVAL);
  const set = system.ipc.semaphores.get(number);
  if (operations.some(({ semaphore }) => semaphore >= set.values.length)) return failed(EFBIG);
  requirePermission(set, linux, operations.some(({ by }) => by !== 0) ? WRITE : READ);
  if (operations.some(({ flags }) => flags & SEM_UNDO)) requireUndo(context, set);
  const request = { operations, pid: linux.pid };
  const outcome = set.perform(request, system.ipc.now);
  if (typeof outcome === 'number') return failed(outcome);
  if (outcome === undefined) {
    set.update(system.fileSystem, system.ipc.now);
    return 0n;
  }
  const deadline = time === Infinity ? Infinity : deadlineTick(BigInt(now) + (time as bigint));
  const place = { number: system.fileSystem.takeNumber(), deadline };
  return new SemaphoreSleeper(place, set, request, outcome).goOn(context, EAGAIN);
}

/** A handler interrupts the wait, unless what it waited for was done. */
function interrupted({ pending }: LinuxContext): 'fail' | bigint {
  return (pending.work as SemaphoreSleeper | undefined)?.result ?? 'fail';
}

function operationsAt(context: LinuxContext, address: bigint, count: number): SemaphoreOperation[] {
  const view = viewAt(context, address, count * OPERATION_BYTES);
  return Array.from({ length: count }, (_, index) => ({
    semaphore: view.getUint16(index * OPERATION_BYTES, true),
    by: view.getInt16(index * OPERATION_BYTES + 2, true),
    flags: view.getUint16(index * OPERATION_BYTES + 4, true),
  }));
}

/** Lets a set keep what is undone when the caller ends. Throws ENOMEM. */
function requireUndo({ linux, hostMemory }: LinuxContext, { undos, values }: SemaphoreSet): void {
  if (undos.has(linux.pid)) return;
  if (!hostMemory.hasRoom(values.length * HOST_BYTES.semaphore)) throw new LinuxError(ENOMEM);
  hostMemory.charge('semaphore', values.length);
  undos.set(linux.pid, Array<number>(values.length).fill(0));
}

function semctl(
  context: LinuxContext,
  id: bigint,
  semaphoreArgument: bigint,
  commandArgument: bigint,
  argument: bigint,
): CallResult {
  const { linux, system } = context;
  const { semaphores } = system.ipc;
  const [number, semaphore, command] = [signed32(id), signed32(semaphoreArgument), signed32(commandArgument)];
  if (number < 0) return failed(EINVAL);
  switch (command) {
    case IPC_INFO:
    case SEM_INFO:
      return tellLimits(context, command, argument);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY: {
      const set = command === IPC_STAT ? semaphores.get(number) : semaphores.at(number);
      if (command !== SEM_STAT_ANY) requirePermission(set, linux, READ);
      putFields(context, argument, STATUS_BYTES, (view) => putSet(view, set));
      return command === IPC_STAT ? 0n : BigInt(set.id);
    }
    case GETALL:
    case SETALL:
      return transferAll(context, semaphores.get(number), command, argument);
    case GETPID:
    case GETVAL:
    case GETNCNT:
    case GETZCNT:
      return tell(context, semaphores.get(number), semaphore, command);
    case SETVAL:
      return setValue(context, number, semaphore, signed32(argument));
    case IPC_SET: {
      const { owner, group, mode } = permissionsAt(context, argument, STATUS_BYTES);
      const set = semaphores.get(number);
      requireOwner(set, linux);
      set.give(owner, group, mode, system.ipc.now);
      return 0n;
    }
    case IPC_RMID:
      return remove(context, semaphores.get(number));
    default:
      return failed(EINVAL);
  }
}

function tell({ linux }: LinuxContext, set: SemaphoreSet, semaphore: number, command: number): CallResult {
  requirePermission(set, linux, READ);
  if (semaphore < 0 || semaphore >= set.values.length) return failed(EINVAL);
  if (command === GETVAL) return BigInt(set.values[semaphore]!);
  if (command === GETPID) return BigInt(set.pids[semaphore]!);
  return BigInt(set.waiting(semaphore, command === GETZCNT));
}

function setValue(context: LinuxContext, id: number, semaphore: number, to: number): CallResult {
  const { linux, system } = context;
  if (to < 0 || to > SEMAPHORE_MAX) return failed(ERANGE);
  const set = system.ipc.semaphores.get(id);
  if (semaphore < 0 || semaphore >= set.values.length) return failed(EINVAL);
  requirePermission(set, linux, WRITE);
  set.set(semaphore, to, linux.pid);
  changed(context, set);
  return 0n;
}

/** GETALL and SETALL, of an array of unsigned short. */
function transferAll(context: LinuxContext, set: SemaphoreSet, command: number, address: bigint): CallResult {
  const { linux } = context;
  const { values } = set;
  requirePermission(set, linux, command === SETALL ? WRITE : READ);
  if (command === GETALL) {
    putBytes(context, address, new Uint8Array(Uint16Array.from(values).buffer));
    return 0n;
  }
  const given = new Uint16Array(bytesAt(context, address, values.length * 2).slice().buffer);
  if (given.some((each) => each > SEMAPHORE_MAX)) return failed(ERANGE);
  given.forEach((each, semaphore) => set.set(semaphore, each, linux.pid));
  changed(context, set);
  return 0n;
}

function changed({ system }: LinuxContext, set: SemaphoreSet): void {
  set.changedAt = system.ipc.now;
  set.update(system.fileSystem, system.ipc.now);
}

function remove({ linux, system, hostMemory }: LinuxContext, set: SemaphoreSet): CallResult {
  requireOwner(set, linux);
  set.end(system.fileSystem);
  hostMemory.release('semaphore', set.values.length * (1 + set.undos.size));
  system.ipc.semaphores.remove(set);
  return 0n;
}

function putSet(view: DataView, set: SemaphoreSet): void {
  putPermissions(view, set);
  put64s(view, PERMISSION_BYTES, [set.usedAt, 0, set.changedAt, 0, set.values.length]);
}

function tellLimits(context: LinuxContext, command: number, buffer: bigint): CallResult {
  const { semaphores } = context.system.ipc;
  const used = semaphores.all.reduce((sum, { values }) => sum + values.length, 0);
  const [size, most] = command === SEM_INFO ? [semaphores.size, used] : [20, SEMAPHORE_MAX];
  putFields(context, buffer, INFO_BYTES, (view) =>
    put32s(view, 0, [SEMMNS, SETS_MAX, SEMMNS, SEMMNS, SEMMSL, SEMOPM, SEMOPM, size, SEMAPHORE_MAX, most]),
  );
  return BigInt(semaphores.highest);
}

const whole = { state: 'whole', differs: '' } as const;

export const SEMAPHORE_CALLS: readonly LinuxCall[] = [
  { number: 64, name: 'semget', parameters: ['key', 'count', 'flags'], perform: semget, ...whole },
  {
    ...{ number: 65, name: 'semop', parameters: ['id', 'operations', 'count'], interrupted, ...whole },
    perform: (context, id, operations, count) => semtimedop(context, id!, operations!, count!, 0n),
  },
  { number: 66, name: 'semctl', parameters: ['id', 'semaphore', 'command', 'argument'], perform: semctl, ...whole },
  {
    ...{ number: 220, name: 'semtimedop', parameters: ['id', 'operations', 'count', 'timeout'] },
    ...{ perform: semtimedop, interrupted, ...whole },
  },
];
