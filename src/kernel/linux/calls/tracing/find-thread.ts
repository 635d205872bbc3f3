import type { Thread } from '../../../tasks/thread.js';
import type { LinuxContext } from '../../call.js';
import { TracedMemory } from '../../tracing/traced-memory.js';

/** The live thread with a number, in any process. */
export function findThread({ system }: Pick<LinuxContext, 'system'>, tid: number): Thread | undefined {
  const first = system.processes.get(tid)?.signals.process.threads.find(({ linux }) => linux!.tid === tid);
  if (first) return first;
  for (const { signals } of system.processes.values()) {
    const found = signals.process.threads.find(({ linux }) => linux!.tid === tid);
    if (found) return found;
  }
  return undefined;
}

/** The memory of the process of a thread. */
export function memoryOf({ space, kernel }: LinuxContext, { process }: Thread): TracedMemory {
  return new TracedMemory(space, kernel.memory, process);
}
