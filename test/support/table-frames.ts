import { PAGE_SIZE } from '../../src/bits.js';
import type { TableFrames } from '../../src/kernel/memory/page-table.js';
import type { GuestMemory } from '../../src/memory.js';

/** The first frames of a memory, for page tables, given again at once, as the pool gives them. */
export class FramesForTables implements TableFrames {
  /** Those that are free. */
  readonly free: number[];

  /** `freed` is told of each that comes back, before its bytes change. */
  constructor(
    private readonly memory: GuestMemory,
    count: number,
    private readonly freed: (frame: number) => void = () => {},
  ) {
    this.free = Array.from({ length: count }, (_, frame) => frame);
  }

  allocateTable(): number {
    const frame = this.free.pop()!;
    this.fill(frame, 0);
    return frame;
  }

  freeTable(frame: number): void {
    this.freed(frame);
    // Whoever still takes it for a table finds nonsense.
    this.fill(frame, 0xff);
    this.free.push(frame);
  }

  private fill(frame: number, byte: number): void {
    this.memory.ram.fill(byte, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
  }
}
