/** inotify(7): files that tell of what is done with other files. */
import type { CallResult } from '../../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, inodeAt, usableFileOf } from '../../files/arguments.js';
import { MAY_READ, O_CLOEXEC, O_NONBLOCK, O_RDONLY } from '../../files/constants.js';
import { requireAccess } from '../../files/credentials.js';
import { NotifyFile } from '../../files/notify/notify-file.js';
import {
  IN_ALL_EVENTS,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_ONESHOT,
  IN_Q_OVERFLOW,
} from '../../files/notify/watch.js';
import { isDirectory } from '../../files/tree/directory.js';
import { opened } from './event-files.js';

const { EEXIST, EINVAL, ENOTDIR } = LinuxErrno;

/* include/uapi/linux/inotify.h: what does not stay with a watch */
const IN_UNMOUNT = 0x2000;
const IN_ONLYDIR = 0x100_0000;
const IN_DONT_FOLLOW = 0x200_0000;
const IN_MASK_CREATE = 0x1000_0000;
const IN_MASK_ADD = 0x2000_0000;
const KEPT = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;
const KNOWN =
  KEPT |
  IN_UNMOUNT |
  IN_Q_OVERFLOW |
  IN_IGNORED |
  IN_ONLYDIR |
  IN_DONT_FOLLOW |
  IN_MASK_CREATE |
  IN_MASK_ADD |
  IN_ISDIR;

function init(context: LinuxContext, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(O_CLOEXEC | O_NONBLOCK)) return failed(EINVAL);
  const kept = O_RDONLY | (flags & O_NONBLOCK);
  return opened(context, flags, (inode, number) => new NotifyFile(inode, kept, number));
}

function addWatch(context: LinuxContext, fd: bigint, path: bigint, maskArgument: bigint): CallResult {
  const mask = unsigned32(maskArgument);
  if (mask & ~KNOWN || mask === 0) return failed(EINVAL);
  const file = usableFileOf(context, fd);
  if (mask & IN_MASK_ADD && mask & IN_MASK_CREATE) return failed(EINVAL);
  if (!(file instanceof NotifyFile)) return failed(EINVAL);
  const inode = inodeAt(context, BigInt(AT_FDCWD), path, mask & IN_DONT_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0);
  if (mask & IN_ONLYDIR && !isDirectory(inode)) return failed(ENOTDIR);
  requireAccess(inode, context.linux.place.credentials, MAY_READ);
  const known = file.watchOf(inode);
  if (!known) return BigInt(file.add(context.system.fileSystem, inode, mask & KEPT).number);
  if (mask & IN_MASK_CREATE) return failed(EEXIST);
  known.mask = mask & IN_MASK_ADD ? known.mask | (mask & KEPT) : mask & KEPT;
  return BigInt(known.number);
}

function removeWatch(context: LinuxContext, fd: bigint, number: bigint): CallResult {
  const file = usableFileOf(context, fd);
  if (!(file instanceof NotifyFile)) throw new LinuxError(EINVAL);
  const watch = file.watch(signed32(number));
  if (!watch) return failed(EINVAL);
  file.remove(context.system.fileSystem, watch);
  return 0n;
}

const part = {
  state: 'part',
  differs: 'Reading and writing tells of regular files and directories alone; execve tells nothing.',
} as const;

export const NOTIFY_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 253, name: 'inotify_init', parameters: [], state: 'whole', differs: '' },
    perform: (context) => init(context, 0n),
  },
  {
    ...{ number: 254, name: 'inotify_add_watch', parameters: ['fd', 'path', 'mask'] },
    ...{ perform: addWatch, ...part },
  },
  {
    ...{ number: 255, name: 'inotify_rm_watch', parameters: ['fd', 'watch'] },
    ...{ perform: removeWatch, state: 'whole', differs: '' },
  },
  {
    ...{ number: 294, name: 'inotify_init1', parameters: ['flags'] },
    ...{ perform: init, state: 'whole', differs: '' },
  },
];
