import { bytesToHex } from './bits.js';
import { isCpuModel, type Cpu, type CpuModel } from './cpu/cpu.js';
import type { Kernel } from './kernel/kernel.js';
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
import type { FramePool } from './vmo/frames/frame-pool.js';
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

/** The parts of a machine that have state. */
export interface MachineParts {
  readonly memory: GuestMemory;
  readonly cpu: Cpu;
  readonly kernel: Kernel;
  readonly pool: FramePool;
  readonly store: VmoStore;
  /** SHA-256. */
  readonly sha256: HashFunction;
  /** Called before the content of a frame changes. */
  readonly codeChanged: (frame: number) => void;
}

/** The state of a whole machine: its hash, snapshots of it, and going back to them. See `Computer`. */
export class MachineState {
  /** All other state is reached from these, but guest memory. */
  private readonly roots: { readonly cpu: Cpu; readonly kernel: Kernel; readonly pool: FramePool };
  private identity: MemoryIdentity | undefined;
  private images: MemoryImages | undefined;
  /** What was captured or restored last: later snapshots share with it. */
  private lastGraph: StateGraph | undefined;

  constructor(private readonly parts: MachineParts) {
    const { cpu, kernel, pool } = parts;
    this.roots = { cpu, kernel, pool };
  }

  hash(): string {
    const { memory, pool, sha256 } = this.parts;
    const out = new StateWriter().text('bd0 machine 2');
    writeStateOf(this.roots, out);
    this.identity ??= new MemoryIdentity(memory, sha256);
    out.text(this.identity.id(pool.usedEnd));
    return bytesToHex(sha256(out.written));
  }

  take(): Snapshot {
    const { kernel, cpu, pool } = this.parts;
    kernel.settle();
    this.lastGraph = capture(this.roots, this.lastGraph);
    return new Snapshot(cpu.ticks, this.lastGraph, this.memoryImages.take(pool.usedEnd));
  }

  /** Throws RangeError for a snapshot of another machine. */
  restore(snapshot: Snapshot): void {
    const { graph, memory } = snapshot;
    this.requireOwn(snapshot);
    this.parts.kernel.settle();
    this.putBack(memory, () => this.parts.store.restoring(() => restore(this.roots, graph)));
    this.lastGraph = graph;
  }

  /** Throws RangeError for a snapshot of another machine. */
  save(snapshot: Snapshot, limits: MachineLimits, target: VmoStore): VmoHandle {
    this.requireOwn(snapshot);
    return saveSnapshot(snapshot, limits, this.parts.store, target);
  }

  /** Puts a machine in which nothing has happened yet to a saved state. Throws SavedSnapshotError. */
  resume({ source, page, memory }: SavedSnapshot): void {
    const { store } = this.parts;
    try {
      this.putBack(memory, () =>
        restoringSaved(store, source, page, (content) => {
          const graph = readGraph(source, content);
          if (!source.isAtEnd) throw source.malformed();
          restore(this.roots, graph);
        }),
      );
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      throw new SavedSnapshotError(`the saved snapshot is damaged: ${error.message}`, { cause: error });
    }
  }

  private putBack(memory: MemoryImage, restoreState: () => void): void {
    const { cpu, pool, codeChanged } = this.parts;
    const usedEnd = pool.usedEnd;
    restoreState();
    this.memoryImages.restore(memory, Math.max(usedEnd, pool.usedEnd), codeChanged);
    cpu.mmu.flush();
  }

  private get memoryImages(): MemoryImages {
    const { memory, cpu } = this.parts;
    return (this.images ??= new MemoryImages(memory, () => cpu.mmu.derived.dropWriteEntries()));
  }

  private requireOwn({ graph }: Snapshot): void {
    if (graph.root.source !== this.roots) throw new RangeError('the snapshot is of another machine');
  }
}
