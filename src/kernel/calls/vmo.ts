import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE, bytesToHex } from '../../bits.js';
import { HASH_BYTES, MAX_LENGTH } from '../../vmo/content/canonical-form.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import { Errno, failure } from '../errors.js';
import { again } from '../memory/map-target.js';
import { MemoryContent } from '../memory/memory-content.js';
import type { CallWork } from '../tasks/thread.js';
import { schema, value, type Schema } from '../../state/schema.js';
import { LENGTH_MAX, chargeBytes, hasNoHandle, isOutOfMemory, isWithin, newHandle, vmoOf } from './arguments.js';
import { PENDING, type CallContext, type CallResult, type KernelCall } from './call.js';
import { HashCall, StandingCall, takeStep, type SteppedCall } from './stepped-call.js';

/** Bytes that are moved at once. */
const PART_BYTES = 65536;
/** VMOs that one call concatenates, and patches that one call lays over another VMO. */
export const PARTS_MAX = 2 ** 16;
/** VMOs that are concatenated at once: some milliseconds. */
const PARTS_IN_STEP = 2048;
/** Effort to read a handle from memory and find its VMO. */
const HANDLE_EFFORT = 0.1;

const HANDLE_BYTES = 8;

/** Large ranges are taken in parts, each of them a call of its own in time. */
function vmoCreate(context: CallContext, buffer: bigint, length: bigint): CallResult {
  const { memory, pending } = context;
  const start = memory.locate(buffer, length, 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  if (isOutOfMemory(context)) return failure(Errno.ENOMEM);
  pending.work ??= new MemoryContent(context.store, start, start + Number(length));
  const content = pending.work as MemoryContent;
  const copied = content.takePart(context);
  if (copied === undefined) return failure(Errno.EFAULT);
  if (content.isComplete) {
    memory.noteRead(start, Number(length));
    return newHandle(context, () => content.finish(), content.unhashedBytes);
  }
  chargeBytes(context, copied);
  return PENDING;
}

function vmoZeros(context: CallContext, length: bigint): CallResult {
  if (length > LENGTH_MAX) return failure(Errno.ERANGE);
  return newHandle(context, () => context.store.zeros(Number(length)));
}

function vmoSlice(context: CallContext, handle: bigint, offset: bigint, length: bigint): CallResult {
  const vmo = vmoOf(context, handle);
  if (!vmo) return failure(Errno.EBADF);
  if (!isWithin(offset, length, vmo.length)) return failure(Errno.ERANGE);
  const isAligned = offset % BigInt(PAGE_SIZE) === 0n;
  const unhashed = Math.min(Number(length), isAligned ? context.process.handles.unhashedBytesOf(handle) : Infinity);
  return newHandle(context, () => context.store.slice(vmo, Number(offset), Number(length)), unhashed);
}

function vmoConcat(context: CallContext, handles: bigint, count: bigint): CallResult {
  const start = context.memory.locate(handles, count * BigInt(HANDLE_BYTES), 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  if (count > BigInt(PARTS_MAX)) return failure(Errno.ERANGE);
  const { pending } = context;
  if (!pending.work) {
    context.kernel.work.add(Number(count) * HANDLE_EFFORT);
    const parts = partsOf(context, wordsAt(context, start, Number(count)));
    if (typeof parts === 'bigint') return parts;
    if (parts.vmos.length <= PARTS_IN_STEP) return concatenated(context, parts);
    if (hasNoHandle(context)) return failure(Errno.ENOMEM);
    pending.work = new StandingCall(concatInSteps(context, parts));
  }
  const step = takeStep(pending.work as SteppedCall<CallResult>, context);
  if (typeof step === 'number') return failure(step);
  return typeof step === 'string' ? step : step.value;
}

/** What is to be concatenated, and how many bytes of it may have to be hashed. */
interface Parts {
  readonly vmos: readonly VmoHandle[];
  readonly unhashedBytes: number;
}

/** The VMOs of an array of handles; else the error. */
function partsOf(context: CallContext, handles: BigUint64Array): Parts | bigint {
  const vmos: VmoHandle[] = [];
  let total = 0;
  let unhashedBytes = 0;
  for (const handle of handles) {
    const vmo = vmoOf(context, handle);
    if (!vmo) return failure(Errno.EBADF);
    vmos.push(vmo);
    const isAligned = total % PAGE_SIZE === 0;
    unhashedBytes += isAligned ? context.process.handles.unhashedBytesOf(handle) : vmo.length;
    total += vmo.length;
    if (total > MAX_LENGTH) break;
  }
  // Handles after one that is too long count as well, so that the error does not depend on the order.
  if (total > MAX_LENGTH && handles.subarray(vmos.length).some((handle) => !vmoOf(context, handle)))
    return failure(Errno.EBADF);
  return total > MAX_LENGTH ? failure(Errno.ERANGE) : { vmos, unhashedBytes };
}

function concatenated(context: CallContext, { vmos, unhashedBytes }: Parts): CallResult {
  context.kernel.charge({ effort: vmos.length });
  return newHandle(context, () => context.store.concat(vmos), unhashedBytes);
}

/** Many parts are put together while the machine stands still. Throws HostMemoryError as soon as they take too much. */
function* concatInSteps(context: CallContext, { vmos, unhashedBytes }: Parts): Steps<CallResult, number> {
  const { store, kernel, hostMemory } = context;
  const builder = store.builder();
  try {
    for (let at = 0; at < vmos.length; at += PARTS_IN_STEP) {
      builder.copyAll(vmos.slice(at, at + PARTS_IN_STEP));
      hostMemory.require(0);
      yield 0;
    }
    kernel.charge({ effort: vmos.length });
    return newHandle(context, () => builder.commit(), unhashedBytes);
  } finally {
    builder.discard();
  }
}

function vmoOpen(context: CallContext, id: bigint): CallResult {
  const start = context.memory.locate(id, BigInt(HASH_BYTES), 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  const text = bytesToHex(context.memory.read(start, HASH_BYTES));
  const vmo = context.store.open(text) ?? context.names.open(text);
  if (!vmo) return failure(Errno.ENOENT);
  const answer = newHandle(context, () => again(context.store, vmo));
  vmo.close();
  return answer;
}

/** What was not hashed yet is hashed in parts. */
function vmoHash(context: CallContext, handle: bigint, out: bigint): CallResult {
  const { memory, pending } = context;
  const start = memory.locate(out, BigInt(HASH_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  if (!pending.work) {
    const vmo = vmoOf(context, handle);
    if (!vmo) return failure(Errno.EBADF);
    pending.work = new HashCall(context, handle, vmo);
  }
  const step = takeStep(pending.work as SteppedCall<string>, context);
  if (typeof step === 'number') return failure(step);
  if (typeof step === 'string') return step;
  memory.write(start, hexToBytes(step.value));
  return 0n;
}

function vmoLength(context: CallContext, handle: bigint): CallResult {
  const vmo = vmoOf(context, handle);
  return vmo ? BigInt(vmo.length) : failure(Errno.EBADF);
}

/** Long reads go in parts. */
function vmoRead(context: CallContext, handle: bigint, offset: bigint, buffer: bigint, length: bigint): CallResult {
  const { memory, pending } = context;
  const start = memory.locate(buffer, length, 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const vmo = heldVmo(context, handle);
  if (!vmo) return failure(Errno.EBADF);
  if (!isWithin(offset, length, vmo.length)) return failure(Errno.ERANGE);
  const left = Number(length) - pending.progress;
  const part = Math.min(left, PART_BYTES);
  if (part > 0) memory.write(start + pending.progress, vmo.read(Number(offset) + pending.progress, part));
  if (part === left) return length;
  pending.progress += part;
  chargeBytes(context, part);
  return PENDING;
}

function vmoClose(context: CallContext, handle: bigint): CallResult {
  if (!vmoOf(context, handle)) return failure(Errno.EBADF);
  context.store.closing(() => context.process.handles.close(handle));
  return 0n;
}

/** Little-endian words of 64 bits. */
export function wordsAt(context: CallContext, start: number, count: number): BigUint64Array {
  const bytes = context.memory.read(start, count * 8);
  const view = new DataView(bytes.buffer);
  const words = new BigUint64Array(count);
  for (let index = 0; index < count; index++) words[index] = view.getBigUint64(index * 8, true);
  return words;
}

/** A VMO that a call works on in parts: it stays, though its handle may be closed by another thread. */
class HeldVmo implements CallWork {
  static readonly state: Schema = schema('held VMO', HeldVmo, { vmo: value });

  constructor(readonly vmo: VmoHandle) {}

  close(): void {
    this.vmo.close();
  }
}

function heldVmo(context: CallContext, handle: bigint): VmoHandle | undefined {
  const { pending, store } = context;
  if (!pending.work) {
    const vmo = vmoOf(context, handle);
    if (!vmo) return undefined;
    pending.work = new HeldVmo(again(store, vmo));
  }
  return (pending.work as HeldVmo).vmo;
}

export const VMO_CALLS: readonly KernelCall[] = [
  { number: 32, name: 'vmo_create', parameters: ['buffer', 'n'], perform: vmoCreate },
  { number: 33, name: 'vmo_zeros', parameters: ['n'], perform: vmoZeros },
  { number: 34, name: 'vmo_slice', parameters: ['handle', 'offset', 'n'], perform: vmoSlice },
  { number: 35, name: 'vmo_concat', parameters: ['handles', 'count'], perform: vmoConcat },
  { number: 37, name: 'vmo_open', parameters: ['id'], perform: vmoOpen },
  { number: 38, name: 'vmo_hash', parameters: ['handle', 'id'], perform: vmoHash },
  { number: 39, name: 'vmo_length', parameters: ['handle'], perform: vmoLength },
  { number: 40, name: 'vmo_read', parameters: ['handle', 'offset', 'buffer', 'n'], perform: vmoRead },
  { number: 44, name: 'vmo_close', parameters: ['handle'], perform: vmoClose },
];
