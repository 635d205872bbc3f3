/** The NVMe controller, by NVM Express 1.4, as a driver sees it; and the disks behind it. */
import t from 'tap';
import type { Disk } from '../../src/devices/disk.js';
import { NvmeController } from '../../src/devices/nvme/controller.js';
import { VmoDisk } from '../../src/devices/vmo-disk.js';
import { sha256 } from '../../src/host/sha256.js';
import { VmoStore } from '../../src/vmo/store.js';
import { deviceMemory } from '../support/device-memory.js';
import fc from '../support/fast-check.js';

const PAGE = 4096;
const MEMORY_BYTES = 1024 * PAGE;
const ENTRIES = 8;
const [ADMIN_SUBMISSIONS, ADMIN_COMPLETIONS, SUBMISSIONS, COMPLETIONS, DATA] = [1, 2, 3, 4, 64].map(
  (page) => page * PAGE,
);
const SECTORS = 4096;

/** A command, as a driver writes it. */
interface Entry {
  readonly opcode: number;
  readonly namespace?: number;
  readonly pointers?: readonly [number, number];
  readonly dwords?: Readonly<Record<number, number>>;
}

interface Answer {
  readonly status: number;
  readonly result: number;
}

/** A driver of one admin queue and one I/O queue, and the machine around the controller. */
class Driver {
  readonly ram = new Uint8Array(MEMORY_BYTES);
  readonly view = new DataView(this.ram.buffer);
  readonly controller: NvmeController;
  isInterrupting = false;
  private readonly places = [0, 0];
  private identifier = 0;

  constructor(disks: readonly Disk[]) {
    const line = { set: (isHigh: boolean) => (this.isInterrupting = isHigh) };
    this.controller = new NvmeController({ ticks: 0 }, deviceMemory(this.ram), { line, irq: 11 }, disks);
    this.controller.pci.write(0x04, 2, 0b110);
  }

  write(register: number, value: number): void {
    this.controller.writeMemory(register, 4, value);
  }
  read(register: number): number {
    return this.controller.readMemory(register, 4);
  }

  enable(): this {
    this.write(0x24, ((ENTRIES - 1) << 16) | (ENTRIES - 1));
    this.write(0x28, ADMIN_SUBMISSIONS!);
    this.write(0x30, ADMIN_COMPLETIONS!);
    this.write(0x14, 0x0046_0001);
    return this;
  }

  makeQueues(): this {
    const size = (ENTRIES - 1) << 16;
    t.same(this.admin({ opcode: 5, pointers: [COMPLETIONS!, 0], dwords: { 10: size | 1, 11: 0b11 } }).status, 0);
    t.same(
      this.admin({ opcode: 1, pointers: [SUBMISSIONS!, 0], dwords: { 10: size | 1, 11: (1 << 16) | 1 } }).status,
      0,
    );
    return this;
  }

  admin(entry: Entry): Answer {
    return this.perform(0, entry)!;
  }
  io(entry: Entry): Answer {
    return this.perform(1, { namespace: 1, ...entry })!;
  }

  /** Submits a command, and takes its completion; undefined if there is none. */
  perform(queue: 0 | 1, { opcode, namespace = 0, pointers = [DATA!, 0], dwords = {} }: Entry): Answer | undefined {
    const place = this.places[queue]!;
    const index = place % ENTRIES;
    const at = (queue === 0 ? ADMIN_SUBMISSIONS! : SUBMISSIONS!) + index * 64;
    this.ram.fill(0, at, at + 64);
    this.view.setUint32(at, opcode | (++this.identifier << 16), true);
    this.view.setUint32(at + 4, namespace, true);
    pointers.forEach((pointer, which) => this.view.setBigUint64(at + 24 + 8 * which, BigInt(pointer), true));
    for (const [dword, value] of Object.entries(dwords)) this.view.setUint32(at + 4 * Number(dword), value, true);
    this.write(0x1000 + 8 * queue, (index + 1) % ENTRIES);
    this.controller.update();
    const completion = (queue === 0 ? ADMIN_COMPLETIONS! : COMPLETIONS!) + index * 16;
    const status = this.view.getUint16(completion + 14, true);
    const phase = Math.floor(place / ENTRIES) % 2 === 0 ? 1 : 0;
    if ((status & 1) !== phase) return undefined;
    t.equal(this.view.getUint16(completion + 12, true), this.identifier, 'the command identifier');
    t.equal(this.isInterrupting, true, 'INTA# is asserted');
    this.places[queue] = place + 1;
    this.write(0x1000 + 8 * queue + 4, (index + 1) % ENTRIES);
    t.equal(this.isInterrupting, false, 'and no longer, once the completion is taken');
    return { status: status >> 1, result: this.view.getUint32(completion, true) };
  }
}

