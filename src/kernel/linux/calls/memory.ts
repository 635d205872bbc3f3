import { PAGE_SIZE, roundUp } from '../../../bits.js';
import type { CallResult } from '../../calls/call.js';
import { ADDRESS_SPACE_END, fromLinear } from '../../memory/linear-address.js';
import { again } from '../../memory/map-target.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE, type Mapping } from '../../memory/mapping.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { SharedFilePart } from '../files/shared-file.js';
import { clear, extend, hasRoom, mapFileInSteps, mapSharedZeros, type HomeRange } from '../memory/mapping-files.js';
import { mappingsAsOne, move } from '../memory/moving.js';
import { MEMORY_FILE_CALLS } from './memory-file.js';
import { inSteps, standing } from './in-steps.js';
import { placeOf, rangeOf, seen } from './memory-place.js';

const { EACCES, EBADF, EFAULT, EINVAL, ENOMEM } = LinuxErrno;

/* include/uapi/asm-generic/mman-common.h and linux/mman.h */
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const PROT_GROWS = 0x0300_0000;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_SHARED_VALIDATE = 3;
const MAP_TYPE = 0xf;
const MAP_ANONYMOUS = 0x20;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;
const MS_ASYNC = 1;
const MS_INVALIDATE = 2;
const MS_SYNC = 4;
const MADV_DONTNEED = 4;
const MADVICES = new Set([0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);

const PAGE = BigInt(PAGE_SIZE);
function protectionOf(prot: number): number {
  return (
    (prot & PROT_READ ? PROTECTION_READ : 0) |
    (prot & PROT_WRITE ? PROTECTION_WRITE : 0) |
    (prot & PROT_EXEC ? PROTECTION_EXECUTE : 0)
  );
}

/** Unmaps a range, in steps, and then does the rest. */
function unmapped(context: LinuxContext, range: HomeRange, rest: () => bigint): CallResult {
  return standing(context, function* () {
    yield* clear(context, range);
    return rest();
  });
}

function brk(context: LinuxContext, address: bigint): CallResult {
  const { memory } = context.linux;
  const { region } = memory;
  const asked = fromLinear(address);
  const wanted = asked === undefined ? 0 : (context.process.view?.home(asked) ?? asked);
  const now = seen(context, memory.breakEnd);
  if (wanted < memory.breakStart || wanted > memory.breakMax) return now;
  const before = roundUp(memory.breakEnd, PAGE_SIZE);
  const after = roundUp(wanted, PAGE_SIZE);
  if (after > before) {
    if (!memory.isFree(before, after) || !hasRoom(context)) return now;
    region.addZeros(before, after, PROTECTION_READ | PROTECTION_WRITE);
  }
  const done = (): bigint => {
    memory.breakEnd = wanted;
    return seen(context, wanted);
  };
  return after < before ? unmapped(context, { start: after, end: before }, done) : done();
}

function mmap(
  context: LinuxContext,
  address: bigint,
  length: bigint,
  protArgument: bigint,
  flagsArgument: bigint,
  fd: bigint,
  offset: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  const type = flags & MAP_TYPE;
  if (offset % PAGE !== 0n) return failed(EINVAL);
  if (!(flags & MAP_ANONYMOUS) && !context.linux.files.has(signed32(fd))) return failed(EBADF);
  if (length === 0n) return failed(EINVAL);
  if (type !== MAP_PRIVATE && type !== MAP_SHARED && type !== MAP_SHARED_VALIDATE) return failed(EINVAL);
  const place = placeOf(context, address, length, flags);
  if (typeof place === 'bigint') return place;
  if (!hasRoom(context)) return failed(ENOMEM);
  const protection = protectionOf(signed32(protArgument));
  const { region } = context.linux.memory;
  const { start, end } = place;
  const isShared = type !== MAP_PRIVATE;
  if (flags & MAP_ANONYMOUS)
    return unmapped(context, place, () => {
      if (isShared) mapSharedZeros(context, place, protection);
      else region.addZeros(start, end, protection);
      return seen(context, start);
    });
  const request = { fd: signed32(fd), isShared, offset: Number(offset), protection };
  return standing(context, function* () {
    yield* mapFileInSteps(context, place, request);
    return seen(context, start);
  });
}

function munmap(context: LinuxContext, address: bigint, length: bigint): CallResult {
  if (address % PAGE !== 0n || length === 0n) return failed(EINVAL);
  const range = rangeOf(context, address, length);
  if (!range) return failed(EINVAL);
  if (!hasRoom(context)) return failed(ENOMEM);
  return unmapped(context, range, () => 0n);
}

function mprotect(context: LinuxContext, address: bigint, length: bigint, protArgument: bigint): CallResult {
  const prot = signed32(protArgument);
  if (address % PAGE !== 0n) return failed(EINVAL);
  if (length === 0n) return 0n;
  if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWS)) return failed(EINVAL);
  const range = rangeOf(context, address, length);
  const { region } = context.linux.memory;
  const mappings = range && region.covering(range.start, range.end);
  if (!range || !mappings || !hasRoom(context)) return failed(ENOMEM);
  if (prot & PROT_WRITE && mappings.some(({ shared }) => shared && !shared.mayWrite)) return failed(EACCES);
  region.protect(range.start, range.end, protectionOf(prot), (vmo) => again(context.store, vmo));
  context.system.ipc.divided(region, mappings, context.linux.pid);
  context.pager.protect(region, range.start, range.end);
  return 0n;
}

