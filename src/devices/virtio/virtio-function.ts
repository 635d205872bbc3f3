import { outside, schema, value } from '../../state/schema.js';
import type { DeviceClock, TimedDevice } from '../device-time.js';
import type { DirectMemory } from '../direct-access.js';
import type { MemoryDevice } from '../memory-bus.js';
import { PciFunction, type FunctionInterrupt } from '../pci/function.js';
import { CommonConfiguration, DEVICE_NEEDS_RESET, DRIVER_OK } from './common-configuration.js';
import { giveBack, nextChain, skip, wantsInterrupts, type Chain, type Virtqueue } from './virtqueue.js';

/** What a device of a kind does with the chains of its queues. */
export interface VirtioDevice {
  /** The device type: Virtual I/O Device Specification 1.2, 5. */
  readonly type: number;
  readonly classCode: number;
  /** Feature bits 0 to 31. */
  readonly features: number;
  readonly queueCount: number;
  /** The device configuration. */
  readonly configuration: Uint8Array;
  /** Handles a chain, and returns the number of bytes written to it; 'later' if it is not due yet. */
  serve(queue: number, chain: Chain, memory: DirectMemory): number | 'later';
  /** Called when the driver resets the device. */
  reset?(): void;
  /** Brings a device that does something by itself to the time that it is now. */
  update?(): void;
  /** The next tick, after now, at which it does something by itself; never if not given. */
  readonly nextChange?: number;
}

const VENDOR = 0x1af4;
const FIRST_DEVICE = 0x1040;
/** VIRTIO_F_INDIRECT_DESC: 6. */
const INDIRECT_DESCRIPTORS = 1 << 28;

const VENDOR_CAPABILITY = 0x09;
const MEMORY_BYTES = 0x4000;

/** The four parts of the memory, a page each: 4.1.4. */
const COMMON = 0x0000;
const INTERRUPT_STATUS = 0x1000;
const CONFIGURATION = 0x2000;
const NOTIFICATIONS = 0x3000;
const PART_BYTES = 0x1000;
const NOTIFY_MULTIPLIER = 4;

const QUEUE_INTERRUPT = 1 << 0;
const CONFIGURATION_INTERRUPT = 1 << 1;

/** Chains that are handled in one go, so that a run can be interrupted between two. */
const MOST_AT_ONCE = 64;

/** A virtio device on the PCI bus, without the interface of versions before 1.0 and without MSI-X: 4.1. */
export class VirtioFunction implements MemoryDevice, TimedDevice {
  static readonly state = schema(
    'virtio function',
    VirtioFunction,
    {
      clock: outside('its place on the board'),
      memory: outside('guest memory'),
      device: value,
      pci: value,
      common: value,
      interrupts: value,
      notified: value,
    },
    { isPart: true },
  );

  readonly pci: PciFunction;
  private readonly common: CommonConfiguration;
  /** The interrupt status register. */
  private interrupts = 0;
  /** Queues that may have chains, a bit each. */
  private notified = 0;

  constructor(
    private readonly clock: DeviceClock,
    private readonly memory: DirectMemory,
    interrupt: FunctionInterrupt,
    private readonly device: VirtioDevice,
  ) {
    const { type, classCode, features, queueCount } = device;
    const identity = { vendor: VENDOR, device: FIRST_DEVICE + type, revision: 1, classCode, subsystemVendor: VENDOR };
    this.pci = new PciFunction(
      { ...identity, subsystem: FIRST_DEVICE + type },
      { bytes: MEMORY_BYTES, device: this },
      interrupt,
    );
    this.common = new CommonConfiguration(features | INDIRECT_DESCRIPTORS, queueCount);
    // Types of parts: common, notifications with their multiplier, interrupt status, device.
    this.pci.addCapability(VENDOR_CAPABILITY, part(1, COMMON, PART_BYTES));
    this.pci.addCapability(VENDOR_CAPABILITY, part(2, NOTIFICATIONS, PART_BYTES, NOTIFY_MULTIPLIER));
    this.pci.addCapability(VENDOR_CAPABILITY, part(3, INTERRUPT_STATUS, PART_BYTES));
    this.pci.addCapability(VENDOR_CAPABILITY, part(4, CONFIGURATION, PART_BYTES));
  }

