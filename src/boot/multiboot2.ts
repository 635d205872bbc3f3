import { viewOf } from '../bits.js';
import type { Board } from '../board.js';
import { BootError } from './boot-error.js';
import type { BootFiles } from './boot.js';
import type { ElfFile, LoadedPart } from './elf.js';
import { enterProtectedMode } from './entry.js';
import { BASE_KIB, HIGH_START, Parameters, loadAtTop, loadParts, memoryMap, writeMap } from './low-memory.js';
import type { MultibootFile } from './protocol.js';

/** Multiboot2 Specification version 2.0, 3.1 "OS image format": the header, and its tags. */
const HEADER_BYTES = 16;
const PROTECTED_MODE = 0;
const TAG_END = 0;
const TAG_INFORMATION = 1;
const TAG_ADDRESSES = 2;
const TAG_ENTRY = 3;
/** Console, framebuffer and module alignment ask for nothing that a loader must have, nor does where it may be loaded. */
const HARMLESS_TAGS = [4, 5, 6, 10];
/** A tag that need not be understood. */
const OPTIONAL = 1;

/** 3.3 "I386 machine state", 3.6 "Boot information format". */
const ENTRY_MAGIC = 0x36d7_6289;
const INFO = { end: 0, commandLine: 1, loader: 2, module: 3, memory: 4, map: 6, acpi: 15 } as const;
/** Kinds of information that a kernel may demand: those above, and those that no machine without a BIOS has. */
const KNOWN_INFO: readonly number[] = Object.values(INFO);
const MAP_ENTRY_BYTES = 24;
/** The root pointer of ACPI 2.0 and later, of which a tag has a copy. */
const ACPI_ROOT_BYTES = 36;

/** Loads a kernel by Multiboot 2, and enters it. Throws BootError. */
export function bootMultiboot2(board: Board, files: BootFiles, found: MultibootFile): void {
  const { memory } = board;
  const { entry, parts } = imageOf(files.kernel, found);
  const end = loadParts(memory, parts);
  const module = files.initialDisk && { file: files.initialDisk, start: loadAtTop(memory, files.initialDisk, end) };
  const map = memoryMap(memory.size);
  const table = new Uint8Array(8 + map.length * MAP_ENTRY_BYTES);
  viewOf(table).setUint32(0, MAP_ENTRY_BYTES, true);
  writeMap(viewOf(table), map, 8, MAP_ENTRY_BYTES);
  const tags = [
    tag(INFO.commandLine, text(files.commandLine)),
    tag(INFO.loader, text('bd0')),
    ...(module ? [tag(INFO.module, words(module.start, module.start + module.file.length), text(''))] : []),
    tag(INFO.memory, words(BASE_KIB, Math.floor((memory.size - HIGH_START) / 1024))),
    tag(INFO.map, table),
    tag(INFO.acpi, memory.ram.slice(board.acpiRoot, board.acpiRoot + ACPI_ROOT_BYTES)),
    tag(INFO.end),
  ];
  const bytes = 8 + tags.reduce((total, { length }) => total + length, 0);
  const { physical, view } = new Parameters(memory).take(bytes);
  view.setUint32(0, bytes, true);
  let at = physical + 8;
  for (const one of tags) {
    memory.ram.set(one, at);
    at += one.length;
  }
  enterProtectedMode(board, { eip: entry, eax: ENTRY_MAGIC, ebx: physical });
}

/** A tag of the boot information, padded so that the next one is aligned to 8 bytes. */
function tag(type: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const size = 8 + contents.reduce((total, { length }) => total + length, 0);
  const bytes = new Uint8Array(Math.ceil(size / 8) * 8);
  bytes.set(words(type, size));
  let at = 8;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);

/** Where the parts of a kernel are loaded and where it is entered: as the tags of its header say, or as an ELF file. */
function imageOf(file: Uint8Array, { header, elf }: MultibootFile): Pick<ElfFile, 'entry' | 'parts'> {
  const view = viewOf(file);
  const end = header + view.getUint32(header + 8, true);
  if (view.getUint32(header + 4, true) !== PROTECTED_MODE) throw new BootError('its Multiboot 2 header is not for x86');
  let entry: number | undefined;
  let parts: readonly LoadedPart[] | undefined;
  for (let at = header + HEADER_BYTES; ;) {
    if (at + 8 > Math.min(end, file.length)) throw new BootError('its Multiboot 2 header is damaged');
    const [type, flags, size] = [view.getUint16(at, true), view.getUint16(at + 2, true), view.getUint32(at + 4, true)];
    const bytes = file.subarray(at + 8, at + size);
    if (type === TAG_END) break;
    if (size < 8 || at + size > file.length) throw new BootError('its Multiboot 2 header is damaged');
    if (type === TAG_ADDRESSES) parts = [partOf(file, header, wordsIn(bytes, 4))];
    else if (type === TAG_ENTRY) [entry] = wordsIn(bytes, 1);
    else if (type === TAG_INFORMATION) requireInformation(wordsIn(bytes, Math.floor(bytes.length / 4)), flags);
    else if (!HARMLESS_TAGS.includes(type) && !(flags & OPTIONAL))
      throw new BootError(`it asks for a Multiboot 2 feature that bd0 does not have (tag ${type})`);
    at += Math.ceil(size / 8) * 8;
  }
  if (parts && entry === undefined) throw new BootError('its Multiboot 2 header has addresses, but no entry');
  if (parts) return { entry: entry!, parts };
  if (!elf) throw new BootError('its Multiboot 2 header has no addresses, and it is not an ELF file');
  return { entry: entry ?? elf.entry, parts: elf.parts };
}

function wordsIn(bytes: Uint8Array, count: number): number[] {
  if (bytes.length < 4 * count) throw new BootError('its Multiboot 2 header is damaged');
  return Array.from({ length: count }, (_, word) => viewOf(bytes).getUint32(4 * word, true));
}

function requireInformation(types: readonly number[], flags: number): void {
  const missing = types.find((type) => !KNOWN_INFO.includes(type));
  if (missing !== undefined && !(flags & OPTIONAL))
    throw new BootError(`it asks for boot information that bd0 does not have (type ${missing})`);
}

/** The part that the address tag names: header, load, load end, bss end. */
function partOf(file: Uint8Array, header: number, addresses: readonly number[]): LoadedPart {
  const [headerAddress, load, loadEnd, bssEnd] = addresses as [number, number, number, number];
  const from = load === 0xffff_ffff ? 0 : header - (headerAddress - load);
  const physical = load === 0xffff_ffff ? headerAddress - header : load;
  const bytes = file.subarray(from, loadEnd === 0 ? file.length : from + loadEnd - physical);
  if (from < 0 || from > file.length || bytes.length === 0)
    throw new BootError('the addresses in its Multiboot 2 header do not fit it');
  return { physical, bytes, memoryBytes: Math.max(bytes.length, bssEnd - physical) };
}
