/** sendmmsg(2) and recvmmsg(2). */
import { PENDING, type CallResult } from '../../../calls/call.js';
import { interruptedTransfer, signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxError, failed } from '../../errno.js';
import { MSG_DONTWAIT, MSG_WAITFORONE } from '../../sockets/constants.js';
import { put32 } from '../../user-data.js';
import { socketOf } from './arguments.js';
import { recvmsg, sendmsg } from './message.js';
import { HEADER_BYTES } from './message-header.js';

const MESSAGE_BYTES = BigInt(HEADER_BYTES + 8);
const MESSAGES_MAX = 1024;

/** The first message may be waited for; the others are those that can be moved at once. */
function each(
  context: LinuxContext,
  move: (context: LinuxContext, message: bigint, flags: bigint) => CallResult,
  first: bigint,
  countArgument: bigint,
  flags: number,
): CallResult {
  const count = Math.min(Number(BigInt.asUintN(32, countArgument)), MESSAGES_MAX);
  let moved = 0;
  for (; moved < count; moved++) {
    const message = first + BigInt(moved) * MESSAGE_BYTES;
    const result = moved === 0 ? move(context, message, BigInt(flags)) : further(context, move, message, flags);
    if (typeof result !== 'bigint' || result < 0n) return moved > 0 ? BigInt(moved) : result;
    put32(context, message + BigInt(HEADER_BYTES), Number(result));
  }
  return BigInt(moved);
}

/** Moves a message without waiting. */
function further(
  context: LinuxContext,
  move: (context: LinuxContext, message: bigint, flags: bigint) => CallResult,
  message: bigint,
  flags: number,
): CallResult {
  const pending = { ...context.pending, progress: 0 };
  try {
    const result = move({ ...context, pending }, message, BigInt(flags | MSG_DONTWAIT));
    return result === PENDING ? BigInt(pending.progress) : result;
  } catch (error) {
    if (error instanceof LinuxError) return failed(error.errno);
    throw error;
  }
}

function sendmmsg(context: LinuxContext, fd: bigint, messages: bigint, count: bigint, flags: bigint): CallResult {
  socketOf(context, fd);
  const send = (own: LinuxContext, message: bigint, all: bigint): CallResult => sendmsg(own, fd, message, all);
  return each(context, send, messages, count, signed32(flags));
}

function recvmmsg(context: LinuxContext, fd: bigint, messages: bigint, count: bigint, flags: bigint): CallResult {
  socketOf(context, fd);
  const receive = (own: LinuxContext, message: bigint, all: bigint): CallResult => recvmsg(own, fd, message, all);
  return each(context, receive, messages, count, signed32(flags) & ~MSG_WAITFORONE);
}

const first = {
  state: 'part',
  differs: 'It waits for the first message alone.',
  interrupted: interruptedTransfer,
} as const;
const parameters = ['fd', 'messages', 'count', 'flags'];

export const MESSAGES_CALLS: readonly LinuxCall[] = [
  { number: 299, name: 'recvmmsg', parameters: [...parameters, 'timeout'], perform: recvmmsg, ...first },
  { number: 307, name: 'sendmmsg', parameters, perform: sendmmsg, ...first },
];
