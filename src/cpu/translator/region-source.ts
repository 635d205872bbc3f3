import type { InstructionFetcher } from '../decode/fetch.js';
import type { Instruction } from '../decode/instruction.js';
import { compiles } from '../interpreter/function-handler.js';
import type { Form } from '../meaning/form.js';
import { CodeReader } from './compile/code-reader.js';
import { findRegion, shapeOf, type Region } from './compile/region.js';
import {
  outlineRegion,
  type BlockShape,
  type CodeHeat,
  type GrowthLimits,
  type RegionOutline,
} from './compile/region-growth.js';

/** What is known of code apart from its bytes. */
export interface RegionSourceHost {
  readonly fetcher: InstructionFetcher;
  /** The physical address of a linear page that has been fetched from, if its mapping has not changed since; else -1. */
  fetchedPage(linear: bigint): number;
  /** Whether the code at an address has been reached. */
  isReached(rip: bigint): boolean;
  /** Whether an indirect branch, or a region that was left, has led to an address. */
  isJumpedTo(rip: bigint): boolean;
  /** Whether there is a code stop at an address. */
  hasStop(rip: bigint): boolean;
  /** Whether rules may forbid instructions of a form, so that the evaluator must execute them. */
  forbids(form: Form): boolean;
}

/** Most blocks that are remembered. */
const MOST_SHAPES = 16384;

const NO_BLOCKS: readonly bigint[] = [];

/** Finds regions in the code of the guest. */
export class RegionSource {
  private readonly compilesForm = new Map<Form, boolean>();
  private readonly shapes = new Map<bigint, BlockShape>();
  /** Blocks that have been found running, and what leads to a block directly of them. */
  private readonly sampled = new Set<bigint>();
  private readonly predecessors = new Map<bigint, bigint[]>();

  /** `readsAhead`: whether code counts as reached before it has been. */
  constructor(
    private readonly host: RegionSourceHost,
    private readonly readsAhead: boolean,
  ) {}

  /** The region around addresses; without `heat`, of all that has been reached. */
  find(wanted: readonly bigint[], heat: CodeHeat | undefined): Region | undefined {
    const { host } = this;
    return findRegion(this.reader(), wanted, {
      ...this.limits(heat),
      isJumpedTo: (rip) => host.isJumpedTo(rip),
      hasStop: (rip) => host.hasStop(rip),
      compiles: (instruction) => this.canCompile(instruction),
    });
  }

  /** About what the region around an address would consist of: finding it takes a multiple of the time. */
  outline(seed: bigint, heat: CodeHeat): RegionOutline {
    return outlineRegion([seed], this.limits(heat));
  }

  private limits(heat: CodeHeat | undefined): GrowthLimits {
    const { host, predecessors } = this;
    for (const rip of heat?.sampled ?? []) this.noteSampled(rip);
    return {
      isReached: (rip) => this.readsAhead || host.isReached(rip),
      shapeOf: (rip) => this.shapeOf(rip),
      predecessorsOf: (rip) => predecessors.get(rip) ?? NO_BLOCKS,
      heat,
    };
  }

  private reader(): CodeReader {
    return new CodeReader(this.host.fetcher, (linear) => this.host.fetchedPage(linear));
  }

  private noteSampled(rip: bigint): void {
    if (this.sampled.has(rip)) return;
    this.sampled.add(rip);
    for (const successor of this.shapeOf(rip).successors) {
      const known = this.predecessors.get(successor);
      if (known) known.push(rip);
      else this.predecessors.set(successor, [rip]);
    }
  }

  /** The block at an address, as it was when it was first looked at: good enough for what depends on it. */
  private shapeOf(rip: bigint): BlockShape {
    const known = this.shapes.get(rip);
    if (known) return known;
    if (this.shapes.size >= MOST_SHAPES) this.forget();
    const shape = shapeOf(this.reader(), rip);
    this.shapes.set(rip, shape);
    return shape;
  }

  /** Forgets what blocks looked like. */
  forget(): void {
    for (const known of [this.shapes, this.sampled, this.predecessors]) known.clear();
  }

  /** Whether the translator can compile an instruction. */
  canCompile({ form }: Instruction): boolean {
    let known = this.compilesForm.get(form);
    if (known === undefined) this.compilesForm.set(form, (known = compiles(form)));
    return known && !this.host.forbids(form);
  }
}
