import { viewOf } from '../../bits.js';
import { PROTOCOLS, transportChecksum, type Datagram } from '../ipv4.js';

/**
 * A segment of the Transmission Control Protocol, RFC 9293 3.1:
 *
 *     0  source port:16    2  destination port:16    4  sequence number:32    8  acknowledgment number:32
 *    12  header length in words:4, 0:4    13  flags:8   14  window:16   16  checksum:16   18  urgent:16   20  options, data
 */
export interface Segment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** Of TCP_FLAGS. */
  readonly flags: number;
  readonly window: number;
  /** The maximum segment size option; undefined without it. */
  readonly segmentBytes?: number | undefined;
  readonly data: Uint8Array;
}

export const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

const HEADER_BYTES = 20;
/** Options: RFC 9293 3.2. */
const OPTION = { end: 0, none: 1, segmentBytes: 2 } as const;
const SEGMENT_OPTION_BYTES = 4;

/** Reads the segment of a datagram; undefined for a malformed one. */
export function readSegment(datagram: Datagram): Segment | undefined {
  const { payload } = datagram;
  if (payload.length < HEADER_BYTES) return undefined;
  const view = viewOf(payload);
  const headerBytes = (payload[12]! >> 4) * 4;
  if (headerBytes < HEADER_BYTES || headerBytes > payload.length || transportChecksum(datagram) !== 0) return undefined;
  return {
    ...{ sourcePort: view.getUint16(0), destinationPort: view.getUint16(2) },
    ...{
      sequence: view.getUint32(4),
      acknowledgment: view.getUint32(8),
      flags: payload[13]!,
      window: view.getUint16(14),
    },
    segmentBytes: segmentBytesIn(payload.subarray(HEADER_BYTES, headerBytes)),
    data: payload.subarray(headerBytes),
  };
}

function segmentBytesIn(options: Uint8Array): number | undefined {
  for (let at = 0; at < options.length && options[at] !== OPTION.end;) {
    if (options[at] === OPTION.none) {
      at++;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) return undefined;
    if (options[at] === OPTION.segmentBytes && length === SEGMENT_OPTION_BYTES)
      return viewOf(options).getUint16(at + 2);
    at += length;
  }
  return undefined;
}

/** The datagram of a segment. */
export function writeSegment(
  { source, destination }: Pick<Datagram, 'source' | 'destination'>,
  { sourcePort, destinationPort, sequence, acknowledgment, flags, window, segmentBytes, data }: Segment,
): Datagram {
  const headerBytes = HEADER_BYTES + (segmentBytes === undefined ? 0 : SEGMENT_OPTION_BYTES);
  const payload = new Uint8Array(headerBytes + data.length);
  const view = viewOf(payload);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint32(4, sequence);
  view.setUint32(8, acknowledgment);
  view.setUint8(12, (headerBytes / 4) << 4);
  view.setUint8(13, flags);
  view.setUint16(14, window);
  if (segmentBytes !== undefined) {
    payload.set([OPTION.segmentBytes, SEGMENT_OPTION_BYTES], HEADER_BYTES);
    view.setUint16(HEADER_BYTES + 2, segmentBytes);
  }
  payload.set(data, headerBytes);
  const datagram = { source, destination, protocol: PROTOCOLS.tcp, payload };
  view.setUint16(16, transportChecksum(datagram));
  return datagram;
}

/** The sequence numbers that a segment takes. */
export function lengthInSequence({ flags, data }: Segment): number {
  return data.length + (flags & TCP_FLAGS.syn ? 1 : 0) + (flags & TCP_FLAGS.fin ? 1 : 0);
}

/** The reset that answers a segment of no connection: RFC 9293 3.10.7.1. */
export function resetFor(segment: Segment): Segment {
  const { sourcePort, destinationPort, sequence, acknowledgment, flags } = segment;
  const ends = { sourcePort: destinationPort, destinationPort: sourcePort };
  const rest = { window: 0, data: new Uint8Array() };
  if (flags & TCP_FLAGS.ack)
    return { ...ends, ...rest, sequence: acknowledgment, acknowledgment: 0, flags: TCP_FLAGS.rst };
  const next = (sequence + lengthInSequence(segment)) >>> 0;
  return { ...ends, ...rest, sequence: 0, acknowledgment: next, flags: TCP_FLAGS.rst | TCP_FLAGS.ack };
}
