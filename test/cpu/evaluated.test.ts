/** No ordinary instruction is left to the evaluator because of its operands: it takes microseconds for each. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../support/linux-programs.js';

const SOURCE = fileURLToPath(new URL('../../../bench/cliffs/cliffs.c', import.meta.url));

/** Loops of at least 2,000 iterations, with several instructions each. */
const THOUSANDTHS = '1';
/** An access that crosses into a page is evaluated if that is touched for the first time: a load and a store for each of 17. */
const MOST: Readonly<Record<string, number>> = { MOV: 34 };
/** CPUID and XGETBV identify the processor, and SYSCALL leads to the kernel. */
const SYSTEM = ['CPUID', 'XGETBV', 'SYSCALL'];

t.setTimeout(0);

t.test('loops of every kind of operand run in compiled code, with the results of the host', async (t) => {
  const program = await linuxProgram(SOURCE, ['-O2']);
  const expected = runOnHost(program, ['all', THOUSANDTHS]);
  t.equal(expected.exitCode, 0);
  for (const engine of ['interpreter', 'auto'] as const) {
    const { output, computer } = runInMachine(program, ['all', THOUSANDTHS], { engine });
    // The host may lack features, and leaves their loops out.
    const lines = new Set(output.split('\n'));
    const others = expected.output.split('\n').filter((line) => !lines.has(line));
    t.same(others, [], `${engine}: the same results`);
    t.match(output, /^fma_matmul /m, `${engine}: with FMA`);
    const evaluated = Object.entries(computer.statistics.evaluated);
    const ordinary = evaluated.filter(([name, count]) => !SYSTEM.includes(name) && count > (MOST[name] ?? 0));
    t.same(ordinary, [], `${engine}: nothing but system instructions is evaluated`);
  }
});
