/** `bd0 run --store DIR`: names that guests publish, and VMOs that they open, in a durable store. */

import { hexToBytes } from '@noble/hashes/utils.js';
import {
  MissingRecordError,
  type ExpectedContent,
  type NameSpace,
  type PublishOutcome,
  type VmoHandle,
  type VmoStore,
} from '../index.js';
import { ROOT_TAG } from '../vmo/canonical-form.js';
import { Failure } from './failure.js';
import { writeToStderr } from './host-output.js';
import { DiskStore } from './store/disk-store.js';

/** How long a publication waits for who collects garbage. */
const WRITER_WAIT_MS = 1000;

/**
 * A store that a run has open to read. It is opened to write when a guest publishes for the first time, and from then on
 * nobody collects its garbage until the run ends.
 */
export class RunStore {
  private writing: DiskStore | undefined;
  private readonly held = new Set<string>();

  private constructor(readonly disk: DiskStore) {}

  /** Makes a store where there is none, and tells of damage to its names. Throws Failure. */
  static open(directory: string): RunStore {
    const disk = DiskStore.open(directory, { mode: 'read', create: true });
    const { warning } = disk.names;
    if (warning !== undefined) writeToStderr(`bd0: ${warning}`);
    return new RunStore(disk);
  }

  /** The store to write to; undefined where somebody else keeps it busy. */
  writer(): DiskStore | undefined {
    try {
      return (this.writing ??= DiskStore.open(this.disk.directory, { mode: 'write', waitMs: WRITER_WAIT_MS }));
    } catch (error) {
      if (error instanceof Failure) return undefined;
      throw error;
    }
  }

  /** Keeps what an identity reaches from being collected while the run lasts. Answers whether it is there. */
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

/** The names of a durable store. What stands there may change at any time, through other processes of the host. */
export class DurableNames implements NameSpace {
  /** `store` is that of the machine. */
  constructor(
    private readonly store: VmoStore,
    private readonly durable: RunStore,
  ) {}

  /** Throws MissingRecordError where a name stands for what the store has lost. */
  lookup(name: string): VmoHandle | undefined {
    const id = this.durable.disk.names.get(name);
    if (id === undefined) return undefined;
    const vmo = this.open(id);
    if (!vmo) throw new MissingRecordError(`'${name}' stands for ${id}, which is missing`);
    return vmo;
  }

  /** Durable when it answers. */
  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    const writer = this.durable.writer();
    if (!writer) return 'changed';
    for (;;) {
      const before = writer.names.get(name);
      if (expected !== 'anything' && before !== expected?.id) return 'changed';
      if (vmo) this.store.saveTo(writer, vmo);
      if (before === undefined && !vmo) return 'done';
      if (writer.names.compareAndSwap(name, before, vmo?.id)) return 'done';
    }
  }

  names(): string[] {
    return this.durable.disk.names.entries().map(([name]) => name);
  }

  open(id: string): VmoHandle | undefined {
    return this.store.open(id) ?? (this.hasVmo(id) ? this.store.openFrom(this.durable.disk, id) : undefined);
  }

  /** Names are the host's. */
  writeState(): void {}

  /** Records of pages and nodes are no VMOs, though they can be asked for by their hashes. */
  private hasVmo(id: string): boolean {
    return this.durable.hold(id) && this.durable.disk.get(hexToBytes(id))?.[0] === ROOT_TAG;
  }
}
