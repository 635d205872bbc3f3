/** The state of a bare machine: going back restores it exactly, at every moment of guest/kernel and after its end. */
import t from 'tap';
import type { Board } from '../../src/board.js';
import { VIRTIO_KINDS } from '../../src/devices/pci/pci-devices.js';
import { NAME_SERVER, ipv4Address } from '../../src/network/addresses.js';
import type { VmoStore } from '../../src/vmo/store.js';
import { kernelMachine } from '../support/board-machine.js';
import { NetworkGuest } from '../support/network-guest.js';
import { Random } from '../support/random.js';
import { piecesOf } from '../support/state-walker.js';
import { undescribed } from '../support/undescribed.js';
import { seedOf } from '../support/volume.js';

const seed = seedOf(20261130);
/** Small, since the hash covers all of it. */
const MEMORY_BYTES = 4 * 2 ** 20;
const END = 12_000_000;
/** The kernel is in 32-bit code for its first ticks, and in ring 3 near the end. */
const MOMENTS = [0, 3, 40, 2_000_017, 9_500_000];

t.test('a run that goes on from a snapshot is the same run again, on all engines', async (t) => {
  const random = new Random(seed);
  for (const engine of ['interpreter', 'evaluator', 'auto'] as const) {
    const { board } = kernelMachine(engine, { memoryBytes: MEMORY_BYTES });
    const most = engine === 'evaluator' ? 100_000 : END;
    const ticks = [...MOMENTS, ...Array.from({ length: 5 }, () => random.below(most))].filter((tick) => tick <= most);
    const points = [...ticks, most].sort((a, b) => a - b);
    const states = points.map((tick) => {
      board.run(tick);
      return { tick: board.ticks, snapshot: board.snapshot(), hash: board.machineHash() };
    });
    for (let times = 0; times < 20; times++) {
      const from = random.below(states.length);
      const to = from + random.below(Math.min(3, states.length - from));
      board.restore(states[from]!.snapshot);
      t.equal(board.machineHash(), states[from]!.hash, `${engine}: back to ${states[from]!.tick}, seed ${seed}`);
      if (to > from) board.run(points[to]!);
      const now = board.snapshot();
      if (board.machineHash() === states[to]!.hash && now.equals(states[to]!.snapshot)) continue;
      t.fail(`${engine}: ${points[from]} to ${points[to]}: ${states[to]!.snapshot.differencesTo(now, 8).join('\n')}`);
    }
  }
});

/** Pieces of state that are not changed, and why. */
const UNCHANGED: Readonly<Record<string, string>> = {
  'real-time clock.seenUntil': 'worked out before state is looked at',
};

/** Gives the network a connection with data in both directions, a lookup, and a frame that waits for the guest. */
function startConnections({ network }: Board): void {
  const guest = new NetworkGuest(true, network);
  const far = ipv4Address(1, 2, 3, 4);
  guest.sendSegment(far, { flags: 2 });
  network!.deliver({ id: 1, what: 'connected' });
  const [syn] = guest.takeSegments();
  const acknowledgment = syn!.sequence + 1;
  guest.sendSegment(far, { flags: 16, sequence: 1001, acknowledgment, data: Uint8Array.of(1, 2, 3) });
  network!.deliver({ id: 1, what: 'data', bytes: Uint8Array.of(4, 5) });
  const data = Uint8Array.from([0xbe, 0xef, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 98, 0, 0, 1, 0, 1]);
  guest.sendUdp(NAME_SERVER.address, { sourcePort: 4000, destinationPort: 53, data });
  guest.sendUdp(far, { sourcePort: 4000, destinationPort: 9, data });
}

t.test('every piece of its state is described, hashed and restored', async (t) => {
  const random = new Random(seed);
  const disk = { open: (store: VmoStore) => store.zeros(8192) };
  const changed = new Set<string>();
  const network = { isOpen: true };
  for (const [moment, virtio] of [
    [40, VIRTIO_KINDS],
    [3_000_000, []],
  ] as const) {
    const { board } = kernelMachine('interpreter', { memoryBytes: MEMORY_BYTES, disks: [disk], virtio, network });
    startConnections(board);
    board.run(moment);
    t.same(undescribed(board, 'board'), []);
    const snapshot = board.snapshot();
    const hash = board.machineHash();
    board.run(moment + 20_000);
    const later = board.machineHash();
    board.restore(snapshot);
    for (const { role, kind, item, change } of piecesOf(board)) {
      if (kind !== 'value' || role in UNCHANGED) continue;
      const isPart =
        typeof item === 'object' && item !== null && item.constructor !== Object && 'state' in item.constructor;
      board.restore(snapshot);
      if (isPart || !change(random)) continue;
      if (board.machineHash() === hash) t.fail(`${role} is not hashed`);
      board.restore(snapshot);
      const now = board.snapshot();
      if (board.machineHash() !== hash) t.fail(`${role} is not restored: ${snapshot.differencesTo(now, 4).join('\n')}`);
      changed.add(role);
    }
    board.run(moment + 20_000);
    t.equal(board.machineHash(), later, 'and the machine goes on as it did');
  }
  t.ok(changed.size > 60, `${changed.size} kinds of pieces`);
});
