/**
 * A connection that the guest has opened: the end of it that the network plays. RFC 9293; the names are those of 3.3.1.
 *
 * The link loses nothing and has no others on it, so there is no congestion control, and segments that arrive out of order are
 * not kept. What the guest loses is sent again after a time.
 */
import { concatenated } from '../../bits.js';
import type { Station } from '../addresses.js';
import { TCP_FLAGS, lengthInSequence, type Segment } from './segment.js';

/** Most bytes in each direction that wait to be taken. */
export const BUFFER_BYTES = 0xffff;
/** What segments carry: the MTU without headers; and what they carry if the guest does not say how much it takes. */
export const SEGMENT_BYTES = 1460;
const DEFAULT_SEGMENT_BYTES = 536;
/** So that a guest does not make thousands of frames of what the host sends. */
const LEAST_SEGMENT_BYTES = 64;

/** The time after which something is sent again, at first: RFC 6298 2.1. It doubles each time, up to a limit. */
const RETRY_TICKS = 1_000_000_000;
const MOST_DOUBLINGS = 6;
/** Times that something is sent again before the connection is given up. */
const MOST_RETRIES = 10;

/** All its fields are state. */
export interface TcpConnection {
  readonly id: number;
  readonly station: Station;
  readonly stationPort: number;
  readonly address: number;
  readonly port: number;
  /** Bytes of a segment that the guest takes. */
  readonly segmentBytes: number;
  /** Whether the host has opened the connection, and whether it is over: what is left is to reset it. */
  isOpen: boolean;
  isBroken: boolean;
  /** RCV.NXT. */
  receiveNext: number;
  /** Whether the guest sends nothing more. */
  isGuestDone: boolean;
  /** Bytes from the guest that the host has not taken. */
  untaken: number;
  isAcknowledgmentDue: boolean;
  /** SND.UNA, SND.NXT, SND.WND, and the largest that SND.NXT has been. */
  unacknowledged: number;
  sendNext: number;
  sendWindow: number;
  sendMost: number;
  /** What is to be acknowledged, from SND.UNA on: the SYN, data, the FIN. */
  hasSyn: boolean;
  data: Uint8Array;
  hasFin: boolean;
  /** Whether the other end sends nothing more. */
  isRemoteDone: boolean;
  /** The tick at which something is sent again, Infinity for never; how often that was done; whether one byte goes past the window. */
  retryAt: number;
  retries: number;
  isProbing: boolean;
  /** The numbers of orders to the host, and of news from it. */
  orders: number;
  news: number;
}

/** The connection of a SYN. */
export function openedBy(
  { sequence, sourcePort, destinationPort, window, segmentBytes }: Segment,
  ends: Pick<TcpConnection, 'id' | 'station' | 'address'>,
  initialSequence: number,
): TcpConnection {
  const wanted = segmentBytes ?? DEFAULT_SEGMENT_BYTES;
  return {
    ...{ ...ends, stationPort: sourcePort, port: destinationPort, isOpen: false, isBroken: false },
    segmentBytes: Math.min(SEGMENT_BYTES, Math.max(LEAST_SEGMENT_BYTES, wanted)),
    ...{ receiveNext: (sequence + 1) >>> 0, isGuestDone: false, untaken: 0, isAcknowledgmentDue: false },
    ...{ unacknowledged: initialSequence, sendNext: initialSequence, sendMost: initialSequence, sendWindow: window },
    ...{ hasSyn: true, data: new Uint8Array(), hasFin: false, isRemoteDone: false },
    ...{ retryAt: Infinity, retries: 0, isProbing: false, orders: 0, news: 0 },
  };
}

/** Bytes that the guest may send. */
export function windowOf({ untaken }: TcpConnection): number {
  return BUFFER_BYTES - untaken;
}

/** Bytes from the other end for which there is room. */
export function roomOf({ isOpen, isBroken, isRemoteDone, data }: TcpConnection): number {
  return isOpen && !isBroken && !isRemoteDone ? BUFFER_BYTES - data.length : 0;
}

/**
 * Whether both ends have sent all and know that of each other, and the host has taken everything. There is no TIME-WAIT: should
 * the last acknowledgment get lost, a reset answers when the guest asks for it.
 */
export function isFinished(connection: TcpConnection): boolean {
  const { isRemoteDone, hasFin, isGuestDone, isAcknowledgmentDue, untaken } = connection;
  return isGuestDone && isRemoteDone && !hasFin && !isAcknowledgmentDue && untaken === 0;
}

export function addData(connection: TcpConnection, bytes: Uint8Array): void {
  connection.data = concatenated([connection.data, bytes.subarray(0, roomOf(connection))]);
}

export function endOfData(connection: TcpConnection): void {
  if (connection.isRemoteDone) return;
  connection.isRemoteDone = true;
  connection.hasFin = true;
}

/** The host has taken bytes. A window that was nearly closed is told to the guest when half of it is open. */
export function taken(connection: TcpConnection, count: number): void {
  const before = windowOf(connection);
  connection.untaken = Math.max(0, connection.untaken - count);
  if (before < BUFFER_BYTES / 2 && windowOf(connection) >= BUFFER_BYTES / 2) connection.isAcknowledgmentDue = true;
}

/** The distance between sequence numbers, -2^31 to 2^31 - 1. */
export function after(sequence: number, base: number): number {
  return (sequence - base) | 0;
}

