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
const WORD_IN_BYTES = new Uint8Array(WORD.buffer);

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
  for (let index = 0; index < addresses.length; index++) {
    const address = addresses[index]!;
    if (address < segment.address || address >= end) continue;
    WORD.setBigUint64(0, BigInt.asUintN(64, base + addends[index]!), true);
    const offset = address - first;
    const inPage = offset % PAGE_SIZE;
    const page = (offset - inPage) / PAGE_SIZE;
    const before = Math.min(WORD_BYTES, PAGE_SIZE - inPage);
    pageFor(content, pages, page).set(before < WORD_BYTES ? WORD_IN_BYTES.subarray(0, before) : WORD_IN_BYTES, inPage);
    if (before < WORD_BYTES) pageFor(content, pages, page + 1).set(WORD_IN_BYTES.subarray(before));
  }
  return Array.from(pages, ([page, bytes]) => ({ offset: page * PAGE_SIZE, bytes }));
}

/** `content` with pages laid over it. Closes `content`. */
function patched(store: VmoStore, content: VmoHandle, patches: readonly Patch[]): VmoHandle {
  if (patches.length === 0) return content;
  const result = store.delta(content, patches);
  content.close();
  return result;
}

/** The copy of a page of `content` in `pages`, made at the first request. */
function pageFor(content: VmoHandle, pages: Map<number, Uint8Array>, page: number): Uint8Array {
  const known = pages.get(page);
  if (known) return known;
  const bytes = content.read(page * PAGE_SIZE, Math.min(PAGE_SIZE, content.length - page * PAGE_SIZE));
  pages.set(page, bytes);
  return bytes;
}

function pageOf(address: number): number {
  return address - (address % PAGE_SIZE);
}
