/** A device's registers in memory. Offsets count from the start of its range; values are unsigned. */
export interface MemoryDevice {
  /** The width of accesses in bytes: 1, 2 or 4, at an offset that is a multiple of it. */
  readMemory(offset: number, bytes: number): number;
  writeMemory(offset: number, bytes: number, value: number): void;
}

/** A range of physical addresses, which may move: `base` is undefined while the range is nowhere. */
export interface MemoryRange {
  readonly base: number | undefined;
  readonly bytes: number;
  readonly device: MemoryDevice;
}

const OPEN_BUS = 0xff;
const MOST_BYTES_AT_ONCE = 4;

/**
 * Devices at physical addresses beyond RAM. Aligned accesses of 1, 2 and 4 bytes reach a device as they are; wider ones in words of
 * 32 bits, the lowest first; others byte by byte. Addresses without a device read as all ones, and swallow writes.
 */
export class MemoryBus {
  private readonly ranges: MemoryRange[] = [];
  /** Called for each access of a program, for traces: after a read, before a write. */
  onAccess: ((kind: 'read' | 'write', physical: number, bytes: number, value: bigint) => void) | undefined;

  connect(range: MemoryRange): void {
    this.ranges.push(range);
  }

  read(physical: number, bytes: number): bigint {
    const unit = unitOf(physical, bytes);
    let value = 0n;
    for (let at = bytes - unit; at >= 0; at -= unit)
      value = (value << BigInt(8 * unit)) | BigInt(this.readUnit(physical + at, unit));
    this.onAccess?.('read', physical, bytes, value);
    return value;
  }

  write(physical: number, bytes: number, value: bigint): void {
    this.onAccess?.('write', physical, bytes, value);
    const unit = unitOf(physical, bytes);
    for (let at = 0; at < bytes; at += unit) {
      const range = this.rangeAt(physical + at, unit);
      const part = Number((value >> BigInt(8 * at)) & ((1n << BigInt(8 * unit)) - 1n));
      range?.device.writeMemory(physical + at - range.base!, unit, part);
    }
  }

  private readUnit(physical: number, unit: number): number {
    const range = this.rangeAt(physical, unit);
    return (range?.device.readMemory(physical - range.base!, unit) ?? OPEN_BUS * 0x0101_0101) % 2 ** (8 * unit);
  }

  private rangeAt(physical: number, unit: number): MemoryRange | undefined {
    return this.ranges.find(
      ({ base, bytes }) => base !== undefined && physical >= base && physical + unit <= base + bytes,
    );
  }
}

/** The bytes that reach a device at once. */
function unitOf(physical: number, bytes: number): number {
  const unit = Math.min(bytes, MOST_BYTES_AT_ONCE);
  return (unit === 1 || unit === 2 || unit === 4) && physical % unit === 0 && bytes % unit === 0 ? unit : 1;
}
