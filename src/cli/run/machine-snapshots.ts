/** `bd0 run --snapshot-at` and `bd0 resume`: whole machines in a durable store. */

import { VmoStore, type Snapshot, type VmoHandle } from '../../index.js';
import type { HostLines } from '../../host/console/host-lines.js';
import type { RunStore } from '../../host/names/durable-names.js';
import { sha256 } from '../../host/sha256.js';
import { EXIT_NOT_FOUND, Failure } from '../failure.js';
import type { SnapshotAt } from './run-options.js';

/** Where a run stops for a moment, to be saved. */
export interface Pause {
  readonly tick: number;
  /** Called at the first end of a slice at that tick or after it. */
  reached(): void;
}

/** A machine that can be saved: a Computer or a Board. */
export interface SavedMachine {
  readonly ticks: number;
  snapshot(): Snapshot;
  saveSnapshot(snapshot: Snapshot, store: VmoStore): VmoHandle;
}

/** A pause in which the machine is saved. Throws Failure if there is no store. */
export function pauseToSave(
  at: SnapshotAt | undefined,
  machine: SavedMachine,
  store: RunStore | undefined,
  lines: HostLines,
): Pause | undefined {
  if (!at) return undefined;
  if (!store) throw new Failure('--snapshot-at needs --store DIR, where the snapshot is kept');
  return { tick: at.tick, reached: () => lines.tell(`bd0: ${save(at.name, machine, store)}`) };
}

/** Saves a machine under a name. Returns what happened, in words. */
function save(name: string, machine: SavedMachine, runStore: RunStore): string {
  const writer = runStore.waitForWriter();
  if (!writer) return `'${name}' was not saved: the store is busy`;
  // In a store of its own, the machine does not notice.
  const content = new VmoStore(sha256);
  const saved = machine.saveSnapshot(machine.snapshot(), content);
  content.saveTo(writer, saved);
  writer.flush();
  const { id } = saved;
  while (!writer.names.compareAndSwap(name, writer.names.get(name), { id, kind: 'file' }));
  return `saved '${name}' at tick ${machine.ticks}: ${id}`;
}

/** The saved snapshot of a name or an id in a store. Throws Failure. */
export function findSnapshot(name: string, runStore: RunStore | undefined, wanted = 'bd0 resume'): VmoHandle {
  if (!runStore) throw new Failure(`${wanted} needs --store DIR, where the snapshot is kept`);
  const { disk } = runStore;
  const id = disk.names.get(name) ?? disk.resolve(name);
  const saved = id !== undefined && runStore.hold(id) ? new VmoStore(sha256).openFrom(disk, id) : undefined;
  if (!saved) throw new Failure(`there is no snapshot '${name}' in the store '${disk.directory}'`, EXIT_NOT_FOUND);
  return saved;
}
