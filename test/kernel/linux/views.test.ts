/** Processes that see the same addresses differently, in turns: no engine tells them apart, and nothing is decoded again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Computer, type Process } from '../../../src/index.js';
import { sha256 } from '../../../src/host/sha256.js';
import { ENGINES, evaluatorAnd, type EngineOptions } from '../../support/side-by-side.js';
import { seedOf } from '../../support/volume.js';

const source = fileURLToPath(new URL('../../../../test/kernel/linux/views/turns.c', import.meta.url));
const MIB = 2 ** 20;
const LINKING = { 'in one family': ['-static-pie'], 'at fixed addresses': ['-static', '-no-pie'] };
const TURNS = 200;
const TICKS_BETWEEN_HASHES = 10_000;
/** Instructions that may be decoded late, since longer numbers are printed; all that run are thousands. */
const DECODED_LATE = 100;
const seed = seedOf(13);

// One of its own: files that run in the same process have the directory of tap in common.
const directory = mkdtempSync(join(tmpdir(), 'bd0-views-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const compiled = Object.entries(LINKING).map(([name, options]) => {
  const path = join(directory, name);
  execFileSync('gcc', ['-O1', '-w', ...options, source, '-o', path]);
  return { name, path, image: new Uint8Array(readFileSync(path)) };
});

interface Started {
  readonly computer: Computer;
  readonly program: Process;
  readonly output: () => string;
}

function start(image: Uint8Array, turns: number, engine: EngineOptions, memoryBytes = 32 * MIB): Started {
  let output = '';
  const computer = new Computer({
    ...{ ...engine, memoryBytes, sha256 },
    console: { write: (bytes) => void (output += Buffer.from(bytes).toString()), read: () => 'end' },
  });
  const argv = ['turns', String(turns)];
  const program = computer.start(image, { name: 'turns', limitBytes: 2 ** 30, argv, linux: {} });
  return { computer, program, output: () => output };
}

/** Machine hashes in between and at the end, with what was printed. */
function run({ computer, program, output }: Started): string[] {
  const seen: string[] = [];
  while (computer.run(program, { maxTicks: TICKS_BETWEEN_HASHES }).kind === 'limit') seen.push(computer.machineHash());
  return [...seen, computer.machineHash(), output()];
}

for (const [index, { name, path, image }] of compiled.entries()) {
  t.test(`a family of forks ${name} does what it does natively, the same on every engine`, (t) => {
    const native = spawnSync(path, [String(TURNS)], { encoding: 'utf8' }).stdout;
    const expected = run(start(image, TURNS, ENGINES.evaluator));
    t.equal(expected.at(-1), native);
    for (const [engine, options] of Object.entries(evaluatorAnd(1, seed, index)))
      if (options !== ENGINES.evaluator) t.strictSame(run(start(image, TURNS, options)), expected, engine);
    t.end();
  });

  t.test(`a family of forks ${name} goes on from any moment`, (t) => {
    const through = start(image, TURNS, ENGINES.translator);
    run(through);
    const { computer, program } = start(image, TURNS, ENGINES.translator);
    computer.run(program, { maxTicks: through.computer.ticks - 20_000 });
    const snapshot = computer.snapshot();
    for (const ticks of [3000, 15_000, 500]) {
      computer.run(program, { maxTicks: ticks });
      computer.restore(snapshot);
    }
    computer.run(program);
    t.equal(computer.machineHash(), through.computer.machineHash());
    t.end();
  });

  t.test(`a family of forks ${name} that takes turns decodes nothing again, and drops no translations`, (t) => {
    const [few, many] = [300, 1500].map((turns) => {
      const started = start(image, turns, ENGINES.interpreter);
      run(started);
      return started.computer.statistics;
    });
    t.ok(many!.switches > few!.switches + 3000, `${many!.switches} switches`);
    t.ok(many!.decoded - few!.decoded < DECODED_LATE, `${few!.decoded} and then ${many!.decoded} decoded`);
    t.equal(many!.tlbDrops, few!.tlbDrops);
    t.end();
  });
}
