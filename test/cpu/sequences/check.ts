/** Runs sequences on every engine, and each step of theirs on the host's CPU. */
import { Decoder } from '../../../src/cpu/decode/decoder.js';
import { describeBytes, type Oracle } from '../../oracle/case.js';
import { UNRESTRICTED, type Surroundings } from '../../oracle/surroundings.js';
import { Random } from '../../support/random.js';
import { formatGuestDifference, sameGuestState } from '../meanings/compare.js';
import { Guest, type GuestCase, type GuestState } from '../meanings/guest.js';
import { NativeCheck } from '../meanings/native-check.js';
import { FormDeck, groupOf, type Group } from './groups.js';
import { CASES_PER_SEQUENCE, makeSequence, type Maker, type Sequence, type Step } from './make-sequence.js';

/** Of the sequences, one in this many is translated, which takes as long as all the rest of a sequence. */
const TRANSLATE_EVERY = 4;
/** Sequences made before the host is asked about their steps. */
const BATCH = 256;

export class SequencesCheck {
  readonly failures: string[] = [];
  readonly native: NativeCheck | undefined;
  sequences = 0;
  steps = 0;
  /** Sequences that the translator ran without the evaluator. */
  translated = 0;
  readonly byGroup = new Map<Group, number>();
  private readonly maker: Maker;
  private readonly evaluator = new Guest('evaluator');
  private readonly interpreter = new Guest('interpreter');
  /** With the guest's registers in locals, and in the CPU's state; they take turns. */
  private readonly translators = [
    new Guest('auto', { mostInLocals: Infinity }),
    new Guest('auto', { mostInLocals: 0 }),
  ];

  /** `oracle`: the host's CPU; without it, the engines are compared with each other. `seed` determines the sequences. */
  constructor(
    private readonly seed: number,
    oracle: Oracle | undefined,
  ) {
    this.native = oracle && new NativeCheck(oracle);
    this.failures.push(...(this.native?.behaviour.failures ?? []));
    const surroundings: Surroundings = this.native?.surroundings ?? UNRESTRICTED;
    const decoder = new Decoder();
    this.maker = { decoder, deck: new FormDeck(decoder.forms), evaluator: new Guest('evaluator'), surroundings };
  }

  /** Checks `count` sequences from number `from`. */
  run(from: number, count: number): void {
    for (let start = from; start < from + count; start += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, from + count - start) }, (_, i) => start + i);
      const made = numbers.map((number) => makeSequence(this.maker, this.randomOf(number), number));
      this.askHost(made);
      for (const sequence of made) this.checkEngines(sequence);
    }
  }

  private randomOf(number: number): Random {
    return new Random((Math.imul(this.seed, 0x2545_f491) + Math.imul(number, 0x9e37_79b1)) | 0);
  }

  /** Compares the evaluator's state after each step with the host's. */
  private askHost(made: readonly Sequence[]): void {
    const steps = made.flatMap((sequence) => sequence.steps.map((step, i) => ({ sequence, step, i })));
    const answers = this.native?.ask(steps.map(({ step }) => step.c)) ?? [];
    steps.forEach(({ sequence, step, i }, at) => {
      const answer = answers[at];
      const difference = answer && this.native!.compare(step.c, answer, { ...step.after, stray: undefined });
      if (difference !== undefined)
        this.fail(sequence, i, "the host's CPU (expected) differs from the evaluator (actual)", difference);
    });
  }

  /** Compares each engine that runs the whole sequence with the states of the steps. */
  private checkEngines(sequence: Sequence): void {
    const { steps, number } = sequence;
    if (steps.length === 0) return;
    this.sequences++;
    this.steps += steps.length;
    for (const { c } of steps) this.byGroup.set(groupOf(c.form), (this.byGroup.get(groupOf(c.form)) ?? 0) + 1);
    const all = steps.map((_, i) => i);
    this.checkEngine(sequence, 'interpreter', this.interpreter, all);
    this.checkEngine(sequence, 'evaluator', this.evaluator, [steps.length - 1]);
    if (number % TRANSLATE_EVERY !== 0) return;
    // The last state, and one on the way, where time is up inside the compiled code.
    const turn = number / TRANSLATE_EVERY;
    const translator = this.translators[turn % this.translators.length]!;
    const some = [steps.length - 1, Math.floor(turn / this.translators.length) % steps.length];
    if (this.checkEngine(sequence, 'translator', translator, some) === 0) this.translated++;
  }

  /** Runs a sequence up to each of some steps. Returns how many instructions of the first run were evaluated. */
  private checkEngine(sequence: Sequence, name: string, guest: Guest, upTo: readonly number[]): number {
    const whole = wholeCase(sequence);
    const ticks = ticksAfter(sequence.steps);
    const states = upTo.map((i) => {
      const actual = guest.run(whole, ticks[i]!);
      guest.takeStray();
      const expected = { ...sequence.steps[i]!.after, ticks: ticks[i]!, entries: actual.entries };
      if (!sameGuestState(expected, actual))
        this.fail(sequence, i, `the ${name} (actual) differs in the sequence`, formatGuestDifference(expected, actual));
      return actual;
    });
    return states[0]!.evaluated;
  }

  private fail({ number, steps }: Sequence, at: number, what: string, states: string): void {
    const listing = steps.slice(0, at + 1).map(({ c }) => `  ${c.form.row.mnemonic}: ${describeBytes(c.oracle.bytes)}`);
    const where = `seed ${this.seed}, sequence ${number}, after instruction ${at}`;
    this.failures.push([where, ...listing, what, states].join('\n'));
  }
}

/** The sequence as the code of one case. */
function wholeCase({ number, steps }: Sequence): GuestCase {
  const first = steps[0]!.c;
  const bytes = Uint8Array.from(steps.flatMap(({ c }) => [...c.oracle.bytes]));
  return {
    number: number * CASES_PER_SEQUENCE,
    oracle: { ...first.oracle, bytes },
    contents: first.contents,
    ticks: ticksAfter(steps).at(-1)!,
    cold: false,
  };
}

/** Ticks from the start to the end of each step. */
function ticksAfter(steps: readonly Step[]): number[] {
  let sum = 0;
  return steps.map(({ after }: { after: GuestState }) => (sum += after.ticks));
}
