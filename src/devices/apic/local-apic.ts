import { outside, schema, value } from '../../state/schema.js';
import type { DeviceClock, TimedDevice } from '../device-time.js';
import type { MemoryDevice, MemoryRange } from '../memory-bus.js';
import { ApicTimer } from './apic-timer.js';
import { hasVector, highestVector, putVector, vectorSet } from './vector-set.js';

export const LOCAL_APIC_BASE = 0xfee0_0000;
const REGISTERS_BYTES = 4096;

/** IA32_APIC_BASE: SDM Vol. 3A 11.4.4. */
const BASE_ENABLED = 1 << 11;
const BASE_BOOTSTRAP = 1 << 8;

/** Registers, by offset: SDM Vol. 3A table 11-1. */
const ID = 0x20;
const VERSION = 0x30;
const TASK_PRIORITY = 0x80;
const PROCESSOR_PRIORITY = 0xa0;
const END_OF_INTERRUPT = 0xb0;
const LOGICAL_DESTINATION = 0xd0;
const DESTINATION_FORMAT = 0xe0;
const SPURIOUS = 0xf0;
const IN_SERVICE = 0x100;
const LEVELS = 0x180;
const REQUESTS = 0x200;
const ERRORS = 0x280;
const COMMAND = 0x300;
const COMMAND_HIGH = 0x310;
const TIMER = 0x320;
const LINT0 = 0x350;
const LINT1 = 0x360;
const ERROR = 0x370;
const INITIAL_COUNT = 0x380;
const CURRENT_COUNT = 0x390;
const DIVIDE = 0x3e0;

/** Version 14h, with six entries in the local vector table. */
const VERSION_VALUE = 0x0005_0014;

/** The local vector table: its registers, and the bits that each has besides the vector. */
const LOCAL_VECTORS: ReadonlyMap<number, number> = new Map([
  [TIMER, 0x3_0000],
  [0x330, 0x1_0700],
  [0x340, 0x1_0700],
  [LINT0, 0x1_a700],
  [LINT1, 0x1_a700],
  [ERROR, 0x1_0000],
]);
const MASKED = 1 << 16;
const PERIODIC = 1 << 17;
const DELIVERY = 7 << 8;
const EXTERNAL = 7 << 8;
const NMI = 4 << 8;
const FIXED = 0;
const LOWEST_PRIORITY = 1 << 8;

const SOFTWARE_ENABLED = 1 << 8;
const SPURIOUS_BITS = 0x3ff;
const LEAST_VECTOR = 16;
const SEND_ILLEGAL = 1 << 5;
const RECEIVE_ILLEGAL = 1 << 6;
const COMMAND_BITS = 0xc_cfff;
const LOGICAL = 1 << 11;
const FLAT_MODEL = 0xf;
const BROADCAST = 0xff;

/** The registers that hold what was written, and nothing else: they have initial values that are not 0. */
interface PlainRegisters {
  id: number;
  taskPriority: number;
  logicalDestination: number;
  destinationFormat: number;
  spurious: number;
  command: number;
  commandHigh: number;
}

/**
 * The local APIC of the only processor: SDM Vol. 3A 11. It starts as firmware leaves it, in virtual wire mode, where the 8259s
 * interrupt the processor through LINT0. There is no x2APIC, and NMI, SMI, INIT and start-up messages have no effect.
 */
export class LocalApic implements MemoryDevice, MemoryRange, TimedDevice {
  static readonly state = schema(
    'local APIC',
    LocalApic,
    {
      bytes: outside('a constant'),
      timer: value,
      baseRegister: value,
      registers: value,
      vectors: value,
      requests: value,
      inService: value,
      levels: value,
      errors: value,
      newErrors: value,
      onEnd: outside('its place on the board'),
    },
    { isPart: true },
  );

  readonly bytes = REGISTERS_BYTES;
  private readonly timer: ApicTimer;
  private baseRegister = LOCAL_APIC_BASE + (BASE_ENABLED | BASE_BOOTSTRAP);
  private readonly registers: PlainRegisters = {
    id: 0,
    taskPriority: 0,
    logicalDestination: 0,
    destinationFormat: 0xffff_ffff,
    spurious: SOFTWARE_ENABLED | 0xff,
    command: 0,
    commandHigh: 0,
  };
  /** The local vector table, by offset. */
  private readonly vectors = new Map([...LOCAL_VECTORS.keys()].map((register) => [register, MASKED]));
  /** IRR, ISR and TMR. */
  private readonly requests = vectorSet();
  private readonly inService = vectorSet();
  private readonly levels = vectorSet();
  /** ESR, and what it will be after the next write to it. */
  private errors = 0;
  private newErrors = 0;

