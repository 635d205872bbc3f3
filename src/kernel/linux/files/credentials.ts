import { LinuxError, LinuxErrno } from '../errno.js';
import { S_IFDIR, S_IFMT, MAY_EXECUTE } from './constants.js';

/** The user and groups on whose behalf files are opened and changed. */
export interface Credentials {
  readonly user: number;
  readonly group: number;
  /** Further groups. */
  readonly groups: readonly number[];
}

/** What permissions are about. */
interface Owned {
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
}

/** True for root, who may do anything, and for members of a group. */
export function isInGroup({ user, group, groups }: Credentials, wanted: number): boolean {
  return user === 0 || group === wanted || groups.includes(wanted);
}

/** True for root and the owner of a file. */
export function ownsFile({ user }: Credentials, { owner }: Owned): boolean {
  return user === 0 || user === owner;
}

/** Whether a file may be used so: MAY_ bits. path_resolution(7), "Permissions". */
export function permits(file: Owned, credentials: Credentials, wanted: number): boolean {
  const { mode } = file;
  if (credentials.user === 0)
    return (wanted & MAY_EXECUTE) === 0 || (mode & S_IFMT) === S_IFDIR || (mode & 0o111) !== 0;
  const { user, group, groups } = credentials;
  if (user === file.owner) return ((mode >> 6) & wanted) === wanted;
  if (group === file.group || groups.includes(file.group)) return ((mode >> 3) & wanted) === wanted;
  return (mode & wanted) === wanted;
}

/** Throws EACCES where a file may not be used so. */
export function requireAccess(file: Owned, credentials: Credentials, wanted: number): void {
  if (!permits(file, credentials, wanted)) throw new LinuxError(LinuxErrno.EACCES);
}
