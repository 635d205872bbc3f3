import { RandomStream } from '../../random-stream.js';
import { schema, outside, value } from '../../state/schema.js';
import { lengthOf, scatter, type DirectMemory } from '../direct-access.js';
import type { VirtioDevice } from './virtio-function.js';
import type { Chain } from './virtqueue.js';

/** Most bytes that a request gets; a driver asks again. */
const MOST_BYTES = 4096;

/** An entropy device, whose bytes are the same in every run: Virtual I/O Device Specification 1.2, 5.4. */
export class EntropyDevice implements VirtioDevice {
  static readonly state = schema(
    'entropy device',
    EntropyDevice,
    {
      type: outside('a constant'),
      classCode: outside('a constant'),
      features: outside('a constant'),
      queueCount: outside('a constant'),
      configuration: outside('a constant'),
      stream: value,
    },
    { isPart: true },
  );

  readonly type = 4;
  readonly classCode = 0x00_ff_00;
  readonly features = 0;
  readonly queueCount = 1;
  readonly configuration = new Uint8Array(0);
  private readonly stream = new RandomStream();

  serve(_queue: number, { writable }: Chain, memory: DirectMemory): number {
    const bytes = this.stream.bytes(Math.min(lengthOf(writable), MOST_BYTES));
    return scatter(memory, writable, bytes) ? bytes.length : 0;
  }
}
