/** The kernel's memory management without the rest of it, and what must hold of it after every step. */
import { HostMemory } from '../../src/kernel/host-memory.js';
import { Cpu } from '../../src/cpu/cpu.js';
import { AddressSpace } from '../../src/kernel/memory/address-space.js';
import { commitRange } from '../../src/kernel/memory/commit.js';
import { enterUserMode } from '../../src/kernel/program/cpu-setup.js';
import { Pager } from '../../src/kernel/memory/pager.js';
import type { Region } from '../../src/kernel/memory/region.js';
import { UserMemory } from '../../src/kernel/memory/user-memory.js';
import { GuestMemory } from '../../src/memory.js';
import { FramePool } from '../../src/vmo/frames/frame-pool.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { nativeHash } from '../vmo/model.js';
import { checkPaging } from './paging-invariants.js';

const PAGE = 4096;
const READ = 1;
const WRITE = 2;

/** So many frames, and the pages of regions that come and go in them. */
export class PagedMachine {
  readonly store = new VmoStore(nativeHash);
  readonly space = new AddressSpace();
  readonly hostMemory = new HostMemory();
  readonly pool: FramePool;
  readonly pager: Pager;
  readonly memory: UserMemory;
  readonly guestMemory: GuestMemory;

  constructor(
    readonly frames: number,
    readonly writeBackBytes = 0,
  ) {
    const cpu = new Cpu(new GuestMemory(frames * PAGE), 'evaluator');
    const { linearMemory } = cpu;
    this.guestMemory = cpu.memory;
    this.pool = new FramePool(cpu.memory, this.store, {
      firstFrame: 0,
      endFrame: frames,
      codeChanged: (frame) => linearMemory.stored(frame * PAGE, PAGE),
    });
    this.pager = new Pager(linearMemory, this.pool, this.space, writeBackBytes);
    this.memory = new UserMemory(linearMemory, this.space, this.pager);
    enterUserMode(cpu, this.pager.pageTable.root);
  }

  /** A region with one mapping: of bytes, and of zeros behind them. */
  region(size: number, bytes: Uint8Array = new Uint8Array(0), protection = READ | WRITE): Region {
    const region = this.space.place(size);
    const middle = region.start + Math.ceil(bytes.length / PAGE) * PAGE;
    if (bytes.length > 0)
      region.add({
        start: region.start,
        end: middle,
        protection,
        backing: { vmo: this.store.fromBytes(bytes), offset: 0 },
      });
    if (middle < region.end) region.add({ start: middle, end: region.end, protection, backing: undefined });
    return region;
  }

  remove(region: Region): void {
    this.pager.discard(region, region.start, region.end);
    for (const { backing } of region.mappings) backing?.vmo.close();
    this.space.remove(region);
  }

  commit(start: number, lengthBytes: number): VmoHandle {
    return commitRange(this, start, lengthBytes);
  }

  /** Throws where page tables, frames, regions and counters do not agree. */
  check(): void {
    checkPaging(this);
  }
}