function mremap(
  context: LinuxContext,
  address: bigint,
  oldLength: bigint,
  newLength: bigint,
  flagsArgument: bigint,
  newAddress: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || address % PAGE !== 0n) return failed(EINVAL);
  if (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)) return failed(EINVAL);
  if (newLength === 0n || oldLength === 0n || newLength > BigInt(ADDRESS_SPACE_END)) return failed(EINVAL);
  const { memory } = context.linux;
  const old = rangeOf(context, address, oldLength);
  const size = roundUp(Number(newLength), PAGE_SIZE);
  // What is only cut off may consist of any mappings.
  const mappings = old && mappingsAsOne(memory.region, { start: old.start, end: Math.min(old.end, old.start + size) });
  if (!old || !mappings) return failed(EFAULT);
  if (!hasRoom(context, mappings.length)) return failed(ENOMEM);
  if (flags & MREMAP_FIXED) {
    const target = newAddress % PAGE === 0n ? rangeOf(context, newAddress, newLength) : undefined;
    if (!target || (target.start < old.end && target.end > old.start)) return failed(EINVAL);
    return unmapped(context, target, () => moved(context, mappings, old, target));
  }
  const oldSize = old.end - old.start;
  if (size <= oldSize)
    return size === oldSize ? address : unmapped(context, { start: old.start + size, end: old.end }, () => address);
  const last = mappings.at(-1)!;
  if (last.end === old.end && memory.isFree(old.end, old.start + size)) {
    extend(context, last, { start: old.end, end: old.start + size });
    return address;
  }
  if (!(flags & MREMAP_MAYMOVE)) return failed(ENOMEM);
  const start = memory.findFree(size);
  return start === undefined ? failed(ENOMEM) : moved(context, mappings, old, { start, end: start + size });
}

/** Moves what is mapped to a place where nothing is, and answers where that is seen. */
function moved(context: LinuxContext, mappings: readonly Mapping[], old: HomeRange, target: HomeRange): bigint {
  move(context, mappings, old, target);
  return seen(context, target.start);
}

function madvise(context: LinuxContext, address: bigint, length: bigint, adviceArgument: bigint): CallResult {
  const advice = signed32(adviceArgument);
  if (address % PAGE !== 0n || !MADVICES.has(advice)) return failed(EINVAL);
  if (length === 0n) return 0n;
  const range = rangeOf(context, address, length);
  const { region } = context.linux.memory;
  if (!range || !region.covering(range.start, range.end)) return failed(ENOMEM);
  if (advice !== MADV_DONTNEED) return 0n;
  return inSteps(
    context,
    () => context.pager.discardInSteps(region, range.start, range.end),
    () => 0n,
  );
}

