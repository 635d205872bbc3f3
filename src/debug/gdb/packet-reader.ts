import { bytesOf } from './byte-strings.js';

/** What stands in the stream from a debugger. */
export type Received =
  /** `$payload#checksum`; the payload has no escapes any more. */
  | { readonly kind: 'packet'; readonly payload: string; readonly isIntact: boolean }
  /** A packet longer than `maxBytes`. */
  | { readonly kind: 'too long' }
  | { readonly kind: '+' }
  | { readonly kind: '-' }
  /** Ctrl-C, outside of packets. */
  | { readonly kind: 'interrupt' };

const START = 0x24;
const END = 0x23;
const ESCAPE = 0x7d;
const ESCAPED_XOR = 0x20;
const ACKNOWLEDGED = 0x2b;
const REFUSED = 0x2d;
const INTERRUPT = 0x03;
const CHECKSUM_DIGITS = 2;
const FIRST_CAPACITY = 1024;

/**
 * Takes the stream from a debugger apart into packets, acknowledgements and interrupts. Bytes between them are ignored, as
 * the protocol says: "Overview" in the manual of gdb, appendix "Remote Protocol".
 */
export class PacketReader {
  private buffer = new Uint8Array(FIRST_CAPACITY);
  /** Bytes of the packet that have come; undefined outside of packets. */
  private length: number | undefined;
  private isTooLong = false;
  /** The digits of the checksum that have come; undefined before the end of the payload. */
  private digits: string | undefined;

  /** Packets of more than `maxBytes`, counted with their escapes, are not kept. */
  constructor(private readonly maxBytes: number) {}

  read(bytes: Uint8Array): Received[] {
    const found: Received[] = [];
    for (const byte of bytes) {
      const received = this.take(byte);
      if (received) found.push(received);
    }
    return found;
  }

  private take(byte: number): Received | undefined {
    if (this.digits !== undefined) return this.takeDigit(byte);
    if (byte === START) {
      // A packet that another one cuts off is lost.
      this.length = 0;
      this.isTooLong = false;
    } else if (this.length === undefined) return receivedOutside(byte);
    else if (byte === END) this.digits = '';
    else this.keep(byte, this.length);
    return undefined;
  }

  private keep(byte: number, length: number): void {
    this.isTooLong ||= length >= this.maxBytes;
    if (this.isTooLong) return;
    if (length === this.buffer.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer[length] = byte;
    this.length = length + 1;
  }

  private takeDigit(byte: number): Received | undefined {
    this.digits += String.fromCharCode(byte);
    if (this.digits!.length < CHECKSUM_DIGITS) return undefined;
    const { digits } = this;
    const raw = this.buffer.subarray(0, this.length);
    const { isTooLong } = this;
    this.length = undefined;
    this.digits = undefined;
    if (isTooLong) return { kind: 'too long' };
    const isIntact = digits!.toLowerCase() === checksum(raw);
    return { kind: 'packet', payload: unescaped(raw), isIntact };
  }
}

function receivedOutside(byte: number): Received | undefined {
  if (byte === ACKNOWLEDGED) return { kind: '+' };
  if (byte === REFUSED) return { kind: '-' };
  return byte === INTERRUPT ? { kind: 'interrupt' } : undefined;
}

/** The sum of the bytes modulo 256, in two digits. */
export function checksum(raw: Uint8Array): string {
  let sum = 0;
  for (const byte of raw) sum += byte;
  return (sum & 0xff).toString(16).padStart(2, '0');
}

function unescaped(raw: Uint8Array): string {
  let payload = '';
  for (let at = 0; at < raw.length; at++) {
    const isEscape = raw[at] === ESCAPE && at + 1 < raw.length;
    payload += String.fromCharCode(isEscape ? raw[++at]! ^ ESCAPED_XOR : raw[at]!);
  }
  return payload;
}

/** A packet around a payload, which is a byte string. */
export function packetOf(payload: string): Uint8Array {
  // `*` would start a run-length encoding.
  const escaped = payload.replace(
    /[#$}*]/g,
    (character) => `}${String.fromCharCode(character.charCodeAt(0) ^ ESCAPED_XOR)}`,
  );
  return bytesOf(`$${escaped}#${checksum(bytesOf(escaped))}`);
}
