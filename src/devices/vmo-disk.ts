import { roundUp } from '../bits.js';
import { derived, outside, schema, value } from '../state/schema.js';
import type { VmoBuilder } from '../vmo/content/builder.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import { SECTOR_BYTES, type Disk } from './disk.js';

/** Makes the content of a disk durable before it returns. */
export type PublishDisk = (content: VmoHandle) => void;

/** A disk that begins as a VMO, which stays as it is: sectors that are written are new content. */
export class VmoDisk implements Disk {
  static readonly state = schema(
    'disk',
    VmoDisk,
    {
      lengthBytes: outside('set when the machine is made'),
      store: outside('content is found through handles'),
      builder: value,
      publish: outside('the host'),
      counters: outside('statistics'),
      hasChanged: derived('what was published last is unknown after going back', () => true),
    },
    { isPart: true },
  );

  readonly lengthBytes: number;
  /** How much was read and written, and how often the content was published. */
  readonly counters = { bytesRead: 0, bytesWritten: 0, published: 0 };
  private builder: VmoBuilder;
  /** Whether something may have been written since the content was published. */
  private hasChanged = false;

  /** Zeros are added to content that ends within a sector. Without `publish`, `flush` has no effect. */
  constructor(
    private readonly store: VmoStore,
    content: VmoHandle,
    private readonly publish?: PublishDisk,
  ) {
    this.builder = store.builder().copyFrom(content);
    this.lengthBytes = roundUp(content.length, SECTOR_BYTES);
    const missing = this.lengthBytes - content.length;
    if (missing > 0) this.builder.append(new Uint8Array(missing));
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    this.counters.bytesRead += lengthBytes;
    const content = this.builder.snapshot();
    try {
      return content.read(offset, lengthBytes);
    } finally {
      content.close();
      if (this.store.hasFullCaches) this.store.dropCaches();
    }
  }

  write(offset: number, bytes: Uint8Array): void {
    this.counters.bytesWritten += bytes.length;
    this.builder.patch(offset, bytes);
    this.hasChanged = true;
  }

  writeZeros(offset: number, lengthBytes: number): void {
    this.counters.bytesWritten += lengthBytes;
    const before = this.builder.snapshot();
    const zeros = this.store.zeros(lengthBytes);
    const after = offset + lengthBytes;
    this.builder.discard();
    this.builder = this.store.builder().copyFrom(before, 0, offset).copyFrom(zeros).copyFrom(before, after);
    zeros.close();
    before.close();
    this.hasChanged = true;
  }

  /** Publishes the content. What `publish` throws leaves the disk as it was. */
  flush(): void {
    if (!this.publish || !this.hasChanged) return;
    const content = this.builder.snapshot();
    try {
      this.publish(content);
      this.counters.published++;
      // The published content has a canonical form: the next one shares all that is not written until then.
      this.builder.discard();
      this.builder = this.store.builder().copyFrom(content);
      this.hasChanged = false;
    } finally {
      content.close();
    }
  }
}
