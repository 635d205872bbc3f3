import { hexToBytes } from '@noble/hashes/utils.js';
import { wouldDeadlock } from '../tasks/deadlock.js';
import { Errno, KernelError, failure } from '../errors.js';
import { HEAP_PAIR_BYTES, MAX_NAME_BYTES, heapPairFrom } from '../program/header-page.js';
import { abiOf } from '../program/elf.js';
import type { StartOptions } from '../program/loader.js';
import type { ProgramBeginning } from '../program/program-start.js';
import type { Process } from '../tasks/process.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import { deadlineTick } from '../tasks/thread.js';
import { ENDED, processOf, type CallContext, type CallResult, type KernelCall } from './call.js';
import { chargeBytes } from './arguments.js';
import { HostMemoryError, type HostMemory } from '../host-memory.js';
import { nameArgument } from './name-argument.js';
import { STEPPED_FIELDS, STEPPED_OPTIONS, SteppedCall } from './stepped-call.js';
import type { NameProgress } from '../names.js';
import { kept, schema, value, type Schema } from '../../state/schema.js';
import { waitFor } from './wait.js';

/** `struct bd0_process_info` of guest/include/bd0.h: 11 words, image id[32], name[64]. */
export const PROCESS_INFO_BYTES = 184;
const IMAGE_ID_OFFSET = 88;
const NAME_OFFSET = 120;

/** process_info's state. */
export const PROCESS_STATE = { runnable: 0, waiting: 1 } as const;

const PID_BYTES = 8;

/** The environment of Linux programs that are started from BD0. */
export const LINUX_ENVIRONMENT = ['PATH=/usr/local/bin:/usr/bin:/bin', 'HOME=/', 'LANG=C.UTF-8', 'TERM=linux'].map(
  (each) => new TextEncoder().encode(each),
);

/** Processes, or parts of one, that take a unit of effort to be looked at. */
const PROCESSES_PER_EFFORT = 32;

/** start's flags. */
export const START_DEBUG = 1n;
export const START_SHARE = 2n;

/** What start reads of argv: so many bytes of pointers and strings. */
const MOST_ARGUMENT_BYTES = 2 ** 20;
/** Strings that are read at once. */
const ARGUMENTS_IN_STEP = 512;

/** Any larger region is ENOSPC, too, and is no number that counts bytes one by one. */
const MOST_LIMIT_BYTES = 2n ** 48n;

function exit({ kernel, process }: CallContext, code: bigint): CallResult {
  kernel.end(process, Number(code & 0xffn));
  return ENDED;
}

/** What is to be started. */
interface StartRequest {
  readonly name: string;
  readonly limit: bigint;
  /** The address of argv. */
  readonly argv: bigint;
  readonly flags: bigint;
  readonly hostPid: bigint;
}

function start(
  context: CallContext,
  namePointer: bigint,
  limit: bigint,
  argv: bigint,
  flags: bigint,
  hostPid: bigint,
): CallResult {
  const { pending } = context;
  if (!pending.work) {
    const name = nameArgument(context, namePointer, Errno.EINVAL);
    if (typeof name === 'bigint') return name;
    pending.work = new StartCall(context, { name, limit, argv, flags, hostPid });
  }
  const step = (pending.work as SteppedCall<bigint>).take(context);
  return typeof step === 'string' ? step : step.value;
}

/** Arguments are read, and the image is hashed, while the machine stands still; time passes while a host finds the image. */
class StartCall extends SteppedCall<bigint> {
  static readonly state: Schema = schema(
    'start call',
    StartCall,
    {
      ...STEPPED_FIELDS,
      argv: value,
      hasArguments: value,
      progress: value,
      hostMemory: kept('the one account of the machine'),
      request: value,
    },
    STEPPED_OPTIONS,
  );

  private readonly argv: Uint8Array[] = [];
  private hasArguments = false;
  private readonly progress: NameProgress = { steps: 0 };
  private readonly hostMemory: HostMemory;

  constructor(
    context: CallContext,
    private readonly request: StartRequest,
  ) {
    super();
    this.hostMemory = context.hostMemory;
  }

