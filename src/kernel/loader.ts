import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE } from '../bits.js';
import { OutOfFramesError } from '../vmo/errors.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import type { AddressSpace } from './address-space.js';
import { parseElf, type ElfImage } from './elf.js';
import { Errno, KernelError } from './errors.js';
import { MAX_NAME_BYTES, headerBytes } from './header-page.js';
import { imageMappings, loadBase } from './image.js';
import { initialStack, initialStackBytes, type InitialStack } from './initial-stack.js';
import { layOut, type ProcessLayout } from './layout.js';
import type { LinearAddress } from './linear-address.js';
import { PROTECTION_READ, PROTECTION_WRITE } from './mapping.js';
import type { Pager } from './pager.js';
import type { ProcessDescription } from './process.js';
import type { Region } from './region.js';
import type { UserMemory } from './user-memory.js';

/** Where programs are loaded to. */
export interface LoadTarget {
  readonly store: VmoStore;
  readonly space: AddressSpace;
  readonly pager: Pager;
  readonly memory: UserMemory;
}

/** What a program is started with. */
export interface StartOptions {
  /** 1 to 63 bytes of UTF-8, none of them 0. */
  readonly name: string;
  /** Bytes of its region, rounded up to whole pages. */
  readonly limitBytes: number;
  /** What main gets, argv[0] included; none of them holds a zero byte. Only the name, if not given. */
  readonly argv?: readonly string[];
  readonly parent?: number;
}

/** A program in memory, ready for its first instruction. */
export interface LoadedProgram {
  readonly description: ProcessDescription;
  readonly rsp: LinearAddress;
  /** The base of FS. */
  readonly threadPointer: LinearAddress;
}

/**
 * Loads an image into a region of its own. Throws KernelError, with nothing changed: ENOEXEC (ElfError) for an image that
 * cannot run, EINVAL for bad options, ENOSPC where no region is left, ENOMEM where no frame is.
 */
export function loadProgram(target: LoadTarget, image: VmoHandle, options: StartOptions, pid: number): LoadedProgram {
  const name = checkedName(options.name);
  const argv = (options.argv ?? [options.name]).map(checkedArgument);
  const { limitBytes } = options;
  if (!Number.isInteger(limitBytes) || limitBytes <= 0 || limitBytes > Number.MAX_SAFE_INTEGER - PAGE_SIZE)
    throw new KernelError(Errno.EINVAL, `a limit of ${limitBytes} bytes is not a positive whole number`);
  const elf = parseElf(image);
  const regions: Region[] = [];
  try {
    const region = target.space.place(limitBytes);
    regions.push(region);
    const layout = layOut(elf, region.start, region.size);
    const needed = initialStackBytes(argv, elf.threadLocal);
    if (needed > region.end - layout.stackFloor)
      throw new KernelError(
        Errno.EINVAL,
        `arguments and thread-local storage of ${needed} bytes exceed the main stack of ${region.end - layout.stackFloor}`,
      );
    if (elf.fixed) regions.push(target.space.placeImage(elf.start, elf.end - elf.start));
    const description: ProcessDescription = {
      parent: options.parent ?? 0,
      name: options.name,
      nameBytes: name,
      region,
      imageRegion: regions[1],
      entry: layout.bias + elf.entry,
      imageId: image.id,
    };
    const stack = fillRegions(target, image, elf, layout, argv, description, pid);
    return { description, rsp: stack.rsp, threadPointer: stack.threadPointer };
  } catch (error) {
    for (const region of regions) unload(target, region);
    if (error instanceof OutOfFramesError) throw new KernelError(Errno.ENOMEM, error.message);
    throw error;
  }
}

/** Takes a region out of the address space, and gives back its frames and VMOs. */
export function unload({ space, pager }: LoadTarget, region: Region): void {
  pager.release(region);
  for (const { backing } of region.mappings) backing?.vmo.close();
  space.remove(region);
}

function fillRegions(
  target: LoadTarget,
  image: VmoHandle,
  elf: ElfImage,
  { bias, heap, stackFloor }: ProcessLayout,
  argv: readonly Uint8Array[],
  description: ProcessDescription,
  pid: number,
): InitialStack {
  const { region, imageRegion } = description;
  const { memory } = target;
  const zeros = { protection: PROTECTION_READ | PROTECTION_WRITE, backing: undefined };
  region.add({ start: region.start, end: region.start + PAGE_SIZE, ...zeros });
  region.add({ start: heap, end: region.end, ...zeros });
  for (const mapping of imageMappings(target.store, image, elf, bias)) (imageRegion ?? region).add(mapping);
  const { programHeaders, threadLocal } = elf;
  const stack = initialStack({
    top: region.end,
    argv,
    programHeaders: programHeaders && { ...programHeaders, address: bias + programHeaders.address },
    base: loadBase(elf, bias),
    entry: description.entry,
    threadLocal,
  });
  for (const { address, bytes } of stack.pieces) memory.write(address, bytes);
  if (threadLocal) memory.write(stack.threadLocalStart, memory.peek(bias + threadLocal.address, threadLocal.fileSize));
  const header = headerBytes({
    ...description,
    imageId: hexToBytes(description.imageId),
    pid,
    start: region.start,
    size: region.size,
    imageBase: bias + elf.start,
    heapPointer: heap,
    stackFloor,
    argc: argv.length,
    argv: stack.argv,
    name: description.nameBytes,
  });
  memory.write(region.start, header);
  target.pager.releasePins();
  return stack;
}

function checkedName(name: string): Uint8Array {
  const bytes = checkedArgument(name);
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES)
    throw new KernelError(Errno.EINVAL, `the name '${name}' has ${bytes.length} bytes, not 1 to ${MAX_NAME_BYTES}`);
  return bytes;
}

function checkedArgument(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.includes(0)) throw new KernelError(Errno.EINVAL, `'${text}' holds a zero byte`);
  return bytes;
}
