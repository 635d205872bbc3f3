import type { AddressRange } from '../../mmu/fence.js';
import type { DebugStop, FoundStore } from './debugged-machine.js';

/** The last store of a stop that touches a range of linear or of physical addresses; places count from its start. */
export function lastWrite(stop: DebugStop, range: AddressRange, space: 'linear' | 'physical'): FoundStore | undefined {
  if (stop.kind !== 'data') return undefined;
  const isPhysical = space === 'physical';
  const stores = stop.accesses.filter(
    ({ access, start, end, ...other }) =>
      access === 'write' && other.isPhysical === isPhysical && start < range.end && end > range.start,
  );
  const found = stores.at(-1);
  if (!found) return undefined;
  const start = Math.max(found.start, range.start) - range.start;
  const end = Math.min(found.end, range.end) - range.start;
  return { start, end, thread: stop.thread, isByKernel: found.tid !== undefined };
}
