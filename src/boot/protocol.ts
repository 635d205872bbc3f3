import { isBzImage } from './bzimage-header.js';
import { isElf, readElf, type ElfFile } from './elf.js';

/** Multiboot Specification version 0.6.96, 3.1 "OS image format". */
const HEADER_MAGIC = 0x1bad_b002;
const HEADER_WITHIN = 8192;
const HEADER_BYTES = 12;

/** Multiboot2 Specification version 2.0, 3.1 "OS image format": the header, and its tags. */
const HEADER2_MAGIC = 0xe852_50d6;
const HEADER2_WITHIN = 32_768;
const HEADER2_BYTES = 16;

/** The note of Xen that says where a kernel is entered in 32-bit protected mode. */
const NOTE_NAME = 'Xen';
const NOTE_ENTRY = 18;

/** How a kernel is loaded and entered: docs/boot.md. */
export type BootProtocol = 'PVH' | 'Linux' | 'Multiboot' | 'Multiboot 2';

/** The boot protocol that the file of a kernel supports; undefined for any other file. Throws BootError for a damaged ELF file. */
export function bootProtocolOf(kernel: Uint8Array): BootProtocol | undefined {
  if (isElf(kernel) && pvhEntryOf(readElf(kernel)) !== undefined) return 'PVH';
  if (isBzImage(kernel)) return 'Linux';
  if (findMultibootHeader(kernel) !== undefined) return 'Multiboot';
  return findMultiboot2Header(kernel) === undefined ? undefined : 'Multiboot 2';
}

/** Where a kernel with the note is entered. */
export function pvhEntryOf({ notes }: ElfFile): number | undefined {
  const note = notes.find(({ name, type }) => name === NOTE_NAME && type === NOTE_ENTRY);
  const { descriptor } = note ?? {};
  if (!descriptor || descriptor.length < 4) return undefined;
  return new DataView(descriptor.buffer, descriptor.byteOffset, 4).getUint32(0, true);
}

/** Finds the Multiboot header of a file. */
export function findMultibootHeader(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = Math.min(HEADER_WITHIN, file.length) - HEADER_BYTES;
  for (let at = 0; at <= end; at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const sum = HEADER_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

/** Finds the Multiboot 2 header of a file. */
export function findMultiboot2Header(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = Math.min(HEADER2_WITHIN, file.length) - HEADER2_BYTES;
  for (let at = 0; at <= end; at += 8) {
    if (view.getUint32(at, true) !== HEADER2_MAGIC) continue;
    const sum = [0, 4, 8, 12].reduce((total, offset) => total + view.getUint32(at + offset, true), 0);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}
