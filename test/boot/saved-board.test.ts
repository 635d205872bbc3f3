/** Bare machines that are saved and resumed: the same machine from there on, on every engine. */
import t from 'tap';
import { Board } from '../../src/board.js';
import { Computer } from '../../src/computer.js';
import { sha256 } from '../../src/host/sha256.js';
import { SavedSnapshotError } from '../../src/state/saved-values.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { kernelMachine } from '../support/board-machine.js';

const MEMORY_BYTES = 4 * 2 ** 20;
/** In 32-bit code, between interrupts, and in ring 3. */
const MOMENTS = [3, 2_000_017, 9_500_000];
const END = 12_000_000;

t.test('a resumed board goes on as the one that was saved', async (t) => {
  const disk = { open: (store: VmoStore) => store.zeros(10_000) };
  const { board, sent } = kernelMachine('interpreter', {
    ...{ memoryBytes: MEMORY_BYTES, model: 'v1', disks: [disk], virtio: ['rng'], startSeconds: 12_345 },
  });
  board.disks[0]!.write(512, Uint8Array.of(1, 2, 3));
  const saved = MOMENTS.map((tick) => {
    board.run(tick);
    const content = new VmoStore(sha256);
    return { tick, hash: board.machineHash(), sent: sent.length, vmo: board.saveSnapshot(board.snapshot(), content) };
  });
  const event = board.run(END);
  const last = board.machineHash();
  for (const [number, { tick, hash, vmo, ...before }] of saved.entries()) {
    const engine = (['auto', 'interpreter', 'auto'] as const)[number]!;
    const more: number[] = [];
    const resumed = Board.resume(vmo, { engine, sha256, send: (byte) => more.push(byte) });
    t.equal(resumed.ticks, tick);
    t.equal(resumed.machineHash(), hash, `at tick ${tick}`);
    t.same(resumed.disks[0]!.read(512, 4), Uint8Array.of(1, 2, 3, 0));
    t.same(resumed.run(END), event);
    t.equal(resumed.machineHash(), last, `from ${tick} on, with ${engine}`);
    t.same(more, sent.slice(before.sent));
  }
});

t.test('what is not a saved board is refused', async (t) => {
  const resume = (vmo: VmoHandle): Board => Board.resume(vmo, { sha256, send: () => {} });
  const store = new VmoStore(sha256);
  t.throws(() => resume(store.zeros(4096)), SavedSnapshotError);
  const computer = new Computer({ memoryBytes: MEMORY_BYTES });
  const program = computer.saveSnapshot(computer.snapshot(), store);
  t.throws(() => resume(program), { name: 'SavedSnapshotError', message: /not a bare machine/ });
  const { board } = kernelMachine('interpreter', { memoryBytes: MEMORY_BYTES });
  const kernel = board.saveSnapshot(board.snapshot(), store);
  t.throws(() => Computer.resume(kernel), { name: 'SavedSnapshotError', message: /bd0 boot --resume/ });
});
