/** gdb's remote protocol with a machine behind it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packagedImages } from '../../src/host/toolchain/image-file.js';
import { attachDebugger, attachTimeline, Computer, timeCommands, type Debugger, type Engine } from '../../src/index.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import { fuzz } from './gdb/fuzz.js';

const MIB = 2 ** 20;
const ENGINES: readonly Engine[] = ['auto', 'interpreter', 'evaluator'];

t.test('no packet crashes a machine or its host', async (t) => {
  const seed = seedOf(1);
  const random = new Random(seed);
  const image = readFileSync(join(packagedImages, 'fib'));
  let machines = 0;
  const makeTarget = (): Debugger => {
    machines++;
    const computer = new Computer({ memoryBytes: 4 * MIB, engine: random.pick(ENGINES) });
    computer.start(image, { name: 'main', argv: ['fib', '40'], limitBytes: MIB });
    return attachDebugger(computer, attachTimeline(computer, { historyBytes: 4 * MIB }));
  };
  const [program] = makeTarget().processes;
  const { entry, threads } = program!;
  const places = { code: entry, data: threads[0]!.stack.end - 0x200n };
  t.doesNotThrow(() =>
    fuzz(random, volume(1000, 20_000), makeTarget, places, (debug) => timeCommands(debug, debug.timeline!)),
  );
  t.ok(machines > 1, `${machines} machines`);
});
