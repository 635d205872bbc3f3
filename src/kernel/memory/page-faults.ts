import type { GuestException } from '../../cpu/state/exceptions.js';
import { addressOf } from '../../mmu/fence.js';
import { OutOfFramesError } from '../../vmo/errors.js';
import type { MemoryAccess } from './mapping.js';
import type { FaultOutcome, Pager } from './pager.js';
import type { Thread } from '../tasks/thread.js';
import { outside, schema, value } from '../../state/schema.js';

/** Brings in the pages that instructions access; pages are pinned until the faulting instruction has retired. */
export class PageFaults {
  static readonly state = schema(
    'page faults',
    PageFaults,
    {
      count: value,
      lastTid: value,
      lastTick: value,
      pager: outside('described by the kernel'),
    },
    { isPart: true },
  );

  /** Number of page faults. */
  count = 0;
  private lastTid = 0;
  private lastTick = 0;

  constructor(private readonly pager: Pager) {}

  /** Resolves the fault that took this tick, if the access is allowed. */
  resolve(
    { tid, process }: Thread,
    { linearHigh, linearLow }: Pick<GuestException, 'linearHigh' | 'linearLow'>,
    access: MemoryAccess,
    tick: number,
  ): FaultOutcome | 'out of memory' {
    const address = addressOf(linearHigh, linearLow);
    const sameInstruction = this.lastTid === tid && this.lastTick === tick - 1;
    if (!sameInstruction) this.pager.releasePins();
    this.lastTid = tid;
    this.lastTick = tick;
    this.count++;
    try {
      return this.pager.resolve(process.view?.home(address) ?? address, access);
    } catch (error) {
      if (error instanceof OutOfFramesError) return 'out of memory';
      throw error;
    }
  }
}
