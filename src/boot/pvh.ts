import type { Board } from '../board.js';
import type { BootFiles } from './boot.js';
import type { ElfFile } from './elf.js';
import { enterProtectedMode } from './entry.js';
import { Parameters, loadAtTop, loadParts, memoryMap, writeMap } from './low-memory.js';

/** The structure hvm_start_info, version 1, and what it leads to. Xen, public/arch-x86/hvm/start_info.h. */
const START_MAGIC = 0x336e_c578;
const START_VERSION = 1;
const START_BYTES = 56;
const MODULE_BYTES = 32;
const MAP_ENTRY_BYTES = 24;

/** Loads a kernel by the PVH protocol, and enters it. Throws BootError. */
export function bootPvh(
  board: Board,
  { initialDisk, commandLine }: BootFiles,
  { parts }: ElfFile,
  entry: number,
): void {
  const { memory } = board;
  const end = loadParts(memory, parts);
  const parameters = new Parameters(memory);
  const { physical, view } = parameters.take(START_BYTES);
  const putAddress = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true);
  view.setUint32(0, START_MAGIC, true);
  view.setUint32(4, START_VERSION, true);
  if (initialDisk) {
    const module = parameters.take(MODULE_BYTES);
    module.view.setBigUint64(0, BigInt(loadAtTop(memory, initialDisk, end)), true);
    module.view.setBigUint64(8, BigInt(initialDisk.length), true);
    view.setUint32(12, 1, true);
    putAddress(16, module.physical);
  }
  putAddress(24, parameters.text(commandLine));
  putAddress(32, board.acpiRoot);
  const map = memoryMap(memory.size);
  const table = parameters.take(map.length * MAP_ENTRY_BYTES);
  writeMap(table.view, map, 0, MAP_ENTRY_BYTES);
  putAddress(40, table.physical);
  view.setUint32(48, map.length, true);
  enterProtectedMode(board, { eip: entry, eax: 0, ebx: physical });
}
