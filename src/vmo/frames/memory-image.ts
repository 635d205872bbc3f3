import { PAGE_SHIFT, PAGE_SIZE } from '../../bits.js';
import type { GuestMemory } from '../../memory.js';

/** Frames whose pages are kept in one array, which images share where nothing of it has changed. */
export const FRAMES_IN_CHUNK = 256;

/**
 * Pages that are copied into one buffer, which stays as long as one of them does. With one each, an image of 200 MB takes a quarter
 * more time, and so does the garbage collector with each image after it.
 */
const PAGES_IN_BUFFER = 8;

const PAGE_WORDS = PAGE_SIZE / 4;

/** The bytes of a page; undefined: zeros that were never written. */
type Page = Uint8Array | undefined;

const ZEROS = new Uint8Array(PAGE_SIZE);

/** Guest memory at one moment. Pages that did not change are shared with the images before. */
export interface MemoryImage {
  readonly chunks: readonly (readonly Page[])[];
  /** Frames that changed since the image before, or may have, ascending. */
  readonly changed: readonly number[];
  /** Bytes of pages that were copied for this image alone. */
  readonly copiedBytes: number;
}

/** The pages of an image that are not all zeros, by their frames, ascending. */
export function* pagesOf({ chunks }: MemoryImage): Generator<readonly [frame: number, page: Uint8Array]> {
  for (const [number, chunk] of chunks.entries())
    for (const [place, page] of chunk.entries())
      if (page && !isEqual(ZEROS, page)) yield [number * FRAMES_IN_CHUNK + place, page];
}

/** The image that consists of some pages, and zeros. */
export function imageOf(pages: Iterable<readonly [frame: number, page: Uint8Array]>): MemoryImage {
  const chunks: Page[][] = [];
  const changed: number[] = [];
  for (const [frame, page] of pages) {
    const number = Math.floor(frame / FRAMES_IN_CHUNK);
    while (chunks.length <= number) chunks.push([]);
    chunks[number]![frame % FRAMES_IN_CHUNK] = page;
    changed.push(frame);
  }
  return { chunks, changed, copiedBytes: changed.length * PAGE_SIZE };
}

/**
 * Takes images of guest memory and goes back to them, at the cost of the frames that were written in between. Frames that are
 * written are marked by those that write them (`GuestMemory.dirty`): taking an image clears the marks, and the write entries
 * of the TLB have to be dropped then, so that the next store to each page marks it again.
 */
export class MemoryImages {
  private chunks: (readonly Page[])[] = [];

  constructor(
    private readonly memory: GuestMemory,
    /** Drops the TLB's write entries. */
    private readonly dropWriteEntries: () => void,
  ) {
    // Nothing is known of any frame before the first image.
    memory.dirty.fill(1);
  }

  /** An image of the frames below `endFrame`; those from there on hold zeros. */
  take(endFrame: number): MemoryImage {
    const dirty = this.takeDirty(endFrame);
    // The first image begins with all frames, of which most were never written.
    const changed = this.chunks.length > 0 ? dirty : dirty.filter((frame) => !isEqual(this.pageOf(frame), undefined));
    const chunks = [...this.chunks];
    let copiedBytes = 0;
    let copies = new Uint8Array(0);
    for (const [index, frame] of changed.entries()) {
      const at = (index % PAGES_IN_BUFFER) * PAGE_SIZE;
      if (at === 0) copies = new Uint8Array(Math.min(PAGES_IN_BUFFER, changed.length - index) * PAGE_SIZE);
      const copy = copies.subarray(at, at + PAGE_SIZE);
      copy.set(this.pageOf(frame));
      const number = Math.floor(frame / FRAMES_IN_CHUNK);
      const place = frame % FRAMES_IN_CHUNK;
      if (chunks[number] === this.chunks[number]) chunks[number] = [...(chunks[number] ?? [])];
      (chunks[number] as Page[])[place] = copy;
      copiedBytes += PAGE_SIZE;
    }
    for (let number = 0; number < chunks.length; number++) chunks[number] ??= [];
    this.chunks = chunks;
    return { chunks, changed, copiedBytes };
  }

  /** Puts guest memory back to an image. `changing` is called before the bytes of a frame change. Returns the frames. */
  restore(image: MemoryImage, endFrame: number, changing: (frame: number) => void): number[] {
    const differing: number[] = [];
    for (const frame of this.framesToRestore(image, endFrame)) {
      const page = image.chunks[Math.floor(frame / FRAMES_IN_CHUNK)]?.[frame % FRAMES_IN_CHUNK];
      const present = this.pageOf(frame);
      if (isEqual(present, page)) continue;
      changing(frame);
      if (page) present.set(page);
      else present.fill(0);
      differing.push(frame);
    }
    this.chunks = [...image.chunks];
    this.memory.dirty.fill(0);
    return differing;
  }

  /** Frames written since the last image, and those in which that differs from the wanted one. */
  private framesToRestore(image: MemoryImage, endFrame: number): Set<number> {
    const frames = new Set(this.takeDirty(endFrame));
    const count = Math.max(this.chunks.length, image.chunks.length);
    for (let number = 0; number < count; number++) {
      const [a, b] = [this.chunks[number], image.chunks[number]];
      if (a === b) continue;
      const first = number * FRAMES_IN_CHUNK;
      for (let place = 0; place < FRAMES_IN_CHUNK; place++) if (a?.[place] !== b?.[place]) frames.add(first + place);
    }
    return frames;
  }

  private takeDirty(endFrame: number): number[] {
    const { dirty } = this.memory;
    this.dropWriteEntries();
    const found: number[] = [];
    for (let frame = dirty.indexOf(1); frame >= 0 && frame < endFrame; frame = dirty.indexOf(1, frame + 1))
      found.push(frame);
    dirty.fill(0);
    return found;
  }

  private pageOf(frame: number): Uint8Array {
    const start = frame << PAGE_SHIFT;
    return this.memory.ram.subarray(start >>> 0, (start >>> 0) + PAGE_SIZE);
  }
}

/** Compares words: a machine of 256 MB is put back to its first image in a thirtieth of the time that bytes would take. */
function isEqual(bytes: Uint8Array, page: Page): boolean {
  const words = wordsOf(bytes);
  if (!page) return isZero(words);
  // Pages of a file may begin anywhere in it.
  const wanted = wordsOf(page.byteOffset % 4 === 0 ? page : new Uint8Array(page));
  for (let at = 0; at < PAGE_WORDS; at++) if (words[at] !== wanted[at]) return false;
  return true;
}

function isZero(words: Int32Array): boolean {
  for (let at = 0; at < PAGE_WORDS; at++) if (words[at] !== 0) return false;
  return true;
}

function wordsOf(page: Uint8Array): Int32Array {
  return new Int32Array(page.buffer, page.byteOffset, PAGE_WORDS);
}
