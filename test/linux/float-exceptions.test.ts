/** Exceptions of SSE and AVX that are unmasked raise the signals that they raise on the host, within loops and in every engine. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../support/linux-programs.js';
import { seedOf } from '../support/volume.js';

const SOURCE = fileURLToPath(new URL('../../../test/linux/float-exceptions.c', import.meta.url));
const SEED = seedOf(3);

const ENGINES = [
  { name: 'interpreter', engine: 'interpreter' },
  { name: 'auto', engine: 'auto' },
  { name: 'auto, which translates at once', engine: 'auto', translationThreshold: 0 },
] as const;

t.setTimeout(0);

t.test('signals of unmasked exceptions, with MXCSR and the vectors that their handlers see', async (t) => {
  const program = await linuxProgram(SOURCE, ['-mno-avx']);
  const native = runOnHost(program, [`${SEED}`]);
  t.equal(native.exitCode, 0, 'natively');
  t.ok(
    native.output.split('\n').filter((line) => / [1-9]\d* /.test(line)).length > 10,
    'most instructions raise some, so that there is something to compare',
  );
  for (const { name, ...options } of ENGINES) {
    const { output } = runInMachine(program, [`${SEED}`], options);
    // The host may lack features, and leaves their instructions out.
    const lines = new Set(output.split('\n'));
    t.same(
      native.output.split('\n').filter((line) => !lines.has(line)),
      [],
      name,
    );
  }
});
