/** Runs random programs on bare machines of every engine, which must be equal at every stop. */
import type { Test } from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { BareEngines } from './bare-engines.js';
import { branchingProgram } from './branching-programs.js';
import { InstructionPool } from './random-programs.js';
import { randomThreshold } from './random-threshold.js';
import { Random } from './random.js';

/** Ticks of the slices that a program runs in; there is one of 10,000 at the end, for what has become hot. */
const SLICES = [1, 1, 2, 3, 7, 20, 64, 333, 1000];
const SLICES_PER_PROGRAM = 14;
const LAST_SLICES = [3000, 10_000];

/** Runs programs `from` to `to` of a seed. Fails with the number of the first whose states differ, and with the states. */
export function runBranchingPrograms(t: Test, seed: number, from: number, to: number): void {
  const pool = new InstructionPool(new Decoder(), new Random(seed));
  let thresholds = randomThreshold(0);
  const engines = new BareEngines([
    { engine: 'interpreter' },
    { engine: 'auto', translationThreshold: 0 },
    { engine: 'auto', translationThreshold: (rip) => thresholds(rip), name: 'auto with random thresholds' },
  ]);
  let events = 0;
  for (let number = from; number < to; number++) {
    const random = new Random(Math.imul(seed, 0x2545_f491) + number);
    const program = branchingProgram(pool, random);
    thresholds = randomThreshold(number);
    const slices = Array.from({ length: SLICES_PER_PROGRAM }, () => random.pick(SLICES));
    try {
      engines.run(program, [...slices, random.pick(LAST_SLICES)]);
    } catch (error) {
      return void t.fail(`program ${number} of seed ${seed}: ${(error as Error).message}`);
    }
    events += engines.log.length;
  }
  t.ok(events > to - from, `${to - from} programs, ${events} faults, traps and calls`);
}
