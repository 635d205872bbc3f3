import { outside, schema, value } from '../state/schema.js';
import { POWER_PORTS, PowerManagement } from './acpi/power-management.js';
import { ROOT_POINTER, acpiTables } from './acpi/tables.js';
import { IoApic, TIMER_PIN } from './apic/io-apic.js';
import { LocalApic } from './apic/local-apic.js';
import type { DeviceClock, TimedDevice } from './device-time.js';
import type { DirectMemory } from './direct-access.js';
import type { Disk } from './disk.js';
import { Hpet } from './hpet.js';
import type { InterruptLine } from './interrupt-line.js';
import type { IoBus } from './io-bus.js';
import { KEYBOARD_PORTS, KeyboardController } from './keyboard-controller.js';
import { MemoryBus } from './memory-bus.js';
import { PCI_IRQS, PciDevices, type PciContent, type VirtioKind } from './pci/pci-devices.js';
import { InterruptControllers } from './pic.js';
import { IntervalTimer } from './pit.js';
import { RealTimeClock } from './rtc.js';
import { SystemControlB, debugExit, systemControlA } from './system-ports.js';
import { SerialPort } from './uart.js';

/** 1 January 2026. */
const START_SECONDS = 1_767_225_600;
const SERIAL_PORT = 0x3f8;
const SERIAL_IRQ = 4;
const TIMER_IRQ = 0;
const CLOCK_IRQ = 8;

/** Why a machine ends by itself: the debug exit port, a reset, or because it was turned off. */
export type ChipsetEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'reset'; readonly by: string }
  | { readonly kind: 'off' };

/** What the devices of a PC are connected to. */
export interface ChipsetHost {
  readonly clock: DeviceClock;
  readonly ports: IoBus;
  readonly memory: DirectMemory;
  readonly memoryBytes: number;
  /** Called with each byte that is sent over the serial port. */
  readonly send: (byte: number) => void;
  readonly end: (end: ChipsetEnd) => void;
  /** Seconds since 1970 when the ticks are 0. */
  readonly startSeconds?: number | undefined;
  /** With at least one, there is an NVMe controller. */
  readonly disks: readonly Disk[];
  readonly virtio?: readonly VirtioKind[] | undefined;
  readonly network?: PciContent['network'];
}

/** The devices of a PC, wired to each other. */
export class Chipset {
  static readonly state = schema(
    'chipset',
    Chipset,
    {
      memoryBus: outside('leads to the devices'),
      // A device that is brought up to date changes lines, whose other ends therefore follow.
      clock: value,
      timer: value,
      hpet: value,
      serial: value,
      controlB: value,
      keyboard: value,
      power: value,
      pci: value,
      controllers: value,
      ioApic: value,
      localApic: value,
      timed: outside('devices that have fields of their own'),
    },
    { isPart: true },
  );

  /** What lies beyond RAM. */
  readonly memoryBus = new MemoryBus();
  readonly localApic: LocalApic;
  readonly serial: SerialPort;
  private readonly controllers = new InterruptControllers();
  private readonly ioApic: IoApic;
  private readonly timer: IntervalTimer;
  private readonly clock: RealTimeClock;
  private readonly hpet: Hpet;
  private readonly controlB: SystemControlB;
  private readonly keyboard: KeyboardController;
  private readonly power: PowerManagement;
  private readonly pci: PciDevices;
  private readonly timed: readonly TimedDevice[];

  constructor(host: ChipsetHost) {
    const { clock, memoryBytes, startSeconds = START_SECONDS, send, end } = host;
    const { localApic, ioApic } = makeApics(clock);
    this.localApic = localApic;
    this.ioApic = ioApic;
    this.hpet = new Hpet(clock, {
      legacy: [this.line(TIMER_IRQ), this.line(CLOCK_IRQ)],
      pin: (number) => ioApic.line(number),
    });
    this.timer = new IntervalTimer(clock, this.hpet.legacyInput(0));
    this.clock = new RealTimeClock(clock, this.hpet.legacyInput(1), startSeconds, memoryBytes);
    this.serial = new SerialPort(this.line(SERIAL_IRQ), send);
    this.controlB = new SystemControlB(clock, this.timer);
    this.keyboard = new KeyboardController(() => end({ kind: 'reset', by: 'the keyboard controller' }));
    this.power = new PowerManagement(clock, () => end({ kind: 'off' }));
    for (const range of [localApic, ioApic, this.hpet]) this.memoryBus.connect(range);
    this.connectPorts(host);
    const tables = acpiTables(memoryBytes);
    host.memory.write(tables.physical, tables.bytes);
    this.pci = this.makePci(host);
    this.timed = [this.timer, this.clock, this.hpet, localApic, ...this.pci.timed];
  }

