/**
 * How hosts may differ from bd0: processors where the manuals leave results open or disagree, kernels and hypervisors
 * in how they report an exception. Each difference has a closed set of alternatives, and small cases that show which of
 * them this host has. bd0's results are adjusted accordingly before the comparison; any other difference is a failure.
 */
import type { VendorDifference } from '../../../src/cpu/decode/row.js';
import type { Oracle, OracleCase, OracleResult, OracleState } from '../../oracle/case.js';
import { describeBytes } from '../../oracle/case.js';
import { hex } from '../../../src/bits.js';
import { BRANCHES } from './differences/branches.js';
import { MEMORY } from './differences/memory.js';
import { REGISTERS } from './differences/registers.js';
import { STRINGS } from './differences/strings.js';
import { SYSTEM } from './differences/system.js';
import { TOLERANCES } from './differences/tolerances.js';
import type { MeaningCase } from './generate.js';

/** The state that is expected of the host after a case. */
export interface Expectation extends OracleState {
  readonly selectors: Uint16Array;
  /** The first byte that changed outside the windows. */
  readonly stray: bigint | undefined;
}

/** A case with the host's answer and what has been expected so far: bd0's answer, perhaps changed already. */
export interface Answers {
  readonly c: MeaningCase;
  readonly native: OracleResult;
  readonly ours: Expectation;
  /** What else to ask about the case. */
  readonly ask: Followup;
}

export interface Followup {
  /** The host's answer to another case. */
  host(c: OracleCase): OracleResult | undefined;
  /** bd0's answer to a variant of the case, of one tick. */
  bd0(c: MeaningCase): OracleState;
}

/** What to expect instead, in place of the parts of bd0's answer that it names; undefined if bd0's answer stands. */
export type Mapping = (answers: Answers) => Partial<Expectation> | undefined;

/** One of the ways in which hosts are known to behave. */
export interface Alternative {
  readonly name: string;
  /** True if the answer to a probe is what this alternative gives. */
  readonly shows: (result: OracleResult, probe: OracleCase) => boolean;
  /** Absent where bd0 behaves the same way. */
  readonly maps?: Mapping;
}

export interface HostDifference {
  readonly instructions: string;
  /** Why hosts may differ, with the manual that allows or describes it. */
  readonly why: string;
  readonly probes: readonly OracleCase[];
  /** bd0's way first. */
  readonly alternatives: readonly Alternative[];
  /** The table's entry, where it is a difference between vendors. */
  readonly vendors?: VendorDifference;
}

/** What may vary from case to case on one host, within limits. It needs no probe. */
export interface Tolerance {
  readonly instructions: string;
  readonly why: string;
  readonly maps: Mapping;
}

export const HOST_DIFFERENCES: readonly HostDifference[] = [
  ...SYSTEM,
  ...REGISTERS,
  ...MEMORY,
  ...STRINGS,
  ...BRANCHES,
];

/** A change of bd0's answers that this host calls for. */
export interface HostMapping {
  readonly instructions: string;
  /** True if bd0's own answer is right too: the host shows both alternatives, or it is a tolerance. */
  readonly optional: boolean;
  readonly maps: Mapping;
}

/** How a host behaves. */
export interface HostBehaviour {
  readonly mappings: readonly HostMapping[];
  /** A line for each difference: its instructions and the alternatives that the host shows. */
  readonly shown: readonly string[];
  /** Answers to probes that no alternative gives. */
  readonly failures: readonly string[];
}

/** Runs every probe. */
export function probeBehaviour(oracle: Oracle): HostBehaviour {
  const answers = oracle.ask(HOST_DIFFERENCES.flatMap(({ probes }) => probes));
  const mappings: HostMapping[] = [];
  const shown: string[] = [];
  const failures: string[] = [];
  let next = 0;
  for (const difference of HOST_DIFFERENCES) {
    const { instructions, probes, alternatives } = difference;
    const found = new Set<Alternative>();
    for (const probe of probes) {
      const result = answers[next++];
      if (!result) continue;
      const alternative = alternatives.find(({ shows }) => shows(result, probe));
      if (alternative) found.add(alternative);
      else failures.push(`${instructions}: ${describeProbe(probe, result)} is none of the known alternatives`);
    }
    const names = alternatives.filter((alternative) => found.has(alternative)).map(({ name }) => name);
    shown.push(`${instructions}: ${names.join(', or ') || 'not probed, since the base of a segment is refused'}`);
    const optional = found.size > 1;
    for (const { maps } of found) if (maps) mappings.push({ instructions, optional, maps });
  }
  for (const { instructions, maps } of TOLERANCES) mappings.push({ instructions, optional: true, maps });
  return { mappings, shown, failures };
}

function describeProbe({ bytes }: OracleCase, { fault, rip, gpr, rflags }: OracleResult): string {
  const end = fault ? `exception ${fault.vector}, cr2 ${hex(fault.cr2)}` : `no exception`;
  const registers = [...gpr].map((value) => value.toString(16)).join(' ');
  return `${describeBytes(bytes)}: ${end}, rip ${hex(rip)}, rflags ${hex(rflags)}, registers ${registers}`;
}
