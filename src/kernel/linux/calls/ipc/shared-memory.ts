/** System V shared memory: shmget(2), shmop(2), shmctl(2). */
import { PAGE_SIZE, roundUp } from '../../../../bits.js';
import type { CallResult } from '../../../calls/call.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE } from '../../../memory/mapping.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { S_IFREG } from '../../files/constants.js';
import { SEGMENTS_MAX } from '../../ipc/ipc.js';
import { SHM_DEST, SHM_LOCKED, SharedSegment } from '../../ipc/shared-segment.js';
import { clear, mapFileShared, type HomeRange } from '../../memory/mapping-files.js';
import { putFields } from '../../user-data.js';
import { standing } from '../in-steps.js';
import { placeOf, rangeOf, seen, MAP_FIXED, MAP_FIXED_NOREPLACE } from '../memory-place.js';
import {
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  PERMISSION_BYTES,
  READ,
  WRITE,
  objectOf,
  permissionsAt,
  put32s,
  put64s,
  putPermissions,
  requireOwner,
  requirePermission,
} from './objects.js';

const { EINVAL, ENOMEM } = LinuxErrno;

/* include/uapi/linux/shm.h */
const SHM_RDONLY = 0o10000;
const SHM_RND = 0o20000;
const SHM_REMAP = 0o40000;
const SHM_EXEC = 0o100000;
const SHM_LOCK = 11;
const SHM_UNLOCK = 12;
const SHM_STAT = 13;
const SHM_INFO = 14;
const SHM_STAT_ANY = 15;
const EXECUTE = 0o111;
/** Bytes of a struct shmid64_ds, shminfo64 and shm_info. */
const STATUS_BYTES = 112;
const LIMITS_BYTES = 72;
const USAGE_BYTES = 48;
/** SHMMAX: ULONG_MAX - 2^24. */
const SHMMAX = 2n ** 64n - 1n - 2n ** 24n;
/** A segment that is larger cannot be attached: homes are as large. */
const SEGMENT_BYTES_MAX = 2n ** 39n;
const PAGE = BigInt(PAGE_SIZE);

function shmget(context: LinuxContext, key: bigint, size: bigint, flags: bigint): CallResult {
  const { linux, system } = context;
  const { segments: table } = system.ipc;
  return objectOf(context, table, { key: signed32(key), flags: signed32(flags) }, {
    check: (found) => size <= BigInt(found.size),
    make: (ownership) => {
      if (size < 1n || size > SHMMAX) throw new LinuxError(EINVAL);
      if (size > SEGMENT_BYTES_MAX) throw new LinuxError(ENOMEM);
      table.requireRoom();
      const { fileSystem, ipc } = system;
      const mode = S_IFREG | ownership.mode;
      const file = fileSystem.makeNamelessFile(fileSystem.root, { mode, owner: ownership.user, group: ownership.group });
      fileSystem.hold(file);
      file.content.truncate(Number(size), fileSystem);
      return new SharedSegment(ownership, ipc.now, file, Number(size), linux.pid);
    },
  }); // prettier-ignore
}

function shmat(context: LinuxContext, id: bigint, address: bigint, flagsArgument: bigint): CallResult {
  const { linux, system } = context;
  const flags = signed32(flagsArgument);
  if (signed32(id) < 0) return failed(EINVAL);
  if (address === 0n && flags & SHM_REMAP) return failed(EINVAL);
  if (address % PAGE !== 0n && !(flags & SHM_RND)) return failed(EINVAL);
  const segment = system.ipc.segments.get(signed32(id));
  const isWritten = (flags & SHM_RDONLY) === 0;
  const wanted = READ | (isWritten ? WRITE : 0) | (flags & SHM_EXEC ? EXECUTE : 0);
  requirePermission(segment, linux, wanted);
  const at = address - (address % PAGE);
  const how = at === 0n ? 0 : flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  const place = placeOf(context, at, BigInt(segment.size), how);
  if (typeof place === 'bigint') return at === 0n || flags & SHM_REMAP ? place : failed(EINVAL);
  const protection = PROTECTION_READ | (isWritten ? PROTECTION_WRITE : 0) | (flags & SHM_EXEC ? PROTECTION_EXECUTE : 0);
  return standing(context, function* () {
    yield* mapFileShared(context, place, { offset: 0, protection, mayWrite: isWritten }, segment.file);
    segment.attachedAt = system.ipc.now;
    segment.lastPid = linux.pid;
    return seen(context, place.start);
  });
}

