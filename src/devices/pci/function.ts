import { outside, schema, value } from '../../state/schema.js';
import type { InterruptLine } from '../interrupt-line.js';
import type { MemoryDevice, MemoryRange } from '../memory-bus.js';

const CONFIGURATION_BYTES = 256;

/** Registers of the header, type 0. PCI Local Bus Specification 3.0, 6.1. */
const VENDOR = 0x00;
const COMMAND = 0x04;
const STATUS = 0x06;
const REVISION = 0x08;
const CLASS = 0x09;
const BASE_ADDRESSES = 0x10;
const SUBSYSTEM = 0x2c;
const CAPABILITIES = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;

const COMMAND_MEMORY = 1 << 1;
const COMMAND_MASTER = 1 << 2;
const COMMAND_INTERRUPTS_OFF = 1 << 10;
const COMMAND_WRITABLE = COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTERRUPTS_OFF;
const STATUS_INTERRUPT = 1 << 3;
const STATUS_CAPABILITIES = 1 << 4;
const MEMORY_64 = 0b100;
const FIRST_CAPABILITY = 0x40;

/** What a function is, as its header says. */
export interface FunctionIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision?: number;
  /** Base class, subclass and interface, 24 bits. */
  readonly classCode: number;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
}

/** Registers that a function has in memory, at an address of 64 bits that software chooses. */
export interface FunctionMemory {
  /** A power of two, at least 4096. */
  readonly bytes: number;
  readonly device: MemoryDevice;
}

/** The wire of a function's interrupt pin, and the input of the interrupt controllers where firmware has routed it. */
export interface FunctionInterrupt {
  readonly line: InterruptLine;
  readonly irq: number;
}

/** A function of a PCI device: its 256 bytes of configuration space, one range of registers in memory, and INTA#. */
export class PciFunction implements MemoryRange {
  static readonly state = schema(
    'PCI function',
    PciFunction,
    {
      memory: outside('its place on the board'),
      interrupt: outside('its place on the board'),
      configuration: value,
      writable: outside('set when the machine is made'),
      asserts: value,
      nextCapability: outside('set when the machine is made'),
      lastLink: outside('set when the machine is made'),
    },
    { isPart: true },
  );

  private readonly configuration = new Uint8Array(CONFIGURATION_BYTES);
  /** Bits that software can change. */
  private readonly writable = new Uint8Array(CONFIGURATION_BYTES);
  /** Whether the device asks for an interrupt. */
  private asserts = false;
  private nextCapability = FIRST_CAPABILITY;
  /** Where the pointer to the next capability goes. */
  private lastLink = CAPABILITIES;

  constructor(
    identity: FunctionIdentity,
    private readonly memory?: FunctionMemory,
    private readonly interrupt?: FunctionInterrupt,
  ) {
    const { vendor, device, revision = 0, classCode, subsystemVendor = 0, subsystem = 0 } = identity;
    this.put(VENDOR, 2, vendor);
    this.put(VENDOR + 2, 2, device);
    this.put(REVISION, 1, revision);
    this.put(CLASS, 3, classCode);
    this.put(SUBSYSTEM, 2, subsystemVendor);
    this.put(SUBSYSTEM + 2, 2, subsystem);
    this.allow(COMMAND, 2, COMMAND_WRITABLE);
    this.allow(INTERRUPT_LINE, 1, 0xff);
    if (interrupt) {
      this.put(INTERRUPT_LINE, 1, interrupt.irq);
      this.put(INTERRUPT_PIN, 1, 1);
    }
    if (!memory) return;
    this.put(BASE_ADDRESSES, 1, MEMORY_64);
    this.allow(BASE_ADDRESSES, 4, ~(memory.bytes - 1));
    this.allow(BASE_ADDRESSES + 4, 4, -1);
  }

  /** Adds a capability, of which the first two bytes are its number and the link to the next; the rest is read-only. */
  addCapability(number: number, rest: Uint8Array): void {
    const at = this.nextCapability;
    this.put(this.lastLink, 1, at);
    this.put(at, 1, number);
    this.configuration.set(rest, at + 2);
    this.lastLink = at + 1;
    this.nextCapability = (at + 2 + rest.length + 3) & ~3;
    this.put(STATUS, 1, STATUS_CAPABILITIES);
  }

  private put(at: number, bytes: number, value: number): void {
    for (let byte = 0; byte < bytes; byte++) this.configuration[at + byte] = value >> (8 * byte);
  }
  private allow(at: number, bytes: number, bits: number): void {
    for (let byte = 0; byte < bytes; byte++) this.writable[at + byte] = bits >> (8 * byte);
  }

  private byteAt(at: number): number {
    return this.configuration[at]! | (at === STATUS && this.asserts ? STATUS_INTERRUPT : 0);
  }

  /** Reads bytes of configuration space. */
  read(at: number, bytes: number): number {
    let value = 0;
    for (let byte = at + bytes - 1; byte >= at; byte--) value = value * 256 + this.byteAt(byte);
    return value;
  }

  write(at: number, bytes: number, value: number): void {
    for (let byte = at; byte < at + bytes; byte++) {
      const mask = this.writable[byte]!;
      const written = value >>> (8 * (byte - at));
      this.configuration[byte] = (this.configuration[byte]! & ~mask) | (written & mask);
    }
    this.output();
  }

  private get command(): number {
    return this.read(COMMAND, 2);
  }

  /** Whether the device may read and write memory. */
  get isMaster(): boolean {
    return (this.command & COMMAND_MASTER) !== 0;
  }

  get base(): number | undefined {
    if (!this.memory || !(this.command & COMMAND_MEMORY)) return undefined;
    return this.read(BASE_ADDRESSES, 8) - MEMORY_64;
  }
  get bytes(): number {
    return this.memory?.bytes ?? 0;
  }
  get device(): MemoryDevice {
    return this.memory!.device;
  }

  /** Asks for an interrupt, or no longer does. */
  setInterrupt(asserts: boolean): void {
    this.asserts = asserts;
    this.output();
  }

  private output(): void {
    this.interrupt?.line.set(this.asserts && !(this.command & COMMAND_INTERRUPTS_OFF));
  }
}
