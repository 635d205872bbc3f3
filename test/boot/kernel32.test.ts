/** guest/kernel32 on a bare machine, by both versions of Multiboot: what it prints, on all engines, and in qemu-system. */
import t from 'tap';
import { Board } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import { BootError } from '../../src/boot/boot-error.js';
import { sha256 } from '../../src/host/sha256.js';
import fc from '../support/fast-check.js';
import { KERNEL32_OUTPUT, guestKernel } from '../support/guest-kernel.js';
import { hasQemu, runInQemu } from '../support/qemu.js';

const MEMORY_BYTES = 64 * 2 ** 20;
const END = 20_000_000;

for (const [which, protocol] of [
  ['kernel32', 'Multiboot'],
  ['multiboot2', 'Multiboot 2'],
] as const)
  t.test(`the kernel of 32 bits runs to its end by ${protocol}, with the same machine on all engines`, async (t) => {
    const hashes = (['evaluator', 'interpreter', 'auto'] as const).map((engine) => {
      const sent: number[] = [];
      const board = new Board({ memoryBytes: MEMORY_BYTES, engine, sha256, send: (byte) => sent.push(byte) });
      t.equal(boot(board, { name: 'kernel', kernel: guestKernel(which), commandLine: 'a' }), protocol);
      t.same(board.run(END), { kind: 'exit', code: 1 });
      t.equal(String.fromCharCode(...sent), KERNEL32_OUTPUT);
      t.equal(board.interrupts, 10);
      return board.machineHash();
    });
    t.equal(new Set(hashes).size, 1);
  });

t.test('qemu-system shows the same', { skip: !hasQemu && 'qemu-system is not installed' }, async (t) => {
  t.equal(runInQemu(guestKernel('kernel32'), 64), KERNEL32_OUTPUT);
});

t.test('Multiboot 2: what the kernel gets', async (t) => {
  const board = new Board({ memoryBytes: 4 * 2 ** 20, send: () => {} });
  const initialDisk = Uint8Array.of(7, 8, 9);
  boot(board, { name: 'k', kernel: guestKernel('multiboot2'), commandLine: 'quiet', initialDisk });
  const { memory, cpu } = board;
  t.equal(cpu.state.gpr(0), 0x36d7_6289n);
  const info = Number(cpu.state.gpr(3));
  const word = (at: number): number => memory.read32(at);
  t.equal(info % 8, 0);
  const tags = new Map<number, number>();
  let at = info + 8;
  for (; word(at) !== 0; at += Math.ceil(word(at + 4) / 8) * 8) tags.set(word(at), at);
  t.equal(at + 8 - info, word(info), 'the whole size, the last tag included');
  t.same([...tags.keys()], [1, 2, 3, 4, 6, 15]);
  t.equal(String.fromCharCode(...memory.ram.subarray(tags.get(15)! + 8, tags.get(15)! + 15)), 'RSD PTR');
  const textAt = (start: number): string =>
    String.fromCharCode(...memory.ram.subarray(start, memory.ram.indexOf(0, start)));
  t.equal(textAt(tags.get(1)! + 8), 'quiet');
  const [start, end] = [word(tags.get(3)! + 8), word(tags.get(3)! + 12)];
  t.same([...memory.ram.subarray(start, end)], [7, 8, 9]);
  t.same([word(tags.get(4)! + 8), word(tags.get(4)! + 12)], [639, 3072]);
  t.same([word(tags.get(6)! + 4), word(tags.get(6)! + 8)], [16 + 4 * 24, 24], 'four ranges of memory');
});

t.test('a damaged Multiboot 2 header is refused, or the kernel is loaded', async () => {
  const kernel = guestKernel('multiboot2');
  const header = new DataView(kernel.buffer);
  const at = Array.from({ length: 4096 }, (_, n) => 8 * n).find((n) => header.getUint32(n, true) === 0xe852_50d6)!;
  const board = new Board({ memoryBytes: 4 * 2 ** 20, send: () => {} });
  fc.assert(
    fc.property(fc.nat(47), fc.nat(255), (offset, value) => {
      const damaged = kernel.slice();
      damaged[at + offset] = value;
      const sum = [0, 4, 8].reduce((total, n) => total + new DataView(damaged.buffer).getUint32(at + n, true), 0);
      new DataView(damaged.buffer).setUint32(at + 12, -sum >>> 0, true);
      try {
        boot(board, { name: 'k', kernel: damaged, commandLine: '' });
      } catch (error) {
        if (!(error instanceof BootError)) throw error;
      }
    }),
    { numRuns: 200 },
  );
});
