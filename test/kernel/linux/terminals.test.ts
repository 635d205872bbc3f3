/** Pseudo-terminals of Linux programs: keys, settings and signals do what they do on the host. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { firstDifference } from '../../support/linux-output.js';
import { linuxProgram, runInMachine } from '../../support/linux-programs.js';
import { ENGINES } from '../../support/side-by-side.js';
import { seedOf, volume } from '../../support/volume.js';

const sources = fileURLToPath(new URL('../../../../test/kernel/linux/terminals/', import.meta.url));
const MIB = 2 ** 20;
const seed = seedOf(20_269);
const count = volume(30, 2000);
/** The host brings bytes from one end to the other in the background: how often it is asked, and how often it has to agree. */
const RUNS = 4;
const AGREEING = 3;

t.setTimeout(0);

/** The output of each sequence, by its last line. */
function bySeed(output: string): Map<string, string> {
  const parts = output.split(/(^seed .*\n)/m);
  return new Map(Array.from({ length: parts.length >> 1 }, (_, i) => [parts[2 * i + 1]!, parts[2 * i]!]));
}

/** What the host says most often, if that is often enough. */
function settled(runs: readonly Map<string, string>[], name: string): string | undefined {
  const outputs = runs.map((run) => run.get(name));
  return outputs.find((output) => outputs.filter((other) => other === output).length >= AGREEING);
}

t.test('random use of a pseudo-terminal is what it is on the host', async (t) => {
  const program = await linuxProgram(`${sources}random.c`, ['-w']);
  const words = [String(seed * 1000), String(count), 'new'];
  const native = Array.from({ length: RUNS }, () =>
    bySeed(spawnSync(program, words, { encoding: 'latin1', maxBuffer: 256 * MIB }).stdout),
  );
  const { interpreter, translator } = ENGINES;
  const hashes = new Set<string>();
  let compared = 0;
  for (const engine of [interpreter, translator]) {
    const { output, exitCode, computer } = runInMachine(program, words, { ...engine, maxTicks: 1e11 });
    t.equal(exitCode, 0);
    hashes.add(computer.machineHash());
    const here = bySeed(output);
    t.equal(here.size, count);
    for (const [name, text] of here) {
      const expected = settled(native, name);
      if (expected === undefined) continue;
      compared++;
      if (!t.same(firstDifference(text, expected), undefined, name)) return;
    }
  }
  t.equal(hashes.size, 1, 'the same machine on both engines');
  t.ok(compared > count, `${compared} of ${2 * count} compared`);
});

/** What Linux 6.18 does; on a busy host, naps take too long to compare with it each time. */
const GAPS = [
  "5 bytes, 4 tenths, of 10: 3 'abc' 2 'de' 1 'f'",
  "2 bytes, 4 tenths, of 10: 1 'a' 3 'bcd' 2 'ef'",
  "4 bytes, 6 tenths, of 3: 3 'abc' 2 'de' 1 'f'",
  "0 bytes, 3 tenths, of 10: 1 'a' 0 '' 0 ''",
  "3 bytes, 0 tenths, of 10: 4 'abcd' 5 'efghi' 3 'jkl'",
  "0 bytes, 0 tenths, of 10: 0 '' 0 '' 0 ''",
];

t.test('a read waits for VMIN bytes, and for VTIME between them', async (t) => {
  const program = await linuxProgram(`${sources}gaps.c`, ['-w']);
  const { interpreter, translator } = ENGINES;
  for (const engine of [interpreter, translator]) {
    const { output, exitCode } = runInMachine(program, [], { ...engine, maxTicks: 1e11 });
    t.strictSame([output.trimEnd().split('\n'), exitCode], [GAPS, 0]);
  }
});
