/** The sections of an ELF64 image: System V gABI chapter 4 "Sections". */

import { viewOf } from '../../bits.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';

/** A section header. Offsets and sizes are bytes of the file and are not trusted. */
export interface Section {
  /** Offset of the name in the section of names. */
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

const HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;

/** Types of sections: gABI figure 4-10. */
export const SECTION = { symtab: 2, rela: 4, dynamic: 6, nobits: 8, dynsym: 11 } as const;
/**
 * Where the fields of a symbol lie:
 *
 *     0 st_name:u32    4 st_info:u8    5 st_other:u8    6 st_shndx:u16    8 st_value:u64    16 st_size:u64
 */
export const SYMBOL = { name: 0, info: 4, section: 6, value: 8, size: 16, bytes: 24 } as const;

/** The section is stored compressed. */
const SHF_COMPRESSED = 0x800;

/** Longer strings, and section names in a longer section, are not read, since images are not trusted. */
const MAX_STRING_BYTES = 4096;
const MAX_NAMES_BYTES = 2 ** 20;

/** The sections of an image; empty if it is too short or not an ELF64 image. */
export class ImageSections {
  /** The names of sections, each ended by a zero byte. */
  private readonly names: Uint8Array;

  private constructor(
    private readonly image: ImageBytes,
    /** e_entry, from which the load offset of the image follows. */
    readonly entry: number,
    /** All sections in the order of the section header table, which sections use to refer to each other. */
    readonly all: readonly Section[],
    names: Section | undefined,
  ) {
    this.names = (names && this.bytesOf(names, MAX_NAMES_BYTES)) ?? new Uint8Array(0);
  }

  static read(image: ImageBytes): ImageSections {
    const header = readBytes(image, 0, HEADER_BYTES);
    if (!header) return new ImageSections(image, 0, [], undefined);
    const view = viewOf(header);
    const sections = readHeaders(image, view);
    return new ImageSections(image, Number(view.getBigUint64(24, true)), sections, sections[view.getUint16(62, true)]);
  }

  named(name: string): Section | undefined {
    const wanted = new TextEncoder().encode(`${name}\0`);
    return this.all.find(({ nameOffset }) => wanted.every((byte, i) => this.names[nameOffset + i] === byte));
  }

  /** All bytes of a section, if it has any in the file, and at most `lengthMax`. */
  bytesOf({ type, flags, offset, size }: Section, lengthMax: number): Uint8Array | undefined {
    if (type === SECTION.nobits || flags & SHF_COMPRESSED || size > lengthMax) return undefined;
    return readBytes(this.image, offset, size);
  }

  /** As `bytesOf`, to be read as numbers; empty if there are none. */
  viewOf(section: Section, lengthMax: number): DataView {
    return viewOf(this.bytesOf(section, lengthMax) ?? new Uint8Array(0));
  }

  /** The string at an offset of a section, without its terminating zero byte; undefined if it is empty. */
  stringAt({ offset, size, flags }: Section, at: number): string | undefined {
    if (flags & SHF_COMPRESSED) return undefined;
    const bytes = readBytes(this.image, offset + at, Math.min(size - at, MAX_STRING_BYTES));
    const end = bytes?.indexOf(0) ?? -1;
    return end > 0 ? new TextDecoder().decode(bytes!.subarray(0, end)) : undefined;
  }
}

/*
 *  0 sh_name:u32    4 sh_type:u32     8 sh_flags:u64   16 sh_addr:u64   24 sh_offset:u64
 * 32 sh_size:u64   40 sh_link:u32    44 sh_info:u32    48 sh_addralign:u64   56 sh_entsize:u64
 */
function readHeaders(image: ImageBytes, header: DataView): Section[] {
  const offset = Number(header.getBigUint64(40, true));
  const count = header.getUint16(60, true);
  const bytes = readBytes(image, offset, count * SECTION_HEADER_BYTES);
  if (!bytes || header.getUint16(58, true) !== SECTION_HEADER_BYTES) return [];
  const table = viewOf(bytes);
  return Array.from({ length: count }, (_, index) => {
    const at = index * SECTION_HEADER_BYTES;
    return {
      nameOffset: table.getUint32(at, true),
      type: table.getUint32(at + 4, true),
      flags: table.getUint32(at + 8, true),
      address: Number(table.getBigUint64(at + 16, true)),
      offset: Number(table.getBigUint64(at + 24, true)),
      size: Number(table.getBigUint64(at + 32, true)),
      link: table.getUint32(at + 40, true),
    };
  });
}

/** Reads bytes of the image; undefined if it does not have them or `length` is 0. */
function readBytes(image: ImageBytes, offset: number, length: number): Uint8Array | undefined {
  if (!Number.isSafeInteger(offset) || length <= 0 || offset + length > image.length) return undefined;
  return image.read(offset, length);
}
