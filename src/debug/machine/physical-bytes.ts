import { PAGE_SIZE } from '../../bits.js';
import type { Cpu } from '../../cpu/cpu.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { Snapshot } from '../../snapshot.js';
import type { DebugStop, FoundStore, SearchedBytes } from './debugged-machine.js';
import { lastWrite } from './last-write.js';

/** Bytes of physical memory, wherever they are mapped: one after the other in these ranges. */
export class PhysicalBytes implements SearchedBytes {
  readonly since = 0;
  readonly storableSince = 0;

  constructor(
    private readonly cpu: Cpu,
    private readonly ranges: readonly AddressRange[],
  ) {}

  arm(): void {
    for (const range of this.ranges) this.cpu.mmu.derived.addPhysicalStop(range);
  }

  disarm(): void {
    for (const range of this.ranges) this.cpu.mmu.derived.removePhysicalStop(range);
  }

  storeIn(stop: DebugStop): FoundStore | undefined {
    let before = 0;
    let last: FoundStore | undefined;
    for (const range of this.ranges) {
      const found = lastWrite(stop, range, 'physical');
      if (found) last = { ...found, start: found.start + before, end: found.end + before };
      before += range.end - range.start;
    }
    return last;
  }

  mayHaveChanged(_before: Snapshot, _after: Snapshot, changed: ReadonlySet<number>): boolean {
    return this.places().some((physical) => changed.has(Math.floor(physical / PAGE_SIZE)));
  }

  places(): readonly number[] {
    return this.ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at));
  }

  read(start: number, end: number): Uint8Array {
    const { ram } = this.cpu.memory;
    return Uint8Array.from(this.places().slice(start, end), (physical) => ram[physical]!);
  }
}
