/** Compares cases with the host's CPU, as far as it can run them, taking its known differences into account. */
import type { Row } from '../../../src/cpu/decode/row.js';
import type { Oracle, OracleCase, OracleResult, OracleState } from '../../oracle/case.js';
import { KilledError } from '../../oracle/native.js';
import { NEVER_RUN } from '../../oracle/refusals.js';
import { probeSurroundings, type Surroundings } from '../../oracle/surroundings.js';
import { rowName } from '../../support/row-names.js';
import { nativeDifference } from './compare.js';
import type { MeaningCase } from './generate.js';
import { Guest } from './guest.js';
import { probeBehaviour, type Expectation, type Followup, type HostBehaviour } from './host-differences.js';
import { hasFeature, probeHazards, whyNotAsked, type Hazards } from './never-asked.js';

/** How often a difference is asked again: a preempted or virtual CPU now and then gives an answer that it does not repeat. */
const SECOND_ANSWERS = 3;
/** One in so many cases may have an answer that the host does not repeat; a few always may. */
const UNSTEADY_ONE_IN = 2000;
const UNSTEADY_ALWAYS = 3;

/** Results of the cases of one CPUID feature. */
export interface FeatureTally {
  /** Cases that the host answered. */
  native: number;
  all: number;
}

/** A host that kills processes more often than this is not to be asked: its kernel may suffer from it. */
const MOST_KILLED = 8;

export class NativeCheck {
  readonly surroundings: Surroundings;
  readonly behaviour: HostBehaviour;
  /** Cases that the host answered. */
  cases = 0;
  /** Cases whose FS or GS base was refused. */
  refused = 0;
  /** Cases at which the host killed the process that ran them. */
  killed = 0;
  /** Cases that the host answered in two ways, of which one is as expected. */
  unsteady = 0;
  /** Cases that are not run on the host, by reason. */
  readonly notAsked = new Map<string, number>();
  /** Cases whose expected answer is not bd0's own, by the instructions of the difference. */
  readonly mapped = new Map<string, number>();
  /** By CPUID feature; '' is what every x86-64 CPU has. */
  readonly features = new Map<string, FeatureTally>();
  /** Cases that the host answered, by row. */
  readonly rows = new Map<Row, number>();
  private readonly hazards: Hazards;
  private readonly evaluator = new Guest('evaluator');

  /** Probes the host. Throws an Error if its surroundings or hazards are of an unknown kind. */
  constructor(private readonly oracle: Oracle) {
    this.surroundings = probeSurroundings(oracle);
    this.hazards = probeHazards(oracle);
    this.behaviour = probeBehaviour(oracle);
  }

  /** The host's answers; undefined for cases that it does not run or refuses. */
  ask(cases: readonly MeaningCase[]): (OracleResult | undefined)[] {
    const asked = cases.filter((c) => {
      const reason = whyNotAsked(c, this.oracle.host, this.hazards);
      if (reason !== undefined) count(this.notAsked, reason);
      return reason === undefined;
    });
    const { killed } = this;
    const results = this.answers(asked.map((c) => c.oracle));
    const byNumber = new Map(asked.map((c, i) => [c.number, results[i]]));
    this.cases += results.filter((result) => result !== undefined).length;
    this.refused += results.filter((result) => result === undefined).length - (this.killed - killed);
    for (const c of cases) this.tally(c, byNumber.get(c.number) !== undefined);
    return cases.map((c) => byNumber.get(c.number));
  }

  /** The host's answers to all cases but those at which it kills what asks, which are found by halving. */
  private answers(cases: readonly OracleCase[]): (OracleResult | undefined)[] {
    try {
      return this.oracle.ask(cases);
    } catch (error) {
      if (!(error instanceof KilledError) || this.killed === MOST_KILLED) throw error;
    }
    if (cases.length === 1) {
      this.killed++;
      return [undefined];
    }
    const half = cases.length >> 1;
    return [...this.answers(cases.slice(0, half)), ...this.answers(cases.slice(half))];
  }

  /** How the host's answer differs from what is expected of this host; undefined if it does not. */
  compare(c: MeaningCase, native: OracleResult, ours: Expectation): string | undefined {
    const difference = this.difference(c, native, ours);
    if (difference === undefined) return undefined;
    const again = this.oracle.ask(Array.from({ length: SECOND_ANSWERS }, () => c.oracle));
    if (again.every((result) => !result || this.difference(c, result, ours) !== undefined)) return difference;
    this.unsteady++;
    return undefined;
  }

  /** Features that the host has, and of which it has run no case although there are some. */
  featuresWithoutCases(): string[] {
    const without = [...this.features].filter(
      ([name, { native }]) => hasFeature(this.oracle.host, name) && native === 0,
    );
    return without.map(([name]) => name);
  }

  /** Rows whose feature the host has, and of which it has answered no case although there were some, or else are never run. */
  rowsWithoutCases(): string[] {
    const without = [...this.rows].filter(
      ([{ feature, mnemonic, modes }, answered]) =>
        answered === 0 &&
        modes.includes(64) &&
        hasFeature(this.oracle.host, feature) &&
        !Object.hasOwn(NEVER_RUN, mnemonic),
    );
    return without.map(([row]) => rowName(row));
  }

  /** True if the host repeats its answers often enough for them to count. */
  isSteady(): boolean {
    return this.unsteady <= UNSTEADY_ALWAYS + this.cases / UNSTEADY_ONE_IN;
  }

  private difference(c: MeaningCase, native: OracleResult, ours: Expectation): string | undefined {
    const difference = nativeDifference(c, native, ours, this.surroundings.shownFlags);
    // Most answers are bd0's own, and need no mapping unless the host never gives them.
    let expected = [ours];
    for (const { instructions, optional, maps } of this.behaviour.mappings) {
      if (optional && difference === undefined) continue;
      const mapped = expected.flatMap((state) => {
        const changes = maps({ c, native, ours: state, ask: this.followup });
        return changes ? [{ ...state, ...changes }] : [];
      });
      if (mapped.length === 0) continue;
      count(this.mapped, instructions);
      expected = optional ? [...expected, ...mapped] : mapped;
    }
    if (expected[0] === ours && expected.length === 1) return difference;
    const { shownFlags } = this.surroundings;
    const differences = expected.map((state) => nativeDifference(c, native, state, shownFlags));
    return differences.includes(undefined) ? undefined : differences.at(-1);
  }

  private readonly followup: Followup = {
    host: (c) => this.oracle.ask([c])[0],
    bd0: (c): OracleState => {
      const state = this.evaluator.run(c, 1);
      this.evaluator.takeStray();
      return state;
    },
  };

  private tally(c: MeaningCase, answered: boolean): void {
    const { row } = c.form;
    const { feature } = row;
    this.rows.set(row, (this.rows.get(row) ?? 0) + (answered ? 1 : 0));
    const tally = this.features.get(feature) ?? { native: 0, all: 0 };
    tally.all++;
    if (answered) tally.native++;
    this.features.set(feature, tally);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
