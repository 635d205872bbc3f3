/**
 * What compilers make of C: programs of numeric kernels, loops that become vectors, strings, long double, complex numbers and
 * conversions, at each level of optimisation and of x86-64, write what they write natively. A few programs a day, others each day;
 * all of them in `npm run test:long`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../support/linux-programs.js';
import { seedOf, volume } from '../support/volume.js';

t.setTimeout(0);

const SEED = seedOf(3);
const SOURCES = ['kernels', 'strings', 'longdouble', 'conversions', 'vectors'];
const OPTIMISATIONS = ['-O0', '-O2', '-O3'];
const LEVELS = ['x86-64', 'x86-64-v2', 'x86-64-v3'];
const MATHEMATICS = ['sse', '387'];
const OPTIONS = ['-std=gnu11', '-D_GNU_SOURCE', '-Wno-psabi'];
const ENGINES = ['auto', 'interpreter'] as const;

/** A flag of /proc/cpuinfo that a processor of the level has, and none of the level below. */
const FLAGS: Readonly<Record<string, string>> = { 'x86-64-v2': 'sse4_2', 'x86-64-v3': 'avx2' };

interface Build {
  readonly source: string;
  readonly level: string;
  readonly options: readonly string[];
}

const BUILDS: readonly Build[] = SOURCES.flatMap((source) =>
  LEVELS.flatMap((level) =>
    OPTIMISATIONS.flatMap((optimisation) =>
      MATHEMATICS.map((unit) => ({ source, level, options: [optimisation, `-march=${level}`, `-mfpmath=${unit}`] })),
    ),
  ),
);

/** Other builds each day, of different sources; all have had their turn after a month, since 37 and 90 have no common divisor. */
const COUNT = volume(3, BUILDS.length);
const chosen = Array.from({ length: COUNT }, (_, i) => BUILDS[((SEED * COUNT + i) * 37) % BUILDS.length]!);

const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1]?.split(' '));

const pathOf = (source: string): string =>
  fileURLToPath(new URL(`../../../test/linux/compiled/${source}.c`, import.meta.url));

t.test('compiled programs write what they write natively', async (t) => {
  const lacking = new Map<string, number>();
  for (const { source, level, options } of chosen) {
    const flag = FLAGS[level];
    if (flag !== undefined && !flags.has(flag)) {
      lacking.set(level, (lacking.get(level) ?? 0) + 1);
      continue;
    }
    const program = await linuxProgram(pathOf(source), [...OPTIONS, ...options, '-lm']);
    const args = [String(SEED)];
    const native = runOnHost(program, args);
    const name = `${source} ${options.join(' ')}`;
    t.equal(native.exitCode, 0, `${name}: natively`);
    for (const engine of ENGINES.slice(0, volume(1, ENGINES.length))) {
      const { output, exitCode } = runInMachine(program, args, { engine });
      t.strictSame(output.split('\n'), native.output.split('\n'), `${name}: ${engine}`);
      t.equal(exitCode, native.exitCode);
    }
  }
  if (lacking.size > 0)
    t.comment(`the host lacks ${[...lacking].map(([name, n]) => `${name} (${n} builds)`).join(', ')}`);
});
