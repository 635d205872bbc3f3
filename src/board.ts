import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import { PAGE_SIZE } from './bits.js';
import { DirectMemory } from './cpu/access/direct-memory.js';
import { Cpu, type Engine } from './cpu/cpu.js';
import { GuestException, Vector } from './cpu/state/exceptions.js';
import { bareProcessor, type BareModel } from './cpu/system/bare-processor.js';
import type { TranslatorOptions } from './cpu/translator/options.js';
import { Chipset, type ChipsetEnd } from './devices/chipset.js';
import { makeDisks, type BoardDisk, type PublishDisk, type VmoDisk } from './devices/disks.js';
import { IoBus } from './devices/io-bus.js';
import { VIRTIO_KINDS, type VirtioKind } from './devices/pci/pci-devices.js';
import { GuestMemory } from './memory.js';
import { silenced, type BoardNetwork } from './network/board-network.js';
import { MachineState, readSavedMachine, type MachineLimits } from './machine-state.js';
import type { Snapshot } from './snapshot.js';
import { kept, outside, schema, value } from './state/schema.js';
import type { HashFunction } from './vmo/content/canonical-form.js';
import { SavedSnapshotError } from './state/saved-values.js';
import type { VmoHandle } from './vmo/handle.js';
import { VmoStore } from './vmo/store.js';

export interface BoardOptions {
  readonly memoryBytes: number;
  readonly engine?: Engine;
  /** Used with engine 'auto'. */
  readonly translator?: TranslatorOptions;
  readonly model?: BareModel;
  /** Called with each byte that is sent over the serial port. */
  readonly send: (byte: number) => void;
  /** Seconds since 1970 when the machine starts. */
  readonly startSeconds?: number;
  /** A faster SHA-256 than the portable default. */
  readonly sha256?: HashFunction;
  /** With at least one, the machine has an NVMe controller. */
  readonly disks?: readonly BoardDisk[];
  readonly virtio?: readonly VirtioKind[];
  /** With it, the machine has a virtio network device. */
  readonly network?: BoardNetwork | undefined;
}

/** What a board that is resumed gets from its host. */
export interface BoardResumeOptions extends Pick<BoardOptions, 'engine' | 'translator' | 'send' | 'sha256'> {
  /** For each disk, what makes its content durable. */
  readonly publish?: readonly (PublishDisk | undefined)[];
  /** For a board with an open network; `Board.network.restart` resets the connections that it had. */
  readonly networkHost?: BoardNetwork['host'] | undefined;
}

/** Why a machine stopped running. */
export type BoardEvent =
  | { readonly kind: 'limit' }
  /** HLT: the next timer interrupt is due at the tick `until` (Infinity: never); input may come earlier. */
  | { readonly kind: 'idle'; readonly until: number }
  /** HLT with interrupts off: nothing can wake it. */
  | { readonly kind: 'halted' }
  | ChipsetEnd
  /** A breakpoint, or an access that is watched: see `Cpu.codeStops` and `Mmu.dataStops`. */
  | { readonly kind: 'stopped' };

/** Functions that are called for the events that traces show. */
export interface BoardHooks {
  onInterrupt?: ((vector: number) => void) | undefined;
  /** Called with an exception that an instruction raises, before it is delivered. */
  onException?: ((exception: GuestException) => void) | undefined;
  /** Set while a past is repeated: nothing is sent or published, since that has happened already. */
  isSilent?: boolean;
}

/** A bare PC: a processor with memory and the devices of a chipset, whose only time is the processor's ticks. */
export class Board {
  /** Every field with state is hashed, kept by snapshots and restored by this. @internal */
  static readonly state = schema(
    'board',
    Board,
    {
      memory: outside('guest memory'),
      cpu: value,
      ports: outside('leads to the devices'),
      hooks: outside('of the host'),
      interrupts: outside('a statistic'),
      idleTicks: kept('a statistic by which debuggers know whether something has run'),
      store: outside('disks lead to its content'),
      disks: outside('the chipset has them'),
      chipset: value,
      end: value,
      wholeState: outside('what restores it'),
      made: outside('set when the machine is made'),
    },
    {
      isPart: true,
      computed: [{ name: 'system', read: ({ cpu }) => cpu.bare!.system.state, write: () => {} }],
    },
  );

  readonly memory: GuestMemory;
  readonly cpu: Cpu;
  readonly ports = new IoBus();
  readonly hooks: BoardHooks = {};
  /** The content of disks. */
  readonly store: VmoStore;
  /** Number of interrupts delivered. */
  interrupts = 0;
  /** Ticks in which the processor waited. */
  idleTicks = 0;
  readonly disks: readonly VmoDisk[];
  private readonly chipset: Chipset;
  private end: BoardEvent | undefined;
  private readonly wholeState: MachineState;
  /** What it was made with, besides its disks. */
  private readonly made: {
    readonly model: BareModel;
    readonly virtio: readonly VirtioKind[];
    readonly hasNetwork: boolean;
  };

