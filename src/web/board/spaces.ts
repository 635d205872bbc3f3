import type { Board } from '../../board.js';
import { CR0_PG, EFER_LMA } from '../../mmu/entry.js';
import type { MemorySpace } from '../machine/memory-methods.js';

/** Roots that are remembered: those of the last processes that ran. */
const ROOTS_MAX = 12;
const PAGE_SIZE = 4096;

/** What can be looked at: physical memory, or by the page tables of one root. */
export type Space = { readonly kind: 'physical' } | { readonly kind: 'virtual'; readonly root: number };

/** The address spaces of a bare machine: that of CR3, and those of roots that were in it lately. */
export class Spaces {
  private readonly roots = new Set<number>();

  constructor(private readonly board: Board) {}

  /** Remembers the root that the processor uses now. */
  observe(): void {
    const root = this.current;
    if (root === undefined) return;
    this.roots.delete(root);
    this.roots.add(root);
    if (this.roots.size <= ROOTS_MAX) return;
    const [oldest] = this.roots;
    this.roots.delete(oldest!);
  }

  /** What there is to be chosen. */
  get all(): MemorySpace[] {
    const { current } = this;
    const spaces = [{ key: 'physical', title: 'Physical memory' }];
    if (current === undefined) return spaces;
    const others = [...this.roots].filter((root) => root !== current).reverse();
    return [
      ...spaces,
      { key: 'current', title: `Address space of CR3 (${textOf(current)})` },
      ...others.map((root) => ({ key: String(root), title: `Address space of root ${textOf(root)}` })),
    ];
  }

  /** The space of a key; physical memory while paging is off. */
  find(key: string | undefined): Space {
    const root = key === 'current' || key === undefined ? this.current : Number(key);
    return root === undefined || !Number.isInteger(root) ? { kind: 'physical' } : { kind: 'virtual', root };
  }

  /** The root in CR3. Paging of 32-bit modes is not drawn. */
  private get current(): number | undefined {
    const { mmu } = this.board.cpu;
    return mmu.cr0 & CR0_PG && mmu.efer & EFER_LMA ? Math.floor(mmu.cr3 / PAGE_SIZE) * PAGE_SIZE : undefined;
  }
}

function textOf(root: number): string {
  return `0x${root.toString(16)}`;
}
