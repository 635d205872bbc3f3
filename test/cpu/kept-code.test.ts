/** Code that one run keeps for the next: it is used at once, and only where it is what it was. */
import t from 'tap';
import { TICKS, type CpuEvent } from '../../src/cpu/state/events.js';
import { RAX, RCX } from '../../src/cpu/state/layout.js';
import type { CodeKeeper, KeptCode } from '../../src/cpu/translator/kept/code-keeper.js';
import { Computer, type Process } from '../../src/index.js';
import { guestImage, sha256 } from '../support/guest-programs.js';
import { sameMachines } from '../support/same-machines.js';
import { READ_ONLY, READ_WRITE, hotCodeOf, smallMachine, type SmallMachine } from './translator/small-machine.js';

const CODE = 0x10_0000n;
const OTHER = 0x7f00_1234_5000n;
const NEXT = 0x1000n;
const FRAME = 0x2_0000;
const NEXT_FRAME = 0x2_1000;
/** As often as it pays to translate a loop of three instructions, several times over. */
const ROUNDS = 3_000_000;
const VMCALL = [0x0f, 0x01, 0xc1];

/** Adds `step` to RAX, RCX times; then VMCALL. */
function loop(step: number): number[] {
  return [...[0x83, 0xc0, step], ...[0xff, 0xc9], ...[0x75, 0xf9], ...VMCALL, ...[0xeb, 0xfe]];
}

const NOTHING: KeptCode = { regions: [], samples: [] };

/** Keeps in memory, without the host's machine code. */
class MemoryKeeper implements CodeKeeper {
  times = 0;
  constructor(public kept: KeptCode = NOTHING) {}
  compile({ record }: KeptCode['regions'][number]): WebAssembly.Module {
    return new WebAssembly.Module(record.bytes as BufferSource);
  }
  machineCodeOf(): undefined {
    return undefined;
  }
  keep(code: KeptCode): void {
    this.kept = code;
    this.times++;
  }
}

function machine(keeper: CodeKeeper, base: bigint, bytes: readonly number[], offset = 0): SmallMachine {
  const made = smallMachine('auto', { keeper });
  made.tables.map(base, FRAME, READ_WRITE);
  made.tables.map(base + NEXT, NEXT_FRAME, READ_ONLY);
  made.memory.ram.set(bytes, FRAME + offset);
  return made;
}

/** Runs from an address to VMCALL; returns RAX and the ticks taken. */
function run({ cpu }: SmallMachine, rip: bigint, rounds = ROUNDS): { rax: bigint; ticks: number } {
  cpu.state.rip = rip;
  cpu.state.setGpr(RAX, 0n);
  cpu.state.setGpr(RCX, BigInt(rounds));
  const before = cpu.ticks;
  for (let event: CpuEvent = TICKS; event.kind !== 'vmcall';) {
    event = cpu.run(100_000_000);
    if (event.kind !== 'ticks' && event.kind !== 'vmcall') throw new Error(`stopped by ${JSON.stringify(event)}`);
  }
  return { rax: cpu.state.gpr(RAX), ticks: cpu.ticks - before };
}

/** How many regions were translated, and how many were taken from what was kept. */
function counts({ cpu }: SmallMachine): [translated: number, taken: number] {
  const { modulesInAll, hitsInStore } = cpu.translationStats!;
  return [modulesInAll - hitsInStore, hitsInStore];
}

/** What a run of the loop keeps. */
function keptOf(base: bigint, bytes: readonly number[], offset = 0): KeptCode {
  const keeper = new MemoryKeeper();
  const made = machine(keeper, base, bytes, offset);
  run(made, base + BigInt(offset));
  t.strictSame(counts(made), [1, 0]);
  made.cpu.keepCode();
  t.equal(keeper.kept.regions.length, 1);
  return keeper.kept;
}

t.test('a run takes at once what an earlier one has kept, wherever it lies, and keeps it on', async (t) => {
  const kept = keptOf(CODE, loop(3));
  for (const base of [CODE, OTHER]) {
    const keeper = new MemoryKeeper(kept);
    const made = machine(keeper, base, loop(3));
    t.strictSame(run(made, base, 1000), { rax: 3000n, ticks: 3001 });
    t.strictSame(counts(made), [0, 1]);
    made.cpu.keepCode();
    t.equal(keeper.times, 0, 'nothing is new, so nothing is written');
  }
});

t.test('code in which a byte is another is not taken', async (t) => {
  const kept = keptOf(CODE, loop(3));
  const { page } = kept.regions[0]!;
  for (const [at, taken] of [
    [1, 0],
    [2, 0],
    [40, 1],
  ] as const) {
    const bytes = [...loop(3), ...Array<number>(40).fill(0)];
    bytes[at]! ^= 3;
    // The page counts as the same one, so that the bytes of the region alone decide.
    const made = machine(new MemoryKeeper(kept), CODE, bytes);
    const other = Buffer.from(sha256(made.memory.ram.subarray(FRAME, FRAME + 0x1000))).toString('hex');
    t.not(other, page);
    const named = { ...kept, regions: kept.regions.map((region) => ({ ...region, page: other })) };
    const again = machine(new MemoryKeeper(named), CODE, bytes);
    const expected = run(made, CODE, 100);
    t.strictSame(run(again, CODE, 100), expected);
    t.strictSame(counts(again), [0, taken], `byte ${at}`);
  }
});

