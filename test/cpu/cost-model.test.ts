/** When code is translated where no threshold is given: when it has paid for that, and not before. */
import fc from 'fast-check';
import t from 'tap';
import { PAYING_RATE, TICKS_BETWEEN_SAMPLES, costOfTranslating } from '../../src/cpu/translator/cost-model.js';
import { Bytes, READ_WRITE, smallMachine, type SmallMachine } from './translator/small-machine.js';

const SEED = Number(process.env['BD0_SEED'] ?? 1);
const CODE = 0x4000_0000n;
const FRAME = 0x1_0000;
/** MOV ECX, times; loop: DEC ECX; JNZ loop. */
const LOOP_INSTRUCTIONS = 2;

t.setTimeout(0);

/** A machine that runs loops one after the other, each so many times, and then the first again. */
function loops(times: readonly number[]): SmallMachine {
  const made = smallMachine('auto');
  const code = new Bytes();
  for (const each of times) code.put(0xb9).number(4, each).put(0xff, 0xc9, 0x75, 0xfc);
  code.jump(0);
  made.tables.map(CODE, FRAME, READ_WRITE);
  made.memory.ram.set(code.bytes, FRAME);
  made.cpu.state.rip = CODE;
  return made;
}

/** The cost of all that has been translated, in ticks of the interpreter. */
function costSoFar({ cpu }: SmallMachine): number {
  const { modulesInAll, instructionsTranslated } = cpu.translationStats!;
  return modulesInAll * costOfTranslating(0) + costOfTranslating(instructionsTranslated) - costOfTranslating(0);
}

t.test('whatever runs for however long, translating never costs more than has been interpreted', (t) => {
  const count = fc.integer({ min: 0, max: 20 }).map((log) => 1 + 2 ** log);
  let translated = 0;
  fc.assert(
    fc.property(
      fc.array(count, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 4_000_000 }),
      (times, ticks) => {
        const made = loops(times);
        made.cpu.run(ticks);
        const cost = costSoFar(made);
        if (cost > 0) translated++;
        if (cost > ticks + TICKS_BETWEEN_SAMPLES) throw new Error(`${cost} for ${ticks} ticks`);
      },
    ),
    { numRuns: 60, seed: SEED },
  );
  t.ok(translated > 5, `${translated} programs had something translated`);
  t.end();
});

t.test('a loop is translated once it has taken what that costs, and not before', (t) => {
  const cost = costOfTranslating(LOOP_INSTRUCTIONS);
  const made = loops([2 ** 30]);
  made.cpu.run(cost - TICKS_BETWEEN_SAMPLES);
  t.equal(made.cpu.translationStats!.modulesInAll, 0, 'before');
  made.cpu.run(2 * cost);
  t.equal(made.cpu.translationStats!.modulesInAll, 1, 'after');
  made.cpu.run(50 * cost);
  t.equal(made.cpu.translationStats!.modulesInAll, 1, 'once');
  t.ok(PAYING_RATE > 1, 'a block that pays has been found more often than it has instructions');
  t.end();
});
