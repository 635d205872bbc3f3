import { viewOf } from '../bits.js';
import { BootError } from './boot-error.js';

/** Part of a file that is loaded at a physical address; the rest of the memory is zeroed. */
export interface LoadedPart {
  readonly physical: number;
  readonly bytes: Uint8Array;
  readonly memoryBytes: number;
}

export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly descriptor: Uint8Array;
}

/** What a loader needs of an ELF file of 32 or 64 bits. */
export interface ElfFile {
  readonly entry: number;
  readonly parts: readonly LoadedPart[];
  readonly notes: readonly ElfNote[];
}

const X86_MACHINES = [3, 62];
const PT_LOAD = 1;
const PT_NOTE = 4;
const HEADER_BYTES = { 32: 52, 64: 64 } as const;
const PROGRAM_HEADER_BYTES = { 32: 32, 64: 56 } as const;

/** Whether a file is an ELF file of 64 bits. */
export function isElf64(file: Uint8Array): boolean {
  return isElf(file) && file[4] === 2;
}

export function isElf(file: Uint8Array): boolean {
  return file.length >= 16 && file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;
}

/** Reads a little-endian ELF executable for x86. Throws BootError. */
export function readElf(file: Uint8Array): ElfFile {
  const is64 = file[4] === 2;
  const size = is64 ? 64 : 32;
  const view = viewOf(file);
  if (file.length < HEADER_BYTES[size] || file[5] !== 1) throw new BootError('its ELF header is damaged');
  if (!X86_MACHINES.includes(view.getUint16(18, true))) throw new BootError('it is an ELF file, but not for x86');
  const word = (at: number): number => (is64 ? number64(view, at) : view.getUint32(at, true));
  const tableAt = word(is64 ? 32 : 28);
  const entryBytes = view.getUint16(is64 ? 54 : 42, true);
  const count = view.getUint16(is64 ? 56 : 44, true);
  if (entryBytes < PROGRAM_HEADER_BYTES[size] || tableAt + count * entryBytes > file.length)
    throw new BootError('its ELF program headers are damaged');
  const parts: LoadedPart[] = [];
  const notes: ElfNote[] = [];
  for (let at = tableAt; at < tableAt + count * entryBytes; at += entryBytes) {
    const type = view.getUint32(at, true);
    const offset = word(at + (is64 ? 8 : 4));
    const physical = word(at + (is64 ? 24 : 12));
    const fileBytes = word(at + (is64 ? 32 : 16));
    const memoryBytes = word(at + (is64 ? 40 : 20));
    if (offset + fileBytes > file.length || fileBytes > memoryBytes)
      throw new BootError('its ELF segments are damaged');
    const bytes = file.subarray(offset, offset + fileBytes);
    if (type === PT_LOAD) parts.push({ physical, bytes, memoryBytes });
    if (type === PT_NOTE) notes.push(...notesIn(bytes));
  }
  return { entry: word(24), parts, notes };
}

/** Loses precision beyond 2^53, where no machine of bd0 has memory. */
function number64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function notesIn(bytes: Uint8Array): ElfNote[] {
  const view = viewOf(bytes);
  const notes: ElfNote[] = [];
  const padded = (length: number): number => (length + 3) & ~3;
  for (let at = 0; at + 12 <= bytes.length;) {
    const [nameBytes, descriptorBytes, type] = [0, 4, 8].map((offset) => view.getUint32(at + offset, true));
    const nameAt = at + 12;
    const descriptorAt = nameAt + padded(nameBytes!);
    const next = descriptorAt + padded(descriptorBytes!);
    if (next <= at || next > bytes.length + 3) break;
    const name = String.fromCharCode(...bytes.subarray(nameAt, nameAt + Math.max(nameBytes! - 1, 0)));
    notes.push({ name, type: type!, descriptor: bytes.subarray(descriptorAt, descriptorAt + descriptorBytes!) });
    at = next;
  }
  return notes;
}
