import { viewOf } from '../bits.js';

/** Fields of the setup header, by their offsets in the file and in boot_params. Linux, Documentation/x86/boot.rst. */
export const HEADER = {
  start: 0x1f1,
  bootFlag: 0x1fe,
  jumpLength: 0x201,
  magic: 0x202,
  version: 0x206,
  loaderType: 0x210,
  loadFlags: 0x211,
  diskAddress: 0x218,
  diskBytes: 0x21c,
  heapEnd: 0x224,
  commandLine: 0x228,
  diskMost: 0x22c,
  loadFlags64: 0x236,
  commandLineMost: 0x238,
  loadAddress: 0x258,
  memoryBytes: 0x260,
  end: 0x264,
} as const;
const BOOT_FLAG = 0xaa55;
/** "HdrS". */
const MAGIC = 0x5372_6448;
/** The first versions that say where a kernel prefers to be loaded, and whether it has a 64-bit entry. */
const LEAST_VERSION = 0x20a;
const LEAST_VERSION_64 = 0x20c;
const ENTRY_64 = 1 << 0;
/** The kernel is loaded at 1 MiB or above, and not below 640 KiB. */
const LOADED_HIGH = 1 << 0;

/** Whether a file is a bzImage of Linux. */
export function isBzImage(file: Uint8Array): boolean {
  if (file.length < HEADER.end) return false;
  const view = viewOf(file);
  if (view.getUint16(HEADER.bootFlag, true) !== BOOT_FLAG || view.getUint32(HEADER.magic, true) !== MAGIC) return false;
  const isHigh = view.getUint16(HEADER.version, true) >= LEAST_VERSION && (file[HEADER.loadFlags]! & LOADED_HIGH) !== 0;
  return isHigh || hasEntry64(file, view);
}

/** Whether the kernel is entered in long mode. */
export function hasEntry64(kernel: Uint8Array, header: DataView): boolean {
  return header.getUint16(HEADER.version, true) >= LEAST_VERSION_64 && (kernel[HEADER.loadFlags64]! & ENTRY_64) !== 0;
}
