/** How mmap and mremap map memory that has another source than zeros of its own. */

import { PAGE_SIZE, roundUp } from '../../../bits.js';
import { MAX_LENGTH } from '../../../vmo/content/canonical-form.js';
import type { VmoHandle } from '../../../vmo/handle.js';
import type { Steps } from '../../../vmo/steps.js';
import { HOST_BYTES } from '../../host-memory.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import { MAPPINGS_MAX, mapIn, unmapInSteps } from '../../memory/map-vmo.js';
import { PROTECTION_WRITE, type MappedFile, type Mapping } from '../../memory/mapping.js';
import { makeShared, nothingShared, type SharedMemory } from '../../memory/shared-memory.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { mappedFileOf } from '../files/mapped-file.js';
import { PART_BYTES, SharedFilePart } from '../files/shared-file.js';
import { isSealed, requireWritable } from '../files/seals.js';
import type { RegularFile } from '../files/tree/inode.js';

/** A range of whole pages in the home of the caller. */
export interface HomeRange {
  readonly start: LinearAddress;
  readonly end: LinearAddress;
}

/** What is to be mapped of a file. */
export interface FileRequest {
  readonly fd: number;
  readonly isShared: boolean;
  /** In bytes, a multiple of 4096. */
  readonly offset: number;
  /** PROTECTION_ bits. */
  readonly protection: number;
}

/** How a file is mapped so that writes reach it. */
export interface SharedRequest {
  /** In bytes, a multiple of 4096. */
  readonly offset: number;
  /** PROTECTION_ bits. */
  readonly protection: number;
  /** Whether the mapping may be given the right to write. */
  readonly mayWrite: boolean;
  readonly file?: MappedFile | undefined;
}

/** Mappings that a call may add: it divides one, and puts its own there. */
const MAPPINGS_ADDED = 3;

/** Whether the caller may have more mappings. */
export function hasRoom({ linux, hostMemory }: LinuxContext, more = 0): boolean {
  const count = MAPPINGS_ADDED + more;
  const room = count * HOST_BYTES.mapping + (more + 1) * HOST_BYTES.region;
  return linux.memory.region.mappings.length + count <= MAPPINGS_MAX && hostMemory.hasRoom(room);
}

/** Unmaps a range of the caller's home. */
export function* clear(context: LinuxContext, { start, end }: HomeRange): Steps<void, number> {
  context.system.ipc.detach(context.linux.memory.region, start, end, context.linux.pid);
  for (const _ of unmapInSteps(context, context.linux.memory.region, start, end)) yield 0;
  context.debugMode.forget({ start, end });
}

/**
 * Maps a file in the place of what is mapped there. Handles on it are closed even if the thread ends before it is done. Throws
 * LinuxError EACCES, EBADF, ENODEV, ENOMEM with nothing changed.
 */
export function* mapFileInSteps(context: LinuxContext, place: HomeRange, request: FileRequest): Steps<void, number> {
  const { fd, isShared, offset, protection } = request;
  const { linux, store, system } = context;
  const file = linux.files.mapped(fd, isShared, (protection & PROTECTION_WRITE) !== 0);
  if (isShared && file === 'zeros') {
    yield* clear(context, place);
    return mapSharedZeros(context, place, protection);
  }
  const open = linux.files.get(fd);
  const named = file === 'zeros' ? undefined : mappedFileOf(system.fileSystem, open);
  if (isShared && file !== 'zeros') {
    if (protection & PROTECTION_WRITE) requireWritable(file.seals);
    const mayWrite = open.isWritable && !isSealed(file.seals);
    return yield* mapFileShared(context, place, { offset, protection, mayWrite, file: named }, file);
  }
  const vmo = file === 'zeros' ? store.zeros(MAX_LENGTH) : file.content.snapshot(system.fileSystem);
  try {
    yield* clear(context, place);
    mapPrivate(context, place, { vmo, offset, protection, file: named });
  } finally {
    vmo.close();
  }
}

/** Maps memory of its own, which stays one when the process forks. Throws LinuxError ENOMEM, with nothing changed. */
export function mapSharedZeros(context: LinuxContext, { start, end }: HomeRange, protection: number): void {
  const memory = makeShared(context, end - start);
  if (!memory) throw new LinuxError(LinuxErrno.ENOMEM);
  addShared(context, { start, end }, memory, { offset: 0, protection, mayWrite: true });
}

/** The part of a VMO that is mapped. */
interface PrivatePart {
  readonly vmo: VmoHandle;
  readonly offset: number;
  readonly protection: number;
  readonly file: MappedFile | undefined;
}

/** Maps a VMO, whose bytes nobody else changes or sees changed; what lies behind its last page cannot be reached. */
function mapPrivate(
  context: LinuxContext,
  { start, end }: HomeRange,
  { vmo, offset, protection, file }: PrivatePart,
): void {
  const size = Math.min(end - start, Math.max(0, roundUp(vmo.length, PAGE_SIZE) - offset));
  if (size > 0) mapIn(context, context.linux.memory.region, start, { vmo, offset, size, protection, file });
  const rest = { start: start + size, end };
  if (rest.start < end) addShared(context, rest, nothingShared(), { offset: 0, protection, mayWrite: true, file });
}

function addShared(
  { linux }: LinuxContext,
  { start, end }: HomeRange,
  memory: SharedMemory,
  { offset, protection, mayWrite, file }: SharedRequest,
): void {
  linux.memory.region.addShared(start, end, protection, { memory, offset, mayWrite }, file);
}

/** Maps a file so that writes reach it, a mapping for each part of it. */
export function* mapFileShared(
  context: LinuxContext,
  place: HomeRange,
  request: SharedRequest,
  file: RegularFile,
): Steps<void, number> {
  const { system } = context;
  const { offset } = request;
  const last = offset + place.end - place.start;
  if (!hasRoom(context, Math.ceil(last / PART_BYTES) - Math.floor(offset / PART_BYTES)))
    throw new LinuxError(LinuxErrno.ENOMEM);
  yield* clear(context, place);
  for (let at = offset; at < last;) {
    const part = SharedFilePart.of(system.fileSystem, file, at);
    const end = Math.min(last, part.start + PART_BYTES);
    const range = { start: place.start + at - offset, end: place.start + end - offset };
    addShared(context, range, part.memory, { ...request, offset: at - part.start });
    at = end;
  }
}

/** Maps what follows the end of a mapping: more of its VMO or file, or zeros. */
export function extend(context: LinuxContext, mapping: Mapping, { start, end }: HomeRange): void {
  const { region } = context.linux.memory;
  const { backing, protection, shared, file } = mapping;
  if (backing) {
    const offset = backing.offset + start - mapping.start;
    return mapPrivate(context, { start, end }, { vmo: backing.vmo, offset, protection, file });
  }
  if (!shared) return region.addZeros(start, end, protection);
  const { memory, mayWrite } = shared;
  let part = memory;
  let offset = shared.offset + start - mapping.start;
  for (let at = start; at < end;) {
    if (part.owner instanceof SharedFilePart && offset >= PART_BYTES) {
      part = part.owner.next().memory;
      offset = 0;
    }
    const size = Math.min(end - at, part.owner ? PART_BYTES - offset : Infinity);
    addShared(context, { start: at, end: at + size }, part, { offset, protection, mayWrite, file });
    at += size;
    offset += size;
  }
}
