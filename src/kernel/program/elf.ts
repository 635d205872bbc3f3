import { PAGE_SIZE, hex } from '../../bits.js';
import { readDynamic } from './elf-dynamic.js';
import { ElfError, checkedSize, holds, isPowerOfTwo, type ImageBytes, type Segment } from './elf-fields.js';
import { endPage, firstPage, loadedSegments } from './elf-segments.js';
import { UPPER_HALF } from '../memory/linear-address.js';
import { PROTECTION_EXECUTE } from '../memory/mapping.js';
import {
  ET_EXEC,
  PROGRAM_HEADER_BYTES,
  PT_DYNAMIC,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_TLS,
  alignmentError,
  headerName,
  onlyHeader,
  readProgramHeaders,
  type ProgramHeader,
} from './program-headers.js';
import { checkProgram, describeInterpreter, refuseLinux } from './program-kind.js';
import { RelocationCheck, type Relocations } from './relocations.js';

/*
 * ELF64 for x86-64: what a static program says of itself. System V gABI chapters 4 "ELF Header" and 5 "Program Header";
 * psABI for x86-64. Images that Linux loads are loaded, with the same memory; fields that Linux does not look at are not
 * looked at. What is malformed is refused with an error that names the field and its value; what is read is bounded by the
 * limits below, whatever the fields say. Beyond Linux, images are refused here
 * - whose entry cannot be executed, or that load nothing: Linux starts them, and they are stopped at once;
 * - whose PT_DYNAMIC or PT_TLS is malformed, since relocations and thread-local storage are the kernel's work here;
 * - that need a dynamic linker, or are marked as programs of Linux.
 */
const MAX_ALIGNMENT = 2 ** 30;
/** Bytes of a thread-local template: they are copied for each thread. */
const MAX_TLS_TEMPLATE = 2 ** 20;
const PF_X = 1;

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
  /** PT_GNU_STACK has PF_X: stacks are executable, for trampolines of nested functions. */
  readonly executableStack: boolean;
  readonly relocations: Relocations;
}

/** Reads and checks an image; throws ElfError for one that cannot run. */
export function parseElf(image: ImageBytes): ElfImage {
  const reading = new ElfReading(image);
  for (;;) {
    const elf = reading.take();
    if (elf) return elf;
  }
}

/** Reads and checks an image in parts: first all but its relocations, then those. */
export class ElfReading {
  private headers: Omit<ElfImage, 'relocations'> | undefined;
  private check: RelocationCheck | undefined;

  constructor(private readonly image: ImageBytes) {}

  /** Reads a part; returns the image when all is read. Throws ElfError for one that cannot run. */
  take(): ElfImage | undefined {
    const { image } = this;
    if (!this.headers) {
      const { dynamic, ...headers } = readHeaders(image);
      this.headers = headers;
      this.check = new RelocationCheck(image, headers.segments, readDynamic(image, headers.segments, dynamic));
    }
    const relocations = this.check!.take();
    return relocations && { ...this.headers, relocations };
  }
}

function readHeaders(
  image: ImageBytes,
): Omit<ElfImage, 'relocations'> & { readonly dynamic: Parameters<typeof readDynamic>[2] } {
  const header = checkProgram(image);
  const { offset, headers } = readProgramHeaders(image, header);
  const interpreter = headers.find(({ type }) => type === PT_INTERP);
  if (interpreter) throw new ElfError(describeInterpreter(image, interpreter));
  refuseLinux(image, headers);
  const loads = headers.filter(({ type }) => type === PT_LOAD);
  const segments = loadedSegments(loads, image.length);
  const [first, last] = [segments[0], segments.at(-1)];
  if (!first || !last) throw new ElfError('no program header is a PT_LOAD with a p_memsz other than 0');
  const fixed = header.getUint16(16, true) === ET_EXEC;
  const dynamic = onlyHeader(headers, PT_DYNAMIC, 'PT_DYNAMIC');
  const threadLocal = onlyHeader(headers, PT_TLS, 'PT_TLS');
  return {
    fixed,
    entry: checkedEntry(header.getBigUint64(24, true), segments),
    segments,
    start: firstPage(first),
    end: endPage(last),
    alignment: fixed ? PAGE_SIZE : Math.max(PAGE_SIZE, ...loads.map(loadAlignment)),
    programHeaders: loadedHeaders(segments, offset, headers.length),
    threadLocal: threadLocal && readThreadLocal(threadLocal, segments),
    executableStack: headers.some(({ type, flags }) => type === PT_GNU_STACK && (flags & PF_X) !== 0),
    dynamic: dynamic && { name: headerName(dynamic), ...dynamic },
  };
}

function checkedEntry(field: bigint, segments: readonly Segment[]): number {
  const entry = checkedSize('e_entry', field, UPPER_HALF);
  const segment = segments.find((one) => entry >= firstPage(one) && entry < endPage(one));
  if (!segment) throw new ElfError(`e_entry ${hex(entry)} lies in no segment`);
  if (!(segment.protection & PROTECTION_EXECUTE))
    throw new ElfError(`e_entry ${hex(entry)} lies in segment ${segment.index}, which is not executable`);
  return entry;
}

/** What a PT_LOAD asks an image to be moved by a multiple of; what is no power of two does not count. */
function loadAlignment(header: ProgramHeader): number {
  if (!isPowerOfTwo(header.align)) return 1;
  if (header.align > BigInt(MAX_ALIGNMENT)) throw alignmentError(header, MAX_ALIGNMENT);
  return Number(header.align);
}

function readThreadLocal(header: ProgramHeader, segments: readonly Segment[]): ThreadLocalTemplate {
  const { vaddr, filesz, memsz } = header;
  const where = `${headerName(header)}: PT_TLS`;
  if (header.align !== 0n && !isPowerOfTwo(header.align)) throw alignmentError(header, PAGE_SIZE);
  const alignment = Math.max(1, Number(header.align));
  if (alignment > PAGE_SIZE) throw new ElfError(`${where} p_align ${hex(alignment)} is more than a page`);
  if (filesz > memsz) throw new ElfError(`${where} p_filesz ${hex(filesz)} is more than p_memsz ${hex(memsz)}`);
  const fileSize = checkedSize(`${where} p_filesz`, filesz, MAX_TLS_TEMPLATE + 1);
  const memorySize = checkedSize(`${where} p_memsz`, memsz, UPPER_HALF);
  const address = checkedSize(`${where} p_vaddr`, vaddr, UPPER_HALF);
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
