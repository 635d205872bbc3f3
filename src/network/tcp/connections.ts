import { schema, outside, value } from '../../state/schema.js';
import type { Station } from '../addresses.js';
import type { NetworkAccount, NetworkHost, NetworkNews } from '../network-host.js';
import {
  accept,
  acknowledge,
  addData,
  after,
  endOfData,
  isAcceptable,
  isFinished,
  nextSegment,
  openedBy,
  resetOf,
  retry,
  roomOf,
  taken,
  watch,
  type TcpConnection,
} from './connection.js';
import { TCP_FLAGS, type Segment } from './segment.js';

/** Most connections at a time; the guest gets a reset for further ones. */
export const MOST_CONNECTIONS = 256;

/** The initial sequence number counts units of 4 microseconds: RFC 9293 3.4.1. */
const TICKS_PER_SEQUENCE_NUMBER = 4000;

/** What segments go from and to, besides their ports. */
export interface Ends {
  readonly station: Station;
  readonly address: number;
}

/** The time and the host, which connections need. */
export interface ConnectionsHost {
  readonly clock: { readonly ticks: number };
  readonly host: NetworkHost;
  /** A number for a connection that no other has. */
  newId(): number;
}

/** All TCP connections of a network, which the guest has opened and the host carries on. */
export class TcpConnections {
  static readonly state = schema(
    'TCP connections',
    TcpConnections,
    { of: outside('the network'), list: value, turn: value },
    { isPart: true },
  );

  private readonly list: TcpConnection[] = [];
  /** The place of the connection that may send next. */
  private turn = 0;

  constructor(private readonly of: ConnectionsHost) {}

  private get now(): number {
    return this.of.clock.ticks;
  }

  /** Takes a segment of the guest. Returns false if there is no such connection. */
  receive({ station, address }: Ends, segment: Segment): boolean {
    const { sourcePort, destinationPort } = segment;
    const found = this.list.find(
      (connection) =>
        connection.stationPort === sourcePort &&
        connection.port === destinationPort &&
        connection.address === address &&
        connection.station.address === station.address,
    );
    if (!found) return false;
    if (!found.isBroken) this.arrived(found, segment);
    return true;
  }

  /** Opens a connection for a SYN. Returns false if there are too many. */
  open(ends: Ends, segment: Segment): boolean {
    if (this.list.length >= MOST_CONNECTIONS) return false;
    const id = this.of.newId();
    const initial = (Math.floor(this.now / TICKS_PER_SEQUENCE_NUMBER) + id) >>> 0;
    const connection = openedBy(segment, { ...ends, id }, initial);
    this.list.push(connection);
    this.order(connection, () => this.of.host.connect(id, connection.address, connection.port));
    return true;
  }

  /** RFC 9293 3.10.7.4; resets as RFC 5961 3 has them. */
  private arrived(connection: TcpConnection, segment: Segment): void {
    const { flags } = segment;
    const isNext = segment.sequence === connection.receiveNext;
    if (flags & TCP_FLAGS.rst) {
      if (isNext) this.remove(connection);
      else if (isAcceptable(connection, segment)) connection.isAcknowledgmentDue = true;
      return;
    }
    if (!connection.isOpen) return;
    if (flags & TCP_FLAGS.syn) {
      // The SYN again, because its answer was lost.
      const isSame = connection.hasSyn && after(connection.receiveNext, segment.sequence) === 1;
      if (isSame) connection.sendNext = connection.unacknowledged;
      else connection.isAcknowledgmentDue = true;
      return;
    }
    if (!isAcceptable(connection, segment)) connection.isAcknowledgmentDue = true;
    if (!(flags & TCP_FLAGS.ack)) return;
    acknowledge(connection, segment);
    const { isGuestDone } = connection;
    const bytes = accept(connection, segment);
    const { host } = this.of;
    if (bytes.length > 0) this.order(connection, () => host.send(connection.id, bytes));
    if (connection.isGuestDone && !isGuestDone) this.order(connection, () => host.end(connection.id));
    this.settle(connection);
  }

  private order(connection: TcpConnection, give: () => void): void {
    connection.orders++;
    give();
  }

  /** After a change: what is over goes, and the rest is watched. */
  private settle(connection: TcpConnection): void {
    if (isFinished(connection)) this.remove(connection);
    else watch(connection, this.now);
  }

  private remove(connection: TcpConnection): void {
    this.list.splice(this.list.indexOf(connection), 1);
    this.of.host.drop(connection.id);
  }

  /** Takes news of a connection. Returns the connection if its destination cannot be reached, which is then gone. */
  deliver(news: NetworkNews): TcpConnection | undefined {
    const connection = this.list.find(({ id }) => id === news.id);
    if (!connection || connection.isBroken) return undefined;
    connection.news++;
    switch (news.what) {
      case 'connected':
        connection.isOpen = true;
        break;
      case 'data':
        addData(connection, news.bytes);
        break;
      case 'taken':
        taken(connection, news.count);
        break;
      case 'end':
        endOfData(connection);
        break;
      case 'unreachable':
        if (connection.isOpen) return void (connection.isBroken = true);
        this.remove(connection);
        return connection;
      default:
        connection.isBroken = true;
        return undefined;
    }
    this.settle(connection);
    return undefined;
  }

  /** The next segment for the guest, of the connections in turn; undefined if there is none. */
  next(): (Ends & { readonly segment: Segment }) | undefined {
    const { list } = this;
    for (let count = 0; count < list.length; count++) {
      const place = (this.turn + count) % list.length;
      const connection = list[place]!;
      const segment = connection.isBroken ? resetOf(connection) : nextSegment(connection, this.now);
      if (!segment) continue;
      this.turn = place + 1;
      if (connection.isBroken || isFinished(connection)) this.remove(connection);
      return { ...connection, segment };
    }
    return undefined;
  }

  /** Sends again what was not acknowledged in time. Returns whether there is any. */
  update(): boolean {
    const due = this.list.filter(({ retryAt }) => retryAt <= this.now);
    for (const connection of due)
      if (!retry(connection)) {
        connection.retryAt = Infinity;
        connection.isBroken = true;
        this.of.host.drop(connection.id);
      }
    return due.length > 0;
  }

  /** The next tick at which something is to be sent again. */
  get nextChange(): number {
    return this.list.reduce((least, { retryAt }) => Math.min(least, retryAt), Infinity);
  }

  /** Bytes that a connection has room for. */
  room(id: number): number {
    const connection = this.list.find((connection) => connection.id === id);
    return connection ? roomOf(connection) : 0;
  }

  /** Resets all connections. */
  breakAll(): void {
    for (const connection of this.list) connection.isBroken = true;
  }

  /** Forgets all connections: the guest does not know them any more. */
  removeAll(): void {
    for (const connection of [...this.list]) this.remove(connection);
  }

  get accounts(): readonly NetworkAccount[] {
    return this.list.filter(({ isBroken }) => !isBroken);
  }
}
