import type { Width } from '../../bits.js';
import { outside, schema, value } from '../../state/schema.js';
import type { PortDevice, WidePorts } from '../io-bus.js';
import type { PciFunction } from './function.js';

/** The ports of configuration mechanism 1. PCI Local Bus Specification 3.0, 3.2.2.3.2. */
export const PCI_PORTS = { first: 0xcf8, last: 0xcff } as const;
/** The reset control register, which lies between: writing this resets the machine. */
export const RESET_PORT = 0xcf9;
export const RESET_VALUE = 0x06;
const RESETS = 1 << 2;
const DATA = 0xcfc;
const ENABLE = 0x8000_0000;
const OPEN_BUS = 0xff;

/**
 * Configuration space of bus 0: CONFIG_ADDRESS at port CF8h, which only accesses of 32 bits reach, and CONFIG_DATA at CFCh. Function 0
 * of each device is all that there is.
 */
export class PciConfiguration implements PortDevice {
  static readonly state = schema(
    'PCI configuration',
    PciConfiguration,
    {
      address: value,
      functions: value,
      wide: outside('its place on the board'),
      reset: outside('its place on the board'),
    },
    { isPart: true },
  );

  private address = 0;
  /** By the number of the device. */
  private readonly functions: PciFunction[] = [];

  constructor(private readonly reset: () => void) {}

  /** Gives a function the next device number. */
  add(device: PciFunction): void {
    this.functions.push(device);
  }

  /** Number of devices. */
  get count(): number {
    return this.functions.length;
  }

  readonly wide: WidePorts = {
    read: (port, width) => {
      if (port < DATA) return port === PCI_PORTS.first && width === 32 ? this.address : 2 ** width - 1;
      return this.selected?.read(this.registerAt(port), width / 8) ?? 2 ** width - 1;
    },
    write: (port, width: Width, value) => {
      if (port < DATA) {
        if (port === PCI_PORTS.first && width === 32) this.address = (value & ~3) >>> 0;
      } else this.selected?.write(this.registerAt(port), width / 8, value);
    },
  };

  readPort(port: number): number {
    return port < DATA ? OPEN_BUS : this.wide.read(port, 8);
  }
  writePort(port: number, value: number): void {
    if (port >= DATA) this.wide.write(port, 8, value);
    else if (port === RESET_PORT && value & RESETS) this.reset();
  }

  private registerAt(port: number): number {
    return (this.address & 0xfc) | (port & 3);
  }

  private get selected(): PciFunction | undefined {
    const isFirst = this.address >= ENABLE && (this.address & 0xff_0700) === 0;
    return isFirst ? this.functions[(this.address >> 11) & 31] : undefined;
  }
}
