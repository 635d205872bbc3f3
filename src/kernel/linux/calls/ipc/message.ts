/** System V message queues: msgget(2), msgop(2), msgctl(2). */
import { PENDING, type CallResult } from '../../../calls/call.js';
import { HOST_BYTES } from '../../../host-memory.js';
import { schema, value } from '../../../../state/schema.js';
import type { CallWork } from '../../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { CAP_SYS_RESOURCE, isCapable } from '../../files/credentials.js';
import { QUEUES_MAX } from '../../ipc/ipc.js';
import { MessageQueue, QUEUE_BYTES, Receiver, type Message, type MessageWish } from '../../ipc/message-queue.js';
import { bytesAt, putBytes, putFields, viewAt } from '../../user-data.js';
import {
  IPC_INFO,
  IPC_NOWAIT,
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

const { E2BIG, EAGAIN, EIDRM, EINVAL, ENOMEM, ENOMSG, EPERM } = LinuxErrno;

/* include/uapi/linux/msg.h */
const MSG_NOERROR = 0o10000;
const MSG_EXCEPT = 0o20000;
const MSG_COPY = 0o40000;
const MSG_STAT = 11;
const MSG_INFO = 12;
const MSG_STAT_ANY = 13;
/** Bytes of a message: MSGMAX. */
const MESSAGE_BYTES_MAX = 8192n;
const TYPE_BYTES = 8;
/** Bytes of a struct msqid64_ds and msginfo. */
const STATUS_BYTES = 120;
const INFO_BYTES = 32;
const HIGHEST_TYPE = 2n ** 63n - 1n;

/** What msgsnd(2) has in hand while there is no room for its message. */
class Sending implements CallWork {
  static readonly state = schema('message on its way', Sending, { message: value });

  constructor(readonly message: Message) {}

  close(): void {}
}

function msgget(context: LinuxContext, key: bigint, flags: bigint): CallResult {
  const { ipc, fileSystem } = context.system;
  return objectOf(context, ipc.queues, { key: signed32(key), flags: signed32(flags) }, {
    check: () => true,
    make: (ownership) => {
      ipc.queues.requireRoom();
      return new MessageQueue(ownership, ipc.now, fileSystem.takeNumber());
    },
  }); // prettier-ignore
}

function msgsnd(context: LinuxContext, id: bigint, address: bigint, length: bigint, flags: bigint): CallResult {
  const { linux, system, pending, hostMemory } = context;
  const known = pending.work as Sending | undefined;
  const message = known?.message ?? messageAt(context, address, length, signed32(id));
  const queue = known ? queueAfterWait(context, id) : system.ipc.queues.get(signed32(id));
  requirePermission(queue, linux, WRITE);
  const { bytes } = message;
  if (!queue.hasRoom(bytes.length)) {
    if (signed32(flags) & IPC_NOWAIT) return failed(EAGAIN);
    pending.work ??= new Sending(message);
    pending.wait = { deadline: Infinity, for: { kind: 'file', number: queue.number }, late: undefined };
    return PENDING;
  }
  const { fileSystem, ipc } = system;
  if (!hostMemory.hasRoom(HOST_BYTES.message + bytes.length * HOST_BYTES.messageByte)) return failed(ENOMEM);
  queue.sender = linux.pid;
  queue.sentAt = ipc.now;
  if (queue.handOver(message, fileSystem, ipc.now)) return 0n;
  queue.put(message);
  hostMemory.charge('message');
  hostMemory.charge('messageByte', bytes.length);
  return 0n;
}

/** A queue that a call has waited for. Throws EIDRM where it was removed. */
function queueAfterWait({ system }: LinuxContext, id: bigint): MessageQueue {
  const found = system.ipc.queues.all.find((queue) => queue.id === signed32(id));
  if (!found) throw new LinuxError(EIDRM);
  return found;
}

/** The message at an address. Throws EFAULT, EINVAL. */
function messageAt(context: LinuxContext, address: bigint, length: bigint, id: number): Message {
  const type = viewAt(context, address, TYPE_BYTES).getBigInt64(0, true);
  if (length > MESSAGE_BYTES_MAX || id < 0 || type < 1n) throw new LinuxError(EINVAL);
  return { type, bytes: bytesAt(context, address + BigInt(TYPE_BYTES), Number(length)) };
}

function msgrcv(
  context: LinuxContext,
  id: bigint,
  address: bigint,
  length: bigint,
  type: bigint,
  flagsArgument: bigint,
): CallResult {
  const { linux, system, pending, hostMemory } = context;
  const { ipc, fileSystem } = system;
  const known = pending.work as Receiver | undefined;
  if (known) return received(context, known, address, length);
  const flags = signed32(flagsArgument);
  if (signed32(id) < 0 || BigInt.asIntN(64, length) < 0n) return failed(EINVAL);
  if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT))) return failed(EINVAL);
  const wish = wishOf(BigInt.asIntN(64, type), flags);
  const queue = ipc.queues.get(signed32(id));
  requirePermission(queue, linux, READ);
  const message = queue.find(wish);
  if (!message) {
    if (flags & IPC_NOWAIT) return failed(ENOMSG);
    const most = flags & MSG_NOERROR ? Infinity : Number(length);
    return received(context, new Receiver(fileSystem.takeNumber(), queue, wish, linux.pid, most), address, length);
  }
  const { bytes } = message;
  if (bytes.length > Number(length) && !(flags & MSG_NOERROR)) return failed(E2BIG);
  if (!(flags & MSG_COPY)) {
    queue.take(message);
    queue.receiver = linux.pid;
    queue.receivedAt = ipc.now;
    hostMemory.release('message');
    hostMemory.release('messageByte', bytes.length);
    fileSystem.wake(queue.number);
  }
  return give(context, message, address, length);
}

