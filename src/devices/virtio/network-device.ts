import { viewOf } from '../../bits.js';
import { outside, schema, value } from '../../state/schema.js';
import { GUEST } from '../../network/addresses.js';
import { MOST_FRAME_BYTES, writeMac } from '../../network/ethernet.js';
import type { UserNetwork } from '../../network/user-network.js';
import { gather, lengthOf, scatter, type DirectMemory } from '../direct-access.js';
import type { VirtioDevice } from './virtio-function.js';
import type { Chain } from './virtqueue.js';

/** Feature bits: Virtual I/O Device Specification 1.2, 5.1.3. */
const HAS_MAC = 1 << 5;

export const RECEIVE_QUEUE = 0;

/** The header in front of each frame, which has the number of its buffers at its end: 5.1.6. */
const HEADER_BYTES = 12;
const BUFFER_COUNT = 10;

/** A network device without offloads: 5.1. */
export class NetworkDevice implements VirtioDevice {
  static readonly state = schema(
    'network device',
    NetworkDevice,
    {
      type: outside('a constant'),
      classCode: outside('a constant'),
      features: outside('a constant'),
      queueCount: outside('a constant'),
      configuration: outside('a constant'),
      network: value,
    },
    { isPart: true },
  );

  readonly type = 1;
  readonly classCode = 0x02_00_00;
  readonly features = HAS_MAC;
  readonly queueCount = 2;
  /** The MAC address. */
  readonly configuration = new Uint8Array(6);

  constructor(private readonly network: UserNetwork) {
    writeMac(viewOf(this.configuration), 0, GUEST.mac);
  }

  serve(queue: number, { readable, writable }: Chain, memory: DirectMemory): number | 'later' {
    if (queue !== RECEIVE_QUEUE) {
      const bytes = lengthOf(readable) <= HEADER_BYTES + MOST_FRAME_BYTES ? gather(memory, readable) : undefined;
      if (bytes) this.network.receive(bytes.subarray(HEADER_BYTES));
      return 0;
    }
    const frame = this.network.nextFrame();
    if (!frame) return 'later';
    const bytes = new Uint8Array(HEADER_BYTES + frame.length);
    bytes[BUFFER_COUNT] = 1;
    bytes.set(frame, HEADER_BYTES);
    // A frame for which the driver's buffer is too short is lost.
    return bytes.length <= lengthOf(writable) && scatter(memory, writable, bytes) ? bytes.length : 0;
  }

  reset(): void {
    this.network.reset();
  }
  update(): void {
    this.network.update();
  }
  get nextChange(): number {
    return this.network.nextChange;
  }
}