function shmdt(context: LinuxContext, address: bigint): CallResult {
  const { linux, system } = context;
  if (address % PAGE !== 0n) return failed(EINVAL);
  const start = rangeOf(context, address, PAGE)?.start;
  if (start === undefined) return failed(EINVAL);
  const ranges: HomeRange[] = [];
  let found: SharedSegment | undefined;
  const { region } = linux.memory;
  for (const mapping of region.mappingsIn(start, region.end)) {
    if (found && mapping.end - start > roundUp(found.size, PAGE_SIZE)) break;
    const shown = system.ipc.shownBy(mapping);
    if (!shown || mapping.start - start !== shown.offset || (found && shown.segment !== found)) continue;
    found = shown.segment;
    ranges.push({ start: mapping.start, end: mapping.end });
  }
  if (!found) return failed(EINVAL);
  return standing(context, function* () {
    for (const range of ranges) yield* clear(context, range);
    return 0n;
  });
}

function shmctl(context: LinuxContext, id: bigint, commandArgument: bigint, buffer: bigint): CallResult {
  const { linux, system } = context;
  const { segments } = system.ipc;
  const [number, command] = [signed32(id), signed32(commandArgument)];
  if (number < 0 || command < 0) return failed(EINVAL);
  switch (command) {
    case IPC_INFO:
    case SHM_INFO:
      return tellLimits(context, command, buffer);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY: {
      const segment = command === IPC_STAT ? segments.get(number) : segments.at(number);
      if (command !== SHM_STAT_ANY) requirePermission(segment, linux, READ);
      putFields(context, buffer, STATUS_BYTES, (view) => putSegment(view, segment));
      return command === IPC_STAT ? 0n : BigInt(segment.id);
    }
    case IPC_SET: {
      const { owner, group, mode } = permissionsAt(context, buffer, STATUS_BYTES);
      const segment = segments.get(number);
      requireOwner(segment, linux);
      segment.give(owner, group, mode, system.ipc.now);
      return 0n;
    }
    case IPC_RMID:
      return remove(context, segments.get(number));
    case SHM_LOCK:
    case SHM_UNLOCK: {
      const segment = segments.get(number);
      requireOwner(segment, linux);
      segment.mode = command === SHM_LOCK ? segment.mode | SHM_LOCKED : segment.mode & ~SHM_LOCKED;
      return 0n;
    }
    default:
      return failed(EINVAL);
  }
}

/** Nobody finds it by its key from now on; it is gone when nobody has it attached. */
function remove({ linux, system }: LinuxContext, segment: SharedSegment): CallResult {
  requireOwner(segment, linux);
  if (segment.isRemoved) return 0n;
  segment.mode |= SHM_DEST;
  segment.key = 0;
  segment.file.links = 0;
  system.fileSystem.release(segment.file);
  return 0n;
}

function putSegment(view: DataView, segment: SharedSegment): void {
  const { size, attachedAt, detachedAt, changedAt, creatorPid, lastPid, attachments } = segment;
  putPermissions(view, segment);
  put64s(view, PERMISSION_BYTES, [size, attachedAt, detachedAt, changedAt]);
  put32s(view, PERMISSION_BYTES + 32, [creatorPid, lastPid]);
  put64s(view, PERMISSION_BYTES + 40, [attachments]);
}

function tellLimits(context: LinuxContext, command: number, buffer: bigint): CallResult {
  const { segments } = context.system.ipc;
  if (command === IPC_INFO)
    putFields(context, buffer, LIMITS_BYTES, (view) => {
      view.setBigUint64(0, SHMMAX, true);
      put64s(view, 8, [1, SEGMENTS_MAX, SEGMENTS_MAX]);
      view.setBigUint64(32, SHMMAX, true);
    });
  else
    putFields(context, buffer, USAGE_BYTES, (view) => {
      const pages = segments.all.reduce((sum, { size }) => sum + Math.ceil(size / PAGE_SIZE), 0);
      put32s(view, 0, [segments.size]);
      put64s(view, 8, [pages, 0]);
    });
  return BigInt(segments.highest);
}

const whole = { state: 'whole', differs: '' } as const;

export const SHARED_MEMORY_CALLS: readonly LinuxCall[] = [
  { number: 29, name: 'shmget', parameters: ['key', 'size', 'flags'], perform: shmget, ...whole },
  { number: 30, name: 'shmat', parameters: ['id', 'address', 'flags'], perform: shmat, ...whole },
  {
    ...{ number: 31, name: 'shmctl', parameters: ['id', 'command', 'buffer'], perform: shmctl },
    ...{ state: 'part', differs: 'SHM_LOCK is kept, and has no effect; SHM_INFO reports no resident pages.' },
  },
  { number: 67, name: 'shmdt', parameters: ['address'], perform: shmdt, ...whole },
];
