import { outside, schema, value } from '../../state/schema.js';
import type { DeviceClock, TimedDevice } from '../device-time.js';
import type { DirectMemory } from '../direct-access.js';
import type { Disk } from '../disk.js';
import type { MemoryDevice } from '../memory-bus.js';
import { PciFunction, type FunctionIdentity, type FunctionInterrupt } from '../pci/function.js';
import { AdminCommands, ADMIN_QUEUE, MOST_QUEUE_ENTRIES } from './admin-commands.js';
import { NVME_PAGE_BYTES, STATUS, type Outcome } from './command.js';
import { performOnDisk } from './disk-commands.js';
import { NVME_VENDOR, NVME_VERSION } from './identify.js';
import { complete, completionQueue, isEmpty, isFull, submissionQueue, takeCommand } from './queues.js';

const IDENTITY: FunctionIdentity = {
  vendor: NVME_VENDOR,
  device: 0x0001,
  classCode: 0x01_08_02,
};
const MEMORY_BYTES = 0x4000;

/** Registers, NVM Express 1.4, 3.1; words of 32 bits. */
const REGISTERS_BYTES = 0x1000;
const CAPABILITIES = 0x00;
const VERSION = 0x08;
const MASK_SET = 0x0c;
const MASK_CLEAR = 0x10;
const CONFIGURATION = 0x14;
const CONTROLLER_STATUS = 0x1c;
const ADMIN_SIZES = 0x24;
const ADMIN_SUBMISSIONS = 0x28;
const ADMIN_COMPLETIONS = 0x30;
const WRITABLE = [
  CONFIGURATION,
  ADMIN_SIZES,
  ADMIN_SUBMISSIONS,
  ADMIN_SUBMISSIONS + 4,
  ADMIN_COMPLETIONS,
  ADMIN_COMPLETIONS + 4,
];

/** Queues are contiguous, and within 7.5 seconds the controller is ready. */
const CAPABILITIES_LOW = (MOST_QUEUE_ENTRIES - 1) | (1 << 16) | (15 << 24);
/** The NVM command set, and pages of 4096 bytes only. */
const CAPABILITIES_HIGH = 1 << 5;

const ENABLE = 1 << 0;
const PAGE_SIZE_BITS = 0xf << 7;
const SHUTDOWN = 0b11 << 14;
const READY = 1 << 0;
const FATAL = 1 << 1;
const SHUTDOWN_COMPLETE = 0b10 << 2;

/** Commands that are performed in one go, so that a run can be interrupted between two. */
const MOST_AT_ONCE = 64;

/** An NVMe controller, version 1.4, whose namespaces are disks; it interrupts by INTA#. Commands take no time. */
export class NvmeController implements MemoryDevice, TimedDevice {
  static readonly state = schema(
    'NVMe controller',
    NvmeController,
    {
      clock: outside('its place on the board'),
      memory: outside('guest memory'),
      disks: value,
      pci: value,
      registers: value,
      mask: value,
      admin: value,
    },
    { isPart: true },
  );

  readonly pci: PciFunction;
  private readonly registers = new Uint32Array(ADMIN_COMPLETIONS / 4 + 2);
  /** Interrupt vectors that are masked, a bit each: only 0 is used. */
  private mask = 0;
  private readonly admin: AdminCommands;

  constructor(
    private readonly clock: DeviceClock,
    private readonly memory: DirectMemory,
    interrupt: FunctionInterrupt,
    private readonly disks: readonly Disk[],
  ) {
    this.pci = new PciFunction(IDENTITY, { bytes: MEMORY_BYTES, device: this }, interrupt);
    this.admin = new AdminCommands(memory, disks);
    this.registers[CAPABILITIES / 4] = CAPABILITIES_LOW;
    this.registers[CAPABILITIES / 4 + 1] = CAPABILITIES_HIGH;
    this.registers[VERSION / 4] = NVME_VERSION;
  }

  readMemory(offset: number, bytes: number): number {
    const word = offset & ~3;
    const value = word === MASK_SET || word === MASK_CLEAR ? this.mask : (this.registers[word / 4] ?? 0);
    return (value >>> (8 * (offset & 3))) % 2 ** (8 * bytes);
  }

