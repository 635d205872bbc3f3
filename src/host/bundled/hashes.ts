/** What the core uses of @noble/hashes, as Node has it. In the bundled command line it replaces that package. */
export { sha256 } from '../sha256.js';

/** Throws RangeError for text that is not pairs of hexadecimal digits. */
export function hexToBytes(hex: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  if (bytes.length * 2 !== hex.length) throw new RangeError(`'${hex}' is not bytes in hexadecimal digits`);
  return bytes;
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
