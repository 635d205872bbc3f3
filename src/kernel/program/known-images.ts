import type { VmoHandle } from '../../vmo/handle.js';
import type { Patch } from '../../vmo/store.js';
import type { Segment } from './elf-fields.js';
import { parseElf, type ElfImage } from './elf.js';

/** Images that are remembered: those that were asked for last. */
const MOST_IMAGES = 64;

/** Pages that relocations change are remembered of segments with so many of them at most. */
const MOST_PATCHED_PAGES = 16;

/** What relocations make of a segment whose image is loaded at a base. */
interface Patched {
  readonly base: bigint;
  readonly patches: readonly Patch[];
}

/** What is known of images by their content, so that one that is started again and again is read once. */
export class KnownImages {
  private readonly byContent = new Map<string, ElfImage>();
  private readonly patched = new WeakMap<Segment, Patched>();

  /** Throws ElfError for an image that cannot run; nothing is remembered of it. */
  elfOf(image: VmoHandle): ElfImage {
    const { contentId } = image;
    const elf = this.byContent.get(contentId) ?? parseElf(image);
    this.byContent.delete(contentId);
    this.byContent.set(contentId, elf);
    const [oldest] = this.byContent.keys();
    if (this.byContent.size > MOST_IMAGES) this.byContent.delete(oldest!);
    return elf;
  }

  /** The pages of a segment that relocations change; `make` finds them out where they are not those of the last time. */
  patchesOf(segment: Segment, base: bigint, make: () => readonly Patch[]): readonly Patch[] {
    const known = this.patched.get(segment);
    if (known?.base === base) return known.patches;
    const patches = make();
    if (patches.length <= MOST_PATCHED_PAGES) this.patched.set(segment, { base, patches });
    return patches;
  }
}