  /** Registers are written in words of 32 bits; other writes have no effect. */
  writeMemory(offset: number, bytes: number, value: number): void {
    if (bytes !== 4) return;
    if (offset >= REGISTERS_BYTES) this.ring((offset - REGISTERS_BYTES) / 4, value);
    else if (offset === MASK_SET) this.mask = (this.mask | value) >>> 0;
    else if (offset === MASK_CLEAR) this.mask = (this.mask & ~value) >>> 0;
    else if (WRITABLE.includes(offset)) this.writeRegister(offset, value);
    this.output();
  }

  private writeRegister(offset: number, value: number): void {
    const before = this.registers[offset / 4]!;
    this.registers[offset / 4] = value;
    if (offset !== CONFIGURATION) return;
    if (value & ENABLE && !(before & ENABLE)) this.enable(value);
    if (!(value & ENABLE) && before & ENABLE) this.reset();
    if (value & SHUTDOWN && !(before & SHUTDOWN)) this.shutDown();
  }

  private enable(configuration: number): void {
    const [submissions, completions] = [this.register64(ADMIN_SUBMISSIONS), this.register64(ADMIN_COMPLETIONS)];
    const sizes = this.registers[ADMIN_SIZES / 4]!;
    const [submissionSize, completionSize] = [(sizes & 0xfff) + 1, ((sizes >> 16) & 0xfff) + 1];
    const isAligned = submissions % NVME_PAGE_BYTES === 0 && completions % NVME_PAGE_BYTES === 0;
    if (configuration & PAGE_SIZE_BITS || !isAligned || submissionSize < 2 || completionSize < 2)
      return void (this.registers[CONTROLLER_STATUS / 4] = FATAL);
    const { queues } = this.admin;
    queues.submission.set(ADMIN_QUEUE, submissionQueue(submissions, submissionSize, ADMIN_QUEUE));
    queues.completion.set(ADMIN_QUEUE, completionQueue(completions, completionSize, true));
    this.registers[CONTROLLER_STATUS / 4] = READY;
  }

  private reset(): void {
    this.registers[CONTROLLER_STATUS / 4] = 0;
    this.mask = 0;
    this.admin.reset();
  }

  private shutDown(): void {
    for (const disk of this.disks) disk.flush();
    this.registers[CONTROLLER_STATUS / 4]! |= SHUTDOWN_COMPLETE;
  }

  private register64(offset: number): number {
    return this.registers[offset / 4 + 1]! * 2 ** 32 + this.registers[offset / 4]!;
  }

  /** A doorbell: the tail of a submission queue, or the head of a completion queue. */
  private ring(number: number, value: number): void {
    const { submission, completion } = this.admin.queues;
    const id = number >> 1;
    const isSubmission = (number & 1) === 0;
    const queue = isSubmission ? submission.get(id) : completion.get(id);
    const index = value & 0xffff;
    if (!queue || index >= queue.size) return;
    if (isSubmission) queue.tail = index;
    else queue.head = index;
  }

  /** Performs commands that wait. */
  update(): void {
    for (let count = 0; count < MOST_AT_ONCE; count++) if (!this.performNext()) break;
    this.output();
  }

  get nextChange(): number {
    return this.nextQueue === undefined ? Infinity : this.clock.ticks + 1;
  }

  /** The oldest submission queue with a command for whose completion there is room. */
  private get nextQueue(): number | undefined {
    if (!this.pci.isMaster) return undefined;
    const { submission, completion } = this.admin.queues;
    for (const [id, queue] of submission) if (!isEmpty(queue) && !isFull(completion.get(queue.completions)!)) return id;
    return undefined;
  }

  private performNext(): boolean {
    const { memory, disks, admin } = this;
    const id = this.nextQueue;
    if (id === undefined) return false;
    const queue = admin.queues.submission.get(id)!;
    const command = takeCommand(queue, memory);
    if (!command) {
      this.registers[CONTROLLER_STATUS / 4]! |= FATAL;
      return true;
    }
    const completions = admin.queues.completion.get(queue.completions)!;
    const outcome: Outcome = id === ADMIN_QUEUE ? admin.perform(command) : performOnDisk(command, disks, memory);
    if (outcome === 'held') return true;
    const result = typeof outcome === 'object' ? outcome.result : 0;
    const status = typeof outcome === 'object' ? STATUS.success : outcome;
    const { identifier } = command;
    complete(completions, memory, { result, status, identifier, queue: id, queueHead: queue.head });
    return true;
  }

  private output(): void {
    const { completion } = this.admin.queues;
    const isPending = [...completion.values()].some((queue) => queue.interrupts && !isEmpty(queue));
    this.pci.setInterrupt(isPending && !(this.mask & 1));
  }
}