  constructor(
    clock: DeviceClock,
    /** Called with the vector of a level-triggered interrupt that has ended. */
    private readonly onEnd: (vector: number) => void,
  ) {
    this.timer = new ApicTimer(clock);
    this.vectors.set(LINT0, EXTERNAL);
    this.vectors.set(LINT1, NMI);
  }

  /** IA32_APIC_BASE. */
  get apicBase(): bigint {
    return BigInt(this.baseRegister);
  }
  set apicBase(value: bigint) {
    const wasEnabled = this.isEnabled;
    this.baseRegister = Number(value);
    if (wasEnabled && !this.isEnabled) this.reset();
  }

  private get isEnabled(): boolean {
    return (this.baseRegister & BASE_ENABLED) !== 0;
  }

  /** What a local APIC is after it was turned off: disabled by software as well. */
  private reset(): void {
    const initial = { taskPriority: 0, logicalDestination: 0, destinationFormat: 0xffff_ffff, spurious: 0xff };
    Object.assign(this.registers, initial, { command: 0, commandHigh: 0 });
    for (const register of LOCAL_VECTORS.keys()) this.vectors.set(register, MASKED);
    for (const set of [this.requests, this.inService, this.levels]) set.fill(0);
    this.timer.initialCount = 0;
    this.errors = 0;
    this.newErrors = 0;
  }

  /** Bits 7 to 4 of TPR, which CR8 shows. */
  get taskPriority(): number {
    return this.registers.taskPriority >> 4;
  }
  set taskPriority(priority: number) {
    this.registers.taskPriority = priority << 4;
  }

  get base(): number | undefined {
    return this.isEnabled ? this.baseRegister - (this.baseRegister % REGISTERS_BYTES) : undefined;
  }
  get device(): MemoryDevice {
    return this;
  }

  /** Whether an interrupt of the 8259s reaches the processor. */
  get passesExternal(): boolean {
    return !this.isEnabled || (this.vectors.get(LINT0)! & (MASKED | DELIVERY)) === EXTERNAL;
  }

  /** The vector that is to be delivered, or -1: its class is above that of the processor's priority. */
  get pending(): number {
    const vector = highestVector(this.requests);
    return this.isSoftwareEnabled && vector >> 4 > this.processorPriority >> 4 ? vector : -1;
  }

  private get isSoftwareEnabled(): boolean {
    return this.isEnabled && (this.registers.spurious & SOFTWARE_ENABLED) !== 0;
  }

  private get processorPriority(): number {
    const { taskPriority } = this.registers;
    const served = Math.max(highestVector(this.inService), 0);
    return taskPriority >> 4 >= served >> 4 ? taskPriority : served & 0xf0;
  }

  /** Takes the pending interrupt into service. */
  acknowledge(): number {
    const vector = this.pending;
    putVector(this.requests, vector, false);
    putVector(this.inService, vector, true);
    return vector;
  }

  /** Whether a message with this destination is for this processor: SDM Vol. 3A 11.6.2. */
  isDestination(destination: number, isLogical: boolean): boolean {
    const { id, logicalDestination, destinationFormat } = this.registers;
    if (!isLogical) return destination === id >>> 24 || destination === BROADCAST;
    const own = logicalDestination >>> 24;
    if (destinationFormat >>> 28 === FLAT_MODEL) return (destination & own) !== 0;
    const isCluster = destination >> 4 === own >> 4 || destination >> 4 === 0xf;
    return isCluster && (destination & own & 0xf) !== 0;
  }

  /** An interrupt arrives. */
  request(vector: number, isLevel: boolean): void {
    if (!this.isSoftwareEnabled) return;
    if (vector < LEAST_VECTOR) return void (this.newErrors |= RECEIVE_ILLEGAL);
    putVector(this.requests, vector, true);
    putVector(this.levels, vector, isLevel);
  }

  update(): void {
    if (!this.timer.takeEnd()) return;
    const entry = this.vectors.get(TIMER)!;
    if (!(entry & MASKED)) this.request(entry & 0xff, false);
  }
  get nextChange(): number {
    return this.timer.end;
  }

