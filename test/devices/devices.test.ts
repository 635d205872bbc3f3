/** Devices of the bare PC, by their data sheets. */
import t from 'tap';
import { periodsIn, ticksFor } from '../../src/devices/device-time.js';
import { IoBus } from '../../src/devices/io-bus.js';
import { InterruptControllers } from '../../src/devices/pic.js';
import { IntervalTimer, PIT_HERTZ } from '../../src/devices/pit.js';
import { RealTimeClock } from '../../src/devices/rtc.js';
import { SystemControlB } from '../../src/devices/system-ports.js';
import { SerialPort } from '../../src/devices/uart.js';
import fc from '../support/fast-check.js';

/** A line that records its level. */
class Line {
  isHigh = false;
  rises = 0;
  set(isHigh: boolean): void {
    if (isHigh && !this.isHigh) this.rises++;
    this.isHigh = isHigh;
  }
}

t.test('periods of a frequency are exact, however many ticks have passed', async (t) => {
  const exact = (ticks: number): number => Number((BigInt(ticks) * BigInt(PIT_HERTZ)) / 1_000_000_000n);
  for (const bits of [33, 45, 52]) {
    const ticks = 2 ** bits + 12_345;
    t.equal(periodsIn(ticks, PIT_HERTZ), exact(ticks), `2^${bits}`);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (periods) => {
      const ticks = ticksFor(periods, PIT_HERTZ);
      return periodsIn(ticks, PIT_HERTZ) === periods && (ticks === 0 || periodsIn(ticks - 1, PIT_HERTZ) < periods);
    }),
  );
});

t.test('the PIT', async (t) => {
  const clock = { ticks: 0 };
  const line = new Line();
  const pit = new IntervalTimer(clock, line);
  const program = (mode: number, count: number): void => {
    pit.writePort(0x43, mode);
    pit.writePort(0x40, count & 0xff);
    pit.writePort(0x40, count >> 8);
  };
  program(0x34, 4773);
  for (let change = 0; change < 20; change++) {
    clock.ticks = pit.nextChange;
    pit.update();
  }
  t.equal(line.rises, 1 + 10, 'mode 2 raises its output when it is set, and once a period');
  t.equal(clock.ticks, ticksFor(47_730, PIT_HERTZ), 'without drift');
  clock.ticks = 2 ** 45;
  program(0x30, 1000);
  t.equal(line.isHigh, false, 'mode 0 is low while it counts');
  clock.ticks += ticksFor(400, PIT_HERTZ);
  pit.writePort(0x43, 0x00);
  const latched = pit.readPort(0x40) | (pit.readPort(0x40) << 8);
  t.equal(latched, 600, 'a latched count');
  clock.ticks = pit.nextChange;
  pit.update();
  t.equal(line.isHigh, true, 'and high from then on');
  t.equal(pit.nextChange, Infinity);
  pit.writePort(0x43, 0xe2);
  t.equal(pit.readPort(0x40), 0x80 | 0x30, 'read-back of the status: output, both bytes, mode 0');
  pit.writePort(0x43, 0x36);
  t.equal(pit.nextChange, Infinity, 'a mode counts only once a count is loaded');
  pit.writePort(0x40, 0);
  pit.writePort(0x40, 0);
  t.equal(pit.nextChange - clock.ticks, ticksFor(32_768, PIT_HERTZ), 'mode 3 with count 0: half of 65,536');
});

t.test('port 61h shows the output of the third counter', async (t) => {
  const clock = { ticks: 0 };
  const pit = new IntervalTimer(clock, new Line());
  const control = new SystemControlB(clock, pit);
  control.writePort(0x61, 1);
  pit.writePort(0x43, 0xb0);
  pit.writePort(0x42, 0xff);
  pit.writePort(0x42, 0xff);
  t.equal(control.readPort() & 0x21, 1);
  clock.ticks = ticksFor(65_535, PIT_HERTZ);
  t.equal(control.readPort() & 0x21, 0x21);
});

/** Initialises both controllers as PCs do, with vectors 20h and 28h, and nothing masked. */
function controllers(mode = 1): InterruptControllers {
  const pair = new InterruptControllers();
  const commands = [
    [0x20, 0x11],
    [0xa0, 0x11],
    [0x21, 0x20],
    [0xa1, 0x28],
    [0x21, 4],
    [0xa1, 2],
    [0x21, mode],
    [0xa1, mode],
  ];
  for (const [port, value] of commands) (port! < 0xa0 ? pair.first : pair.second).writePort(port!, value!);
  return pair;
}

