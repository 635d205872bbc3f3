import type { LinuxCallTable } from './call-table.js';
import { LINUX_CALLS } from './calls/index.js';

/** The calls of Linux, loaded together with the kernel. */
export const linuxCalls: LinuxCallTable = {
  calls: new Map(LINUX_CALLS.map((call) => [call.number, call])),
  load: () => Promise.resolve(),
};
