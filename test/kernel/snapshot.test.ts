/** Processes that give their memory a name, map what others have named, and go on from there: guest/snapshot.c. */
import t from 'tap';
import { Computer, MemoryNames, type NameSpace, type Process } from '../../src/index.js';
import { ScriptedConsole, guestImage, sha256 } from '../support/guest-programs.js';
import { ENGINES } from '../support/side-by-side.js';

const MIB = 2 ** 20;
const NUMBERS = '2000';

t.setTimeout(0);

/** A machine, and its names, which outlive it. */
class Machine {
  readonly console = new ScriptedConsole();
  readonly computer: Computer;
  names!: NameSpace;

  constructor(options: { engine?: 'auto' | 'interpreter' | 'evaluator' }) {
    this.computer = new Computer({
      ...options,
      memoryBytes: 32 * MIB,
      sha256,
      console: this.console,
      names: (store) => (this.names = new MemoryNames(store)),
    });
  }

  async start(...args: string[]): Promise<Process> {
    const image = await guestImage('snapshot');
    return this.computer.start(image, { name: 'snapshot', limitBytes: 1024 * MIB, argv: ['snapshot', ...args] });
  }

  /** Runs a process to its end. Answers what was written meanwhile, in lines. */
  finish(process: Process): string[] {
    this.console.restart([]);
    const outcome = this.computer.run(process);
    if (outcome.kind !== 'exited' || outcome.exitCode !== 0) throw new Error(`it ended as ${outcome.kind}`);
    return this.lines();
  }

  lines(): string[] {
    return this.console.output.toString().trimEnd().split('\n');
  }
}

/** What is told of a tree, behind the words that say of which. */
function told(line: string | undefined): string {
  return line?.slice(line.indexOf(':') + 2) ?? 'nothing';
}

t.test('one process names its heap and goes on; another maps it copy-on-write; a third one is restored', async (t) => {
  for (const [engine, options] of Object.entries(ENGINES)) {
    const machine = new Machine(options);
    const { computer } = machine;
    const saver = await machine.start('save', 'tree', NUMBERS);
    // Until the name is there, a moment after the first half of its work.
    while (![...machine.names.names()].includes('tree')) computer.run(saver, { maxTicks: 10_000 });
    t.equal(saver.end, undefined, `${engine}: the one who saves goes on`);

    const copies = computer.statistics.frames.copies;
    const looker = await machine.start('look', 'tree', '0');
    while (!looker.end) computer.run(looker, { maxTicks: 1000 });
    const found = told(machine.lines().find((line) => line.startsWith('found')));
    t.match(found, /^2000 numbers, sum \d+, checksum [0-9a-f]{16}$/, engine);
    t.ok(computer.statistics.frames.copies - copies < 200, 'pages are shared, not copied');

    while (!saver.end) computer.run(saver);
    const lines = machine.lines();
    const saved = lines.find((line) => line.startsWith('saved'));
    const grown = lines.find((line) => line.startsWith('grown on'));
    t.equal(told(saved), found, 'what is found is what was saved');

    t.same(
      machine.finish(await machine.start('resume', 'tree', NUMBERS)).map(told),
      [found, told(grown)],
      'one that goes on from there comes to where the first one came',
    );
    t.same(machine.finish(await machine.start('look', 'tree', NUMBERS)).map(told), [found, told(grown)]);
    t.same(machine.finish(await machine.start('look', 'tree', '0')).map(told), [found, found], 'the snapshot stays');
    const { private: privates, tables } = computer.statistics.frames;
    t.same({ privates, tables }, { privates: 0, tables: 1 }, 'all frames are given back');
  }
});

t.test(
  'a process that looks does not see what the one who saved does afterwards, nor the other way round',
  async (t) => {
    const machine = new Machine(ENGINES.interpreter);
    const saver = await machine.start('save', 'tree', NUMBERS);
    while (![...machine.names.names()].includes('tree')) machine.computer.run(saver, { maxTicks: 1000 });
    const snapshot = machine.names.lookup('tree')!;
    const { id } = snapshot;
    const other = await machine.start('resume', 'tree', NUMBERS);
    while (!saver.end) machine.computer.run(saver);
    while (!other.end) machine.computer.run(other);
    const grown = machine.lines().filter((line) => line.startsWith('grown on'));
    t.equal(grown.length, 2);
    t.equal(grown[0], grown[1], 'both went on alone, and came to the same');
    const now = machine.names.lookup('tree')!;
    t.equal(now.id, id);
    for (const vmo of [now, snapshot]) vmo.close();
  },
);
