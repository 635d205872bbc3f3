import type { LinuxCall } from './call.js';
import type { LinuxCallTable } from './call-table.js';

let calls: ReadonlyMap<number, LinuxCall> | undefined;

/** The calls of Linux, loaded when a process needs them: the build of the page puts this in the place of calls-at-hand.ts. */
export const linuxCalls: LinuxCallTable = {
  get calls() {
    return calls;
  },
  load: async () => {
    const { LINUX_CALLS } = await import('./calls/index.js');
    calls ??= new Map(LINUX_CALLS.map((call) => [call.number, call]));
  },
};
