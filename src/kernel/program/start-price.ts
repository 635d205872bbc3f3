import { PAGE_SIZE } from '../../bits.js';
import { HOST_BYTES } from '../host-memory.js';
import type { ElfImage } from './elf.js';

/** Host memory that each further mapping of a program may take with its VMOs, and each relocated page. */
const MAPPING_HOST_BYTES = 2 * HOST_BYTES.mapping + 1024;
const RELOCATED_PAGE_HOST_BYTES = 2048;
const MAPPINGS_BESIDES_SEGMENTS = 6;

/** Bytes of the host's memory that a process of this image may take at first. */
export function hostBytesOfStart({ segments, relocations }: ElfImage): number {
  const { process, thread, region } = HOST_BYTES;
  const mappings = 2 * segments.length + MAPPINGS_BESIDES_SEGMENTS;
  const fileBytes = segments.reduce((total, { fileSize }) => total + fileSize + PAGE_SIZE, 0);
  const relocatedPages = Math.min(relocations.pages, Math.ceil(fileBytes / PAGE_SIZE));
  const own = process + thread + 2 * region;
  return own + mappings * MAPPING_HOST_BYTES + relocatedPages * RELOCATED_PAGE_HOST_BYTES;
}
