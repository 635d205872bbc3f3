import { outside, schema, value } from '../state/schema.js';
import type { InterruptLine } from './interrupt-line.js';
import type { PortDevice } from './io-bus.js';

const LINES = 8;
/** The input of the first controller to which the second is connected. */
export const CASCADE = 2;
/** ICW1: initialise; ICW4 follows. */
const ICW1 = 1 << 4;
const ICW1_NEEDS_ICW4 = 1 << 0;
const ICW1_LEVEL = 1 << 3;
const ICW4_AUTO_EOI = 1 << 1;
/** OCW3 rather than OCW2; and its bits. */
const OCW3 = 1 << 3;
const OCW3_POLL = 1 << 2;
const OCW3_READS = 1 << 1;
const OCW3_READS_IN_SERVICE = 1 << 0;
const OCW3_SETS_SPECIAL_MASK = 1 << 6;
const OCW3_SPECIAL_MASK = 1 << 5;
const POLL_HAS_INTERRUPT = 1 << 7;
/** The line of a request that went away before it was acknowledged. */
const SPURIOUS = 7;

type Initialisation = 'done' | 'vector' | 'cascade' | 'mode';

/** What ICW4, OCW2 and OCW3 have chosen. */
interface Mode {
  readonly hasAutoEoi: boolean;
  readonly rotatesOnAutoEoi: boolean;
  readonly readsInService: boolean;
  readonly hasSpecialMask: boolean;
}

const INITIAL_MODE: Mode = {
  hasAutoEoi: false,
  rotatesOnAutoEoi: false,
  readsInService: false,
  hasSpecialMask: false,
};

/** One 8259A interrupt controller. Intel 8259A data sheet, 231468. */
export class InterruptController implements PortDevice {
  static readonly state = schema(
    'interrupt controller',
    InterruptController,
    {
      isFirst: outside('its place on the board'),
      onOutput: outside('its place on the board'),
      requests: value,
      inService: value,
      mask: value,
      levels: value,
      isLevelTriggered: value,
      lines: value,
      vector: value,
      lowest: value,
      expects: value,
      needsMode: value,
      mode: value,
      polls: value,
    },
    { isPart: true },
  );

  /** IRR, ISR and IMR: a bit for each line. Until a kernel initialises it, all are masked, as a BIOS leaves most of them. */
  private requests = 0;
  private inService = 0;
  private mask = 0xff;
  /** Lines that are high, and, by the edge/level register of the board, those whose level counts. */
  private lines = 0;
  private levels = 0;
  private isLevelTriggered = false;
  private vector = 0;
  /** The line of lowest priority. */
  private lowest = LINES - 1;
  private expects: Initialisation = 'done';
  private needsMode = false;
  private mode: Mode = { ...INITIAL_MODE };
  private polls = false;

  constructor(
    private readonly isFirst: boolean,
    /** Called with the level of INT after anything has changed. */
    private readonly onOutput: (isHigh: boolean) => void,
  ) {}

  line(number: number): InterruptLine {
    return { set: (isHigh) => this.setLine(number, isHigh) };
  }

  private setLine(number: number, isHigh: boolean): void {
    const bit = 1 << number;
    const rises = isHigh && (this.lines & bit) === 0;
    this.lines = isHigh ? this.lines | bit : this.lines & ~bit;
    const countsLevel = this.isLevelTriggered || (this.levels & bit) !== 0;
    if (rises || (countsLevel && isHigh)) this.requests |= bit;
    // A request has to stay until it is acknowledged.
    if (!isHigh) this.requests &= ~bit;
    this.output();
  }

  /** Whether INT is high: a request has a higher priority than everything in service. */
  get hasInterrupt(): boolean {
    return this.pending() !== undefined;
  }

  /** INTA: takes the request of the highest priority into service, and returns its line; 7 if it has gone away. */
  acknowledge(): number {
    const line = this.pending();
    if (line === undefined) return SPURIOUS;
    const bit = 1 << line;
    const countsLevel = this.isLevelTriggered || (this.levels & bit) !== 0;
    if (!countsLevel) this.requests &= ~bit;
    if (!this.mode.hasAutoEoi) this.inService |= bit;
    else if (this.mode.rotatesOnAutoEoi) this.lowest = line;
    this.output();
    return line;
  }

  /** The vector of a line. */
  vectorOf(line: number): number {
    return this.vector + line;
  }

  /** ELCR: lines whose level counts. */
  get edgeLevel(): number {
    return this.levels;
  }
  set edgeLevel(value: number) {
    this.levels = value & (this.isFirst ? 0xf8 : 0xde);
  }

  readPort(port: number): number {
    if (this.polls) {
      this.polls = false;
      const has = this.hasInterrupt;
      const line = this.acknowledge();
      return has ? POLL_HAS_INTERRUPT | line : 0;
    }
    if (port & 1) return this.mask;
    return this.mode.readsInService ? this.inService : this.requests;
  }

