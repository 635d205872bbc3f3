import { hex } from '../../bits.js';
import { ElfError, bytesOf, checkedSize, holds, type ImageBytes, type Segment } from './elf-fields.js';
import { RELA_BYTES, type RelocationTable } from './relocations.js';
import { UPPER_HALF } from '../memory/linear-address.js';

/*
 * The dynamic section of a static program and its relocations: gABI chapter 5 "Dynamic Section", psABI 4.4 "Relocation".
 * The kernel applies R_X86_64_RELATIVE of DT_RELA; the program's start-up code applies DT_RELR and R_X86_64_IRELATIVE.
 * Whatever else a dynamic linker would have to do cannot be done here, and is refused.
 */
const MAX_DYNAMIC_ENTRIES = 1024;
/** A table of 1.5 GiB. It bounds how long reading one takes that is mostly a hole. */
const MAX_RELOCATIONS = 2 ** 26;

const DYNAMIC_BYTES = 16;

const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const DT_RELAENT = 9n;
const DT_REL = 17n;

/** PT_DYNAMIC, its fields as they stand in the file. */
interface DynamicHeader {
  readonly name: string;
  readonly vaddr: bigint;
  readonly filesz: bigint;
}

/** Finds the table of relocations of an image; throws ElfError where it is malformed, or not the kernel's. */
export function readDynamic(
  image: ImageBytes,
  segments: readonly Segment[],
  header: DynamicHeader | undefined,
): RelocationTable {
  const tags = header ? readTags(image, segments, header) : new Map<bigint, bigint>();
  const needed = tags.get(DT_NEEDED);
  if (needed !== undefined)
    throw new ElfError('it is a shared library, or needs one (DT_NEEDED): link the program statically');
  if (tags.has(DT_REL)) throw new ElfError('DT_REL: x86-64 has relocations with addends only');
  const length = checkedSize('DT_RELASZ', tags.get(DT_RELASZ) ?? 0n, MAX_RELOCATIONS * RELA_BYTES + 1);
  if (length === 0) return { fileOffset: 0, count: 0 };
  if (length % RELA_BYTES !== 0) throw new ElfError(`DT_RELASZ ${length} is not a multiple of ${RELA_BYTES}`);
  const entrySize = tags.get(DT_RELAENT);
  if (entrySize !== BigInt(RELA_BYTES))
    throw new ElfError(`DT_RELAENT is ${entrySize ?? 'missing'}, not ${RELA_BYTES}`);
  const address = tags.get(DT_RELA);
  if (address === undefined) throw new ElfError(`DT_RELASZ is ${length}, and DT_RELA is missing`);
  return { fileOffset: fileOffset(segments, 'DT_RELA', address, length), count: length / RELA_BYTES };
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

/** Where bytes at an address lie in the file; refused unless one segment has them all in its file part. */
function fileOffset(segments: readonly Segment[], field: string, address: bigint, length: number): number {
  const start = checkedSize(field, address, UPPER_HALF);
  const holder = segments.find((segment) => holds(segment.address, segment.fileSize, start, length));
  if (!holder)
    throw new ElfError(`${field} ${hex(address)} + ${hex(length)} bytes lies in the file part of no segment`);
  return holder.fileOffset + start - holder.address;
}
