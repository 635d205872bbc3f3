/** Virtio devices, by the Virtual I/O Device Specification 1.2, as a driver sees them. */
import t from 'tap';
import { BlockDevice } from '../../src/devices/virtio/block-device.js';
import { ConsoleDevice } from '../../src/devices/virtio/console-device.js';
import { EntropyDevice } from '../../src/devices/virtio/entropy-device.js';
import { VmoDisk } from '../../src/devices/vmo-disk.js';
import { sha256 } from '../../src/host/sha256.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { DATA, Driver, QUEUE_BYTES } from '../support/virtio-driver.js';

t.test('capabilities, features and status', async (t) => {
  const driver = new Driver(new EntropyDevice());
  const { pci } = driver.function;
  t.equal(pci.read(0, 4), 0x1044_1af4);
  t.equal(pci.read(6, 2) & 0x10, 0x10, 'has capabilities');
  const parts: number[] = [];
  for (let at = pci.read(0x34, 1); at !== 0; at = pci.read(at + 1, 1)) {
    t.equal(pci.read(at, 1), 9);
    parts.push(pci.read(at + 3, 1));
    t.equal(pci.read(at + 4, 1), 0, 'in the first range');
    t.ok(pci.read(at + 8, 4) + pci.read(at + 12, 4) <= pci.bytes);
  }
  t.same(parts, [1, 2, 3, 4]);
  driver.write(0x00, 4, 1);
  t.equal(driver.read(0x04, 4), 1, 'VERSION_1');
  t.equal(driver.read(0x12, 2), 1, 'one queue');
  driver.write(0x14, 1, 0xb);
  t.equal(driver.read(0x14, 1), 3, 'it does not agree to a driver without VERSION_1');
  driver.write(0x08, 4, 0);
  driver.write(0x0c, 4, 1 << 29);
  driver.write(0x08, 4, 1);
  driver.write(0x0c, 4, 1);
  driver.write(0x14, 1, 0xb);
  t.equal(driver.read(0x14, 1), 3, 'nor to features that it lacks');
  driver.start();
  t.equal(driver.read(0x14, 1), 0xf);
  t.equal(driver.read(0x28, 4), QUEUE_BYTES + 0x400);
  driver.write(0x14, 1, 0);
  t.equal(driver.read(0x14, 1), 0);
  t.equal(driver.read(0x28, 4), 0, 'a reset forgets the queues');
});

t.test('entropy', async (t) => {
  const [driver, other] = [new EntropyDevice(), new EntropyDevice()].map((device) => new Driver(device).start());
  const request = [{ at: DATA, bytes: 64, isWritable: true }];
  t.equal(driver!.give(0, request), 64);
  t.equal(driver!.isInterrupting, true);
  t.equal(driver!.read(0x1000, 1), 1, 'the interrupt status');
  t.equal(driver!.isInterrupting, false, 'is cleared by reading it');
  t.equal(driver!.read(0x1000, 1), 0);
  other!.give(0, request);
  t.same(driver!.ram.slice(DATA, DATA + 64), other!.ram.slice(DATA, DATA + 64), 'the same in every run');
  driver!.view.setUint16(QUEUE_BYTES + 0x400, 1, true);
  t.equal(driver!.give(0, request), 64);
  t.equal(driver!.isInterrupting, false, 'the driver wants no interrupt');
  t.notSame(driver!.ram.slice(DATA, DATA + 64), other!.ram.slice(DATA, DATA + 64), 'it goes on');
});

t.test('the console', async (t) => {
  const sent: number[] = [];
  const device = new ConsoleDevice((byte) => sent.push(byte));
  const driver = new Driver(device).start();
  driver.ram.set([104, 105], DATA);
  t.equal(driver.give(1, [{ at: DATA, bytes: 2 }]), 0);
  t.same(sent, [104, 105]);
  t.equal(driver.give(0, [{ at: DATA, bytes: 8, isWritable: true }]), undefined, 'nothing was received');
  for (const byte of [1, 2, 3]) device.receive(byte);
  driver.function.notify(0);
  driver.function.update();
  t.equal(driver.taken(0), 3);
  t.same([...driver.ram.slice(DATA, DATA + 3)], [1, 2, 3]);
});

