import { createConnection, type Socket } from 'node:net';
import type { NetworkAccount, NetworkNews } from '../../index.js';

/** Bytes that are kept for the machine before reading pauses. */
const MOST_RECEIVED_BYTES = 2 ** 18;

/** The error of a system if nobody listens at a port. */
const REFUSED = 'ECONNREFUSED';

/** A connection of a machine, as a socket of the host. */
export class HostLink implements NetworkAccount {
  orders = 1;
  news = 0;
  private readonly socket: Socket;
  private readonly received: Uint8Array[] = [];
  private receivedBytes = 0;
  /** News that the machine does not have yet, in the order in which it gets them. */
  private isConnected = false;
  private takenBytes = 0;
  private hasEnded = false;
  private failure: 'refused' | 'unreachable' | 'reset' | undefined;
  /** Whether the machine knows of the connection, and of its end, and has ended its own side. */
  private readonly known = { isConnected: false, hasEnded: false, isGuestDone: false };

  constructor(
    readonly id: number,
    host: string,
    port: number,
    private readonly onNews: () => void,
  ) {
    this.socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true });
    this.socket.on('connect', () => {
      this.isConnected = true;
      onNews();
    });
    this.socket.on('data', (bytes: Buffer) => {
      this.received.push(new Uint8Array(bytes));
      this.receivedBytes += bytes.length;
      if (this.receivedBytes >= MOST_RECEIVED_BYTES) this.socket.pause();
      onNews();
    });
    this.socket.on('end', () => {
      this.hasEnded = true;
      onNews();
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.failure ??= this.isConnected ? 'reset' : error.code === REFUSED ? 'refused' : 'unreachable';
      onNews();
    });
  }

  send(bytes: Uint8Array): void {
    this.orders++;
    this.socket.write(bytes, (error) => {
      if (error) return;
      this.takenBytes += bytes.length;
      this.onNews();
    });
  }

  end(): void {
    this.orders++;
    this.known.isGuestDone = true;
    this.socket.end();
  }

  /** Closes the socket; the other end sees a reset unless both have sent all. */
  drop(): void {
    const { isGuestDone, hasEnded } = this.known;
    if (this.socket.connecting || (isGuestDone && hasEnded)) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** The next news for the machine, which has room for some bytes; undefined if there are none. */
  take(room: number): NetworkNews | undefined {
    const news = this.nextNews(room);
    if (news) this.news++;
    return news;
  }

  private nextNews(room: number): NetworkNews | undefined {
    const { id, known } = this;
    if (this.isConnected && !known.isConnected) {
      known.isConnected = true;
      return { id, what: 'connected' };
    }
    if (this.takenBytes > 0) {
      const count = this.takenBytes;
      this.takenBytes = 0;
      return { id, what: 'taken', count };
    }
    const bytes = this.receivedBytes > 0 ? this.takeBytes(room) : undefined;
    if (bytes) return { id, what: 'data', bytes };
    if (this.receivedBytes > 0) return undefined;
    if (this.failure) return { id, what: this.failure };
    if (!this.hasEnded || known.hasEnded) return undefined;
    known.hasEnded = true;
    return { id, what: 'end' };
  }

  private takeBytes(room: number): Uint8Array | undefined {
    const first = this.received[0];
    if (!first || room <= 0) return undefined;
    const bytes = first.subarray(0, room);
    if (bytes.length === first.length) this.received.shift();
    else this.received[0] = first.subarray(room);
    this.receivedBytes -= bytes.length;
    if (this.receivedBytes < MOST_RECEIVED_BYTES && this.socket.isPaused()) this.socket.resume();
    return bytes;
  }
}
