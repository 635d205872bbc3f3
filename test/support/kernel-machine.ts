/** A machine whose kernel can be looked into, and what must hold of it between two instructions. */
import { Cpu, type Engine } from '../../src/cpu/cpu.js';
import type { Console } from '../../src/kernel/terminal/console.js';
import { HOST_BYTES, type HostObject } from '../../src/kernel/host-memory.js';
import type { KernelHooks } from '../../src/kernel/hooks.js';
import { Inputs } from '../../src/kernel/inputs.js';
import { NotifyFile } from '../../src/kernel/linux/files/notify/notify-file.js';
import { OpenPipe } from '../../src/kernel/linux/files/open/pipe.js';
import { TreeDirectory } from '../../src/kernel/linux/files/tree/directory.js';
import { RegularFile } from '../../src/kernel/linux/files/tree/inode.js';
import { Kernel } from '../../src/kernel/kernel.js';
import type { StartOptions } from '../../src/kernel/program/loader.js';
import type { Process } from '../../src/kernel/tasks/process.js';
import type { Region } from '../../src/kernel/memory/region.js';
import type { Thread } from '../../src/kernel/tasks/thread.js';
import { GuestMemory } from '../../src/memory.js';
import { FramePool } from '../../src/vmo/frames/frame-pool.js';
import { VmoStore } from '../../src/vmo/store.js';
import { nativeHash } from '../vmo/model.js';
import { checkPaging } from './paging-invariants.js';

const PAGE = 4096;

export interface KernelMachineOptions {
  readonly frames: number;
  readonly engine?: Engine;
  readonly hooks?: KernelHooks;
  readonly console?: Console;
  /** Bytes that the store keeps of what is written back; 0 if not given. */
  readonly writeBackBytes?: number;
  /** Bytes that its objects may take of the host's memory. */
  readonly hostBytes?: number;
}

const NO_CONSOLE: Console = { write: () => {}, read: () => 'end' };

/** What a Computer is made of, its parts in reach. */
export class KernelMachine {
  readonly store = new VmoStore(nativeHash);
  readonly cpu: Cpu;
  readonly guestMemory: GuestMemory;
  pool!: FramePool;
  kernel!: Kernel;
  readonly frames: number;
  readonly writeBackBytes: number;

  constructor(private readonly options: KernelMachineOptions) {
    const { frames, engine = 'evaluator', writeBackBytes = 0 } = options;
    this.frames = frames;
    this.writeBackBytes = writeBackBytes;
    this.guestMemory = new GuestMemory(frames * PAGE);
    this.cpu = new Cpu(this.guestMemory, engine);
    this.restart();
  }

  /** A new kernel, in which nothing has happened. Time goes on. */
  restart(): void {
    const { store, cpu, frames, writeBackBytes } = this;
    const { hooks, console = NO_CONSOLE, hostBytes = Infinity } = this.options;
    const { linearMemory } = cpu;
    linearMemory.mmu.flush();
    this.pool = new FramePool(this.guestMemory, store, {
      firstFrame: 0,
      endFrame: frames,
      codeChanged: (frame) => linearMemory.stored(frame * PAGE, PAGE),
    });
    const { pool } = this;
    this.kernel = new Kernel({
      cpu,
      store,
      pool,
      console,
      writeBackBytes,
      hostBytes,
      inputs: new Inputs(() => cpu.ticks),
      ...(hooks && { hooks }),
    });
  }

  get pager(): Kernel['pager'] {
    return this.kernel.pager;
  }
  get space(): Kernel['space'] {
    return this.kernel.space;
  }

  /** Starts a program from the bytes of its image. */
  start(image: Uint8Array, options: StartOptions): Process {
    const vmo = this.store.fromBytes(image);
    try {
      return this.kernel.starts.start(vmo, options);
    } finally {
      vmo.close();
    }
  }

  /** Gives a VMO of these bytes a name. */
  publish(name: string, bytes: Uint8Array): void {
    const vmo = this.store.fromBytes(bytes);
    this.kernel.names.publish(name, vmo, 'anything');
    vmo.close();
  }

  /** Ends all processes and takes away all names. */
  clear(): void {
    for (const process of this.kernel.processes.live()) if (!process.end) this.kernel.exits.end(process, 0);
    this.kernel.finishEndings();
    for (const name of [...this.kernel.names.names()]) this.kernel.names.publish(name, undefined, 'anything');
    this.store.forgetSome(Infinity);
  }

