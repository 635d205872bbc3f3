import { PAGE_SIZE, hex } from '../../bits.js';
import { ElfError, bytesOf, checkedSize, holds, type ImageBytes, type Segment } from './elf-fields.js';
import { UPPER_HALF } from '../memory/linear-address.js';

/*
 * The dynamic section of a static program and its relocations: gABI chapter 5 "Dynamic Section", psABI 4.4 "Relocation".
 * The kernel applies R_X86_64_RELATIVE of DT_RELA; the program's start-up code applies DT_RELR and R_X86_64_IRELATIVE.
 * Whatever else a dynamic linker would have to do cannot be done here, and is refused.
 */
const MAX_DYNAMIC_ENTRIES = 1024;
const MAX_RELOCATIONS = 2 ** 18;
/** They are all relocated in one step of the kernel. */
const MAX_RELOCATED_PAGES = 2 ** 13;

const DYNAMIC_BYTES = 16;
const RELA_BYTES = 24;
const WORD_BYTES = 8;

const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const DT_RELAENT = 9n;
const DT_REL = 17n;

const R_X86_64_NONE = 0;
const R_X86_64_RELATIVE = 8;
const R_X86_64_IRELATIVE = 37;

/** R_X86_64_RELATIVE: the word at `addresses[i]` is to become the base plus `addends[i]`; the last of two wins. */
export interface Relocations {
  readonly addresses: Float64Array;
  readonly addends: BigUint64Array;
}

/** PT_DYNAMIC, its fields as they stand in the file. */
interface DynamicHeader {
  readonly name: string;
  readonly vaddr: bigint;
  readonly filesz: bigint;
}

/** Reads and checks the relocations of an image; throws ElfError where they are malformed or not the kernel's. */
export function readDynamic(
  image: ImageBytes,
  segments: readonly Segment[],
  header: DynamicHeader | undefined,
): Relocations {
  const tags = header ? readTags(image, segments, header) : new Map<bigint, bigint>();
  const needed = tags.get(DT_NEEDED);
  if (needed !== undefined)
    throw new ElfError('it is a shared library, or needs one (DT_NEEDED): link the program statically');
  if (tags.has(DT_REL)) throw new ElfError('DT_REL: x86-64 has relocations with addends only');
  const length = checkedSize('DT_RELASZ', tags.get(DT_RELASZ) ?? 0n, MAX_RELOCATIONS * RELA_BYTES + 1);
  if (length === 0) return { addresses: new Float64Array(0), addends: new BigUint64Array(0) };
  if (length % RELA_BYTES !== 0) throw new ElfError(`DT_RELASZ ${length} is not a multiple of ${RELA_BYTES}`);
  const entrySize = tags.get(DT_RELAENT);
  if (entrySize !== BigInt(RELA_BYTES))
    throw new ElfError(`DT_RELAENT is ${entrySize ?? 'missing'}, not ${RELA_BYTES}`);
  const address = tags.get(DT_RELA);
  if (address === undefined) throw new ElfError(`DT_RELASZ is ${length}, and DT_RELA is missing`);
  return readRelative(bytesOf(image, fileOffset(segments, 'DT_RELA', address, length), length), segments);
}

function readTags(image: ImageBytes, segments: readonly Segment[], header: DynamicHeader): Map<bigint, bigint> {
  const where = `${header.name}: PT_DYNAMIC`;
  const length = checkedSize(`${where} p_filesz`, header.filesz, MAX_DYNAMIC_ENTRIES * DYNAMIC_BYTES + 1);
  const view = bytesOf(image, fileOffset(segments, `${where} p_vaddr`, header.vaddr, length), length);
  const tags = new Map<bigint, bigint>();
  for (let at = 0; at + DYNAMIC_BYTES <= length; at += DYNAMIC_BYTES) {
    const tag = view.getBigUint64(at, true);
    if (tag === DT_NULL) return tags;
    tags.set(tag, view.getBigUint64(at + 8, true));
  }
  throw new ElfError(`${where} p_filesz ${hex(header.filesz)} ends before a DT_NULL`);
}

/* 0 r_offset:u64   8 r_info:u64, the type in its low half, the symbol in its high one   16 r_addend:u64 */
function readRelative(table: DataView, segments: readonly Segment[]): Relocations {
  const count = table.byteLength / RELA_BYTES;
  const addresses = new Float64Array(count);
  const addends = new BigUint64Array(count);
  const pages = new Set<number>();
  let used = 0;
  let holder: Segment | undefined;
  for (let index = 0; index < count; index++) {
    const at = index * RELA_BYTES;
    const type = table.getUint32(at + 8, true);
    if (type === R_X86_64_NONE || type === R_X86_64_IRELATIVE) continue;
    const symbol = table.getUint32(at + 12, true);
    if (type !== R_X86_64_RELATIVE || symbol !== 0)
      throw new ElfError(
        `DT_RELA[${index}]: r_info is type ${type} of symbol ${symbol}; a static program has R_X86_64_RELATIVE (8)`,
      );
    // Not exact where it is beyond all segments.
    const address = table.getUint32(at + 4, true) * 2 ** 32 + table.getUint32(at, true);
    if (!holder || !holds(holder.address, holder.fileSize, address, WORD_BYTES))
      holder = segments.find((segment) => holds(segment.address, segment.fileSize, address, WORD_BYTES));
    if (!holder) {
      const offset = hex(table.getBigUint64(at, true));
      throw new ElfError(`DT_RELA[${index}]: r_offset ${offset} lies in the file part of no segment`);
    }
    // A word may begin in one page and end in the next.
    pages.add(Math.floor(address / PAGE_SIZE)).add(Math.floor((address + WORD_BYTES - 1) / PAGE_SIZE));
    if (pages.size > MAX_RELOCATED_PAGES)
      throw new ElfError(`DT_RELA[${index}]: relocations change more than ${MAX_RELOCATED_PAGES} pages`);
    addresses[used] = address;
    addends[used++] = table.getBigUint64(at + 16, true);
  }
  return { addresses: addresses.subarray(0, used), addends: addends.subarray(0, used) };
}

/** Where bytes at an address lie in the file; refused unless one segment has them all in its file part. */
function fileOffset(segments: readonly Segment[], field: string, address: bigint, length: number): number {
  const start = checkedSize(field, address, UPPER_HALF);
  const holder = segments.find((segment) => holds(segment.address, segment.fileSize, start, length));
  if (!holder)
    throw new ElfError(`${field} ${hex(address)} + ${hex(length)} bytes lies in the file part of no segment`);
  return holder.fileOffset + start - holder.address;
}
