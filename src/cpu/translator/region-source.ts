import type { InstructionFetcher } from '../decode/fetch.js';
import type { Instruction } from '../decode/instruction.js';
import { compiles } from '../interpreter/function-handler.js';
import type { Form } from '../meaning/form.js';
import { CodeReader } from './compile/code-reader.js';
import { findRegion, shapeOf, type BlockShape, type CodeHeat, type Region } from './compile/region.js';

/** What is known of code apart from its bytes. */
export interface RegionSourceHost {
  readonly fetcher: InstructionFetcher;
  /** Whether the code at an address has been reached. */
  isReached(rip: bigint): boolean;
  /** Whether an indirect branch, or a region that was left, has led to an address. */
  isJumpedTo(rip: bigint): boolean;
  /** Whether there is a code stop at an address. */
  hasStop(rip: bigint): boolean;
}

/** Most blocks that are remembered. */
const MOST_SHAPES = 16384;

/** Finds regions in the code of the guest. */
export class RegionSource {
  private readonly compilesForm = new Map<Form, boolean>();
  private readonly shapes = new Map<bigint, BlockShape>();

  /** `readsAhead`: whether code counts as reached before it has been. */
  constructor(
    private readonly host: RegionSourceHost,
    private readonly readsAhead: boolean,
  ) {}

  /** The region around addresses; without `heat`, of all that has been reached. */
  find(wanted: readonly bigint[], heat: CodeHeat | undefined): Region | undefined {
    const { host } = this;
    return findRegion(new CodeReader(host.fetcher), wanted, {
      isReached: (rip) => this.readsAhead || host.isReached(rip),
      isJumpedTo: (rip) => host.isJumpedTo(rip),
      hasStop: (rip) => host.hasStop(rip),
      compiles: (instruction) => this.canCompile(instruction),
      shapeOf: (rip) => this.shapeOf(rip),
      heat,
    });
  }

  /** The block at an address, as it was when it was first looked at: good enough for what depends on it. */
  private shapeOf(rip: bigint): BlockShape {
    const known = this.shapes.get(rip);
    if (known) return known;
    if (this.shapes.size >= MOST_SHAPES) this.shapes.clear();
    const shape = shapeOf(new CodeReader(this.host.fetcher), rip);
    this.shapes.set(rip, shape);
    return shape;
  }

  /** Forgets what blocks looked like. */
  forget(): void {
    this.shapes.clear();
  }

  /** Whether the translator can compile an instruction. */
  canCompile({ form }: Instruction): boolean {
    let known = this.compilesForm.get(form);
    if (known === undefined) this.compilesForm.set(form, (known = compiles(form)));
    return known;
  }
}
