import type { GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { CodeView } from '../engine/code-view.js';
import type { CodePage } from './compile/code-reader.js';
import type { RegionSourceHost } from './region-source.js';

/** Services that the hot tier needs from the engine. */
export interface HotCodeHost extends RegionSourceHost {
  readonly memory: GuestMemory;
  readonly mmu: Mmu;
  /** Runs records: the interpreter's generated code. */
  readonly interpret: (record: number, ticks: number) => number;
  /** The functions that regions may call. */
  readonly functions: WebAssembly.ModuleImports;
  /** Whether a page has been fetched from, and its mapping has not changed since. */
  isLive(page: CodePage): boolean;
  /** Makes the interpreter enter a region when it reaches an address in a view. */
  markRegion(rip: bigint, view: CodeView): void;
  /** Whether there are any code stops. */
  hasStops(): boolean;
  /** Whether the interpreter enters a region at a record. */
  leadsToRegion(record: number): boolean;
}
