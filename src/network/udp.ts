import { viewOf } from '../bits.js';
import { PROTOCOLS, transportChecksum, type Datagram } from './ipv4.js';

/**
 * A message of the User Datagram Protocol, RFC 768:
 *
 *     0  source port:16    2  destination port:16    4  length:16    6  checksum:16, 0 for none    8  data
 */
export interface UdpMessage {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 8;

/** Reads the message of a datagram; undefined for a malformed one. */
export function readUdp(datagram: Datagram): UdpMessage | undefined {
  const { payload } = datagram;
  if (payload.length < HEADER_BYTES) return undefined;
  const view = viewOf(payload);
  const length = view.getUint16(4);
  if (length < HEADER_BYTES || length > payload.length) return undefined;
  const message = payload.subarray(0, length);
  if (view.getUint16(6) !== 0 && transportChecksum({ ...datagram, payload: message }) !== 0) return undefined;
  return { sourcePort: view.getUint16(0), destinationPort: view.getUint16(2), data: message.subarray(HEADER_BYTES) };
}

/** The datagram of a message. */
export function writeUdp(
  { source, destination }: Pick<Datagram, 'source' | 'destination'>,
  { sourcePort, destinationPort, data }: UdpMessage,
): Datagram {
  const payload = new Uint8Array(HEADER_BYTES + data.length);
  const view = viewOf(payload);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, payload.length);
  payload.set(data, HEADER_BYTES);
  const datagram = { source, destination, protocol: PROTOCOLS.udp, payload };
  // 0 would say that there is none.
  view.setUint16(6, transportChecksum(datagram) || 0xffff);
  return datagram;
}