/** A disk of zeros that counts flushes. */
class PlainDisk implements Disk {
  readonly bytes = new Uint8Array(SECTORS * 512);
  readonly lengthBytes = this.bytes.length;
  flushes = 0;
  read(offset: number, length: number): Uint8Array {
    return this.bytes.slice(offset, offset + length);
  }
  write(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }
  writeZeros(offset: number, length: number): void {
    this.bytes.fill(0, offset, offset + length);
  }
  flush(): void {
    this.flushes++;
  }
}

t.test('registers', async (t) => {
  const driver = new Driver([new PlainDisk()]);
  t.equal(driver.read(0x00) & 0xffff, 2047, 'queues of up to 2048 entries');
  t.equal(driver.read(0x04), 0x20, 'the NVM command set; pages of 4 KiB');
  t.equal(driver.read(0x08), 0x0001_0400);
  t.equal(driver.read(0x1c), 0, 'not ready');
  t.equal(driver.enable().read(0x1c), 1, 'ready');
  driver.write(0x14, 0x0046_4001);
  t.equal(driver.read(0x1c), 0b1001, 'shutdown is complete');
  driver.write(0x14, 0);
  t.equal(driver.read(0x1c), 0, 'reset');
  driver.write(0x24, 0);
  driver.write(0x14, 1);
  t.equal(driver.read(0x1c), 2, 'admin queues of one entry are refused');
});

t.test('admin commands', async (t) => {
  const driver = new Driver([new PlainDisk(), new PlainDisk()]).enable();
  const identify = (cns: number, namespace = 0): number =>
    driver.admin({ opcode: 6, namespace, dwords: { 10: cns } }).status;
  t.equal(identify(1), 0);
  t.equal(driver.view.getUint32(DATA! + 516, true), 2, 'two namespaces');
  t.equal(identify(0, 1), 0);
  t.equal(driver.view.getBigUint64(DATA!, true), BigInt(SECTORS));
  t.equal(identify(2, 1), 0);
  t.equal(driver.view.getUint32(DATA!, true), 2, 'the namespace after the first');
  t.equal(identify(0, 3), 0x00b, 'no third namespace');
  t.equal(identify(0x77), 0x002);
  t.equal(driver.admin({ opcode: 9, dwords: { 10: 7, 11: 0x3_0003 } }).result, 0xf_000f, '16 queues of either kind');
  const feature = (opcode: number, value: number): Answer => driver.admin({ opcode, dwords: { 10: 0x0b, 11: value } });
  feature(9, 0x1234);
  t.equal(feature(10, 0).result, 0x1234, 'a feature is kept');
  t.equal(driver.admin({ opcode: 2, dwords: { 10: 2 | (127 << 16) } }).status, 0, 'a log page');
  t.equal(driver.admin({ opcode: 2, dwords: { 10: 0x99 } }).status, 0x109);
  t.equal(driver.admin({ opcode: 0x7f }).status, 0x001, 'an unknown opcode');
  const create = (opcode: number, id: number, size: number, flags: number): number =>
    driver.admin({ opcode, pointers: [SUBMISSIONS!, 0], dwords: { 10: id | ((size - 1) << 16), 11: flags } }).status;
  t.equal(create(5, 0, 8, 1), 0x101, 'queue 0 is for admin commands');
  t.equal(create(5, 1, 4096, 1), 0x102, 'too large');
  t.equal(create(5, 1, 8, 0), 0x002, 'not contiguous');
  t.equal(create(5, 1, 8, 0x1_0003), 0x108, 'INTA# is vector 0');
  t.equal(create(1, 1, 8, 0x1_0001), 0x100, 'without its completion queue');
  t.equal(create(5, 1, 8, 3), 0);
  t.equal(create(1, 1, 8, 0x1_0001), 0);
  t.equal(create(1, 1, 8, 0x1_0001), 0x101, 'it exists already');
  t.equal(driver.admin({ opcode: 4, dwords: { 10: 1 } }).status, 0x10c, 'a queue in use is not deleted');
  t.equal(driver.admin({ opcode: 0, dwords: { 10: 1 } }).status, 0);
  t.equal(driver.admin({ opcode: 4, dwords: { 10: 1 } }).status, 0);
  for (let request = 0; request < 4; request++)
    t.equal(driver.perform(0, { opcode: 0x0c }), undefined, 'an event never comes');
});

