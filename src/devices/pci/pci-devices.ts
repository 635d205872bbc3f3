import { outside, schema, value } from '../../state/schema.js';
import type { DeviceClock, TimedDevice } from '../device-time.js';
import type { DirectMemory } from '../direct-access.js';
import type { Disk } from '../disk.js';
import type { InterruptLine } from '../interrupt-line.js';
import type { IoBus } from '../io-bus.js';
import type { MemoryBus } from '../memory-bus.js';
import { NvmeController } from '../nvme/controller.js';
import { SharedLine } from '../shared-line.js';
import { PCI_PORTS, PciConfiguration } from './configuration-ports.js';
import { PciFunction, type FunctionInterrupt } from './function.js';

/** The inputs of the interrupt controllers for the four interrupt wires of the bus. */
export const PCI_IRQS = [10, 11, 5, 9] as const;

const HOST_BRIDGE = { vendor: 0xbd00, device: 0x0000, classCode: 0x06_00_00 };

/** Where the devices of the bus are connected. */
export interface PciHost {
  readonly clock: DeviceClock;
  readonly memory: DirectMemory;
  readonly ports: IoBus;
  readonly memoryBus: MemoryBus;
  /** An input of the interrupt controllers whose level counts. */
  line(irq: number): InterruptLine;
  reset(): void;
}

/** PCI bus 0 and its devices: a host bridge, and an NVMe controller if there are disks. */
export class PciDevices {
  static readonly state = schema(
    'PCI devices',
    PciDevices,
    { configuration: value, wires: value, nvme: value, timed: outside('devices that have fields of their own') },
    { isPart: true },
  );

  readonly timed: readonly TimedDevice[];
  private readonly configuration: PciConfiguration;
  private readonly wires: readonly SharedLine[];
  private readonly nvme: NvmeController | undefined;

  constructor(host: PciHost, disks: readonly Disk[]) {
    const { clock, memory, ports, memoryBus } = host;
    this.configuration = new PciConfiguration(() => host.reset());
    this.wires = PCI_IRQS.map((irq) => new SharedLine([host.line(irq)]));
    this.configuration.add(new PciFunction(HOST_BRIDGE));
    ports.connect(PCI_PORTS.first, PCI_PORTS.last, this.configuration);
    const timed: TimedDevice[] = [];
    if (disks.length > 0) {
      this.nvme = new NvmeController(clock, memory, this.interruptOf(1), disks);
      this.configuration.add(this.nvme.pci);
      memoryBus.connect(this.nvme.pci);
      timed.push(this.nvme);
    }
    this.timed = timed;
  }

  /** INTA# of a device: the devices share the four wires in turn. */
  private interruptOf(device: number): FunctionInterrupt {
    const wire = device % PCI_IRQS.length;
    return { line: this.wires[wire]!.input(), irq: PCI_IRQS[wire]! };
  }
}
