import { bootProtocolOf } from '../../boot/protocol.js';
import type { BootOptions, Content } from '../protocol.js';
import { wordsOf } from '../client/words.js';
import { imageContent } from './site.js';

/** What a machine runs. */
export interface Program {
  readonly name: string;
  readonly image: Content;
  readonly args: readonly string[];
  /** `image` is a saved machine. */
  readonly isSnapshot?: boolean;
  /** `image` is a kernel. */
  readonly boot?: BootOptions;
}

/** Files with saved machines end so. */
export const SAVED = '.bd0';

/** Names of processes have at most so many characters. */
const NAME_MAX = 63;
const ELF = [0x7f, 0x45, 0x4c, 0x46];

/** What Linux needs on a bare machine: docs/boot.md. Kernels that do not know these words leave them alone. */
const COMMAND_LINE = 'console=ttyS0 nokaslr nolapic noapic acpi=off reboot=t';

/**
 * The program that the address of a page asks for: `?run=fib&args=30`, `?image=URL&args=30` or
 * `?boot=URL&initrd=URL&disk=URL&append=...`; undefined if it asks for none.
 */
export function programOfAddress({ search }: Location): Program | undefined {
  const parameters = new URLSearchParams(search);
  const args = wordsOf(parameters.get('args') ?? '');
  const [run, image, boot] = ['run', 'image', 'boot'].map((name) => parameters.get(name));
  if (run) return { name: run, image: imageContent(run), args };
  if (image) return { name: lastPart(image), image: absolute(image), args };
  if (!boot) return undefined;
  const initrd = parameters.get('initrd');
  const disks = parameters.getAll('disk').map(absolute);
  const commandLine = parameters.get('append') ?? COMMAND_LINE;
  return {
    ...{ name: lastPart(boot), image: absolute(boot), args: [] },
    boot: { commandLine, initialDisk: initrd === null ? undefined : absolute(initrd), disks },
  };
}

/**
 * What dropped or chosen files ask for: a program, a saved machine, or a kernel with an initial RAM disk and disks. Throws an Error that
 * says why they are none of these.
 */
export async function programOfFiles(files: readonly File[], { search }: Location): Promise<Program> {
  const contents = await Promise.all(
    files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })),
  );
  const kernel = contents.find(({ name, bytes }) => !name.endsWith(SAVED) && isKernel(bytes));
  const first = kernel ?? contents[0];
  if (!first) throw new Error('there is no file');
  const { name, bytes } = first;
  const others = contents.filter((content) => content !== first);
  const disks = others.filter(({ bytes }) => isDisk(bytes)).map(({ bytes }) => ({ bytes }));
  const [initialDisk, ...surplus] = others.filter(({ bytes }) => !isDisk(bytes));
  if (kernel ? surplus.length > 0 : others.length > 0)
    throw new Error(
      `of ${contents.length} files, a kernel can have one initial RAM disk and any disks; a program has none`,
    );
  const program = { name: name.slice(0, NAME_MAX), image: { bytes }, args: [] };
  if (kernel) {
    const commandLine = new URLSearchParams(search).get('append') ?? COMMAND_LINE;
    return { ...program, boot: { commandLine, initialDisk: initialDisk && { bytes: initialDisk.bytes }, disks } };
  }
  if (name.endsWith(SAVED)) return { ...program, isSnapshot: true };
  if (ELF.every((byte, at) => bytes[at] === byte)) return program;
  throw new Error(
    isDisk(bytes)
      ? `${name} is a disk: bd0 has no BIOS to start it, so drop it together with a kernel`
      : `${name} is not an ELF program, and no kernel: bd0 runs programs and kernels for x86-64`,
  );
}

/** Damaged files are for the loader of programs to report. */
function isKernel(bytes: Uint8Array): boolean {
  try {
    return bootProtocolOf(bytes) !== undefined;
  } catch {
    return false;
  }
}

/** Where ext2 to ext4 have their magic number, and what it is. */
const EXT_MAGIC_AT = 1080;
const EXT_MAGIC = [0x53, 0xef];
const BOOT_SECTOR_MAGIC_AT = 510;
const BOOT_SECTOR_MAGIC = [0x55, 0xaa];

/** Whether a file is a disk image: one with partitions or for a BIOS, or a file system of Linux. */
function isDisk(bytes: Uint8Array): boolean {
  const has = (at: number, magic: readonly number[]): boolean =>
    magic.every((byte, index) => bytes[at + index] === byte);
  return has(BOOT_SECTOR_MAGIC_AT, BOOT_SECTOR_MAGIC) || has(EXT_MAGIC_AT, EXT_MAGIC);
}

function absolute(url: string): Content {
  return { url: new URL(url, document.baseURI).href };
}

function lastPart(url: string): string {
  const { pathname } = new URL(url, document.baseURI);
  return decodeURIComponent(pathname.split('/').at(-1) || 'program').slice(0, NAME_MAX);
}