t.test('code across two pages is taken when the second has been fetched from', async (t) => {
  const offset = 0x1000 - 6;
  const kept = keptOf(CODE, loop(2), offset);
  const made = machine(new MemoryKeeper(kept), CODE, loop(2), offset);
  t.equal(run(made, CODE + BigInt(offset), 1000).rax, 2000n);
  t.strictSame(counts(made), [0, 1]);
});

t.test('code that was taken is dropped when it is stored to', async (t) => {
  const kept = keptOf(CODE, loop(3));
  const made = machine(new MemoryKeeper(kept), CODE, loop(3));
  t.equal(run(made, CODE, 100).rax, 300n);
  made.memory.ram[FRAME + 2] = 5;
  made.cpu.linearMemory.stored(FRAME + 2, 1);
  t.equal(run(made, CODE, 100).rax, 500n);
  made.memory.ram[FRAME + 2] = 3;
  made.cpu.linearMemory.stored(FRAME + 2, 1);
  t.equal(run(made, CODE, 100).rax, 300n);
});

t.test('nothing is taken while there are code stops', async (t) => {
  const kept = keptOf(CODE, loop(3));
  const made = machine(new MemoryKeeper(kept), CODE, loop(3));
  const { codeStops } = made.cpu;
  codeStops.add({ start: Number(CODE) + 0x800, end: Number(CODE) + 0x801 });
  t.equal(run(made, CODE, 100).rax, 300n);
  t.strictSame(counts(made), [0, 0]);
});

t.test('samples of code that was not translated count in later runs, once for each block', async (t) => {
  const { page } = keptOf(CODE, loop(1)).regions[0]!;
  const keeper = new MemoryKeeper({ regions: [], samples: [{ page, samples: [0, 7, 3, 1500] }] });
  const made = machine(keeper, CODE, loop(1));
  run(made, CODE, 100);
  const { hot, profile } = hotCodeOf(made.cpu);
  t.strictSame([hot['kept']!.takeSamplesOf(CODE), hot['kept']!.takeSamplesOf(CODE)], [7, 0]);
  t.equal(hot['kept']!.takeSamplesOf(OTHER), 0);
  profile.add(CODE, 900);
  made.cpu.keepCode();
  t.equal(keeper.times, 1, 'so many more are written');
  t.strictSame(keeper.kept.samples, [{ page, samples: [3, 1500, 0, 900] }]);
});

t.test('samples of so many blocks are kept, those of pages that this run has seen before others', async (t) => {
  const { page } = keptOf(CODE, loop(1)).regions[0]!;
  const many = (name: string, first: number): KeptCode['samples'][number] => ({
    page: name,
    samples: Array.from({ length: 4096 }, (_, offset) => [offset, first]).flat(),
  });
  const others = Array.from({ length: 8 }, (_, i) => many(String(i).repeat(64), 1));
  const keeper = new MemoryKeeper({ regions: [], samples: others });
  const made = machine(keeper, CODE, loop(1));
  run(made, CODE, 100);
  hotCodeOf(made.cpu).profile.add(CODE, 100_000);
  made.cpu.keepCode();
  t.strictSame(keeper.kept.samples, [{ page, samples: [0, 100_000] }, ...others.slice(0, 4)]);
});

t.test('a machine with kept code is equal to one that interprets, at any tick', async (t) => {
  for (const [name, ...args] of [['sha256'], ['qsort'], ['fib', '27']] as const) {
    const image = await guestImage(name);
    const started = (codeKeeper?: CodeKeeper): { computer: Computer; program: Process } => {
      const engine = codeKeeper ? 'auto' : 'interpreter';
      const computer = new Computer({ engine, sha256, ...(codeKeeper && { codeKeeper }) });
      return { computer, program: computer.start(image, { name, limitBytes: 2 ** 30, argv: [name, ...args] }) };
    };
    const keeper = new MemoryKeeper();
    const first = started(keeper);
    first.computer.run(first.program, { maxTicks: 20_000_000 });
    first.computer.keepCode();
    t.ok(keeper.kept.regions.length > 0, `${name} keeps ${keeper.kept.regions.length} regions`);
    const [kept, expected] = [started(new MemoryKeeper(keeper.kept)), started()];
    for (const maxTicks of [1, 99_983, 3_000_017, 7, 1_000_003]) {
      for (const { computer, program } of [kept, expected]) computer.run(program, { maxTicks });
      sameMachines(t, kept.computer, expected.computer, `${name} at tick ${expected.computer.ticks}`);
    }
    t.ok(kept.computer.statistics.translation!.hitsInStore > 0, 'what was kept is used');
  }
});
