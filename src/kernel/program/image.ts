import { PAGE_SIZE, roundUp } from '../../bits.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Patch, VmoStore } from '../../vmo/store.js';
import type { Relocations } from './elf-dynamic.js';
import type { Segment } from './elf-fields.js';
import type { ElfImage } from './elf.js';
import type { KnownImages } from './known-images.js';
import { toLinear } from '../memory/linear-address.js';
import { PROTECTION_READ, PROTECTION_WRITE, type Mapping } from '../memory/mapping.js';

/** Where images are loaded to. */
export interface ImageTarget {
  readonly store: VmoStore;
  readonly images: KnownImages;
}

const WORD_BYTES = 8;
const WORD = new DataView(new ArrayBuffer(WORD_BYTES));

/**
 * How an image comes to lie in memory, `bias` bytes behind the addresses in the file: maps of slices of its VMO, with the
 * relocations as deltas over them, and maps of zeros. So a page of the image is the same VMO page, and the same frame, in
 * all processes that run it, save those that relocations change; and nothing is copied before it is touched. The mappings
 * hold handles of their own.
 */
export function imageMappings({ store, images }: ImageTarget, file: VmoHandle, elf: ElfImage, bias: number): Mapping[] {
  const base = loadBase(elf, bias);
  return elf.segments.flatMap((segment) => {
    const start = bias + pageOf(segment.address);
    const end = bias + roundUp(segment.address + segment.memorySize, PAGE_SIZE);
    const { protection } = segment;
    const writable = protection | PROTECTION_READ | PROTECTION_WRITE;
    const mappings: Mapping[] = [];
    let zeros = start;
    if (segment.fileSize > 0) {
      const content = contentOf(store, file, segment);
      const patches = images.patchesOf(segment, base, () => patchesOf(content, segment, elf.relocations, base));
      const vmo = patched(store, content, patches);
      zeros = start + roundUp(vmo.length, PAGE_SIZE);
      mappings.push({ start, end: zeros, protection, backing: { vmo, offset: 0 } });
    }
    if (zeros < end) mappings.push({ start: zeros, end, protection: writable, backing: undefined });
    return mappings;
  });
}

/** What is added to the addresses in the file, in all 64 bits: B of the psABI, 4.4 "Relocation", and AT_BASE. */
export function loadBase(elf: ElfImage, bias: number): bigint {
  return BigInt.asUintN(64, toLinear(bias + elf.start) - BigInt(elf.start));
}

/**
 * The bytes of a segment from the start of its first page. Where zeros follow them in memory that is writable, they end with
 * the file part; else the last page stays as it stands in the file.
 */
function contentOf(store: VmoStore, file: VmoHandle, segment: Segment): VmoHandle {
  const start = segment.fileOffset - (segment.address % PAGE_SIZE);
  const end = segment.fileOffset + segment.fileSize;
  const { memorySize, fileSize, protection } = segment;
  const cut =
    memorySize > fileSize && protection & PROTECTION_WRITE ? end : Math.min(roundUp(end, PAGE_SIZE), file.length);
  return store.slice(file, start, cut - start);
}

/** The pages of `content` that the relocations of its segment change, as they are then. */
function patchesOf(
  content: VmoHandle,
  segment: Segment,
  { addresses, addends }: Relocations,
  base: bigint,
): readonly Patch[] {
  const pages = new Map<number, Uint8Array>();
  const first = pageOf(segment.address);
  const end = segment.address + segment.fileSize;
  addresses.forEach((address, index) => {
    if (address < segment.address || address >= end) return;
    patchWord(content, pages, address - first, BigInt.asUintN(64, base + addends[index]!));
  });
  return Array.from(pages, ([page, bytes]) => ({ offset: page * PAGE_SIZE, bytes }));
}

/** `content` with pages laid over it. Closes `content`. */
function patched(store: VmoStore, content: VmoHandle, patches: readonly Patch[]): VmoHandle {
  if (patches.length === 0) return content;
  const result = store.delta(content, patches);
  content.close();
  return result;
}

/** Stores a word, which may begin in one page and end in the next, into copies of the pages of `content`. */
function patchWord(content: VmoHandle, pages: Map<number, Uint8Array>, offset: number, value: bigint): void {
  WORD.setBigUint64(0, value, true);
  for (let byte = 0; byte < WORD_BYTES; byte++) {
    const at = offset + byte;
    const page = Math.floor(at / PAGE_SIZE);
    let bytes = pages.get(page);
    if (!bytes) {
      bytes = content.read(page * PAGE_SIZE, Math.min(PAGE_SIZE, content.length - page * PAGE_SIZE));
      pages.set(page, bytes);
    }
    bytes[at % PAGE_SIZE] = WORD.getUint8(byte);
  }
}

function pageOf(address: number): number {
  return address - (address % PAGE_SIZE);
}
