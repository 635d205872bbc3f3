import { schema, outside, value } from '../../state/schema.js';
import { gather, lengthOf, scatter, type DirectMemory } from '../direct-access.js';
import type { VirtioDevice } from './virtio-function.js';
import type { Chain } from './virtqueue.js';

const RECEIVE_QUEUE = 0;
/** Bytes that wait for the driver. */
const MOST_RECEIVED = 1024;

/** A console device with one port: Virtual I/O Device Specification 1.2, 5.3. */
export class ConsoleDevice implements VirtioDevice {
  static readonly state = schema(
    'console device',
    ConsoleDevice,
    {
      type: outside('a constant'),
      classCode: outside('a constant'),
      features: outside('a constant'),
      queueCount: outside('a constant'),
      configuration: outside('a constant'),
      received: value,
      send: outside('the host'),
    },
    { isPart: true },
  );

  readonly type = 3;
  readonly classCode = 0x07_80_00;
  readonly features = 0;
  readonly queueCount = 2;
  /** Columns, rows and the number of ports, none of which is offered as a feature. */
  readonly configuration = new Uint8Array(12);
  private received: number[] = [];

  constructor(private readonly send: (byte: number) => void) {}

  /** Bytes that can still be received without loss. */
  get room(): number {
    return MOST_RECEIVED - this.received.length;
  }

  /** A byte arrives from outside. */
  receive(byte: number): void {
    if (this.room > 0) this.received.push(byte);
  }

  serve(queue: number, { readable, writable }: Chain, memory: DirectMemory): number | 'later' {
    if (queue !== RECEIVE_QUEUE) {
      for (const byte of gather(memory, readable) ?? []) this.send(byte);
      return 0;
    }
    if (this.received.length === 0) return 'later';
    const bytes = Uint8Array.from(this.received.splice(0, lengthOf(writable)));
    return scatter(memory, writable, bytes) ? bytes.length : 0;
  }
}
