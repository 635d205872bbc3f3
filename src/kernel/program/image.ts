import { PAGE_SIZE, roundUp } from '../../bits.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { Segment } from './elf-fields.js';
import type { ElfImage } from './elf.js';
import type { KnownImages, SegmentPatches } from './known-images.js';
import { toLinear } from '../memory/linear-address.js';
import { again } from '../memory/map-target.js';
import { PROTECTION_READ, PROTECTION_WRITE, type Backing, type Mapping } from '../memory/mapping.js';
import { RelocatedPages } from './relocated-pages.js';
import { RelocationPart, WORD_BYTES, segmentOfWord } from './relocations.js';

/** Where images are loaded to. */
export interface ImageTarget {
  readonly store: VmoStore;
  readonly images: KnownImages;
}

/** The bytes of a segment, from the start of its first page. */
interface SegmentContent extends Backing {
  readonly lengthBytes: number;
}

/** Relocations, and pages, that are read at once: about a millisecond each. */
const RELOCATIONS_AT_ONCE = 4096;
const PAGES_AT_ONCE = 128;

/** What relocations make of an image with so many relocated pages at most is remembered. */
const MOST_REMEMBERED_PAGES = 16;

const WORD = new DataView(new ArrayBuffer(WORD_BYTES));
const WORD_IN_BYTES = new Uint8Array(WORD.buffer);

/**
 * The segments of an image as they are loaded at a base: slices of its VMO, with the pages that relocations change laid over
 * them, in parts. So a page of the image is the same VMO page, and the same frame, in all processes that run it, save those
 * that relocations change; and nothing else is copied before it is touched.
 */
export class LoadedImage {
  /** Those of the segments, in their order; undefined for one that is all zeros. */
  private readonly contents: (SegmentContent | undefined)[];
  private next = 0;
  /** The pages of one segment that are being relocated. */
  private readonly pages = new RelocatedPages();
  private segment = -1;
  /** All that was laid over segments, if it is to be remembered. */
  private readonly patches: SegmentPatches[] | undefined;

  /**
   * `file` must stay open until all is taken. `mapsFile`: its mappings show the file itself where they can, so that what is
   * mapped of which file can be seen; relocations are then not applied.
   */
  constructor(
    private readonly target: ImageTarget,
    private readonly file: VmoHandle,
    private readonly elf: ElfImage,
    readonly base: bigint,
    { mapsFile = false } = {},
  ) {
    const { segments, relocations } = elf;
    this.contents = segments.map((segment) => contentOf(target.store, file, segment, mapsFile));
    if (mapsFile) this.next = relocations.count;
    const known = mapsFile ? undefined : target.images.patchesOf(elf, base);
    this.patches = known || relocations.pages > MOST_REMEMBERED_PAGES ? undefined : [];
    if (!known) return;
    for (const each of known) this.layOver(each);
    this.next = relocations.count;
  }

  /** Whether all relocations are applied. */
  get isComplete(): boolean {
    return this.next === this.elf.relocations.count;
  }

  /** Applies some of the relocations. Returns true when all are. */
  take(): boolean {
    if (this.isComplete) return true;
    const { file, elf, target } = this;
    const { relocations } = elf;
    const part = new RelocationPart(file, relocations, this.next, RELOCATIONS_AT_ONCE);
    const pagesRead = this.pages.read;
    let index = 0;
    for (; index < part.count && this.pages.read < pagesRead + PAGES_AT_ONCE; index++)
      if (part.isRelative(index)) this.relocate(part.addressOf(index), part.addendOf(index));
    this.next += index;
    if (!this.isComplete) return false;
    this.flush();
    if (this.patches) target.images.rememberPatches(elf, this.base, this.patches);
    return true;
  }

  /**
   * Maps of the segments, `bias` bytes above the addresses in the file, and of the zeros after them. The mappings own the
   * VMOs.
   */
  mappings(bias: number): Mapping[] {
    return this.elf.segments.flatMap((segment, index) => {
      const start = bias + pageOf(segment.address);
      const end = bias + roundUp(segment.address + segment.memorySize, PAGE_SIZE);
      const { protection } = segment;
      const content = this.contents[index];
      this.contents[index] = undefined;
      const zeros = start + roundUp(content?.lengthBytes ?? 0, PAGE_SIZE);
      const mappings: Mapping[] = [];
      if (content) {
        const { vmo, offset } = content;
        mappings.push({ start, end: zeros, protection, backing: { vmo, offset } });
      }
      const writable = protection | PROTECTION_READ | PROTECTION_WRITE;
      if (zeros < end) mappings.push({ start: zeros, end, protection: writable, backing: undefined });
      return mappings;
    });
  }

  /** Closes the VMOs that no mapping has taken over. */
  close(): void {
    this.contents.forEach((content) => content?.vmo.close());
    this.contents.fill(undefined);
  }

  private relocate(address: number, addend: bigint): void {
    const { segments } = this.elf;
    const current = segments[this.segment];
    const isHere = current && address >= current.address && address < current.address + current.fileSize;
    if (!isHere) {
      this.flush();
      this.segment = segmentOfWord(segments, address);
    }
    if (this.pages.isFull) this.flush();
    WORD.setBigUint64(0, BigInt.asUintN(64, this.base + addend), true);
    this.pages.write(
      this.contents[this.segment]!.vmo,
      address - pageOf(segments[this.segment]!.address),
      WORD_IN_BYTES,
    );
  }

  /** Lays the pages in hand over their segment. */
  private flush(): void {
    const { segment } = this;
    const patches = this.pages.takeAll();
    if (patches.length === 0) return;
    this.layOver({ segment, patches });
    this.patches?.push({ segment, patches });
  }

  private layOver({ segment, patches }: SegmentPatches): void {
    const before = this.contents[segment]!;
    this.contents[segment] = { ...before, vmo: this.target.store.delta(before.vmo, patches) };
    before.vmo.close();
  }
}

/** What is added to the addresses in the file, in all 64 bits: B of the psABI, 4.4 "Relocation", and AT_BASE. */
export function loadBase(elf: ElfImage, bias: number): bigint {
  return BigInt.asUintN(64, toLinear(bias + elf.start) - BigInt(elf.start));
}

/**
 * The bytes of a segment from the start of its first page. Where zeros follow them in memory that is writable, they end with
 * the file part; else the last page stays as it stands in the file.
 */
function contentOf(store: VmoStore, file: VmoHandle, segment: Segment, mapsFile: boolean): SegmentContent | undefined {
  const { memorySize, fileSize, protection } = segment;
  if (fileSize === 0) return undefined;
  const start = segment.fileOffset - (segment.address % PAGE_SIZE);
  const end = segment.fileOffset + fileSize;
  const isCut = memorySize > fileSize && (protection & PROTECTION_WRITE) !== 0;
  const lengthBytes = (isCut ? end : Math.min(roundUp(end, PAGE_SIZE), file.length)) - start;
  if (mapsFile && !isCut) return { vmo: again(store, file), offset: start, lengthBytes };
  return { vmo: store.slice(file, start, lengthBytes), offset: 0, lengthBytes };
}

function pageOf(address: number): number {
  return address - (address % PAGE_SIZE);
}
