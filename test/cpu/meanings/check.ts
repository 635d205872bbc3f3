/** Runs cases on the host's CPU, the evaluator, the interpreter and the translator, and tells where they do not agree. */
import { Decoder } from '../../../src/cpu/decode/decoder.js';
import { generatedInterpreter } from '../../../src/cpu/interpreter/interpreter.js';
import { Handler } from '../../../src/cpu/engine/record.js';
import { describeBytes, type OracleResult } from '../../oracle/case.js';
import type { NativeOracle } from '../../oracle/native.js';
import { refusal } from '../../oracle/refusals.js';
import { formatGuestDifference, nativeDifference, sameGuestState } from './compare.js';
import { hasDefinedResult } from './defined.js';
import { makeMeaningCase, type MeaningCase } from './generate.js';
import { Guest, type GuestState } from './guest.js';
import { HOST_DIFFERENCES, neverEnds, type Spoilt } from './host-differences.js';

/** Cases made and run at a time. */
const BATCH = 8192;
/** One in so many cases the whole memory is searched for stores outside the windows, though the oracle tells of none. */
const STRAY_SEARCH = 16;

/** What became of the cases of one form. */
export interface FormTally {
  cases: number;
  /** Those that ended without an exception. */
  completed: number;
  /** Of them, those that the interpreter did without the evaluator. */
  compiled: number;
}

export interface CheckOptions {
  /** The case numbers and this choose the cases. */
  readonly seed: number;
  /** Without it, only our engines are held to each other. */
  readonly oracle?: NativeOracle | undefined;
  /** Of the cases with a cold TLB, one in so many is translated too, which takes a hundred times as long as all the rest. */
  readonly translateEvery: number;
}

export class MeaningsCheck {
  readonly decoder = new Decoder();
  readonly failures: string[] = [];
  /** Cases that the oracle has answered, and those it does not run, by reason. */
  nativeCases = 0;
  /** Those that the translator did without the evaluator. */
  translatedCases = 0;
  readonly withoutOracle = new Map<string, number>();
  /** Cases to which a difference of the host applies, by its instructions. */
  readonly spoiltCases = new Map<string, number>();
  readonly forms: FormTally[];
  readonly events = new Map<string, number>();
  private readonly evaluator = new Guest('evaluator');
  private readonly interpreter = new Guest('interpreter');
  private readonly translator = new Guest('auto');
  private readonly seed: number;
  private readonly oracle: NativeOracle | undefined;
  private readonly translateEvery: number;
  private coldCases = 0;

  constructor({ seed, oracle, translateEvery }: CheckOptions) {
    this.seed = seed;
    this.oracle = oracle;
    this.translateEvery = translateEvery;
    this.forms = this.decoder.forms.map(() => ({ cases: 0, completed: 0, compiled: 0 }));
  }

  /** Checks `count` cases from number `from`. */
  run(from: number, count: number): void {
    for (let start = from; start < from + count; start += BATCH) {
      const length = Math.min(BATCH, from + count - start);
      const cases = Array.from({ length }, (_, i) => makeMeaningCase(this.decoder, this.seed, start + i));
      const answers = this.askOracle(cases);
      cases.forEach((c, i) => this.check(c, answers[i]));
    }
  }

  /** True where a compiled handler exists for a form. */
  hasHandler(formId: number): boolean {
    return generatedInterpreter().handlerOfForm[formId] !== Handler.evaluate;
  }

  private askOracle(cases: readonly MeaningCase[]): (OracleResult | undefined)[] {
    const { oracle } = this;
    if (!oracle) return [];
    const asked = cases.filter((c) => {
      const reason = this.whyNotAsked(c);
      if (reason !== undefined) count(this.withoutOracle, reason);
      return reason === undefined;
    });
    const results = oracle.run(asked.map((c) => c.oracle));
    this.nativeCases += results.length;
    const byNumber = new Map(asked.map((c, i) => [c.number, results[i]!]));
    return cases.map((c) => byNumber.get(c.number));
  }

