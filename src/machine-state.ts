import { PAGE_SIZE, bytesToHex } from './bits.js';
import { isCpuModel, type Cpu, type CpuModel } from './cpu/cpu.js';
import type { GuestMemory } from './memory.js';
import { readSavedSnapshot, saveSnapshot, type MachineLimits, type SavedSnapshot } from './saved-snapshot.js';
import { Snapshot } from './snapshot.js';
import { writeStateOf } from './state/digest.js';
import { capture, type StateGraph } from './state/graph.js';
import { restore } from './state/restore.js';
import { readGraph } from './state/saved-graph.js';
import { SavedSnapshotError } from './state/saved-values.js';
import { StateWriter } from './state/state-writer.js';
import type { HashFunction } from './vmo/content/canonical-form.js';
import { MemoryIdentity } from './vmo/frames/memory-identity.js';
import { type MemoryImage, MemoryImages } from './vmo/frames/memory-image.js';
import type { VmoHandle } from './vmo/handle.js';
import { restoringSaved } from './vmo/saved/saved-content.js';
import type { VmoStore } from './vmo/store.js';

export type { MachineLimits };

/** Reads a saved snapshot, up to its content, and the model of its processor. Throws SavedSnapshotError. */
export function readSavedMachine(saved: VmoHandle): SavedSnapshot & { readonly model: CpuModel } {
  const snapshot = readSavedSnapshot(saved);
  const { cpu: model } = snapshot.limits;
  if (!isCpuModel(model))
    throw new SavedSnapshotError(`the snapshot is of a processor '${model}', which bd0 does not have`);
  return { ...snapshot, model };
}

/** As `readSavedMachine`, for a machine of BD0. */
export function readSavedProgram(
  saved: VmoHandle,
): ReturnType<typeof readSavedMachine> & { readonly clock: 'free' | 'real' } {
  const snapshot = readSavedMachine(saved);
  const { clock } = snapshot.limits;
  if (clock === 'bare') throw new SavedSnapshotError('it is a bare machine: bd0 boot --resume goes on with it');
  return { ...snapshot, clock };
}

/** What a machine has to say of its state: a Computer or a Board. */
export interface MachineParts {
  readonly memory: GuestMemory;
  readonly cpu: Cpu;
  readonly store: VmoStore;
  /** SHA-256. */
  readonly sha256: HashFunction;
  /** The kind of machine, which is hashed first. */
  readonly kind: string;
  /** All state is reached from this object, but guest memory. */
  readonly roots: object;
  /** Frames from this one on hold zeros. */
  readonly usedEnd: () => number;
  /** Called before a snapshot is taken or restored: ends work that stands still within the tick. */
  readonly settle?: () => void;
}

/** The state of a whole machine: its hash, snapshots of it, and going back to them. See `Computer`. */
export class MachineState {
  private identity: MemoryIdentity | undefined;
  private images: MemoryImages | undefined;
  /** What was captured or restored last: later snapshots share with it. */
  private lastGraph: StateGraph | undefined;

  constructor(private readonly parts: MachineParts) {}

  /** All state but guest memory is reached from this. */
  get roots(): object {
    return this.parts.roots;
  }

  hash(): string {
    const { memory, kind, roots, usedEnd, sha256 } = this.parts;
    const out = new StateWriter().text(kind);
    writeStateOf(roots, out);
    this.identity ??= new MemoryIdentity(memory, sha256);
    out.text(this.identity.id(usedEnd()));
    return bytesToHex(sha256(out.written));
  }

  take(): Snapshot {
    const { cpu, roots, usedEnd, settle } = this.parts;
    settle?.();
    this.lastGraph = capture(roots, this.lastGraph);
    return new Snapshot(cpu.ticks, this.lastGraph, this.memoryImages.take(usedEnd()));
  }

  /** Throws RangeError for a snapshot of another machine. */
  restore(snapshot: Snapshot): void {
    const { roots, store, settle } = this.parts;
    const { graph, memory } = snapshot;
    this.requireOwn(snapshot);
    settle?.();
    this.putBack(memory, () => store.restoring(() => restore(roots, graph)));
    this.lastGraph = graph;
  }

  /** Throws RangeError for a snapshot of another machine. */
  save(snapshot: Snapshot, limits: MachineLimits, target: VmoStore): VmoHandle {
    this.requireOwn(snapshot);
    return saveSnapshot(snapshot, limits, this.parts.store, target);
  }

  /** Puts a machine in which nothing has happened yet to a saved state. Throws SavedSnapshotError. */
  resume({ source, page, memory }: SavedSnapshot): void {
    const { store, roots } = this.parts;
    try {
      this.putBack(memory, () =>
        restoringSaved(store, source, page, (content) => {
          const graph = readGraph(source, content);
          if (!source.isAtEnd) throw source.malformed();
          restore(roots, graph);
        }),
      );
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      throw new SavedSnapshotError(`the saved snapshot is damaged: ${error.message}`, { cause: error });
    }
  }

  private putBack(memory: MemoryImage, restoreState: () => void): void {
    const { cpu, usedEnd } = this.parts;
    const endBefore = usedEnd();
    restoreState();
    this.memoryImages.restore(memory, Math.max(endBefore, usedEnd()), (frame) =>
      cpu.linearMemory.stored(frame * PAGE_SIZE, PAGE_SIZE),
    );
    cpu.mmu.flush();
    // Nothing but this has stored to them.
    cpu.mmu.dataStops.takeAccesses();
  }

  private get memoryImages(): MemoryImages {
    const { memory, cpu } = this.parts;
    return (this.images ??= new MemoryImages(memory, () => cpu.mmu.derived.dropWriteEntries()));
  }

  private requireOwn({ graph }: Snapshot): void {
    if (graph.root.source !== this.parts.roots) throw new RangeError('the snapshot is of another machine');
  }
}