  constructor(options: BoardOptions) {
    const { memoryBytes, engine = 'auto', model = 'v2', send, startSeconds, virtio, network } = options;
    const { sha256 = portableSha256, translator = {} } = options;
    const { ports, hooks } = this;
    this.made = { model, virtio: virtio ?? [], hasNetwork: network !== undefined };
    this.memory = new GuestMemory(memoryBytes);
    this.store = new VmoStore(sha256);
    this.cpu = new Cpu(this.memory, engine, { sha256, ...translator, hasTlbSets: true }, model, bareProcessor(ports));
    const { cpu } = this;
    cpu.bare!.onException = (exception) => hooks.onException?.(exception);
    this.disks = makeDisks(options.disks ?? [], this.store, hooks);
    const end = (end: ChipsetEnd): void => void (this.end = end);
    const direct = new DirectMemory(cpu.linearMemory);
    const { memory, store, disks } = this;
    const tell = (byte: number): void => {
      if (!hooks.isSilent) send(byte);
    };
    this.chipset = new Chipset({
      clock: cpu,
      ports,
      memory: direct,
      memoryBytes,
      send: tell,
      end,
      startSeconds,
      disks,
      virtio,
      network: network && silenced(network, () => hooks.isSilent === true),
    });
    cpu.bare!.connect(this.chipset.memoryBus);
    cpu.bare!.system.apic = this.chipset.localApic;
    const usedEnd = (): number => memory.size / PAGE_SIZE;
    this.wholeState = new MachineState({ memory, cpu, store, sha256, kind: 'bd0 board 1', roots: this, usedEnd });
  }

  /**
   * Makes a machine that goes on from a saved snapshot of a board, on any engine; `options` say what the snapshot does not: the
   * host, and what publishes each of its disks. Throws SavedSnapshotError.
   */
  static resume(saved: VmoHandle, options: BoardResumeOptions): Board {
    const snapshot = readSavedMachine(saved);
    const { limits, model } = snapshot;
    const devices = devicesOf(limits);
    const { publish = [], networkHost: host, ...others } = options;
    const disks = devices.disks.map((length, number) => ({
      open: (store: VmoStore) => store.zeros(length),
      publish: publish[number],
    }));
    if (model !== 'v1' && model !== 'v2' && model !== 'v3')
      throw new SavedSnapshotError(`it has a processor '${model}'`);
    const { memoryBytes } = limits;
    // Whether the network is open is part of the state.
    const network = devices.hasNetwork ? { isOpen: false, host } : undefined;
    const board = new Board({ ...others, memoryBytes, model, disks, virtio: devices.virtio, network });
    board.wholeState.resume(snapshot);
    return board;
  }

  /** The physical address of the root pointer of ACPI, which boot protocols pass on. */
  get acpiRoot(): number {
    return this.chipset.acpiRoot;
  }

  /** Devices beyond RAM. */
  get memoryBus(): Chipset['memoryBus'] {
    return this.chipset.memoryBus;
  }

  get serial(): Chipset['serial'] {
    return this.chipset.serial;
  }

  /** The network that the kernel's network device is connected to; undefined without one. */
  get network(): Chipset['network'] {
    return this.chipset.network;
  }

  get ticks(): number {
    return this.cpu.ticks;
  }

  /**
   * Runs until the machine stops by itself, or its ticks reach `until`. While the processor waits for an interrupt, time jumps
   * to the next one; without `skipsIdle`, `run` returns 'idle' and the caller lets time pass (`passTime`).
   */
  run(until: number, skipsIdle = true): BoardEvent {
    while (this.end === undefined && this.cpu.ticks < until) {
      const event = this.runToChange(until, skipsIdle);
      if (event) return event;
    }
    return this.end ?? { kind: 'limit' };
  }

  /** Runs until a device changes, an interrupt is delivered, or the processor halts. */
  private runToChange(until: number, skipsIdle: boolean): BoardEvent | undefined {
    const { cpu, chipset } = this;
    chipset.update();
    cpu.bare!.hasInterrupt = chipset.hasInterrupt;
    if (cpu.bare!.isInterruptible) return this.interrupt();
    const change = chipset.nextChange;
    if (cpu.bare!.system.state.isHalted) return this.wait(change, until, skipsIdle);
    const event = cpu.run(Math.min(change, until) - cpu.ticks);
    if (event.kind === 'shutdown') this.end = { kind: 'reset', by: 'a triple fault' };
    return event.kind === 'stopped' ? { kind: 'stopped' } : this.stopOfAccess;
  }

