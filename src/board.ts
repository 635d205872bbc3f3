import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { PAGE_SIZE, hex } from './bits.js';
import { Cpu, type Engine } from './cpu/cpu.js';
import { GuestException } from './cpu/state/exceptions.js';
import type { BareModel } from './cpu/system/bare-cpuid.js';
import { UnsupportedError } from './cpu/system/unsupported.js';
import type { TimedDevice } from './devices/device-time.js';
import { IoBus } from './devices/io-bus.js';
import { InterruptControllers } from './devices/pic.js';
import { IntervalTimer } from './devices/pit.js';
import { RealTimeClock } from './devices/rtc.js';
import { SystemControlB, debugExit, systemControlA } from './devices/system-ports.js';
import { SerialPort } from './devices/uart.js';
import { GuestMemory } from './memory.js';
import { MachineState } from './machine-state.js';
import type { Snapshot } from './snapshot.js';
import { outside, schema, value } from './state/schema.js';
import type { HashFunction } from './vmo/content/canonical-form.js';
import { VmoStore } from './vmo/store.js';

/** Engines of a bare machine; the translator does not know rings yet. */
export type BareEngine = Exclude<Engine, 'auto'>;

export interface BoardOptions {
  readonly memoryBytes: number;
  readonly engine?: BareEngine;
  readonly model?: BareModel;
  /** Called with each byte that is sent over the serial port. */
  readonly send: (byte: number) => void;
  /** Seconds since 1970 when the machine starts. */
  readonly startSeconds?: number;
  /** A faster SHA-256 than the portable default. */
  readonly sha256?: HashFunction;
}

/** Why a machine stopped running. */
export type BoardEvent =
  | { readonly kind: 'limit' }
  /** HLT: the next timer interrupt is due at the tick `until` (Infinity: never); input may come earlier. */
  | { readonly kind: 'idle'; readonly until: number }
  /** HLT with interrupts off: nothing can wake it. */
  | { readonly kind: 'halted' }
  /** Port F4h. */
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'reset'; readonly by: string }
  /** The kernel needs a feature that bd0 does not have yet. */
  | { readonly kind: 'unsupported'; readonly what: string };

/** Functions that are called for the events that traces show. */
export interface BoardHooks {
  onInterrupt?: ((vector: number) => void) | undefined;
  /** Called with an exception that an instruction raises, before it is delivered. */
  onException?: ((exception: GuestException) => void) | undefined;
}

/** 1 January 2026. */
const START_SECONDS = 1_767_225_600;
const SERIAL_PORT = 0x3f8;
const SERIAL_IRQ = 4;
const TIMER_IRQ = 0;
const CLOCK_IRQ = 8;

/** A bare PC: a processor with memory, two 8259, a PIT, a clock and a serial port, whose only time is the processor's ticks. */
export class Board {
  /** Every field with state is hashed, kept by snapshots and restored by this. @internal */
  static readonly state = schema(
    'board',
    Board,
    {
      memory: outside('guest memory'),
      cpu: value,
      ports: outside('leads to the devices'),
      serial: value,
      hooks: outside('of the host'),
      interrupts: outside('a statistic'),
      store: outside('holds no content yet'),
      controllers: value,
      timer: value,
      clock: value,
      controlB: value,
      timed: outside('devices that have fields of their own'),
      end: value,
      wholeState: outside('what restores it'),
    },
    {
      isPart: true,
      computed: [{ name: 'system', read: ({ cpu }) => cpu.bare!.system.state, write: () => {} }],
    },
  );

  readonly memory: GuestMemory;
  readonly cpu: Cpu;
  readonly ports = new IoBus();
  readonly serial: SerialPort;
  readonly hooks: BoardHooks = {};
  /** Number of interrupts delivered. */
  interrupts = 0;
  readonly store: VmoStore;
  private readonly controllers = new InterruptControllers();
  private readonly timer: IntervalTimer;
  private readonly clock: RealTimeClock;
  private readonly controlB: SystemControlB;
  private readonly timed: readonly TimedDevice[];
  private end: BoardEvent | undefined;
  private readonly wholeState: MachineState;

