import type { ImageBytes } from '../../src/kernel/program/elf-fields.js';

/** Bytes as an image has them: what lies outside throws, as a VmoHandle does. */
export function source(bytes: Uint8Array): ImageBytes {
  return {
    length: bytes.length,
    read: (offset, length) => {
      if (offset < 0 || offset + length > bytes.length) throw new RangeError(`${offset} + ${length}`);
      return bytes.subarray(offset, offset + length);
    },
  };
}
