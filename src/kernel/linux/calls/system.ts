import type { CallResult } from '../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { put32, putBytes, putFields } from '../user-data.js';
import { PRIORITY_CALLS } from './priority.js';

const { EFAULT, EINVAL, EPERM, ESRCH } = LinuxErrno;

const TEXT = new TextEncoder();

/** What uname tells: include/uapi/linux/utsname.h */
const UTS_FIELD_BYTES = 65;
const UTS_FIELDS = ['Linux', 'bd0', '6.1.0', '#1 SMP BD0', 'x86_64', '(none)'];

const RLIM_INFINITY = 2n ** 64n - 1n;
const RLIMIT_NOFILE = 7;
/** Descriptors that a process may ever have: fs.nr_open. */
const NOFILE_MAX = 65_536n;
/** Resources of which a process may have no more than this: include/uapi/asm-generic/resource.h. */
const LIMITS: Readonly<Record<number, readonly [soft: bigint, hard: bigint]>> = {
  /** RLIMIT_STACK. */
  3: [2n ** 23n, RLIM_INFINITY],
  /** RLIMIT_CORE. */
  4: [0n, RLIM_INFINITY],
  /** RLIMIT_NPROC. */
  6: [4096n, 4096n],
  [RLIMIT_NOFILE]: [1024n, NOFILE_MAX],
  /** RLIMIT_MEMLOCK. */
  8: [2n ** 23n, 2n ** 23n],
};
const RESOURCES = 16;
const RLIMIT_BYTES = 16;

/** GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE. */
const GRND_FLAGS = 7;
/** Random bytes that are made at once: Linux gives no more in a call. */
const RANDOM_BYTES_MAX = 2n ** 25n - 1n;
/** Bytes of the random stream for which a tick passes. */
const RANDOM_BYTES_IN_PART = 65536;

function uname(context: LinuxContext, buffer: bigint): CallResult {
  const bytes = new Uint8Array(UTS_FIELD_BYTES * UTS_FIELDS.length);
  UTS_FIELDS.forEach((text, index) => bytes.set(TEXT.encode(text), index * UTS_FIELD_BYTES));
  putBytes(context, buffer, bytes);
  return 0n;
}

function getrandom(context: LinuxContext, buffer: bigint, length: bigint, flags: bigint): CallResult {
  if (unsigned32(flags) & ~GRND_FLAGS) return failed(EINVAL);
  const wanted = length < RANDOM_BYTES_MAX ? length : RANDOM_BYTES_MAX;
  const start = context.memory.locate(buffer, wanted, 'write');
  if (start === undefined) return failed(EFAULT);
  const count = Number(wanted < BigInt(RANDOM_BYTES_IN_PART) ? wanted : BigInt(RANDOM_BYTES_IN_PART));
  if (count > 0) context.memory.write(start, context.system.random.bytes(count));
  return BigInt(count);
}