  constructor(options: BoardOptions) {
    const { memoryBytes, engine = 'interpreter', model = 'v2', send, startSeconds = START_SECONDS } = options;
    const { sha256 = portableSha256 } = options;
    const { ports, controllers } = this;
    this.memory = new GuestMemory(memoryBytes);
    this.store = new VmoStore(sha256);
    this.cpu = new Cpu(this.memory, engine, {}, model, ports);
    const { cpu, hooks } = this;
    cpu.bare!.onException = (exception) => hooks.onException?.(exception);
    this.timer = new IntervalTimer(cpu, controllers.line(TIMER_IRQ));
    this.clock = new RealTimeClock(cpu, controllers.line(CLOCK_IRQ), startSeconds, memoryBytes);
    this.serial = new SerialPort(controllers.line(SERIAL_IRQ), send);
    this.controlB = new SystemControlB(cpu, this.timer);
    this.timed = [this.timer, this.clock];
    ports.connect(0x20, 0x21, controllers.first);
    ports.connect(0xa0, 0xa1, controllers.second);
    ports.connect(0x4d0, 0x4d1, controllers.edgeLevel);
    ports.connect(0x40, 0x43, this.timer);
    ports.connect(0x61, 0x61, this.controlB);
    ports.connect(0x70, 0x71, this.clock);
    const reset = (by: string): void => void (this.end = { kind: 'reset', by });
    ports.connect(
      0x92,
      0x92,
      systemControlA(() => reset('port 92h')),
    );
    ports.connect(
      0xf4,
      0xf4,
      debugExit((code) => (this.end = { kind: 'exit', code })),
    );
    ports.connect(SERIAL_PORT, SERIAL_PORT + 7, this.serial);
    const { memory, store } = this;
    const usedEnd = (): number => memory.size / PAGE_SIZE;
    this.wholeState = new MachineState({ memory, cpu, store, sha256, kind: 'bd0 board 1', roots: this, usedEnd });
  }

  get ticks(): number {
    return this.cpu.ticks;
  }

  /**
   * Runs until the machine stops by itself, or its ticks reach `until`. While the processor waits for an interrupt, time jumps
   * to the next one; without `skipsIdle`, `run` returns 'idle' and the caller lets time pass (`passTime`).
   */
  run(until: number, skipsIdle = true): BoardEvent {
    try {
      while (this.end === undefined && this.cpu.ticks < until) {
        const event = this.runToChange(until, skipsIdle);
        if (event) return event;
      }
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      return { kind: 'unsupported', what: `${error.message} (rip ${hex(this.cpu.state.rip, 16)})` };
    }
    return this.end ?? { kind: 'limit' };
  }

  /** Runs until a device changes, an interrupt is delivered, or the processor halts. */
  private runToChange(until: number, skipsIdle: boolean): BoardEvent | undefined {
    const { cpu, controllers } = this;
    for (const device of this.timed) device.update();
    cpu.bare!.hasInterrupt = controllers.hasInterrupt;
    if (cpu.bare!.isInterruptible) return this.interrupt();
    const change = Math.min(...this.timed.map(({ nextChange }) => nextChange));
    if (cpu.bare!.system.state.isHalted) return this.wait(change, until, skipsIdle);
    const event = cpu.run(Math.min(change, until) - cpu.ticks);
    if (event.kind === 'shutdown') this.end = { kind: 'reset', by: 'a triple fault' };
    return undefined;
  }

  private wait(change: number, until: number, skipsIdle: boolean): BoardEvent | undefined {
    if (!this.cpu.bare!.system.allowsInterrupts) return { kind: 'halted' };
    if (change === Infinity || !skipsIdle) return { kind: 'idle', until: change };
    this.passTime(Math.min(change, until));
    return undefined;
  }

  /** Lets time pass until a tick while the processor waits. */
  passTime(tick: number): void {
    this.cpu.ticks = Math.max(tick, this.cpu.ticks);
  }

  /** Delivers the interrupt of the highest priority, which takes a tick. */
  private interrupt(): undefined {
    const vector = this.controllers.acknowledge();
    this.interrupts++;
    this.hooks.onInterrupt?.(vector);
    this.cpu.ticks++;
    const { system } = this.cpu.bare!;
    if (!system.deliver(new GuestException(vector), 'external')) this.end = { kind: 'reset', by: 'a triple fault' };
    return undefined;
  }

  /** A byte arrives at the serial port. */
  receive(byte: number): void {
    this.serial.receive(byte);
  }

  /** SHA-256, 64 hexadecimal digits, of the processor, its ticks, the devices and memory; the same on every engine. */
  machineHash(): string {
    return this.wholeState.hash();
  }

  /** The machine's state, to go back to with `restore`: see `Computer.snapshot`. */
  snapshot(): Snapshot {
    return this.wholeState.take();
  }

  /** Puts the machine back to a snapshot that it took, exactly. What was sent is not taken back. */
  restore(snapshot: Snapshot): void {
    this.wholeState.restore(snapshot);
  }
}
