import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE, roundUp } from '../../bits.js';
import { OutOfFramesError } from '../../vmo/errors.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { ElfImage } from './elf.js';
import { Errno, KernelError } from '../errors.js';
import {
  HEAP_PAIR_BYTES,
  HEAP_PAIR_OFFSET,
  MAX_NAME_BYTES,
  headerBytes,
  heapPairBytes,
  heapPairFrom,
  type HeapPair,
} from './header-page.js';
import type { LoadedImage } from './image.js';
import { canaryOf, initialStack, initialStackBytes } from './initial-stack.js';
import { hasGuard, layOut, layOutShared, type ProcessLayout } from './layout.js';
import type { KnownImages } from './known-images.js';
import type { LoadedLinuxProgram } from '../linux/linux-system.js';
import { toLinear, type LinearAddress } from '../memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE, type Mapping } from '../memory/mapping.js';
import type { Process, ProcessDescription } from '../tasks/process.js';
import type { Region } from '../memory/region.js';
import { type MapTarget } from '../memory/map-target.js';
import { unmapIn } from '../memory/map-vmo.js';
import { unload } from '../memory/unload.js';
import type { UserMemory } from '../memory/user-memory.js';

const PLAIN = PROTECTION_READ | PROTECTION_WRITE;
const ZEROS = { protection: PLAIN, backing: undefined };

/** Where programs are loaded to. */
export interface LoadTarget extends MapTarget {
  readonly images: KnownImages;
  readonly memory: UserMemory;
}

/** What a program is started with. */
export interface StartOptions {
  /** 1 to 63 bytes of UTF-8, none of them 0. */
  readonly name: string;
  /** Bytes of its region, rounded up to whole pages; where it has a host, what it may take of that one's. */
  readonly limitBytes: number;
  /** What main gets, argv[0] included; none of them holds a zero byte. Only the name, if not given. */
  readonly argv?: readonly (string | Uint8Array)[];
  readonly parent?: number;
  /** Its first thread is in debug mode. */
  readonly debugMode?: boolean;
  /** The process in whose region it is to live; in one of its own, if not given. */
  readonly host?: Process;
  /** It is started as a program of Linux; as one of BD0, if not given. */
  readonly linux?: LinuxOptions;
}

/** What a program of Linux is started with besides. */
export interface LinuxOptions {
  /** Of the image, as its user gave it; `/` and the name, if not given. */
  readonly path?: Uint8Array;
  /** `NAME=value` each; empty, if not given. */
  readonly environment?: readonly Uint8Array[];
  /** The path of the current directory; `/`, if not given, and where there is no such directory. */
  readonly directory?: Uint8Array;
  /** Rows and columns of the terminal at which it starts; 24 and 80, if not given. */
  readonly terminalSize?: readonly [rows: number, columns: number];
  /**
   * What the clock of Linux is when the machine starts, in nanoseconds since 1970; 1 January 2024 if not given. That of the first
   * program of Linux counts.
   */
  readonly epoch?: bigint;
}

/** A program in memory, ready for its first instruction. */
export interface LoadedProgram {
  readonly description: ProcessDescription;
  /** The first instruction. */
  readonly rip: LinearAddress;
  readonly rsp: LinearAddress;
  /** The base of FS. */
  readonly threadPointer: LinearAddress;
  /** Of a program of Linux. */
  readonly linux?: LoadedLinuxProgram;
}

/** What is to be started, checked. */
export interface Program {
  readonly image: VmoHandle;
  readonly argv: readonly Uint8Array[];
  readonly parent: number;
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly limitBytes: number;
  readonly host: Process | undefined;
}

/** A program that is ready to be put into memory. */
export interface ProgramParts {
  readonly program: Program;
  readonly elf: ElfImage;
  readonly layout: ProcessLayout;
  /** All of it is taken; its base is that of the layout. */
  readonly loaded: LoadedImage;
  readonly pid: number;
}

