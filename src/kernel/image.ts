import { PAGE_SIZE, roundUp } from '../bits.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import type { Relocations } from './elf-dynamic.js';
import type { Segment } from './elf-fields.js';
import type { ElfImage } from './elf.js';
import type { Mapping } from './mapping.js';

const WORD_BYTES = 8;

interface Patch {
  offset: number;
  bytes: Uint8Array;
}

/**
 * How an image comes to lie in memory, `bias` bytes behind the addresses in the file: maps of slices of its VMO, with the
 * relocations as deltas over them, and maps of zeros. So a page of the image is the same VMO page, and the same frame, in
 * all processes that run it, save those that relocations change; and nothing is copied before it is touched. The mappings
 * hold handles of their own.
 */
export function imageMappings(store: VmoStore, file: VmoHandle, elf: ElfImage, bias: number): Mapping[] {
  return elf.segments.flatMap((segment) => {
    const start = pageOf(segment.address);
    const end = roundUp(segment.address + segment.memorySize, PAGE_SIZE);
    const patches = patchesOf(elf.relocations, start, end, bias);
    const content = contentOf(store, file, segment, patches);
    const zeros = start + roundUp(content?.length ?? 0, PAGE_SIZE);
    const { protection } = segment;
    const mappings: Mapping[] = [];
    if (content)
      mappings.push({ start: bias + start, end: bias + zeros, protection, backing: { vmo: content, offset: 0 } });
    if (zeros < end) mappings.push({ start: bias + zeros, end: bias + end, protection, backing: undefined });
    return mappings;
  });
}

/**
 * The bytes of a segment from the start of its first page, without the zeros behind; undefined where it has no other. Where
 * nothing but zeros of the last page is to follow, all of that page is mapped as it stands in the file; else it is cut
 * where the file part ends.
 */
function contentOf(
  store: VmoStore,
  file: VmoHandle,
  segment: Segment,
  patches: readonly Patch[],
): VmoHandle | undefined {
  const inPage = segment.address % PAGE_SIZE;
  const fileStart = segment.fileOffset - inPage;
  const fileEnd = segment.fileOffset + segment.fileSize;
  const cut = segment.memorySize > segment.fileSize ? fileEnd : Math.min(roundUp(fileEnd, PAGE_SIZE), file.length);
  const parts = segment.fileSize > 0 ? [store.slice(file, fileStart, cut - fileStart)] : [];
  const fileBytes = parts[0]?.length ?? 0;
  const length = patches.reduce((end, patch) => Math.max(end, patch.offset + patch.bytes.length), fileBytes);
  if (length > fileBytes) parts.push(store.zeros(length - fileBytes));
  const content = parts.length > 1 ? consume(parts, () => store.concat(parts)) : parts[0];
  return content && patches.length > 0 ? consume([content], () => store.delta(content, patches)) : content;
}

/** What `make` makes of handles, which are closed. */
function consume(handles: readonly VmoHandle[], make: () => VmoHandle): VmoHandle {
  const made = make();
  for (const handle of handles) handle.close();
  return made;
}

/** The relocations of one segment, words that follow one another in one patch; offsets count from its first page. */
function patchesOf(relocations: Relocations, start: number, end: number, bias: number): Patch[] {
  const { addresses, addends } = relocations;
  const patches: Patch[] = [];
  for (let first = 0; first < addresses.length;) {
    const address = addresses[first]!;
    let next = first + 1;
    if (address >= start && address < end) {
      while (next < addresses.length && addresses[next] === addresses[next - 1]! + WORD_BYTES && addresses[next]! < end)
        next++;
      patches.push({ offset: address - start, bytes: relocated(addends.subarray(first, next), bias) });
    }
    first = next;
  }
  return patches;
}

/** R_X86_64_RELATIVE: B + A, modulo 2^64. psABI for x86-64, table 4.9. */
function relocated(addends: BigUint64Array, bias: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(addends.length * WORD_BYTES));
  addends.forEach((addend, index) => view.setBigUint64(index * WORD_BYTES, BigInt(bias) + addend, true));
  return new Uint8Array(view.buffer);
}

function pageOf(address: number): number {
  return address - (address % PAGE_SIZE);
}
