/** `bd0 run --store DIR`: names that guests publish, and VMOs that they open, in a durable store. */

import { hexToBytes } from '@noble/hashes/utils.js';
import {
  MissingRecordError,
  type ExpectedContent,
  type NameSpace,
  type PublishOutcome,
  type VmoHandle,
  type VmoStore,
} from '../../index.js';
import { PAGE_SIZE } from '../../bits.js';
import { ROOT_TAG } from '../../vmo/content/canonical-form.js';
import { finished, type Steps } from '../../vmo/steps.js';
import { HostError } from '../failure.js';
import { DiskStore } from '../store/disk-store.js';

/** How long a publication waits for garbage collection. */
const WRITER_WAIT_MS = 1000;
const WAIT_STEP_MS = 20;

/** Most bytes that a step of a publication writes, and the number of steps between flushes. */
const STEP_BYTES = 256 * PAGE_SIZE;
const STEPS_PER_FLUSH = 32;

/**
 * A store that a run has open for reading. It is opened for writing when a guest publishes for the first time; from then on,
 * its garbage cannot be collected until the run ends.
 */
export class RunStore {
  private writing: DiskStore | undefined;
  private readonly held = new Set<string>();

  private constructor(readonly disk: DiskStore) {}

  /**
   * Opens a store, and creates it if it does not exist. `onWarning` gets a line about damage to its names, if there is any.
   * Throws HostError.
   */
  static open(directory: string, onWarning: (line: string) => void = () => {}): RunStore {
    const disk = DiskStore.open(directory, { mode: 'read', create: true });
    const { warning } = disk.names;
    if (warning !== undefined) onWarning(warning);
    return new RunStore(disk);
  }

  /** The store, open for writing; undefined if another process keeps it busy. Each step waits for a moment. */
  *writerInSteps(): Steps<DiskStore | undefined, number> {
    for (let waitedMs = 0; ; waitedMs += WAIT_STEP_MS) {
      const writer = this.writer();
      if (writer || waitedMs >= WRITER_WAIT_MS) return writer;
      yield 0;
    }
  }

  /** As `writerInSteps`, at once. */
  waitForWriter(): DiskStore | undefined {
    return finished(this.writerInSteps());
  }

  private writer(): DiskStore | undefined {
    try {
      return (this.writing ??= DiskStore.open(this.disk.directory, { mode: 'write', waitMs: WAIT_STEP_MS }));
    } catch (error) {
      if (error instanceof HostError) return undefined;
      throw error;
    }
  }

  /** Protects the content of an identity from garbage collection during the run. Returns whether it is there. */
  hold(id: string): boolean {
    if (this.held.has(id)) return true;
    if (!this.disk.hold(id)) return false;
    this.held.add(id);
    return true;
  }

  close(): void {
    try {
      this.writing?.close();
    } finally {
      this.disk.close();
    }
  }
}

/** The names of a durable store, which other processes of the host may change at any time. */
export class DurableNames implements NameSpace {
  /** `store` is that of the machine. */
  constructor(
    private readonly store: VmoStore,
    private readonly durable: RunStore,
  ) {}

  /** Throws MissingRecordError if the store has lost the content of a name. */
  lookup(name: string): VmoHandle | undefined {
    const id = this.durable.disk.names.get(name);
    if (id === undefined) return undefined;
    const vmo = this.open(id);
    if (!vmo) throw new MissingRecordError(`'${name}' stands for ${id}, which is missing`);
    return vmo;
  }

  /** Durable when it returns. */
  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    return finished(this.publishInSteps(name, vmo, expected));
  }

  /** Each step writes about 256 records; some also wait for the disk, so that little is left to flush at the end. */
  *publishInSteps(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): Steps<PublishOutcome, number> {
    const writer = yield* this.durable.writerInSteps();
    if (!writer) return 'changed';
    for (;;) {
      const before = writer.names.get(name);
      if (expected !== 'anything' && before !== expected?.id) return 'changed';
      if (vmo) yield* this.save(writer, vmo);
      if (before === undefined && !vmo) return 'done';
      if (writer.names.compareAndSwap(name, before, vmo && { id: vmo.id, kind: 'file' })) return 'done';
    }
  }

  names(): string[] {
    return this.durable.disk.names.entries().map(([name]) => name);
  }

  open(id: string): VmoHandle | undefined {
    return this.store.open(id) ?? (this.hasVmo(id) ? this.store.openFrom(this.durable.disk, id) : undefined);
  }

  private *save(writer: DiskStore, vmo: VmoHandle): Steps<void, number> {
    let unflushed = 0;
    for (const _ of this.store.saveInSteps(writer, vmo)) {
      if (++unflushed % STEPS_PER_FLUSH === 0) writer.flush();
      yield STEP_BYTES;
    }
  }

  /** Whether an identity is that of a VMO: records of pages and nodes are found by their hashes, too. */
  private hasVmo(id: string): boolean {
    return this.durable.hold(id) && this.durable.disk.get(hexToBytes(id))?.[0] === ROOT_TAG;
  }
}
