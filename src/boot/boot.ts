import type { Board } from '../board.js';
import { BootError } from './boot-error.js';
import { bootBzImage, isBzImage } from './bzimage.js';
import { isElf, readElf } from './elf.js';
import { bootMultiboot, findMultibootHeader } from './multiboot.js';
import { bootMultiboot2, findMultiboot2Header } from './multiboot2.js';
import { bootPvh, pvhEntryOf } from './pvh.js';

/** A kernel and what is passed to it. */
export interface BootFiles {
  /** The first word of the command line of a Multiboot kernel. */
  readonly name: string;
  readonly kernel: Uint8Array;
  readonly commandLine: string;
  /** The initial RAM disk of Linux, or the only module of Multiboot. */
  readonly initialDisk?: Uint8Array | undefined;
}

/**
 * Loads a kernel into the memory of a board on which nothing has run yet, by the boot protocol that its file supports: PVH, the
 * 64-bit entry of Linux, Multiboot 1, or Multiboot 2. Returns the name of the protocol. Throws BootError.
 */
export function boot(board: Board, files: BootFiles): 'PVH' | 'Linux' | 'Multiboot' | 'Multiboot 2' {
  const { kernel } = files;
  const elf = isElf(kernel) ? readElf(kernel) : undefined;
  const entry = elf && pvhEntryOf(elf);
  if (elf && entry !== undefined) {
    bootPvh(board, files, elf, entry);
    return 'PVH';
  }
  if (isBzImage(kernel)) {
    bootBzImage(board, files);
    return 'Linux';
  }
  const header = findMultibootHeader(kernel);
  const header2 = header === undefined ? findMultiboot2Header(kernel) : undefined;
  if (header2 !== undefined) {
    bootMultiboot2(board, files, { header: header2, elf });
    return 'Multiboot 2';
  }
  if (header === undefined) throw new BootError('it is no kernel that bd0 can boot: neither PVH, Linux nor Multiboot');
  bootMultiboot(board, files, { header, elf });
  return 'Multiboot';
}
