/** The local APIC, the I/O APIC, the HPET, the power management timer and the keyboard controller, by their specifications. */
import t from 'tap';
import { PowerManagement } from '../../src/devices/acpi/power-management.js';
import { IoApic, type InterruptMessage } from '../../src/devices/apic/io-apic.js';
import { LocalApic } from '../../src/devices/apic/local-apic.js';
import { Hpet } from '../../src/devices/hpet.js';
import { KeyboardController } from '../../src/devices/keyboard-controller.js';
import { MemoryBus, type MemoryRange } from '../../src/devices/memory-bus.js';
import fc from '../support/fast-check.js';

/** Reads and writes 32-bit registers of a device. */
function registersOf(range: MemoryRange): { read(offset: number): number; write(offset: number, value: number): void } {
  return {
    read: (offset) => range.device.readMemory(offset, 4),
    write: (offset, value) => range.device.writeMemory(offset, 4, value),
  };
}

function localApic(): {
  readonly clock: { ticks: number };
  readonly apic: LocalApic;
  readonly ended: number[];
  readonly registers: ReturnType<typeof registersOf>;
} {
  const clock = { ticks: 0 };
  const ended: number[] = [];
  const apic = new LocalApic(clock, (vector) => ended.push(vector));
  return { clock, apic, ended, registers: registersOf(apic) };
}

t.test('the local APIC starts in virtual wire mode', async (t) => {
  const { apic, registers } = localApic();
  t.equal(registers.read(0x30), 0x0005_0014, 'version');
  t.equal(registers.read(0xf0), 0x1ff);
  t.equal(apic.passesExternal, true);
  registers.write(0x350, 0x1_0700);
  t.equal(apic.passesExternal, false, 'LINT0 is masked');
  apic.apicBase = 0xfee0_0100n;
  t.equal(apic.passesExternal, true, 'an APIC that is off passes what the 8259s say');
  t.equal(apic.base, undefined);
  apic.apicBase = 0xfed0_0900n;
  t.equal(apic.base, 0xfed0_0000, 'it moves, and can be turned on again');
  t.equal(registers.read(0xf0), 0xff, 'disabled by software');
});

t.test('interrupts are delivered by class: SDM Vol. 3A 11.8.3', async (t) => {
  const { apic, registers, ended } = localApic();
  apic.request(0x41, false);
  apic.request(0x62, true);
  apic.request(0x45, false);
  t.equal(apic.acknowledge(), 0x62);
  t.equal(registers.read(0xa0), 0x60, 'the processor priority');
  apic.request(0x6f, false);
  t.equal(apic.pending, -1, 'of the same class: it waits');
  apic.request(0x70, false);
  t.equal(apic.acknowledge(), 0x70);
  t.equal(registers.read(0x100 + 0x30), (1 << 2) | (1 << 16), 'ISR');
  registers.write(0xb0, 0);
  t.same(ended, [], 'an edge');
  registers.write(0xb0, 0);
  t.same(ended, [0x62], 'a level');
  t.equal(apic.acknowledge(), 0x6f);
  registers.write(0xb0, 0);
  apic.taskPriority = 4;
  t.equal(registers.read(0x80), 0x40, 'CR8 is TPR');
  t.equal(apic.pending, -1, 'of the class of the task priority');
  registers.write(0x80, 0x3f);
  t.equal(apic.pending, 0x45);
  registers.write(0xf0, 0xff);
  t.equal(apic.pending, -1, 'disabled by software');
  registers.write(0xf0, 0x1ff);
  apic.request(5, false);
  registers.write(0x280, 0);
  t.equal(registers.read(0x280), 1 << 6, 'ESR: vectors below 16 cannot be received');
});

