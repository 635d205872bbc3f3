import { hex } from '../../bits.js';
import { ElfError, bytesOf, checkedRange, type ImageBytes } from './elf-fields.js';

/* The ELF header and its program headers. System V gABI chapters 4 "ELF Header" and 5 "Program Header". */

export const HEADER_BYTES = 64;
export const PROGRAM_HEADER_BYTES = 56;
/** The limit of Linux: 65536 bytes of them. */
const MAX_PROGRAM_HEADERS = 1170;

export const ET_EXEC = 2;
export const ET_DYN = 3;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_TLS = 7;
export const PT_GNU_STACK = 0x6474_e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** A program header; the numbers are the file's own. */
export interface ProgramHeader {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/** Reads the program headers of an image whose ELF header is `header`; throws ElfError. */
export function readProgramHeaders(
  image: ImageBytes,
  header: DataView,
): { readonly offset: number; readonly headers: readonly ProgramHeader[] } {
  const entrySize = header.getUint16(54, true);
  if (entrySize !== PROGRAM_HEADER_BYTES)
    throw new ElfError(`e_phentsize is ${entrySize}, not ${PROGRAM_HEADER_BYTES} (bytes of an ELF64 program header)`);
  const count = header.getUint16(56, true);
  if (count === 0 || count > MAX_PROGRAM_HEADERS)
    throw new ElfError(`e_phnum is ${count}, not 1 to ${MAX_PROGRAM_HEADERS}`);
  const bytes = count * PROGRAM_HEADER_BYTES;
  const offset = checkedRange(image, 'e_phoff', header.getBigUint64(32, true), BigInt(bytes));
  const table = bytesOf(image, offset, bytes);
  return { offset, headers: Array.from({ length: count }, (_, index) => readProgramHeader(table, index)) };
}

/*
 *  0 p_type:u32   4 p_flags:u32    8 p_offset:u64   16 p_vaddr:u64   24 p_paddr:u64
 * 32 p_filesz:u64                 40 p_memsz:u64    48 p_align:u64
 */
function readProgramHeader(table: DataView, index: number): ProgramHeader {
  const at = index * PROGRAM_HEADER_BYTES;
  return {
    index,
    type: table.getUint32(at, true),
    flags: table.getUint32(at + 4, true),
    offset: table.getBigUint64(at + 8, true),
    vaddr: table.getBigUint64(at + 16, true),
    filesz: table.getBigUint64(at + 32, true),
    memsz: table.getBigUint64(at + 40, true),
    align: table.getBigUint64(at + 48, true),
  };
}

/** The one program header of a type that may occur once; throws ElfError where there are two. */
export function onlyHeader(
  headers: readonly ProgramHeader[],
  type: number,
  typeName: string,
): ProgramHeader | undefined {
  const [first, second] = headers.filter((header) => header.type === type);
  if (first && second) throw new ElfError(`${headerName(second)}: a second ${typeName}, after ${headerName(first)}`);
  return first;
}

/** What errors call a program header. */
export function headerName(header: ProgramHeader): string {
  return `program header ${header.index}`;
}

/** An alignment as it is in the file, for an error. */
export function alignmentError(header: ProgramHeader, limit: number): ElfError {
  return new ElfError(`${headerName(header)}: p_align ${hex(header.align)} is not a power of two up to ${hex(limit)}`);
}
