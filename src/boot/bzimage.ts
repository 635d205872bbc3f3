import type { Board } from '../board.js';
import { BootError } from './boot-error.js';
import type { BootFiles } from './boot.js';
import { HEADER, hasEntry64 } from './bzimage-header.js';
import { enterLinux32, enterLongMode } from './entry.js';
import { writeIdentityMap } from './identity-map.js';
import { Parameters, loadAtTop, loadParts, memoryMap, writeMap } from './low-memory.js';

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

/** Loads a bzImage, and enters it in long mode, or in 32-bit protected mode if it has no 64-bit entry. Throws BootError. */
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
  if (!hasEntry64(kernel, header))
    return enterLinux32(board, { eip: physical, esi: address, table: parameters.take(32).physical });
  writeIdentityMap(memory, TABLES);
  enterLongMode(board, { rip: physical + ENTRY_OFFSET, rsi: address, tables: TABLES });
}
