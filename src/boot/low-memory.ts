import { roundUp } from '../bits.js';
import type { GuestMemory } from '../memory.js';
import { BootError } from './boot-error.js';
import type { LoadedPart } from './elf.js';

/** A range of physical memory, as boot protocols describe it. */
export interface MemoryRange {
  readonly start: number;
  readonly bytes: number;
  readonly type: typeof RAM | typeof RESERVED;
}

const RAM = 1;
const RESERVED = 2;

const BASE_END = 0x9_fc00;
export const HIGH_START = 0x10_0000;
/** Base memory, in KiB. */
export const BASE_KIB = Math.floor(BASE_END / 1024);

/** The memory of a PC: 639 KiB, an extended BIOS data area, ROMs below 1 MiB, and everything above. */
export function memoryMap(memoryBytes: number): readonly MemoryRange[] {
  return [
    { start: 0, bytes: BASE_END, type: RAM },
    { start: BASE_END, bytes: 0x400, type: RESERVED },
    { start: 0xf_0000, bytes: 0x1_0000, type: RESERVED },
    { start: HIGH_START, bytes: memoryBytes - HIGH_START, type: RAM },
  ];
}

/** Writes ranges as all protocols lay them out: address, bytes, type. An entry begins every `entryBytes`, the first at `at`. */
export function writeMap(view: DataView, map: readonly MemoryRange[], at: number, entryBytes: number): void {
  map.forEach(({ start, bytes, type }, number) => {
    const entry = at + number * entryBytes;
    view.setBigUint64(entry, BigInt(start), true);
    view.setBigUint64(entry + 8, BigInt(bytes), true);
    view.setUint32(entry + 16, type, true);
  });
}

/** Where loaders put the structures that they pass to a kernel: in base memory, above the interrupt table of a BIOS. */
const PARAMETERS = 0x6000;
const PARAMETERS_END = 0x1_0000;

/** Writes little-endian structures into memory, one after the other. */
export class Parameters {
  private at = PARAMETERS;

  constructor(private readonly memory: GuestMemory) {}

  /** Takes zeroed bytes, aligned to 16. Throws BootError if there is no room. */
  take(bytes: number): { readonly physical: number; readonly view: DataView } {
    const physical = this.at;
    this.at = roundUp(physical + bytes, 16);
    if (this.at > PARAMETERS_END) throw new BootError('its command line or its modules are too long');
    const { ram } = this.memory;
    ram.fill(0, physical, physical + bytes);
    return { physical, view: new DataView(ram.buffer, ram.byteOffset + physical, bytes) };
  }

  /** Writes text with a zero after it, and returns its address. */
  text(text: string): number {
    const bytes = new TextEncoder().encode(text);
    const { physical } = this.take(bytes.length + 1);
    this.memory.ram.set(bytes, physical);
    return physical;
  }
}

/** Loads parts of a kernel; they must lie in memory above 1 MiB. Returns where the last of them ends. Throws BootError. */
export function loadParts(memory: GuestMemory, parts: readonly LoadedPart[]): number {
  let end = HIGH_START;
  for (const { physical, bytes, memoryBytes } of parts) {
    if (memoryBytes === 0) continue;
    if (physical < HIGH_START) throw new BootError('it is to be loaded below 1 MiB');
    if (physical + memoryBytes > memory.size)
      throw new BootError(`it needs ${Math.ceil((physical + memoryBytes) / 2 ** 20)} MB of memory: -m gives it more`);
    memory.ram.set(bytes, physical);
    memory.ram.fill(0, physical + bytes.length, physical + memoryBytes);
    end = Math.max(end, physical + memoryBytes);
  }
  return end;
}

/** Loads a file at the top of memory, on a page. Throws BootError if it would lie over the kernel. */
export function loadAtTop(memory: GuestMemory, file: Uint8Array, kernelEnd: number): number {
  const start = Math.floor((memory.size - file.length) / 4096) * 4096;
  if (start < kernelEnd) throw new BootError('it does not fit into memory together with its modules: -m gives it more');
  memory.ram.set(file, start);
  return start;
}
