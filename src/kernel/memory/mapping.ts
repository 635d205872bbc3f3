import { PAGE_SIZE } from '../../bits.js';
import type { VmoHandle, VmoPage } from '../../vmo/handle.js';
import type { LinearAddress } from './linear-address.js';
import type { SharedMemory } from './shared-memory.js';

/** What threads may do with the pages of a mapping: bits, as vmo_map takes them. A page that allows anything can be read. */
export const PROTECTION_READ = 1;
export const PROTECTION_WRITE = 2;
export const PROTECTION_EXECUTE = 4;

/** What an instruction or a kernel-call does with a byte. */
export type MemoryAccess = 'read' | 'write' | 'execute';

/** The pages of a VMO from a byte offset, a multiple of 4096. The rest of its last page is zeros. */
export interface Backing {
  readonly vmo: VmoHandle;
  readonly offset: number;
}

/** The pages of shared memory from a byte offset, a multiple of 4096. */
export interface SharedPart {
  readonly memory: SharedMemory;
  readonly offset: number;
  /** Whether the protection may allow writes. */
  readonly mayWrite: boolean;
}

/** The file that a mapping shows, for listings of mappings: as it was when it was mapped. */
export interface MappedFile {
  /** Absolute; a character for each byte. */
  readonly path: string;
  readonly fileSystem: number;
  /** Of its inode. */
  readonly number: bigint | number;
}

/** Whole pages of linear addresses, their bytes before any write, and their protection. */
export interface Mapping {
  readonly start: LinearAddress;
  /** One past the last byte. */
  readonly end: LinearAddress;
  /** PROTECTION_ bits. */
  readonly protection: number;
  /** Undefined: zeros. */
  readonly backing: Backing | undefined;
  /** Undefined: writes are to be seen here alone. */
  readonly shared?: SharedPart | undefined;
  readonly file?: MappedFile | undefined;
}

/** Where the bytes of a page of a mapping lie: elsewhere for shared memory. */
export function homePage({ start, shared }: Pick<Mapping, 'start' | 'shared'>, page: LinearAddress): LinearAddress {
  const home = shared?.memory.region;
  return home ? home.start + shared.offset + page - start : page;
}

/** One past the last byte of a mapping that can be reached: its end, unless a file that it shows ends before. All of a home can. */
export function reachableEnd({ start, end, shared }: Mapping): LinearAddress {
  if (!shared || shared.memory.region?.start === start - shared.offset) return end;
  return Math.min(end, Math.max(start, start + shared.memory.reachableBytes - shared.offset));
}

/** What the part of a mapping that begins at `start` shows. */
export function sharedFrom(mapping: Mapping, start: LinearAddress): SharedPart | undefined {
  return mapping.shared && { ...mapping.shared, offset: mapping.shared.offset + start - mapping.start };
}

/** What a mapping fills one of its pages with; undefined: zeros. */
export function backingPage({ start, backing }: Mapping, page: LinearAddress): VmoPage | undefined {
  return backing?.vmo.page((page - start + backing.offset) / PAGE_SIZE);
}

/** True where a mapping of this protection allows the access. x86-64 has no page that can be written or run but not read. */
export function allows(protection: number, access: MemoryAccess): boolean {
  if (access === 'write') return (protection & PROTECTION_WRITE) !== 0;
  if (access === 'execute') return (protection & PROTECTION_EXECUTE) !== 0;
  return protection !== 0;
}
