import type { ImageBytes } from '../../kernel/program/elf-fields.js';
import type { Steps } from '../../vmo/steps.js';
import type { LineMatch } from '../dwarf/line-table.js';
import { LibraryFile } from './library-file.js';
import { fileName, PlacedImage, type CodeNames } from './placed-image.js';
import type { SymbolMatch } from './symbols.js';

/** A library of a process. */
export interface PlacedLibrary {
  /** Its first linear address, and one past the last. */
  readonly start: bigint;
  readonly end: bigint;
  /** `libc.so.6`. */
  readonly name: string;
  /** Its symbols and lines, which may be read when they are first asked for. */
  readonly image: PlacedImage;
}

/** Names in the image of a process and in its libraries. */
export class ProcessCode implements CodeNames {
  constructor(
    readonly image: PlacedImage,
    private readonly librariesNow: () => readonly PlacedLibrary[],
  ) {}

  get libraries(): readonly PlacedLibrary[] {
    return this.librariesNow();
  }

  readonly symbols = (linear: bigint): SymbolMatch | undefined => this.imageAt(linear).symbols(linear);

  line(linear: bigint): LineMatch | undefined {
    return this.imageAt(linear).line(linear);
  }

  library(linear: bigint): string | undefined {
    return this.libraryAt(linear)?.name;
  }

  private imageAt(linear: bigint): PlacedImage {
    return this.libraryAt(linear)?.image ?? this.image;
  }

  private libraryAt(linear: bigint): PlacedLibrary | undefined {
    return this.libraries.find(({ start, end }) => linear >= start && linear < end);
  }
}

/** Of a library that does not say what it is called, and that no dynamic linker lists. */
const NAMELESS = 'a library';

/**
 * Reads the library of which byte `offset` lies at a linear address, in steps of a few milliseconds each. `path` names one that does
 * not say what it is called. Undefined for a file of another kind.
 */
export function* readLibraryInSteps(
  file: ImageBytes,
  offset: number,
  linear: bigint,
  path?: string,
): Steps<PlacedLibrary | undefined> {
  const library = LibraryFile.read(file);
  const linked = library?.addressOf(offset);
  if (!library || linked === undefined) return undefined;
  const base = BigInt.asUintN(64, linear - linked);
  const image = yield* PlacedImage.readAtBaseInSteps(file, base);
  return { ...library.extentAt(base), name: library.soname ?? (path === undefined ? NAMELESS : fileName(path)), image };
}
