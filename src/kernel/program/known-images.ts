import type { VmoHandle } from '../../vmo/handle.js';
import type { Patch } from '../../vmo/store.js';
import type { ElfImage, ProgramAbi } from './elf.js';

/** Images that are remembered: those that were asked for last. */
const MOST_IMAGES = 64;

/** What relocations make of a segment, or of a part of it. */
export interface SegmentPatches {
  /** Index of the segment in its image. */
  readonly segment: number;
  readonly patches: readonly Patch[];
}

/** What relocations make of an image that is loaded at a base. */
interface Relocated {
  readonly base: bigint;
  readonly patches: readonly SegmentPatches[];
}

/** What is known of images by their content, so that one that is started again and again is read once. */
export class KnownImages {
  private readonly byContent = new Map<string, ElfImage>();
  private readonly relocated = new WeakMap<ElfImage, Relocated>();

  /** The image of these bytes, where it is known. */
  find(image: VmoHandle, abi: ProgramAbi): ElfImage | undefined {
    const elf = this.byContent.get(keyOf(image, abi));
    if (elf) this.remember(image, abi, elf);
    return elf;
  }

  remember(image: VmoHandle, abi: ProgramAbi, elf: ElfImage): void {
    const key = keyOf(image, abi);
    this.byContent.delete(key);
    this.byContent.set(key, elf);
    const [oldest] = this.byContent.keys();
    if (this.byContent.size > MOST_IMAGES) this.byContent.delete(oldest!);
  }

  /** What relocations make of an image at a base, if that was the last base that it was remembered for. */
  patchesOf(elf: ElfImage, base: bigint): readonly SegmentPatches[] | undefined {
    const known = this.relocated.get(elf);
    return known?.base === base ? known.patches : undefined;
  }

  rememberPatches(elf: ElfImage, base: bigint, patches: readonly SegmentPatches[]): void {
    this.relocated.set(elf, { base, patches });
  }
}

function keyOf(image: VmoHandle, abi: ProgramAbi): string {
  return `${abi} ${image.contentId}`;
}