  /** Throws where page tables, frames, regions, processes, threads and the scheduler do not agree. */
  check(): void {
    checkPaging(this);
    this.checkThreads();
    this.checkRegions();
    this.checkStacks();
    this.checkHostMemory();
  }

  /** What objects are charged to the host's memory is what there is of them; VMOs have an account of their own. */
  private checkHostMemory(): void {
    const { kernel, space } = this;
    const processes = kernel.processes.live();
    const threads = processes.flatMap((process) => process.threads);
    const sum = <T>(items: readonly T[], countOf: (item: T) => number): number =>
      items.reduce((total, item) => total + countOf(item), 0);
    const there: Record<HostObject, number> = {
      process: processes.length,
      thread: threads.length,
      region: space.regions.length,
      mapping: sum(space.regions, ({ mappings }) => mappings.length),
      handle: sum(processes, ({ handles }) => handles['count']),
      name: kernel.names.heldNames,
      grant: sum(threads, ({ guard }) => guard.grantCount),
      endedCode: sum(processes, (each) => each.endedChildren['codes'].size + each.endedThreads['codes'].size),
      freeStack: sum(processes, ({ freeStacks }) => freeStacks.length),
      lastWriter: kernel.debugMode['lastWriters'].size,
      writtenBack: sum(space.regions, ({ changed, start, end }) => {
        return changed.within(start, end).filter(({ content }) => content !== undefined).length;
      }),
      sharedPage: sum([...this.pager['privates']['shared'].values()], (pages) => pages.length - 1),
      argument: 0,
      ...linuxObjects(kernel),
      patch: sum(threads, ({ pending }) => (pending?.work as { words?: BigUint64Array } | undefined)?.words?.length ?? 0) / 3, // prettier-ignore
    };
    const expected = Object.entries(HOST_BYTES).reduce(
      (total, [kind, bytes]) => total + bytes * there[kind as HostObject],
      this.store.hostBytes,
    );
    const { usedBytes } = kernel.hostMemory;
    expect(usedBytes === expected, `${usedBytes} bytes of host memory are charged, ${expected} are in use`);
  }

  /** Every live thread belongs to a live process, and has one place with the scheduler. */
  private checkThreads(): void {
    const { kernel } = this;
    const threads = kernel.processes.live().flatMap(({ threads }) => threads);
    const { turn, ready, readers, timers } = kernel['scheduler'] as unknown as SchedulerState;
    const queued = Object.entries(kernel['waits']['queues']['queues']).flatMap(([kind, queues]) =>
      [...queues].flatMap(([number, threads]) => threads.map((thread) => ({ key: `${kind} ${number}`, thread }))),
    );
    const places = (thread: Thread): string[] => [
      ...(turn === thread ? ['the CPU'] : []),
      ...ready.filter((each) => each === thread).map(() => 'ready'),
    ];
    for (const thread of threads) {
      const { tid, pending } = thread;
      const wait = pending?.answer === undefined ? pending?.wait : undefined;
      const at = places(thread);
      expect(kernel.findThread(tid) === thread, `thread ${tid} is not found`);
      expect(at.length === (wait ? 0 : 1), `thread ${tid}, which ${wait ? 'waits' : 'can run'}, is at ${at.join()}`);
      const keys = queued.filter((each) => each.thread === thread).map(({ key }) => key);
      const key = typeof wait?.for === 'object' ? `${wait.for.kind} ${wait.for.number}` : undefined;
      expect(keys.join() === (key ?? ''), `thread ${tid} waits for ${key}, and is queued for ${keys.join()}`);
      const deadlines = [...timers.ascending].filter(({ item }) => item === thread).map(({ deadline }) => deadline);
      const deadline = wait && wait.deadline < Infinity ? String(wait.deadline) : '';
      expect(
        deadlines.join() === deadline,
        `thread ${tid} waits until ${deadline}, and is called at ${deadlines.join()}`,
      );
      const isReader = readers.has(thread);
      expect(isReader === (wait?.for === 'input'), `thread ${tid} waits for ${wait?.for}; a reader: ${isReader}`);
    }
    const all = new Set([...ready, ...readers, ...queued.map(({ thread }) => thread), ...(turn ? [turn] : [])]);
    for (const { item } of timers.ascending) all.add(item);
    for (const thread of all) expect(threads.includes(thread), `thread ${thread.tid} is no more, and is scheduled`);
    expect(
      kernel['threads'].size === threads.length,
      `${kernel['threads'].size} threads of ${threads.length} are known`,
    );
  }

