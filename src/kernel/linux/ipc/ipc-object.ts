/** What all objects of System V IPC have in common: sysvipc(7). */
import { value } from '../../../state/schema.js';
import { CAP_IPC_OWNER, CAP_SYS_ADMIN, isCapable, type Credentials } from '../files/credentials.js';

/** The key of objects that no key leads to. */
export const IPC_PRIVATE = 0;
const PERMISSION_BITS = 0o777;

/** Whose object it is, and who may use it. */
export interface IpcOwnership {
  readonly key: number;
  readonly mode: number;
  readonly user: number;
  readonly group: number;
}

/** The fields of all objects, for their schemas. */
export const IPC_FIELDS = {
  id: value,
  key: value,
  mode: value,
  owner: value,
  group: value,
  creator: value,
  creatorGroup: value,
  changedAt: value,
};

/** A segment of shared memory, a set of semaphores or a message queue. */
export abstract class IpcObject {
  /** What programs call it; set by its table. */
  id = -1;
  key: number;
  /** Permissions, and SHM_ bits. */
  mode: number;
  owner: number;
  group: number;
  readonly creator: number;
  readonly creatorGroup: number;

  constructor(
    { key, mode, user, group }: IpcOwnership,
    /** Seconds since 1970. */
    public changedAt: number,
  ) {
    this.key = key;
    this.mode = mode & PERMISSION_BITS;
    this.owner = this.creator = user;
    this.group = this.creatorGroup = group;
  }

  /** Whether it may be used so: permissions of any class of users. ipc/util.c "ipcperms" */
  permits(credentials: Credentials, wanted: number): boolean {
    if (isCapable(credentials, CAP_IPC_OWNER)) return true;
    const { user, group, groups } = credentials;
    const asked = ((wanted >> 6) | (wanted >> 3) | wanted) & 7;
    const isMember = [this.group, this.creatorGroup].some((each) => each === group || groups.includes(each));
    const shift = user === this.owner || user === this.creator ? 6 : isMember ? 3 : 0;
    return (asked & ~(this.mode >> shift)) === 0;
  }

  /** Whether its owners may be changed, and it may be removed. */
  isOwnedBy(credentials: Credentials): boolean {
    const { user } = credentials;
    return user === this.owner || user === this.creator || isCapable(credentials, CAP_SYS_ADMIN);
  }

  /** IPC_SET. */
  give(owner: number, group: number, mode: number, now: number): void {
    this.owner = owner;
    this.group = group;
    this.mode = (this.mode & ~PERMISSION_BITS) | (mode & PERMISSION_BITS);
    this.changedAt = now;
  }
}