  readMemory(offset: number, bytes: number): number {
    const value = offset & 0xc ? 0 : this.read(offset & ~0xf);
    return (value >>> (8 * (offset & 3))) % 2 ** (8 * bytes);
  }

  private read(register: number): number {
    const { registers } = this;
    switch (register) {
      case ID:
        return registers.id;
      case VERSION:
        return VERSION_VALUE;
      case TASK_PRIORITY:
        return registers.taskPriority;
      case PROCESSOR_PRIORITY:
        return this.processorPriority;
      case LOGICAL_DESTINATION:
        return registers.logicalDestination;
      case DESTINATION_FORMAT:
        return registers.destinationFormat;
      case SPURIOUS:
        return registers.spurious;
      case ERRORS:
        return this.errors;
      case COMMAND:
        return registers.command;
      case COMMAND_HIGH:
        return registers.commandHigh;
      case INITIAL_COUNT:
        return this.timer.initialCount;
      case CURRENT_COUNT:
        return this.timer.count;
      case DIVIDE:
        return this.timer.divide;
      default:
        return this.vectors.get(register) ?? this.readSet(register);
    }
  }

  private readSet(register: number): number {
    const word = (register >> 4) & 7;
    switch (register & ~0x7f) {
      case IN_SERVICE:
        return this.inService[word]!;
      case LEVELS:
        return this.levels[word]!;
      case REQUESTS:
        return this.requests[word]!;
      default:
        return 0;
    }
  }

  /** Registers are written in words of 32 bits; other writes have no effect. */
  writeMemory(offset: number, bytes: number, value: number): void {
    if (bytes !== 4 || (offset & 0xf) !== 0) return;
    this.update();
    this.write(offset, value);
  }

  private write(register: number, value: number): void {
    const { registers, timer } = this;
    switch (register) {
      case ID:
        registers.id = (value & 0xff00_0000) >>> 0;
        return;
      case TASK_PRIORITY:
        registers.taskPriority = value & 0xff;
        return;
      case END_OF_INTERRUPT:
        return this.endOfInterrupt();
      case LOGICAL_DESTINATION:
        registers.logicalDestination = (value & 0xff00_0000) >>> 0;
        return;
      case DESTINATION_FORMAT:
        registers.destinationFormat = (value | 0x0fff_ffff) >>> 0;
        return;
      case SPURIOUS:
        registers.spurious = value & SPURIOUS_BITS;
        if (!(value & SOFTWARE_ENABLED))
          for (const [entry, bits] of this.vectors) this.vectors.set(entry, bits | MASKED);
        return;
      case ERRORS:
        this.errors = this.newErrors;
        this.newErrors = 0;
        return;
      case COMMAND:
        registers.command = value & COMMAND_BITS;
        return this.send(value);
      case COMMAND_HIGH:
        registers.commandHigh = (value & 0xff00_0000) >>> 0;
        return;
      case INITIAL_COUNT:
        timer.initialCount = value;
        return;
      case DIVIDE:
        return timer.setDivide(value);
      default:
        if (LOCAL_VECTORS.has(register)) this.writeVector(register, value);
    }
  }

  private writeVector(register: number, value: number): void {
    const entry = value & (LOCAL_VECTORS.get(register)! | 0xff);
    this.vectors.set(register, this.isSoftwareEnabled ? entry : entry | MASKED);
    if (register === TIMER) this.timer.setPeriodic((value & PERIODIC) !== 0);
  }

  private endOfInterrupt(): void {
    const vector = highestVector(this.inService);
    if (vector < 0) return;
    putVector(this.inService, vector, false);
    if (hasVector(this.levels, vector)) this.onEnd(vector);
  }

  /** The interrupt command register: a message to processors, of which there is one. SDM Vol. 3A 11.6.1. */
  private send(command: number): void {
    const shorthand = (command >> 18) & 3;
    const delivery = command & DELIVERY;
    if (delivery !== FIXED && delivery !== LOWEST_PRIORITY) return;
    const vector = command & 0xff;
    if (vector < LEAST_VECTOR) return void (this.newErrors |= SEND_ILLEGAL);
    const destination = this.registers.commandHigh >>> 24;
    const isForAll = shorthand === 1 || shorthand === 2;
    if (isForAll || (shorthand === 0 && this.isDestination(destination, (command & LOGICAL) !== 0)))
      this.request(vector, false);
  }
}
