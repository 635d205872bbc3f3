import { PAGE_SIZE } from '../../bits.js';
import type { VmoBuilder } from '../../vmo/content/builder.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { Errno, failure } from '../errors.js';
import { HOST_BYTES, type HostMemory } from '../host-memory.js';
import { kept, schema, value, type Schema } from '../../state/schema.js';
import type { VmoStore } from '../../vmo/store.js';
import type { CallWork } from '../tasks/thread.js';
import { chargeBytes, isOutOfMemory, isWithin, newHandle, vmoOf } from './arguments.js';
import { PENDING, STANDING, type CallContext, type CallResult, type KernelCall } from './call.js';
import { PARTS_MAX, wordsAt } from './vmo.js';

/** `struct bd0_patch` of guest/include/bd0.h: three words. */
export const PATCH_BYTES = 24;
const PATCH_WORDS = 3;
/** Bytes that are copied at once. */
const PART_BYTES = 65536;
/** What a patch takes at least, however short it is. */
const PATCH_COST_BYTES = 256;
/** Effort after which checking patches lets the host do something else: some milliseconds. */
const CHECK_EFFORT = 2048;
/** Effort to read a patch and to check its numbers. */
const PATCH_EFFORT = 0.4;

/** A patch as a thread gave it: any 64-bit numbers. */
interface Patch {
  readonly offset: bigint;
  readonly address: bigint;
  readonly length: bigint;
}

/**
 * Patches that are laid over a VMO one after another, in parts. They are read when the call begins, and checked while the
 * machine stands still; their bytes are read as it goes.
 */
class Patching implements CallWork {
  static readonly state: Schema = schema('patching', Patching, {
    builder: value,
    checked: value,
    index: value,
    done: value,
    count: value,
    isClosed: value,
    unhashedBytes: value,
    hostMemory: kept('the one account of the machine'),
    words: value,
  });

  private builder: VmoBuilder | undefined;
  /** Patches that were checked, and the one that it is at, and the bytes of it that are done. */
  private checked = 0;
  private index = 0;
  private done = 0;
  private readonly count: number;
  private isClosed = false;
  /** See HandleTable. A patch begins and ends in the middle of a page. */
  unhashedBytes = 0;

  constructor(
    private readonly hostMemory: HostMemory,
    /** Three for a patch. */
    private readonly words: BigUint64Array,
  ) {
    this.count = words.length / PATCH_WORDS;
    hostMemory.charge('patch', this.count);
  }

  get isComplete(): boolean {
    return this.index === this.count;
  }

  /** Checks the memory of further patches. Returns true where all is checked; undefined where some may not be read. */
  checkPart({ memory, kernel }: CallContext): boolean | undefined {
    // What a look costs depends on how many mappings the bytes lie in.
    const end = kernel.work.added + CHECK_EFFORT;
    for (; this.checked < this.count && kernel.work.added < end; this.checked++) {
      const { address, length } = this.patch(this.checked);
      if (memory.locate(address, length, 'read') === undefined) return undefined;
    }
    return this.checked === this.count;
  }

  /** True where all patches lie within so many bytes. */
  isWithin(lengthBytes: number): boolean {
    for (let index = 0; index < this.count; index++) {
      const { offset, length } = this.patch(index);
      if (!isWithin(offset, length, lengthBytes)) return false;
    }
    return true;
  }

  get hasBegun(): boolean {
    return this.builder !== undefined;
  }

  begin(store: VmoStore, base: VmoHandle, unhashedOfBase: number): void {
    this.builder = store.builder().copyFrom(base);
    this.unhashedBytes = unhashedOfBase;
    for (let index = 0; index < this.count; index++)
      this.unhashedBytes += Number(this.patch(index).length) + 2 * PAGE_SIZE;
  }

  /** Returns the work done, in bytes; undefined where one of them may not be read. */
  takePart({ memory }: CallContext): number | undefined {
    let work = 0;
    while (work < PART_BYTES && !this.isComplete) {
      const { offset, address, length } = this.patch(this.index);
      const part = Math.min(PART_BYTES - work, Number(length) - this.done);
      const start = memory.locate(address + BigInt(this.done), BigInt(part), 'read');
      if (start === undefined) return undefined;
      this.builder!.patch(Number(offset) + this.done, memory.read(start, part));
      work += Math.max(part, PATCH_COST_BYTES);
      this.done += part;
      if (this.done < Number(length)) continue;
      this.index++;
      this.done = 0;
    }
    return work;
  }

  finish(): VmoHandle {
    return this.builder!.commit();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.builder?.discard();
    this.hostMemory.release('patch', this.count);
  }

  private patch(index: number): Patch {
    const at = index * PATCH_WORDS;
    return { offset: this.words[at]!, address: this.words[at + 1]!, length: this.words[at + 2]! };
  }
}

function vmoDelta(context: CallContext, handle: bigint, patches: bigint, count: bigint): CallResult {
  const { pending } = context;
  if (!pending.work) {
    const patching = readPatches(context, patches, count);
    if (typeof patching === 'bigint') return patching;
    pending.work = patching;
  }
  const patching = pending.work as Patching;
  if (!patching.hasBegun) {
    const isChecked = patching.checkPart(context);
    if (isChecked === undefined) return failure(Errno.EFAULT);
    if (!isChecked) return STANDING;
    const error = beginDelta(context, patching, handle);
    if (error !== undefined) return error;
  }
  const work = patching.takePart(context);
  if (work === undefined) return failure(Errno.EFAULT);
  if (patching.isComplete) return newHandle(context, () => patching.finish(), patching.unhashedBytes);
  if (isOutOfMemory(context)) return failure(Errno.ENOMEM);
  chargeBytes(context, work);
  return PENDING;
}

/** The patches at an address; else the error. */
function readPatches(context: CallContext, address: bigint, count: bigint): Patching | bigint {
  const { memory, hostMemory } = context;
  const start = memory.locate(address, count * BigInt(PATCH_BYTES), 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  if (count > BigInt(PARTS_MAX)) return failure(Errno.ERANGE);
  if (!hostMemory.hasRoom(Number(count) * HOST_BYTES.patch)) return failure(Errno.ENOMEM);
  context.kernel.work.add(Number(count) * PATCH_EFFORT);
  return new Patching(hostMemory, wordsAt(context, start, Number(count) * PATCH_WORDS));
}

/** Checks what is to be patched. Returns an error where it cannot be. */
function beginDelta(context: CallContext, patching: Patching, handle: bigint): bigint | undefined {
  const base = vmoOf(context, handle);
  if (!base) return failure(Errno.EBADF);
  if (!patching.isWithin(base.length)) return failure(Errno.ERANGE);
  if (isOutOfMemory(context)) return failure(Errno.ENOMEM);
  patching.begin(context.store, base, context.process.handles.unhashedBytesOf(handle));
  return undefined;
}

export const VMO_DELTA_CALLS: readonly KernelCall[] = [
  { number: 36, name: 'vmo_delta', parameters: ['handle', 'patches', 'count'], perform: vmoDelta },
];
