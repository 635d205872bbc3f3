import { PAGE_SIZE } from '../../bits.js';
import type { VmoStore } from '../../vmo/store.js';
import { KERNEL_START, type AddressSpace } from '../memory/address-space.js';
import type { LinearAddress } from '../memory/linear-address.js';
import { PROTECTION_EXECUTE, PROTECTION_READ } from '../memory/mapping.js';

/*
 * The kernel page: what the kernel shows to all threads, which can read and run it.
 *
 *     000   the instructions that a thread comes to when the function returns that it began with
 *     rest  zeros
 */
export const KERNEL_PAGE: LinearAddress = KERNEL_START;
/** The return address of the function that a further thread begins with. */
export const THREAD_RETURN: LinearAddress = KERNEL_PAGE;

/** thread_exit(code), where the function's int is the code. */
const THREAD_EXIT = [
  ...[0x89, 0xc7], // mov edi, eax
  ...[0xb8, 9, 0, 0, 0], // mov eax, 9
  ...[0x0f, 0x01, 0xc1], // vmcall
  ...[0x0f, 0x0b], // ud2
];

/** Puts the kernel page into the address space. */
export function mapKernelPage(store: VmoStore, space: AddressSpace): void {
  const region = space.placeAt(KERNEL_PAGE, PAGE_SIZE);
  const vmo = store.fromBytes(Uint8Array.from(THREAD_EXIT));
  // It is hashed now, so that looking at the machine's state later costs and counts nothing.
  void vmo.id;
  const protection = PROTECTION_READ | PROTECTION_EXECUTE;
  region.add({ start: region.start, end: region.end, protection, backing: { vmo, offset: 0 } });
}
