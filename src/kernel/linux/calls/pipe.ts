import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY, S_IFIFO } from '../files/constants.js';
import { OpenPipe, Pipe } from '../files/open/pipe.js';
import { FILE_SYSTEM, SpecialFile } from '../files/tree/inode.js';
import { located, putFields } from '../user-data.js';

const { EINVAL } = LinuxErrno;
/** The access that the inode of a pipe allows: only its owner. */
const PIPE_MODE = S_IFIFO | 0o600;

function pipe2(context: LinuxContext, address: bigint, flagsArgument: bigint): CallResult {
  const { linux, system } = context;
  const flags = signed32(flagsArgument);
  if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) return failed(EINVAL);
  located(context, address, 8, 'write');
  const { files } = linux;
  const first = files.free();
  files.free(first + 1);
  const { fileSystem } = system;
  const number = fileSystem.takeNumber();
  const { user: owner, group } = linux.place.credentials;
  const attributes = { mode: PIPE_MODE, owner, group, links: 1, time: fileSystem.now };
  const inode = new SpecialFile({ id: 0, number, fileSystem: FILE_SYSTEM.pipe }, attributes);
  const pipe = new Pipe(number);
  inode.pipe = pipe;
  const kept = flags & (O_NONBLOCK | O_DIRECT);
  const ends = [O_RDONLY, O_WRONLY].map((access) => {
    fileSystem.hold(inode);
    return files.add(new OpenPipe(inode, access | kept, pipe), (flags & O_CLOEXEC) !== 0);
  });
  return putFields(context, address, 8, (view) => ends.forEach((fd, index) => view.setInt32(index * 4, fd, true)));
}

function pipe(context: LinuxContext, address: bigint): CallResult {
  return pipe2(context, address, 0n);
}

const whole = { state: 'whole', differs: '' } as const;

export const PIPE_CALLS: readonly LinuxCall[] = [
  { number: 22, name: 'pipe', parameters: ['fds'], perform: pipe, ...whole },
  { number: 293, name: 'pipe2', parameters: ['fds', 'flags'], perform: pipe2, ...whole },
];