  /** Has the device look at a queue again. */
  notify(queue: number): void {
    this.notified |= 1 << queue;
  }

  readMemory(offset: number, bytes: number): number {
    const at = offset % PART_BYTES;
    switch (offset - at) {
      case COMMON:
        return this.common.read(at, bytes);
      case INTERRUPT_STATUS:
        return at === 0 ? this.takeInterrupts() : 0;
      case CONFIGURATION:
        return this.device.configuration.subarray(at, at + bytes).reduceRight((value, byte) => value * 256 + byte, 0);
      default:
        return 0;
    }
  }

  writeMemory(offset: number, bytes: number, value: number): void {
    if (offset < INTERRUPT_STATUS) {
      const { status } = this.common;
      this.common.write(offset, bytes, value);
      if (this.common.status === 0) this.reset(status !== 0);
    } else if (offset >= NOTIFICATIONS) {
      const queue = Math.floor((offset - NOTIFICATIONS) / NOTIFY_MULTIPLIER);
      if (queue < this.device.queueCount) this.notify(queue);
    }
  }

  private takeInterrupts(): number {
    const { interrupts } = this;
    this.interrupts = 0;
    this.pci.setInterrupt(false);
    return interrupts;
  }

  private interrupt(why: number): void {
    this.interrupts |= why;
    this.pci.setInterrupt(true);
  }

  private reset(wasUsed: boolean): void {
    this.notified = 0;
    this.takeInterrupts();
    if (wasUsed) this.device.reset?.();
  }

  private get isRunning(): boolean {
    return this.pci.isMaster && (this.common.status & (DRIVER_OK | DEVICE_NEEDS_RESET)) === DRIVER_OK;
  }

  update(): void {
    this.device.update?.();
    for (let count = 0; this.isRunning && this.notified !== 0 && count < MOST_AT_ONCE; count++) {
      const number = 31 - Math.clz32(this.notified & -this.notified);
      const queue = this.common.queues[number]!;
      if (!queue.isEnabled || !this.serveNext(queue, number)) this.notified &= ~(1 << number);
    }
  }
  get nextChange(): number {
    const ofDevice = this.device.nextChange ?? Infinity;
    return this.isRunning && this.notified !== 0 ? this.clock.ticks + 1 : ofDevice;
  }

  /** Handles the next chain of a queue; false if there is none, or it is not due. */
  private serveNext(queue: Virtqueue, number: number): boolean {
    const { memory, device, common } = this;
    const chain = nextChain(queue, memory);
    if (chain === 'bad') {
      common.status |= DEVICE_NEEDS_RESET;
      this.interrupt(CONFIGURATION_INTERRUPT);
    }
    if (typeof chain === 'string') return false;
    const written = device.serve(number, chain, memory);
    if (written === 'later') return false;
    skip(queue);
    giveBack(queue, memory, chain, written);
    if (wantsInterrupts(queue, memory)) this.interrupt(QUEUE_INTERRUPT);
    return true;
  }
}

/** The capability that says where a part of the memory is, from its third byte on: 4.1.4. */
function part(type: number, offset: number, bytes: number, multiplier?: number): Uint8Array {
  const lengthBytes = multiplier === undefined ? 16 : 20;
  const view = new DataView(new ArrayBuffer(lengthBytes - 2));
  view.setUint8(0, lengthBytes);
  view.setUint8(1, type);
  view.setUint32(6, offset, true);
  view.setUint32(10, bytes, true);
  if (multiplier !== undefined) view.setUint32(14, multiplier, true);
  return new Uint8Array(view.buffer);
}
