import { PAGE_SIZE } from '../../bits.js';
import type { Kernel } from '../../kernel/kernel.js';
import { ADDRESS_SPACE_END, toLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE } from '../../kernel/memory/mapping.js';
import { PAGE_TABLE_WINDOW } from '../../kernel/memory/page-table.js';
import type { Region } from '../../kernel/memory/region.js';
import { surroundingsAt, type Surroundings } from '../../kernel/reports/surroundings.js';
import type { MappedRange } from '../target.js';

/** Digits of the content id of a VMO that are shown. */
const SHOWN_DIGITS = 16;

/** All that is mapped, in ascending order; a mapping is divided where what it is used for changes. */
export function memoryMap(kernel: Kernel): MappedRange[] {
  const ranges = kernel.space.regions.flatMap((region) => rangesOf(kernel, region));
  ranges.push(range(PAGE_TABLE_WINDOW, ADDRESS_SPACE_END, PROTECTION_READ, undefined, 'page tables'));
  return ranges;
}

function rangesOf(kernel: Kernel, region: Region): MappedRange[] {
  const edges = edgesIn(kernel, region);
  return region.mappings.flatMap(({ start, end, protection }) => {
    const starts = [start, ...edges.filter((edge) => edge > start && edge < end)];
    return starts.map((from, i) => {
      const found = surroundingsAt(kernel, from);
      return range(from, starts[i + 1] ?? end, protection, found?.pid, found ? describe(found) : 'kernel page');
    });
  });
}

/** Addresses at which the use of memory in a region changes, in ascending order. */
function edgesIn({ processes }: Kernel, region: Region): LinearAddress[] {
  const residents = processes.live().filter(({ regions }) => regions.includes(region));
  const edges = residents.flatMap(({ description, threads, freeStacks }) => {
    const { header, heap, mainStack } = description;
    const stacks = [mainStack, ...threads.map(({ stack }) => stack), ...freeStacks];
    return [header, header + PAGE_SIZE, heap, ...stacks.flatMap(({ guard, end }) => [guard, guard + PAGE_SIZE, end])];
  });
  return [...new Set(edges)].sort((a, b) => a - b);
}

function describe({ part, mapping }: Surroundings): string {
  if (part.kind === 'map') return `VMO ${mapping?.vmo?.id.slice(0, SHOWN_DIGITS) ?? 'of zeros'}`;
  if (part.kind !== 'stack' && part.kind !== 'guard page') return part.kind;
  const owner = part.tid === undefined ? 'a thread that has ended' : `thread ${part.tid}`;
  return part.kind === 'stack' ? `stack of ${owner}` : `guard page of ${owner}`;
}

function range(
  start: LinearAddress,
  end: LinearAddress,
  protection: number,
  pid: number | undefined,
  what: string,
): MappedRange {
  return {
    start: toLinear(start),
    lengthBytes: BigInt(end - start),
    readable: (protection & PROTECTION_READ) !== 0,
    writable: (protection & PROTECTION_WRITE) !== 0,
    executable: (protection & PROTECTION_EXECUTE) !== 0,
    pid,
    what,
  };
}
