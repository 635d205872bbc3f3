import type { LinuxCall } from '../call.js';
import { EVENT_FAMILY } from './events/index.js';
import { FILE_FAMILY } from './file-family.js';
import { FUTEX_CALLS } from './futex.js';
import { IDENTITY_CALLS } from './identity.js';
import { MEMORY_CALLS } from './memory.js';
import { PROCESS_CALLS } from './process.js';
import { REFUSED_CALLS } from './refused.js';
import { SCHEDULING_CALLS } from './scheduling.js';
import { SIGNAL_CALLS } from './signal.js';
import { SYSTEM_CALLS } from './system.js';
import { THREAD_CALLS } from './thread.js';
import { TERMINAL_CALLS } from './terminal.js';
import { TIME_CALLS } from './time.js';
import { IPC_FAMILY } from './ipc/index.js';
import { TRACING_FAMILY } from './tracing/index.js';
import { SOCKET_FAMILY } from './sockets/index.js';

/** All system calls of Linux that there are, ascending; any other number answers ENOSYS. */
export const LINUX_CALLS: readonly LinuxCall[] = [
  ...FILE_FAMILY,
  ...FUTEX_CALLS,
  ...IDENTITY_CALLS,
  ...EVENT_FAMILY,
  ...MEMORY_CALLS,
  ...PROCESS_CALLS,
  ...REFUSED_CALLS,
  ...SCHEDULING_CALLS,
  ...SIGNAL_CALLS,
  ...SYSTEM_CALLS,
  ...THREAD_CALLS,
  ...TERMINAL_CALLS,
  ...TIME_CALLS,
  ...TRACING_FAMILY,
  ...SOCKET_FAMILY,
  ...IPC_FAMILY,
].sort((a, b) => a.number - b.number);
