/**
 * When translating pays: as soon as the interpreter has spent as much time in some code as translating it takes. The total is
 * then at most twice that of the better of the two, whatever the program does. Costs are in ticks of the interpreter, which
 * takes about 3 ns for one, and up to twice that in code with a flat profile: translating a third earlier makes some runs faster
 * and others slower (docs/benchmarks.md, "Real programs").
 */

/** Translating an instruction, with what the host's compilers do with it: about 90 us. */
const TICKS_OF_AN_INSTRUCTION = 30_000;

/** What a module costs, however short: about 1 ms. */
const TICKS_OF_A_MODULE = 300_000;

/** What a check that missed takes, rather than one that did not: about 150 ns. */
const TICKS_OF_A_MISS = 50;

/** Ticks that a region of so many instructions must save. */
export function costOfTranslating(instructions: number): number {
  return TICKS_OF_A_MODULE + instructions * TICKS_OF_AN_INSTRUCTION;
}

/** Ticks saved by each of so many misses, if there were none. */
export function costOfMisses(misses: number): number {
  return misses * TICKS_OF_A_MISS;
}

/** Ticks of the interpreter between two samples; prime, so that no loop runs in step with them. */
export const TICKS_BETWEEN_SAMPLES = 4079;

/** Samples at a block, for each of its instructions, with which it pays to translate it. */
export const PAYING_RATE = TICKS_OF_AN_INSTRUCTION / TICKS_BETWEEN_SAMPLES;
