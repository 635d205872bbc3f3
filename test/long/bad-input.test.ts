import t from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { BadCases, runSideBySide, specimens, Victim } from '../support/bad-input.js';
import { memoryInUse } from '../support/memory-in-use.js';
import { InstructionPool } from '../support/random-programs.js';
import { Random } from '../support/random.js';
import { SideBySide } from '../support/side-by-side.js';

/**
 * As test/bad-input.test.ts, with 100,000 images and as many random programs, or BD0_CASES, from BD0_SEED. A case takes 5 ms of CPU
 * time, and 140 ms on all engines: half an hour in all.
 */
const CASES = Number(process.env['BD0_CASES'] ?? 100_000);
const SEED = Number(process.env['BD0_SEED'] ?? 2);
/** Of so many cases one runs on all engines side by side. */
const SIDE_BY_SIDE_EVERY = 40;
/** Cases between two words of progress; the next ones have encodings of their own, and a machine with another memory. */
const PROGRESS = 2000;
const MEMORY_BYTES = [2 ** 17, 2 ** 20, 2 ** 22];
const MAX_TICKS = 16_000;
const SLICE_TICKS = [1, 2, 16, 1, 7, 100, 1, 500, 5000];

t.setTimeout(0);

t.test('no input crashes the emulator', async (t) => {
  const images = await specimens();
  for (let from = 0; from < CASES; from += PROGRESS) {
    const pool = new InstructionPool(new Decoder(), new Random(SEED + from));
    const cases = new BadCases(SEED, images, pool);
    const memoryBytes = MEMORY_BYTES[(from / PROGRESS) % MEMORY_BYTES.length]!;
    const victim = new Victim(memoryBytes, MAX_TICKS);
    const machines = new SideBySide({ memoryBytes, keptOutputBytes: 2 ** 20 });
    const end = Math.min(from + PROGRESS, CASES);
    for (let number = from; number < end; number++)
      for (const kind of ['image', 'program'] as const) {
        const badCase = cases.make(kind, number);
        victim.run(badCase);
        if (number % SIDE_BY_SIDE_EVERY === 0) runSideBySide(machines, badCase, SLICE_TICKS);
      }
    const { heap, resident } = memoryInUse();
    const memory = `heap ${heap >> 20} MiB, resident ${resident >> 20} MiB`;
    t.comment(`${end} of each: ${JSON.stringify(Object.fromEntries(victim.tally))}; ${memory}`);
  }
  t.pass('no case brings the machine down');
});
