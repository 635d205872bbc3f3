import type { KernelCall } from './call.js';
import { CONSOLE_CALLS } from './console.js';
import { MEMORY_CALLS } from './memory.js';
import { PROCESS_CALLS } from './process.js';
import { TIME_CALLS } from './time.js';

/** All kernel-calls there are; any other number answers ENOSYS. */
export const KERNEL_CALLS: readonly KernelCall[] = [...PROCESS_CALLS, ...MEMORY_CALLS, ...CONSOLE_CALLS, ...TIME_CALLS];
