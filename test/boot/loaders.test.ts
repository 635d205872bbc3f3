/** Boot protocols: what loaders accept, and what they leave in memory and registers. */
import t from 'tap';
import { Board } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import { BootError } from '../../src/boot/boot-error.js';
import fc from '../support/fast-check.js';

const MEMORY_BYTES = 4 * 2 ** 20;
const board = (): Board => new Board({ memoryBytes: MEMORY_BYTES, send: () => {} });
const HLT = 0xf4;

/** A file of 4 KiB with a Multiboot header, which is loaded at 1 MiB and entered behind the header. */
function multiboot(changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const file = new Uint8Array(4096).fill(HLT);
  const view = new DataView(file.buffer);
  const words = [0x1bad_b002, 0x1_0003, 0, 0x10_0010, 0x10_0000, 0, 0x10_4000, 0x10_0040];
  for (const [word, value] of Object.entries(changes)) words[Number(word)] = value;
  words[2] = -(words[0]! + words[1]!) >>> 0;
  words.forEach((value, word) => view.setUint32(16 + 4 * word, value, true));
  return file;
}

/** An ELF file with a PVH note, a segment that is loaded at 1 MiB, and an entry in it. */
function pvh(is64 = true): Uint8Array {
  const file = new Uint8Array(0x200).fill(HLT);
  const view = new DataView(file.buffer);
  file.fill(0, 0, 0x100).set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1]);
  const [header, entryBytes] = is64 ? [64, 56] : [52, 32];
  view.setUint16(16, 2, true);
  view.setUint16(18, is64 ? 62 : 3, true);
  const putWord = (at: number, value: number): void =>
    is64 ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  putWord(is64 ? 32 : 28, header);
  view.setUint16(is64 ? 54 : 42, entryBytes, true);
  view.setUint16(is64 ? 56 : 44, 2, true);
  const places = is64 ? [8, 24, 32, 40] : [4, 12, 16, 20];
  [
    [1, 0x100, 0x10_0000, 0x100, 0x2000],
    [4, 0xe0, 0, 24, 24],
  ].forEach(([type, ...words], number) => {
    const at = header + number * entryBytes;
    view.setUint32(at, type!, true);
    words.forEach((word, n) => putWord(at + places[n]!, word));
  });
  [4, 8, 18].forEach((word, n) => view.setUint32(0xe0 + 4 * n, word, true));
  file.set([0x58, 0x65, 0x6e, 0], 0xec);
  view.setUint32(0xf0, 0x10_0050, true);
  return file;
}

t.test('Multiboot 1', async (t) => {
  const machine = board();
  const { cpu, memory } = machine;
  const initialDisk = Uint8Array.of(1, 2, 3);
  t.equal(boot(machine, { name: 'kernel', kernel: multiboot(), commandLine: 'a b', initialDisk }), 'Multiboot');
  const { state } = cpu;
  t.same([state.rip, state.gpr(0), cpu.mmu.cr0, cpu.bare!.codeSize], [0x10_0040n, 0x2bad_b002n, 0x11, 32]);
  const info = Number(state.gpr(3));
  const word = (offset: number, from = info): number => memory.read32(from + offset);
  t.same([word(0), word(4), word(8)], [0x24d, 639, 3072], 'flags and sizes of memory');
  const text = (at: number): string => String.fromCharCode(...memory.ram.subarray(at, memory.ram.indexOf(0, at)));
  t.equal(text(word(16)), 'kernel a b');
  t.equal(text(word(64)), 'bd0');
  const start = word(0, word(24));
  t.same([word(20), start % 4096, word(4, word(24)) - start], [1, 0, 3], 'a module on a page');
  t.same([...memory.ram.subarray(start, start + 3)], [1, 2, 3]);
  t.equal(word(44), 4 * 24, 'four ranges of memory');
  t.equal(machine.run(100).kind, 'halted', 'it runs');
});

for (const is64 of [true, false])
  t.test(`PVH, ELF of ${is64 ? 64 : 32} bits`, async (t) => {
    const machine = board();
    const { cpu, memory } = machine;
    memory.ram.fill(0xff, 0x10_0000, 0x10_3000);
    const initialDisk = new Uint8Array(5000);
    t.equal(boot(machine, { name: 'k', kernel: pvh(is64), commandLine: 'quiet', initialDisk }), 'PVH');
    t.equal(cpu.state.rip, 0x10_0050n);
    t.equal(memory.ram[0x10_1fff], 0, 'memory of the segment beyond the file is zeroed');
    const info = Number(cpu.state.gpr(3));
    t.same([memory.read32(info), memory.read32(info + 4), memory.read32(info + 12)], [0x336e_c578, 1, 1]);
    const module = Number(memory.read64(info + 16));
    t.equal(Number(memory.read64(info + 32)), machine.acpiRoot);
    t.same([Number(memory.read64(module)) % 4096, memory.read64(module + 8)], [0, 5000n]);
    const map = Number(memory.read64(info + 40));
    t.equal(memory.read32(info + 48), 4);
    t.same([memory.read64(map + 72), memory.read64(map + 80)], [0x10_0000n, BigInt(MEMORY_BYTES - 0x10_0000)]);
    t.equal(machine.run(100).kind, 'halted', 'it runs');
  });

