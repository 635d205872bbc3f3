import { PAGE_SIZE } from '../../bits.js';
import type { Kernel } from '../../kernel/kernel.js';
import { ADDRESS_SPACE_END, fromLinear, toLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE } from '../../kernel/memory/mapping.js';
import { windowOf, type View } from '../../kernel/memory/view.js';
import { without } from '../../mmu/fence.js';
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

/** What a process with a view sees of ranges that are mapped, in ascending order. */
export function mapSeenIn(view: View, ranges: readonly MappedRange[]): MappedRange[] {
  const seen = ranges.flatMap((range) => {
    const start = fromLinear(range.start)!;
    const lying = { start, end: start + Number(range.lengthBytes) };
    const windows = view.aliases.map(({ window, size }) => ({ start: window, end: window + size }));
    const shown = view.aliases.flatMap(({ window, home, size }) =>
      without([lying], without([lying], [{ start: home, end: home + size }])).map((part) => ({
        start: part.start - home + window,
        end: part.end - home + window,
      })),
    );
    return [...without([lying], windows), ...shown].map((part) => ({
      ...range,
      start: toLinear(part.start),
      seen: toLinear(part.start),
      lengthBytes: BigInt(part.end - part.start),
    }));
  });
  return seen.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

function rangesOf(kernel: Kernel, region: Region): MappedRange[] {
  const edges = edgesIn(kernel, region);
  return region.mappings.flatMap(({ start, end, protection }) => {
    const starts = [start, ...edges.filter((edge) => edge > start && edge < end)];
    return starts.map((from, i) => {
      const found = surroundingsAt(kernel, from);
      const view = found && kernel.processes.find(found.pid)?.view;
      const what = found ? describe(found) : 'kernel page';
      return {
        ...range(from, starts[i + 1] ?? end, protection, found?.pid, what),
        seen: toLinear(windowOf(view, from)),
      };
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
    seen: toLinear(start),
    readable: (protection & PROTECTION_READ) !== 0,
    writable: (protection & PROTECTION_WRITE) !== 0,
    executable: (protection & PROTECTION_EXECUTE) !== 0,
    pid,
    what,
  };
}
