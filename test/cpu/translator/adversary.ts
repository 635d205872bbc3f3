/** The precision adversary: one program, whose state the evaluator knows after every tick. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGE_SIZE } from '../../../src/bits.js';
import { BareMachine, CODE_FRAMES, DATA_PAGES, type BareProgram } from '../../support/bare-machine.js';

const SOURCE = fileURLToPath(new URL('../../../../test/cpu/translator/adversary.S', import.meta.url));
const CODE = 0x4000_0000n;
/** Offsets of `start` and `resume`. */
const RESUME_AT = [0, 16];

/** Assembles it. */
export function adversary(): BareProgram {
  const directory = mkdtempSync(join(tmpdir(), 'bd0-adversary-'));
  try {
    const output = join(directory, 'adversary');
    execFileSync('gcc', ['-nostdlib', '-static', '-Wl,--entry=0,--oformat=binary', '-o', output, SOURCE]);
    const image = new Uint8Array(CODE_FRAMES * PAGE_SIZE);
    image.set(readFileSync(output));
    const data = Uint8Array.from({ length: DATA_PAGES * PAGE_SIZE }, (_, i) => i % 127);
    return { code: CODE, image, resumeAt: RESUME_AT, gpr: new Array<bigint>(16).fill(0n), data };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** All that a bare machine can be told apart by: registers, flags, events, the whole of memory. */
export function hashOf(machine: BareMachine): string {
  return createHash('sha1').update(machine.describe().join()).update(machine.ram).digest('hex');
}

/** The hash of the evaluator after each tick from 0. */
export function evaluatorHashes(program: BareProgram, ticks: number): string[] {
  const machine = new BareMachine('evaluator');
  machine.load(program);
  const hashes = [hashOf(machine)];
  while (hashes.length <= ticks) {
    machine.run(1);
    hashes.push(hashOf(machine));
  }
  return hashes;
}
