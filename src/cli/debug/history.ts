import { attachTimeline, type Computer, type Timeline } from '../../index.js';
import type { DebugRequest } from './debug-options.js';

/** The history of a debugged run. */
export function timelineOf(computer: Computer, { history }: DebugRequest['options']): Timeline {
  const now = (): number => performance.now();
  return attachTimeline(computer, { now, ...(history !== undefined && { historyBytes: history }) });
}