  /** The physical address of the root pointer of ACPI. */
  get acpiRoot(): number {
    return ROOT_POINTER;
  }

  /** An interrupt line of ISA, which leads to the 8259s and to the I/O APIC. */
  private line(irq: number): InterruptLine {
    const [first, second] = [this.controllers.line(irq), this.ioApic.line(irq === TIMER_IRQ ? TIMER_PIN : irq)];
    return {
      set: (isHigh) => {
        first.set(isHigh);
        second.set(isHigh);
      },
    };
  }

  private connectPorts({ ports, end }: ChipsetHost): void {
    const { controllers, keyboard } = this;
    ports.connect(0x20, 0x21, controllers.first);
    ports.connect(0xa0, 0xa1, controllers.second);
    ports.connect(0x4d0, 0x4d1, controllers.edgeLevel);
    ports.connect(0x40, 0x43, this.timer);
    ports.connect(KEYBOARD_PORTS.data, KEYBOARD_PORTS.data, keyboard);
    ports.connect(KEYBOARD_PORTS.command, KEYBOARD_PORTS.command, keyboard);
    ports.connect(0x61, 0x61, this.controlB);
    ports.connect(0x70, 0x71, this.clock);
    const reset = systemControlA(() => end({ kind: 'reset', by: 'port 92h' }));
    ports.connect(0x92, 0x92, reset);
    const exit = debugExit((code) => end({ kind: 'exit', code }));
    ports.connect(0xf4, 0xf4, exit);
    ports.connect(SERIAL_PORT, SERIAL_PORT + 7, this.serial);
    ports.connect(POWER_PORTS.events, POWER_PORTS.last, this.power);
  }

  private makePci({ clock, memory, ports, disks, virtio = [], network, send, end }: ChipsetHost): PciDevices {
    const { controllers, memoryBus } = this;
    for (const irq of PCI_IRQS) controllers.setLevelTriggered(irq);
    const reset = (): void => end({ kind: 'reset', by: 'port CF9h' });
    const host = { clock, memory, ports, memoryBus, line: (irq: number) => this.line(irq), reset };
    return new PciDevices(host, { disks, virtio, network, send });
  }

  /** Bytes of input that can still be received without loss. */
  get room(): number {
    return this.pci.consoleRoom ?? this.serial.room;
  }

  /** A byte of input arrives at the virtio console, or at the serial port if there is none. */
  receive(byte: number): void {
    if (this.pci.consoleRoom === undefined) this.serial.receive(byte);
    else this.pci.receive(byte);
  }

  /** The network of the virtio network device; undefined without one. */
  get network(): PciDevices['network'] {
    return this.pci.network;
  }

  /** Brings all interrupt lines to what they are now. */
  update(): void {
    for (const device of this.timed) device.update();
  }

  /** The next tick, after now, at which a line changes by itself; Infinity for never. */
  get nextChange(): number {
    let next = Infinity;
    for (const device of this.timed) next = Math.min(next, device.nextChange);
    return next;
  }

  /** Whether an interrupt waits for the processor. */
  get hasInterrupt(): boolean {
    return this.localApic.pending >= 0 || (this.controllers.hasInterrupt && this.localApic.passesExternal);
  }

  /** The vector of the interrupt that the processor takes: one of the local APIC before one of the 8259s. */
  acknowledge(): number {
    return this.localApic.pending >= 0 ? this.localApic.acknowledge() : this.controllers.acknowledge();
  }
}

/** The two APICs, which call each other. */
function makeApics(clock: DeviceClock): { readonly localApic: LocalApic; readonly ioApic: IoApic } {
  const localApic = new LocalApic(clock, (vector) => ioApic.endOfInterrupt(vector));
  const ioApic = new IoApic(({ vector, isLevel, destination, isLogical }) => {
    if (localApic.isDestination(destination, isLogical)) localApic.request(vector, isLevel);
  });
  return { localApic, ioApic };
}
