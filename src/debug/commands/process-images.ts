import { fromLinear } from '../../kernel/memory/linear-address.js';
import { imageOf } from '../../kernel/program/elf-fields.js';
import { symbolText } from '../reports/address-text.js';
import { PlacedImage } from '../reports/placed-image.js';
import type { LineMatch } from '../dwarf/line-table.js';
import type { DebugProcess, DebugTarget } from '../target.js';

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

interface OwnedImage {
  readonly pid: number;
  readonly image: PlacedImage;
}

/** Names that completion shows, at most. */
const MOST_NAMES = 200;
/** Bytes of a function in which the end of its prologue is looked for. */
const PROLOGUE_BYTES = 128;

/** The images of live processes, then those of processes that have ended. */
class ImageList {
  all: readonly OwnedImage[] = [];
  private readonly byProcess = new Map<string, OwnedImage>();
  /** Those of processes that were forked are the same. */
  private readonly byPlace = new Map<string, PlacedImage>();

  constructor(private readonly target: DebugTarget) {}

  /** Looks for processes that have started or ended. */
  refresh(): void {
    const live = this.target.processes.map((process) => this.imageOf(process));
    this.all = [...live, ...[...this.byProcess.values()].filter((image) => !live.includes(image))];
  }

  private imageOf(process: DebugProcess): OwnedImage {
    const { pid, imageId } = process;
    const entry = fromLinear(process.entry)!;
    const key = `${pid} ${imageId} ${entry}`;
    const known = this.byProcess.get(key);
    if (known) return known;
    const place = `${imageId} ${entry}`;
    const image = this.byPlace.get(place) ?? PlacedImage.read(imageOf(process.image()), entry);
    this.byPlace.set(place, image);
    const owned = { pid, image };
    this.byProcess.set(key, owned);
    return owned;
  }
}

/**
 * Symbols and source lines of all processes, of those that have ended as well: history may lead back to them. Several processes
 * may have different code at the same addresses: `seenBy` prefers what one of them has there.
 */
export class ProcessImages {
  private sorted: { readonly from: readonly OwnedImage[]; readonly all: readonly OwnedImage[] } | undefined;

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

  /** Looks for processes that have started or ended. */
  refresh(): void {
    this.list.refresh();
  }

  private get current(): readonly OwnedImage[] {
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
    for (const { image } of this.current) {
      const match = image.symbols(linear);
      if (match) return match;
    }
    return undefined;
  };

  /** The source line of the instruction at an address. */
  readonly line = (linear: bigint): LineMatch | undefined => {
    for (const { image } of this.current) {
      const match = image.line(linear);
      if (match) return match;
    }
    return undefined;
  };

  /** The image of a process, of the last one of several that had the pid. */
  readonly ofProcess = (pid: number): PlacedImage | undefined => this.current.find((owned) => owned.pid === pid)?.image;

  /** `main+0x12`; undefined without a symbol. */
  symbolText(linear: bigint): string | undefined {
    const match = this.symbols(linear);
    return match && symbolText(match);
  }

  /** The symbols of a name, that of process `first` before others. */
  find(name: string, first: number | undefined): FoundSymbol[] {
    const found = this.current.flatMap(({ pid, image }) => {
      const extent = image.extentOf(name);
      return extent ? [{ pid, ...extent }] : [];
    });
    return found.sort((a, b) => Number(b.pid === first) - Number(a.pid === first));
  }

  /** Where the code of a source line begins, in all processes. A file is given by its name, or the end of its path. */
  codeOfLine(file: string, line: number): FoundCode[] {
    const isWanted = (path: string): boolean => path === file || path.endsWith(`/${file}`);
    const found = this.current.flatMap(({ pid, image }) =>
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
    const names = this.current.flatMap(({ image }) => image.namesFrom(start, MOST_NAMES));
    return [...new Set(names)].sort().slice(0, MOST_NAMES);
  }
}
