import { PAGE_SIZE, roundUp } from '../../bits.js';
import { commitInSteps } from '../memory/commit.js';
import { Errno, failure } from '../errors.js';
import { HOST_BYTES } from '../host-memory.js';
import { ADDRESS_SPACE_END, fromLinear, toLinear, type LinearAddress } from '../memory/linear-address.js';
import { MAPPINGS_MAX, mapIn, unmapIn, type MappedPart } from '../memory/map-vmo.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE } from '../memory/mapping.js';
import { PageHashing } from '../memory/page-hashing.js';
import { homeOf } from '../memory/view.js';
import type { Region } from '../memory/region.js';
import { isOutOfMemory, isWithin, newHandle, vmoOf } from './arguments.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import type { CallContext, CallResult, KernelCall } from './call.js';
import { STEPPED_FIELDS, STEPPED_OPTIONS, StandingCall, SteppedCall, takeStep } from './stepped-call.js';
import { schema, value, type Schema } from '../../state/schema.js';

const PROTECTION_BITS = BigInt(PROTECTION_READ | PROTECTION_WRITE | PROTECTION_EXECUTE);
const PAGE = BigInt(PAGE_SIZE);

function vmoMap(
  context: CallContext,
  handle: bigint,
  offset: bigint,
  address: bigint,
  length: bigint,
  protection: bigint,
): CallResult {
  const vmo = vmoOf(context, handle);
  if (!vmo) return failure(Errno.EBADF);
  if (offset % PAGE !== 0n || address % PAGE !== 0n || length === 0n) return failure(Errno.EINVAL);
  if (protection & ~PROTECTION_BITS) return failure(Errno.EINVAL);
  if (!isWithin(offset, length, vmo.length)) return failure(Errno.ERANGE);
  const size = roundUp(Number(length), PAGE_SIZE);
  const part = { vmo, offset: Number(offset), size, protection: Number(protection) };
  return address === 0n ? mapAnywhere(context, part) : mapAt(context, address, part);
}

/** Maps where the kernel keeps maps. The map belongs to the caller's process. */
function mapAnywhere(context: CallContext, part: MappedPart): CallResult {
  const { space, process, hostMemory } = context;
  const hasRoom = process.maps.length < MAPPINGS_MAX && hostMemory.hasRoom(HOST_BYTES.region + HOST_BYTES.mapping);
  const region = hasRoom ? space.placeMap(part.size) : undefined;
  if (!region) return failure(Errno.ENOMEM);
  process.addMap(region);
  mapIn(context, region, region.start, part);
  return toLinear(region.start);
}

function mapAt(context: CallContext, address: bigint, part: MappedPart): CallResult {
  const range = ownRange(context, address, part.size);
  if (!range) return failure(Errno.EEXIST);
  const { region, start } = range;
  const end = start + part.size;
  const added = region.isSplitBy(start, end) ? 2 : 1;
  if (isFull(region) || !context.hostMemory.hasRoom(added * HOST_BYTES.mapping)) return failure(Errno.ENOMEM);
  return discarded(context, range, end, () => {
    mapIn(context, region, start, part);
    return address;
  });
}

/** Discards the pages of a range while the machine stands still, and then does the rest. */
function discarded(
  context: CallContext,
  { region, start }: RegionRange,
  end: LinearAddress,
  rest: () => bigint,
): CallResult {
  const { pending, pager, debugMode } = context;
  function* steps(): Steps<bigint, number> {
    for (const _ of pager.discardInSteps(region, start, end)) yield 0;
    debugMode.forget({ start, end });
    return rest();
  }
  const step = ((pending.work ??= new StandingCall(steps())) as SteppedCall<bigint>).take(context);
  return typeof step === 'string' ? step : step.value;
}