t.test('disk commands', async (t) => {
  const [disk, other] = [new PlainDisk(), new PlainDisk()];
  const driver = new Driver([disk, other]).enable().makeQueues();
  driver.ram.fill(0x5a, DATA!, DATA! + 1024);
  const write = (sector: number, count: number, flags = 0): number =>
    driver.io({ opcode: 1, dwords: { 10: sector, 12: (count - 1) | flags } }).status;
  t.equal(write(7, 2), 0);
  t.equal(disk.flushes, 0);
  t.equal(write(7, 2, 2 ** 30), 0);
  t.equal(disk.flushes, 1, 'FUA');
  t.equal(disk.bytes.indexOf(0x5a), 7 * 512);
  t.equal(disk.bytes.lastIndexOf(0x5a), 9 * 512 - 1);
  t.equal(write(SECTORS - 1, 2), 0x080, 'beyond the end');
  t.equal(write(0, 2048), 0x002, 'more than a command moves');
  t.equal(driver.io({ opcode: 1, pointers: [MEMORY_BYTES, 0], dwords: { 12: 0 } }).status, 0x004, 'not in RAM');
  t.equal(driver.io({ opcode: 2, namespace: 3, dwords: { 12: 0 } }).status, 0x00b);
  t.equal(driver.io({ opcode: 0 }).status, 0);
  t.same([disk.flushes, other.flushes], [2, 0]);
  t.equal(driver.io({ opcode: 0, namespace: 0xffff_ffff }).status, 0);
  t.same([disk.flushes, other.flushes], [3, 1], 'all namespaces');
  t.equal(driver.io({ opcode: 8, dwords: { 10: 7, 12: 0 } }).status, 0);
  t.equal(disk.bytes.indexOf(0x5a), 8 * 512, 'zeros');
  driver.ram.fill(0, DATA!, DATA! + 16);
  driver.view.setUint32(DATA! + 4, 1, true);
  driver.view.setUint32(DATA! + 8, 8, true);
  t.equal(driver.io({ opcode: 9, dwords: { 10: 0, 11: 4 } }).status, 0);
  t.equal(disk.bytes.indexOf(0x5a), -1, 'deallocated');
  t.equal(driver.io({ opcode: 0x55 }).status, 0x001);
});

