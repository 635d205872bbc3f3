import { Errno, failure } from '../errors.js';
import { HEAP_PAIR_BYTES, heapPairBytes, heapPairFrom } from '../program/header-page.js';
import { toLinear } from '../memory/linear-address.js';
import { processOf, type CallContext, type CallResult, type KernelCall } from './call.js';

function heapPointer(context: CallContext, pid: bigint): CallResult {
  const process = processOf(context, pid);
  return process ? toLinear(process.heapPair) : failure(Errno.ESRCH);
}

/**
 * What guest/lib/heap.c does with a compare and exchange, between two instructions. The pair is whatever threads have left
 * there: one that does not lie in the region has no room for anything.
 */
function heapAdvance(context: CallContext, size: bigint, align: bigint): CallResult {
  if (align === 0n || align & (align - 1n)) return failure(Errno.EINVAL);
  const { region, heapPair: address } = context.process;
  const { heapPointer, stackFloor } = heapPairFrom(context.memory.read(address, HEAP_PAIR_BYTES));
  const start = toLinear(region.start);
  const block = (heapPointer + align - 1n) & -align;
  if (heapPointer < start || stackFloor > start + BigInt(region.size)) return failure(Errno.ENOMEM);
  if (block + size > stackFloor) return failure(Errno.ENOMEM);
  context.memory.write(address, heapPairBytes({ heapPointer: block + size, stackFloor }));
  return block;
}

export const MEMORY_CALLS: readonly KernelCall[] = [
  { number: 14, name: 'heap_pointer', parameters: ['pid'], perform: heapPointer },
  { number: 15, name: 'heap_advance', parameters: ['size', 'align'], perform: heapAdvance },
];