/** Checks that a range is mapped: what calls ask that have nothing else to do where memory is never swapped out. */
function checkMapped(context: LinuxContext, address: bigint, length: bigint): CallResult {
  if (address % PAGE !== 0n) return failed(EINVAL);
  const range = rangeOf(context, address, length);
  if (!range) return failed(ENOMEM);
  return range.start === range.end || context.linux.memory.region.covering(range.start, range.end)
    ? 0n
    : failed(ENOMEM);
}

/** Files take up what was written to memory: here, at once. */
function msync(context: LinuxContext, address: bigint, length: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC)) return failed(EINVAL);
  const checked = checkMapped(context, address, length);
  if (checked !== 0n) return checked;
  const { start, end } = rangeOf(context, address, length)!;
  for (const { owner } of new Set(context.linux.memory.region.sharedIn(start, end)))
    if (owner instanceof SharedFilePart) owner.settle();
  if (flags & MS_SYNC) context.system.fileSystem.keep();
  return 0n;
}

function mincore(context: LinuxContext, address: bigint, length: bigint, vector: bigint): CallResult {
  const checked = checkMapped(context, address, length);
  if (checked !== 0n) return checked;
  const range = rangeOf(context, address, length)!;
  const pages = (range.end - range.start) / PAGE_SIZE;
  const target = context.memory.locate(vector, BigInt(pages), 'write');
  if (target === undefined) return failed(EFAULT);
  const resident = new Uint8Array(pages);
  context.pager.pageTable.forEach(range.start, range.end, (page) => (resident[(page - range.start) / PAGE_SIZE] = 1));
  context.memory.write(target, resident);
  return 0n;
}

const range = ['address', 'length'];

export const MEMORY_CALLS: readonly LinuxCall[] = [
  ...MEMORY_FILE_CALLS,
  {
    ...{ number: 9, name: 'mmap', parameters: ['address', 'length', 'prot', 'flags', 'fd', 'offset'], perform: mmap },
    ...{ state: 'part', differs: 'The address is the lowest one that is free.' },
  },
  {
    ...{ number: 10, name: 'mprotect', parameters: [...range, 'prot'], perform: mprotect },
    ...{ state: 'whole', differs: '' },
  },
  { number: 11, name: 'munmap', parameters: range, perform: munmap, state: 'whole', differs: '' },
  { number: 12, name: 'brk', parameters: ['address'], perform: brk, state: 'whole', differs: '' },
  {
    ...{ number: 25, name: 'mremap', parameters: ['address', 'old', 'new', 'flags', 'newAddress'], perform: mremap },
    ...{ state: 'part', differs: 'Without MREMAP_DONTUNMAP.' },
  },
  {
    ...{ number: 26, name: 'msync', parameters: [...range, 'flags'], perform: msync },
    ...{ state: 'whole', differs: '' },
  },
  {
    ...{ number: 27, name: 'mincore', parameters: [...range, 'vector'], perform: mincore },
    ...{ state: 'whole', differs: '' },
  },
  {
    ...{ number: 28, name: 'madvise', parameters: [...range, 'advice'], perform: madvise },
    ...{ state: 'part', differs: 'Only MADV_DONTNEED has an effect.' },
  },
  {
    ...{ number: 149, name: 'mlock', parameters: range, perform: checkMapped },
    ...{ state: 'whole', differs: '' },
  },
  { number: 150, name: 'munlock', parameters: range, perform: checkMapped, state: 'whole', differs: '' },
  { number: 151, name: 'mlockall', parameters: ['flags'], perform: () => 0n, state: 'whole', differs: '' },
  { number: 152, name: 'munlockall', parameters: [], perform: () => 0n, state: 'whole', differs: '' },
];
