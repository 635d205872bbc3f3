import type { CallResult } from '../../calls/call.js';
import { unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { textOfBytes } from '../files/byte-text.js';
import { NAME_MAX, O_LARGEFILE, O_RDWR, S_IFREG } from '../files/constants.js';
import type { OpenFile } from '../files/open/open-file.js';
import { openNamelessFile } from '../files/open/opening.js';
import { ALL_SEALS, F_SEAL_SEAL, F_SEAL_WRITE } from '../files/seals.js';
import { RegularFile } from '../files/tree/inode.js';

const { EBUSY, EFAULT, EINVAL, EPERM } = LinuxErrno;

/* include/uapi/linux/memfd.h */
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const MFD_EXEC = 16;

const NAME_PREFIX = 'memfd:';

/** A file in memory, without a name in any directory. */
function memfdCreate(context: LinuxContext, address: bigint, flagsArgument: bigint): CallResult {
  const flags = unsigned32(flagsArgument);
  if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)) return failed(EINVAL);
  if (flags & MFD_EXEC && flags & MFD_NOEXEC_SEAL) return failed(EINVAL);
  const name = context.memory.readString(address, NAME_MAX - NAME_PREFIX.length);
  if (name === undefined) return failed(EFAULT);
  if (name === 'too long') return failed(EINVAL);
  const { linux, system } = context;
  linux.files.free();
  const { user: owner, group } = linux.place.credentials;
  const mode = S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0o666 : 0o777);
  const { file, inode } = openNamelessFile(
    system.fileSystem,
    { mode, owner, group },
    { flags: O_RDWR | O_LARGEFILE, name: NAME_PREFIX + textOfBytes(name) },
  );
  inode.seals = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) ? 0 : F_SEAL_SEAL;
  return BigInt(linux.files.add(file, (flags & MFD_CLOEXEC) !== 0));
}

/** fcntl with F_GET_SEALS. */
export function seals({ inode }: OpenFile): CallResult {
  return inode instanceof RegularFile && inode.seals !== undefined ? BigInt(inode.seals) : failed(EINVAL);
}

/** fcntl with F_ADD_SEALS. */
export function addSeals(file: OpenFile, argument: bigint): CallResult {
  const added = unsigned32(argument);
  const { inode } = file;
  if (!file.isWritable) return failed(EPERM);
  if (!(inode instanceof RegularFile) || inode.seals === undefined || added & ~ALL_SEALS) return failed(EINVAL);
  if (inode.seals & F_SEAL_SEAL) return failed(EPERM);
  if (added & F_SEAL_WRITE && inode.content.isMappedToWrite) return failed(EBUSY);
  inode.seals |= added;
  return 0n;
}

export const MEMORY_FILE_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 319, name: 'memfd_create', parameters: ['name', 'flags'], perform: memfdCreate },
    ...{ state: 'part', differs: 'Without huge pages.' },
  },
];
