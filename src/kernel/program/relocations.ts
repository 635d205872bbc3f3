import { PAGE_SIZE, hex } from '../../bits.js';
import { partitionPoint } from '../../sorted.js';
import { ElfError, bytesOf, holds, type ImageBytes, type Segment } from './elf-fields.js';

/* The relocations of an image: psABI for x86-64, 4.4 "Relocation". They are read in parts, however many there are. */

export const RELA_BYTES = 24;
export const WORD_BYTES = 8;

/** Relocations that are checked at once: about a millisecond. */
const CHECKED_AT_ONCE = 4096;

const R_X86_64_NONE = 0;
const R_X86_64_RELATIVE = 8;
const R_X86_64_IRELATIVE = 37;

/** Where the relocations lie in the file. */
export interface RelocationTable {
  readonly fileOffset: number;
  readonly count: number;
}

/** Relocations that were checked. */
export interface Relocations extends RelocationTable {
  /** At least as many pages as they change. */
  readonly pages: number;
}

/** Some of the relocations of a table. */
export class RelocationPart {
  readonly count: number;
  private readonly view: DataView;

  /** `count` relocations from `first`, or as many as there are. */
  constructor(
    image: ImageBytes,
    table: RelocationTable,
    readonly first: number,
    count: number,
  ) {
    this.count = Math.min(count, table.count - first);
    this.view = bytesOf(image, table.fileOffset + first * RELA_BYTES, this.count * RELA_BYTES);
  }

  /* 0 r_offset:u64   8 r_info:u64, the type in its low half, the symbol in its high one   16 r_addend:u64 */

  /** Whether a relocation is the kernel's: the word at its address is to become the base plus its addend. */
  isRelative(index: number): boolean {
    return this.typeOf(index) === R_X86_64_RELATIVE;
  }

  /** The address in the file's own terms; not exact where it is beyond all segments. */
  addressOf(index: number): number {
    const at = index * RELA_BYTES;
    return this.view.getUint32(at + 4, true) * 2 ** 32 + this.view.getUint32(at, true);
  }

  addendOf(index: number): bigint {
    return this.view.getBigUint64(index * RELA_BYTES + 16, true);
  }

  /** Throws ElfError for a relocation that a static program cannot have. */
  checkType(index: number): void {
    const type = this.typeOf(index);
    if (type === R_X86_64_NONE || type === R_X86_64_IRELATIVE) return;
    const symbol = this.view.getUint32(index * RELA_BYTES + 12, true);
    if (type !== R_X86_64_RELATIVE || symbol !== 0)
      throw new ElfError(
        `${this.nameOf(index)}: r_info is type ${type} of symbol ${symbol}; a static program has R_X86_64_RELATIVE (8)`,
      );
  }

  /** The error for a relocation of something that is not in the file. */
  placeError(index: number): ElfError {
    const offset = hex(this.view.getBigUint64(index * RELA_BYTES, true));
    return new ElfError(`${this.nameOf(index)}: r_offset ${offset} lies in the file part of no segment`);
  }

  private typeOf(index: number): number {
    return this.view.getUint32(index * RELA_BYTES + 8, true);
  }

  private nameOf(index: number): string {
    return `DT_RELA[${this.first + index}]`;
  }
}

/** Index of the segment whose file part holds a word at an address; -1 for none. */
export function segmentOfWord(segments: readonly Segment[], address: number): number {
  const index = partitionPoint(segments.length, (at) => segments[at]!.address <= address) - 1;
  const segment = segments[index];
  return segment && holds(segment.address, segment.fileSize, address, WORD_BYTES) ? index : -1;
}

/** Checks the relocations of an image, in parts. */
export class RelocationCheck {
  private next = 0;
  /** Number of relocations that changed another page than the one before. */
  private pages = 0;
  private lastPage = -1;

  constructor(
    private readonly image: ImageBytes,
    private readonly segments: readonly Segment[],
    private readonly table: RelocationTable,
  ) {}

  /** Checks a part; returns the relocations when all are checked. Throws ElfError for one that cannot be applied. */
  take(): Relocations | undefined {
    const part = new RelocationPart(this.image, this.table, this.next, CHECKED_AT_ONCE);
    let holder: Segment | undefined;
    for (let index = 0; index < part.count; index++) {
      part.checkType(index);
      if (!part.isRelative(index)) continue;
      const address = part.addressOf(index);
      if (!holder || !holds(holder.address, holder.fileSize, address, WORD_BYTES))
        holder = this.segments[segmentOfWord(this.segments, address)];
      if (!holder) throw part.placeError(index);
      this.countPages(address);
    }
    this.next += part.count;
    return this.next === this.table.count ? { ...this.table, pages: this.pages } : undefined;
  }

  /** A word may begin in one page and end in the next. */
  private countPages(address: number): void {
    const page = Math.floor(address / PAGE_SIZE);
    const last = Math.floor((address + WORD_BYTES - 1) / PAGE_SIZE);
    if (page !== this.lastPage) this.pages++;
    if (last !== page) this.pages++;
    this.lastPage = last;
  }
}