  writePort(port: number, value: number): void {
    if ((port & 1) === 0) this.command(value);
    else this.data(value);
    this.output();
  }

  private command(value: number): void {
    if (value & ICW1) return this.initialise(value);
    if (value & OCW3) return this.operate(value);
    this.endOfInterrupt(value);
  }

  private initialise(value: number): void {
    this.requests = 0;
    this.inService = 0;
    this.mask = 0;
    this.lowest = LINES - 1;
    this.isLevelTriggered = (value & ICW1_LEVEL) !== 0;
    this.needsMode = (value & ICW1_NEEDS_ICW4) !== 0;
    this.mode = { ...INITIAL_MODE };
    this.expects = 'vector';
  }

  private data(value: number): void {
    switch (this.expects) {
      case 'vector':
        this.vector = value & 0xf8;
        this.expects = 'cascade';
        return;
      case 'cascade':
        this.expects = this.needsMode ? 'mode' : 'done';
        return;
      case 'mode':
        this.mode = { ...this.mode, hasAutoEoi: (value & ICW4_AUTO_EOI) !== 0 };
        this.expects = 'done';
        return;
      case 'done':
        this.mask = value;
    }
  }

  /** OCW3. */
  private operate(value: number): void {
    if (value & OCW3_POLL) this.polls = true;
    if (value & OCW3_READS) this.mode = { ...this.mode, readsInService: (value & OCW3_READS_IN_SERVICE) !== 0 };
    if (value & OCW3_SETS_SPECIAL_MASK) this.mode = { ...this.mode, hasSpecialMask: (value & OCW3_SPECIAL_MASK) !== 0 };
  }

  /** OCW2: ends of interrupts and rotations of the priorities. */
  private endOfInterrupt(value: number): void {
    const line = value & 7;
    const kind = value >> 5;
    switch (kind) {
      case 0:
      case 4:
        this.mode = { ...this.mode, rotatesOnAutoEoi: kind === 4 };
        return;
      case 1:
      case 5: {
        const highest = this.highest(this.mode.hasSpecialMask ? this.inService & ~this.mask : this.inService);
        if (highest === undefined) return;
        this.inService &= ~(1 << highest);
        if (kind === 5) this.lowest = highest;
        return;
      }
      case 3:
      case 7:
        this.inService &= ~(1 << line);
        if (kind === 7) this.lowest = line;
        return;
      case 6:
        this.lowest = line;
    }
  }

  /** The line of the highest priority in a set. */
  private highest(set: number): number | undefined {
    for (let place = 1; place <= LINES; place++) {
      const line = (this.lowest + place) % LINES;
      if (set & (1 << line)) return line;
    }
    return undefined;
  }

  private pending(): number | undefined {
    const line = this.highest(this.requests & ~this.mask);
    if (line === undefined) return undefined;
    const blocking = this.highest(this.mode.hasSpecialMask ? this.inService & ~this.mask : this.inService);
    return blocking === undefined || this.rank(line) < this.rank(blocking) ? line : undefined;
  }

  private rank(line: number): number {
    return (line - this.lowest - 1 + 2 * LINES) % LINES;
  }

  private output(): void {
    this.onOutput(this.hasInterrupt);
  }
}

/** The two controllers of a PC, the second on a line of the first. */
export class InterruptControllers {
  static readonly state = schema(
    'interrupt controllers',
    InterruptControllers,
    { first: value, second: value, edgeLevel: outside('leads to both') },
    { isPart: true },
  );

  readonly first: InterruptController;
  readonly second: InterruptController;

  constructor() {
    this.first = new InterruptController(true, () => {});
    const cascade = this.first.line(CASCADE);
    this.second = new InterruptController(false, (isHigh) => cascade.set(isHigh));
  }

  /** IRQ 0 to 15. */
  line(irq: number): InterruptLine {
    return irq < LINES ? this.first.line(irq) : this.second.line(irq - LINES);
  }

  /** Has the level of a line count, as firmware does for the wires of PCI. */
  setLevelTriggered(irq: number): void {
    if (irq < LINES) this.first.edgeLevel |= 1 << irq;
    else this.second.edgeLevel |= 1 << (irq - LINES);
  }

  get hasInterrupt(): boolean {
    return this.first.hasInterrupt;
  }

  /** INTA: the vector that the processor gets. */
  acknowledge(): number {
    const line = this.first.acknowledge();
    if (line !== CASCADE) return this.first.vectorOf(line);
    return this.second.vectorOf(this.second.acknowledge());
  }

  /** Ports 4D0h and 4D1h. */
  readonly edgeLevel: PortDevice = {
    readPort: (port) => (port & 1 ? this.second : this.first).edgeLevel,
    writePort: (port, value) => {
      (port & 1 ? this.second : this.first).edgeLevel = value;
    },
  };
}
