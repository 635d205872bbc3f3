import { viewOf } from '../bits.js';

/**
 * An Ethernet frame without its check sequence:
 *
 *     0  destination:48    6  source:48    12  type:16    14  payload
 */
export interface Frame {
  readonly destination: number;
  readonly source: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

export const ETHERNET_TYPES = { ipv4: 0x0800, arp: 0x0806 } as const;

const HEADER_BYTES = 14;
/** Most bytes of a payload. */
export const MTU = 1500;
export const MOST_FRAME_BYTES = HEADER_BYTES + MTU;

/** Reads a frame; undefined for one that is too short or too long. */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > MOST_FRAME_BYTES) return undefined;
  const view = viewOf(bytes);
  const payload = bytes.subarray(HEADER_BYTES);
  return { destination: readMac(view, 0), source: readMac(view, 6), type: view.getUint16(12), payload };
}

export function writeFrame({ destination, source, type, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = viewOf(bytes);
  writeMac(view, 0, destination);
  writeMac(view, 6, source);
  view.setUint16(12, type);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export function readMac(view: DataView, at: number): number {
  return view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
}

export function writeMac(view: DataView, at: number, mac: number): void {
  view.setUint16(at, Math.floor(mac / 2 ** 32));
  view.setUint32(at + 2, mac % 2 ** 32);
}
