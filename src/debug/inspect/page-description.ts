import { sha256 } from '@noble/hashes/sha2.js';
import { PAGE_SHIFT, PAGE_SIZE, bytesToHex } from '../../bits.js';
import type { Computer } from '../../computer.js';
import type { LinearAddress } from '../../kernel/memory/linear-address.js';
import { toLinear } from '../../kernel/memory/linear-address.js';
import { describeSurroundings, surroundingsAt } from '../../kernel/reports/surroundings.js';
import { PRESENT } from '../../mmu/entry.js';
import { CanonicalHasher, ZERO_LEAF } from '../../vmo/content/canonical-form.js';

/** What lies at an address. */
export interface PageDescription {
  /** `heap of process 1 (terminal), 0x1000 bytes below its pointer, rw-`. */
  readonly text: string;
  /** What the page was made from, and the offset of the address in it. */
  readonly vmo: { readonly id: string; readonly offset: number } | undefined;
  /** The hash of the bytes of the page, as a leaf of a VMO; undefined where nothing is mapped. */
  readonly leaf: string | undefined;
  /** `private`, `clean, used by 3 pages`, `absent`. */
  readonly state: string;
  /** The bytes from the address on, at most 16. */
  readonly bytes: Uint8Array;
}

const SHOWN_BYTES = 16;

/** Describes an address and its page. The machine is not affected. `symbol`: the name of what is there, if that is known. */
export function describePage(computer: Computer, address: LinearAddress, symbol?: string): PageDescription {
  const { kernel, pool } = computer.parts;
  const surroundings = surroundingsAt(kernel, address);
  const page = address - (address % PAGE_SIZE);
  const bytes = computer.readMemory(toLinear(page), PAGE_SIZE);
  const entry = kernel.pager.pageTable.entry(page);
  const frame = entry >>> PAGE_SHIFT;
  const isPresent = (entry & PRESENT) !== 0;
  const known = isPresent ? pool.codeIdentity(frame) : undefined;
  const leaf = bytes.length < PAGE_SIZE ? undefined : (known ?? bytesToHex(new CanonicalHasher(sha256).leaf(bytes)));
  return {
    text: describeSurroundings(address, surroundings, symbol),
    vmo: surroundings?.mapping?.vmo,
    leaf,
    state: !isPresent ? (surroundings?.mapping ? 'absent' : 'not mapped') : stateText(pool, frame, leaf),
    bytes: bytes.slice(address - page, address - page + SHOWN_BYTES),
  };
}

function stateText(pool: Computer['parts']['pool'], frame: number, leaf: string | undefined): string {
  if (pool.isPrivate(frame)) return 'private';
  if (leaf === ZERO_LEAF) return 'zeros';
  const users = pool.usersOf(frame);
  return users > 1 ? `clean, shared by ${users} pages` : 'clean';
}