/** A bzImage whose kernel is loaded at 1 MiB, and halts at its 64-bit entry. */
function bzImage(changes: Readonly<Record<number, number>> = {}): Uint8Array {
  const file = new Uint8Array(0x1000).fill(HLT, 0x400);
  const view = new DataView(file.buffer);
  file.set([1, 0x62], 0x1f1);
  file[0x201] = 0x66;
  view.setUint16(0x1fe, 0xaa55, true);
  file.set([0x48, 0x64, 0x72, 0x53, 0x0f, 0x02], 0x202);
  view.setUint32(0x22c, 0x7fff_ffff, true);
  view.setUint16(0x236, 0x7f, true);
  view.setUint32(0x238, 0x7ff, true);
  view.setUint32(0x258, 0x10_0000, true);
  view.setUint32(0x260, 0x2_0000, true);
  for (const [at, byte] of Object.entries(changes)) file[Number(at)] = byte;
  return file;
}

t.test('bzImage of Linux', async (t) => {
  const machine = board();
  const { cpu, memory } = machine;
  t.equal(
    boot(machine, { name: 'k', kernel: bzImage(), commandLine: 'quiet', initialDisk: new Uint8Array(5000) }),
    'Linux',
  );
  t.same([cpu.state.rip, cpu.bare!.codeSize, cpu.mmu.cr0 >>> 0, cpu.mmu.efer], [0x10_0200n, 64, 0x8000_0011, 0x500]);
  const parameters = Number(cpu.state.gpr(6));
  const word = (offset: number): number => memory.read32(parameters + offset);
  const byte = (offset: number): number => memory.ram[parameters + offset]!;
  t.equal(word(0x202), 0x5372_6448, 'the setup header');
  t.same([byte(0x210), byte(0x211) & 0x80, byte(0x1e8)], [0xff, 0x80, 4]);
  t.same([word(0x218) % 4096, word(0x21c)], [0, 5000]);
  t.equal(word(0x70), machine.acpiRoot);
  const text = word(0x228);
  t.equal(String.fromCharCode(...memory.ram.subarray(text, text + 5)), 'quiet');
  const last = parameters + 0x2d0 + 60;
  t.equal(memory.ramView.getBigUint64(last, true), 0x10_0000n, 'the range above 1 MiB is the last');
  t.equal(machine.run(100).kind, 'halted', 'it runs');
  t.throws(() => boot(board(), { name: 'k', kernel: bzImage({ 0x263: 1 }), commandLine: '' }), { message: /needs/ });
  t.throws(() => boot(board(), { name: 'k', kernel: bzImage({ 0x236: 0 }), commandLine: '' }), { message: /neither/ });
  const old = board();
  boot(old, { name: 'k', kernel: bzImage({ 0x236: 0, 0x211: 1 }), commandLine: '' });
  const { cpu: cpu32 } = old;
  t.same([cpu32.state.rip, cpu32.bare!.codeSize, cpu32.mmu.cr0], [0x10_0000n, 32, 0x11], 'the 32-bit entry');
  t.equal(old.memory.read32(Number(cpu32.state.gpr(6)) + 0x202), 0x5372_6448);
  t.equal(cpu32.state.selector(1), 0x10);
  cpu32.bare!.system.segments.load(3, 0x18);
  t.equal(old.run(100).kind, 'halted');
  t.throws(() => boot(board(), { name: 'k', kernel: bzImage(), commandLine: 'x'.repeat(2048) }), {
    message: /at most 2047/,
  });
});

t.test('what cannot be booted is refused with a reason', async (t) => {
  const refused: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(10), /neither PVH, Linux nor Multiboot/],
    [new Uint8Array(9000), /neither PVH, Linux nor Multiboot/],
    [multiboot({ 1: 0x1_0007 }), /features that bd0 does not have/],
    [multiboot({ 1: 3 }), /no addresses/],
    [multiboot({ 4: 0x1000, 3: 0x1010 }), /below 1 MiB/],
    [multiboot({ 6: 0x1000_0000 }), /needs 256 MB of memory/],
    [multiboot({ 4: 0x10_0000, 3: 0x20_0000 }), /do not fit it/],
    [Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, ...new Uint8Array(20)), /ELF header is damaged/],
  ];
  for (const [kernel, reason] of refused)
    t.throws(() => boot(board(), { name: 'k', kernel, commandLine: '' }), { message: reason }, String(reason));
  const initialDisk = new Uint8Array(MEMORY_BYTES);
  t.throws(() => boot(board(), { name: 'k', kernel: pvh(), commandLine: '', initialDisk }), {
    message: /does not fit/,
  });
  t.throws(() => boot(board(), { name: 'k', kernel: pvh(), commandLine: 'x'.repeat(50_000) }), { message: /too long/ });
});

t.test('no file crashes a loader', async () => {
  const machine = board();
  const files = [multiboot(), pvh(), pvh(false), bzImage()];
  fc.assert(
    fc.property(fc.nat(3), fc.array(fc.tuple(fc.nat(0x263), fc.nat(255)), { maxLength: 6 }), (which, changes) => {
      const kernel = files[which]!.slice();
      for (const [at, byte] of changes) if (at < kernel.length) kernel[at] = byte;
      try {
        boot(machine, { name: 'k', kernel, commandLine: '' });
      } catch (error) {
        if (!(error instanceof BootError)) throw error;
      }
    }),
  );
});
