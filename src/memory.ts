import { PAGE_SHIFT, PAGE_SIZE } from './bits.js';

/**
 * The layout of the WebAssembly.Memory that all engines share. Offsets are bytes from its start ("host addresses").
 * Guest physical address p is host address `ram + p`.
 *
 *     00_0000  CPU state              cpu/state/layout.ts
 *     03_0000  partial TLB entries    mmu/partial-entries.ts
 *     03_1000  the current TLB set    mmu/tlb-layout.ts
 *     08_0000  entries of regions     cpu/translator
 *     14_0000  jump cache             cpu/interpreter
 *     1c_0000  how opcodes decode     cpu/engine/record-templates.ts
 *     20_0000  TLB, three tables      mmu/tlb-layout.ts
 *     80_0000  decoded records        cpu/interpreter
 *    500_0000  other TLB sets         mmu/tlb-layout.ts (bare machines only)
 *    800_0000  guest physical memory
 */
export const HOST_LAYOUT = {
  state: 0,
  stateBytes: 0x1_0000,
  partialEntries: 0x3_0000,
  partialEntriesBytes: 0x1000,
  tlbSet: 0x3_1000,
  tlbSetBytes: 4,
  regionEntries: 0x8_0000,
  regionEntriesBytes: 0x8_0000,
  regionMisses: 0x10_0000,
  regionMissesBytes: 0x1_0000,
  regionUses: 0x12_0000,
  regionUsesBytes: 0x4000,
  samples: 0x13_0000,
  samplesBytes: 0x1000,
  jumpCache: 0x14_0000,
  jumpCacheBytes: 0x8_0000,
  templates: 0x1c_0000,
  templatesBytes: 0x4_0000,
  tlb: 0x20_0000,
  tlbBytes: 0x30_0000,
  records: 0x80_0000,
  recordsBytes: 0x480_0000,
  tlbSets: 0x500_0000,
  tlbSetsBytes: 0x300_0000,
  ram: 0x800_0000,
} as const;

/** Size of a Wasm memory page in bytes. */
const WASM_PAGE_BYTES = 65536;

/** Minimum memory of generated modules, in Wasm pages: all tables, and one page of guest memory. */
export const LEAST_WASM_PAGES = HOST_LAYOUT.ram / WASM_PAGE_BYTES + 1;

/** Guest physical memory is at most 3.5 GiB, so that it fits into one WebAssembly.Memory together with the tables. */
export const MAX_RAM_BYTES = 0xe000_0000;

/** Reasons why a store to a frame must take the slow path. Bits of `GuestMemory.watched`. */
export const WATCH_CODE = 1;
export const WATCH_TABLE = 2;
/** A debugger looks for stores to physical memory. */
export const WATCH_STOP = 4;

/**
 * Guest physical memory: one WebAssembly.Memory, allocated at full size so that views of it never detach. Reads beyond
 * RAM return all ones, like an open bus; writes there are dropped.
 */
export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  /** Size of guest RAM in bytes; a multiple of 4096. */
  readonly size: number;
  /** The whole shared memory, indexed by host address. */
  readonly host: Uint8Array;
  readonly hostView: DataView;
  readonly host32: Int32Array;
  /** Guest RAM, indexed by physical address. */
  readonly ram: Uint8Array;
  readonly ramView: DataView;
  /** One byte per frame: why stores to it are watched (WATCH_ bits); 0 if they are not. */
  readonly watched: Uint8Array;
  /**
   * One byte per frame: 1 if it was written since marks were cleared. A frame to which the TLB has a write entry is marked,
   * and all other code that writes to a frame marks it: see vmo/frames/memory-image.ts.
   */
  readonly dirty: Uint8Array;

  constructor(sizeBytes: number) {
    if (!Number.isInteger(sizeBytes) || sizeBytes < PAGE_SIZE || sizeBytes > MAX_RAM_BYTES)
      throw new RangeError(`guest memory of ${sizeBytes} bytes is not between ${PAGE_SIZE} and ${MAX_RAM_BYTES}`);
    this.size = Math.ceil(sizeBytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    const pages = (HOST_LAYOUT.ram + this.size) / WASM_PAGE_BYTES;
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const buffer = this.memory.buffer;
    this.host = new Uint8Array(buffer);
    this.hostView = new DataView(buffer);
    this.host32 = new Int32Array(buffer);
    this.ram = new Uint8Array(buffer, HOST_LAYOUT.ram, this.size);
    this.ramView = new DataView(buffer, HOST_LAYOUT.ram, this.size);
    this.watched = new Uint8Array(this.size >>> PAGE_SHIFT);
    this.dirty = new Uint8Array(this.size >>> PAGE_SHIFT).fill(1);
  }

  /** Reads the 64-bit little-endian word at an aligned physical address. */
  read64(physical: number): bigint {
    return physical + 8 <= this.size ? this.ramView.getBigUint64(physical, true) : 0xffff_ffff_ffff_ffffn;
  }

  write64(physical: number, value: bigint): void {
    if (physical + 8 > this.size) return;
    this.dirty[physical >>> PAGE_SHIFT] = 1;
    this.ramView.setBigUint64(physical, value, true);
  }

  /** The 32-bit little-endian word at an aligned physical address, unsigned. */
  read32(physical: number): number {
    return physical + 4 <= this.size ? this.ramView.getUint32(physical, true) : 0xffff_ffff;
  }

  write32(physical: number, value: number): void {
    if (physical + 4 > this.size) return;
    this.dirty[physical >>> PAGE_SHIFT] = 1;
    this.ramView.setUint32(physical, value, true);
  }

  /** Marks the frames of bytes that are written. */
  mark(physical: number, lengthBytes: number): void {
    const last = (physical + lengthBytes - 1) >>> PAGE_SHIFT;
    for (let frame = physical >>> PAGE_SHIFT; frame <= last; frame++) this.dirty[frame] = 1;
  }
}
