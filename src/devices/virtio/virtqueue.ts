import { viewOf } from '../../bits.js';
import type { DirectMemory, MemoryPart } from '../direct-access.js';

/** A split virtqueue: Virtual I/O Device Specification 1.2, 2.7. All its fields are state. */
export interface Virtqueue {
  /** Number of descriptors, a power of two. */
  size: number;
  isEnabled: boolean;
  /** Physical addresses of the descriptor table, the available ring and the used ring. */
  descriptors: number;
  available: number;
  used: number;
  /** Number of chains that were taken from the available ring, and that were put into the used ring, modulo 2^16. */
  taken: number;
  returned: number;
}

export const MOST_QUEUE_SIZE = 256;

const DESCRIPTOR_BYTES = 16;
const HAS_NEXT = 1 << 0;
const IS_WRITABLE = 1 << 1;
const IS_INDIRECT = 1 << 2;
const NO_INTERRUPT = 1 << 0;
const USED_ENTRY_BYTES = 8;

/** Most bytes of a chain, so that a guest cannot make its host gather more. */
const MOST_CHAIN_BYTES = 2 ** 22;

/** A chain of descriptors: what the device reads, then what it may write. */
export interface Chain {
  readonly head: number;
  readonly readable: readonly MemoryPart[];
  readonly writable: readonly MemoryPart[];
}

export function virtqueue(): Virtqueue {
  return { size: MOST_QUEUE_SIZE, isEnabled: false, descriptors: 0, available: 0, used: 0, taken: 0, returned: 0 };
}

/** The next chain, which stays there until `skip`; 'none' if the driver has given no more, 'bad' if the queue is unusable. */
export function nextChain(queue: Virtqueue, memory: DirectMemory): Chain | 'none' | 'bad' {
  const { size, available, taken } = queue;
  const index = readNumber(memory, available + 2, 2);
  if (index === undefined || ((index - taken) & 0xffff) > size) return 'bad';
  if (index === taken) return 'none';
  const head = readNumber(memory, available + 4 + 2 * (taken % size), 2);
  return head === undefined ? 'bad' : (chainFrom(queue, memory, head) ?? 'bad');
}

/** Descriptors of a queue, or of a table that one of them leads to. */
interface DescriptorTable {
  readonly size: number;
  readonly descriptors: number;
}

interface Descriptor {
  readonly part: MemoryPart;
  readonly flags: number;
  readonly next: number;
}

/** The descriptor of an index; undefined if there is none. */
function descriptorAt(
  { size, descriptors }: DescriptorTable,
  memory: DirectMemory,
  index: number,
): Descriptor | undefined {
  const entry = index < size ? memory.read(descriptors + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES) : undefined;
  if (!entry) return undefined;
  const view = viewOf(entry);
  const part = { physical: Number(view.getBigUint64(0, true)), bytes: view.getUint32(8, true) };
  return { part, flags: view.getUint16(12, true), next: view.getUint16(14, true) };
}

function chainFrom(queue: Virtqueue, memory: DirectMemory, head: number): Chain | undefined {
  const [readable, writable]: [MemoryPart[], MemoryPart[]] = [[], []];
  let table: DescriptorTable = queue;
  let bytes = 0;
  for (let index = head, count = 0; count < queue.size; count++) {
    const found = descriptorAt(table, memory, index);
    if (!found) return undefined;
    const { part, flags } = found;
    if (flags & IS_INDIRECT) {
      const inner = table === queue && !(flags & HAS_NEXT) ? tableOf(part) : undefined;
      if (!inner) return undefined;
      [table, index] = [inner, 0];
      continue;
    }
    bytes += part.bytes;
    if (bytes > MOST_CHAIN_BYTES) return undefined;
    if (flags & IS_WRITABLE) writable.push(part);
    else if (writable.length > 0) return undefined;
    else readable.push(part);
    if (!(flags & HAS_NEXT)) return { head, readable, writable };
    index = found.next;
  }
  return undefined;
}

/** The table of an indirect descriptor, which has no further ones in it: 2.7.5.3. */
function tableOf({ physical, bytes }: MemoryPart): DescriptorTable | undefined {
  const size = bytes / DESCRIPTOR_BYTES;
  return Number.isInteger(size) && size > 0 ? { size, descriptors: physical } : undefined;
}

/** Takes the chain that `nextChain` has returned. */
export function skip(queue: Virtqueue): void {
  queue.taken = (queue.taken + 1) & 0xffff;
}

/** Returns a chain to the driver, into whose writable part so many bytes were written. */
export function giveBack(queue: Virtqueue, memory: DirectMemory, { head }: Chain, writtenBytes: number): void {
  const entry = new DataView(new ArrayBuffer(USED_ENTRY_BYTES));
  entry.setUint32(0, head, true);
  entry.setUint32(4, writtenBytes, true);
  memory.write(queue.used + 4 + USED_ENTRY_BYTES * (queue.returned % queue.size), new Uint8Array(entry.buffer));
  queue.returned = (queue.returned + 1) & 0xffff;
  memory.write(queue.used + 2, Uint8Array.of(queue.returned & 0xff, queue.returned >> 8));
}

/** Whether the driver wants interrupts for chains that are given back. */
export function wantsInterrupts({ available }: Virtqueue, memory: DirectMemory): boolean {
  return ((readNumber(memory, available, 2) ?? 0) & NO_INTERRUPT) === 0;
}

function readNumber(memory: DirectMemory, physical: number, bytes: number): number | undefined {
  return memory.read(physical, bytes)?.reduceRight((value, byte) => value * 256 + byte, 0);
}
