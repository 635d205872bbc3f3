import { viewOf } from '../bits.js';
import type { Board } from '../board.js';
import { BootError } from './boot-error.js';
import type { ElfFile } from './elf.js';
import { enterProtectedMode } from './entry.js';
import { BASE_KIB, HIGH_START, Parameters, loadAtTop, loadParts, memoryMap, writeMap } from './low-memory.js';
import type { MultibootFile } from './protocol.js';
import type { BootFiles } from './boot.js';

/** Multiboot Specification version 0.6.96, 3.1 "OS image format". */
const ADDRESSES_BYTES = 32;
/** Flags of the header: modules on pages; memory map wanted; addresses in the header. The others below 16 are required features. */
const FLAG_PAGES = 1 << 0;
const FLAG_MEMORY = 1 << 1;
const FLAG_ADDRESSES = 1 << 16;
const REQUIRED_FLAGS = 0xffff;

/** 3.2 "Machine state", 3.3 "Boot information format". */
const ENTRY_MAGIC = 0x2bad_b002;
const INFO_BYTES = 88;
const INFO_MEMORY = 1 << 0;
const INFO_COMMAND_LINE = 1 << 2;
const INFO_MODULES = 1 << 3;
const INFO_MAP = 1 << 6;
const INFO_LOADER = 1 << 9;
const MODULE_BYTES = 16;
const MAP_ENTRY_BYTES = 24;

/** Loads a kernel by Multiboot 1, and enters it. Throws BootError. */
export function bootMultiboot(board: Board, files: BootFiles, found: MultibootFile): void {
  const { memory } = board;
  const { entry, parts } = imageOf(files.kernel, found);
  const end = loadParts(memory, parts);
  const parameters = new Parameters(memory);
  const { physical, view } = parameters.take(INFO_BYTES);
  const put = (offset: number, value: number): void => view.setUint32(offset, value, true);
  put(4, BASE_KIB);
  put(8, Math.floor((memory.size - HIGH_START) / 1024));
  put(16, parameters.text(files.commandLine === '' ? files.name : `${files.name} ${files.commandLine}`));
  let flags = INFO_MEMORY | INFO_COMMAND_LINE | INFO_MAP | INFO_LOADER;
  if (files.initialDisk) {
    flags |= INFO_MODULES;
    const start = loadAtTop(memory, files.initialDisk, end);
    const module = parameters.take(MODULE_BYTES);
    module.view.setUint32(0, start, true);
    module.view.setUint32(4, start + files.initialDisk.length, true);
    put(20, 1);
    put(24, module.physical);
  }
  const map = memoryMap(memory.size);
  const table = parameters.take(map.length * MAP_ENTRY_BYTES);
  for (let at = 0; at < map.length * MAP_ENTRY_BYTES; at += MAP_ENTRY_BYTES)
    table.view.setUint32(at, MAP_ENTRY_BYTES - 4, true);
  writeMap(table.view, map, 4, MAP_ENTRY_BYTES);
  put(44, map.length * MAP_ENTRY_BYTES);
  put(48, table.physical);
  put(64, parameters.text('bd0'));
  put(0, flags);
  enterProtectedMode(board, { eip: entry, eax: ENTRY_MAGIC, ebx: physical });
}

/** Where the parts of a kernel are loaded: as its header says, or its ELF program headers. */
function imageOf(file: Uint8Array, { header, elf }: MultibootFile): Pick<ElfFile, 'entry' | 'parts'> {
  const view = viewOf(file);
  const word = (offset: number): number => view.getUint32(header + offset, true);
  const unknown = word(4) & REQUIRED_FLAGS & ~(FLAG_PAGES | FLAG_MEMORY);
  if (unknown !== 0)
    throw new BootError(`it asks for Multiboot features that bd0 does not have (flags ${unknown.toString(16)}h)`);
  if (!(word(4) & FLAG_ADDRESSES)) {
    if (!elf) throw new BootError('its Multiboot header has no addresses, and it is not an ELF file');
    return elf;
  }
  if (header + ADDRESSES_BYTES > file.length) throw new BootError('its Multiboot header is damaged');
  const [headerAddress, load, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map(word) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const from = header - (headerAddress - load);
  const bytes = file.subarray(from, loadEnd === 0 ? file.length : from + loadEnd - load);
  if (headerAddress < load || from < 0 || from > file.length || bytes.length === 0)
    throw new BootError('the addresses in its Multiboot header do not fit it');
  return { entry, parts: [{ physical: load, bytes, memoryBytes: Math.max(bytes.length, bssEnd - load) }] };
}