/** Checks what a program is to be started with; throws KernelError EINVAL. */
export function programOf(image: VmoHandle, options: StartOptions): Program {
  const { name, limitBytes, parent = 0, host } = options;
  if (!Number.isInteger(limitBytes) || limitBytes <= 0 || limitBytes > Number.MAX_SAFE_INTEGER - PAGE_SIZE)
    throw new KernelError(Errno.EINVAL, `a limit of ${limitBytes} bytes is not a positive whole number`);
  const nameBytes = checkedName(name);
  return { image, argv: (options.argv ?? [name]).map(checkedArgument), parent, name, nameBytes, limitBytes, host };
}

/**
 * Where a program is to lie, as long as nothing else is placed. Throws KernelError: ENOEXEC (ElfError) for an image that does
 * not fit, EINVAL for too small a limit, ENOSPC where no region is left, or no room in that of the host.
 */
export function layOutProgram(target: LoadTarget, program: Program, elf: ElfImage): ProcessLayout {
  const { argv, limitBytes, host } = program;
  const layout = host
    ? layOutShared(elf, host.region, heapPairOf(target, host.region), limitBytes)
    : layOut(elf, target.space.firstPlace(limitBytes), roundUp(limitBytes, PAGE_SIZE));
  checkStack(argv, elf, layout);
  return layout;
}

/**
 * Loads an image into a region of its own, or into that of its host, in the place that `layOutProgram` has given. Throws
 * KernelError, with nothing changed: ENOSPC where another image lies at its fixed address, ENOMEM where no frame is left.
 */
export function loadProgram(target: LoadTarget, parts: ProgramParts): LoadedProgram {
  try {
    return parts.program.host ? loadShared(target, parts, parts.program.host.region) : loadAlone(target, parts);
  } catch (error) {
    if (error instanceof OutOfFramesError) throw new KernelError(Errno.ENOMEM, error.message);
    throw error;
  }
}

function loadAlone(target: LoadTarget, parts: ProgramParts): LoadedProgram {
  const { program, elf, layout, loaded } = parts;
  const regions: Region[] = [];
  try {
    const region = target.space.place(program.limitBytes);
    regions.push(region);
    if (region.start !== layout.header) throw new Error(`the region lies at ${region.start}, not at ${layout.header}`);
    if (elf.fixed) regions.push(target.space.placeImage(elf.start, elf.end - elf.start));
    region.add({ start: region.start, end: region.start + PAGE_SIZE, ...ZEROS });
    region.add({ start: layout.heap, end: region.end, ...ZEROS });
    for (const mapping of loaded.mappings(layout.bias)) (regions[1] ?? region).add(mapping);
    return fill(target, parts, { region, imageRegion: regions[1], size: region.size });
  } catch (error) {
    for (const region of regions) unload(target, region);
    throw error;
  }
}

/** "A + B": the program lies above the heap pointer of `region`, and its stack below the stack floor. */
function loadShared(target: LoadTarget, parts: ProgramParts, region: Region): LoadedProgram {
  const { elf, layout, loaded } = parts;
  const { header, heap, stack } = layout;
  const imageRegion = elf.fixed ? target.space.placeImage(elf.start, elf.end - elf.start) : undefined;
  try {
    for (const mapping of loaded.mappings(layout.bias))
      if (imageRegion) imageRegion.add(mapping);
      else replaceMapping(target, region, mapping);
    const result = fill(target, parts, { region, imageRegion, size: heap - header });
    const after = heapPairBytes({ heapPointer: toLinear(heap), stackFloor: toLinear(stack.guard) });
    target.memory.write(region.start + HEAP_PAIR_OFFSET, after);
    region.users++;
    return result;
  } catch (error) {
    for (const [start, end] of [
      [header, heap],
      [stack.guard, stack.end],
    ] as const)
      // prettier-ignore
      replaceMapping(target, region, { start, end, ...ZEROS });
    if (imageRegion) unload(target, imageRegion);
    throw error;
  }
}

