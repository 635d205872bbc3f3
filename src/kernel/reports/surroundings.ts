import { PAGE_SIZE, hex } from '../../bits.js';
import { KERNEL_START, type AddressSpace } from '../memory/address-space.js';
import { HEAP_PAIR_BYTES, heapPairFrom } from '../program/header-page.js';
import { KERNEL_PAGE } from '../program/kernel-page.js';
import { hasGuard } from '../program/layout.js';
import { fromLinear, toLinear, type LinearAddress } from '../memory/linear-address.js';
import { PAGE_TABLE_WINDOW } from '../memory/page-table.js';
import { pidText, type ProcessTable } from '../tasks/process-table.js';
import type { Process } from '../tasks/process.js';
import type { Region } from '../memory/region.js';
import type { ThreadStack } from '../tasks/thread.js';
import type { UserMemory } from '../memory/user-memory.js';

/** What lies at an address, where that belongs to a process. */
export interface Surroundings {
  /** The process, and the region of it, or map of a VMO, that the address is in. */
  readonly pid: number;
  readonly name: string;
  readonly start: LinearAddress;
  readonly size: number;
  readonly part: Part;
  /** The mapping that contains it, if any. */
  readonly mapping:
    | {
        /** PROTECTION_ bits. */
        readonly protection: number;
        /** Identity of what the page was made from, and the offset of the address in it, in bytes; undefined for zeros. */
        readonly vmo: { readonly id: string; readonly offset: number } | undefined;
      }
    | undefined;
}

/** What a process has there. */
export type Part =
  | { readonly kind: 'header page' | 'image' | 'map' }
  /** The heap pointer as it is now; undefined for one that is no address. */
  | { readonly kind: 'heap'; readonly pointer: LinearAddress | undefined }
  /** Undefined: the thread has ended. */
  | { readonly kind: 'stack' | 'guard page'; readonly tid: number | undefined; readonly end: LinearAddress };

/** Where it is found out. */
export interface Neighbourhood {
  readonly space: AddressSpace;
  readonly processes: ProcessTable;
  readonly memory: UserMemory;
}

/** What lies at an address; undefined outside of all that belongs to a process. */
export function surroundingsAt(
  { space, processes, memory }: Neighbourhood,
  address: LinearAddress,
): Surroundings | undefined {
  const region = space.regionAt(address);
  if (!region) return undefined;
  const residents = processes.live().filter(({ regions, maps }) => regions.includes(region) || maps.includes(region));
  const found = ownedBy(residents, region, address) ?? heapOf(residents, region, memory);
  if (!found) return undefined;
  const mapping = region.mappingAt(address);
  const backing = mapping?.backing;
  return {
    ...{ pid: found.owner.pid, name: found.owner.name, start: region.start, size: region.size, part: found.part },
    mapping: mapping && {
      protection: mapping.protection,
      vmo: backing && { id: backing.vmo.contentId, offset: backing.offset + address - mapping.start },
    },
  };
}

interface Owned {
  readonly owner: Process;
  readonly part: Part;
}

/** The one of several processes in a region that has something of its own at an address. */
function ownedBy(residents: readonly Process[], region: Region, address: LinearAddress): Owned | undefined {
  for (const owner of residents) {
    const part = partOf(owner, region, address) ?? stackOf(owner, address);
    if (part) return { owner, part };
  }
  return undefined;
}

function partOf({ maps, description }: Process, region: Region, address: LinearAddress): Part | undefined {
  const { header, heap, imageRegion } = description;
  if (maps.includes(region)) return { kind: 'map' };
  if (region === imageRegion) return { kind: 'image' };
  if (address < header || address >= heap) return undefined;
  return { kind: address < header + PAGE_SIZE ? 'header page' : 'image' };
}

function stackOf({ description, threads, freeStacks }: Process, address: LinearAddress): Part | undefined {
  const isThere = ({ guard, end }: ThreadStack): boolean => address >= guard && address < end;
  const thread = threads.find(({ stack }) => isThere(stack));
  const stack = thread?.stack ?? [description.mainStack, ...freeStacks].find(isThere);
  if (!stack) return undefined;
  const isGuard = hasGuard(stack) && address < stack.guard + PAGE_SIZE;
  return { kind: isGuard ? 'guard page' : 'stack', tid: thread?.tid, end: stack.end };
}

