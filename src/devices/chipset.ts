import { outside, schema, value } from '../state/schema.js';
import type { DeviceClock, TimedDevice } from './device-time.js';
import type { DirectMemory } from './direct-access.js';
import type { Disk } from './disk.js';
import type { IoBus } from './io-bus.js';
import { MemoryBus } from './memory-bus.js';
import { PCI_IRQS, PciDevices } from './pci/pci-devices.js';
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

/** Why a machine ends by itself: the debug exit port, or a reset. */
export type ChipsetEnd =
  { readonly kind: 'exit'; readonly code: number } | { readonly kind: 'reset'; readonly by: string };

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
  /** With at least one, there is a PCI bus with an NVMe controller. */
  readonly disks: readonly Disk[];
}

/** The devices of a PC, wired to each other. */
export class Chipset {
  static readonly state = schema(
    'chipset',
    Chipset,
    {
      memoryBus: outside('leads to the devices'),
      serial: value,
      controllers: value,
      timer: value,
      clock: value,
      controlB: value,
      pci: value,
      timed: outside('devices that have fields of their own'),
    },
    { isPart: true },
  );

  /** What lies beyond RAM. */
  readonly memoryBus = new MemoryBus();
  readonly serial: SerialPort;
  private readonly controllers = new InterruptControllers();
  private readonly timer: IntervalTimer;
  private readonly clock: RealTimeClock;
  private readonly controlB: SystemControlB;
  private readonly pci: PciDevices | undefined;
  private readonly timed: readonly TimedDevice[];

  constructor(host: ChipsetHost) {
    const { clock, memoryBytes, startSeconds = START_SECONDS, send, disks } = host;
    const { controllers } = this;
    this.timer = new IntervalTimer(clock, controllers.line(TIMER_IRQ));
    this.clock = new RealTimeClock(clock, controllers.line(CLOCK_IRQ), startSeconds, memoryBytes);
    this.serial = new SerialPort(controllers.line(SERIAL_IRQ), send);
    this.controlB = new SystemControlB(clock, this.timer);
    this.connectPorts(host);
    this.pci = disks.length > 0 ? this.makePci(host) : undefined;
    this.timed = [this.timer, this.clock, ...(this.pci?.timed ?? [])];
  }

  private connectPorts({ ports, end }: ChipsetHost): void {
    const { controllers } = this;
    ports.connect(0x20, 0x21, controllers.first);
    ports.connect(0xa0, 0xa1, controllers.second);
    ports.connect(0x4d0, 0x4d1, controllers.edgeLevel);
    ports.connect(0x40, 0x43, this.timer);
    ports.connect(0x61, 0x61, this.controlB);
    ports.connect(0x70, 0x71, this.clock);
    const reset = systemControlA(() => end({ kind: 'reset', by: 'port 92h' }));
    ports.connect(0x92, 0x92, reset);
    const exit = debugExit((code) => end({ kind: 'exit', code }));
    ports.connect(0xf4, 0xf4, exit);
    ports.connect(SERIAL_PORT, SERIAL_PORT + 7, this.serial);
  }

  private makePci({ clock, memory, ports, disks }: ChipsetHost): PciDevices {
    const { controllers, memoryBus } = this;
    for (const irq of PCI_IRQS) controllers.setLevelTriggered(irq);
    return new PciDevices({ clock, memory, ports, memoryBus, line: (irq) => controllers.line(irq) }, disks);
  }

  /** Brings all interrupt lines to what they are now. */
  update(): void {
    for (const device of this.timed) device.update();
  }

  /** The next tick, after now, at which a line changes by itself; Infinity for never. */
  get nextChange(): number {
    return Math.min(...this.timed.map(({ nextChange }) => nextChange));
  }

  /** Whether an interrupt waits for the processor. */
  get hasInterrupt(): boolean {
    return this.controllers.hasInterrupt;
  }

  /** The vector of the interrupt of the highest priority, which the processor takes. */
  acknowledge(): number {
    return this.controllers.acknowledge();
  }
}
