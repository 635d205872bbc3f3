import type { VmoHandle } from '../../vmo/handle.js';
import { finished, type Steps } from '../../vmo/steps.js';
import type { LinearAddress } from './linear-address.js';
import type { MappedFile } from './mapping.js';
import type { Region } from './region.js';
import { again, type MapTarget } from './map-target.js';
import { releaseUnused } from './unload.js';

/** Mappings that a region has at most; what a program maps is bounded. */
export const MAPPINGS_MAX = 2 ** 16;

/** A part of a VMO that is to be mapped. */
export interface MappedPart {
  /** The caller's: the mapping gets a handle of its own. */
  readonly vmo: VmoHandle;
  /** A multiple of 4096. */
  readonly offset: number;
  /** Whole pages, of which the last one may begin, and not end, within the VMO. */
  readonly size: number;
  /** PROTECTION_ bits. */
  readonly protection: number;
  /** The file that the VMO has its bytes from. */
  readonly file?: MappedFile | undefined;
}

/** Maps a part of a VMO to pages of a region, in the place of whatever was mapped there. */
export function mapIn(target: MapTarget, region: Region, start: LinearAddress, part: MappedPart): void {
  const { vmo, offset, size, protection, file } = part;
  unmapIn(target, region, start, start + size);
  region.add({ start, end: start + size, protection, backing: { vmo: again(target.store, vmo), offset }, file });
}

/** Unmaps pages of a region: what they held is gone, and touching them traps. */
export function unmapIn(target: MapTarget, region: Region, start: LinearAddress, end: LinearAddress): void {
  finished(unmapInSteps(target, region, start, end));
}

/** As `unmapIn`, in steps between which nothing may change in the machine. */
export function* unmapInSteps(
  target: MapTarget,
  region: Region,
  start: LinearAddress,
  end: LinearAddress,
): Steps<void> {
  const { store, pager } = target;
  yield* pager.discardInSteps(region, start, end);
  const shared = region.sharedIn(start, end);
  region.cut(start, end, (vmo) => again(store, vmo));
  yield* releaseUnused(target, shared);
}