t.test('destinations and messages to oneself', async (t) => {
  const { apic, registers } = localApic();
  registers.write(0x20, 0x0300_0000);
  registers.write(0xd0, 0x0600_0000);
  t.same(
    [3, 2, 0xff].map((id) => apic.isDestination(id, false)),
    [true, false, true],
    'physical',
  );
  t.same(
    [0x04, 0x09, 0xff].map((set) => apic.isDestination(set, true)),
    [true, false, true],
    'logical, flat',
  );
  registers.write(0xe0, 0);
  t.same(
    [0x02, 0x12, 0xf4].map((set) => apic.isDestination(set, true)),
    [true, false, true],
    'logical, clusters',
  );
  registers.write(0x300, 0x4_0080);
  t.equal(apic.acknowledge(), 0x80, 'self');
  registers.write(0x300, 0xc_0090);
  t.equal(apic.pending, -1, 'all but self: no processor');
  registers.write(0x310, 0x0300_0000);
  registers.write(0x300, 0x0091);
  t.equal(apic.acknowledge(), 0x91, 'by number');
});

t.test('the APIC timer counts exactly', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...[2, 4, 8, 16, 32, 64, 128, 1].entries()),
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 2 ** 40 }),
      ([code, divisor], initial, isPeriodic, start) => {
        const { clock, apic, registers } = localApic();
        clock.ticks = start;
        registers.write(0x3e0, (code & 3) | ((code & 4) << 1));
        registers.write(0x320, 0x80 | (isPeriodic ? 1 << 17 : 0));
        registers.write(0x380, initial);
        const period = initial * divisor;
        if (apic.nextChange !== start + period) return false;
        clock.ticks = start + period - 1;
        apic.update();
        if (apic.pending !== -1 || registers.read(0x390) !== 1) return false;
        clock.ticks++;
        apic.update();
        if (apic.acknowledge() !== 0x80) return false;
        return apic.nextChange === (isPeriodic ? start + 2 * period : Infinity);
      },
    ),
    { numRuns: 100 },
  );
});

t.test('the I/O APIC', async (t) => {
  const sent: InterruptMessage[] = [];
  const ioApic = new IoApic((message) => sent.push(message));
  const registers = registersOf(ioApic);
  const put = (register: number, value: number): void => {
    registers.write(0, register);
    registers.write(0x10, value);
  };
  const get = (register: number): number => {
    registers.write(0, register);
    return registers.read(0x10);
  };
  t.equal(get(1), 0x0017_0020, '24 pins');
  t.equal(get(0x10 + 2 * 4), 1 << 16, 'masked');
  const [edge, level] = [ioApic.line(4), ioApic.line(11)];
  edge.set(true);
  put(0x11 + 2 * 4, 0x0300_0000);
  put(0x10 + 2 * 4, 0x34);
  t.same(sent, [], 'an edge at a masked pin is lost');
  edge.set(false);
  edge.set(true);
  t.same(sent, [{ vector: 0x34, isLevel: false, destination: 3, isLogical: false }]);
  put(0x10 + 2 * 11, 0x883b);
  t.equal(sent.length, 1);
  level.set(true);
  t.same(sent[1], { vector: 0x3b, isLevel: true, destination: 0, isLogical: true });
  t.equal(get(0x10 + 2 * 11) & (1 << 14), 1 << 14, 'remote IRR');
  level.set(false);
  level.set(true);
  t.equal(sent.length, 2, 'not before it has ended');
  ioApic.endOfInterrupt(0x3b);
  t.equal(sent.length, 3, 'the line is still high');
  level.set(false);
  registers.write(0x40, 0x3b);
  t.equal(sent.length, 3);
  t.equal(get(0x10 + 2 * 11) & (1 << 14), 0);
  put(0x10 + 2 * 11, 0x1_883b);
  level.set(true);
  t.equal(sent.length, 3, 'masked');
  put(0x10 + 2 * 11, 0x883b);
  t.equal(sent.length, 4, 'a level that was masked is seen afterwards');
});

/** A line that counts its edges. */
class Line {
  isHigh = false;
  rises = 0;
  set(isHigh: boolean): void {
    if (isHigh && !this.isHigh) this.rises++;
    this.isHigh = isHigh;
  }
}

