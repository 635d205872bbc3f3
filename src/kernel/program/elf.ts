import { PAGE_SIZE, hex } from '../../bits.js';
import { readDynamic, type Relocations } from './elf-dynamic.js';
import {
  ElfError,
  bytesOf,
  checkedRange,
  holds,
  isPowerOfTwo,
  size,
  type ImageBytes,
  type Segment,
} from './elf-fields.js';
import { UPPER_HALF } from '../memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE } from '../memory/mapping.js';

/*
 * ELF64 for x86-64: the header, the program headers and what they say of a static program. System V gABI chapters 4 "ELF
 * Header" and 5 "Program Header"; psABI for x86-64. Whatever is malformed is refused with an error that names the field
 * and its value; what is read is bounded by the limits below, whatever the fields say.
 */
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MAX_PROGRAM_HEADERS = 128;
const MAX_ALIGNMENT = 2 ** 30;
/** Bytes of a thread-local template: they are copied for each thread. */
const MAX_TLS_TEMPLATE = 2 ** 20;

const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const EV_CURRENT = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_X86_64 = 62;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_TLS = 7;

const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

/** PT_TLS: what each thread gets a copy of. */
export interface ThreadLocalTemplate {
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

/** What the kernel needs to know of an image to run it. Addresses are those of the file, before it is placed. */
export interface ElfImage {
  /** ET_EXEC: it runs at its own addresses and nowhere else. */
  readonly fixed: boolean;
  readonly entry: number;
  /** Ascending; no two share a page. */
  readonly segments: readonly Segment[];
  /** Start of the first page, and one past the last. */
  readonly start: number;
  readonly end: number;
  /** What the image is to be moved by a multiple of; at least 4096. */
  readonly alignment: number;
  /** Where the program headers lie in memory; undefined where no segment holds them. */
  readonly programHeaders: { readonly address: number; readonly count: number } | undefined;
  readonly threadLocal: ThreadLocalTemplate | undefined;
  readonly relocations: Relocations;
}

interface ProgramHeader {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/** Reads and checks an image; throws ElfError for one that cannot run. */
export function parseElf(image: ImageBytes): ElfImage {
  const { type, entry, headersOffset, headers } = readHeaders(image);
  const interpreter = headers.find((header) => header.type === PT_INTERP);
  if (interpreter) throw new ElfError(`${name(interpreter)}: PT_INTERP asks for a dynamic linker; link it statically`);
  const segments: Segment[] = [];
  for (const header of headers)
    if (header.type === PT_LOAD && header.memsz !== 0n) segments.push(readSegment(image, header, segments.at(-1)));
  const first = segments[0];
  const last = segments.at(-1);
  if (!first || !last) throw new ElfError('no program header is a PT_LOAD with a p_memsz other than 0');
  const entrySegment = segments.find(({ address, memorySize }) => entry >= address && entry < address + memorySize);
  if (!entrySegment) throw new ElfError(`e_entry ${hex(entry)} lies in no segment`);
  if (!(entrySegment.protection & PROTECTION_EXECUTE))
    throw new ElfError(`e_entry ${hex(entry)} lies in segment ${entrySegment.index}, which is not executable`);
  const dynamic = only(headers, PT_DYNAMIC, 'PT_DYNAMIC');
  const threadLocal = only(headers, PT_TLS, 'PT_TLS');
  return {
    fixed: type === ET_EXEC,
    entry,
    segments,
    start: pageOf(first.address),
    end: pageOf(last.address + last.memorySize + PAGE_SIZE - 1),
    alignment: Math.max(PAGE_SIZE, ...headers.filter(({ type }) => type === PT_LOAD).map(alignmentOf)),
    programHeaders: loadedHeaders(segments, headersOffset, headers.length),
    threadLocal: threadLocal && readThreadLocal(threadLocal, segments),
    relocations: readDynamic(image, segments, dynamic && { name: name(dynamic), ...dynamic }),
  };
}

function readHeaders(image: ImageBytes): {
  type: number;
  entry: number;
  headersOffset: number;
  headers: ProgramHeader[];
} {
  if (image.length < HEADER_BYTES)
    throw new ElfError(`the image has ${image.length} bytes, an ELF header has ${HEADER_BYTES}`);
  const view = bytesOf(image, 0, HEADER_BYTES);
  const magic = view.getUint32(0, false);
  if (magic !== 0x7f45_4c46) throw new ElfError(`the image starts with ${hex(magic, 8)}, not with 0x7f454c46 (ELF)`);
  expectField('EI_CLASS', view.getUint8(4), ELFCLASS64, '64-bit');
  expectField('EI_DATA', view.getUint8(5), ELFDATA2LSB, 'little-endian');
  expectField('EI_VERSION', view.getUint8(6), EV_CURRENT, 'current');
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN) throw new ElfError(`e_type is ${type}, not 2 (ET_EXEC) or 3 (ET_DYN)`);
  expectField('e_machine', view.getUint16(18, true), EM_X86_64, 'x86-64');
  expectField('e_version', view.getUint32(20, true), EV_CURRENT, 'current');
  expectField('e_ehsize', view.getUint16(52, true), HEADER_BYTES, 'bytes of an ELF64 header');
  expectField('e_phentsize', view.getUint16(54, true), PROGRAM_HEADER_BYTES, 'bytes of an ELF64 program header');
  const count = view.getUint16(56, true);
  if (count === 0 || count > MAX_PROGRAM_HEADERS)
    throw new ElfError(`e_phnum is ${count}, not 1 to ${MAX_PROGRAM_HEADERS}`);
  const headersOffset = checkedRange(
    image,
    'e_phoff',
    view.getBigUint64(32, true),
    BigInt(count * PROGRAM_HEADER_BYTES),
  );
  const table = bytesOf(image, headersOffset, count * PROGRAM_HEADER_BYTES);
  const headers = Array.from({ length: count }, (_, index) => readProgramHeader(table, index));
  return { type, entry: size('e_entry', view.getBigUint64(24, true), UPPER_HALF), headersOffset, headers };
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

function readSegment(image: ImageBytes, header: ProgramHeader, before: Segment | undefined): Segment {
  const { index, flags, offset, vaddr, filesz, memsz } = header;
  const where = name(header);
  if (filesz > memsz) throw new ElfError(`${where}: p_filesz ${hex(filesz)} is more than p_memsz ${hex(memsz)}`);
  const fileOffset = filesz === 0n ? 0 : checkedRange(image, `${where}: p_offset`, offset, filesz);
  const address = size(`${where}: p_vaddr`, vaddr, UPPER_HALF);
  if (vaddr + memsz > BigInt(UPPER_HALF - PAGE_SIZE))
    throw new ElfError(`${where}: p_vaddr ${hex(vaddr)} + p_memsz ${hex(memsz)} leaves the lower half`);
  if (filesz !== 0n && fileOffset % PAGE_SIZE !== address % PAGE_SIZE)
    throw new ElfError(`${where}: p_offset ${hex(offset)} and p_vaddr ${hex(vaddr)} differ in their place in a page`);
  alignmentOf(header);
  const end = before ? before.address + before.memorySize : 0;
  if (before && pageOf(address) < end)
    throw new ElfError(
      `${where}: p_vaddr ${hex(vaddr)} is not on a page behind ${hex(end)}, the end of segment ${before.index}`,
    );
  const protection =
    (flags & PF_R ? PROTECTION_READ : 0) |
    (flags & PF_W ? PROTECTION_WRITE : 0) |
    (flags & PF_X ? PROTECTION_EXECUTE : 0);
  return { index, fileOffset, fileSize: Number(filesz), address, memorySize: Number(memsz), protection };
}

function alignmentOf(header: ProgramHeader): number {
  if (header.align > BigInt(MAX_ALIGNMENT) || (header.align !== 0n && !isPowerOfTwo(header.align)))
    throw new ElfError(
      `${name(header)}: p_align ${hex(header.align)} is not a power of two up to ${hex(MAX_ALIGNMENT)}`,
    );
  return Number(header.align);
}

function readThreadLocal(header: ProgramHeader, segments: readonly Segment[]): ThreadLocalTemplate {
  const { vaddr, filesz, memsz } = header;
  const where = `${name(header)}: PT_TLS`;
  const alignment = Math.max(1, alignmentOf(header));
  if (alignment > PAGE_SIZE) throw new ElfError(`${where} p_align ${hex(alignment)} is more than a page`);
  if (filesz > memsz) throw new ElfError(`${where} p_filesz ${hex(filesz)} is more than p_memsz ${hex(memsz)}`);
  const fileSize = size(`${where} p_filesz`, filesz, MAX_TLS_TEMPLATE + 1);
  const memorySize = size(`${where} p_memsz`, memsz, UPPER_HALF);
  const address = size(`${where} p_vaddr`, vaddr, UPPER_HALF);
  const inside = segments.some((segment) => holds(segment.address, segment.memorySize, address, fileSize));
  if (fileSize > 0 && !inside)
    throw new ElfError(`${where} p_vaddr ${hex(vaddr)} + p_filesz ${hex(filesz)} lies in no segment`);
  return { address, fileSize, memorySize, alignment };
}

/** Where the program headers lie in memory, if the file part of a segment holds them. */
function loadedHeaders(segments: readonly Segment[], offset: number, count: number): ElfImage['programHeaders'] {
  const holder = segments.find((segment) =>
    holds(segment.fileOffset, segment.fileSize, offset, count * PROGRAM_HEADER_BYTES),
  );
  return holder && { address: holder.address + offset - holder.fileOffset, count };
}

/** The one program header of a type that may stand there once. */
function only(headers: readonly ProgramHeader[], type: number, typeName: string): ProgramHeader | undefined {
  const [first, second] = headers.filter((header) => header.type === type);
  if (first && second) throw new ElfError(`${name(second)}: a second ${typeName}, after ${name(first)}`);
  return first;
}

function expectField(field: string, value: number, expected: number, meaning: string): void {
  if (value !== expected) throw new ElfError(`${field} is ${value}, not ${expected} (${meaning})`);
}

function name(header: ProgramHeader): string {
  return `program header ${header.index}`;
}

function pageOf(address: number): number {
  return address - (address % PAGE_SIZE);
}
