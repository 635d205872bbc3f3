import { viewOf } from '../bits.js';
import type { Station } from './addresses.js';
import { readMac, writeMac } from './ethernet.js';

/**
 * A message of the Address Resolution Protocol for IPv4 over Ethernet, RFC 826:
 *
 *     0  hardware:16 = 1    2  protocol:16 = 0800h    4  6:8    5  4:8    6  operation:16
 *     8  sender's MAC:48   14  its address:32   18  target's MAC:48   24  its address:32
 */
const MESSAGE_BYTES = 28;
const FIXED = [0, 1, 0x08, 0, 6, 4];
const REQUEST = 1;
const REPLY = 2;

export interface ArpRequest {
  readonly sender: Station;
  /** The address whose station is looked for. */
  readonly address: number;
}

/** Reads a request; undefined for any other message. */
export function readArpRequest(bytes: Uint8Array): ArpRequest | undefined {
  if (bytes.length < MESSAGE_BYTES || FIXED.some((byte, index) => bytes[index] !== byte)) return undefined;
  const view = viewOf(bytes);
  if (view.getUint16(6) !== REQUEST) return undefined;
  return { sender: { mac: readMac(view, 8), address: view.getUint32(14) }, address: view.getUint32(24) };
}

/** The reply of a station. */
export function arpReply(station: Station, { sender }: ArpRequest): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  bytes.set(FIXED);
  const view = viewOf(bytes);
  view.setUint16(6, REPLY);
  for (const [at, { mac, address }] of [
    [8, station],
    [18, sender],
  ] as const) {
    writeMac(view, at, mac);
    view.setUint32(at + 6, address);
  }
  return bytes;
}
