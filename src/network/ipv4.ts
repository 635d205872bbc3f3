import { viewOf } from '../bits.js';
import { internetChecksum } from './checksum.js';

/**
 * A datagram of the Internet Protocol, RFC 791 3.1:
 *
 *     0  version:4 = 4, header length in words:4    1  service:8    2  length:16
 *     4  identification:16    6  0:1, do not fragment:1, more fragments:1, offset:13
 *     8  time to live:8    9  protocol:8   10  checksum of the header:16
 *    12  source:32   16  destination:32   20  options, then the payload
 */
export interface Datagram {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

/** A datagram that has arrived, with all of its bytes. */
export interface ReceivedDatagram extends Datagram {
  readonly bytes: Uint8Array;
  readonly headerBytes: number;
}

export const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 } as const;

export const IPV4_HEADER_BYTES = 20;
const DO_NOT_FRAGMENT = 0x4000;
/** More fragments, or an offset. */
const FRAGMENTED = 0x3fff;
const TIME_TO_LIVE = 64;

/** Reads a datagram, which may have padding after it; undefined for a malformed one and for fragments. */
export function readDatagram(padded: Uint8Array): ReceivedDatagram | undefined {
  if (padded.length < IPV4_HEADER_BYTES || padded[0]! >> 4 !== 4) return undefined;
  const view = viewOf(padded);
  const headerBytes = (padded[0]! & 0xf) * 4;
  const length = view.getUint16(2);
  if (headerBytes < IPV4_HEADER_BYTES || length < headerBytes || length > padded.length) return undefined;
  if (view.getUint16(6) & FRAGMENTED || internetChecksum(padded.subarray(0, headerBytes)) !== 0) return undefined;
  const bytes = padded.subarray(0, length);
  return {
    ...{ source: view.getUint32(12), destination: view.getUint32(16), protocol: padded[9]! },
    ...{ payload: bytes.subarray(headerBytes), bytes, headerBytes },
  };
}

export function writeDatagram(
  { source, destination, protocol, payload }: Datagram,
  identification: number,
): Uint8Array {
  const bytes = new Uint8Array(IPV4_HEADER_BYTES + payload.length);
  const view = viewOf(bytes);
  view.setUint8(0, 0x45);
  view.setUint16(2, bytes.length);
  view.setUint16(4, identification);
  view.setUint16(6, DO_NOT_FRAGMENT);
  view.setUint8(8, TIME_TO_LIVE);
  view.setUint8(9, protocol);
  view.setUint32(12, source);
  view.setUint32(16, destination);
  view.setUint16(10, internetChecksum(bytes.subarray(0, IPV4_HEADER_BYTES)));
  bytes.set(payload, IPV4_HEADER_BYTES);
  return bytes;
}

/**
 * The checksum of UDP and TCP, which covers a pseudo-header with the addresses; 0 for a payload whose checksum is right.
 * RFC 9293 3.1.
 */
export function transportChecksum({ source, destination, protocol, payload }: Datagram): number {
  const pseudoHeader = new Uint8Array(12);
  const view = viewOf(pseudoHeader);
  view.setUint32(0, source);
  view.setUint32(4, destination);
  view.setUint8(9, protocol);
  view.setUint16(10, payload.length);
  return internetChecksum(pseudoHeader, payload);
}
