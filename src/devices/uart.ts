import { outside, schema, value } from '../state/schema.js';
import type { InterruptLine } from './interrupt-line.js';
import type { PortDevice } from './io-bus.js';

/** Registers by the low bits of the port. */
const DATA = 0;
const INTERRUPT_ENABLE = 1;
/** Read: interrupt identification; written: FIFO control. */
const IDENTIFICATION = 2;
const LINE_CONTROL = 3;
const MODEM_CONTROL = 4;
const LINE_STATUS = 5;
const MODEM_STATUS = 6;

const IER_RECEIVED = 1 << 0;
const IER_TRANSMITTER = 1 << 1;
const IER_LINE = 1 << 2;
const IER_MODEM = 1 << 3;

const FCR_ENABLE = 1 << 0;
const FCR_CLEAR_RECEIVER = 1 << 1;
const TRIGGERS = [1, 4, 8, 14];
const FIFO_BYTES = 16;

const LCR_DIVISOR = 1 << 7;
const MCR_OUT2 = 1 << 3;
const MCR_LOOP = 1 << 4;

const LSR_READY = 1 << 0;
const LSR_OVERRUN = 1 << 1;
/** The transmitter is always empty: what is written has been sent. */
const LSR_EMPTY = 0x60;

/** CTS, DSR and DCD: the other end is connected. */
const MSR_CONNECTED = 0xb0;

/** Sources in IIR: none, then from the highest priority to the lowest; and the bits that are set with FIFOs. */
const IIR_NONE = 1;
const IIR_LINE = 6;
const IIR_RECEIVED = 4;
const IIR_TIMEOUT = 12;
const IIR_TRANSMITTER = 2;
const IIR_MODEM = 0;
const IIR_FIFO = 0xc0;

/** A 16550A serial port. Its interrupt line is high while an enabled interrupt is pending. National Semiconductor PC16550D data sheet. */
export class SerialPort implements PortDevice {
  static readonly state = schema(
    'serial port',
    SerialPort,
    {
      interrupt: outside('its place on the board'),
      send: outside('the host'),
      received: value,
      interruptEnable: value,
      fifoControl: value,
      lineControl: value,
      modemControl: value,
      modemChanges: value,
      scratch: value,
      divisor: value,
      transmitterIsEmpty: value,
      hasOverrun: value,
      sent: outside('a statistic'),
    },
    { isPart: true },
  );

  private readonly received: number[] = [];
  private interruptEnable = 0;
  private fifoControl = 0;
  private lineControl = 0;
  private modemControl = 0;
  private modemChanges = 0;
  private scratch = 0;
  private divisor = 1;
  /** Whether the transmitter's interrupt is pending: until IIR has been read with it as the source. */
  private transmitterIsEmpty = false;
  private hasOverrun = false;
  /** Number of bytes sent. */
  sent = 0;

  constructor(
    private readonly interrupt: InterruptLine,
    /** Called with each byte that is sent. */
    private readonly send: (byte: number) => void,
  ) {}

  /** Bytes that can still be received without loss. */
  get room(): number {
    return this.hasFifo ? FIFO_BYTES - this.received.length : this.received.length === 0 ? 1 : 0;
  }

  /** Called when a byte arrives from outside. */
  receive(byte: number): void {
    if (this.room > 0) this.received.push(byte);
    else this.hasOverrun = true;
    this.output();
  }

  private get hasFifo(): boolean {
    return (this.fifoControl & FCR_ENABLE) !== 0;
  }
  private get loops(): boolean {
    return (this.modemControl & MCR_LOOP) !== 0;
  }

  readPort(port: number): number {
    const value = this.read(port & 7);
    this.output();
    return value;
  }