t.test('the HPET', async (t) => {
  const clock = { ticks: 0 };
  const [irq0, irq8, pin] = [new Line(), new Line(), new Line()];
  const hpet = new Hpet(clock, { legacy: [irq0, irq8], pin: () => pin });
  const { read, write } = registersOf(hpet);
  t.equal(read(4), 10_000_000, 'femtoseconds');
  t.equal(read(0) >>> 8, 0x8086_a2);
  hpet.legacyInput(0).set(true);
  t.equal(irq0.isHigh, true, 'the PIT passes through');
  write(0x10, 3);
  t.equal(irq0.isHigh, false, 'and is replaced');
  clock.ticks = 12_345;
  t.equal(read(0xf0), 1234);
  write(0x108, 2000);
  write(0x10c, 0);
  write(0x100, 1 << 2);
  t.equal(hpet.nextChange, 20_000);
  clock.ticks = 20_000;
  hpet.update();
  t.equal(irq0.rises, 2);
  t.ok(hpet.nextChange > 2 ** 50, 'once');
  write(0x120, (1 << 6) | (1 << 3) | (1 << 2) | (1 << 8));
  write(0x128, 2100);
  write(0x128, 50);
  for (const at of [21_000, 21_500, 22_000]) {
    t.equal(hpet.nextChange, at, 'periodic');
    clock.ticks = at;
    hpet.update();
  }
  t.equal(irq8.rises, 3);
  write(0x120, 0);
  write(0x148, 3000);
  write(0x14c, 0);
  write(0x140, (1 << 2) | (1 << 1) | (17 << 9));
  clock.ticks = hpet.nextChange;
  hpet.update();
  t.equal(pin.isHigh, true, 'a level at a pin of the I/O APIC');
  t.equal(read(0x20), 1 << 2);
  write(0x20, 1 << 2);
  t.equal(pin.isHigh, false);
  write(0x10, 0);
  const stopped = read(0xf0);
  clock.ticks += 1000;
  t.equal(read(0xf0), stopped, 'a counter that is off stands still');
  write(0xf0, 0xffff_fffe);
  write(0xf4, 1);
  write(0x10, 1);
  clock.ticks += 40;
  const bus = new MemoryBus();
  bus.connect(hpet);
  t.equal(bus.read(hpet.base + 0xf0, 8), 0x2_0000_0002n, 'both halves carry');
});

t.test('the power management timer, and turning off', async (t) => {
  const clock = { ticks: 0 };
  let isOff = false;
  const power = new PowerManagement(clock, () => (isOff = true));
  const timer = (): number => [3, 2, 1, 0].reduce((value, byte) => value * 256 + power.readPort(0x608 + byte), 0);
  clock.ticks = 1e9;
  t.equal(timer(), 3_579_545);
  clock.ticks = 2000e9;
  t.equal(timer(), (2000 * 3_579_545) % 2 ** 32, 'modulo 2^32');
  t.equal(power.readPort(0x604) & 1, 1, 'ACPI is on');
  power.writePort(0x605, 0x20 | (1 << 2));
  t.equal(isOff, false, 'another sleep type');
  power.writePort(0x605, 0x20 | (5 << 2));
  t.equal(isOff, true);
});

t.test('the keyboard controller', async (t) => {
  let resets = 0;
  const controller = new KeyboardController(() => resets++);
  const status = (): number => controller.readPort(0x64);
  t.equal(status() & 3, 0, 'nothing to read, and ready');
  controller.writePort(0x64, 0xaa);
  t.equal(status() & 1, 1);
  t.equal(controller.readPort(0x60), 0x55, 'its test');
  t.equal(status() & 1, 0);
  controller.writePort(0x64, 0x60);
  controller.writePort(0x60, 0x47);
  controller.writePort(0x64, 0x20);
  t.equal(controller.readPort(0x60), 0x47, 'the mode');
  controller.writePort(0x64, 0xd1);
  controller.writePort(0x60, 0x03);
  t.equal(resets, 0);
  controller.writePort(0x64, 0xfe);
  t.equal(resets, 1, 'a pulse of the reset line');
  controller.writePort(0x64, 0xd1);
  controller.writePort(0x60, 0x02);
  t.equal(resets, 2, 'the output port');
});
