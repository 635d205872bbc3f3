import { partitionPoint } from '../../sorted.js';
import { PAGE_SIZE, roundUp } from '../../bits.js';
import { OutOfFramesError } from '../../vmo/errors.js';
import type { Steps } from '../../vmo/steps.js';
import type { VmoStore } from '../../vmo/store.js';
import type { AddressSpace } from '../memory/address-space.js';
import { Errno, KernelError } from '../errors.js';
import { HEAP_PAIR_BYTES, heapPairBytes, heapPairFrom } from '../program/header-page.js';
import { placeThreadLocal, threadLocalBytes } from '../program/initial-stack.js';
import { THREAD_RETURN } from '../program/kernel-page.js';
import { fromLinear, toLinear, type LinearAddress } from '../memory/linear-address.js';
import { PROTECTION_READ, PROTECTION_WRITE } from '../memory/mapping.js';
import type { Pager } from '../memory/pager.js';
import type { Region } from '../memory/region.js';
import type { Process } from './process.js';
import { unmapIn } from '../memory/map-vmo.js';
import type { ThreadStack } from './thread.js';
import type { UserMemory } from '../memory/user-memory.js';

/** Where stacks are made. */
export interface StackTarget {
  readonly store: VmoStore;
  readonly space: AddressSpace;
  readonly pager: Pager;
  readonly memory: UserMemory;
}

/** A stack on which a further thread can begin. */
export interface PreparedStack {
  readonly stack: ThreadStack;
  /** 8 modulo 16: it points to the address to which the thread returns. */
  readonly rsp: LinearAddress;
  /** The base of FS. */
  readonly threadPointer: LinearAddress;
}

const WORD_BYTES = 8;
const STACK_ALIGNMENT = 16;

/**
 * A stack of at least `stackBytes` for a further thread of a process: that of one that has ended, the smallest that does, or
 * a new one below the stack floor, which is moved while no thread can see it: one that moves the pair with a compare and
 * exchange finds it changed. Below it lies its guard page, above it what the process asks for as thread-local storage.
 * Throws KernelError ENOMEM, with nothing changed, where there is no room or no frame.
 */
export function prepareStack(target: StackTarget, process: Process, stackBytes: number): PreparedStack {
  const needed = roundUp(stackBytes + threadLocalBytes(process.description.threadLocal), PAGE_SIZE) + PAGE_SIZE;
  const free = freeStack(process, needed);
  const stack = free ?? stackBelowFloor(target, process, needed);
  if (!free) protect(target, process.region, stack, process.description.stackProtection);
  try {
    const prepared = fillTop(target, process, stack);
    if (free) {
      process.freeStacks.splice(process.freeStacks.indexOf(free), 1);
      process.hostMemory.release('freeStack');
    } else takeFromFloor(target, process, stack);
    return prepared;
  } catch (error) {
    if (!(error instanceof OutOfFramesError)) throw error;
    target.pager.discard(process.region, stack.guard + PAGE_SIZE, stack.end);
    if (!free) protect(target, process.region, stack, PROTECTION_READ | PROTECTION_WRITE);
    throw new KernelError(Errno.ENOMEM, error.message);
  }
}

/**
 * Takes back the stack of a thread that has ended, in steps: what it holds is forgotten, and what the program has mapped
 * there.
 */
export function* freeThreadStack(target: StackTarget, process: Process, stack: ThreadStack): Steps<void> {
  const { region, freeStacks } = process;
  const start = stack.guard + PAGE_SIZE;
  const protection = process.description.stackProtection;
  yield* target.pager.discardInSteps(region, start, stack.end);
  if (!region.isZeros(start, stack.end, protection)) {
    unmapIn(target, region, start, stack.end);
    region.add({ start, end: stack.end, protection, backing: undefined });
  }
  freeStacks.splice(firstOfSize(freeStacks, sizeOf(stack) + 1), 0, stack);
  process.hostMemory.charge('freeStack');
}

/** The smallest that does. One that the program has mapped or unmapped since is the program's, as long as it is so. */
function freeStack({ freeStacks, region, description }: Process, needed: number): ThreadStack | undefined {
  const { stackProtection } = description;
  for (let index = firstOfSize(freeStacks, needed); index < freeStacks.length; index++) {
    const { guard, end } = freeStacks[index]!;
    if (!region.mappingAt(guard) && region.isZeros(guard + PAGE_SIZE, end, stackProtection)) return freeStacks[index];
  }
  return undefined;
}

/** Where the stacks of at least so many bytes begin among some that are sorted by their size. */
function firstOfSize(stacks: readonly ThreadStack[], size: number): number {
  return partitionPoint(stacks.length, (index) => sizeOf(stacks[index]!) < size);
}

/** Bytes of a stack and its guard page. */
function sizeOf({ guard, end }: ThreadStack): number {
  return end - guard;
}

function stackBelowFloor({ memory }: StackTarget, process: Process, needed: number): ThreadStack {
  const { region } = process;
  const pair = heapPairFrom(memory.read(process.heapPair, HEAP_PAIR_BYTES));
  const [heapPointer, floor] = [fromLinear(pair.heapPointer) ?? Infinity, fromLinear(pair.stackFloor) ?? 0];
  const end = floor - (floor % PAGE_SIZE);
  const guard = end - needed;
  if (floor > region.end || heapPointer < region.start || guard < heapPointer || !region.isPlain(guard, end))
    throw new KernelError(Errno.ENOMEM, `the region has no room for a stack of ${needed} bytes`);
  return { guard, end };
}

function takeFromFloor(target: StackTarget, process: Process, { guard }: ThreadStack): void {
  const { heapPair, region } = process;
  const { heapPointer } = heapPairFrom(target.memory.read(heapPair, HEAP_PAIR_BYTES));
  target.memory.write(heapPair, heapPairBytes({ heapPointer, stackFloor: toLinear(guard) }));
  unmapIn(target, region, guard, guard + PAGE_SIZE);
}

/** Maps the pages of a new stack, which lies in unmapped memory, with a protection. */
function protect(target: StackTarget, region: Region, { guard, end }: ThreadStack, protection: number): void {
  const start = guard + PAGE_SIZE;
  if (region.isZeros(start, end, protection)) return;
  unmapIn(target, region, start, end);
  region.add({ start, end, protection, backing: undefined });
}

/** Writes the top of a stack: thread-local storage, and below it the address to which the thread returns. */
function fillTop({ memory }: StackTarget, process: Process, stack: ThreadStack): PreparedStack {
  const { threadLocal, canary } = process.description;
  const place = placeThreadLocal(stack.end, threadLocal, canary);
  const rsp = place.start - (place.start % STACK_ALIGNMENT) - WORD_BYTES;
  if (threadLocal) memory.write(place.start, memory.peek(threadLocal.address, threadLocal.fileSize));
  memory.write(place.threadPointer, place.controlBlock);
  const word = new Uint8Array(WORD_BYTES);
  new DataView(word.buffer).setBigUint64(0, toLinear(THREAD_RETURN), true);
  memory.write(rsp, word);
  return { stack, rsp, threadPointer: place.threadPointer };
}
