import t from 'tap';
import { Decoder } from '../../src/cpu/decoder.js';
import { PRESENT, WRITABLE } from '../../src/mmu/entry.js';
import { Random } from '../support/random.js';
import { CODE, CODE_PAGES, DATA, DATA_PAGES, Machines } from './engines/machines.js';
import { ProgramMaker, randomStart, type Program } from './engines/random-program.js';

const PROGRAMS = Number(process.env['BD0_PROGRAMS'] ?? 1500);
const SEED = Number(process.env['BD0_SEED'] ?? 1);
const STOPS = 24;
/** Ticks that a program runs for at a time. */
const SLICES = [1, 1, 2, 3, 4, 5, 7, 13, 50, 200, 1000];

/** What a kernel does between two slices of a program: maps, forbids, and writes code. */
function interfere(machines: Machines, program: Program, random: Random): void {
  const start = random.chance(2) ? CODE : DATA;
  const page = start + BigInt(random.below(start === CODE ? CODE_PAGES : DATA_PAGES)) * 4096n;
  switch (random.below(8)) {
    case 0: {
      const right = BigInt(random.pick([WRITABLE, PRESENT]));
      return machines.writeEntry(page, (entry) => entry ^ right);
    }
    case 1: {
      // Another frame of code or data.
      const frame = BigInt(0x10 + random.below(CODE_PAGES + DATA_PAGES)) << 12n;
      return machines.writeEntry(page, (entry) => (entry & ~0xf_f000n) | frame | BigInt(PRESENT));
    }
    case 2:
      // A and D are clear again.
      return machines.writeEntry(page, (entry) => entry & ~0x60n);
    case 3:
      return machines.writeCode(random.pick(program.starts), Uint8Array.of(0x90 + random.below(8)));
  }
}

function runProgram(machines: Machines, maker: ProgramMaker, number: number): Map<string, number> {
  const random = new Random(Math.imul(SEED, 0x2545_f491) + number);
  const program = maker.make(random);
  machines.load(program.code, program.data, randomStart(program, random));
  const events = new Map<string, number>();
  for (let stop = 0; stop < STOPS; stop++) {
    const event = machines.run(random.pick(SLICES));
    events.set(event.kind, (events.get(event.kind) ?? 0) + 1);
    if (event.kind !== 'ticks') machines.restart(randomStart(program, random));
    else if (random.chance(3)) interfere(machines, program, random);
  }
  return events;
}

t.test('every engine gives the same states at every stop, whatever the program and the slices', (t) => {
  const machines = new Machines();
  const maker = new ProgramMaker(new Decoder());
  const events = new Map<string, number>();
  let ticks = 0;
  for (let number = 0; number < PROGRAMS; number++) {
    try {
      for (const [kind, count] of runProgram(machines, maker, number))
        events.set(kind, (events.get(kind) ?? 0) + count);
      ticks += machines.reference.cpu.ticks;
    } catch (error) {
      t.comment(`program ${number} of seed ${SEED}\n${error instanceof Error ? error.stack : String(error)}`);
      t.fail(`program ${number} of seed ${SEED} differs`);
      return t.end();
    }
  }
  t.comment(`${PROGRAMS} programs, ${ticks} ticks, ${[...events].map((entry) => entry.join(' ')).join(', ')}`);
  t.comment(`the evaluator did ${machines.evaluated.join(' and ')} instructions for interpreter and translator`);
  t.ok(ticks > PROGRAMS, 'programs run');
  t.end();
});
