import { outside, schema, value } from '../../state/schema.js';
import { MOST_QUEUE_SIZE, virtqueue, type Virtqueue } from './virtqueue.js';

/** Bits of the device status: Virtual I/O Device Specification 1.2, 2.1. */
export const DRIVER_OK = 1 << 2;
const FEATURES_OK = 1 << 3;
export const DEVICE_NEEDS_RESET = 1 << 6;

/** VIRTIO_F_VERSION_1 is bit 32, the lowest of the second word. */
const VERSION_1 = 1 << 0;

/** Fields: 4.1.4.3. */
const DEVICE_SELECT = 0x00;
const DEVICE_FEATURES = 0x04;
const DRIVER_SELECT = 0x08;
const DRIVER_FEATURES = 0x0c;
const CONFIGURATION_VECTOR = 0x10;
const QUEUE_COUNT = 0x12;
const STATUS = 0x14;
const QUEUE_SELECT = 0x16;
const QUEUE_SIZE = 0x18;
const QUEUE_VECTOR = 0x1a;
const QUEUE_ENABLE = 0x1c;
const QUEUE_NOTIFY_OFFSET = 0x1e;
const FIRST_ADDRESS = 0x20;
const END = 0x38;
const NO_VECTOR = 0xffff;
const ADDRESSES = ['descriptors', 'available', 'used'] as const;

/** The common configuration of a virtio device, and its queues. */
export class CommonConfiguration {
  static readonly state = schema(
    'virtio configuration',
    CommonConfiguration,
    {
      offered: outside('set when the machine is made'),
      selects: value,
      accepted: value,
      status: value,
      selected: value,
      queues: value,
    },
    { isPart: true },
  );

  /** The two words of feature bits that the device has. */
  private readonly offered: readonly number[];
  /** The words of feature bits that the fields for the device and the driver show. */
  private readonly selects = { device: 0, driver: 0 };
  private readonly accepted = [0, 0];
  status = 0;
  private selected = 0;
  readonly queues: Virtqueue[];

  constructor(features: number, queueCount: number) {
    this.offered = [features, VERSION_1];
    this.queues = Array.from({ length: queueCount }, virtqueue);
  }

  private reset(): void {
    Object.assign(this.selects, { device: 0, driver: 0 });
    this.accepted.fill(0);
    this.status = 0;
    this.selected = 0;
    for (const queue of this.queues) Object.assign(queue, virtqueue());
  }

  read(at: number, bytes: number): number {
    const field = at >= FIRST_ADDRESS ? at & ~3 : at;
    return (this.readField(field) >>> (8 * (at - field))) % 2 ** (8 * bytes);
  }

  private readField(field: number): number {
    const { selects, accepted, offered, queues } = this;
    const queue = queues[this.selected];
    switch (field) {
      case DEVICE_SELECT:
        return selects.device;
      case DEVICE_FEATURES:
        return offered[selects.device] ?? 0;
      case DRIVER_SELECT:
        return selects.driver;
      case DRIVER_FEATURES:
        return accepted[selects.driver] ?? 0;
      case CONFIGURATION_VECTOR:
      case QUEUE_VECTOR:
        return NO_VECTOR;
      case QUEUE_COUNT:
        return queues.length;
      case STATUS:
        return this.status;
      case QUEUE_SELECT:
        return this.selected;
      case QUEUE_SIZE:
        return queue?.size ?? 0;
      case QUEUE_ENABLE:
        return queue?.isEnabled ? 1 : 0;
      case QUEUE_NOTIFY_OFFSET:
        return this.selected;
      default:
        return queue && field < END && field >= FIRST_ADDRESS ? half(queue[addressOf(field)], field & 4) : 0;
    }
  }

  write(at: number, bytes: number, value: number): void {
    const queue = this.queues[this.selected];
    switch (at) {
      case DEVICE_SELECT:
        this.selects.device = value;
        return;
      case DRIVER_SELECT:
        this.selects.driver = value;
        return;
      case DRIVER_FEATURES:
        if (this.selects.driver < this.accepted.length) this.accepted[this.selects.driver] = value;
        return;
      case STATUS:
        return this.writeStatus(value & 0xff);
      case QUEUE_SELECT:
        this.selected = value;
        return;
      case QUEUE_SIZE:
        if (queue && isPowerOfTwo(value) && value <= MOST_QUEUE_SIZE) queue.size = value;
        return;
      case QUEUE_ENABLE:
        if (queue && value === 1) queue.isEnabled = true;
        return;
      default:
        if (queue && bytes === 4 && at >= FIRST_ADDRESS && at < END) writeHalf(queue, at, value);
    }
  }

  /** 0 resets the device. It does not agree to features that it lacks, nor to being used without VERSION_1. */
  private writeStatus(status: number): void {
    if (status === 0) return this.reset();
    const isFit = this.accepted.every((word, index) => (word & ~this.offered[index]!) === 0);
    const agrees = isFit && (this.accepted[1]! & VERSION_1) !== 0;
    this.status = (agrees ? status : status & ~FEATURES_OK) | (this.status & DEVICE_NEEDS_RESET);
  }
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

function addressOf(field: number): (typeof ADDRESSES)[number] {
  return ADDRESSES[(field - FIRST_ADDRESS) >> 3]!;
}

function half(address: number, isHigh: number): number {
  return isHigh ? Math.floor(address / 2 ** 32) : address % 2 ** 32;
}

function writeHalf(queue: Virtqueue, field: number, value: number): void {
  const name = addressOf(field);
  const isHigh = (field & 4) !== 0;
  queue[name] = isHigh ? value * 2 ** 32 + half(queue[name], 0) : half(queue[name], 4) * 2 ** 32 + value;
}
