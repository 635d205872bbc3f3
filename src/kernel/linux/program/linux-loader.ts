import { ElfError } from '../../program/elf-fields.js';
import type { ElfImage } from '../../program/elf.js';
import { parseElf } from '../../program/elf.js';
import { LoadedImage, loadBase } from '../../program/image.js';
import { PAGE_SIZE, roundUp } from '../../../bits.js';
import { OutOfFramesError } from '../../../vmo/errors.js';
import type { VmoHandle } from '../../../vmo/handle.js';
import { Errno, KernelError } from '../../errors.js';
import { toLinear, type LinearAddress } from '../../memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE, type MappedFile } from '../../memory/mapping.js';
import type { Region } from '../../memory/region.js';
import type { View } from '../../memory/view.js';
import type { LoadTarget } from '../../program/loader.js';
import type { ThreadStack } from '../../tasks/thread.js';
import { LinuxMemory } from '../memory/linux-memory.js';
import { LOW_BYTES, layOutLinux, type LinuxLayout } from './linux-layout.js';
import { linuxStack, linuxStackBytes, type ProgramUser } from './linux-stack.js';

/** What a program of Linux is, and what it is given. */
export interface LinuxProgram {
  readonly image: VmoHandle;
  readonly file: MappedFile;
  /** As it was asked for: AT_EXECFN. */
  readonly path: Uint8Array;
  readonly argv: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  readonly user: ProgramUser;
  /** 16 bytes, for AT_RANDOM. */
  readonly random: Uint8Array;
  /** CPUID.1:EDX. */
  readonly features: number;
}

/** What programs of Linux are loaded with. */
export interface LinuxLoadTarget extends LoadTarget {
  /** The file of a path, for the dynamic linker. The handle is the caller's. Throws ElfError. */
  openImage(path: Uint8Array): VmoHandle;
  /** The file at a path, for listings of mappings. */
  mappedFileAt(path: Uint8Array): MappedFile;
}

/** An image, with the file that it comes from. */
interface LoadedFile {
  readonly image: VmoHandle;
  readonly elf: ElfImage;
  readonly file: MappedFile;
}

/** A program that is to be loaded, read and checked. Its images are open until `close`. */
export class LinuxImages {
  readonly elf: ElfImage;
  readonly interpreter: LoadedFile | undefined;

  /** Throws ElfError. */
  constructor(
    target: LinuxLoadTarget,
    readonly image: VmoHandle,
  ) {
    this.elf = readImage(target, image);
    if (!this.elf.interpreter) return;
    const interpreter = target.openImage(this.elf.interpreter);
    try {
      const file = target.mappedFileAt(this.elf.interpreter);
      this.interpreter = { image: interpreter, elf: readImage(target, interpreter), file };
    } catch (error) {
      interpreter.close();
      throw error;
    }
  }

  close(): void {
    this.interpreter?.image.close();
  }
}

/** A program of Linux in memory, ready for its first instruction. */
export interface LoadedLinux {
  readonly memory: LinuxMemory;
  /** Addresses as the program sees them: where its own code begins, and the first instruction, which may be the dynamic linker's. */
  readonly entry: LinearAddress;
  readonly rip: LinearAddress;
  readonly rsp: LinearAddress;
  readonly stack: ThreadStack;
  /** The auxiliary vector, as it lies on the stack. */
  readonly auxiliary: Uint8Array;
}

/** Where a program is loaded. */
export interface LinuxPlace {
  /** It has no mapping. */
  readonly home: Region;
  /** How the process sees it. */
  readonly view: View | undefined;
  /** Bytes of the home that it may use. */
  readonly bytes: number;
}

/** Throws KernelError EINVAL where the arguments do not fit onto the stack. */
export function checkArguments({ stack }: LinuxLayout, program: Pick<LinuxProgram, 'argv' | 'environment'>): void {
  const needed = linuxStackBytes(program.argv, program.environment);
  const there = stack.end - stack.guard - PAGE_SIZE;
  if (needed > there)
    throw new KernelError(Errno.EINVAL, `arguments and environment of ${needed} bytes exceed the stack of ${there}`);
}

/**
 * Loads a program into a home that has no mapping. Throws KernelError, where the home is to be emptied: ENOEXEC (ElfError) for
 * an image that does not fit, EINVAL for too many arguments, ENOMEM where no frame is left.
 */
export function loadLinux(
  target: LinuxLoadTarget,
  { home: region, view, bytes }: LinuxPlace,
  images: LinuxImages,
  program: LinuxProgram,
): LoadedLinux {
  const { elf, interpreter } = images;
  const see = (address: LinearAddress): LinearAddress => view?.window(address) ?? address;
  const layout = layOutLinux(elf, region.start, bytes);
  checkArguments(layout, program);
  try {
    mapImage(target, region, { image: images.image, elf, file: program.file }, layout.bias);
    const memory = new LinuxMemory(region, see(region.start + LOW_BYTES) - LOW_BYTES, elf.fixed, layout);
    const linkerBias = interpreter && placeLinker(memory, region, interpreter.elf);
    if (interpreter) mapImage(target, region, interpreter, linkerBias!);
    const { stack } = layout;
    const protection = PROTECTION_READ | PROTECTION_WRITE | (elf.executableStack ? PROTECTION_EXECUTE : 0);
    region.add({ start: stack.guard + PAGE_SIZE, end: stack.end, protection, backing: undefined });
    const entry = see(layout.bias + elf.entry);
    const base = interpreter ? toLinear(see(linkerBias! + interpreter.elf.start)) : 0n;
    const top = linuxStack({
      ...program,
      // The end itself may be that of the home, which is in no window.
      top: see(stack.end - PAGE_SIZE) + PAGE_SIZE,
      programHeaders: elf.programHeaders && {
        address: toLinear(see(layout.bias + elf.programHeaders.address)),
        count: elf.programHeaders.count,
      },
      base,
      entry: toLinear(entry),
    });
    target.memory.write(stack.end - top.bytes.length, top.bytes);
    target.pager.releasePins();
    const rip = interpreter ? see(linkerBias! + interpreter.elf.entry) : entry;
    return { memory, stack, entry, rip, rsp: top.rsp, auxiliary: top.auxiliary };
  } catch (error) {
    if (error instanceof OutOfFramesError) throw new KernelError(Errno.ENOMEM, error.message);
    throw error;
  }
}

function placeLinker(memory: LinuxMemory, region: Region, elf: ElfImage): number {
  if (elf.fixed) throw new ElfError('its dynamic linker is linked at a fixed address');
  const size = elf.end - elf.start + elf.alignment;
  const start = memory.findFree(size);
  if (start === undefined) throw new ElfError(`its dynamic linker takes ${size} bytes, more than ${region.size}`);
  return roundUp(start - elf.start, elf.alignment);
}

function readImage({ images }: LoadTarget, image: VmoHandle): ElfImage {
  const known = images.find(image, 'linux');
  if (known) return known;
  const elf = parseElf(image, 'linux');
  images.remember(image, 'linux', elf);
  return elf;
}

function mapImage(target: LoadTarget, region: Region, { image, elf, file }: LoadedFile, bias: number): void {
  const loaded = new LoadedImage(target, image, elf, loadBase(elf, bias), { mapsFile: true });
  try {
    while (!loaded.take());
    for (const mapping of loaded.mappings(bias)) region.add(mapping.backing ? { ...mapping, file } : mapping);
  } finally {
    loaded.close();
  }
}
