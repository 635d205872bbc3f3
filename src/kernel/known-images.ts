import type { VmoHandle } from '../vmo/handle.js';
import { parseElf, type ElfImage } from './elf.js';

/** Images that are remembered: those that were asked for last. */
const MOST_IMAGES = 64;

/** What is known of images by their content, so that one that is started again and again is read once. */
export class KnownImages {
  private readonly byContent = new Map<string, ElfImage>();

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
}