function heapPairOf(target: LoadTarget, region: Region): HeapPair {
  return heapPairFrom(target.memory.read(region.start + HEAP_PAIR_OFFSET, HEAP_PAIR_BYTES));
}

function replaceMapping(target: LoadTarget, region: Region, mapping: Mapping): void {
  unmapIn(target, region, mapping.start, mapping.end);
  region.add(mapping);
}

/** Writes what the kernel puts into the memory of a program: stack, thread-local storage, header page. */
function fill(
  target: LoadTarget,
  { program, elf, layout, loaded, pid }: ProgramParts,
  place: Pick<ProcessDescription, 'region' | 'imageRegion' | 'size'>,
): LoadedProgram {
  const { memory } = target;
  const { image, argv, parent, name, nameBytes } = program;
  const { header, bias, heap, stack } = layout;
  const { programHeaders } = elf;
  const threadLocal = elf.threadLocal && { ...elf.threadLocal, address: bias + elf.threadLocal.address };
  const description: ProcessDescription = {
    region: place.region,
    imageRegion: place.imageRegion,
    size: place.size,
    parent,
    name,
    nameBytes,
    header,
    heap,
    threadLocal,
    entry: bias + elf.entry,
    mainStack: stack,
    stackProtection: elf.executableStack ? PLAIN | PROTECTION_EXECUTE : PLAIN,
    imageId: image.id,
    canary: canaryOf(image.id, pid),
  };
  if (hasGuard(stack)) unmapIn(target, place.region, stack.guard, stack.guard + PAGE_SIZE);
  if (elf.executableStack) protectStack(target, place.region, stack, description.stackProtection);
  const top = initialStack({
    top: stack.end,
    argv,
    programHeaders: programHeaders && { ...programHeaders, address: bias + programHeaders.address },
    base: loaded.base,
    entry: description.entry,
    threadLocal: elf.threadLocal,
    canary: description.canary,
  });
  for (const { address, bytes } of top.pieces) memory.write(address, bytes);
  if (threadLocal) memory.write(top.threadLocalStart, memory.peek(threadLocal.address, threadLocal.fileSize));
  const headerPage = headerBytes({
    pid,
    parent,
    start: header,
    size: place.size,
    entry: description.entry,
    imageBase: bias + elf.start,
    heapPointer: heap,
    stackFloor: stack.guard,
    argc: argv.length,
    argv: top.argv,
    imageId: hexToBytes(description.imageId),
    name: nameBytes,
  });
  memory.write(header, headerPage);
  target.pager.releasePins();
  return { description, rip: description.entry, rsp: top.rsp, threadPointer: top.threadPointer };
}

/** Gives the untouched zero pages of a new stack the protection that its program asks for. */
function protectStack(target: LoadTarget, region: Region, stack: ProcessLayout['stack'], protection: number): void {
  const start = stack.guard + (hasGuard(stack) ? PAGE_SIZE : 0);
  replaceMapping(target, region, { start, end: stack.end, protection, backing: undefined });
}

function checkStack(argv: readonly Uint8Array[], elf: ElfImage, { stack }: ProcessLayout): void {
  const needed = initialStackBytes(argv, elf.threadLocal);
  const there = stack.end - stack.guard - (hasGuard(stack) ? PAGE_SIZE : 0);
  if (needed > there)
    throw new KernelError(
      Errno.EINVAL,
      `arguments and thread-local storage of ${needed} bytes exceed the main stack of ${there}`,
    );
}

function checkedName(name: string): Uint8Array {
  const bytes = checkedArgument(name);
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES)
    throw new KernelError(Errno.EINVAL, `the name '${name}' has ${bytes.length} bytes, not 1 to ${MAX_NAME_BYTES}`);
  return bytes;
}

function checkedArgument(argument: string | Uint8Array): Uint8Array {
  if (typeof argument !== 'string') return argument;
  const bytes = new TextEncoder().encode(argument);
  if (bytes.includes(0)) throw new KernelError(Errno.EINVAL, `'${argument}' holds a zero byte`);
  return bytes;
}
