import type { InstructionFetcher } from '../decode/fetch.js';
import type { Instruction } from '../decode/instruction.js';
import { compiles } from '../interpreter/function-handler.js';
import type { Form } from '../meaning/form.js';
import { CodeReader } from './compile/code-reader.js';
import { findRegion, type CodeHeat, type Region } from './compile/region.js';

/** What is known of code apart from its bytes. */
export interface RegionSourceHost {
  readonly fetcher: InstructionFetcher;
  /** Whether the code at an address has been reached. */
  isReached(rip: bigint): boolean;
  /** Whether there is a code stop at an address. */
  hasStop(rip: bigint): boolean;
}

/** Finds regions in the code of the guest. */
export class RegionSource {
  private readonly compilesForm = new Map<Form, boolean>();

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
      hasStop: (rip) => host.hasStop(rip),
      compiles: (instruction) => this.canCompile(instruction),
      heat,
    });
  }

  /** Whether the translator can compile an instruction. */
  canCompile({ form }: Instruction): boolean {
    let known = this.compilesForm.get(form);
    if (known === undefined) this.compilesForm.set(form, (known = compiles(form)));
    return known;
  }
}
