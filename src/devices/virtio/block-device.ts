import { schema, outside, value } from '../../state/schema.js';
import { gather, lengthOf, scatter, type DirectMemory } from '../direct-access.js';
import { SECTOR_BYTES, type Disk } from '../disk.js';
import type { VirtioDevice } from './virtio-function.js';
import type { Chain } from './virtqueue.js';

/** Feature bits: Virtual I/O Device Specification 1.2, 5.2.3. */
const SEGMENTS_MAX = 1 << 2;
const FLUSHES = 1 << 9;

/** Segments of a request, besides its header and its status. */
const MOST_SEGMENTS = 126;
const HEADER_BYTES = 16;
const IDENTIFIER_BYTES = 20;

/** Types of requests, and what they end with: 5.2.6. */
const READ = 0;
const WRITE = 1;
const FLUSH = 4;
const IDENTIFY = 8;
const OK = 0;
const IO_ERROR = 1;
const UNSUPPORTED = 2;

/** A block device, whose driver flushes what is to be durable: 5.2. */
export class BlockDevice implements VirtioDevice {
  static readonly state = schema(
    'block device',
    BlockDevice,
    {
      type: outside('a constant'),
      classCode: outside('a constant'),
      features: outside('a constant'),
      queueCount: outside('a constant'),
      configuration: outside('a constant'),
      disk: value,
    },
    { isPart: true },
  );

  readonly type = 2;
  readonly classCode = 0x01_00_00;
  readonly features = SEGMENTS_MAX | FLUSHES;
  readonly queueCount = 1;
  readonly configuration: Uint8Array;

  constructor(private readonly disk: Disk) {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigUint64(0, BigInt(disk.lengthBytes / SECTOR_BYTES), true);
    view.setUint32(12, MOST_SEGMENTS, true);
    this.configuration = new Uint8Array(view.buffer);
  }

  /** A request is a header, then data, then a byte of status, which is the last that the device writes. */
  serve(_queue: number, { readable, writable }: Chain, memory: DirectMemory): number {
    const request = gather(memory, readable);
    const roomBytes = lengthOf(writable) - 1;
    if (!request || request.length < HEADER_BYTES || roomBytes < 0) return 0;
    const answer = this.perform(request, roomBytes);
    const isData = typeof answer !== 'number';
    const status = isData ? OK : answer;
    const bytes = new Uint8Array(roomBytes + 1);
    if (isData) bytes.set(answer);
    bytes[roomBytes] = status;
    return scatter(memory, writable, bytes) ? bytes.length : 0;
  }

  /** Returns the data of the answer, or a status. */
  private perform(request: Uint8Array, roomBytes: number): Uint8Array | number {
    const view = new DataView(request.buffer, request.byteOffset, HEADER_BYTES);
    const offset = Number(view.getBigUint64(8, true)) * SECTOR_BYTES;
    const data = request.subarray(HEADER_BYTES);
    switch (view.getUint32(0, true)) {
      case READ:
        return this.contains(offset, roomBytes) ? this.disk.read(offset, roomBytes) : IO_ERROR;
      case WRITE:
        if (!this.contains(offset, data.length)) return IO_ERROR;
        if (data.length > 0) this.disk.write(offset, data);
        return OK;
      case FLUSH:
        this.disk.flush();
        return OK;
      case IDENTIFY:
        return new TextEncoder().encode('bd0'.padEnd(IDENTIFIER_BYTES, '\0')).subarray(0, roomBytes);
      default:
        return UNSUPPORTED;
    }
  }

  private contains(offset: number, lengthBytes: number): boolean {
    return lengthBytes % SECTOR_BYTES === 0 && offset + lengthBytes <= this.disk.lengthBytes;
  }
}
