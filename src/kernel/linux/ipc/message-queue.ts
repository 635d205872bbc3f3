import { schema, value } from '../../../state/schema.js';
import { LinuxErrno, failed } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import { IPC_FIELDS, IpcObject, type IpcOwnership } from './ipc-object.js';
import { SLEEPER_FIELDS, Sleeper } from './sleeper.js';

/** Bytes that a queue holds at first, and what the administrator alone may pass: MSGMNB. */
export const QUEUE_BYTES = 16_384;

/** A message. */
export interface Message {
  /** Above 0. */
  readonly type: bigint;
  readonly bytes: Uint8Array;
}

/** Which message a receiver wants. */
export interface MessageWish {
  readonly kind: 'any' | 'equal' | 'other' | 'least' | 'number';
  /** The type; the highest one for 'least', and the place in the queue for 'number'. */
  readonly type: bigint;
}

/** A call that waits for a message. */
export class Receiver extends Sleeper {
  static readonly state = schema('message receiver', Receiver, {
    ...SLEEPER_FIELDS,
    ...{ wish: value, pid: value, most: value, message: value },
  });

  /** What it was given. */
  message: Message | undefined;

  constructor(
    number: number,
    queue: MessageQueue,
    readonly wish: MessageWish,
    readonly pid: number,
    /** Bytes that it takes; Infinity for one that takes a part. */
    readonly most: number,
  ) {
    super(number, queue.receivers, Infinity);
  }
}

/** A message queue: msgget(2). */
export class MessageQueue extends IpcObject {
  static readonly state = schema('message queue', MessageQueue, {
    ...IPC_FIELDS,
    ...{ messages: value, bytes: value, receivers: value, maxBytes: value, number: value },
    ...{ sender: value, receiver: value, sentAt: value, receivedAt: value },
  });

  /** Those that wait to be received. */
  readonly messages: Message[] = [];
  /** The sum of their lengths. */
  bytes = 0;
  readonly receivers: Receiver[] = [];
  maxBytes = QUEUE_BYTES;
  /** Pids of those that sent and received last, and when: seconds since 1970. */
  sender = 0;
  receiver = 0;
  sentAt = 0;
  receivedAt = 0;

  constructor(
    ownership: IpcOwnership,
    now: number,
    /** What senders wait for. */
    readonly number: number,
  ) {
    super(ownership, now);
  }

  hasRoom(length: number): boolean {
    return length + this.bytes <= this.maxBytes && this.messages.length + 1 <= this.maxBytes;
  }

  /** Gives a message to a call that waits for it. False where none does. ipc/msg.c "pipelined_send" */
  handOver(message: Message, files: FileSystem, now: number): boolean {
    for (const receiver of [...this.receivers]) {
      if (!isWished(message, receiver.wish)) continue;
      if (receiver.most < message.bytes.length) {
        receiver.finish(files, failed(LinuxErrno.E2BIG));
        continue;
      }
      receiver.message = message;
      this.receiver = receiver.pid;
      this.receivedAt = now;
      receiver.finish(files, 0n);
      return true;
    }
    return false;
  }

  /** The message that a receiver gets; undefined for none. */
  find(wish: MessageWish): Message | undefined {
    if (wish.kind === 'number') return this.messages[Number(wish.type)];
    if (wish.kind !== 'least') return this.messages.find((message) => isWished(message, wish));
    let best: Message | undefined;
    for (const each of this.messages) if (isWished(each, wish) && (!best || each.type < best.type)) best = each;
    return best;
  }

  put(message: Message): void {
    this.messages.push(message);
    this.bytes += message.bytes.length;
  }

  take(message: Message): void {
    this.bytes -= message.bytes.length;
    this.messages.splice(this.messages.indexOf(message), 1);
  }

  /** It is removed: all waiting calls fail. */
  end(files: FileSystem): void {
    for (const receiver of [...this.receivers]) receiver.finish(files, failed(LinuxErrno.EIDRM));
    files.wake(this.number);
  }
}

function isWished({ type }: Message, { kind, type: wished }: MessageWish): boolean {
  switch (kind) {
    case 'equal':
      return type === wished;
    case 'other':
      return type !== wished;
    case 'least':
      return type <= wished;
    default:
      return true;
  }
}
