import type { KernelCall } from './call.js';
import { CONSOLE_CALLS } from './console.js';
import { DEBUG_CALLS } from './debug.js';
import { MEMORY_CALLS } from './memory.js';
import { NAME_CALLS } from './name.js';
import { PROCESS_CALLS } from './process.js';
import { THREAD_CALLS } from './thread.js';
import { TIME_CALLS } from './time.js';
import { VMO_DELTA_CALLS } from './vmo-delta.js';
import { VMO_MEMORY_CALLS } from './vmo-memory.js';
import { VMO_CALLS } from './vmo.js';
import { WORD_CALLS } from './word.js';

/** All kernel-calls; any other number returns ENOSYS. */
export const KERNEL_CALLS: readonly KernelCall[] = [
  ...PROCESS_CALLS,
  ...THREAD_CALLS,
  ...TIME_CALLS,
  ...MEMORY_CALLS,
  ...CONSOLE_CALLS,
  ...WORD_CALLS,
  ...VMO_CALLS,
  ...VMO_DELTA_CALLS,
  ...VMO_MEMORY_CALLS,
  ...NAME_CALLS,
  ...DEBUG_CALLS,
].sort((a, b) => a.number - b.number);