/** All that nothing else lies in is the heap of the region, which is that of the process for which it was made. */
function heapOf(residents: readonly Process[], region: Region, memory: UserMemory): Owned | undefined {
  const owner = residents.find(({ description }) => description.header === region.start) ?? residents[0];
  if (!owner) return undefined;
  const bytes = memory.peek(owner.heapPair, HEAP_PAIR_BYTES);
  const pointer = bytes.length < HEAP_PAIR_BYTES ? undefined : fromLinear(heapPairFrom(bytes).heapPointer);
  return { owner, part: { kind: 'heap', pointer } };
}

/** The name of what an image has at an address, as `counter+0x4`, or a library, as `stdout in libc.so.6`, where that is known. */
export type SymbolAt = (address: LinearAddress, surroundings: Surroundings | undefined) => string | undefined;

/** Digits of the identity of a VMO that are shown: enough to find it again. */
const SHOWN_DIGITS = 16;

/** No region ever begins below. */
const NEVER_MAPPED = 0x1_0000;

/** What lies at an address, in words. `symbol`: see SymbolAt. */
export function describeSurroundings(
  address: LinearAddress,
  surroundings: Surroundings | undefined,
  symbol?: string,
): string {
  if (!surroundings) return describeUnowned(address);
  const { mapping } = surroundings;
  const place = describePart(address, surroundings, symbol);
  return `${place}, ${mapping ? rightsText(mapping.protection) : 'not mapped'}`;
}

function describePart(address: LinearAddress, surroundings: Surroundings, symbol?: string): string {
  const { pid, name, part, start, mapping } = surroundings;
  const owner = `process ${pidText(pid)} (${name})`;
  const vmo = mapping?.vmo;
  switch (part.kind) {
    case 'header page':
      return `header page of ${owner}, byte ${hex(address % PAGE_SIZE)}`;
    case 'image':
      return `${symbol === undefined ? '' : `${symbol} in the `}image of ${owner}`;
    case 'map':
      return `byte ${hex(vmo?.offset ?? address - start)} of VMO ${vmoText(vmo?.id)} mapped by ${owner}`;
    case 'heap':
      // A library, which the kernel knows only as mapped memory of a Linux program.
      if (symbol !== undefined) return `${symbol} of ${owner}`;
      return `heap of ${owner}${part.pointer === undefined ? '' : `, ${distance(address, part.pointer)} its pointer`}`;
    case 'stack':
      return `stack of ${threadText(part.tid)} of ${owner}, ${hex(part.end - address)} bytes below its top`;
    case 'guard page':
      return `guard page below the stack of ${threadText(part.tid)} of ${owner}`;
  }
}

function describeUnowned(address: LinearAddress): string {
  if (address < NEVER_MAPPED) return 'no region is there: the first 64 KiB are never mapped';
  if (address >= PAGE_TABLE_WINDOW) {
    const page = Math.floor((address - PAGE_TABLE_WINDOW) / 8) * PAGE_SIZE;
    return `page tables, the entry of ${hex(toLinear(page), 16)}, r--`;
  }
  if (address >= KERNEL_PAGE && address < KERNEL_PAGE + PAGE_SIZE) return 'the kernel page, r-x';
  if (address >= KERNEL_START) return "the kernel's own part of the address space, not mapped";
  return 'no region is there';
}

/** `r-x`, as in listings of memory maps. */
function rightsText(protection: number): string {
  return [...'rwx'].map((right, bit) => (protection & (1 << bit) ? right : '-')).join('');
}

function distance(address: LinearAddress, from: LinearAddress): string {
  return address < from ? `${hex(from - address)} bytes below` : `${hex(address - from)} bytes above`;
}

function threadText(tid: number | undefined): string {
  return tid === undefined ? 'a thread that has ended' : `thread ${tid}`;
}

function vmoText(id: string | undefined): string {
  return id === undefined ? 'that is no more' : id.slice(0, SHOWN_DIGITS);
}
