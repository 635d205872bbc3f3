import t, { type Test } from 'tap';
import { PAGE_SIZE } from '../../src/bits.js';
import { MXCSR_DEFAULT } from '../../src/cpu/evaluator/float/mxcsr.js';
import { CODE, CODE_PAGES, DATA_PAGES, describeEvent, Machines } from './engines/machines.js';
import { hotScenarios } from './engines/hot-scenarios.js';
import { LONG_LOOP, SCENARIOS, type Scenario } from './engines/scenarios.js';
import { seedOf, someOf, volume } from '../support/volume.js';
import { pointerAtPageEnd } from './engines/random-program.js';
import { runPairs, runPrograms } from './engines/random-run.js';

/** Random programs; test/long/engines.test.ts runs more. */
const PROGRAMS = volume(8, 50);
const STATES_PER_PAIR = volume(6, 12);
const SEED = seedOf(1);
const INT3 = 0xcc;
const NO_REGISTERS = { xmm: new Uint8Array(256), rflags: 0x202, mxcsr: MXCSR_DEFAULT };

/** Runs a scenario in slices of so many ticks. */
function play(t: Test, machines: Machines, scenario: Scenario, slice: number): void {
  const { name, code, gpr = {}, start = 0, events, between = [], result, ticks } = scenario;
  const bytes = new Uint8Array(CODE_PAGES * PAGE_SIZE).fill(INT3);
  for (const [offset, instructions] of Object.entries(code)) bytes.set(instructions, Number(offset));
  const registers = new BigUint64Array(16);
  for (const [register, value] of Object.entries(gpr)) registers[Number(register)] = value;
  const data = new Uint8Array(DATA_PAGES * PAGE_SIZE);
  machines.load(bytes, data, { ...NO_REGISTERS, rip: CODE + BigInt(start), gpr: registers });
  const ticksBefore = machines.reference.cpu.ticks;
  const found: string[] = [];
  for (const step of events.keys()) {
    let event = machines.run(slice);
    while (event.kind === 'ticks') event = machines.run(slice);
    found.push(describeEvent(event));
    if (step < events.length - 1) between[step]?.(machines);
  }
  const { cpu } = machines.reference;
  const values = Object.keys(result).map((register) => [register, cpu.state.gpr(Number(register))]);
  t.same(found, events, `${name}, ${slice} ticks at a time`);
  t.same(Object.fromEntries(values), result, 'registers');
  if (ticks !== undefined) t.equal(cpu.ticks - ticksBefore, ticks, 'ticks');
}

t.setTimeout(0);

t.test('all engines handle the pitfalls of decoding ahead', (t) => {
  const machines = new Machines();
  for (const [index, scenario] of SCENARIOS.entries())
    for (const slice of someOf([1, 2, 3, 7, 100_000], 3, SEED, index)) play(t, machines, scenario, slice);
  t.end();
});

t.test('code and control flow that change while hot', (t) => {
  const machines = new Machines();
  for (const [index, scenario] of hotScenarios().entries())
    for (const slice of someOf([1, 3, 100_000], 2, SEED, index)) play(t, machines, scenario, slice);
  t.end();
});

t.test('translating a program while it runs does not affect it', (t) => {
  const machines = new Machines([
    ['evaluator', 0],
    ['auto', 2],
  ]);
  for (const slice of [70_001, 1_000_000]) play(t, machines, LONG_LOOP, slice);
  t.end();
});

t.test('fused instructions have the same effect as separate ones', (t) => {
  runPairs(t, SEED, STATES_PER_PAIR);
  t.end();
});

t.test('an instruction reads a page-table entry as it was before its own store sets A and D there', (t) => {
  // In this program an instruction copies the entry that maps its destination.
  runPrograms(t, 20785, 17, 18);
  t.end();
});

t.test('all engines reach the same state at every stop, for random programs and slices', (t) => {
  runPrograms(t, SEED, 0, PROGRAMS);
  t.end();
});

t.test('the same with accesses that cross pages', (t) => {
  runPrograms(t, SEED, PROGRAMS, 2 * PROGRAMS, pointerAtPageEnd);
  t.end();
});
