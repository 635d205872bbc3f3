import { PAGE_SIZE, hex } from '../../bits.js';
import { readDynamic } from './elf-dynamic.js';
import {
  ElfError,
  checkedRange,
  checkedSize,
  holds,
  isPowerOfTwo,
  type ImageBytes,
  type Segment,
} from './elf-fields.js';
import { endPage, firstPage, loadedSegments } from './elf-segments.js';
import { UPPER_HALF } from '../memory/linear-address.js';
import { PROTECTION_EXECUTE } from '../memory/mapping.js';
import {
  ET_EXEC,
  PF_X,
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
import { checkProgram, isOfLinux } from './program-kind.js';
import { RelocationCheck, type Relocations } from './relocations.js';

/*
 * ELF64 for x86-64: what a static program says of itself. System V gABI chapters 4 "ELF Header" and 5 "Program Header";
 * psABI for x86-64. Images that Linux loads are loaded, with the same memory; fields that Linux does not look at are not
 * looked at. What is malformed is refused with an error that names the field and its value; what is read is bounded by the
 * limits below, whatever the fields say. Beyond Linux, images are refused here
 * - whose entry cannot be executed, or that load nothing: Linux starts them, and they are stopped at once;
 * - whose PT_DYNAMIC or PT_TLS is malformed, since relocations and thread-local storage are the kernel's work here;
 * - that are programs of Linux, unless they are read as such.
 */
const MAX_ALIGNMENT = 2 ** 30;
/** Bytes of a thread-local template: they are copied for each thread. */
const MAX_TLS_TEMPLATE = 2 ** 20;
/** PATH_MAX of Linux. */
const MAX_INTERPRETER_BYTES = 4096;

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
  /** Path of the dynamic linker that a program of Linux asks for: PT_INTERP. */
  readonly interpreter: Uint8Array | undefined;
  readonly relocations: Relocations;
}

/** Whose program an image is. The start-up code and the dynamic linker of Linux do themselves what the kernel does for BD0's. */
export type ProgramAbi = 'bd0' | 'linux';

/** Reads and checks an image; throws ElfError for one that cannot run. */
export function parseElf(image: ImageBytes, abi: ProgramAbi = 'bd0'): ElfImage {
  const reading = new ElfReading(image, abi);
  for (;;) {
    const elf = reading.take();
    if (elf) return elf;
  }
}

/**
 * Whose program an image is; undefined where it does not say. Throws ElfError for what is no program for x86-64 at all.
 */
export function abiOf(image: ImageBytes): ProgramAbi | undefined {
  const isLinux = isOfLinux(image, readTable(image).headers);
  return isLinux === undefined ? undefined : isLinux ? 'linux' : 'bd0';
}

/** Reads and checks an image in parts: first all but its relocations, then those. */
export class ElfReading {
  private headers: Omit<ElfImage, 'relocations'> | undefined;
  private check: RelocationCheck | undefined;

  constructor(
    private readonly image: ImageBytes,
    private readonly abi: ProgramAbi = 'bd0',
  ) {}

  /** Reads a part; returns the image when all is read. Throws ElfError for one that cannot run. */
  take(): ElfImage | undefined {
    const { image } = this;
    if (!this.headers) {
      const { dynamic, ...headers } = this.abi === 'linux' ? readLinuxHeaders(image) : readHeaders(image);
      this.headers = headers;
      this.check = new RelocationCheck(image, headers.segments, readDynamic(image, headers.segments, dynamic));
    }
    const relocations = this.check!.take();
    return relocations && { ...this.headers, relocations };
  }
}

/** What is known of an image before its relocations are read. */
interface Headers extends Omit<ElfImage, 'relocations'> {
  /** Undefined: the kernel has nothing to relocate. */
  readonly dynamic: Parameters<typeof readDynamic>[2];
}

function readHeaders(image: ImageBytes): Headers {
  const { offset, headers, type, entry } = readTable(image);
  if (isOfLinux(image, headers)) throw new ElfError('it is a Linux program: start it as one');
  const dynamic = onlyHeader(headers, PT_DYNAMIC, 'PT_DYNAMIC');
  const threadLocal = onlyHeader(headers, PT_TLS, 'PT_TLS');
  const loaded = describeLoaded(image, { offset, headers, type, entry });
  return {
    ...loaded,
    threadLocal: threadLocal && readThreadLocal(threadLocal, loaded.segments),
    interpreter: undefined,
    dynamic: dynamic && { name: headerName(dynamic), ...dynamic },
  };
}

function readLinuxHeaders(image: ImageBytes): Headers {
  const table = readTable(image);
  const interpreter = table.headers.find(({ type }) => type === PT_INTERP);
  return {
    ...describeLoaded(image, table),
    threadLocal: undefined,
    interpreter: interpreter && readInterpreter(image, interpreter),
    dynamic: undefined,
  };
}

interface HeaderTable {
  readonly offset: number;
  readonly headers: readonly ProgramHeader[];
  readonly type: number;
  readonly entry: bigint;
}

function readTable(image: ImageBytes): HeaderTable {
  const header = checkProgram(image);
  return {
    ...readProgramHeaders(image, header),
    type: header.getUint16(16, true),
    entry: header.getBigUint64(24, true),
  };
}

function describeLoaded(
  image: ImageBytes,
  { offset, headers, type, entry }: HeaderTable,
): Omit<Headers, 'threadLocal' | 'interpreter' | 'dynamic'> {
  const loads = headers.filter(({ type }) => type === PT_LOAD);
  const segments = loadedSegments(loads, image.length);
  const [first, last] = [segments[0], segments.at(-1)];
  if (!first || !last) throw new ElfError('no program header is a PT_LOAD with a p_memsz other than 0');
  const fixed = type === ET_EXEC;
  return {
    fixed,
    entry: checkedEntry(entry, segments),
    segments,
    start: firstPage(first),
    end: endPage(last),
    alignment: fixed ? PAGE_SIZE : Math.max(PAGE_SIZE, ...loads.map(loadAlignment)),
    programHeaders: loadedHeaders(segments, offset, headers.length),
    executableStack: headers.some((one) => one.type === PT_GNU_STACK && (one.flags & PF_X) !== 0),
  };
}

/** The path of the dynamic linker, without the zero behind it. */
function readInterpreter(image: ImageBytes, header: ProgramHeader): Uint8Array {
  const { offset, filesz } = header;
  if (filesz < 2n || filesz > BigInt(MAX_INTERPRETER_BYTES))
    throw new ElfError(`${headerName(header)}: PT_INTERP of ${filesz} bytes is not 2 to ${MAX_INTERPRETER_BYTES}`);
  const start = checkedRange(image, `${headerName(header)}: p_offset`, offset, filesz);
  const bytes = image.read(start, Number(filesz));
  if (bytes.indexOf(0) !== bytes.length - 1) throw new ElfError(`${headerName(header)}: PT_INTERP is not a path`);
  return bytes.slice(0, -1);
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
