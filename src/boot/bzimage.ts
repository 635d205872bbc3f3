import type { Board } from '../board.js';
import { BootError } from './boot-error.js';
import type { BootFiles } from './boot.js';
import { enterLongMode } from './entry.js';
import { writeIdentityMap } from './identity-map.js';
import { Parameters, loadAtTop, loadParts, memoryMap, writeMap } from './low-memory.js';

/** Fields of the setup header, by their offsets in the file and in boot_params. Linux, Documentation/x86/boot.rst. */
const HEADER = {
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
/** The first version with a 64-bit entry. */
const LEAST_VERSION = 0x20c;
const ENTRY_64 = 1 << 0;
const SECTOR_BYTES = 512;
const DEFAULT_SETUP_SECTORS = 4;
/** Where the 64-bit entry lies in the loaded kernel. */
const ENTRY_OFFSET = 0x200;

/** Other fields of boot_params. */
const PARAMETERS_BYTES = 4096;
const ACPI_ROOT = 0x70;
const MAP_COUNT = 0x1e8;
const MAP = 0x2d0;
const MAP_ENTRY_BYTES = 20;
const UNKNOWN_LOADER = 0xff;
const CAN_USE_HEAP = 0x80;
const HEAP_END = 0xfe00;

/** Where the page tables go. */
const TABLES = 0x1_0000;

/** Whether a file is a bzImage of Linux with a 64-bit entry. */
export function isBzImage(file: Uint8Array): boolean {
  if (file.length < HEADER.end) return false;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint16(HEADER.bootFlag, true) !== BOOT_FLAG || view.getUint32(HEADER.magic, true) !== MAGIC) return false;
  return view.getUint16(HEADER.version, true) >= LEAST_VERSION && (file[HEADER.loadFlags64]! & ENTRY_64) !== 0;
}

/** Loads a bzImage, and enters it in long mode. Throws BootError. */
export function bootBzImage(board: Board, { kernel, initialDisk, commandLine }: BootFiles): void {
  const { memory } = board;
  const header = new DataView(kernel.buffer, kernel.byteOffset, HEADER.end);
  const sectors = kernel[HEADER.start]! || DEFAULT_SETUP_SECTORS;
  const bytes = kernel.subarray((sectors + 1) * SECTOR_BYTES);
  const physical = Number(header.getBigUint64(HEADER.loadAddress, true));
  const memoryBytes = Math.max(header.getUint32(HEADER.memoryBytes, true), bytes.length);
  if (bytes.length < ENTRY_OFFSET) throw new BootError('it has no kernel behind its setup sectors');
  const end = loadParts(memory, [{ physical, bytes, memoryBytes }]);
  const parameters = new Parameters(memory);
  const { physical: address, view } = parameters.take(PARAMETERS_BYTES);
  const headerEnd = Math.min(HEADER.magic + kernel[HEADER.jumpLength]!, MAP);
  for (let at: number = HEADER.start; at < headerEnd; at++) view.setUint8(at, kernel[at]!);
  view.setUint8(HEADER.loaderType, UNKNOWN_LOADER);
  view.setUint8(HEADER.loadFlags, view.getUint8(HEADER.loadFlags) | CAN_USE_HEAP);
  view.setUint16(HEADER.heapEnd, HEAP_END, true);
  const most = header.getUint32(HEADER.commandLineMost, true);
  if (commandLine.length > most) throw new BootError(`its command line has at most ${most} characters`);
  view.setUint32(HEADER.commandLine, parameters.text(commandLine), true);
  if (initialDisk) {
    const start = loadAtTop(memory, initialDisk, end);
    if (start + initialDisk.length - 1 > header.getUint32(HEADER.diskMost, true))
      throw new BootError('it cannot reach its initial RAM disk: -m gives it less memory');
    view.setUint32(HEADER.diskAddress, start, true);
    view.setUint32(HEADER.diskBytes, initialDisk.length, true);
  }
  view.setBigUint64(ACPI_ROOT, BigInt(board.acpiRoot), true);
  const map = memoryMap(memory.size);
  view.setUint8(MAP_COUNT, map.length);
  writeMap(view, map, MAP, MAP_ENTRY_BYTES);
  writeIdentityMap(memory, TABLES);
  enterLongMode(board, { rip: physical + ENTRY_OFFSET, rsi: address, tables: TABLES });
}
