/** When code is translated where no threshold is given: when it has paid for that, and not before. */
import t from 'tap';
import { PAYING_RATE, TICKS_BETWEEN_SAMPLES, costOfTranslating } from '../../src/cpu/translator/cost-model.js';
import { GPR, RAX, RSI } from '../../src/cpu/state/layout.js';
import fc from '../support/fast-check.js';
import { Bytes, READ_WRITE, hotCodeOf, smallMachine, type SmallMachine } from './translator/small-machine.js';

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

/** Bytes from one block to the next of a program that jumps between blocks, and how many blocks there are. */
const SLOT_BYTES = 128;
const BLOCKS = 8;

/** Blocks of ADD RBX, 1, each so long, which jump to each other as a generator of pseudo-random numbers in RDX says. */
function jumps(lengths: readonly number[]): SmallMachine {
  const made = smallMachine('auto');
  lengths.forEach((length, block) => {
    const code = new Bytes();
    for (let i = 0; i < length; i++) code.put(0x48, 0x83, 0xc3, 0x01);
    code.put(0x48, 0x69, 0xd2).number(4, 1_103_515_245).put(0x48, 0x81, 0xc2).number(4, 12_345);
    code.put(0x48, 0x89, 0xd0, 0x48, 0xc1, 0xe8, 0x10, 0x83, 0xe0, BLOCKS - 1, 0xc1, 0xe0, Math.log2(SLOT_BYTES));
    code.put(0x48, 0x01, 0xf0, 0xff, 0xe0);
    made.memory.ram.set(code.bytes, FRAME + block * SLOT_BYTES);
  });
  made.tables.map(CODE, FRAME, READ_WRITE);
  made.cpu.state.rip = CODE;
  made.memory.hostView.setBigUint64(GPR + 8 * RSI, CODE, true);
  return made;
}

t.test('whichever ways lead to hot code, none of it is left to the interpreter in the end', (t) => {
  const lengths = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: BLOCKS, maxLength: BLOCKS });
  fc.assert(
    fc.property(lengths, (each) => {
      const made = jumps(each);
      const { cpu } = made;
      const { profile } = hotCodeOf(cpu);
      const cost = costOfTranslating(each.reduce((sum, length) => sum + length + 8, 0));
      cpu.run(6 * cost);
      const before = profile.total;
      cpu.run(4 * cost);
      const interpreted = (profile.total - before) * TICKS_BETWEEN_SAMPLES;
      if (interpreted > cost / 10) throw new Error(`${interpreted} of ${4 * cost} ticks`);
    }),
    { numRuns: 10, seed: SEED },
  );
  t.end();
});

/** The instructions of a loop that the next program begins with. */
const LONG = 600;

/**
 * A loop of LONG instructions, whose last block jumps to R8, which runs RCX times; then a loop that jumps to that last block,
 * which the first one has reached from above only.
 */
function entersWithin(times: number): SmallMachine {
  const made = smallMachine('auto');
  const code = new Bytes();
  const addressOf = (offset: number): bigint => CODE + BigInt(offset);
  const [first, second, last] = [64, 32, 64 + 4 * LONG + 2];
  const loadR8 = (value: bigint): Bytes => code.put(0x49, 0xb8).number(8, value);
  loadR8(addressOf(first - 4));
  code.put(0xb9).number(4, times);
  code.put(0xeb, first - 4 - code.bytes.length - 2);
  while (code.bytes.length < second) code.put(0x90);
  loadR8(addressOf(second + 10))
    .load(RAX, addressOf(last))
    .put(0xff, 0xe0);
  while (code.bytes.length < first - 4) code.put(0x90);
  code.put(0xff, 0xc9).put(0x74, (second - first) & 0xff);
  for (let i = 0; i < LONG; i++) code.put(0x48, 0x83, 0xc3, 0x01);
  code.put(0x74, 0x00);
  code.put(0x48, 0x83, 0xc2, 0x01, 0x41, 0xff, 0xe0);
  made.tables.map(CODE, FRAME, READ_WRITE);
  made.memory.ram.set(code.bytes, FRAME);
  made.cpu.state.rip = CODE;
  return made;
}

t.test('a block of a region is entered from elsewhere long before that pays for the whole region', (t) => {
  const times = (10 * costOfTranslating(LONG)) / LONG;
  const { cpu } = entersWithin(times);
  const { profile } = hotCodeOf(cpu);
  cpu.run(times * (LONG + 6));
  t.equal(cpu.translationStats!.modulesInAll, 1, 'the loop is translated');
  const before = profile.total;
  cpu.run(2 * costOfTranslating(LONG));
  const interpreted = (profile.total - before) * TICKS_BETWEEN_SAMPLES;
  t.ok(interpreted > 0, 'the block was not entered before');
  t.ok(interpreted < costOfTranslating(LONG) / 4, `${interpreted} ticks in the interpreter`);
  t.equal(cpu.translationStats!.modulesInAll, 2);
  t.ok(cpu.translationStats!.instructionsTranslated < LONG + 40, 'the region is not made again');
  t.end();
});
