import { PAGE_SIZE, hex, roundUp } from '../../bits.js';
import { partitionPoint } from '../../sorted.js';
import { UPPER_HALF } from '../memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE } from '../memory/mapping.js';
import { ElfError, checkedSize, type Segment } from './elf-fields.js';
import { PF_R, PF_W, PF_X, headerName, type ProgramHeader } from './program-headers.js';

/*
 * What PT_LOAD headers make of memory, as Linux does it (fs/binfmt_elf.c, elf_load): in the order of the headers, each maps
 * whole pages of the file, and zeros after them, over what earlier headers have mapped there. They need not ascend, and
 * p_align does not matter.
 */

/** The parts of memory that PT_LOAD headers define, ascending; no two share a page. Throws ElfError. */
export function loadedSegments(headers: readonly ProgramHeader[], imageLength: number): Segment[] {
  const segments: Segment[] = [];
  for (const header of headers) for (const segment of segmentsOf(header, imageLength)) layOver(segments, segment);
  return segments;
}

/** Puts a segment in the place of what others have in its pages. */
function layOver(segments: Segment[], segment: Segment): void {
  const [start, end] = [firstPage(segment), endPage(segment)];
  const first = partitionPoint(segments.length, (index) => endPage(segments[index]!) <= start);
  const after = partitionPoint(segments.length, (index) => firstPage(segments[index]!) < end);
  const left = segments.slice(first, after).flatMap((before) => without(before, start, end));
  const isBelow = ({ address }: Segment): boolean => address < start;
  const parts = [...left.filter(isBelow), segment, ...left.filter((part) => !isBelow(part))];
  segments.splice(first, after - first, ...parts);
}

/** The address of the first page of a segment. */
export function firstPage({ address }: Segment): number {
  return address - (address % PAGE_SIZE);
}

/** One past the last page of a segment. */
export function endPage({ address, memorySize }: Segment): number {
  return roundUp(address + memorySize, PAGE_SIZE);
}

/** What one header maps: nothing, one segment, or two where its file part reaches beyond the end of the file. */
function segmentsOf(header: ProgramHeader, imageLength: number): Segment[] {
  const { index, flags, offset, vaddr, filesz, memsz } = header;
  const where = headerName(header);
  if (filesz > memsz) throw new ElfError(`${where}: p_filesz ${hex(filesz)} is more than p_memsz ${hex(memsz)}`);
  const address = checkedSize(`${where}: p_vaddr`, vaddr, UPPER_HALF);
  if (vaddr + memsz > BigInt(UPPER_HALF - PAGE_SIZE))
    throw new ElfError(`${where}: p_vaddr ${hex(vaddr)} + p_memsz ${hex(memsz)} leaves the lower half`);
  if (filesz !== 0n && offset % BigInt(PAGE_SIZE) !== vaddr % BigInt(PAGE_SIZE))
    throw new ElfError(`${where}: p_offset ${hex(offset)} and p_vaddr ${hex(vaddr)} differ in their place in a page`);
  if (memsz === 0n) return [];
  const protection = protectionOf(flags);
  const [fileSize, memorySize] = [Number(filesz), Number(memsz)];
  const end = address + memorySize;
  const available = Math.max(0, imageLength - (filesz === 0n ? 0 : checkedSize(`${where}: p_offset`, offset, 2 ** 48)));
  const whole: Segment = {
    index,
    fileOffset: filesz === 0n ? 0 : Number(offset),
    fileSize,
    address,
    memorySize,
    protection,
  };
  if (fileSize <= available) return [whole];

  // Pages past the end of the file do not exist: Linux would send SIGBUS on access.
  const filePagesEnd = available === 0 ? firstPage(whole) : roundUp(address + available, PAGE_SIZE);
  const zerosStart = roundUp(address + fileSize, PAGE_SIZE);
  if (zerosStart === filePagesEnd) return [{ ...whole, fileSize: available }];
  if (end > address + fileSize && (address + fileSize) % PAGE_SIZE !== 0 && protection & PROTECTION_WRITE)
    throw new ElfError(
      `${where}: p_offset ${hex(offset)} + p_filesz ${hex(filesz)} exceeds the ${imageLength} bytes of the image`,
    );
  const parts: Segment[] = [];
  if (available > 0) parts.push({ ...whole, fileSize: available, memorySize: available });
  if (end > zerosStart)
    parts.push({ index, fileOffset: 0, fileSize: 0, address: zerosStart, memorySize: end - zerosStart, protection });
  return parts;
}

function protectionOf(flags: number): number {
  return (
    (flags & PF_R ? PROTECTION_READ : 0) |
    (flags & PF_W ? PROTECTION_WRITE : 0) |
    (flags & PF_X ? PROTECTION_EXECUTE : 0)
  );
}

/** What is left of a segment when the pages from `start` to `end` belong to another one. */
function without(segment: Segment, start: number, end: number): Segment[] {
  const { address, memorySize, fileSize, fileOffset } = segment;
  const parts: Segment[] = [];
  if (end <= firstPage(segment) || start >= endPage(segment)) return [segment];
  if (start > firstPage(segment)) {
    const kept = start - address;
    parts.push({ ...segment, memorySize: kept, fileSize: Math.min(fileSize, kept) });
  }
  if (end < endPage(segment)) {
    const cut = end - address;
    parts.push({
      ...segment,
      address: end,
      memorySize: Math.max(1, memorySize - cut),
      fileOffset: fileSize > cut ? fileOffset + cut : 0,
      fileSize: Math.max(0, fileSize - cut),
    });
  }
  return parts;
}
