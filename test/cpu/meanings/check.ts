/** Runs cases on the host's CPU, the evaluator, the interpreter and the translator, and reports where they disagree. */
import { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { Row } from '../../../src/cpu/decode/row.js';
import { generatedInterpreter } from '../../../src/cpu/interpreter/interpreter.js';
import { Handler } from '../../../src/cpu/engine/record.js';
import { Vector } from '../../../src/cpu/state/exceptions.js';
import { describeBytes, type Oracle, type OracleResult } from '../../oracle/case.js';
import { UNRESTRICTED, type Surroundings } from '../../oracle/surroundings.js';
import { formatGuestDifference, sameGuestState } from './compare.js';
import { makeMeaningCase, type MeaningCase } from './generate.js';
import { Guest, type GuestState } from './guest.js';
import { NativeCheck } from './native-check.js';

/** Cases made and run at a time. */
const BATCH = 8192;
/** One in this many cases has all memory searched for stores outside the windows even though the oracle found none. */
const STRAY_SEARCH = 16;

/** Results of the cases of one form. */
export interface FormTally {
  cases: number;
  /** Those that ended without an exception. */
  completed: number;
  /** Of those, the ones that the interpreter executed without the evaluator. */
  compiled: number;
}

export interface CheckOptions {
  /** Determines the cases, together with their numbers. */
  readonly seed: number;
  /** Without it, our engines are only compared with each other. */
  readonly oracle?: Oracle | undefined;
  /** Of the cases with a cold TLB, one in so many is translated too, which takes a hundred times as long as all the rest. */
  readonly translateEvery: number;
}

export class MeaningsCheck {
  readonly decoder = new Decoder();
  readonly failures: string[] = [];
  /** The comparison with the oracle, if there is one. */
  readonly native: NativeCheck | undefined;
  /** Cases that the translator executed without the evaluator. */
  translatedCases = 0;
  readonly forms: FormTally[];
  readonly events = new Map<string, number>();
  /** The rows that have raised #XM. */
  readonly raisedXm = new Set<Row>();
  private readonly evaluator = new Guest('evaluator');
  private readonly interpreter = new Guest('interpreter');
  /** With the guest's registers in locals, and in the CPU's state, and with tail calls and without; they take turns. */
  private readonly translators = [
    new Guest('auto', { mostInLocals: Infinity }),
    new Guest('auto', { mostInLocals: 0, tailCalls: false }),
  ];
  private readonly seed: number;
  private readonly surroundings: Surroundings;
  private readonly translateEvery: number;
  private coldCases = 0;
  private translations = 0;

  constructor({ seed, oracle, translateEvery }: CheckOptions) {
    this.seed = seed;
    this.native = oracle && new NativeCheck(oracle);
    this.surroundings = this.native?.surroundings ?? UNRESTRICTED;
    this.failures.push(...(this.native?.behaviour.failures ?? []));
    this.translateEvery = translateEvery;
    this.forms = this.decoder.forms.map(() => ({ cases: 0, completed: 0, compiled: 0 }));
  }

  /** Checks `count` cases from number `from`. */
  run(from: number, count: number): void {
    for (let start = from; start < from + count; start += BATCH)
      this.checkAll(Array.from({ length: Math.min(BATCH, from + count - start) }, (_, i) => start + i));
  }

  /** Checks `count` more cases of a form: the first ones that `run` would come to after `cases` of each form. */
  runForm(formId: number, cases: number, count: number): void {
    this.checkAll(Array.from({ length: count }, (_, i) => formId + (cases + i) * this.forms.length));
  }

  /** Whether a compiled handler exists for a form. */
  hasHandler(formId: number): boolean {
    return generatedInterpreter().handlerOfForm[formId] !== Handler.evaluate;
  }

  private checkAll(numbers: readonly number[]): void {
    const cases = numbers.map((number) => makeMeaningCase(this.decoder, this.seed, number, this.surroundings));
    const answers = this.native?.ask(cases) ?? [];
    cases.forEach((c, i) => this.check(c, answers[i]));
  }

  private check(c: MeaningCase, native: OracleResult | undefined): void {
    const ours = this.evaluator.step(c);
    const compiled = this.interpreter.run(c, ours.ticks);
    this.tally(c, ours, compiled);
    if (!sameGuestState(ours, compiled))
      this.fail(c, 'the interpreter (actual) differs from the evaluator', formatGuestDifference(ours, compiled));
    if (c.cold && this.coldCases++ % this.translateEvery === 0) this.checkTranslator(c, ours);
    const stray = this.findStray(c, native);
    const difference = native && this.native!.compare(c, native, { ...ours, stray });
    if (difference !== undefined)
      this.fail(c, "the host's CPU (expected) differs from the evaluator (actual)", difference);
  }

  /** The first byte that our engines have stored outside the windows, in this case or (if the oracle has none) a few before. */
  private findStray(c: MeaningCase, native: OracleResult | undefined): bigint | undefined {
    if (native && native.stray === undefined && c.number % STRAY_SEARCH !== 0) return undefined;
    const stray = this.evaluator.takeStray();
    if (this.interpreter.takeStray() !== stray) this.fail(c, 'the engines store to different places', '');
    return stray;
  }

  private checkTranslator(c: MeaningCase, ours: GuestState): void {
    const translator = this.translators[this.translations++ % this.translators.length]!;
    const translated = translator.run(c, ours.ticks);
    translator.takeStray();
    if (translated.evaluated === 0) this.translatedCases++;
    if (!sameGuestState(ours, translated))
      this.fail(c, 'the translator (actual) differs from the evaluator', formatGuestDifference(ours, translated));
  }

  private tally(c: MeaningCase, ours: GuestState, compiled: GuestState): void {
    const form = this.forms[c.form.id]!;
    form.cases++;
    count(this.events, ours.fault ? `${ours.event} ${ours.fault.vector}` : ours.event);
    if (ours.fault?.vector === Vector.XM) this.raisedXm.add(c.form.row);
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

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
