import { Errno, KernelError, failure } from '../errors.js';
import { fromLinear } from '../memory/linear-address.js';
import { wouldDeadlock } from '../tasks/deadlock.js';
import { ENDED, type CallContext, type CallResult, type KernelCall } from './call.js';
import { deadlineTick } from '../tasks/thread.js';
import { waitFor } from './wait.js';

/** Any larger stack is ENOMEM, too, and is no number that counts bytes one by one. */
const MOST_STACK_BYTES = 2n ** 48n;

function threadSpawn({ kernel, thread }: CallContext, entry: bigint, argument: bigint, stackSize: bigint): CallResult {
  if (stackSize === 0n || fromLinear(entry) === undefined) return failure(Errno.EINVAL);
  if (stackSize > MOST_STACK_BYTES) return failure(Errno.ENOMEM);
  try {
    return BigInt(kernel.spawn(thread, { entry, argument, stackBytes: Number(stackSize) }).tid);
  } catch (error) {
    if (error instanceof KernelError) return failure(error.errno);
    throw error;
  }
}

/** A code has 32 bits, so that none is taken for an error. */
function threadExit({ kernel, thread }: CallContext, code: bigint): CallResult {
  kernel.endThread(thread, Number(BigInt.asUintN(32, code)));
  return ENDED;
}

function threadJoin(context: CallContext, tid: bigint, deadline: bigint): CallResult {
  const { kernel, thread, process } = context;
  const number = Number(tid);
  const code = process.endedThreads.take(number);
  if (code !== undefined) return BigInt(code);
  const target = kernel.findThread(number);
  if (!target) return failure(Errno.ESRCH);
  if (target === thread) return failure(Errno.EDEADLK);
  if (deadlineTick(deadline) === Infinity && wouldDeadlock(kernel, thread, [target])) return failure(Errno.EDEADLK);
  return waitFor(context, { kind: 'thread', number }, deadline);
}

function threadSelf({ thread }: CallContext): CallResult {
  return BigInt(thread.tid);
}

function yieldTurn({ kernel }: CallContext): CallResult {
  kernel.yieldTurn();
  return 0n;
}

export const THREAD_CALLS: readonly KernelCall[] = [
  { number: 8, name: 'thread_spawn', parameters: ['entry', 'argument', 'stack_size'], perform: threadSpawn },
  { number: 9, name: 'thread_exit', parameters: ['code'], perform: threadExit },
  { number: 10, name: 'thread_join', parameters: ['tid', 'deadline'], perform: threadJoin },
  { number: 11, name: 'thread_self', parameters: [], perform: threadSelf },
  { number: 12, name: 'yield', parameters: [], perform: yieldTurn },
];
