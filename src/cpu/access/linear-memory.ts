import { isCanonical } from '../../bits.js';
import { WATCH_CODE, WATCH_STOP, WATCH_TABLE, type GuestMemory } from '../../memory.js';
import type { DataStops } from '../../mmu/data-stops.js';
import { addressOf } from '../../mmu/fence.js';
import type { Mmu } from '../../mmu/mmu.js';
import { ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import type { DeferredStores } from './deferred-stores.js';
import { GuestException, Vector, pageFault } from '../state/exceptions.js';
import type { Access } from '../meaning/vocabulary.js';

const PAGE_OFFSET = 0xfff;

/** Thrown before an instruction changes anything if it may store outside the memory that the write fence owns. */
export const FENCED = Symbol('a store outside what the write fence owns');

/** Bytes at a linear address that has been translated successfully. */
export interface LinearPlace {
  /** `bytes` bytes from byte `offset`, as a little-endian unsigned number. */
  load(offset: number, bytes: number): bigint;
  store(offset: number, bytes: number, value: bigint): void;
}

/** Devices at physical addresses beyond RAM. Values are unsigned. */
export interface DeviceMemory {
  read(physical: number, bytes: number): bigint;
  write(physical: number, bytes: number, value: bigint): void;
}

/** Nothing beyond RAM: an open bus. */
const NO_DEVICES: DeviceMemory = {
  read: (_physical, bytes) => (1n << BigInt(8 * bytes)) - 1n,
  write: () => {},
};

/** Called after a store to a frame that holds decoded code. */
export type CodeStored = (physical: number, lengthBytes: number) => void;

/** The greatest alignment that #AC demands of any access. SDM Vol. 3A table 6-7 "Alignment Requirements by Data Type". */
const MOST_ALIGNMENT = 16;
const YMM_BYTES = 32;
const EXTENDED_BYTES = 10;
const EXTENDED_ALIGNMENT = 8;

/**
 * The alignment of an access of so many bytes: its size, 8 for an extended number, 16 for a vector of 256 bits; of what else is larger than 16 bytes, the
 * images of x87 have words of 2 or 4 bytes, and the others are checked by the instruction.
 */
function alignmentOf(bytes: number): number {
  if (bytes === EXTENDED_BYTES) return EXTENDED_ALIGNMENT;
  if (bytes === YMM_BYTES) return MOST_ALIGNMENT;
  const alignment = bytes & -bytes;
  return alignment > MOST_ALIGNMENT ? 1 : alignment;
}

/** Breakpoints of a program, some of which are enabled. */
export interface ProgramBreakpoints {
  /** The bits of DR6 for breakpoints on the execution of the instruction at a linear address. */
  onFetch(linear: bigint): number;
  /** Notes an access of an instruction. */
  onAccess(linear: bigint, bytes: number, access: Access): void;
  /** Returns and forgets the bits of DR6 for what was noted. */
  takeHits(): number;
}

/**
 * Guest memory by linear address, as the evaluator and the slow paths see it: canonical check, alignment check, one or
 * two pages, and notification of stores to watched frames.
 */
export class LinearMemory {
  /** True while CR0.AM, RFLAGS.AC and CPL 3 enable alignment checks. SDM Vol. 3A 6.15 "Interrupt 17". */
  checksAlignment = false;
  onCodeStored: CodeStored = () => {};
  /** What lies beyond RAM. An access within a page reaches it once, as a whole. */
  devices: DeviceMemory = NO_DEVICES;
  /** Those of the program that runs, on a processor that is not bare: `Cpu.useBreakpoints`. */
  breakpoints: ProgramBreakpoints | undefined;
  /** Called with each access of an instruction, while there are breakpoints on data. */
  onAccess: ((linear: bigint, bytes: number, access: Access) => void) | undefined;
  /** Holds back the stores of the current instruction; if undefined, stores are made at once. */
  deferred: DeferredStores | undefined;

  constructor(
    readonly memory: GuestMemory,
    readonly mmu: Mmu,
  ) {}

  /**
   * Finds `bytes` bytes at `linear`, or throws the fault: #GP (#SS for the stack) if either end is not canonical, #AC,
   * #PF. Throws FENCED for a write to bytes that the write fence does not own, unless stores are held back.
   */
  locate(linear: bigint, bytes: number, access: Access, stack: boolean): LinearPlace {
    const last = linear + BigInt(bytes) - 1n;
    if (!isCanonical(linear) || !isCanonical(last)) throw new GuestException(stack ? Vector.SS : Vector.GP);
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    if (this.checksAlignment && low & (alignmentOf(bytes) - 1)) throw new GuestException(Vector.AC);
    this.onAccess?.(linear, bytes, access);
    if (this.deferred) return this.deferred.locate(high, low, bytes, access);
    const { fence } = this.mmu.context;
    if (access === 'write' && fence) {
      const start = addressOf(high, low);
      if (!fence.owns(start, start + bytes)) throw FENCED;
    }
    return this.translate(high, low, bytes, access === 'write' ? ACCESS_WRITE : ACCESS_READ);
  }

  /**
   * Translates a canonical address given in two halves; `code` is ACCESS_READ or ACCESS_WRITE. Throws #PF and does not
   * check the fence. Accesses to bytes with data stops are recorded when they are made.
   */
  translate(high: number, low: number, bytes: number, code: number): LinearPlace {
    const firstBytes = Math.min(bytes, PAGE_OFFSET + 1 - (low & PAGE_OFFSET));
    const crosses = firstBytes < bytes;
    const physical = crosses ? this.mmu.translateCrossing(high, low, code) : this.mmu.translate(high, low, code);
    if (physical < 0) throw pageFault(this.mmu.fault);
    const located = new Located(this, physical, firstBytes, crosses ? this.mmu.secondPhysical : 0);
    const { dataStops } = this.mmu;
    if (dataStops.isEmpty) return located;
    const start = this.mmu.homeOf(high, low);
    return dataStops.touches({ start, end: start + bytes }) ? new RecordedPlace(located, dataStops, start) : located;
  }

  /** Records a store to a frame, so that everything derived from those bytes is dropped. */
  stored(physical: number, lengthBytes: number): void {
    this.memory.mark(physical, lengthBytes);
    const watched = this.memory.watched[Math.floor(physical / 4096)] ?? 0;
    if (watched & WATCH_TABLE) this.mmu.derived.stored(physical, lengthBytes);
    if (watched & WATCH_CODE) this.onCodeStored(physical, lengthBytes);
    if (watched & WATCH_STOP) this.mmu.dataStops.notePhysical(physical, lengthBytes);
  }

  /** As `stored`, for the PTE of one linear page that no other translation uses. */
  pteStored(physical: number, linearHigh: number, linearLow: number): void {
    const watched = this.memory.watched[Math.floor(physical / 4096)] ?? 0;
    if (watched & WATCH_TABLE) this.mmu.derived.pteStored(physical, linearHigh, linearLow);
    if (watched & WATCH_CODE) this.onCodeStored(physical, 8);
  }

  /** As `stored`, for the entry that pointed to a page table in which no entry is present any more. */
  emptyTableStored(physical: number): void {
    const watched = this.memory.watched[Math.floor(physical / 4096)] ?? 0;
    if (watched & WATCH_TABLE) this.mmu.derived.emptyTableStored(physical);
    if (watched & WATCH_CODE) this.onCodeStored(physical, 8);
  }
}

/** Bytes whose loads and stores are recorded where they touch data stops. */
class RecordedPlace implements LinearPlace {
  constructor(
    private readonly place: LinearPlace,
    private readonly dataStops: DataStops,
    private readonly start: number,
  ) {}

  load(offset: number, bytes: number): bigint {
    this.dataStops.note(this.start + offset, bytes, 'read');
    return this.place.load(offset, bytes);
  }

  store(offset: number, bytes: number, value: bigint): void {
    this.place.store(offset, bytes, value);
    this.dataStops.note(this.start + offset, bytes, 'write');
  }
}

/** Stores the low bytes of a value, little-endian. Returns false if views cannot store so many at once. */
function setAtOnce(view: DataView, at: number, bytes: number, value: bigint): boolean {
  if (bytes === 8) view.setBigUint64(at, value, true);
  else if (bytes === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else if (bytes === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
  else if (bytes === 1) view.setUint8(at, Number(BigInt.asUintN(8, value)));
  else return false;
  return true;
}

/** Bytes of guest memory in one page or two, translated for an access. */
class Located implements LinearPlace {
  constructor(
    private readonly linearMemory: LinearMemory,
    private readonly physical: number,
    private readonly firstBytes: number,
    private readonly secondPhysical: number,
  ) {}

  load(offset: number, bytes: number): bigint {
    const { memory, devices } = this.linearMemory;
    const at = this.physical + offset;
    if (offset + bytes <= this.firstBytes && at + bytes <= memory.size) {
      if (bytes === 8) return memory.ramView.getBigUint64(at, true);
      if (bytes === 4) return BigInt(memory.ramView.getUint32(at, true));
      if (bytes === 2) return BigInt(memory.ramView.getUint16(at, true));
      if (bytes === 1) return BigInt(memory.ramView.getUint8(at));
    }
    if (offset + bytes <= this.firstBytes && at >= memory.size) return devices.read(at, bytes);
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | this.loadByte(this.byteAt(offset + i));
    return value;
  }

  private loadByte(at: number): bigint {
    const { memory, devices } = this.linearMemory;
    return at < memory.size ? BigInt(memory.ram[at]!) : devices.read(at, 1);
  }

  store(offset: number, bytes: number, value: bigint): void {
    const { memory, devices } = this.linearMemory;
    const start = this.physical + offset;
    if (start >= memory.size && offset + bytes <= this.firstBytes) return devices.write(start, bytes, value);
    const isInRam = offset + bytes <= this.firstBytes && start + bytes <= memory.size;
    if (!isInRam || !setAtOnce(memory.ramView, start, bytes, value))
      for (let i = 0; i < bytes; i++) {
        const at = this.byteAt(offset + i);
        const byte = (value >> BigInt(8 * i)) & 0xffn;
        if (at < memory.size) memory.ram[at] = Number(byte);
        else devices.write(at, 1, byte);
      }
    const inFirst = Math.max(0, Math.min(bytes, this.firstBytes - offset));
    if (inFirst > 0) this.linearMemory.stored(this.physical + offset, inFirst);
    if (inFirst < bytes) this.linearMemory.stored(this.byteAt(offset + inFirst), bytes - inFirst);
  }

  private byteAt(offset: number): number {
    return offset < this.firstBytes ? this.physical + offset : this.secondPhysical + offset - this.firstBytes;
  }
}
