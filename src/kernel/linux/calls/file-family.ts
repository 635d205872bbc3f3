import type { LinuxCall } from '../call.js';
import { ATTRIBUTE_CALLS } from './attributes.js';
import { DESCRIPTOR_CALLS } from './descriptor.js';
import { DIRECTORY_CALLS } from './directory.js';
import { EXTENDED_ATTRIBUTE_CALLS } from './extended-attributes.js';
import { LOCK_CALLS } from './lock.js';
import { PATH_CALLS } from './path.js';
import { SPLICE_CALLS } from './splice.js';
import { STATUS_CALLS } from './status.js';
import { TRANSFER_CALLS } from './transfer.js';
import { PIPE_CALLS } from './pipe.js';

/** Calls for files, their names, and what they hold. */
export const FILE_FAMILY: readonly LinuxCall[] = [
  ...ATTRIBUTE_CALLS,
  ...DESCRIPTOR_CALLS,
  ...DIRECTORY_CALLS,
  ...EXTENDED_ATTRIBUTE_CALLS,
  ...LOCK_CALLS,
  ...PATH_CALLS,
  ...SPLICE_CALLS,
  ...STATUS_CALLS,
  ...TRANSFER_CALLS,
  ...PIPE_CALLS,
];