function prlimit64(context: LinuxContext, pid: bigint, resource: bigint, limit: bigint, old: bigint): CallResult {
  const number = unsigned32(resource);
  if (number >= RESOURCES) return failed(EINVAL);
  if (signed32(pid) !== 0 && signed32(pid) !== context.linux.pid) return failed(ESRCH);
  const before = context.linux.limits.get(number) ?? LIMITS[number] ?? [RLIM_INFINITY, RLIM_INFINITY];
  let after: readonly [bigint, bigint] | undefined;
  if (limit !== 0n) {
    const start = context.memory.locate(limit, BigInt(RLIMIT_BYTES), 'read');
    if (start === undefined) return failed(EFAULT);
    const bytes = context.memory.read(start, RLIMIT_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    after = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
    if (after[0] > after[1]) return failed(EINVAL);
    if (after[1] > before[1] || (number === RLIMIT_NOFILE && after[1] > NOFILE_MAX)) return failed(EPERM);
  }
  if (old !== 0n)
    putFields(context, old, RLIMIT_BYTES, (view) => {
      view.setBigUint64(0, before[0], true);
      view.setBigUint64(8, before[1], true);
    });
  if (!after) return 0n;
  context.linux.limits.set(number, after);
  if (number === RLIMIT_NOFILE) context.linux.files.limit = Number(after[0]);
  return 0n;
}

const getrlimit = (context: LinuxContext, resource: bigint, limit: bigint): CallResult =>
  prlimit64(context, 0n, resource, 0n, limit);
const setrlimit = (context: LinuxContext, resource: bigint, limit: bigint): CallResult =>
  limit === 0n ? failed(EFAULT) : prlimit64(context, 0n, resource, limit, 0n);

/** include/uapi/linux/sysinfo.h */
function sysinfo(context: LinuxContext, buffer: bigint): CallResult {
  const { guestMemory, now, system } = context;
  return putFields(context, buffer, 112, (view) => {
    view.setBigUint64(0, BigInt(Math.floor(now / 1e9)), true);
    view.setBigUint64(32, BigInt(guestMemory.size), true);
    view.setBigUint64(40, BigInt(guestMemory.size / 2), true);
    view.setUint16(80, system.processes.size, true);
    view.setUint32(104, 1, true);
  });
}

/** One CPU, number 0, in a mask of 64 bits. */
const MASK_BYTES = 8;

function schedGetaffinity(context: LinuxContext, _pid: bigint, length: bigint, mask: bigint): CallResult {
  if (length < BigInt(MASK_BYTES) || length % BigInt(MASK_BYTES) !== 0n) return failed(EINVAL);
  putFields(context, mask, MASK_BYTES, (view) => view.setUint8(0, 1));
  return BigInt(MASK_BYTES);
}

function getcpu(context: LinuxContext, cpu: bigint, node: bigint): CallResult {
  if (cpu !== 0n) put32(context, cpu, 0);
  if (node !== 0n) put32(context, node, 0);
  return 0n;
}

function schedYield({ kernel }: LinuxContext): CallResult {
  kernel.yieldTurn();
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;

export const SYSTEM_CALLS: readonly LinuxCall[] = [
  { number: 24, name: 'sched_yield', parameters: [], perform: schedYield, ...whole },
  { number: 63, name: 'uname', parameters: ['buffer'], perform: uname, ...whole },
  {
    ...{ number: 97, name: 'getrlimit', parameters: ['resource', 'limit'], perform: getrlimit },
    ...{ state: 'part', differs: 'Of the limits, those of open files and pending signals alone are kept.' },
  },
  { number: 99, name: 'sysinfo', parameters: ['buffer'], perform: sysinfo, state: 'part', differs: 'Without loads.' },
  {
    ...{ number: 160, name: 'setrlimit', parameters: ['resource', 'limit'], perform: setrlimit },
    ...{ state: 'part', differs: 'Of the limits, those of open files and pending signals alone are kept.' },
  },
  { number: 203, name: 'sched_setaffinity', parameters: ['pid', 'length', 'mask'], perform: () => 0n, ...whole },
  {
    ...{ number: 204, name: 'sched_getaffinity', parameters: ['pid', 'length', 'mask'], perform: schedGetaffinity },
    ...{ state: 'whole', differs: 'There is one CPU.' },
  },
  {
    ...{ number: 302, name: 'prlimit64', parameters: ['pid', 'resource', 'limit', 'old'], perform: prlimit64 },
    ...{
      state: 'part',
      differs: 'Of the limits, those of open files and pending signals alone are kept; of the caller only.',
    },
  },
  {
    ...{ number: 309, name: 'getcpu', parameters: ['cpu', 'node', 'unused'], perform: getcpu },
    ...{ state: 'whole', differs: 'There is one CPU.' },
  },
  {
    ...{ number: 318, name: 'getrandom', parameters: ['buffer', 'length', 'flags'], perform: getrandom },
    ...{ state: 'whole', differs: "The bytes are those of the machine's stream, the same in every run." },
  },
  ...PRIORITY_CALLS,
];