  protected *steps(context: CallContext): Steps<bigint, number> {
    const { request, argv, progress } = this;
    if (!this.hasArguments) {
      if (request.argv === 0n) argv.push(new TextEncoder().encode(request.name));
      const error = request.argv === 0n ? undefined : yield* readArguments(context, request.argv, argv);
      if (error) return failure(error);
      this.hasArguments = true;
      const host = requestedHost(context, request);
      if (typeof host === 'number') return failure(host);
    }
    const named = yield* context.names.lookupInSteps(request.name, progress);
    const image = named ?? context.kernel.linuxFile(request.name);
    if (!image) return failure(Errno.ENOENT);
    try {
      for (const hashing = context.store.hashAheadInSteps(image); !hashing.next().done;) yield 0;
      return yield* startImage(context, request, image, argv);
    } finally {
      image.close();
    }
  }

  override close(): void {
    super.close();
    if (this.request.argv !== 0n) this.hostMemory.release('argument', this.argv.length);
    this.argv.length = 0;
  }
}

/** The process in whose region the new one is to live, in an object, if any; else the error in flags, host or limit. */
function requestedHost(context: CallContext, { flags, hostPid, limit }: StartRequest): { host?: Process } | Errno {
  if (flags & ~(START_DEBUG | START_SHARE)) return Errno.EINVAL;
  const host = flags & START_SHARE ? processOf(context, hostPid) : undefined;
  if (flags & START_SHARE && !host) return Errno.ESRCH;
  if (!host && hostPid !== 0n) return Errno.EINVAL;
  if (limit === 0n) return Errno.EINVAL;
  if (limit > MOST_LIMIT_BYTES) return Errno.ENOSPC;
  return host ? { host } : {};
}

function* startImage(
  context: CallContext,
  request: StartRequest,
  image: VmoHandle,
  argv: Uint8Array[],
): Steps<bigint, number> {
  const { kernel, process, debugMode } = context;
  const { name, limit, flags } = request;
  let starting: ProgramBeginning | undefined;
  try {
    for (;;) {
      // It may have ended while the image was looked for.
      const host = requestedHost(context, request);
      if (typeof host === 'number') return failure(host);
      const options = { ...identityOf(name, image), limitBytes: Number(limit), argv, parent: process.pid, ...host };
      starting ??= kernel.beginStart(image, options);
      const started = kernel.takeStart(starting);
      if (started && flags & START_DEBUG) debugMode.set(started.threads[0]!, true);
      if (started) return BigInt(started.pid);
      yield 0;
    }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (error instanceof HostMemoryError) return failure(error.errno);
    return failure(error.errno === Errno.ENOMEM ? Errno.ENOSPC : error.errno);
  } finally {
    starting?.close();
  }
}

/** What a program is called, and that it is one of Linux where it is: its name may be a path then. */
function identityOf(name: string, image: VmoHandle): Pick<StartOptions, 'name' | 'linux'> {
  if (abiOf(image) !== 'linux') return { name };
  const path = new TextEncoder().encode(name);
  return { name: name.slice(name.lastIndexOf('/') + 1), linux: { path, environment: LINUX_ENVIRONMENT } };
}

/** Adds the strings of a NULL-terminated array of pointers to `argv`. Returns the error, if there is one. */
function* readArguments(context: CallContext, pointer: bigint, argv: Uint8Array[]): Steps<Errno | undefined, number> {
  const { memory, hostMemory } = context;
  for (let left = MOST_ARGUMENT_BYTES, at = pointer; ; at += 8n) {
    const place = memory.locate(at, 8n, 'read');
    if (place === undefined) return Errno.EFAULT;
    const string = new DataView(memory.read(place, 8).buffer).getBigUint64(0, true);
    if (string === 0n) {
      chargeBytes(context, MOST_ARGUMENT_BYTES - left);
      return undefined;
    }
    left -= 8;
    const bytes = memory.readString(string, Math.max(0, left));
    if (bytes === undefined) return Errno.EFAULT;
    if (bytes === 'too long') return Errno.EINVAL;
    left -= bytes.length + 1;
    argv.push(bytes);
    hostMemory.charge('argument');
    if (argv.length % ARGUMENTS_IN_STEP !== 0) continue;
    if (hostMemory.isExceeded) return Errno.ENOMEM;
    yield 0;
  }
}

function processFind(context: CallContext, namePointer: bigint): CallResult {
  const name = nameArgument(context, namePointer, Errno.ENOENT);
  if (typeof name === 'bigint') return name;
  const live = context.kernel.processes.live();
  context.kernel.charge({ effort: live.length / PROCESSES_PER_EFFORT });
  const lowest = live.reduce((found, each) => (each.name === name ? Math.min(found, each.pid) : found), Infinity);
  return lowest === Infinity ? failure(Errno.ENOENT) : BigInt(lowest);
}

