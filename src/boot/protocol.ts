import { viewOf } from '../bits.js';
import { isBzImage } from './bzimage-header.js';
import { isElf, readElf, type ElfFile } from './elf.js';

/** A Multiboot header: it lies within the first bytes of a file, aligned, and begins with words whose sum is 0. */
interface HeaderShape {
  readonly magic: number;
  readonly within: number;
  readonly alignment: number;
  readonly words: number;
}

/** Multiboot Specification version 0.6.96, 3.1 "OS image format". */
const MULTIBOOT: HeaderShape = { magic: 0x1bad_b002, within: 8192, alignment: 4, words: 3 };
/** Multiboot2 Specification version 2.0, 3.1 "OS image format". */
const MULTIBOOT2: HeaderShape = { magic: 0xe852_50d6, within: 32_768, alignment: 8, words: 4 };

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

/** Where a Multiboot header lies in a kernel's file, and the file as ELF if it is an ELF file. */
export interface MultibootFile {
  readonly header: number;
  readonly elf: ElfFile | undefined;
}

/** Finds the Multiboot header of a file. */
export function findMultibootHeader(file: Uint8Array): number | undefined {
  return findHeader(file, MULTIBOOT);
}

/** Finds the Multiboot 2 header of a file. */
export function findMultiboot2Header(file: Uint8Array): number | undefined {
  return findHeader(file, MULTIBOOT2);
}

function findHeader(file: Uint8Array, { magic, within, alignment, words }: HeaderShape): number | undefined {
  const view = viewOf(file);
  const end = Math.min(within, file.length) - 4 * words;
  for (let at = 0; at <= end; at += alignment) {
    if (view.getUint32(at, true) !== magic) continue;
    let sum = 0;
    for (let word = 0; word < words; word++) sum += view.getUint32(at + 4 * word, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}
