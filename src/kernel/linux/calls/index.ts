import type { LinuxCall } from '../call.js';
import { CONSOLE_CALLS } from './console.js';
import { MEMORY_CALLS } from './memory.js';
import { PROCESS_CALLS } from './process.js';
import { SYSTEM_CALLS } from './system.js';
import { THREAD_CALLS } from './thread.js';
import { TIME_CALLS } from './time.js';

/** All system calls of Linux that there are, ascending; any other number answers ENOSYS. */
export const LINUX_CALLS: readonly LinuxCall[] = [
  ...CONSOLE_CALLS,
  ...MEMORY_CALLS,
  ...PROCESS_CALLS,
  ...SYSTEM_CALLS,
  ...THREAD_CALLS,
  ...TIME_CALLS,
].sort((a, b) => a.number - b.number);
