import { byteString, cut, littleEndian, parseCount, textOfHex } from '../byte-strings.js';
import type { RemoteFiles } from '../remote-files.js';
import { UNSUPPORTED } from '../replies.js';
import { DATA_BYTES_MAX, type PacketTable } from './packet-handler.js';

/** Errors of "File-I/O" in the manual of gdb, appendix "Remote Protocol", in hexadecimal. */
const FAILURE = { noEntry: 'F-1,2', badDescriptor: 'F-1,9', invalid: 'F-1,16', readOnly: 'F-1,1e' } as const;
const DONE = 'F0';

/** O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC and O_EXCL there. */
const WRITING_FLAGS = 0x1 | 0x2 | 0x8 | 0x200 | 0x400 | 0x800;
const REGULAR_READABLE = 0o100555;
const BLOCK_BYTES = 512;
/** gdb keeps what it has read of a file as long as number, length and time are the same. */
const INODE_DIGITS = 8;

/** Operations on the files that a debugger can read. */
const OPERATIONS: Readonly<Record<string, (files: RemoteFiles, rest: string) => string>> = {
  setfs: () => DONE,
  open: (files, rest) => {
    const [name, flags] = rest.split(',');
    const [path, flagBits] = [textOfHex(name!), parseCount(flags)];
    if (path === undefined || flagBits === undefined) return FAILURE.invalid;
    if ((flagBits & WRITING_FLAGS) !== 0) return FAILURE.readOnly;
    const descriptor = files.openFile(path);
    return descriptor === undefined ? FAILURE.noEntry : `F${descriptor.toString(16)}`;
  },
  close: (files, rest) => (files.close(parseCount(rest) ?? -1) ? DONE : FAILURE.badDescriptor),
  pread: (files, rest) => {
    const [descriptor, count, offset] = rest.split(',').map(parseCount);
    if (count === undefined || offset === undefined) return FAILURE.invalid;
    const file = files.find(descriptor ?? -1);
    if (!file) return FAILURE.badDescriptor;
    const bytes = file.bytes.subarray(offset, offset + Math.min(count, DATA_BYTES_MAX));
    return attachment(bytes);
  },
  fstat: (files, rest) => {
    const file = files.find(parseCount(rest) ?? -1);
    return file ? attachment(fileStatus(file.imageId, file.bytes.length)) : FAILURE.badDescriptor;
  },
  pwrite: () => FAILURE.badDescriptor,
  unlink: () => FAILURE.readOnly,
  readlink: () => FAILURE.invalid,
};

export const FILE_PACKETS: PacketTable = {
  vFile: ({ state }, rest) => {
    const [operation, parameters] = cut(rest, ':');
    const handle = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined;
    return handle ? handle(state.loaded.files, parameters ?? '') : UNSUPPORTED;
  },
};

function attachment(bytes: Uint8Array): string {
  return `F${bytes.length.toString(16)};${byteString(bytes)}`;
}

/** `struct stat` of the protocol, its numbers with the highest byte first. */
function fileStatus(imageId: string, length: number): Uint8Array {
  const fields: readonly [value: number, lengthBytes: number][] = [
    [0, 4], // st_dev
    [Number.parseInt(imageId.slice(0, INODE_DIGITS), 16), 4], // st_ino
    [REGULAR_READABLE, 4], // st_mode
    [1, 4], // st_nlink
    [0, 4], // st_uid
    [0, 4], // st_gid
    [0, 4], // st_rdev
    [length, 8], // st_size
    [BLOCK_BYTES, 8], // st_blksize
    [Math.ceil(length / BLOCK_BYTES), 8], // st_blocks
    [0, 4], // st_atime
    [0, 4], // st_mtime
    [0, 4], // st_ctime
  ];
  return Uint8Array.from(fields.flatMap(([value, bytes]) => [...littleEndian(BigInt(value), bytes)].reverse()));
}
