import type { LinuxCall } from '../../call.js';
import { MESSAGE_QUEUE_CALLS } from './message.js';
import { POSIX_QUEUE_CALLS } from './posix-queue.js';
import { SEMAPHORE_CALLS } from './semaphore.js';
import { SHARED_MEMORY_CALLS } from './shared-memory.js';

/** Calls for what processes share that have nothing else in common: sysvipc(7), mq_overview(7). */
export const IPC_FAMILY: readonly LinuxCall[] = [
  ...SHARED_MEMORY_CALLS,
  ...SEMAPHORE_CALLS,
  ...MESSAGE_QUEUE_CALLS,
  ...POSIX_QUEUE_CALLS,
];
