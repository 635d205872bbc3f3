/** CRC-32 as in gzip and PNG: RFC 1952 section 8. */

import * as zlib from 'node:zlib';

type Crc32 = (bytes: Uint8Array) => number;

/** `zlib.crc32` came with Node 20.15. */
export const crc32: Crc32 =
  'crc32' in zlib ? (bytes) => (zlib.crc32 as unknown as Crc32)(bytes) : (bytes) => crc32ByTable(bytes);

let table: Uint32Array | undefined;

/** The same in TypeScript. */
export function crc32ByTable(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
    return rest;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}
