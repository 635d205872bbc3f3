/** Random code in every mode outside long mode, at all privileges: whatever it does happens to the guest, and on both engines alike. */
import t from 'tap';
import { Board } from '../../../src/board.js';
import { boot } from '../../../src/boot/boot.js';
import { sha256 } from '../../../src/host/sha256.js';
import { user } from '../../support/mode-cases.js';
import { inRealMode, inVirtualMode, modeKernel } from '../../support/mode-kernel.js';
import { Random } from '../../support/random.js';
import { seedOf, volume } from '../../support/volume.js';

t.setTimeout(0);

const SEED = seedOf(20261130);
const KERNELS = volume(2, 100);
const CASES = 40;
const CODE_BYTES = 40;
const TICKS = 100_000;
const MEMORY_BYTES = 4 * 2 ** 20;

const PAGING = 'call identity_tables; mov eax, cr0; or eax, 0x80010000';
const MODES: readonly ((code: string) => string)[] = [
  (code) => code,
  user,
  inRealMode,
  (code) => inVirtualMode(0, code),
  (code) => inVirtualMode(3, code),
  (code) => `${PAGING}; mov ecx, offset directory; mov cr3, ecx; mov cr0, eax; ${code}`,
  (code) => `${PAGING}; mov ecx, 0x20; mov cr4, ecx; mov ecx, offset pointers; mov cr3, ecx; mov cr0, eax; ${code}`,
];

t.test('random code never ends bd0, and does the same on both engines', async (t) => {
  const random = new Random(SEED);
  const ends = new Set<string>();
  for (let number = 0; number < KERNELS; number++) {
    const cases = Array.from({ length: CASES }, () => {
      const bytes = Array.from({ length: CODE_BYTES }, () => random.below(256));
      return MODES[random.below(MODES.length)]!(`.byte ${bytes.join(', ')}`);
    });
    const kernel = modeKernel(cases);
    const found = (['evaluator', 'interpreter'] as const).map((engine) => {
      const board = new Board({ memoryBytes: MEMORY_BYTES, engine, sha256, send: () => {} });
      boot(board, { name: 'random', kernel, commandLine: '' });
      const { kind } = board.run(TICKS);
      ends.add(kind);
      return [kind, board.ticks, board.machineHash()];
    });
    t.same(found[1], found[0], `kernel ${number}`);
  }
  t.comment(`seed ${SEED}; ends: ${[...ends].join(', ')}`);
});