t.test('the 8259', async (t) => {
  const pair = controllers();
  pair.line(4).set(true);
  pair.line(1).set(true);
  t.equal(pair.acknowledge(), 0x21, 'the lower line first');
  t.equal(pair.hasInterrupt, false, 'the others wait');
  pair.first.writePort(0x20, 0x0b);
  t.equal(pair.first.readPort(0x20), 1 << 1, 'ISR');
  pair.first.writePort(0x20, 0x20);
  t.equal(pair.acknowledge(), 0x24);
  pair.first.writePort(0x20, 0x64);
  t.equal(pair.hasInterrupt, false, 'an edge is one interrupt');
  pair.line(12).set(true);
  t.equal(pair.acknowledge(), 0x2c, 'a line of the second controller');
  pair.second.writePort(0xa0, 0x20);
  pair.first.writePort(0x20, 0x62);
  pair.first.writePort(0x21, 0xff);
  pair.line(5).set(true);
  t.equal(pair.hasInterrupt, false, 'masked');
  t.equal(pair.first.readPort(0x21), 0xff);
  pair.first.writePort(0x21, 0);
  pair.line(5).set(false);
  t.equal(pair.acknowledge(), 0x27, 'a request that has gone away is spurious');
  pair.edgeLevel.writePort(0x4d0, 1 << 5);
  pair.line(5).set(true);
  t.equal(pair.acknowledge(), 0x25);
  pair.first.writePort(0x20, 0x20);
  t.equal(pair.hasInterrupt, true, 'a level goes on');
  const automatic = controllers(3);
  automatic.line(0).set(true);
  automatic.acknowledge();
  automatic.line(6).set(true);
  t.equal(automatic.acknowledge(), 0x26, 'automatic end of interrupt');
});

t.test('the serial port', async (t) => {
  const line = new Line();
  const sent: number[] = [];
  const uart = new SerialPort(line, (byte) => sent.push(byte));
  uart.writePort(0x3fa, 1);
  t.equal(uart.readPort(0x3fa), 0xc1, 'a FIFO, and no interrupt');
  uart.writePort(0x3fc, 8);
  uart.writePort(0x3f9, 2);
  t.equal(line.isHigh, true, 'enabling the interrupt of an empty transmitter raises it');
  t.equal(uart.readPort(0x3fa), 0xc2);
  t.equal(line.isHigh, false, 'reading its source ends it');
  uart.writePort(0x3f8, 65);
  t.same(sent, [65]);
  t.equal(line.isHigh, true);
  uart.writePort(0x3f9, 0);
  t.equal(line.isHigh, false, 'the interrupt is a level: what is pending and enabled');
  uart.receive(97);
  uart.writePort(0x3f9, 1);
  t.equal(line.isHigh, true, 'data that came while it was not enabled');
  t.equal(uart.readPort(0x3fd), 0x61);
  t.equal(uart.readPort(0x3f8), 97);
  t.equal(line.isHigh, false);
  uart.writePort(0x3fb, 0x83);
  uart.writePort(0x3f8, 12);
  t.equal(uart.readPort(0x3f8), 12, 'the divisor');
  uart.writePort(0x3fb, 3);
  uart.writePort(0x3fc, 0x1a);
  t.equal(uart.readPort(0x3fe) & 0xf0, 0x90, 'loop-back: RTS and OUT2 as CTS and DCD');
  uart.writePort(0x3f8, 66);
  t.equal(uart.readPort(0x3f8), 66);
  t.equal(sent.length, 1);
  uart.writePort(0x3ff, 0x5a);
  t.equal(uart.readPort(0x3ff), 0x5a);
});

t.test('the real-time clock', async (t) => {
  const clock = { ticks: 0 };
  const line = new Line();
  const start = Date.UTC(2028, 1, 28, 23, 59, 58) / 1000;
  const rtc = new RealTimeClock(clock, line, start, 256 * 2 ** 20);
  const read = (register: number): number => {
    rtc.writePort(0x70, register);
    return rtc.readPort(0x71);
  };
  const write = (register: number, value: number): void => {
    rtc.writePort(0x70, register);
    rtc.writePort(0x71, value);
  };
  t.same([0, 2, 4, 7, 8, 9, 0x32].map(read), [0x58, 0x59, 0x23, 0x28, 0x02, 0x28, 0x20]);
  clock.ticks = 2_500_000_000;
  t.same([0, 2, 4, 7, 8].map(read), [0, 0, 0, 0x29, 2], 'a leap day');
  t.equal(read(10) & 0x80, 0, 'no update in progress');
  clock.ticks = 2_999_900_000;
  t.equal(read(10) & 0x80, 0x80, 'one');
  t.equal(read(13), 0x80);
  t.equal(read(0x34) | (read(0x35) << 8), 240 * 16, 'memory above 16 MiB');
  write(11, 0x12);
  clock.ticks = rtc.nextChange;
  rtc.update();
  t.equal(line.isHigh, true, 'an interrupt each second');
  t.equal(read(12), 0xb0, 'an update, and the alarm of midnight');
  t.equal(line.isHigh, false);
  write(4, 0x11);
  t.equal(read(4), 0x11, 'the hour can be set');
  write(11, 0x06);
  t.equal(read(4), 11, 'in binary');
});

t.test('the bus', async (t) => {
  const bus = new IoBus();
  const written: string[] = [];
  const device = {
    readPort: (port: number) => port & 0xff,
    writePort: (port: number, value: number) => void written.push(`${port}=${value}`),
  };
  bus.connect(0x10, 0x11, device);
  t.equal(bus.read(0x10, 32), 0xffff_1110);
  bus.write(0x10, 16, 0x0201);
  t.same(written, ['16=1', '17=2']);
  t.throws(() => bus.connect(0x11, 0x12, device), RangeError);
});
