import { schema, value } from '../../../state/schema.js';

/** Bytes that a socket may have sent and nobody has received: net.core.wmem_default and wmem_max, rmem_default and rmem_max. */
const BUFFER_BYTES = 212_992;
const BUFFER_BYTES_MAX = 4_194_304;
const SEND_BYTES_MIN = 4608;
const RECEIVE_BYTES_MIN = 2304;

/** What setsockopt(2) sets of a socket. */
export class SocketOptions {
  /** @internal */
  static readonly state = schema('socket options', SocketOptions, {
    sendBytes: value,
    receiveBytes: value,
    sendTimeout: value,
    receiveTimeout: value,
    leastBytes: value,
    linger: value,
    kept: value,
    boundTo: value,
  });

  sendBytes = BUFFER_BYTES;
  receiveBytes = BUFFER_BYTES;
  /** In ticks; Infinity: none. */
  sendTimeout = Infinity;
  receiveTimeout = Infinity;
  /** SO_RCVLOWAT: what a receiver waits for at least. */
  leastBytes = 1;
  /** SO_LINGER: whether, and how many seconds. */
  linger: readonly [on: number, seconds: number] = [0, 0];
  /** Others, by level and number as `optionKey` joins them, that were set. */
  readonly kept = new Map<number, number>();

  /** The address that bind(2) has given to a socket of AF_INET or AF_INET6. */
  boundTo: Uint8Array | undefined;

  /** SO_SNDBUF, which is doubled: socket(7). */
  setSendBytes(bytes: number, most = BUFFER_BYTES_MAX): void {
    this.sendBytes = Math.max(SEND_BYTES_MIN, 2 * (bytes < 0 || bytes > most ? most : bytes));
  }

  /** SO_RCVBUF, which is doubled. */
  setReceiveBytes(bytes: number, most = BUFFER_BYTES_MAX): void {
    this.receiveBytes = Math.max(RECEIVE_BYTES_MIN, 2 * (bytes < 0 || bytes > most ? most : bytes));
  }

  /** Whether an option of SOL_SOCKET is on. */
  has(option: number): boolean {
    return (this.kept.get(optionKey(1, option)) ?? 0) !== 0;
  }

  /** For a connection that a socket has accepted. */
  copy(): SocketOptions {
    const copy = new SocketOptions();
    copy.sendBytes = this.sendBytes;
    copy.receiveBytes = this.receiveBytes;
    copy.linger = this.linger;
    for (const [key, option] of this.kept) copy.kept.set(key, option);
    return copy;
  }
}

/** One number for an option of a level. */
export function optionKey(level: number, option: number): number {
  return level * 65536 + option;
}
