import { PAGE_SIZE } from '../../bits.js';
import type { StateWriter } from '../../state/state-writer.js';
import type { VmoBuilder } from '../../vmo/content/builder.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { Errno, failure } from '../errors.js';
import type { CallWork } from '../tasks/thread.js';
import { isOutOfMemory, isWithin, newHandle, spendOn, vmoOf } from './arguments.js';
import { PENDING, type CallContext, type CallResult, type KernelCall } from './call.js';
import { PARTS_MAX, wordsAt } from './vmo.js';

/** `struct bd0_patch` of guest/include/bd0.h: three words. */
export const PATCH_BYTES = 24;
const PATCH_WORDS = 3;
/** Bytes that are copied at once. */
const PART_BYTES = 65536;
/** What a patch takes at least, however short it is. */
const PATCH_COST_BYTES = 256;

/** A patch as a thread gave it: any 64-bit numbers. */
interface Patch {
  readonly offset: bigint;
  readonly address: bigint;
  readonly length: bigint;
}

/** Patches that are laid over a VMO one after another, in parts. They are read when the call begins, their bytes as it goes. */
class Patching implements CallWork {
  private readonly builder: VmoBuilder;
  /** The patch that it is at, and the bytes of it that are done. */
  private index = 0;
  private done = 0;
  /** See HandleTable. A patch begins and ends in the middle of a page. */
  readonly unhashedBytes: number;

  constructor(
    private readonly context: CallContext,
    base: VmoHandle,
    private readonly patches: readonly Patch[],
    unhashedOfBase: number,
  ) {
    this.builder = context.store.builder().copyFrom(base);
    this.unhashedBytes = patches.reduce((total, { length }) => total + Number(length) + 2 * PAGE_SIZE, unhashedOfBase);
  }

  get isComplete(): boolean {
    return this.index === this.patches.length;
  }

  /** Answers the work done, in bytes; undefined where one of them may not be read. */
  takePart(): number | undefined {
    const { memory } = this.context;
    let work = 0;
    while (work < PART_BYTES && !this.isComplete) {
      const { offset, address, length } = this.patches[this.index]!;
      const part = Math.min(PART_BYTES - work, Number(length) - this.done);
      const start = memory.locate(address + BigInt(this.done), BigInt(part), 'read');
      if (start === undefined) return undefined;
      this.builder.patch(Number(offset) + this.done, memory.read(start, part));
      work += Math.max(part, PATCH_COST_BYTES);
      this.done += part;
      if (this.done < Number(length)) continue;
      this.index++;
      this.done = 0;
    }
    return work;
  }

  finish(): VmoHandle {
    return this.builder.commit();
  }

  close(): void {
    this.builder.discard();
  }

  writeState(out: StateWriter): void {
    const patched = this.builder.snapshot();
    out.numbers([this.index, this.done]).text(patched.contentId);
    patched.close();
    for (const { offset, address, length } of this.patches) out.word(offset).word(address).word(length);
  }
}

function vmoDelta(context: CallContext, handle: bigint, patches: bigint, count: bigint): CallResult {
  const { pending } = context;
  if (!pending.work) {
    const patching = beginDelta(context, handle, patches, count);
    if (typeof patching === 'bigint') return patching;
    pending.work = patching;
  }
  const patching = pending.work as Patching;
  const work = patching.takePart();
  if (work === undefined) return failure(Errno.EFAULT);
  if (patching.isComplete) return newHandle(context, () => patching.finish(), patching.unhashedBytes);
  if (isOutOfMemory(context)) return failure(Errno.ENOMEM);
  spendOn(context, work);
  return PENDING;
}

/** Checks all arguments. Answers an error where one is wrong. */
function beginDelta(context: CallContext, handle: bigint, address: bigint, count: bigint): Patching | bigint {
  const { memory } = context;
  const start = memory.locate(address, count * BigInt(PATCH_BYTES), 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  if (count > BigInt(PARTS_MAX)) return failure(Errno.ERANGE);
  const patches = patchesFrom(wordsAt(context, start, Number(count) * PATCH_WORDS));
  if (!patches.every((patch) => memory.locate(patch.address, patch.length, 'read') !== undefined))
    return failure(Errno.EFAULT);
  const base = vmoOf(context, handle);
  if (!base) return failure(Errno.EBADF);
  if (!patches.every(({ offset, length }) => isWithin(offset, length, base.length))) return failure(Errno.ERANGE);
  const unhashed = context.process.handles.unhashedBytesOf(handle);
  return isOutOfMemory(context) ? failure(Errno.ENOMEM) : new Patching(context, base, patches, unhashed);
}

function patchesFrom(words: BigUint64Array): Patch[] {
  return Array.from({ length: words.length / PATCH_WORDS }, (_, index) => {
    const [offset, address, length] = words.subarray(index * PATCH_WORDS) as unknown as [bigint, bigint, bigint];
    return { offset, address, length };
  });
}

export const VMO_DELTA_CALLS: readonly KernelCall[] = [
  { number: 36, name: 'vmo_delta', parameters: ['handle', 'patches', 'count'], perform: vmoDelta },
];
