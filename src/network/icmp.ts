import { viewOf } from '../bits.js';
import { internetChecksum } from './checksum.js';
import type { ReceivedDatagram } from './ipv4.js';

/**
 * Messages of the Internet Control Message Protocol, RFC 792:
 *
 *     0  type:8    1  code:8    2  checksum:16    4  identifier and sequence number, or 0:32    8  data
 */
const HEADER_BYTES = 8;
const ECHO_REPLY = 0;
const UNREACHABLE = 3;
const ECHO_REQUEST = 8;
/** Types that query, which may be answered by an error; RFC 1122 3.2.2. */
const QUERIES = [ECHO_REQUEST, 13, 15, 17];

/** Why a destination cannot be reached; 'prohibited' is of RFC 1812 5.2.7.1. */
const UNREACHABLE_CODES = { host: 1, protocol: 2, port: 3, prohibited: 13 } as const;
export type Unreachable = keyof typeof UNREACHABLE_CODES;

/** Bytes of the payload that an error shows, after the header. */
const SHOWN_BYTES = 8;

/** The reply to an echo request; undefined for any other message, or a wrong checksum. */
export function echoReply(message: Uint8Array): Uint8Array | undefined {
  if (message.length < HEADER_BYTES || message[0] !== ECHO_REQUEST || message[1] !== 0) return undefined;
  if (internetChecksum(message) !== 0) return undefined;
  const reply = message.slice();
  reply[0] = ECHO_REPLY;
  return withChecksum(reply);
}

/** The message that a datagram cannot be delivered. */
export function unreachable(why: Unreachable, { bytes, headerBytes }: ReceivedDatagram): Uint8Array {
  const shown = bytes.subarray(0, headerBytes + SHOWN_BYTES);
  const message = new Uint8Array(HEADER_BYTES + shown.length);
  message[0] = UNREACHABLE;
  message[1] = UNREACHABLE_CODES[why];
  message.set(shown, HEADER_BYTES);
  return withChecksum(message);
}

/** Whether an error may be sent about a message: not about errors. */
export function isQuery(message: Uint8Array): boolean {
  return QUERIES.includes(message[0] ?? ECHO_REPLY);
}

function withChecksum(message: Uint8Array): Uint8Array {
  const view = viewOf(message);
  view.setUint16(2, 0);
  view.setUint16(2, internetChecksum(message));
  return message;
}