  private read(register: number): number {
    switch (register) {
      case DATA:
        return this.lineControl & LCR_DIVISOR ? this.divisor & 0xff : (this.received.shift() ?? 0);
      case INTERRUPT_ENABLE:
        return this.lineControl & LCR_DIVISOR ? this.divisor >> 8 : this.interruptEnable;
      case IDENTIFICATION: {
        const source = this.source();
        if (source === IIR_TRANSMITTER) this.transmitterIsEmpty = false;
        return source | (this.hasFifo ? IIR_FIFO : 0);
      }
      case LINE_CONTROL:
        return this.lineControl;
      case MODEM_CONTROL:
        return this.modemControl;
      case LINE_STATUS: {
        const overrun = this.hasOverrun ? LSR_OVERRUN : 0;
        this.hasOverrun = false;
        return LSR_EMPTY | overrun | (this.received.length > 0 ? LSR_READY : 0);
      }
      case MODEM_STATUS: {
        const changes = this.modemChanges;
        this.modemChanges = 0;
        return this.modemStatus() | changes;
      }
      default:
        return this.scratch;
    }
  }

  writePort(port: number, value: number): void {
    this.write(port & 7, value);
    this.output();
  }

  private write(register: number, value: number): void {
    switch (register) {
      case DATA:
        if (this.lineControl & LCR_DIVISOR) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        return;
      case INTERRUPT_ENABLE:
        if (this.lineControl & LCR_DIVISOR) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.enable(value & 0xf);
        return;
      case IDENTIFICATION:
        this.controlFifo(value);
        return;
      case LINE_CONTROL:
        this.lineControl = value;
        return;
      case MODEM_CONTROL:
        this.controlModem(value & 0x1f);
        return;
      case LINE_STATUS:
      case MODEM_STATUS:
        return;
      default:
        this.scratch = value;
    }
  }

  /** The transmitter's interrupt is raised when it is enabled and there is nothing to send, which is always so. */
  private enable(value: number): void {
    const enables = (value & ~this.interruptEnable & IER_TRANSMITTER) !== 0;
    this.interruptEnable = value;
    if (enables) this.transmitterIsEmpty = true;
  }

  private transmit(byte: number): void {
    if (!this.loops) {
      this.sent++;
      this.send(byte);
    } else if (this.room > 0) this.received.push(byte);
    else this.hasOverrun = true;
    this.transmitterIsEmpty = true;
  }

  private controlFifo(value: number): void {
    const changes = ((value ^ this.fifoControl) & FCR_ENABLE) !== 0;
    if (changes || value & FCR_CLEAR_RECEIVER) this.received.length = 0;
    this.fifoControl = value & 0xc9;
  }

  private controlModem(value: number): void {
    const before = this.modemStatus();
    this.modemControl = value;
    const changed = (before ^ this.modemStatus()) >> 4;
    // RI counts when it falls.
    const fallsRi = (before & 0x40) !== 0 && (this.modemStatus() & 0x40) === 0;
    this.modemChanges |= (changed & 0xb) | (fallsRi ? 4 : 0);
  }

  /** In loop-back, RTS, DTR, OUT1 and OUT2 are seen as CTS, DSR, RI and DCD. */
  private modemStatus(): number {
    if (!this.loops) return MSR_CONNECTED;
    const [dtr, rts, out1, out2] = [0, 1, 2, 3].map((bit) => (this.modemControl >> bit) & 1);
    return (rts! << 4) | (dtr! << 5) | (out1! << 6) | (out2! << 7);
  }

  /** The pending interrupt of the highest priority. */
  private source(): number {
    const { interruptEnable: enabled, received } = this;
    if (enabled & IER_LINE && this.hasOverrun) return IIR_LINE;
    if (enabled & IER_RECEIVED && received.length > 0) {
      const trigger = this.hasFifo ? TRIGGERS[this.fifoControl >> 6]! : 1;
      return received.length >= trigger ? IIR_RECEIVED : IIR_TIMEOUT;
    }
    if (enabled & IER_TRANSMITTER && this.transmitterIsEmpty) return IIR_TRANSMITTER;
    if (enabled & IER_MODEM && this.modemChanges !== 0) return IIR_MODEM;
    return IIR_NONE;
  }

  /** OUT2 connects the interrupt of a PC's serial port. */
  private output(): void {
    const isConnected = (this.modemControl & MCR_OUT2) !== 0 && !this.loops;
    this.interrupt.set(isConnected && this.source() !== IIR_NONE);
  }
}
