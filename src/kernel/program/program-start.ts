import { OutOfFramesError } from '../../vmo/errors.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { Errno, KernelError } from '../errors.js';
import { HostMemoryError, type HostMemory } from '../host-memory.js';
import { ElfReading, type ElfImage } from './elf.js';
import { LoadedImage, loadBase } from './image.js';
import type { ProcessLayout } from './layout.js';
import {
  layOutProgram,
  loadProgram,
  programOf,
  type LoadedProgram,
  type LoadTarget,
  type Program,
  type StartOptions,
} from './loader.js';
import { hostBytesOfStart } from './start-price.js';

/** Where programs are started. */
export interface StartTarget extends LoadTarget {
  readonly hostMemory: HostMemory;
}

/** The start of a program, of BD0 or of Linux. */
export interface ProgramBeginning {
  readonly image: VmoHandle;
  readonly options: StartOptions;
  /** Does a part of the work. Returns the program as soon as it is in memory, as that of `pid`. Throws KernelError. */
  take(pid: number): LoadedProgram | undefined;
  /** Gives up what is not in memory; no effect where that was done. */
  close(): void;
}

/**
 * The start of a program, in parts of some milliseconds: its image is read, then relocated apart from the memory of the
 * machine, then loaded at once.
 */
export class ProgramStart implements ProgramBeginning {
  private readonly program: Program;
  private reading: ElfReading | undefined;
  private elf: ElfImage | undefined;
  private loaded: LoadedImage | undefined;

  /** The image is the caller's, and must stay open until the program is started. Throws KernelError EINVAL. */
  constructor(
    private readonly target: StartTarget,
    readonly image: VmoHandle,
    readonly options: StartOptions,
  ) {
    this.program = programOf(image, options);
  }

  /**
   * Does a part of the work. Returns the program as soon as it is in memory, as that of `pid`. Throws KernelError, with
   * nothing changed: as `layOutProgram` and `loadProgram` do, ENOEXEC (ElfError) for an image that cannot run, and
   * HostMemoryError.
   */
  take(pid: number): LoadedProgram | undefined {
    const elf = (this.elf ??= this.readPart());
    if (!elf) return undefined;
    const { target, program } = this;
    if (!this.loaded) {
      target.hostMemory.require(hostBytesOfStart(elf));
      this.loaded = this.beginLoading(elf, this.layOut(elf));
    }
    if (!this.takePart(this.loaded)) return undefined;
    const layout = this.layOut(elf);
    if (loadBase(elf, layout.bias) !== this.loaded.base) {
      // The host has placed something in between.
      this.loaded.close();
      this.loaded = this.beginLoading(elf, layout);
      return undefined;
    }
    return loadProgram(target, { program, elf, layout, loaded: this.loaded, pid });
  }

  /** Gives up what is not in memory; no effect where that was done. */
  close(): void {
    this.loaded?.close();
  }

  private readPart(): ElfImage | undefined {
    const { images } = this.target;
    const known = images.find(this.image, 'bd0');
    if (known) return known;
    this.reading ??= new ElfReading(this.image);
    const elf = this.reading.take();
    if (elf) images.remember(this.image, 'bd0', elf);
    return elf;
  }

  private layOut(elf: ElfImage): ProcessLayout {
    try {
      return layOutProgram(this.target, this.program, elf);
    } catch (error) {
      if (error instanceof OutOfFramesError) throw new KernelError(Errno.ENOMEM, error.message);
      throw error;
    }
  }

  private beginLoading(elf: ElfImage, { bias }: ProcessLayout): LoadedImage {
    return new LoadedImage(this.target, this.image, elf, loadBase(elf, bias));
  }

  private takePart(loaded: LoadedImage): boolean {
    const { store, hostMemory } = this.target;
    if (!loaded.isComplete && store.isFull)
      throw new HostMemoryError('no page of a VMO is left for what relocations change');
    const isComplete = loaded.take();
    hostMemory.require(0);
    return isComplete;
  }
}
