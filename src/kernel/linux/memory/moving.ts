/** How mremap moves what is mapped. */

import { again } from '../../memory/map-target.js';
import { unmapIn } from '../../memory/map-vmo.js';
import { sharedFrom, type Mapping } from '../../memory/mapping.js';
import type { Region } from '../../memory/region.js';
import type { LinuxContext } from '../call.js';
import { SharedFilePart } from '../files/shared-file.js';
import { extend, type HomeRange } from './mapping-files.js';

/** The mappings of a range that are one for Linux: they show what follows one another in one source. Undefined for others. */
export function mappingsAsOne(region: Region, { start, end }: HomeRange): readonly Mapping[] | undefined {
  const mappings = region.covering(start, end);
  const isOne = mappings?.every((mapping, index) => index === 0 || continues(mappings[index - 1]!, mapping));
  return isOne ? mappings : undefined;
}

function continues(before: Mapping, after: Mapping): boolean {
  return before.protection === after.protection && sourceOf(before) === sourceOf(after);
}

/** What tells memory of different sources apart, as far as neighbours go: what lies behind the end of a file is of that, too. */
function sourceOf({ backing, shared }: Mapping): unknown {
  if (!shared?.memory.region) return backing || shared ? 'private file' : 'zeros';
  const { memory } = shared;
  return memory.owner instanceof SharedFilePart ? memory.owner.inode : memory;
}

/** Moves what is mapped in a range, some mappings that are one, to a place where nothing is, of another size. */
export function move(context: LinuxContext, mappings: readonly Mapping[], old: HomeRange, target: HomeRange): void {
  const { linux, pager, store } = context;
  const { region } = linux.memory;
  const shift = target.start - old.start;
  const end = Math.min(old.end, old.start + target.end - target.start);
  for (const mapping of mappings) {
    const range = { start: Math.max(mapping.start, old.start), end: Math.min(mapping.end, end) };
    if (range.start >= range.end) continue;
    const { protection, backing, shared, file } = mapping;
    const place = { start: range.start + shift, end: range.end + shift };
    if (!backing && !shared) region.addZeros(place.start, place.end, protection);
    else if (shared) region.addShared(place.start, place.end, protection, sharedFrom(mapping, range.start)!, file);
    else if (backing) {
      const offset = backing.offset + range.start - mapping.start;
      region.add({ ...place, protection, backing: { vmo: again(store, backing.vmo), offset }, file });
    }
  }
  const last = mappings.at(-1)!;
  if (end + shift < target.end)
    extend(context, { ...last, start: last.start + shift }, { start: end + shift, end: target.end });
  pager.move(region, old.start, end, target.start);
  unmapIn(context, region, old.start, old.end);
  context.debugMode.forget(old);
}