t.test('indirect descriptors', async (t) => {
  const driver = new Driver(new EntropyDevice()).start();
  const parts = [0, 1, 2].map((part) => ({ at: DATA + 100 * part, bytes: 40, isWritable: true }));
  t.equal(driver.read(0x04, 4), 1 << 28, 'are offered');
  t.equal(driver.give(0, parts, DATA + 0x1000), 120);
  t.ok(driver.ram.subarray(DATA + 200, DATA + 240).some((byte) => byte !== 0));
  for (const [what, at, flags, bytes] of [
    ['a table in a table', DATA + 0x1000, 4, 16],
    ['a table with more behind it', QUEUE_BYTES, 5, 16],
    ['a table that is empty', QUEUE_BYTES, 4, 0],
    ['a table of half a descriptor', QUEUE_BYTES, 4, 24],
    ['a table beyond memory', QUEUE_BYTES, 4, 2 ** 31],
  ] as const) {
    const broken = new Driver(new EntropyDevice()).start();
    broken.view.setBigUint64(QUEUE_BYTES, BigInt(DATA + 0x1000), true);
    broken.view.setUint32(QUEUE_BYTES + 8, 16, true);
    broken.view.setUint16(QUEUE_BYTES + 12, 4, true);
    // One descriptor of one byte, or without an end, in the table.
    broken.view.setUint32(DATA + 0x1008, 1, true);
    broken.view.setUint16(DATA + 0x100c, bytes === 16 ? 2 : 3, true);
    broken.view.setUint16(DATA + 0x100e, 1, true);
    broken.view.setUint32(at + 8, bytes, true);
    broken.view.setUint16(at + 12, flags, true);
    broken.view.setUint16(QUEUE_BYTES + 0x402, 1, true);
    broken.write(0x3000, 2, 0);
    broken.function.update();
    t.equal(broken.read(0x14, 1) & 0x40, 0x40, what);
  }
});

t.test('a block device is its disk', async () => {
  const store = new VmoStore(sha256);
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          type: fc.constantFrom(0, 1),
          sector: fc.integer({ min: 0, max: 35 }),
          counts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
          byte: fc.integer({ min: 1, max: 255 }),
        }),
      ),
      (requests) => {
        const disk = new VmoDisk(store, store.zeros(32 * 512));
        const model = new Uint8Array(32 * 512);
        const driver = new Driver(new BlockDevice(disk)).start();
        const [header, status, data] = [DATA, DATA + 16, DATA + 0x1000];
        for (const { type, sector, counts, byte } of requests) {
          const length = counts.reduce((sum, count) => sum + count * 512, 0);
          const start = sector * 512;
          driver.view.setUint32(header, type, true);
          driver.view.setBigUint64(header + 8, BigInt(sector), true);
          driver.ram.fill(byte, data, data + length);
          let at = data;
          const parts = counts.map((count) => {
            const part = { at, bytes: count * 512, isWritable: type === 0 };
            at += count * 512;
            return part;
          });
          const last = { at: status, bytes: 1, isWritable: true };
          const written = driver.give(0, [{ at: header, bytes: 16 }, ...parts, last]);
          const isInside = start + length <= model.length;
          if (driver.ram[status] !== (isInside ? 0 : 1)) return false;
          if (written !== (type === 0 ? length + 1 : 1)) return false;
          if (!isInside) continue;
          if (type === 1) model.fill(byte, start, start + length);
          const shown = driver.ram.subarray(data, data + length);
          if (shown.some((found, index) => found !== model[start + index])) return false;
        }
        return disk.read(0, model.length).every((byte, index) => byte === model[index]);
      },
    ),
    { numRuns: 50 },
  );
});

t.test('a flush of the block device publishes', async (t) => {
  const store = new VmoStore(sha256);
  let published = 0;
  const driver = new Driver(new BlockDevice(new VmoDisk(store, store.zeros(4096), () => published++))).start();
  const last = { at: DATA + 16, bytes: 1, isWritable: true };
  driver.view.setUint32(DATA, 1, true);
  driver.give(0, [{ at: DATA, bytes: 16 }, { at: DATA + 0x1000, bytes: 512 }, last]);
  t.equal(published, 0);
  driver.view.setUint32(DATA, 4, true);
  t.equal(driver.give(0, [{ at: DATA, bytes: 16 }, last]), 1);
  t.equal(published, 1);
  driver.view.setUint32(DATA, 99, true);
  driver.give(0, [{ at: DATA, bytes: 16 }, last]);
  t.equal(driver.ram[DATA + 16], 2, 'an unsupported request');
});

t.test('nothing that a driver writes crashes a device, which says when it needs a reset', async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 64, maxLength: 512 }),
      fc.array(
        fc.tuple(
          fc.integer({ min: 0, max: 0x3008 }),
          fc.constantFrom(1, 2, 4),
          fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        ),
        {
          maxLength: 40,
        },
      ),
      (garbage, writes) => {
        const store = new VmoStore(sha256);
        const driver = new Driver(new BlockDevice(new VmoDisk(store, store.zeros(4096)))).start();
        driver.ram.set(garbage, QUEUE_BYTES);
        driver.ram.set(garbage, QUEUE_BYTES + 0x400);
        driver.write(0x3000, 2, 0);
        driver.function.update();
        for (const [at, bytes, value] of writes) {
          driver.write(at, bytes, value);
          driver.function.update();
        }
        return Number.isInteger(driver.read(0x14, 1));
      },
    ),
    { numRuns: 200 },
  );
  const driver = new Driver(new EntropyDevice()).start();
  driver.view.setUint16(QUEUE_BYTES + 12, 1, true);
  driver.view.setUint16(QUEUE_BYTES + 14, 0, true);
  driver.view.setUint16(QUEUE_BYTES + 0x402, 1, true);
  driver.write(0x3000, 2, 0);
  driver.function.update();
  t.equal(driver.read(0x14, 1) & 0x40, 0x40, 'a chain without an end');
});
