/** What a message takes of the send buffer of its socket: net/core/skbuff.c "__alloc_skb", net/unix/af_unix.c. */
import { PAGE_SIZE } from '../../../bits.js';

/** Bytes of struct sk_buff and struct skb_shared_info. */
const DESCRIPTION_BYTES = 256;
const SHARED_BYTES = 320;
const CACHE_LINE = 64;
const HEAD_BYTES_MIN = 512;
/** Bytes that lie in one piece at most, in a stream and in a datagram, and in pages at most. */
const STREAM_HEAD_MAX = PAGE_SIZE - SHARED_BYTES;
const DATAGRAM_HEAD_MAX = 4 * PAGE_SIZE - SHARED_BYTES;
const STREAM_PAGES_BYTES = 32768;
const DATAGRAM_PAGES_BYTES = 17 * PAGE_SIZE;
/** What each message of a stream leaves of half the send buffer. */
const STREAM_RESERVE = 64;

/** The longest message that a stream puts into a send buffer of a size. */
export function streamPartMax(sendBytes: number): number {
  return Math.min((sendBytes >> 1) - STREAM_RESERVE, STREAM_HEAD_MAX + STREAM_PAGES_BYTES);
}

/** What a message of a length takes of the send buffer. */
export function bufferBytes(length: number, isStream: boolean): number {
  const beyond = Math.max(0, length - (isStream ? STREAM_HEAD_MAX : DATAGRAM_HEAD_MAX));
  const inPages = isStream ? Math.min(length, pages(beyond)) : pages(Math.min(beyond, DATAGRAM_PAGES_BYTES));
  return DESCRIPTION_BYTES + allocated(length - inPages) + pages(inPages);
}

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}

/** The power of two that holds the bytes and what the kernel keeps behind them. */
function allocated(bytes: number): number {
  const needed = Math.ceil(bytes / CACHE_LINE) * CACHE_LINE + SHARED_BYTES;
  let size = HEAD_BYTES_MIN;
  while (size < needed) size *= 2;
  return size;
}
