import type { LinuxCall } from '../../call.js';
import { EVENT_CALLS } from './event.js';
import { EVENT_FILE_CALLS } from './event-files.js';
import { NOTIFY_CALLS } from './notify.js';
import { PID_FILE_CALLS } from './pid-file.js';
import { POLL_CALLS } from './poll.js';
import { TIMER_CALLS } from './timer.js';

/** Calls that wait for something, or let something happen. */
export const EVENT_FAMILY: readonly LinuxCall[] = [
  ...EVENT_CALLS,
  ...EVENT_FILE_CALLS,
  ...NOTIFY_CALLS,
  ...PID_FILE_CALLS,
  ...POLL_CALLS,
  ...TIMER_CALLS,
];
