import type { Width } from '../bits.js';

/** A device's ports, of 8 bits each; wider accesses are made byte by byte, the lowest port first, unless the device takes them. */
export interface PortDevice {
  readPort(port: number): number;
  writePort(port: number, value: number): void;
  /** Accesses of 16 or 32 bits to ports that are all of this device. */
  readonly wide?: WidePorts;
}

/** Ports that tell wide accesses from several narrow ones. Values are unsigned. */
export interface WidePorts {
  read(port: number, width: Width): number;
  write(port: number, width: Width, value: number): void;
}

const PORTS = 0x1_0000;
const OPEN_BUS = 0xff;

/** The I/O address space: 65,536 ports of 8 bits. Ports without a device read as all ones, and swallow writes. */
export class IoBus {
  private readonly devices = new Array<PortDevice | undefined>(PORTS);
  /** Called before each access of a program, for traces. */
  onAccess: ((kind: 'in' | 'out', port: number, width: Width, value: number) => void) | undefined;

  /** Gives the ports from `first` to `last` to a device. Throws RangeError if one of them has another. */
  connect(first: number, last: number, device: PortDevice): void {
    for (let port = first; port <= last; port++) {
      if (this.devices[port]) throw new RangeError(`port ${port.toString(16)}h has two devices`);
      this.devices[port] = device;
    }
  }

  read(port: number, width: Width): number {
    const value = this.wideAt(port, width)?.read(port, width) ?? this.readBytes(port, width);
    this.onAccess?.('in', port, width, value);
    return value;
  }

  private readBytes(port: number, width: Width): number {
    let value = 0;
    for (let byte = 0; byte < width / 8; byte++) {
      const at = (port + byte) % PORTS;
      value |= (this.devices[at]?.readPort(at) ?? OPEN_BUS) << (8 * byte);
    }
    return value >>> 0;
  }

  write(port: number, width: Width, value: number): void {
    this.onAccess?.('out', port, width, value);
    const wide = this.wideAt(port, width);
    if (wide) return wide.write(port, width, value >>> 0);
    for (let byte = 0; byte < width / 8; byte++) {
      const at = (port + byte) % PORTS;
      this.devices[at]?.writePort(at, (value >>> (8 * byte)) & 0xff);
    }
  }

  private wideAt(port: number, width: Width): WidePorts | undefined {
    const device = this.devices[port];
    return width > 8 && device === this.devices[port + width / 8 - 1] ? device?.wide : undefined;
  }
}
