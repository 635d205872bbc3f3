/** A driver of a virtio device, for tests: Virtual I/O Device Specification 1.2, 3.1.1. */
import { VirtioFunction, type VirtioDevice } from '../../src/devices/virtio/virtio-function.js';
import { deviceMemory } from './device-memory.js';

const MEMORY_BYTES = 2 ** 20;
/** Descriptors of a queue. */
export const SIZE = 8;
/** Where queue n lies: from (n + 1) times this on. */
export const QUEUE_BYTES = 0x1000;
/** Memory that no queue has. */
export const DATA = 0x1_0000;

export interface Buffer {
  readonly at: number;
  readonly bytes: number;
  readonly isWritable?: boolean;
}

/** A driver that has brought a device up, as 3.1.1 says, with queues of 8 descriptors. */
export class Driver {
  readonly ram = new Uint8Array(MEMORY_BYTES);
  readonly view = new DataView(this.ram.buffer);
  readonly function: VirtioFunction;
  isInterrupting = false;
  private readonly given: number[];

  constructor(
    device: VirtioDevice,
    readonly clock: { ticks: number } = { ticks: 0 },
  ) {
    const line = { set: (isHigh: boolean) => (this.isInterrupting = isHigh) };
    this.function = new VirtioFunction(clock, deviceMemory(this.ram), { line, irq: 11 }, device);
    this.function.pci.write(0x04, 2, 0b110);
    this.given = new Array<number>(device.queueCount).fill(0);
  }

  read(at: number, bytes: number): number {
    return this.function.readMemory(at, bytes);
  }
  write(at: number, bytes: number, value: number): void {
    this.function.writeMemory(at, bytes, value);
  }

  start(): this {
    for (const status of [0, 1, 3]) this.write(0x14, 1, status);
    this.write(0x08, 4, 1);
    this.write(0x0c, 4, 1);
    this.write(0x14, 1, 0xb);
    this.given.forEach((_, queue) => {
      const base = (queue + 1) * QUEUE_BYTES;
      this.write(0x16, 2, queue);
      this.write(0x18, 2, SIZE);
      [base, base + 0x400, base + 0x800].forEach((address, which) => {
        this.write(0x20 + 8 * which, 4, address);
        this.write(0x24 + 8 * which, 4, 0);
      });
      this.write(0x1c, 2, 1);
    });
    this.write(0x14, 1, 0xf);
    return this;
  }

  /** Gives a chain to a queue, and notifies the device. Returns what `taken` does. `table` is where an indirect table lies. */
  give(queue: number, buffers: readonly Buffer[], table?: number): number | undefined {
    const base = (queue + 1) * QUEUE_BYTES;
    if (table !== undefined) {
      this.view.setBigUint64(base, BigInt(table), true);
      this.view.setUint32(base + 8, 16 * buffers.length, true);
      this.view.setUint32(base + 12, 4, true);
    }
    buffers.forEach(({ at, bytes, isWritable }, index) => {
      const entry = (table ?? base) + 16 * index;
      const flags = (index < buffers.length - 1 ? 1 : 0) | (isWritable ? 2 : 0);
      this.view.setBigUint64(entry, BigInt(at), true);
      this.view.setUint32(entry + 8, bytes, true);
      this.view.setUint16(entry + 12, flags, true);
      this.view.setUint16(entry + 14, index + 1, true);
    });
    const place = this.given[queue]!++;
    this.view.setUint16(base + 0x400 + 4 + 2 * (place % SIZE), 0, true);
    this.view.setUint16(base + 0x400 + 2, (place + 1) & 0xffff, true);
    this.write(0x3000 + 4 * queue, 2, queue);
    this.function.update();
    return this.taken(queue);
  }

  /** The number of bytes that the device has written to the last chain; undefined if it has not given it back. */
  taken(queue: number): number | undefined {
    const used = (queue + 1) * QUEUE_BYTES + 0x800;
    const place = this.given[queue]!;
    if (this.view.getUint16(used + 2, true) !== (place & 0xffff)) return undefined;
    return this.view.getUint32(used + 4 + 8 * ((place - 1) % SIZE) + 4, true);
  }
}