function vmoUnmap(context: CallContext, address: bigint, length: bigint): CallResult {
  const { process } = context;
  if (address % PAGE !== 0n || length === 0n || length > BigInt(ADDRESS_SPACE_END)) return failure(Errno.EINVAL);
  const size = roundUp(Number(length), PAGE_SIZE);
  const range = ownRange(context, address, size) ?? rangeIn(context, process.maps, address, size);
  if (!range) return failure(Errno.EINVAL);
  const { region, start } = range;
  const end = start + size;
  const isDivided = region.isSplitBy(start, end);
  if (isFull(region) || (isDivided && !context.hostMemory.hasRoom(HOST_BYTES.mapping))) return failure(Errno.ENOMEM);
  return discarded(context, range, end, () => {
    unmapIn(context, region, start, end);
    if (region.mappings.length === 0) removeMap(context, region);
    return 0n;
  });
}

/** A map of which nothing is left gives its place back; a region of the process stays. */
function removeMap({ process, space }: CallContext, region: Region): void {
  if (process.removeMap(region)) space.remove(region);
}

/**
 * Pages that were written are hashed in parts; the snapshot is of the moment when that is done, and the machine stands still
 * while it is made.
 */
function vmoCommit(context: CallContext, address: bigint, length: bigint): CallResult {
  const start = context.memory.locate(address, length, 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  if (address % PAGE !== 0n || length % PAGE !== 0n || length === 0n) return failure(Errno.EINVAL);
  const region = context.space.regionAt(start);
  if (region && isFull(region)) return failure(Errno.ENOMEM);
  const work = (context.pending.work ??= new CommitCall(start, Number(length))) as CommitCall;
  if (!work.isStanding && isOutOfMemory(context)) return failure(Errno.ENOMEM);
  // EFAULT for a range that lies in several regions, side by side.
  const step = takeStep(work, context);
  if (typeof step === 'number') return failure(step);
  return typeof step === 'string' ? step : newHandle(context, () => step.value);
}

/** Hashes the pages of a range that were written, and commits it. */
class CommitCall extends SteppedCall<VmoHandle> {
  static readonly state: Schema = schema(
    'commit call',
    CommitCall,
    {
      ...STEPPED_FIELDS,
      hashing: value,
      start: value,
      length: value,
    },
    STEPPED_OPTIONS,
  );

  private readonly hashing: PageHashing;

  constructor(
    private readonly start: LinearAddress,
    private readonly length: number,
  ) {
    super();
    this.hashing = new PageHashing(start, start + length);
  }

  protected *steps(context: CallContext): Steps<VmoHandle, number> {
    const { hashing, start, length } = this;
    for (let pages; (pages = hashing.takePart(context)) > 0;) yield pages * PAGE_SIZE;
    const steps = commitInSteps(context, start, length);
    try {
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done) return step.value;
        yield 0;
      }
    } finally {
      steps.return(undefined as never);
      hashing.close();
    }
  }

  override close(): void {
    super.close();
    this.hashing.close();
  }
}

/** True where a region may not be divided any further. */
function isFull(region: Region): boolean {
  return region.mappings.length >= MAPPINGS_MAX;
}

interface RegionRange {
  readonly region: Region;
  readonly start: LinearAddress;
}

/**
 * Pages of the caller's own regions that it may map and unmap: all but the header page, which the kernel reads and writes
 * on its behalf.
 */
function ownRange(context: CallContext, address: bigint, size: number): RegionRange | undefined {
  const { process } = context;
  const range = rangeIn(context, process.regions, address, size);
  return range && range.start === process.region.start ? undefined : range;
}

/** The one among regions that a range lies in. */
function rangeIn(
  { process }: CallContext,
  regions: readonly Region[],
  address: bigint,
  size: number,
): RegionRange | undefined {
  const seen = fromLinear(address);
  if (seen === undefined) return undefined;
  const start = homeOf(process.view, seen);
  const region = regions.find((candidate) => start >= candidate.start && start + size <= candidate.end);
  return region && { region, start };
}

export const VMO_MEMORY_CALLS: readonly KernelCall[] = [
  { number: 41, name: 'vmo_map', parameters: ['handle', 'offset', 'address', 'n', 'protection'], perform: vmoMap },
  { number: 42, name: 'vmo_unmap', parameters: ['address', 'n'], perform: vmoUnmap },
  { number: 43, name: 'vmo_commit', parameters: ['address', 'n'], perform: vmoCommit },
];
