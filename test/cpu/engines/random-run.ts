/** Runs random programs on every engine and compares the engines at every stop. */
import type { Test } from 'tap';
import { PAGE_SIZE } from '../../../src/bits.js';
import { Decoder } from '../../../src/cpu/decode/decoder.js';
import { ACCESSED, DIRTY, PRESENT, WRITABLE } from '../../../src/mmu/entry.js';
import { Random } from '../../support/random.js';
import { evict, switchProgram, takeTable } from './kernel-acts.js';
import {
  CODE,
  CODE_FRAME,
  CODE_PAGES,
  DATA,
  DATA_PAGES,
  ENGINES,
  Machines,
  SPARE_CODE_FRAMES,
  SPARE_TABLE_FRAMES,
  type EngineChoice,
  type Start,
} from './machines.js';
import { ProgramMaker, randomStart, type Program } from './random-program.js';

/** Number of stops of a program. */
const STOPS = 24;
/** Ticks between stops. */
const SLICES = [1, 1, 2, 3, 4, 5, 7, 13, 50, 200, 1000];

/**
 * Operations of BD0's kernel between two slices: running another program at the same address, creating and freeing
 * tables, reusing frames.
 */
function manage(machines: Machines, program: Program, random: Random): void {
  const runMeanwhile = (): void => {
    if (random.chance(2)) machines.run(random.pick(SLICES));
  };
  switch (random.below(4)) {
    case 0: {
      const frame = random.pick(SPARE_TABLE_FRAMES);
      const taken: ReturnType<typeof takeTable>[] = [];
      machines.each((guest) => taken.push(takeTable(guest, CODE)));
      runMeanwhile();
      return taken.forEach((giveBack) => giveBack(frame));
    }
    case 1: {
      const frame = random.pick([CODE_FRAME, CODE_FRAME + 1, CODE_FRAME + 2, ...SPARE_CODE_FRAMES]);
      const page = random.below(CODE_PAGES);
      const content = random.below(CODE_PAGES) * PAGE_SIZE;
      const filled: ReturnType<typeof evict>[] = [];
      machines.each((guest) => filled.push(evict(guest, frame)));
      runMeanwhile();
      const bytes = program.code.subarray(content, content + PAGE_SIZE);
      return filled.forEach((fill) => fill(CODE + BigInt(page * PAGE_SIZE), bytes));
    }
    default: {
      const turns = random.below(CODE_PAGES);
      return machines.each((guest) => switchProgram(guest, turns));
    }
  }
}

/** Operations of a kernel between two slices of a program: mapping, protecting and writing code. */
function interfere(machines: Machines, program: Program, random: Random): void {
  const alone = random.chance(2);
  const start = random.chance(2) ? CODE : DATA;
  const page = start + BigInt(random.below(start === CODE ? CODE_PAGES : DATA_PAGES)) * 4096n;
  if (random.chance(3)) return manage(machines, program, random);
  switch (random.below(9)) {
    case 0: {
      const right = BigInt(random.pick([WRITABLE, PRESENT]));
      return machines.writeEntry(page, (entry) => entry ^ right, alone);
    }
    case 1: {
      // Another frame of code or data.
      const frame = BigInt(CODE_FRAME + random.below(CODE_PAGES + DATA_PAGES)) << 12n;
      return machines.writeEntry(page, (entry) => (entry & ~0xf_f000n) | frame | BigInt(PRESENT), alone);
    }
    case 2:
      // A and D are clear again.
      return machines.writeEntry(page, (entry) => entry & ~BigInt(ACCESSED | DIRTY), alone);
    case 3: {
      // Gone, and back before anybody has looked, or later.
      const gone = (): void => machines.writeEntry(page, (entry) => entry & ~BigInt(PRESENT), alone);
      const back = (): void => machines.writeEntry(page, (entry) => entry | BigInt(PRESENT), alone);
      gone();
      if (random.chance(2)) machines.run(random.pick(SLICES));
      return back();
    }
    case 4:
      return machines.writeCode(random.pick(program.starts), Uint8Array.of(0x90 + random.below(8)));
  }
}

/** Rows that programs had not when one that a test runs by its number was found. */
const NOT_IN_NUMBERED = ['ENTER', 'RDTSC'];

function runProgram(
  machines: Machines,
  maker: ProgramMaker,
  random: Random,
  events: Map<string, number>,
  pointer?: (random: Random) => bigint,
): void {
  const program = maker.make(random);
  const start = (): Start => randomStart(program, random, pointer);
  machines.load(program.code, program.data, start());
  for (let stop = 0; stop < STOPS; stop++) {
    const { kind } = machines.run(random.pick(SLICES));
    events.set(kind, (events.get(kind) ?? 0) + 1);
    if (kind !== 'ticks') machines.restart(start());
    else if (random.chance(3)) interfere(machines, program, random);
  }
}

/** Runs each fused pair of the interpreter from a number of states, both at once and tick by tick. */
export function runPairs(t: Test, seed: number, states: number): void {
  const machines = new Machines([
    ['evaluator', 0],
    ['interpreter', 0],
  ]);
  const maker = new ProgramMaker(new Decoder());
  const left: number[] = [];
  for (let pair = 0; pair < maker.pairCount; pair++) {
    let fused = 0;
    // Some pairs seldom hit memory that is mapped.
    for (let state = 0; state < states || (fused === 0 && state < 20 * states); state++) {
      const random = new Random(Math.imul(seed, 0x2545_f491) + pair * 20 * states + state);
      const program = maker.makePair(pair, random);
      const start = randomStart(program, random);
      for (const slice of [1, 2, 1000]) {
        machines.load(program.code, program.data, start);
        const before = machines.evaluated[0]!;
        let event = machines.run(slice);
        while (event.kind === 'ticks') event = machines.run(slice);
        // The evaluator does VMCALL, and nothing else.
        if (slice > 2 && event.kind === 'vmcall' && machines.evaluated[0] === before + 1) fused++;
      }
    }
    if (fused === 0) left.push(pair);
  }
  t.same(left, [], `${maker.pairCount} pairs run fused`);
}

/** Engines for programs with accesses across pages. */
const CROSSING: readonly EngineChoice[] = [...ENGINES.slice(0, -1), ['auto', 0, 'crosses']];

/** Runs programs `from` to `to` of a seed, with pointers of a kind. Fails with the number and the states of the first one that differs. */
export function runPrograms(
  t: Test,
  seed: number,
  from: number,
  to: number,
  pointer?: (random: Random) => bigint,
): void {
  const machines = pointer ? new Machines(CROSSING) : new Machines();
  const maker = new ProgramMaker(new Decoder(), pointer ? [] : NOT_IN_NUMBERED);
  const events = new Map<string, number>();
  for (let number = from; number < to; number++) {
    try {
      runProgram(machines, maker, new Random(Math.imul(seed, 0x2545_f491) + number), events, pointer);
    } catch (error) {
      t.comment(error instanceof Error ? error.stack : String(error));
      return void t.fail(`program ${number} of seed ${seed} differs`);
    }
  }
  const { ticks } = machines.reference.cpu;
  t.comment(`${to - from} programs, ${ticks} ticks, ${[...events].map((entry) => entry.join(' ')).join(', ')}`);
  t.comment(`the evaluator did ${machines.evaluated.join(' and ')} of them for interpreter and translator`);
  t.ok(ticks > to - from, 'the programs run');
}