  private whyNotAsked(c: MeaningCase): string | undefined {
    const reason = refusal(c.oracle.bytes);
    if (reason !== undefined) return reason;
    const { feature } = c.form.row;
    const needed = feature === '' ? undefined : (HOST_NAMES[feature] ?? feature);
    if (needed !== undefined && !this.oracle!.host.features.has(needed)) return `this host lacks ${feature}`;
    if (neverEnds(c, this.oracle!.host)) return 'an IRET that Linux would repeat for ever';
    return hasDefinedResult(c) ? undefined : 'the manual leaves the result undefined';
  }

  private check(c: MeaningCase, native: OracleResult | undefined): void {
    const ours = this.evaluator.step(c);
    const compiled = this.interpreter.run(c, ours.ticks);
    this.tally(c, ours, compiled);
    if (!sameGuestState(ours, compiled))
      this.fail(c, 'the interpreter (actual) differs from the evaluator', formatGuestDifference(ours, compiled));
    if (c.cold && this.coldCases++ % this.translateEvery === 0) this.checkTranslator(c, ours);
    const stray = this.findStray(c, native);
    if (native) this.compareWithNative(c, native, ours, stray);
  }

  /** The first byte that our engines have stored outside the windows, in this case or (if the oracle has none) a few before. */
  private findStray(c: MeaningCase, native: OracleResult | undefined): bigint | undefined {
    if (native ? native.stray === undefined && c.number % STRAY_SEARCH !== 0 : this.oracle) return undefined;
    const stray = this.evaluator.takeStray();
    if (this.interpreter.takeStray() !== stray) this.fail(c, 'the engines store to different places', '');
    return stray;
  }

  private checkTranslator(c: MeaningCase, ours: GuestState): void {
    const translated = this.translator.run(c, ours.ticks);
    this.translator.takeStray();
    if (translated.evaluated === 0) this.translatedCases++;
    if (!sameGuestState(ours, translated))
      this.fail(c, 'the translator (actual) differs from the evaluator', formatGuestDifference(ours, translated));
  }

  private compareWithNative(c: MeaningCase, native: OracleResult, ours: GuestState, stray: bigint | undefined): void {
    const spoilt = new Set<Spoilt>();
    for (const difference of HOST_DIFFERENCES)
      if (difference.applies({ c, native, ours, host: this.oracle!.host })) {
        spoilt.add(difference.spoils);
        count(this.spoiltCases, difference.instructions);
      }
    if (spoilt.has('case')) return;
    const found = nativeDifference(c, native, ours, stray, spoilt);
    if (found !== undefined) this.fail(c, "the evaluator (actual) differs from the host's CPU", found);
  }

  private tally(c: MeaningCase, ours: GuestState, compiled: GuestState): void {
    const form = this.forms[c.form.id]!;
    form.cases++;
    count(this.events, ours.fault ? `${ours.event} ${ours.fault.vector}` : ours.event);
    if (ours.event !== 'ticks') return;
    form.completed++;
    if (compiled.evaluated === 0) form.compiled++;
  }

  private fail(c: MeaningCase, what: string, states: string): void {
    const { encoding, mnemonic } = c.form.row;
    const { bytes, codeOffset, maxSteps } = c.oracle;
    const where = `seed ${this.seed}, case ${c.number}: ${mnemonic} (${encoding}), form ${c.form.id}`;
    const how = `${describeBytes(bytes)} at ${codeOffset}, ${c.ticks} ticks, steps ${maxSteps}${c.cold ? ', cold TLB' : ''}`;
    this.failures.push(`${where}\n${how}\n${what}\n${states}`);
  }
}

/** Features of rows under the names that the oracle's host has for them. */
const HOST_NAMES: Readonly<Record<string, string>> = { LAHF64: 'LAHF', CRC32: 'SSE4_2' };

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
