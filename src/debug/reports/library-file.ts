import { PAGE_SIZE } from '../../bits.js';
import { ElfError, type ImageBytes } from '../../kernel/program/elf-fields.js';
import { HEADER_BYTES, PF_X, PT_LOAD, readProgramHeaders } from '../../kernel/program/program-headers.js';
import { ImageSections, SECTION } from '../dwarf/image-sections.js';

/** The first bytes of an ELF64 file: "\x7fELF" and ELFCLASS64. */
const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 0x02];

const DT_SONAME = 14n;
const DYNAMIC_ENTRY_BYTES = 16;
const MAX_DYNAMIC_BYTES = 2 ** 16;

/** A part of a file that is loaded into memory. */
interface FilePart {
  /** Where its bytes lie in the file, and one past the last. */
  readonly offset: number;
  readonly end: number;
  /** The address at which it is linked. */
  readonly address: bigint;
  readonly isCode: boolean;
}

/** An ELF file that processes may have mapped: a library, or a dynamic linker. */
export class LibraryFile {
  private constructor(
    private readonly parts: readonly FilePart[],
    /** The addresses at which it is linked: the first, and one past the last. */
    private readonly linked: { readonly start: bigint; readonly end: bigint },
    /** What it calls itself: `libc.so.6`. */
    readonly soname: string | undefined,
  ) {}

  /** Undefined for a file of another kind. */
  static read(file: ImageBytes): LibraryFile | undefined {
    if (file.length < HEADER_BYTES) return undefined;
    const header = file.read(0, HEADER_BYTES);
    if (!MAGIC.every((byte, at) => header[at] === byte)) return undefined;
    try {
      const { headers } = readProgramHeaders(file, new DataView(header.buffer, header.byteOffset));
      const loaded = headers.filter(({ type }) => type === PT_LOAD);
      const parts = loaded.map(({ offset, filesz, vaddr, flags }) => {
        return { offset: Number(offset), end: Number(offset + filesz), address: vaddr, isCode: (flags & PF_X) !== 0 };
      });
      const linked = {
        start: loaded.reduce((least, { vaddr }) => (vaddr < least ? vaddr : least), loaded[0]?.vaddr ?? 0n),
        end: loaded.reduce((most, { vaddr, memsz }) => (vaddr + memsz > most ? vaddr + memsz : most), 0n),
      };
      return new LibraryFile(parts, linked, sonameOf(ImageSections.read(file)));
    } catch (error) {
      if (error instanceof ElfError) return undefined;
      throw error;
    }
  }

  /** The address at which a byte of the file is linked; undefined for one that is not loaded. */
  addressOf(offset: number): bigint | undefined {
    const part = this.parts.find((one) => offset >= one.offset && offset < one.end);
    return part && part.address + BigInt(offset - part.offset);
  }

  /** The address at which a page of the file is linked that holds code; undefined for one that holds none. */
  codePageAddress(offset: number): bigint | undefined {
    const part = this.parts.find((one) => one.isCode && offset + PAGE_SIZE > one.offset && offset < one.end);
    return part && part.address + BigInt(offset - part.offset);
  }

  /** Where it lies in memory if its addresses there are `base` more than those at which it is linked, modulo 2^64. */
  extentAt(base: bigint): { readonly start: bigint; readonly end: bigint } {
    const { start, end } = this.linked;
    return { start: BigInt.asUintN(64, base + start), end: BigInt.asUintN(64, base + end) };
  }
}

/** What a library calls itself. System V gABI chapter 5 "Dynamic Section". */
function sonameOf(sections: ImageSections): string | undefined {
  const dynamic = sections.all.find(({ type }) => type === SECTION.dynamic);
  const names = dynamic && sections.all[dynamic.link];
  const bytes = names && sections.bytesOf(dynamic, MAX_DYNAMIC_BYTES);
  if (!bytes) return undefined;
  const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + DYNAMIC_ENTRY_BYTES <= bytes.length; at += DYNAMIC_ENTRY_BYTES)
    if (table.getBigUint64(at, true) === DT_SONAME)
      return sections.stringAt(names, Number(table.getBigUint64(at + 8, true)));
  return undefined;
}
