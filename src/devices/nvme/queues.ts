import type { DirectMemory } from '../direct-access.js';
import { COMMAND_BYTES, COMPLETION_BYTES, readCommand, type Command } from './command.js';

/** A ring of entries in memory. All its fields are state. */
interface Queue {
  readonly base: number;
  /** Number of entries. */
  readonly size: number;
  head: number;
  tail: number;
}

/** Commands: the guest moves the tail. */
export interface SubmissionQueue extends Queue {
  readonly completions: number;
}

/** Completions: the guest moves the head. */
export interface CompletionQueue extends Queue {
  /** The phase tag of the entries of this round. */
  phase: 0 | 1;
  readonly interrupts: boolean;
}

export function submissionQueue(base: number, size: number, completions: number): SubmissionQueue {
  return { base, size, head: 0, tail: 0, completions };
}

export function completionQueue(base: number, size: number, interrupts: boolean): CompletionQueue {
  return { base, size, head: 0, tail: 0, phase: 1, interrupts };
}

export function isEmpty({ head, tail }: Queue): boolean {
  return head === tail;
}

export function isFull({ head, tail, size }: Queue): boolean {
  return (tail + 1) % size === head;
}

/** Takes the next command; undefined if the queue is not in RAM. */
export function takeCommand(queue: SubmissionQueue, memory: DirectMemory): Command | undefined {
  const bytes = memory.read(queue.base + queue.head * COMMAND_BYTES, COMMAND_BYTES);
  queue.head = (queue.head + 1) % queue.size;
  return bytes && readCommand(bytes);
}

/** A completion queue entry: NVM Express 1.4, 4.6. */
export interface Completion {
  readonly result: number;
  readonly status: number;
  readonly identifier: number;
  readonly queue: number;
  readonly queueHead: number;
}

/** Appends to a queue that is not full. */
export function complete(queue: CompletionQueue, memory: DirectMemory, completion: Completion): void {
  const view = new DataView(new ArrayBuffer(COMPLETION_BYTES));
  const { result, status, identifier, queueHead } = completion;
  view.setUint32(0, result, true);
  view.setUint16(8, queueHead, true);
  view.setUint16(10, completion.queue, true);
  view.setUint16(12, identifier, true);
  view.setUint16(14, (status << 1) | queue.phase, true);
  memory.write(queue.base + queue.tail * COMPLETION_BYTES, new Uint8Array(view.buffer));
  queue.tail = (queue.tail + 1) % queue.size;
  if (queue.tail === 0) queue.phase = queue.phase === 1 ? 0 : 1;
}
