/**
 * All devices of a machine at once: no access crashes the host, and a machine that goes back to a snapshot in the middle of a run ends in
 * the same state.
 */
import t from 'tap';
import { Board } from '../../src/board.js';
import { enterLongMode } from '../../src/boot/entry.js';
import { writeIdentityMap } from '../../src/boot/identity-map.js';
import { VIRTIO_KINDS } from '../../src/devices/pci/pci-devices.js';
import { sha256 } from '../../src/host/sha256.js';
import fc from '../support/fast-check.js';
import { seedOf } from '../support/volume.js';

const MEMORY_BYTES = 2 ** 21;
const CODE = 0x10_0000;
const HLT = 0xf4;
const TABLES = 0x1_0000;
const WINDOW = 0xe000_0000;
const WINDOW_BYTES = 0x1_0000;
const SLOTS = 4;

/** Ports of devices, except those at which a write can end the machine. */
const PORTS = [
  ...[0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61, 0x70, 0x71, 0xa0, 0xa1, 0x4d0, 0x4d1],
  ...[0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x602, 0x604, 0x608],
];
const MEMORY = [
  ...[0xfec0_0000, 0xfec0_0010, 0xfed0_0010, 0xfed0_00f0, 0xfed0_0100, 0xfed0_0108, 0xfed0_0120, 0xfed0_0128],
  ...[0x80, 0xb0, 0xd0, 0xe0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x350, 0x380, 0x390, 0x3e0].map(
    (at) => 0xfee0_0000 + at,
  ),
  // NVMe in one slot or virtio in several: registers, doorbells, and the parts of virtio devices.
  ...[0, 1, 2, 3].flatMap((slot) =>
    [0x00, 0x08, 0x0c, 0x14, 0x16, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x30, 0x1000, 0x1004, 0x1008, 0x2000, 0x3000].map(
      (at) => WINDOW + slot * WINDOW_BYTES + at,
    ),
  ),
];

interface Step {
  readonly kind: 'port' | 'memory' | 'configuration';
  readonly place: number;
  readonly isWrite: boolean;
  readonly bytes: 1 | 2 | 4;
  readonly value: number;
  readonly ticks: number;
}

/** A machine whose processor has halted, with memory that looks like queues, and devices that can reach it. */
function machine(virtio: readonly (typeof VIRTIO_KINDS)[number][]): Board {
  const disks = [{ open: (store: Board['store']) => store.zeros(65_536) }];
  const board = new Board({ memoryBytes: MEMORY_BYTES, sha256, engine: 'evaluator', disks, virtio, send: () => {} });
  for (let at = 0; at < 0x8000; at++) board.memory.ram[at] = (at * 7) >> 3;
  writeIdentityMap(board.memory, TABLES);
  board.memory.ram[CODE] = HLT;
  enterLongMode(board, { rip: CODE, rsi: 0, tables: TABLES });
  board.run(1);
  for (let slot = 0; slot < SLOTS; slot++) {
    configure(board, slot + 1, 0x10, WINDOW + slot * WINDOW_BYTES);
    configure(board, slot + 1, 0x04, 0b110);
  }
  return board;
}

function configure({ ports }: Board, slot: number, register: number, value: number): void {
  ports.write(0xcf8, 32, 0x8000_0000 + slot * 0x800 + register);
  ports.write(0xcfc, 32, value);
}

function perform(board: Board, { kind, place, isWrite, bytes, value, ticks }: Step): void {
  const { ports, memoryBus } = board;
  const [port, physical] = [PORTS[place % PORTS.length]!, MEMORY[place % MEMORY.length]!];
  const width = (8 * bytes) as 8 | 16 | 32;
  if (kind === 'configuration') configure(board, place % SLOTS, (place * 4) % 64, value);
  else if (kind === 'port') {
    // A port is written alone: the byte after it may be one that ends the machine.
    if (isWrite) ports.write(port, 8, value & 0xff);
    else ports.read(port, width);
  } else if (isWrite) memoryBus.write(physical, bytes, BigInt(value));
  else memoryBus.read(physical, bytes);
  board.passTime(board.ticks + ticks);
  board.run(board.ticks + 1);
}

const step = fc.record({
  kind: fc.constantFrom('port' as const, 'memory' as const, 'memory' as const, 'configuration' as const),
  place: fc.nat(1000),
  isWrite: fc.boolean(),
  bytes: fc.constantFrom(1 as const, 2 as const, 4 as const, 4 as const, 4 as const),
  value: fc.oneof(
    fc.nat(255),
    fc.nat(0x7fff),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(0x1000, 0x46_0001),
  ),
  ticks: fc.oneof(fc.nat(10), fc.nat(10_000_000)),
});

for (const virtio of [[], VIRTIO_KINDS])
  t.test(`devices with ${virtio.length > 0 ? 'virtio' : 'NVMe'}`, async () => {
    const [one, other] = [machine(virtio), machine(virtio)];
    const [start, otherStart] = [one.snapshot(), other.snapshot()];
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(step, { maxLength: 10 }),
        fc.nat(40),
        (steps, others, cut) => {
          one.restore(start);
          other.restore(otherStart);
          for (const step of steps) perform(one, step);
          for (const step of steps.slice(0, cut)) perform(other, step);
          const middle = other.snapshot();
          for (const step of others) perform(other, step);
          other.restore(middle);
          for (const step of steps.slice(cut)) perform(other, step);
          return one.machineHash() === other.machineHash();
        },
      ),
      { numRuns: 150, seed: seedOf(20261130) },
    );
  });