t.test('data lies where the PRP entries say, however they are laid out', async () => {
  const disk = new PlainDisk();
  const driver = new Driver([disk]).enable().makeQueues();
  const LIST_PAGES = 40 * PAGE;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1024 }),
      fc.integer({ min: 0, max: 1023 }),
      fc.integer({ min: 0, max: 511 }),
      fc.integer(),
      (sectors, firstDword, listEntry, seed) => {
        const length = sectors * 512;
        const offset = firstDword * 4;
        const pages = Math.ceil((offset + length) / PAGE);
        // The pages of the data, scattered: an odd step visits all of 512.
        const pageAt = (index: number): number => DATA! + ((index * 37 + (seed & 511)) % 512) * PAGE;
        const first = pageAt(0) + offset;
        let second = pages === 2 ? pageAt(1) : 0;
        if (pages > 2) {
          second = LIST_PAGES + listEntry * 8;
          let [at, list] = [second, LIST_PAGES];
          for (let index = 1; index < pages; index++) {
            if (at % PAGE === PAGE - 8 && index < pages - 1) {
              list += PAGE;
              driver.view.setBigUint64(at, BigInt(list), true);
              at = list;
            }
            driver.view.setBigUint64(at, BigInt(pageAt(index)), true);
            at += 8;
          }
        }
        const content = Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 9) + seed) & 0xff);
        for (let at = 0; at < length; at++) {
          const place = offset + at;
          driver.ram[pageAt(Math.floor(place / PAGE)) + (place % PAGE)] = content[at]!;
        }
        const entry = { pointers: [first, second] as const, dwords: { 10: 5, 12: sectors - 1 } };
        if (driver.io({ opcode: 1, ...entry }).status !== 0) return false;
        const isWritten = Buffer.compare(disk.read(5 * 512, length), content) === 0;
        driver.ram.fill(0xee, DATA!, DATA! + 512 * PAGE);
        if (driver.io({ opcode: 2, ...entry }).status !== 0) return false;
        let bytesRead = 0;
        for (let at = 0; at < 512 * PAGE; at++) if (driver.ram[DATA! + at] !== 0xee) bytesRead++;
        const expected = content.filter((byte) => byte !== 0xee).length;
        return isWritten && bytesRead === expected;
      },
    ),
    { numRuns: 30 },
  );
});

t.test('nothing that a driver writes to registers and queues crashes the controller', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 0x1040 / 4 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })), {
        maxLength: 60,
      }),
      fc.uint8Array({ minLength: 256, maxLength: 2048 }),
      (writes, garbage) => {
        const driver = new Driver([new PlainDisk()]).enable().makeQueues();
        for (const page of [ADMIN_SUBMISSIONS!, SUBMISSIONS!, DATA!]) driver.ram.set(garbage, page);
        for (const [word, value] of writes) {
          driver.write(word * 4, value);
          driver.controller.update();
        }
        return Number.isInteger(driver.read(0x1c));
      },
    ),
    { numRuns: 200 },
  );
});

t.test('a disk is its VMO with what was written; flush publishes it', async (t) => {
  const store = new VmoStore(sha256);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.array(
        fc.record({
          kind: fc.constantFrom('write', 'zeros', 'flush', 'read'),
          sector: fc.integer({ min: 0, max: 39 }),
          count: fc.integer({ min: 1, max: 20 }),
          byte: fc.integer({ min: 1, max: 255 }),
        }),
      ),
      (length, steps) => {
        const bytes = Uint8Array.from({ length }, (_, at) => at & 0xff);
        const base = store.fromBytes(bytes);
        const { id } = base;
        const published: string[] = [];
        const disk = new VmoDisk(store, base, (content) => published.push(content.id));
        const model = new Uint8Array(disk.lengthBytes);
        model.set(bytes);
        for (const { kind, sector, count, byte } of steps) {
          const [start, size] = [sector * 512, count * 512];
          if (start + size > model.length) continue;
          if (kind === 'write') disk.write(start, new Uint8Array(size).fill(byte));
          if (kind === 'write') model.fill(byte, start, start + size);
          if (kind === 'zeros') disk.writeZeros(start, size);
          if (kind === 'zeros') model.fill(0, start, start + size);
          if (kind === 'read' && Buffer.compare(disk.read(start, size), model.subarray(start, start + size)))
            return false;
          if (kind !== 'flush') continue;
          const before = published.length;
          disk.flush();
          if (published.length > before && published.at(-1) !== store.fromBytes(model).id) return false;
        }
        return Buffer.compare(disk.read(0, model.length), model) === 0 && base.id === id;
      },
    ),
    { numRuns: 60 },
  );
  const disk = new VmoDisk(store, store.zeros(8192), () => t.fail('nothing was written'));
  disk.flush();
});
