import type { Board } from '../board.js';
import { BootError } from './boot-error.js';
import { bootBzImage } from './bzimage.js';
import { isElf, readElf } from './elf.js';
import { bootMultiboot } from './multiboot.js';
import { bootMultiboot2 } from './multiboot2.js';
import {
  bootProtocolOf,
  findMultiboot2Header,
  findMultibootHeader,
  pvhEntryOf,
  type BootProtocol,
} from './protocol.js';
import { bootPvh } from './pvh.js';

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
 * Loads a kernel into the memory of a board on which nothing has run yet, by the boot protocol that its file supports: PVH,
 * that of Linux, Multiboot 1 or Multiboot 2. Returns the name of the protocol. Throws BootError.
 */
export function boot(board: Board, files: BootFiles): BootProtocol {
  const { kernel } = files;
  const protocol = bootProtocolOf(kernel);
  const elf = isElf(kernel) ? readElf(kernel) : undefined;
  if (protocol === 'PVH') bootPvh(board, files, elf!, pvhEntryOf(elf!)!);
  else if (protocol === 'Linux') bootBzImage(board, files);
  else if (protocol === 'Multiboot') bootMultiboot(board, files, { header: findMultibootHeader(kernel)!, elf });
  else if (protocol === 'Multiboot 2') bootMultiboot2(board, files, { header: findMultiboot2Header(kernel)!, elf });
  else throw new BootError('it is not a kernel that bd0 can boot: neither PVH, Linux nor Multiboot');
  return protocol;
}
