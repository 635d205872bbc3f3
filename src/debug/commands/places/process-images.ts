import { symbolText } from '../../reports/address-text.js';
import type { CodeNames, PlacedImage } from '../../reports/placed-image.js';
import type { LineMatch } from '../../dwarf/line-table.js';
import type { DebugProcess, DebugTarget } from '../../target.js';
import { ImageList, type OwnedCode } from '../../reports/image-list.js';

/** An object or a function of a process. */
export interface FoundSymbol {
  readonly pid: number;
  readonly start: bigint;
  readonly lengthBytes: number;
}

/** A place in the code of a process. */
export interface FoundCode {
  readonly pid: number;
  readonly address: bigint;
}

/** A word through which a process calls a function, and what is there before the function was chosen. */
export interface OwnedSlot extends FoundCode {
  readonly unresolved: readonly bigint[];
}

/** An image of a process: its own, or that of a library. */
interface PlacedOwned {
  readonly pid: number;
  readonly image: PlacedImage;
}

/** Names that completion shows, at most. */
const MOST_NAMES = 200;
/** Bytes of a function in which the end of its prologue is looked for. */
const PROLOGUE_BYTES = 128;

/**
 * Symbols and source lines of all processes and their libraries, of those that have ended as well: history may lead back to them.
 * Several processes may have different code at the same addresses: `seenBy` prefers what one of them has there.
 */
export class ProcessImages {
  private sorted: { readonly from: readonly OwnedCode[]; readonly all: readonly OwnedCode[] } | undefined;

  private constructor(
    private readonly list: ImageList,
    private readonly pid: number | undefined,
  ) {}

  static of(target: DebugTarget): ProcessImages {
    const images = new ProcessImages(new ImageList(target), undefined);
    images.refresh();
    return images;
  }

  /** The same images, those of a process first. */
  seenBy(pid: number | undefined): ProcessImages {
    return pid === this.pid ? this : new ProcessImages(this.list, pid);
  }

  /** Looks for processes that have started or ended, and for libraries that were loaded or unloaded. */
  refresh(): void {
    this.list.refresh();
  }

  private get current(): readonly OwnedCode[] {
    const { list, pid } = this;
    if (pid === undefined || list.all[0]?.pid === pid) return list.all;
    if (this.sorted?.from !== list.all) {
      const all = [...list.all].sort((a, b) => Number(b.pid === pid) - Number(a.pid === pid));
      this.sorted = { from: list.all, all };
    }
    return this.sorted.all;
  }

  /** The symbol that contains an address. */
  readonly symbols = (linear: bigint): ReturnType<PlacedImage['symbols']> => {
    return this.firstAt(linear, (code) => code.symbols(linear));
  };

  /** The source line of the instruction at an address. */
  readonly line = (linear: bigint): LineMatch | undefined => this.firstAt(linear, (code) => code.line(linear));

  /** The code of a process, of the last one of several that had the pid. */
  readonly ofProcess = (pid: number): CodeNames | undefined => this.current.find((owned) => owned.pid === pid)?.code;

  /** The name of the library that an address lies in. */
  library(linear: bigint): string | undefined {
    return this.firstAt(linear, (code) => code.library(linear));
  }

  /** What the first process that has it at an address has there: behind a library, nothing else is looked for. */
  private firstAt<T>(linear: bigint, find: (code: OwnedCode['code']) => T | undefined): T | undefined {
    for (const { code } of this.current) {
      const found = find(code);
      if (found !== undefined || code.library(linear) !== undefined) return found;
    }
    return undefined;
  }

  /** `main+0x12`; undefined without a symbol. */
  symbolText(linear: bigint): string | undefined {
    const match = this.symbols(linear);
    return match && symbolText(match);
  }

  /**
   * The symbols of a name, that of process `first` before others: those of programs; if no program has the name, those of
   * libraries. As for a dynamic linker, a function of a program replaces those of libraries.
   */
  find(name: string, first: number | undefined): FoundSymbol[] {
    const named = (images: readonly PlacedOwned[]): FoundSymbol[] =>
      images.flatMap(({ pid, image }) => {
        const extent = image.extentOf(name);
        return extent ? [{ pid, ...extent }] : [];
      });
    const inPrograms = named(this.programs);
    const found = inPrograms.length > 0 ? inPrograms : named(this.libraries);
    return found.sort((a, b) => Number(b.pid === first) - Number(a.pid === first));
  }

  /** The address that a thread of the process reaches whenever libraries have come or gone; undefined if there is none. */
  changeAddress(process: DebugProcess): bigint | undefined {
    return this.list.changeAddress(process);
  }

  /** The words through which processes call a function of which they have several, for different processors. */
  slotsOf(name: string): OwnedSlot[] {
    return this.current.flatMap(({ pid, code }) => {
      const images = [code.image, ...code.libraries.map(({ image }) => image)];
      if (!images.some((image) => image.hasIndirect(name))) return [];
      return images.flatMap((image) => image.slotsOf(name).map((slot) => ({ pid, ...slot })));
    });
  }

  /** Where the code of a source line begins, in all processes. A file is given by its name, or the end of its path. */
  codeOfLine(file: string, line: number): FoundCode[] {
    const isWanted = (path: string): boolean => path === file || path.endsWith(`/${file}`);
    const found = [...this.programs, ...this.libraries].flatMap(({ pid, image }) =>
      image.addressesOfLine(line, isWanted).map((place) => ({ pid, ...place })),
    );
    // Another image may lack code for the line, and have some behind it.
    const least = Math.min(...found.map((place) => place.line));
    return found.filter((place) => place.line === least);
  }

  /** Where the body of a function begins: at the second line of its code, or at its start if it has no lines. */
  behindPrologue({ start, lengthBytes }: FoundSymbol): bigint {
    const first = this.line(start);
    const end = start + BigInt(Math.min(lengthBytes, PROLOGUE_BYTES));
    for (let at = start + 1n; first && at < end; at++) {
      const line = this.line(at);
      if (line && line.line !== first.line) return at;
    }
    return start;
  }

  /** Names of symbols that begin with some text. */
  namesFrom(start: string): string[] {
    const images = [...this.programs, ...this.libraries];
    const names = images.flatMap(({ image }) => image.namesFrom(start, MOST_NAMES));
    return [...new Set(names)].sort().slice(0, MOST_NAMES);
  }

  private get programs(): PlacedOwned[] {
    return this.current.map(({ pid, code: { image } }) => ({ pid, image }));
  }

  private get libraries(): PlacedOwned[] {
    return this.current.flatMap(({ pid, code }) => code.libraries.map(({ image }) => ({ pid, image })));
  }
}
