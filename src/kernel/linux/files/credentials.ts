import { LinuxError, LinuxErrno } from '../errno.js';
import { MAY_EXECUTE, S_IFDIR, S_IFMT, S_ISGID, S_ISUID } from './constants.js';

/** Without the right to execute, S_ISGID does not mean that a program runs as its group. */
const SET_GROUP_OF_PROGRAM = S_ISGID | 0o010;

/** include/uapi/linux/securebits.h: a change of the user leaves capabilities as they are. */
const SECBIT_NO_SETUID_FIXUP = 0x4;
/** Capabilities stay permitted when root becomes another user; execve clears this bit. */
export const SECBIT_KEEP_CAPS = 0x10;

/** The user and groups on whose behalf files are opened and changed. */
export interface Credentials {
  readonly user: number;
  readonly group: number;
  /** Further groups. */
  readonly groups: readonly number[];
  /** Undefined: root has all, others none. */
  readonly capabilities?: Capabilities;
}

/** A bit for each capability. capabilities(7) */
export interface Capabilities {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

/* include/uapi/linux/capability.h */
export const CAP_CHOWN = 0;
const CAP_DAC_OVERRIDE = 1;
const CAP_FOWNER = 3;
const CAP_FSETID = 4;
export const CAP_KILL = 5;
export const CAP_SETGID = 6;
export const CAP_SETUID = 7;
export const CAP_SETPCAP = 8;
export const CAP_NET_BIND_SERVICE = 10;
export const CAP_NET_ADMIN = 12;
export const CAP_IPC_OWNER = 15;
export const CAP_SYS_CHROOT = 18;
export const CAP_SYS_PTRACE = 19;
export const CAP_SYS_ADMIN = 21;
export const CAP_SYS_NICE = 23;
export const CAP_SYS_RESOURCE = 24;
export const CAP_SETFCAP = 31;
export const CAPABILITIES_MAX = 40;
/** All capabilities that there are. */
export const EVERY = (1n << BigInt(CAPABILITIES_MAX + 1)) - 1n;
const ALL: Capabilities = { effective: EVERY, permitted: EVERY, inheritable: 0n };

/** The credentials of a process, which uses files as its effective user and group. credentials(7) */
export interface ProcessCredentials extends Credentials {
  readonly realUser: number;
  readonly savedUser: number;
  readonly realGroup: number;
  readonly savedGroup: number;
  readonly capabilities: Capabilities;
  /** Bits of PR_SET_SECUREBITS, including that of PR_SET_KEEPCAPS. */
  readonly secureBits: number;
  /** PR_SET_NO_NEW_PRIVS: execve does not change the user or the group. */
  readonly noNewPrivileges: boolean;
  /** The persona that personality(2) has set; it has no effect. */
  readonly persona: number;
}

/** The credentials of the first process. */
export const SUPERUSER: ProcessCredentials = {
  ...{ user: 0, realUser: 0, savedUser: 0 },
  ...{ group: 0, realGroup: 0, savedGroup: 0, groups: [] },
  ...{ capabilities: ALL, secureBits: 0, noNewPrivileges: false, persona: 0 },
};

/** The capabilities that a process has after its user has changed. security/commoncap.c, cap_emulate_setxuid */
export function capabilitiesAfter(before: ProcessCredentials, after: ProcessCredentials): Capabilities {
  let { capabilities } = before;
  if (before.secureBits & SECBIT_NO_SETUID_FIXUP) return capabilities;
  const wasRoot = [before.realUser, before.user, before.savedUser].includes(0);
  const isRoot = [after.realUser, after.user, after.savedUser].includes(0);
  if (wasRoot && !isRoot && !(before.secureBits & SECBIT_KEEP_CAPS))
    capabilities = { ...capabilities, effective: 0n, permitted: 0n };
  if (before.user === 0 && after.user !== 0) return { ...capabilities, effective: 0n };
  if (before.user !== 0 && after.user === 0) return { ...capabilities, effective: capabilities.permitted };
  return capabilities;
}

export function isCapable({ user, capabilities }: Credentials, capability: number): boolean {
  return capabilities ? ((capabilities.effective >> BigInt(capability)) & 1n) !== 0n : user === 0;
}

/** The credentials that access(2) checks: those of the real user and group. fs/open.c, "access_override_creds" */
export function realCredentials(credentials: ProcessCredentials): Credentials {
  const { realUser, realGroup, groups, capabilities, secureBits } = credentials;
  if (secureBits & SECBIT_NO_SETUID_FIXUP) return { user: realUser, group: realGroup, groups, capabilities };
  const effective = realUser === 0 ? capabilities.permitted : 0n;
  return { user: realUser, group: realGroup, groups, capabilities: { ...capabilities, effective } };
}

/**
 * The credentials after execve of a file, which runs as its owner and group where its mode says so. They are saved, too.
 * fs/exec.c, bprm_fill_uid; security/commoncap.c, cap_bprm_creds_from_file
 */
export function credentialsAfterExec(before: ProcessCredentials, { mode, owner, group }: Owned): ProcessCredentials {
  const { noNewPrivileges, realUser, realGroup } = before;
  const { inheritable, permitted } = before.capabilities;
  const isGroupSet = (mode & SET_GROUP_OF_PROGRAM) === SET_GROUP_OF_PROGRAM;
  let user = !noNewPrivileges && mode & S_ISUID ? owner : before.user;
  let effectiveGroup = !noNewPrivileges && isGroupSet ? group : before.group;
  const isEffective = user === 0;
  let allowed = isEffective || realUser === 0 ? EVERY | inheritable : 0n;
  if (noNewPrivileges && (allowed & ~permitted) !== 0n) {
    [user, effectiveGroup] = [realUser, realGroup];
    allowed &= permitted;
  }
  const capabilities = { effective: isEffective ? allowed : 0n, permitted: allowed, inheritable };
  const identity = { user, savedUser: user, group: effectiveGroup, savedGroup: effectiveGroup };
  return { ...before, ...identity, secureBits: before.secureBits & ~SECBIT_KEEP_CAPS, capabilities };
}

/** What permissions are about. */
interface Owned {
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
}

export function isInGroup({ group, groups }: Credentials, wanted: number): boolean {
  return group === wanted || groups.includes(wanted);
}

/** Whether a file of a group may have S_ISGID. fs/attr.c, "setattr_prepare" */
export function maySetGroup(credentials: Credentials, { group }: Owned): boolean {
  return isInGroup(credentials, group) || isCapable(credentials, CAP_FSETID);
}

/** Whether a process may do what the owner of a file may. fs/inode.c, "inode_owner_or_capable" */
export function ownsFile(credentials: Credentials, { owner }: Owned): boolean {
  return credentials.user === owner || isCapable(credentials, CAP_FOWNER);
}

/** Whether a file may be used so: MAY_ bits. path_resolution(7), "Permissions". */
export function permits(file: Owned, credentials: Credentials, wanted: number): boolean {
  const { mode } = file;
  if (isCapable(credentials, CAP_DAC_OVERRIDE))
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