function processList({ kernel, memory }: CallContext, buffer: bigint, n: bigint): CallResult {
  const start = memory.locate(buffer, n * BigInt(PID_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const pids = kernel.processes.live().map(({ pid }) => pid).sort((a, b) => a - b); // prettier-ignore
  kernel.charge({ effort: pids.length / PROCESSES_PER_EFFORT });
  const told = BigInt(pids.length) < n ? pids : pids.slice(0, Number(n));
  const bytes = new DataView(new ArrayBuffer(told.length * PID_BYTES));
  told.forEach((pid, index) => bytes.setBigUint64(index * PID_BYTES, BigInt(pid), true));
  memory.write(start, new Uint8Array(bytes.buffer));
  return BigInt(pids.length);
}

function processWait(context: CallContext, pid: bigint, deadline: bigint): CallResult {
  const { kernel, process, thread } = context;
  const number = Number(pid);
  const code = process.endedChildren.take(number);
  if (code !== undefined) return BigInt(code);
  const target = processOf(context, pid);
  if (!target) return failure(Errno.ESRCH);
  if (target === process) return failure(Errno.EDEADLK);
  if (deadlineTick(deadline) === Infinity && wouldDeadlock(kernel, thread, target.threads))
    return failure(Errno.EDEADLK);
  return waitFor(context, { kind: 'process', number }, deadline);
}

function processKill(context: CallContext, pid: bigint, code: bigint): CallResult {
  const target = processOf(context, pid);
  if (!target) return failure(Errno.ESRCH);
  context.kernel.end(target, Number(code & 0xffn));
  return target === context.process ? ENDED : 0n;
}

function processStart(context: CallContext, pid: bigint): CallResult {
  const process = processOf(context, pid);
  return process ? process.start : failure(Errno.ESRCH);
}

function processInfo(context: CallContext, pid: bigint, info: bigint): CallResult {
  const start = context.memory.locate(info, BigInt(PROCESS_INFO_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const process = processOf(context, pid);
  if (!process) return failure(Errno.ESRCH);
  context.memory.write(start, processInfoBytes(context, process));
  return 0n;
}

function processInfoBytes(context: CallContext, process: Process): Uint8Array {
  const bytes = new Uint8Array(PROCESS_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  const { threads, description, maps } = process;
  const regions = [...process.regions, ...maps];
  context.kernel.charge({ effort: (threads.length + maps.length) / PROCESSES_PER_EFFORT });
  const pair = heapPairFrom(context.memory.peek(process.heapPair, HEAP_PAIR_BYTES));
  const waits = threads.every(({ pending }) => pending?.wait && pending.answer === undefined);
  const words = [
    BigInt(process.pid),
    BigInt(description.parent),
    process.start,
    BigInt(process.size),
    process.entry,
    pair.heapPointer,
    pair.stackFloor,
    BigInt(waits ? PROCESS_STATE.waiting : PROCESS_STATE.runnable),
    BigInt(threads.length),
    BigInt(regions.reduce((total, { residentPages }) => total + residentPages, 0)),
    BigInt(regions.reduce((total, { sharedPages }) => total + sharedPages, 0)),
  ];
  words.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  bytes.set(hexToBytes(description.imageId), IMAGE_ID_OFFSET);
  bytes.set(description.nameBytes, NAME_OFFSET);
  return bytes;
}

export const PROCESS_CALLS: readonly KernelCall[] = [
  { number: 0, name: 'exit', parameters: ['code'], perform: exit },
  { number: 1, name: 'start', parameters: ['name', 'limit', 'argv', 'flags', 'host_pid'], perform: start },
  { number: 2, name: 'process_find', parameters: ['name'], perform: processFind },
  { number: 3, name: 'process_start', parameters: ['pid'], perform: processStart },
  { number: 4, name: 'process_info', parameters: ['pid', 'info'], perform: processInfo },
  { number: 5, name: 'process_list', parameters: ['pids', 'n'], perform: processList },
  { number: 6, name: 'process_wait', parameters: ['pid', 'deadline'], perform: processWait },
  { number: 7, name: 'process_kill', parameters: ['pid', 'code'], perform: processKill },
];

if (PROCESS_INFO_BYTES !== NAME_OFFSET + MAX_NAME_BYTES + 1) throw new Error('process_info does not end with its name');
