/**
 * Debian's cloud kernel and its busybox on a bare machine, from the packages that apt-get has: to a shell, with the same machine
 * however the run is cut into slices.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Board } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import { initramfs } from '../../src/cli/bench/initramfs.js';
import { sha256 } from '../../src/host/sha256.js';
import { debianKernel } from '../support/debian-kernel.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-linux-'));
t.teardown(() => rmSync(directory, { recursive: true }));

const MEMORY_BYTES = 256 * 2 ** 20;
const COMMAND_LINE = 'console=ttyS0 nokaslr nolapic noapic acpi=off reboot=t';
/** Instructions of Debian's 6.1.0-56 by the same entry on the reference machine, with another init. */
const REFERENCE_TICKS = 1_394_700_000;
const INIT = `#!/busybox sh
/busybox mkdir -p /proc
/busybox mount -t proc proc /proc
/busybox echo BD0-USERSPACE-OK
while read line; do eval "$line"; done
`;

const found = debianKernel(directory);

/** Boots Linux, and types lines when it waits for input. */
class Linux {
  output = '';
  readonly board: Board;
  private readonly typed: number[];

  constructor(lines: readonly string[], commandLine = COMMAND_LINE) {
    this.board = new Board({
      memoryBytes: MEMORY_BYTES,
      sha256,
      send: (byte) => (this.output += String.fromCharCode(byte)),
    });
    const { kernel, busybox } = found!;
    const initialDisk = initramfs(Buffer.from(INIT), 'busybox', busybox);
    boot(this.board, { name: 'vmlinuz', kernel, commandLine, initialDisk });
    this.typed = [...Buffer.from(lines.map((line) => `${line}\n`).join(''))];
  }

  /** Runs to a tick; a byte is typed at each multiple of a millisecond once user space runs. */
  runTo(tick: number): ReturnType<Board['run']> {
    const { board } = this;
    for (;;) {
      const next = Math.min(tick, Math.ceil((board.ticks + 1) / 1e6) * 1e6);
      const event = board.run(next);
      const isDue = board.ticks % 1e6 === 0 && this.output.includes('BD0-USERSPACE-OK');
      if (isDue && board.serial.room > 0 && this.typed.length > 0) board.receive(this.typed.shift()!);
      if (event.kind !== 'limit' || board.ticks >= tick) return event;
    }
  }
}

t.test(
  'Linux boots, runs commands, and reboots',
  { skip: !found && 'apt-get does not offer the packages' },
  async (t) => {
    const linux = new Linux([
      '/busybox uname -m',
      '/busybox sleep 2',
      '/busybox cat /proc/uptime',
      '/busybox reboot -f',
    ]);
    const event = linux.runTo(2e10);
    t.same(event, { kind: 'reset', by: 'a triple fault' });
    for (const line of [
      /tsc: Fast TSC calibration using PIT/,
      /tsc: Detected 999\.99\d MHz processor/,
      /Run \/init as init process/,
      /\nBD0-USERSPACE-OK\r?\n/,
      /\nx86_64\r?\n/,
      /\n3\.\d\d \d/,
      /reboot: machine restart/,
    ])
      t.match(linux.output, line);
    t.notMatch(linux.output, /Oops|BUG:|WARNING:|Call Trace|panic/);
  },
);

t.test(
  'to user space in as many instructions as the reference machine takes, within 2 %',
  { skip: !found },
  async (t) => {
    const linux = new Linux([]);
    while (!linux.output.includes('BD0-USERSPACE-OK')) linux.runTo(linux.board.ticks + 1e6);
    const difference = Math.abs(linux.board.ticks - REFERENCE_TICKS) / REFERENCE_TICKS;
    t.ok(difference < 0.02, `${linux.board.ticks} ticks`);
  },
);

t.test('the machine does not depend on how the run is cut into slices', { skip: !found }, async (t) => {
  const [one, other] = [new Linux([]), new Linux([])];
  for (let tick = 1e8; tick <= 1.4e9; tick += 1e8) {
    one.runTo(tick);
    for (let part = 1; part <= 7; part++) other.runTo(tick - 1e8 + Math.floor((1e8 * part) / 7));
    t.equal(other.board.machineHash(), one.board.machineHash(), `at tick ${tick}`);
  }
});

t.test('with ACPI and both APICs, Linux uses all devices, and turns the machine off', { skip: !found }, async (t) => {
  const lines = ['/busybox cat /proc/interrupts', '/busybox sleep 2', '/busybox poweroff -f'];
  const linux = new Linux(lines, 'console=ttyS0 nokaslr');
  t.same(linux.runTo(2e10), { kind: 'off' });
  for (const line of [
    /ACPI: Using ACPI \(MADT\) for SMP configuration information/,
    /ACPI: PM-Timer IO Port: 0x608/,
    /\.\.TIMER: vector=0x30 apic1=0 pin1=2/,
    /hpet0: 3 comparators, 64-bit 100\.000000 MHz counter/,
    /ACPI: Using IOAPIC for interrupt routing/,
    /tsc: Refined TSC clocksource calibration: (999\.99\d|1000\.000) MHz/,
    /IO-APIC +4-edge +ttyS0/,
    /LOC: +[1-9]/,
  ])
    t.match(linux.output, line);
  t.notMatch(linux.output, /Oops|BUG:|WARNING:|Call Trace|panic|ACPI Error|ACPI BIOS/);
});
