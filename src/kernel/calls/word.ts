import { Errno, failure } from '../errors.js';
import type { LinearAddress } from '../memory/linear-address.js';
import { STANDING, type CallContext, type CallResult, type KernelCall } from './call.js';
import { waitFor } from './wait.js';

const WORD_BYTES = 4n;
/** Threads that are woken at once, while the machine stands still. */
const WOKEN_AT_ONCE = 1024;

/** The address of a word that the caller may read; else the error. */
function locateWord({ memory }: CallContext, address: bigint): LinearAddress | bigint {
  if (address % WORD_BYTES !== 0n) return failure(Errno.EINVAL);
  return memory.locate(address, WORD_BYTES, 'read') ?? failure(Errno.EFAULT);
}

/**
 * Nothing happens between the look at the word and the beginning of the wait, so a thread that changes the word and then
 * wakes those that wait for it always finds this one there, or has made it answer EAGAIN.
 */
function waitWord(context: CallContext, address: bigint, expected: bigint, deadline: bigint): CallResult {
  const at = locateWord(context, address);
  if (typeof at === 'bigint') return at;
  if (BigInt(context.memory.readWord(at)) !== BigInt.asUintN(32, expected)) return failure(Errno.EAGAIN);
  return waitFor(context, { kind: 'word', number: at }, deadline);
}

function wakeWord(context: CallContext, address: bigint, n: bigint): CallResult {
  const at = locateWord(context, address);
  if (typeof at === 'bigint') return at;
  const { kernel, pending } = context;
  const most = Math.min(Number(n) - pending.progress, WOKEN_AT_ONCE);
  const woken = kernel.wake({ kind: 'word', number: at }, 0n, most);
  kernel.work.add(woken);
  pending.progress += woken;
  return woken < WOKEN_AT_ONCE ? BigInt(pending.progress) : STANDING;
}

export const WORD_CALLS: readonly KernelCall[] = [
  { number: 19, name: 'wait_word', parameters: ['address', 'expected', 'deadline'], perform: waitWord },
  { number: 20, name: 'wake_word', parameters: ['address', 'n'], perform: wakeWord },
];
