/** Extended attributes of files: xattr(7), fs/xattr.c of Linux. */
import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, namedAt, usableFileOf } from '../files/arguments.js';
import { bytesOfText, textOfBytes } from '../files/byte-text.js';
import { MAY_READ, MAY_WRITE, S_IFDIR, S_IFREG, S_ISVTX } from '../files/constants.js';
import { CAP_SETFCAP, CAP_SYS_ADMIN, isCapable, ownsFile, requireAccess } from '../files/credentials.js';
import { IN_ATTRIB, tellNamed, type NamedFile } from '../files/notify/watch.js';
import type { Inode } from '../files/tree/inode.js';
import { bytesAt, putBytes, stringAt } from '../user-data.js';

const { E2BIG, EEXIST, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE } = LinuxErrno;
const HERE = BigInt(AT_FDCWD);

/* include/uapi/linux/xattr.h and limits.h */
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const NAME_MAX = 255;
const VALUE_MAX = 65536n;
const FILE_CAPABILITIES = 'security.capability';
/** Namespaces that files have; access control lists, which lie in `system.`, are not among them. */
const NAMESPACES = ['user.', 'trusted.', 'security.'];
/** The first word and the size of file capabilities, by their revision: include/uapi/linux/capability.h. */
const CAPABILITY_SIZES: Readonly<Record<number, number>> = { 0x0200_0000: 20, 0x0300_0000: 24 };
const CAPABILITY_REVISION = 0xff00_0000;

/** How a call names its file: by a path, by one whose last symbolic link is not followed, or by a descriptor. */
type FileArgument = (context: LinuxContext, argument: bigint) => NamedFile;

const byPath: FileArgument = (context, path) => namedAt(context, HERE, path, 0);
const byLink: FileArgument = (context, path) => namedAt(context, HERE, path, AT_SYMLINK_NOFOLLOW);
const byDescriptor: FileArgument = (context, fd) => usableFileOf(context, fd);

/** The name of an attribute. Throws EFAULT, ERANGE. */
function nameAt(context: LinuxContext, address: bigint): string {
  const bytes = stringAt(context, address, NAME_MAX, ERANGE);
  if (bytes.length === 0) throw new LinuxError(ERANGE);
  return textOfBytes(bytes);
}

/** Throws the error of a caller that may not read or write an attribute: fs/xattr.c, xattr_permission. */
function requirePermission({ linux }: LinuxContext, inode: Inode, name: string, wanted: number): void {
  const { credentials } = linux.place;
  const refusal = wanted === MAY_WRITE ? EPERM : ENODATA;
  if (name.startsWith('security.') || name.startsWith('system.')) return;
  if (name.startsWith('trusted.')) {
    if (isCapable(credentials, CAP_SYS_ADMIN)) return;
    throw new LinuxError(refusal);
  }
  if (name.startsWith('user.')) {
    if (inode.type !== S_IFREG && inode.type !== S_IFDIR) throw new LinuxError(refusal);
    const isSticky = inode.type === S_IFDIR && (inode.mode & S_ISVTX) !== 0;
    if (isSticky && wanted === MAY_WRITE && !ownsFile(credentials, inode)) throw new LinuxError(EPERM);
  }
  requireAccess(inode, credentials, wanted);
}

/** Throws EOPNOTSUPP for names and files that have no attributes, EINVAL for a namespace without a name in it. */
function requireNamespace({ id }: Inode, name: string): void {
  const namespace = NAMESPACES.find((each) => name.startsWith(each));
  if (id === 0 || namespace === undefined) throw new LinuxError(EOPNOTSUPP);
  if (name === namespace) throw new LinuxError(EINVAL);
}

/** Throws the error of a caller that may not change an attribute of the security of files: security/commoncap.c. */
function requireSecurity({ linux }: LinuxContext, name: string): void {
  const { credentials } = linux.place;
  const needed = name === FILE_CAPABILITIES ? CAP_SETFCAP : CAP_SYS_ADMIN;
  if (name.startsWith('security.') && !isCapable(credentials, needed)) throw new LinuxError(EPERM);
}

/** security/commoncap.c, cap_convert_nscap */
function areFileCapabilities(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  const [word] = [new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)];
  return CAPABILITY_SIZES[(word & CAPABILITY_REVISION) >>> 0] === bytes.length;
}

