/** Background compilation of regions: states do not differ, and stale code is never entered. */
import t from 'tap';
import { setImmediate as turn } from 'node:timers/promises';
import { Cpu } from '../../src/cpu/cpu.js';
import { RAX, RCX } from '../../src/cpu/state/layout.js';
import type { Compilation, TranslationThreshold } from '../../src/cpu/translator/options.js';
import { Computer, type ComputerOptions } from '../../src/index.js';
import { GuestMemory } from '../../src/memory.js';
import { guestImage, sha256 } from '../support/guest-programs.js';
import { collectGarbage } from '../support/memory-in-use.js';
import { hotCodeOf, READ_WRITE, smallMachine, type SmallMachine } from './translator/small-machine.js';

const CODE = 0x10_0000n;
const FRAME = 0x2_0000;
const SLICE = 10_000;

/** Lets the host compile pending code; returns whether everything is compiled. */
async function compiled(cpu: Cpu): Promise<boolean> {
  const { hot } = hotCodeOf(cpu);
  for (let turns = 0; turns < 10_000 && hot['pending']['all'].size > 0; turns++) await turn();
  return hot['pending']['all'].size === 0;
}

/** ADD EAX, step; DEC ECX; JNZ; JMP to itself. */
function loop(step: number): number[] {
  return [0x83, 0xc0, step, 0xff, 0xc9, 0x75, 0xf9, 0xeb, 0xfe];
}

function machine(): SmallMachine {
  const made = smallMachine('auto', { threshold: 0, compilation: 'async' });
  made.tables.map(CODE, FRAME, READ_WRITE);
  made.memory.ram.set(loop(1), FRAME);
  restart(made);
  return made;
}

function restart({ cpu }: SmallMachine): void {
  cpu.state.rip = CODE;
  cpu.state.setGpr(RAX, 0n);
  cpu.state.setGpr(RCX, 1000n);
}

t.test('the machine equals a synchronously compiling one every 10,000 ticks', async (t) => {
  const image = await guestImage('qsort');
  const make = (options: ComputerOptions): { computer: Computer; step: () => string } => {
    const computer = new Computer({ memoryBytes: 2 ** 24, sha256, ...options });
    const process = computer.start(image, { name: 'guest', limitBytes: 2 ** 26, argv: ['qsort', '2000'] });
    const step = (): string => `${computer.run(process, { maxTicks: SLICE }).kind} ${computer.machineHash()}`;
    return { computer, step };
  };
  for (const translationThreshold of [1, 0] satisfies TranslationThreshold[]) {
    const sync = make({ translationThreshold });
    const background = make({ translationThreshold, compilation: 'async' });
    for (let slice = 0; slice < 100; slice++) {
      const expected = sync.step();
      if (background.step() !== expected) t.fail(`differs after ${slice + 1} slices`);
      if (!expected.startsWith('limit')) break;
      await turn();
    }
    t.ok(await compiled(background.computer['cpu']));
    const { regionsLive, entriesChained, entriesFromTypeScript } = background.computer.statistics.translation!;
    t.ok(regionsLive > 0 && entriesChained + entriesFromTypeScript > 0, 'code was compiled and run');
    // While code is being compiled, the interpreter decodes what it would not have run.
    const { decoded, translation: _, ...counts } = background.computer.statistics;
    const { decoded: decodedAtOnce, translation: __, ...expected } = sync.computer.statistics;
    t.strictSame(counts, expected);
    t.ok(decoded >= decodedAtOnce, `${decoded} and ${decodedAtOnce} instructions decoded`);
  }
});

t.test('code is entered only once it is ready', async (t) => {
  const made = machine();
  const { cpu } = made;
  cpu.run(100);
  t.match(cpu.translationStats, { regionsLive: 0, modulesInAll: 0, entriesFromTypeScript: 0 });
  t.ok(cpu['records']!.holds(FRAME / 4096), 'stores to the frame are watched');
  t.ok(await compiled(cpu));
  t.match(cpu.translationStats, { regionsLive: 1, modulesInAll: 1 });
  cpu.run(3000);
  const { entriesFromTypeScript, entriesChained } = cpu.translationStats!;
  t.ok(entriesFromTypeScript + entriesChained > 0);
  t.equal(cpu.state.gpr(RAX), 1000n);
});

t.test('code changed while it is being compiled is not entered', async (t) => {
  const made = machine();
  const { cpu, memory } = made;
  cpu.run(100);
  memory.ram.set(loop(3), FRAME);
  cpu.linearMemory.stored(FRAME, loop(3).length);
  t.ok(await compiled(cpu));
  t.equal(cpu.translationStats!.regionsLive, 0);
  restart(made);
  cpu.run(3000);
  t.equal(cpu.state.gpr(RAX), 3000n);
  t.ok(await compiled(cpu));
  restart(made);
  cpu.run(3000);
  t.equal(cpu.state.gpr(RAX), 3000n);
  t.ok(cpu.translationStats!.entriesFromTypeScript > 0);
  memory.ram.set(loop(1), FRAME);
  cpu.linearMemory.stored(FRAME, loop(1).length);
  restart(made);
  cpu.run(3000);
  t.equal(cpu.state.gpr(RAX), 1000n);
  t.ok(cpu.translationStats!.hitsByContent > 0, 'what was compiled in vain is of use when the bytes are back');
});

t.test('code whose mapping changes while it is being compiled is not entered', async (t) => {
  const made = machine();
  const { cpu, memory, tables } = made;
  cpu.run(100);
  memory.ram.set(loop(5), FRAME + 0x1000);
  const entry = tables.entryAddress(CODE);
  memory.write64(entry, (memory.read64(entry) & 0xfffn) | BigInt(FRAME + 0x1000));
  cpu.linearMemory.stored(entry, 8);
  t.ok(await compiled(cpu));
  restart(made);
  cpu.run(3000);
  t.equal(cpu.state.gpr(RAX), 5000n);
});

t.test('a machine discarded during compilation is garbage collected', async (t) => {
  const forget = async (): Promise<WeakRef<GuestMemory>> => {
    const { cpu, memory } = machine();
    cpu.run(100);
    t.equal(hotCodeOf(cpu).hot['pending']['all'].size, 1);
    return new WeakRef(memory);
  };
  const memory = await forget();
  for (let turns = 0; turns < 1000 && memory.deref(); turns++) {
    await turn();
    collectGarbage();
  }
  t.equal(memory.deref(), undefined);
});

t.test('the next run reports code that the host refuses to compile', async (t) => {
  const { instantiate } = WebAssembly;
  t.teardown(() => (WebAssembly.instantiate = instantiate));
  WebAssembly.instantiate = () => Promise.reject<never>(new Error('out of memory'));
  const { cpu } = machine();
  cpu.run(100);
  t.ok(await compiled(cpu));
  t.throws(() => cpu.run(100), /out of memory/);
});

t.test("'auto' compiles large code in the background if there is a document", async (t) => {
  const isInBackground = (compilation: Compilation, lengthBytes: number): boolean =>
    hotCodeOf(smallMachine('auto', { compilation }).cpu).hot['maker']['isLarge'](new Uint8Array(lengthBytes));
  const all = (): boolean[] => [4096, 4097].map((bytes) => isInBackground('auto', bytes));
  t.strictSame(all(), [false, false]);
  Object.assign(globalThis, { document: {} });
  t.teardown(() => Reflect.deleteProperty(globalThis, 'document'));
  t.strictSame(all(), [false, true]);
  t.equal(isInBackground('sync', 1e6), false);
  t.equal(isInBackground('async', 1), true);
});
