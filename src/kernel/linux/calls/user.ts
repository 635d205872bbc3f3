/** Calls about the user and the groups of a process. credentials(7) */
import type { CallResult } from '../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { CAP_SETGID, CAP_SETUID, capabilitiesAfter, isCapable, type ProcessCredentials } from '../files/credentials.js';
import { bytesAt, put32, putBytes } from '../user-data.js';

const { EINVAL, EPERM } = LinuxErrno;

const GROUPS_MAX = 65536;
/** An argument of -1: the number does not change. */
const UNCHANGED = 0xffff_ffff;

/** The three numbers of the user, or of the group. */
interface Identity {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
}

/** How the numbers of the user, or of the group, lie among the credentials. */
interface Kind {
  /** A process with this capability may choose any numbers. */
  readonly capability: number;
  get(credentials: ProcessCredentials): Identity;
  with(credentials: ProcessCredentials, identity: Identity): ProcessCredentials;
}

const USER: Kind = {
  capability: CAP_SETUID,
  get: ({ realUser, user, savedUser }) => ({ real: realUser, effective: user, saved: savedUser }),
  with: (credentials, { real, effective, saved }) => ({
    ...credentials,
    ...{ realUser: real, user: effective, savedUser: saved },
  }),
};

const GROUP: Kind = {
  capability: CAP_SETGID,
  get: ({ realGroup, group, savedGroup }) => ({ real: realGroup, effective: group, saved: savedGroup }),
  with: (credentials, { real, effective, saved }) => ({
    ...credentials,
    ...{ realGroup: real, group: effective, savedGroup: saved },
  }),
};

/** Changes the numbers of a process. Without the capability, it may only choose among those that it has. */
function become(
  { linux }: LinuxContext,
  kind: Kind,
  choose: (before: Identity) => { readonly after: Identity; readonly isOwn: boolean },
): bigint {
  const { credentials } = linux.place;
  const { after, isOwn } = choose(kind.get(credentials));
  if (!isOwn && !isCapable(credentials, kind.capability)) return failed(EPERM);
  const changed = kind.with(credentials, after);
  linux.place.credentials = { ...changed, capabilities: capabilitiesAfter(credentials, changed) };
  return 0n;
}

/** setuid, setgid: with the capability, changes all three numbers; without it, only the effective one. */
function setOne(kind: Kind) {
  return (context: LinuxContext, argument: bigint): CallResult => {
    const id = unsigned32(argument);
    if (id === UNCHANGED) return failed(EINVAL);
    const isFree = isCapable(context.linux.place.credentials, kind.capability);
    return become(context, kind, (before) => ({
      after: isFree ? { real: id, effective: id, saved: id } : { ...before, effective: id },
      isOwn: id === before.real || id === before.saved,
    }));
  };
}

/** setreuid, setregid. */
function setTwo(kind: Kind) {
  return (context: LinuxContext, realArgument: bigint, effectiveArgument: bigint): CallResult => {
    const [askedReal, askedEffective] = [unsigned32(realArgument), unsigned32(effectiveArgument)];
    return become(context, kind, (before) => {
      const real = askedReal === UNCHANGED ? before.real : askedReal;
      const effective = askedEffective === UNCHANGED ? before.effective : askedEffective;
      const isSaved = askedReal !== UNCHANGED || (askedEffective !== UNCHANGED && effective !== before.real);
      const own = [before.real, before.effective];
      return {
        after: { real, effective, saved: isSaved ? effective : before.saved },
        isOwn: own.includes(real) && [...own, before.saved].includes(effective),
      };
    });
  };
}

/** setresuid, setresgid. */
function setThree(kind: Kind) {
  return (context: LinuxContext, ...asked: readonly bigint[]): CallResult =>
    become(context, kind, (before) => {
      const own = [before.real, before.effective, before.saved];
      const ids = own.map((id, index) => (unsigned32(asked[index]!) === UNCHANGED ? id : unsigned32(asked[index]!)));
      const [real, effective, saved] = ids as [number, number, number];
      return { after: { real, effective, saved }, isOwn: ids.every((id) => own.includes(id)) };
    });
}

/** getresuid, getresgid. */
function getThree(kind: Kind) {
  return (context: LinuxContext, ...addresses: readonly bigint[]): CallResult => {
    const { real, effective, saved } = kind.get(context.linux.place.credentials);
    [real, effective, saved].forEach((id, index) => put32(context, addresses[index]!, id));
    return 0n;
  };
}

function getOne(kind: Kind, which: keyof Identity) {
  return ({ linux }: LinuxContext): CallResult => BigInt(kind.get(linux.place.credentials)[which]);
}

function getgroups(context: LinuxContext, count: bigint, list: bigint): CallResult {
  const { groups } = context.linux.place.credentials;
  const room = signed32(count);
  if (room === 0) return BigInt(groups.length);
  if (room < groups.length) return failed(EINVAL);
  putBytes(context, list, new Uint8Array(Uint32Array.from(groups).buffer));
  return BigInt(groups.length);
}

function setgroups(context: LinuxContext, count: bigint, list: bigint): CallResult {
  const { place } = context.linux;
  if (!isCapable(place.credentials, CAP_SETGID)) return failed(EPERM);
  if (count > BigInt(GROUPS_MAX)) return failed(EINVAL);
  const bytes = bytesAt(context, list, Number(count) * 4);
  place.credentials = { ...place.credentials, groups: [...new Uint32Array(bytes.slice().buffer)] };
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;
const withoutEffect = { state: 'part', differs: 'It has no effect: files are used as the effective one.' } as const;
const three = ['real', 'effective', 'saved'];

export const USER_CALLS: readonly LinuxCall[] = [
  { number: 102, name: 'getuid', parameters: [], perform: getOne(USER, 'real'), ...whole },
  { number: 104, name: 'getgid', parameters: [], perform: getOne(GROUP, 'real'), ...whole },
  { number: 105, name: 'setuid', parameters: ['user'], perform: setOne(USER), ...whole },
  { number: 106, name: 'setgid', parameters: ['group'], perform: setOne(GROUP), ...whole },
  { number: 107, name: 'geteuid', parameters: [], perform: getOne(USER, 'effective'), ...whole },
  { number: 108, name: 'getegid', parameters: [], perform: getOne(GROUP, 'effective'), ...whole },
  { number: 113, name: 'setreuid', parameters: three.slice(0, 2), perform: setTwo(USER), ...whole },
  { number: 114, name: 'setregid', parameters: three.slice(0, 2), perform: setTwo(GROUP), ...whole },
  { number: 115, name: 'getgroups', parameters: ['count', 'list'], perform: getgroups, ...whole },
  { number: 116, name: 'setgroups', parameters: ['count', 'list'], perform: setgroups, ...whole },
  { number: 117, name: 'setresuid', parameters: three, perform: setThree(USER), ...whole },
  { number: 118, name: 'getresuid', parameters: three, perform: getThree(USER), ...whole },
  { number: 119, name: 'setresgid', parameters: three, perform: setThree(GROUP), ...whole },
  { number: 120, name: 'getresgid', parameters: three, perform: getThree(GROUP), ...whole },
  { number: 122, name: 'setfsuid', parameters: ['user'], perform: getOne(USER, 'effective'), ...withoutEffect },
  { number: 123, name: 'setfsgid', parameters: ['group'], perform: getOne(GROUP, 'effective'), ...withoutEffect },
];
