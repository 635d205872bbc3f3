import { UserNetwork, type NetworkOptions } from '../../network/user-network.js';
import { outside, schema, value } from '../../state/schema.js';
import type { DeviceClock, TimedDevice } from '../device-time.js';
import type { DirectMemory } from '../direct-access.js';
import type { Disk } from '../disk.js';
import type { InterruptLine } from '../interrupt-line.js';
import type { IoBus } from '../io-bus.js';
import type { MemoryBus } from '../memory-bus.js';
import { NvmeController } from '../nvme/controller.js';
import { SharedLine } from '../shared-line.js';
import { BlockDevice } from '../virtio/block-device.js';
import { ConsoleDevice } from '../virtio/console-device.js';
import { NetworkDevice, RECEIVE_QUEUE } from '../virtio/network-device.js';
import { EntropyDevice } from '../virtio/entropy-device.js';
import { VirtioFunction, type VirtioDevice } from '../virtio/virtio-function.js';
import { PCI_PORTS, PciConfiguration } from './configuration-ports.js';
import { PciFunction, type FunctionInterrupt } from './function.js';

/** The inputs of the interrupt controllers for the interrupt wires of the bus. */
export const PCI_IRQS = [10, 11, 5] as const;

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

/** Virtio devices that a machine can have; with `block`, disks are block devices rather than behind an NVMe controller. */
export const VIRTIO_KINDS = ['rng', 'console', 'block'] as const;
export type VirtioKind = (typeof VIRTIO_KINDS)[number];

/** What a machine has on its bus. */
export interface PciContent {
  readonly disks: readonly Disk[];
  readonly virtio: readonly VirtioKind[];
  /** With it, there is a virtio network device. */
  readonly network: Omit<NetworkOptions, 'clock'> | undefined;
  /** Called with each byte that is sent over the virtio console. */
  readonly send: (byte: number) => void;
}

/** PCI bus 0 and its devices: a host bridge, an NVMe controller if there are disks, and virtio devices. */
export class PciDevices {
  static readonly state = schema(
    'PCI devices',
    PciDevices,
    {
      host: outside('its place on the board'),
      configuration: value,
      wires: value,
      nvme: value,
      virtio: value,
      console: outside('one of the virtio devices'),
      network: outside('behind one of the virtio devices'),
      timed: outside('devices that have fields of their own'),
    },
    { isPart: true },
  );

  readonly timed: readonly TimedDevice[];
  readonly network: UserNetwork | undefined;
  private readonly configuration: PciConfiguration;
  private readonly wires: readonly SharedLine[];
  private readonly nvme: NvmeController | undefined;
  private readonly virtio: VirtioFunction[] = [];
  private readonly console: { readonly device: ConsoleDevice; readonly pci: VirtioFunction } | undefined;

  constructor(
    private readonly host: PciHost,
    { disks, virtio, network, send }: PciContent,
  ) {
    const { clock, memory, ports, memoryBus } = host;
    this.configuration = new PciConfiguration(() => host.reset());
    this.wires = PCI_IRQS.map((irq) => new SharedLine(host.line(irq)));
    this.configuration.add(new PciFunction(HOST_BRIDGE));
    ports.connect(PCI_PORTS.first, PCI_PORTS.last, this.configuration);
    if (disks.length > 0 && !virtio.includes('block')) {
      this.nvme = new NvmeController(clock, memory, this.nextInterrupt(), disks);
      this.configuration.add(this.nvme.pci);
      memoryBus.connect(this.nvme.pci);
    }
    if (virtio.includes('block')) for (const disk of disks) this.add(new BlockDevice(disk));
    if (virtio.includes('rng')) this.add(new EntropyDevice());
    if (virtio.includes('console')) {
      const device = new ConsoleDevice(send);
      this.console = { device, pci: this.add(device) };
    }
    this.network = network && this.addNetwork({ clock, ...network });
    this.timed = [...(this.nvme ? [this.nvme] : []), ...this.virtio];
  }

  private add(device: VirtioDevice): VirtioFunction {
    const { clock, memory, memoryBus } = this.host;
    const added = new VirtioFunction(clock, memory, this.nextInterrupt(), device);
    this.configuration.add(added.pci);
    memoryBus.connect(added.pci);
    this.virtio.push(added);
    return added;
  }

  private addNetwork(options: NetworkOptions): UserNetwork {
    const network = new UserNetwork(options);
    const added = this.add(new NetworkDevice(network));
    network.onFrames = () => added.notify(RECEIVE_QUEUE);
    return network;
  }

  /** INTA# of the next device: the devices share the wires in turn. */
  private nextInterrupt(): FunctionInterrupt {
    const wire = this.configuration.count % PCI_IRQS.length;
    return { line: this.wires[wire]!.input(), irq: PCI_IRQS[wire]! };
  }

  /** Bytes that the virtio console can still receive; undefined if there is none. */
  get consoleRoom(): number | undefined {
    return this.console?.device.room;
  }

  /** A byte arrives at the virtio console. */
  receive(byte: number): void {
    this.console?.device.receive(byte);
    this.console?.pci.notify(0);
  }
}
