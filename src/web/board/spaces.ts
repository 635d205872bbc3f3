import type { Board } from '../../board.js';
import type { MemorySpace } from '../machine/memory-methods.js';
import { PageTables } from './page-tables.js';

/** Roots that are remembered: those of the last processes that ran. */
const ROOTS_MAX = 12;

/** What can be looked at: physical memory, or by the page tables of one root. */
export type Space = { readonly kind: 'physical' } | { readonly kind: 'virtual'; readonly tables: PageTables };

/** The address spaces of a bare machine: that of CR3, and those of roots that were in it lately. */
export class Spaces {
  private readonly roots = new Set<number>();
  /** The paging mode in which they were roots. */
  private mode: PageTables['mode'] | undefined;

  constructor(private readonly board: Board) {}

  /** Remembers the root that the processor uses now. */
  observe(): void {
    const current = PageTables.of(this.board);
    if (!current) return;
    const { root, mode } = current;
    if (mode !== this.mode) this.roots.clear();
    this.mode = mode;
    this.roots.delete(root);
    this.roots.add(root);
    if (this.roots.size <= ROOTS_MAX) return;
    const [oldest] = this.roots;
    this.roots.delete(oldest!);
  }

  /** What there is to be chosen. */
  get all(): MemorySpace[] {
    const current = PageTables.of(this.board);
    const spaces = [{ key: 'physical', title: 'Physical memory' }];
    if (!current) return spaces;
    const others = [...this.roots].filter((root) => root !== current.root && current.mode === this.mode).reverse();
    return [
      ...spaces,
      { key: 'current', title: `Address space of CR3 (${textOf(current.root)})` },
      ...others.map((root) => ({ key: String(root), title: `Address space of root ${textOf(root)}` })),
    ];
  }

  /** The space of a key; physical memory while paging is off. */
  find(key: string | undefined): Space {
    const root = key === 'current' || key === undefined ? undefined : Number(key);
    const tables = Number.isNaN(root) ? undefined : PageTables.of(this.board, root);
    return tables ? { kind: 'virtual', tables } : { kind: 'physical' };
  }
}

function textOf(root: number): string {
  return `0x${root.toString(16)}`;
}