  /** Every region but the kernel page has as many users as processes live in it. */
  private checkRegions(): void {
    const users = new Map<Region, number>();
    for (const process of this.kernel.processes.live())
      for (const region of [...process.regions, ...process.maps]) users.set(region, (users.get(region) ?? 0) + 1);
    const { regions } = this.space;
    let end = 0;
    let others = 0;
    for (const region of regions) {
      expect(region.start >= end, `a region at ${region.start.toString(16)} lies over the one before`);
      end = region.end;
      const expected = users.get(region);
      if (expected === undefined) others++;
      else expect(region.users === expected, `a region of ${expected} processes counts ${region.users}`);
      for (const { backing } of region.mappings) expect(!backing?.vmo.isClosed, 'a mapping of a closed VMO');
    }
    expect(others === 1, `${others} regions belong to no process; the kernel page does`);
    expect(regions.length === users.size + 1, `${users.size} regions of processes, ${regions.length - 1} in all`);
  }

  /** No two stacks have a byte in common, those that wait for a thread included. */
  private checkStacks(): void {
    const stacks = this.kernel.processes
      .live()
      .flatMap(({ threads, freeStacks, region }) =>
        [...threads.map(({ stack }) => stack), ...freeStacks].map((stack) => ({ ...stack, region })),
      )
      .sort((a, b) => a.guard - b.guard);
    stacks.forEach(({ guard, end, region }, index) => {
      const next = stacks[index + 1];
      expect(guard >= region.start && end <= region.end, `a stack from ${guard.toString(16)} lies outside its region`);
      expect(!next || next.guard >= end, `two stacks at ${guard.toString(16)}`);
    });
  }
}

interface SchedulerState {
  readonly turn: Thread | undefined;
  readonly ready: readonly Thread[];
  readonly readers: ReadonlySet<Thread>;
  readonly timers: { readonly ascending: Iterable<{ readonly item: Thread; readonly deadline: number }> };
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(`* ${message}`);
}

/** What files of programs of Linux there are. */
type LinuxObject =
  | ('inode' | 'directoryEntry' | 'descriptor' | 'writtenPage' | 'fileWatch' | 'fileEvent')
  | ('ipcObject' | 'semaphore')
  | ('socket' | 'message' | 'messageByte' | 'pipePart' | 'timer' | 'terminal' | 'attribute' | 'attributeByte');

function linuxObjects({ linux }: Kernel): Record<LinuxObject, number> {
  const { sockets } = linux.fileSystem;
  const open = [...sockets['files'].keys()];
  const all = [...open, ...open.flatMap(({ arrivals }) => arrivals)];
  const messages = all.flatMap(({ queue }) => queue);
  const files = [...linux.processes.values()].flatMap(({ files }) => files.numbers.map((number) => files.get(number)));
  const pipes = new Set(files.flatMap((file) => (file instanceof OpenPipe ? [file.pipe] : [])));
  const notifiers = new Set(files.flatMap((file) => (file instanceof NotifyFile ? [file] : [])));
  const inodes = [...linux.fileSystem['inodes'].values()];
  const attributes = [...linux.fileSystem.attributes['files'].values()].flatMap((each) => [...each]);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  const { ipc } = linux;
  const queues = [...ipc.posix['living']];
  const letters = [...ipc.queues.all, ...queues].flatMap(({ messages }) => messages as { bytes: Uint8Array }[]);
  return {
    inode: inodes.length,
    attribute: attributes.length,
    attributeByte: sum(attributes.map(([name, { length }]) => name.length + length)),
    directoryEntry: sum(inodes.map((inode) => (inode instanceof TreeDirectory ? inode.knownCount : 0))),
    descriptor: files.length + sockets.inFlight,
    socket: all.length,
    message: messages.length + letters.length,
    messageByte: sum(messages.map(({ length }) => length)) + sum(letters.map(({ bytes }) => bytes.length)),
    ipcObject: ipc['shared'].size + ipc.semaphores.size + ipc.queues.size + queues.length,
    semaphore: sum(ipc.semaphores.all.map(({ values, undos }) => values.length * (1 + undos.size))),
    fileWatch: sum([...notifiers].map((file) => file['watches'].size)),
    fileEvent: sum([...notifiers].map((file) => file['queue'].length)),
    terminal: linux.fileSystem.pseudoTerminals['terminals'].size,
    timer: sum([...linux.processes.values()].map(({ signals }) => signals.timers.size)),
    pipePart: sum([...pipes].map(({ partCount }) => partCount)),
    writtenPage: sum(inodes.map((inode) => (inode instanceof RegularFile ? inode.content['written'].size : 0))),
  };
}
