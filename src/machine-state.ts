import { bytesToHex } from './bits.js';
import type { Cpu } from './cpu/cpu.js';
import type { Kernel } from './kernel/kernel.js';
import type { GuestMemory } from './memory.js';
import { Snapshot } from './snapshot.js';
import { writeStateOf } from './state/digest.js';
import { capture, type StateGraph } from './state/graph.js';
import { restore } from './state/restore.js';
import { StateWriter } from './state/state-writer.js';
import type { HashFunction } from './vmo/content/canonical-form.js';
import type { FramePool } from './vmo/frames/frame-pool.js';
import { MemoryIdentity } from './vmo/frames/memory-identity.js';
import { MemoryImages } from './vmo/frames/memory-image.js';
import type { VmoStore } from './vmo/store.js';

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
    const { kernel, cpu, pool, memory } = this.parts;
    kernel.settle();
    this.lastGraph = capture(this.roots, this.lastGraph);
    this.images ??= new MemoryImages(memory, () => cpu.mmu.dropWriteEntries());
    return new Snapshot(cpu.ticks, this.lastGraph, this.images.take(pool.usedEnd));
  }

  /** Throws RangeError for a snapshot of another machine. */
  restore({ graph, memory }: Snapshot): void {
    const { kernel, cpu, pool, store, codeChanged } = this.parts;
    if (graph.root.source !== this.roots) throw new RangeError('the snapshot is of another machine');
    kernel.settle();
    const usedEnd = pool.usedEnd;
    store.restoring(() => restore(this.roots, graph));
    this.lastGraph = graph;
    this.images!.restore(memory, Math.max(usedEnd, pool.usedEnd), codeChanged);
    cpu.mmu.flush();
  }
}
