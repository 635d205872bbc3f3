/** What the calls for all kinds of objects of System V IPC have in common. */
import type { LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import type { IpcObject, IpcOwnership } from '../../ipc/ipc-object.js';
import { IPC_PRIVATE } from '../../ipc/ipc-object.js';
import type { IpcTable } from '../../ipc/ipc-table.js';
import { viewAt } from '../../user-data.js';

/* include/uapi/linux/ipc.h */
const IPC_CREAT = 0o1000;
const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;
export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const IPC_INFO = 3;
export const READ = 0o444;
export const WRITE = 0o222;
/** Bytes of a struct ipc64_perm. */
export const PERMISSION_BYTES = 48;

/** The object of a key, which is made where there is none and it is to be: ipc/util.c "ipcget". */
export function objectOf<Kind extends IpcObject>(
  { linux }: LinuxContext,
  table: IpcTable<Kind>,
  { key, flags }: { readonly key: number; readonly flags: number },
  { check, make }: { readonly check: (found: Kind) => boolean; readonly make: (ownership: IpcOwnership) => Kind },
): bigint {
  const { credentials } = linux.place;
  const found = table.ofKey(key);
  if (found) {
    if (flags & IPC_CREAT && flags & IPC_EXCL) return failed(LinuxErrno.EEXIST);
    if (!check(found)) return failed(LinuxErrno.EINVAL);
    requirePermission(found, linux, flags & 0o777);
    return BigInt(found.id);
  }
  if (key !== IPC_PRIVATE && !(flags & IPC_CREAT)) return failed(LinuxErrno.ENOENT);
  const { user, group } = credentials;
  return BigInt(table.add(make({ key, mode: flags, user, group })));
}

/** Throws EACCES where an object may not be used so. */
export function requirePermission(object: IpcObject, { place }: LinuxContext['linux'], wanted: number): void {
  if (!object.permits(place.credentials, wanted)) throw new LinuxError(LinuxErrno.EACCES);
}

/** Throws EPERM where the caller may not change whose an object is, nor remove it. */
export function requireOwner(object: IpcObject, { place }: LinuxContext['linux']): void {
  if (!object.isOwnedBy(place.credentials)) throw new LinuxError(LinuxErrno.EPERM);
}

/** Puts a struct ipc64_perm at the start of another struct. */
export function putPermissions(view: DataView, object: IpcObject): void {
  const { key, owner, group, creator, creatorGroup, mode, id } = object;
  [key, owner, group, creator, creatorGroup, mode].forEach((field, index) => view.setUint32(4 * index, field, true));
  view.setUint16(24, id >> 15, true);
}

/** What IPC_SET sets of a struct ipc64_perm at an address. Throws EFAULT. */
export interface GivenPermissions {
  readonly owner: number;
  readonly group: number;
  readonly mode: number;
}

export function permissionsAt(
  context: LinuxContext,
  address: bigint,
  bytes: number,
): GivenPermissions & { readonly view: DataView } {
  const view = viewAt(context, address, bytes);
  return { owner: view.getUint32(4, true), group: view.getUint32(8, true), mode: view.getUint32(20, true), view };
}

/** Puts numbers of 64 bits from an offset on. */
export function put64s(view: DataView, at: number, fields: readonly number[]): void {
  fields.forEach((field, index) => view.setBigUint64(at + 8 * index, BigInt(field), true));
}

/** Puts numbers of 32 bits from an offset on. */
export function put32s(view: DataView, at: number, fields: readonly number[]): void {
  fields.forEach((field, index) => view.setUint32(at + 4 * index, field, true));
}