function setter(find: FileArgument): LinuxCall['perform'] {
  return (context, file, nameAddress, valueAddress, size, flagsArgument) => {
    const flags = signed32(flagsArgument!);
    if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) return failed(EINVAL);
    const name = nameAt(context, nameAddress!);
    if (size! > VALUE_MAX) return failed(E2BIG);
    const bytes = bytesAt(context, valueAddress!, Number(size));
    const named = find(context, file!);
    if (name === FILE_CAPABILITIES && bytes.length > 0 && !areFileCapabilities(bytes)) return failed(EINVAL);
    return change(context, named, name, { bytes, flags });
  };
}

function remover(find: FileArgument): LinuxCall['perform'] {
  return (context, file, nameAddress) => {
    const name = nameAt(context, nameAddress!);
    return change(context, find(context, file!), name, { bytes: undefined, flags: XATTR_REPLACE });
  };
}

/** Sets an attribute, or removes it where there are no bytes. */
function change(
  context: LinuxContext,
  file: NamedFile,
  name: string,
  { bytes, flags }: { readonly bytes: Uint8Array | undefined; readonly flags: number },
): CallResult {
  const { inode } = file;
  const { fileSystem } = context.system;
  requirePermission(context, inode, name, MAY_WRITE);
  requireSecurity(context, name);
  requireNamespace(inode, name);
  const isThere = fileSystem.attributes.get(inode.id, name) !== undefined;
  if (isThere && flags & XATTR_CREATE) return failed(EEXIST);
  if (!isThere && flags & XATTR_REPLACE) return failed(ENODATA);
  fileSystem.attributes.set(inode.id, name, bytes, fileSystem.hostMemory);
  inode.changed = fileSystem.now;
  tellNamed(fileSystem, file, IN_ATTRIB);
  return 0n;
}

function getter(find: FileArgument): LinuxCall['perform'] {
  return (context, file, nameAddress, address, size) => {
    const name = nameAt(context, nameAddress!);
    const { inode } = find(context, file!);
    requirePermission(context, inode, name, MAY_READ);
    requireNamespace(inode, name);
    const bytes = context.system.fileSystem.attributes.get(inode.id, name);
    return bytes ? given(context, bytes, address!, size!) : failed(ENODATA);
  };
}

function lister(find: FileArgument): LinuxCall['perform'] {
  return (context, file, address, size) => {
    const { inode } = find(context, file!);
    const seesAll = isCapable(context.linux.place.credentials, CAP_SYS_ADMIN);
    const names = context.system.fileSystem.attributes.names(inode.id);
    const shown = names.filter((name) => seesAll || !name.startsWith('trusted.'));
    return given(context, bytesOfText(shown.map((name) => `${name}\0`).join('')), address!, size!);
  };
}

/** Stores bytes in a buffer that has room for them; their number, of which alone a buffer of 0 bytes asks. */
function given(context: LinuxContext, bytes: Uint8Array, address: bigint, size: bigint): CallResult {
  if (size === 0n) return BigInt(bytes.length);
  if (BigInt(bytes.length) > size) return failed(ERANGE);
  putBytes(context, address, bytes);
  return BigInt(bytes.length);
}

const FORMS: readonly (readonly [prefix: string, file: string, find: FileArgument])[] = [
  ['', 'path', byPath],
  ['l', 'path', byLink],
  ['f', 'fd', byDescriptor],
];

/** The three calls of a kind, whose numbers follow one another. */
function calls(first: number, kind: string, parameters: readonly string[], make: typeof setter): LinuxCall[] {
  return FORMS.map(([prefix, file, find], index) => ({
    ...{ number: first + index, name: `${prefix}${kind}`, parameters: [file, ...parameters], perform: make(find) },
    ...{ state: 'part', differs: 'Files of the host have none at first; access control lists are refused.' },
  }));
}

export const EXTENDED_ATTRIBUTE_CALLS: readonly LinuxCall[] = [
  ...calls(188, 'setxattr', ['name', 'value', 'size', 'flags'], setter),
  ...calls(191, 'getxattr', ['name', 'value', 'size'], getter),
  ...calls(194, 'listxattr', ['list', 'size'], lister),
  ...calls(197, 'removexattr', ['name'], remover),
];
