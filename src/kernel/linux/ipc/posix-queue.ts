import { schema, value } from '../../../state/schema.js';
import type { FileSystem } from '../files/file-system.js';
import type { FileTable } from '../files/file-table.js';
import type { SpecialFile } from '../files/tree/inode.js';
import type { LinuxProcess } from '../linux-process.js';
import { SLEEPER_FIELDS, Sleeper } from './sleeper.js';

/** Priorities lie below it: MQ_PRIO_MAX. */
export const PRIORITIES = 32_768;
/** Bytes that the kernel of Linux takes for a message, and for a priority: struct msg_msg and posix_msg_tree_node. */
const MESSAGE_HEADER_BYTES = 48;
const PRIORITY_BYTES = 48;

export interface PosixMessage {
  readonly priority: number;
  readonly bytes: Uint8Array;
}

/** How a process is notified that a message has come to an empty queue: mq_notify(3). */
export interface QueueNotification {
  /** The process, as closing descriptors ends the notification. */
  readonly files: FileTable;
  readonly process: LinuxProcess;
  /** Undefined: no notification. */
  readonly signal: number | undefined;
  readonly value: bigint;
}

/** A call that waits for a message, or for room for its own. */
export class QueueSleeper extends Sleeper {
  static readonly state = schema('queue sleeper', QueueSleeper, { ...SLEEPER_FIELDS, message: value });

  constructor(
    { number, deadline }: { readonly number: number; readonly deadline: number },
    queue: QueueSleeper[],
    /** What it sends, or what it was given. */
    public message: PosixMessage | undefined,
  ) {
    super(number, queue, deadline);
  }
}

/** A POSIX message queue: mq_overview(7), ipc/mqueue.c. */
export class PosixQueue {
  static readonly state = schema('posix queue', PosixQueue, {
    ...{ inode: value, creator: value, maxMessages: value, maxBytes: value, number: value },
    ...{ messages: value, receivers: value, senders: value, notification: value, opens: value },
  });

  /** The highest priority first, and of one priority the oldest. */
  readonly messages: PosixMessage[] = [];
  readonly receivers: QueueSleeper[] = [];
  readonly senders: QueueSleeper[] = [];
  notification: QueueNotification | undefined;
  /** Open files that stand for it. */
  opens = 0;

  constructor(
    readonly inode: SpecialFile,
    readonly creator: number,
    readonly maxMessages: number,
    /** Of a message. */
    readonly maxBytes: number,
    /** What is woken when messages come and go. */
    readonly number: number,
  ) {}

  /** What RLIMIT_MSGQUEUE counts. */
  get bytes(): number {
    return queueBytes(this.maxMessages, this.maxBytes);
  }

  get isFull(): boolean {
    return this.messages.length >= this.maxMessages;
  }

  /** Puts a message where there is room, or gives it to a call that waits. Returns whether the queue was empty and keeps it. */
  put(message: PosixMessage, files: FileSystem): boolean {
    const [receiver] = this.receivers;
    if (receiver) {
      receiver.message = message;
      receiver.finish(files, 0n);
      return false;
    }
    const behind = this.messages.findIndex(({ priority }) => priority < message.priority);
    this.messages.splice(behind < 0 ? this.messages.length : behind, 0, message);
    files.hostMemory.charge('message');
    files.hostMemory.charge('messageByte', message.bytes.length);
    files.wake(this.number);
    return this.messages.length === 1;
  }

  /** Takes the first message, of which there is one, and lets a call go on that waits for room. */
  take(files: FileSystem): PosixMessage {
    const message = this.messages.shift()!;
    release(message, files);
    const [sender] = this.senders;
    if (sender) {
      this.put(sender.message!, files);
      sender.finish(files, 0n);
    } else files.wake(this.number);
    return message;
  }

  /** It is gone, with its messages. */
  clear(files: FileSystem): void {
    for (const message of this.messages.splice(0)) release(message, files);
  }
}

function release({ bytes }: PosixMessage, { hostMemory }: FileSystem): void {
  hostMemory.release('message');
  hostMemory.release('messageByte', bytes.length);
}

/** What a queue of so many messages of so many bytes counts for: ipc/mqueue.c "mqueue_get_inode". */
export function queueBytes(maxMessages: number, maxBytes: number): number {
  const headers = maxMessages * MESSAGE_HEADER_BYTES + Math.min(maxMessages, PRIORITIES) * PRIORITY_BYTES;
  return maxMessages * maxBytes + headers;
}