/** Goes on with a call that waits for a message. */
function received(context: LinuxContext, receiver: Receiver, address: bigint, length: bigint): CallResult {
  const result = receiver.goOn(context, ENOMSG);
  return result === 0n ? give(context, receiver.message!, address, length) : result;
}

/** Stores a message, or as much of it as there is room for. */
function give(context: LinuxContext, { type, bytes }: Message, address: bigint, length: bigint): bigint {
  putFields(context, address, TYPE_BYTES, (view) => view.setBigInt64(0, type, true));
  const given = bytes.subarray(0, Math.min(bytes.length, Number(length)));
  putBytes(context, address + BigInt(TYPE_BYTES), given);
  return BigInt(given.length);
}

/** A handler interrupts the wait, unless a message has come. */
const interruptedReceive: LinuxCall['interrupted'] = (context, _id, address, length) => {
  const receiver = context.pending.work as Receiver | undefined;
  if (receiver?.result === undefined) return 'no restart';
  return receiver.result === 0n ? give(context, receiver.message!, address!, length!) : receiver.result;
};

/** ipc/msg.c "convert_mode" */
function wishOf(type: bigint, flags: number): MessageWish {
  if (flags & MSG_COPY) return { kind: 'number', type };
  if (type === 0n) return { kind: 'any', type };
  if (type < 0n) return { kind: 'least', type: -type > HIGHEST_TYPE ? HIGHEST_TYPE : -type };
  return { kind: flags & MSG_EXCEPT ? 'other' : 'equal', type };
}

function msgctl(context: LinuxContext, id: bigint, commandArgument: bigint, buffer: bigint): CallResult {
  const { linux, system } = context;
  const { queues } = system.ipc;
  const [number, command] = [signed32(id), signed32(commandArgument)];
  if (number < 0 || command < 0) return failed(EINVAL);
  switch (command) {
    case IPC_INFO:
    case MSG_INFO:
      return tellLimits(context, command, buffer);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY: {
      const queue = command === IPC_STAT ? queues.get(number) : queues.at(number);
      if (command !== MSG_STAT_ANY) requirePermission(queue, linux, READ);
      putFields(context, buffer, STATUS_BYTES, (view) => putQueue(view, queue));
      return command === IPC_STAT ? 0n : BigInt(queue.id);
    }
    case IPC_SET:
      return change(context, number, buffer);
    case IPC_RMID:
      return remove(context, queues.get(number));
    default:
      return failed(EINVAL);
  }
}

function change(context: LinuxContext, id: number, buffer: bigint): CallResult {
  const { linux, system } = context;
  const { owner, group, mode, view } = permissionsAt(context, buffer, STATUS_BYTES);
  const bytes = view.getBigUint64(88, true);
  const queue = system.ipc.queues.get(id);
  requireOwner(queue, linux);
  if (bytes > BigInt(QUEUE_BYTES) && !isCapable(linux.place.credentials, CAP_SYS_RESOURCE)) return failed(EPERM);
  queue.maxBytes = Number(bytes);
  queue.give(owner, group, mode, system.ipc.now);
  system.fileSystem.wake(queue.number);
  return 0n;
}

function remove({ linux, system, hostMemory }: LinuxContext, queue: MessageQueue): CallResult {
  requireOwner(queue, linux);
  hostMemory.release('message', queue.messages.length);
  hostMemory.release('messageByte', queue.bytes);
  system.ipc.queues.remove(queue);
  queue.end(system.fileSystem);
  return 0n;
}

function putQueue(view: DataView, queue: MessageQueue): void {
  const { sentAt, receivedAt, changedAt, bytes, messages, maxBytes, sender, receiver } = queue;
  putPermissions(view, queue);
  put64s(view, PERMISSION_BYTES, [sentAt, receivedAt, changedAt, bytes, messages.length, maxBytes]);
  put32s(view, PERMISSION_BYTES + 48, [sender, receiver]);
}

function tellLimits(context: LinuxContext, command: number, buffer: bigint): CallResult {
  const { queues } = context.system.ipc;
  const isUsage = command === MSG_INFO;
  const messages = queues.all.reduce((sum, queue) => sum + queue.messages.length, 0);
  const bytes = queues.all.reduce((sum, queue) => sum + queue.bytes, 0);
  // What Linux does not use any more: include/uapi/linux/msg.h "MSGPOOL", "MSGMAP", "MSGTQL", "MSGSSZ", "MSGSEG".
  const [pool, map, total] = isUsage
    ? [queues.size, messages, bytes]
    : [(QUEUES_MAX * QUEUE_BYTES) / 1024, QUEUE_BYTES, QUEUE_BYTES];
  putFields(context, buffer, INFO_BYTES, (view) => {
    put32s(view, 0, [pool, map, Number(MESSAGE_BYTES_MAX), QUEUE_BYTES, QUEUES_MAX, 16, total]);
    view.setUint16(28, 0xffff, true);
  });
  return BigInt(queues.highest);
}

const whole = { state: 'whole', differs: '' } as const;

export const MESSAGE_QUEUE_CALLS: readonly LinuxCall[] = [
  { number: 68, name: 'msgget', parameters: ['key', 'flags'], perform: msgget, ...whole },
  {
    ...{ number: 69, name: 'msgsnd', parameters: ['id', 'message', 'length', 'flags'] },
    ...{ perform: msgsnd, interrupted: 'no restart', ...whole },
  },
  {
    ...{ number: 70, name: 'msgrcv', parameters: ['id', 'message', 'length', 'type', 'flags'] },
    ...{ perform: msgrcv, interrupted: interruptedReceive, ...whole },
  },
  { number: 71, name: 'msgctl', parameters: ['id', 'command', 'buffer'], perform: msgctl, ...whole },
];
