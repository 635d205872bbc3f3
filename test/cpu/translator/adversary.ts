/** The precision adversary: one program, whose state the evaluator knows after every tick. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PAGE_SIZE } from '../../../src/bits.js';
import type { TranslationThreshold } from '../../../src/cpu/cpu.js';
import { assemble } from '../../support/assemble.js';
import { BareMachine, CODE_FRAMES, DATA_PAGES, type BareProgram } from '../../support/bare-machine.js';

const SOURCE = fileURLToPath(new URL('../../../../test/cpu/translator/adversary.S', import.meta.url));
const CODE = 0x4000_0000n;
/** How far it is held to the evaluator. */
export const ADVERSARY_TICKS = 5000;
/** Offsets of `start` and of the other ways in. */
const RESUME_AT = [0, 16, 32, 48];

/** The program of adversary.S. */
export function adversary(): BareProgram {
  const image = new Uint8Array(CODE_FRAMES * PAGE_SIZE);
  image.set(assemble(readFileSync(SOURCE, 'utf8')));
  const data = Uint8Array.from({ length: DATA_PAGES * PAGE_SIZE }, (_, i) => i % 127);
  return { code: CODE, image, resumeAt: RESUME_AT, gpr: new Array<bigint>(16).fill(0n), data, isAccessed: true };
}

/** The hash of the evaluator after each tick from 0. */
export function evaluatorHashes(program: BareProgram, ticks = ADVERSARY_TICKS): string[] {
  const machine = new BareMachine('evaluator');
  machine.load(program);
  const hashes = [machine.hash()];
  while (hashes.length <= ticks) {
    machine.run(1);
    hashes.push(machine.hash());
  }
  return hashes;
}

/**
 * Runs a program in slices of each of these sizes, from the start each time, with code that stays compiled; answers where
 * its hash is first another one. A slice of more than half the ticks stops once, in one go from the start.
 */
export function differences(
  program: BareProgram,
  expected: readonly string[],
  threshold: TranslationThreshold,
  sliceSizes: Iterable<number>,
): string[] {
  const machine = new BareMachine('auto', threshold);
  machine.load(program);
  const wrong: string[] = [];
  for (const size of sliceSizes) {
    machine.restart();
    for (let at = size; at < expected.length; at += size) {
      machine.run(size);
      if (machine.hash() === expected[at]) continue;
      wrong.push(`in slices of ${size}: tick ${at}`);
      break;
    }
  }
  return wrong;
}
