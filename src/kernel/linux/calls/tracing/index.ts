import type { LinuxCall } from '../../call.js';
import { PROCESS_MEMORY_CALLS } from './process-memory.js';
import { PTRACE_CALLS } from './ptrace.js';

/** Calls by which a process inspects or controls another one. */
export const TRACING_FAMILY: readonly LinuxCall[] = [...PROCESS_MEMORY_CALLS, ...PTRACE_CALLS];