/** Takes the acknowledgment and the window of a segment. */
export function acknowledge(connection: TcpConnection, { acknowledgment, window }: Segment): void {
  let count = after(acknowledgment, connection.unacknowledged);
  if (count < 0) return;
  if (count > after(connection.sendMost, connection.unacknowledged)) {
    // It acknowledges something that was never sent.
    connection.isAcknowledgmentDue = true;
    return;
  }
  connection.sendWindow = window;
  connection.isProbing = false;
  connection.retries = 0;
  if (count === 0) return;
  connection.unacknowledged = acknowledgment;
  connection.retryAt = Infinity;
  if (after(connection.sendNext, acknowledgment) < 0) connection.sendNext = acknowledgment;
  if (connection.hasSyn) {
    connection.hasSyn = false;
    count--;
  }
  const bytes = Math.min(count, connection.data.length);
  connection.data = connection.data.slice(bytes);
  if (count > bytes) connection.hasFin = false;
}

/** Takes the data and the end of a segment, as far as they are next and the window has room. Returns the new data. */
export function accept(connection: TcpConnection, segment: Segment): Uint8Array {
  const { sequence, flags, data } = segment;
  if (lengthInSequence(segment) > 0) connection.isAcknowledgmentDue = true;
  const known = after(connection.receiveNext, sequence);
  if (connection.isGuestDone || known < 0 || known > data.length) return new Uint8Array();
  const fresh = data.slice(known, known + windowOf(connection));
  connection.receiveNext = (connection.receiveNext + fresh.length) >>> 0;
  connection.untaken += fresh.length;
  if (flags & TCP_FLAGS.fin && known + fresh.length === data.length) {
    connection.receiveNext = (connection.receiveNext + 1) >>> 0;
    connection.isGuestDone = true;
  }
  return fresh;
}

/** Where in what is to be acknowledged the next segment begins, and how many bytes of data it may have. */
function nextPart(connection: TcpConnection): { readonly at: number; readonly bytes: number } {
  const { data, hasSyn, isOpen, segmentBytes, sendWindow, isProbing } = connection;
  const offset = after(connection.sendNext, connection.unacknowledged);
  const at = hasSyn ? offset - 1 : offset;
  // Data follows when the SYN has been acknowledged.
  if (!isOpen || hasSyn) return { at, bytes: 0 };
  const window = Math.max(sendWindow - offset, isProbing ? 1 - offset : 0);
  return { at, bytes: Math.max(0, Math.min(segmentBytes, window, data.length - at)) };
}

/** Whether a segment lies in the window, as far as it has a length: RFC 9293 3.10.7.4. */
export function isAcceptable(connection: TcpConnection, segment: Segment): boolean {
  const offset = after(segment.sequence, connection.receiveNext);
  const [length, window] = [lengthInSequence(segment), windowOf(connection)];
  return length === 0 ? offset >= 0 && offset <= window : offset < window && offset + length > 0;
}

/** The next segment to send, which counts as sent; undefined if there is none. */
export function nextSegment(connection: TcpConnection, now: number): Segment | undefined {
  const { data, hasSyn, hasFin } = connection;
  if (!connection.isOpen) return undefined;
  const { at, bytes } = nextPart(connection);
  const isSyn = hasSyn && at < 0;
  const isFin = hasFin && !hasSyn && at + bytes === data.length;
  if (!isSyn && bytes === 0 && !isFin && !connection.isAcknowledgmentDue) return undefined;
  const { psh, ack, syn, fin } = TCP_FLAGS;
  const flags = ack | (isSyn ? syn : 0) | (bytes > 0 ? psh : 0) | (isFin ? fin : 0);
  const segment = {
    ...endsOf(connection),
    ...{ sequence: connection.sendNext, acknowledgment: connection.receiveNext, flags, window: windowOf(connection) },
    ...{
      segmentBytes: isSyn ? SEGMENT_BYTES : undefined,
      data: data.subarray(Math.max(at, 0), Math.max(at, 0) + bytes),
    },
  };
  connection.sendNext = (connection.sendNext + lengthInSequence(segment)) >>> 0;
  if (after(connection.sendNext, connection.sendMost) > 0) connection.sendMost = connection.sendNext;
  connection.isAcknowledgmentDue = false;
  connection.isProbing = false;
  watch(connection, now);
  return segment;
}

/** Sees to it that what may be lost, or waits for a window, is tried again. */
export function watch(connection: TcpConnection, now: number): void {
  const { sendNext, unacknowledged, data, retries, retryAt, isOpen } = connection;
  const isInFlight = sendNext !== unacknowledged;
  const isBlocked = isOpen && !connection.hasSyn && data.length > 0 && connection.sendWindow === 0;
  if (!isInFlight && !isBlocked) connection.retryAt = Infinity;
  else if (retryAt === Infinity) connection.retryAt = now + RETRY_TICKS * 2 ** Math.min(retries, MOST_DOUBLINGS);
}

/** The time for an acknowledgment has passed: everything is sent again. Returns whether the guest may still be there. */
export function retry(connection: TcpConnection): boolean {
  if (++connection.retries > MOST_RETRIES) return false;
  connection.sendNext = connection.unacknowledged;
  connection.isProbing = connection.sendWindow === 0;
  connection.retryAt = Infinity;
  return true;
}

/** The segment that ends a connection at once. */
export function resetOf(connection: TcpConnection): Segment {
  const { sendNext: sequence, receiveNext: acknowledgment } = connection;
  const flags = TCP_FLAGS.rst | TCP_FLAGS.ack;
  return { ...endsOf(connection), sequence, acknowledgment, flags, window: 0, data: new Uint8Array() };
}

function endsOf({ port, stationPort }: TcpConnection): Pick<Segment, 'sourcePort' | 'destinationPort'> {
  return { sourcePort: port, destinationPort: stationPort };
}
