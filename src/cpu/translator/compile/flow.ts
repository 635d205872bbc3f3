import { kindCode } from '../../meaning/flag-slots.js';
import { type FlagsThunk } from '../../meaning/flags.js';
import { FLAGS_UNCHANGED, FLAGS_VARY, type BlockSummary } from './block-summary.js';
import type { Region } from './region.js';
import { structureOf, type Structure } from './structure.js';

export { FLAGS_VARY };

/** No way to a node has been looked at yet. */
const FLAGS_UNKNOWN = -3;

/** What follows from how the blocks of a region lead to each other, before code is made for them. */
export class Flow {
  readonly structure: Structure;
  /** Ticks from one place where the budget is looked at to the next, at most. */
  readonly longestPath: number;
  private readonly successors: readonly (readonly number[])[];
  private readonly predecessors: readonly number[][];
  private readonly flags: number[];
  private readonly loopWrites = new Map<number, number>();

  constructor(
    private readonly region: Region,
    private readonly summaries: readonly (BlockSummary | undefined)[],
  ) {
    const successors = region.nodes.map((block) =>
      block ? [block.next, block.target, block.returnsTo].filter((node) => node !== undefined) : [...region.entries],
    );
    this.structure = structureOf(successors);
    // Nodes that are gone back to without being loops have become entries.
    successors[0] = [...this.structure.entries];
    this.successors = successors;
    this.predecessors = successors.map(() => []);
    successors.forEach((list, node) => list.forEach((successor) => this.predecessors[successor]!.push(node)));
    this.flags = this.findFlags();
    this.longestPath = this.findLongestPath();
  }

  /** Whether the dispatch leads to a node. */
  isEntry(node: number): boolean {
    return this.predecessors[node]!.includes(0);
  }

  /** The kind code of the flags on every way to a node, or FLAGS_VARY. */
  flagsAt(node: number): number {
    return this.flags[node]!;
  }

  /** Throws unless the flags are of the kind that was foreseen. */
  requireKind(flags: FlagsThunk<unknown>, kind: number): void {
    if (kindCode(flags) !== kind) throw new Error(`flags of kind ${kindCode(flags)} where ${kind} was foreseen`);
  }

  /** Bit n is set where some block of the loop writes general-purpose register n. */
  writtenInLoop(header: number): number {
    const known = this.loopWrites.get(header);
    if (known !== undefined) return known;
    const inside = new Set([header]);
    const waiting = this.predecessors[header]!.filter((node) => this.structure.isBack(node, header));
    let writes = this.summaries[header]!.writes;
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      // From outside of the loop, too, control may go back to its header: by way of the dispatch.
      if (inside.has(node) || node === 0) continue;
      inside.add(node);
      writes |= this.summaries[node]!.writes;
      waiting.push(...this.predecessors[node]!);
    }
    this.loopWrites.set(header, writes);
    return writes;
  }

  /** For the address of each block, that of the innermost loop around it, else its own; both counted from `base`. */
  bestEntries(base: bigint): Map<bigint, bigint> {
    const { structure, region } = this;
    const best = new Map<bigint, bigint>();
    const visit = (node: number, loop: number): void => {
      const around = structure.isLoop(node) ? node : loop;
      const block = region.nodes[node];
      const entry = region.nodes[around === 0 ? node : around];
      const isOwnLevel = block && !block.context && entry && !entry.context;
      if (isOwnLevel) best.set(block.rip - base, entry.rip - base);
      for (const child of structure.children[node]!) visit(child, around);
    };
    visit(0, 0);
    return best;
  }

  private findFlags(): number[] {
    const flags = this.successors.map(() => FLAGS_UNKNOWN);
    const waiting = [...this.successors[0]!];
    for (const entry of waiting) flags[entry] = FLAGS_VARY;
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const own = this.summaries[node]!.flags;
      const after = own === FLAGS_UNCHANGED ? flags[node]! : own;
      for (const successor of this.successors[node]!) {
        const before = flags[successor]!;
        const met = before === FLAGS_UNKNOWN || before === after ? after : FLAGS_VARY;
        if (met === before) continue;
        flags[successor] = met;
        waiting.push(successor);
      }
    }
    return flags;
  }

  private findLongestPath(): number {
    const { structure, region } = this;
    const lengths = new Map<number, number>();
    const from = (node: number): number => {
      const known = lengths.get(node);
      if (known !== undefined) return known;
      let rest = 0;
      for (const successor of this.successors[node]!)
        if (!structure.isBack(node, successor) && !structure.isLoop(successor)) rest = Math.max(rest, from(successor));
      const length = region.nodes[node]!.instructions.length + rest;
      lengths.set(node, length);
      return length;
    };
    return Math.max(...region.nodes.map((block, node) => (block && this.isReached(node) ? from(node) : 0)));
  }
  private isReached(node: number): boolean {
    return this.predecessors[node]!.length > 0;
  }
}