  /** The stop for watched accesses, if there were any. */
  private get stopOfAccess(): BoardEvent | undefined {
    return this.cpu.mmu.dataStops.hasAccesses ? { kind: 'stopped' } : undefined;
  }

  /** The tick up to which the processor waits for a timer; now, if it does not wait, or for something else. */
  get idleUntil(): number {
    const { system } = this.cpu.bare!;
    this.chipset.update();
    const waits = system.state.isHalted && system.allowsInterrupts && !this.chipset.hasInterrupt;
    const { nextChange } = this.chipset;
    return waits && nextChange < Infinity ? Math.max(nextChange, this.ticks) : this.ticks;
  }

  private wait(change: number, until: number, skipsIdle: boolean): BoardEvent | undefined {
    if (!this.cpu.bare!.system.allowsInterrupts) return { kind: 'halted' };
    if (change === Infinity || !skipsIdle) return { kind: 'idle', until: change };
    this.passTime(Math.min(change, until));
    return undefined;
  }

  /** Lets time pass until a tick while the processor waits. */
  passTime(tick: number): void {
    const { cpu } = this;
    this.idleTicks += Math.max(tick - cpu.ticks, 0);
    cpu.ticks = Math.max(tick, cpu.ticks);
  }

  /** Delivers a non-maskable interrupt, or the interrupt of the highest priority, which takes a tick. */
  private interrupt(): BoardEvent | undefined {
    const { state, acceptsNmi } = this.cpu.bare!.system;
    if (acceptsNmi) [state.nmi.isPending, state.nmi.isBlocked] = [false, true];
    const vector = acceptsNmi ? Vector.NMI : this.chipset.acknowledge();
    this.interrupts++;
    this.hooks.onInterrupt?.(vector);
    this.cpu.ticks++;
    const { system } = this.cpu.bare!;
    if (!system.deliver(new GuestException(vector), 'external')) this.end = { kind: 'reset', by: 'a triple fault' };
    return this.stopOfAccess;
  }

  /** Bytes of input that can still be received without loss. */
  get room(): number {
    return this.chipset.room;
  }

  /** A byte of input arrives at the serial port, or at the virtio console if there is one. */
  receive(byte: number): void {
    this.chipset.receive(byte);
  }

  /** Publishes what was written to disks since their last flush. */
  publishDisks(): void {
    for (const disk of this.disks) disk.flush();
  }

  /** SHA-256, 64 hexadecimal digits, of the processor, its ticks, the devices and memory; the same on every engine. */
  machineHash(): string {
    return this.wholeState.hash();
  }

  /** The machine's state, to go back to with `restore`: see `Computer.snapshot`. */
  snapshot(): Snapshot {
    return this.wholeState.take();
  }

  /** Saves a snapshot of this machine as a VMO of a store, from which `resume` makes a machine in any process of a host. */
  saveSnapshot(snapshot: Snapshot, target: VmoStore): VmoHandle {
    const { memory, disks } = this;
    const lengths = disks.map(({ lengthBytes }) => lengthBytes);
    const { model: cpu, virtio, hasNetwork } = this.made;
    const devices = JSON.stringify({ disks: lengths, virtio, ...(hasNetwork && { network: true }) });
    const quotas = { writeBackBytes: 0, vmoBytes: 0, hostBytes: 0 };
    return this.wholeState.save(snapshot, { memoryBytes: memory.size, ...quotas, clock: 'bare', cpu, devices }, target);
  }

  /** Puts the machine back to a snapshot that it took, exactly. What was sent is not taken back. */
  restore(snapshot: Snapshot): void {
    this.wholeState.restore(snapshot);
  }
}

/** The devices that a saved board has, and the lengths of its disks in bytes. Throws SavedSnapshotError. */
function devicesOf({ clock, devices = '' }: MachineLimits): {
  disks: readonly number[];
  virtio: readonly VirtioKind[];
  hasNetwork: boolean;
} {
  if (clock !== 'bare') throw new SavedSnapshotError('it is not a bare machine: bd0 resume goes on with it');
  const malformed = (): SavedSnapshotError => new SavedSnapshotError('the saved snapshot is damaged: its devices');
  try {
    const { disks, virtio, network = false } = JSON.parse(devices) as Readonly<Record<string, unknown>>;
    const areLengths = Array.isArray(disks) && disks.every((bytes) => Number.isSafeInteger(bytes) && bytes > 0);
    const areKinds = Array.isArray(virtio) && virtio.every((kind) => VIRTIO_KINDS.includes(kind as VirtioKind));
    if (!areLengths || !areKinds || typeof network !== 'boolean') throw malformed();
    return { disks: disks as number[], virtio: virtio as VirtioKind[], hasNetwork: network };
  } catch (error) {
    throw error instanceof SyntaxError ? malformed() : error;
  }
}
