import type { LinuxCall } from '../../call.js';
import { MESSAGE_CALLS } from './message.js';
import { MESSAGES_CALLS } from './messages.js';
import { OPTION_CALLS } from './option.js';
import { SOCKET_CALLS } from './socket.js';

/** Calls for sockets. */
export const SOCKET_FAMILY: readonly LinuxCall[] = [
  ...SOCKET_CALLS,
  ...MESSAGE_CALLS,
  ...MESSAGES_CALLS,
  ...OPTION_CALLS,
];
