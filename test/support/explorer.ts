/** Every order in which the threads of a program can run, a switch after each instruction. */
import { createHash, hash } from 'node:crypto';
import { PRESENT } from '../../src/mmu/entry.js';
import type { Process } from '../../src/kernel/tasks/process.js';
import type { Thread } from '../../src/kernel/tasks/thread.js';
import { StateWriter } from '../../src/state/state-writer.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { KernelMachine } from './kernel-machine.js';

const PAGE = 4096;
const FRAMES = 512;
const VMCALL = Uint8Array.of(0x0f, 0x01, 0xc1);

/** What is explored. */
export interface Exploration {
  /** Its first thread spawns others, and yields: from then on, every order is tried. It gives yield an address. */
  readonly image: Uint8Array;
  readonly limitBytes: number;
  /** Looks at each state that is new; throws where it must not be. */
  readonly check?: (machine: ExploredMachine) => void;
  /** What more there is of the state than registers, memory and who waits for what. */
  readonly stateOf?: (machine: ExploredMachine) => string;
}

/** A machine in one of the states. */
export interface ExploredMachine {
  readonly machine: KernelMachine;
  readonly process: Process;
  /** What the first thread gave yield. */
  readonly shared: number;
  /** The threads that there have been, in the order in which they began; undefined where one has ended. */
  readonly threads: readonly (Thread | undefined)[];
}

/** A state by its number: 0 is the first one. */
interface State {
  /** How it was found: from which state, by a step of which thread. */
  readonly from: number;
  readonly by: number;
  /** By thread: the state after its step; -1 where it cannot make one. */
  next: readonly number[];
  /** Threads that have not ended, nor come to where each step leads to the same state again. */
  alive: readonly boolean[];
}

/** All states and the steps between them. */
export class StateGraph {
  constructor(private readonly states: readonly State[]) {}

  get size(): number {
    return this.states.length;
  }

  get steps(): number {
    return this.states.reduce((total, { next }) => total + next.filter((state) => state >= 0).length, 0);
  }

  /** The states in which no thread can make a step, and some have not ended. */
  get stuck(): number[] {
    return [...this.states.keys()].filter((state) => {
      const { next, alive } = this.states[state]!;
      return alive.some(Boolean) && next.every((after) => after < 0);
    });
  }

  /** The steps that lead to a state, as the numbers of threads. */
  pathTo(state: number): number[] {
    return pathTo(this.states, state);
  }

  /**
   * The most steps that the other threads make, from any state and in any order, until all of them have ended, while one is
   * frozen. Throws where they may go on for ever, or stop before their end.
   */
  stepsWithout(frozen: number): number {
    const longest = new Int32Array(this.states.length).fill(-1);
    const onPath = new Uint8Array(this.states.length);
    const others = (state: number): number[] =>
      this.states[state]!.next.filter((after, thread) => thread !== frozen && after >= 0);
    for (const first of this.states.keys()) {
      const path = [first];
      while (path.length > 0) {
        const state = path.at(-1)!;
        const after = others(state);
        if (longest[state]! >= 0) {
          path.pop();
          continue;
        }
        onPath[state] = 1;
        const open = after.filter((next) => longest[next]! < 0);
        if (open.some((next) => onPath[next]))
          throw new Error(`* threads can go round in a circle from state ${state}`);
        if (open.length > 0) {
          path.push(open[0]!);
          continue;
        }
        onPath[state] = 0;
        longest[state] = after.reduce((most, next) => Math.max(most, longest[next]! + 1), 0);
        if (after.length === 0 && this.states[state]!.alive.some((lives, thread) => lives && thread !== frozen))
          throw new Error(
            `* with thread ${frozen} frozen, another one waits in state ${state}: ${this.pathTo(state).join('')}`,
          );
        path.pop();
      }
    }
    return longest.reduce((most, steps) => Math.max(most, steps), 0);
  }
}

function pathTo(states: readonly State[], state: number): number[] {
  const path: number[] = [];
  for (let at = state; at > 0; at = states[at]!.from) path.push(states[at]!.by);
  return path.reverse();
}

/** Explores every state that can be reached. Throws what `check` throws, with the steps that lead there. */
export function explore(exploration: Exploration): StateGraph {
  return new Explorer(exploration).explore();
}

/*
 * A state is run from the start again by its path: that is sure, and slow. So a path goes on as long as it comes to states
 * that are new; and a step that has changed nothing but registers and memory, which is most, is taken back.
 */
class Explorer implements ExploredMachine {
  readonly machine: KernelMachine;
  process!: Process;
  shared = 0;
  private readonly states: State[] = [];
  private readonly numbers = new Map<string, number>();
  /** States that have been found, and not been gone on from; each with its number. */
  private readonly open: number[] = [];
  private firstTid = 1;
  /** Pages that are mapped to a frame: whoever touches another one has a fault. */
  private readonly present = new Set<number>();
  private events = 0;
  /** What `remember` has noted: frames, what they held, and registers by thread. */
  private pages: number[] = [];
  private readonly pageBytes: Uint8Array[] = [];
  private readonly contexts: Uint8Array[] = [];
  /** Held, so that it is read and hashed once. */
  private readonly image: VmoHandle;
  private readonly digests = new Digests();

  constructor(private readonly exploration: Exploration) {
    this.machine = new KernelMachine({
      frames: FRAMES,
      hooks: {
        onKernelCall: ({ name, arguments: args }) => {
          this.events++;
          if (name === 'yield') this.shared = Number(args[0]);
        },
        onFault: ({ linear }) => {
          this.events++;
          this.present.add(Number(linear - (linear % BigInt(PAGE))));
        },
      },
    });
    this.image = this.machine.store.fromBytes(exploration.image);
  }

  get threads(): (Thread | undefined)[] {
    const { kernel } = this.machine;
    const count = kernel['threads']['nextTid'] - this.firstTid;
    return Array.from({ length: count }, (_, index) => kernel.findThread(this.firstTid + index));
  }

  explore(): StateGraph {
    this.restart();
    this.enter(0, 0);
    for (let start; (start = this.open.pop()) !== undefined;) {
      if (!this.isOpen(start)) continue;
      this.goTo(start);
      for (let at: number | undefined = start; at !== undefined;) at = this.expand(at);
    }
    return new StateGraph(this.states);
  }

  /** Makes a step of each thread from the state in which the machine is. Answers a state not gone on from, where it is then. */
  private expand(state: number): number | undefined {
    const alive = this.threads.map((thread) => thread !== undefined);
    const next = alive.map(() => -1);
    const awaited: number[] = [];
    alive.forEach((_, index) => {
      const thread = this.threads[index];
      if (!thread || !this.canRun(thread)) return;
      if (this.isEvent(thread)) awaited.push(index);
      else next[index] = this.tryStep(state, index, thread);
      if (next[index] !== state) return;
      next[index] = -1;
      alive[index] = false;
    });
    Object.assign(this.states[state]!, { next, alive });
    const index = next.findIndex((after) => after >= 0 && this.isOpen(after));
    let last: number | undefined;
    for (const index of awaited) {
      if (last !== undefined) this.goTo(state);
      this.machine.kernel.step(this.threads[index]!);
      last = next[index] = this.enter(state, index);
    }
    if (last !== undefined && this.isOpen(last)) return last;
    if (index < 0) return undefined;
    if (last !== undefined) this.goTo(state);
    this.machine.kernel.step(this.threads[index]!);
    return next[index];
  }

  /** Makes a step and takes it back. Answers the state after it. */
  private tryStep(state: number, index: number, thread: Thread): number {
    this.remember();
    const before = this.events;
    this.machine.kernel.step(thread);
    const after = this.enter(state, index);
    if (this.events === before) this.takeBack();
    else this.goTo(state);
    return after;
  }

  /** True where the next step of a thread is a kernel-call, or the end of one. */
  private isEvent(thread: Thread): boolean {
    if (thread.pending) return true;
    this.machine.kernel['current'].switchTo(thread);
    const code = this.machine.kernel.memory.peek(Number(BigInt.asUintN(48, this.machine.cpu.state.rip)), VMCALL.length);
    return Buffer.compare(code, VMCALL) === 0;
  }

  private isOpen(state: number): boolean {
    return this.states[state]!.next.length === 0;
  }

  private canRun({ pending }: Thread): boolean {
    return !pending?.wait || pending.answer !== undefined;
  }

  /** The number of the state in which the machine is, a new one where it was never seen. */
  private enter(from: number, by: number): number {
    const key = this.key();
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.states.length;
    this.numbers.set(key, number);
    this.states.push({ from, by, next: [], alive: [] });
    this.open.push(number);
    try {
      if (!this.process.end) this.exploration.check?.(this);
    } catch (error) {
      throw new Error(`* after the steps ${pathTo(this.states, number).join('')}: ${(error as Error).message}`);
    }
    return number;
  }

  /** Brings the machine into a state, by a path from the start. */
  private goTo(state: number): void {
    this.restart();
    for (const thread of pathTo(this.states, state)) this.machine.kernel.step(this.threads[thread]!);
  }

  /** Brings the machine into the first state: a new kernel, in which nothing has happened. */
  private restart(): void {
    this.machine.restart();
    this.present.clear();
    this.shared = 0;
    const { limitBytes } = this.exploration;
    this.process = this.machine.kernel.starts.start(this.image, { name: 'explored', limitBytes });
    const first = this.threads[0]!;
    while (this.shared === 0) this.machine.kernel.step(first);
  }

  /** All that decides what can happen next, time apart. */
  private key(): string {
    const { machine, process, digests } = this;
    if (process.end) return `ended ${process.end.exitCode} ${process.end.trap?.cause ?? ''}`;
    const parts: string[] = [];
    this.threads.forEach((thread, index) => {
      if (!thread) return;
      this.save(thread);
      const { pending } = thread;
      parts.push(`thread ${index}`, digests.of(-1 - index, thread['context']));
      if (pending) parts.push(`${pending.number} ${pending.wait?.for} ${pending.wait?.deadline} ${pending.answer}`);
    });
    const queues = new StateWriter();
    for (const [kind, threads] of Object.entries(machine.kernel['waits']['queues']['queues']))
      for (const [number, list] of threads)
        queues
          .text(kind)
          .number(number)
          .numbers(list.map(({ tid }) => tid));
    for (const { frame, page } of this.privatePages()) parts.push(String(page), digests.of(page, this.bytesOf(frame)));
    parts.push([...this.present].sort().join(), this.exploration.stateOf?.(this) ?? '');
    return createHash('sha256').update(queues.written).update(parts.join(' ')).digest('hex');
  }

  private save(thread: Thread): void {
    const { kernel, cpu } = this.machine;
    if (kernel.currentThread === thread) thread.save(cpu.state);
  }

  private privatePages(): { page: number; frame: number }[] {
    const { machine, process } = this;
    return process.region.changed.within(process.region.start, process.region.end).map(({ page }) => {
      const entry = machine.pager.pageTable.entry(page);
      if (!(entry & PRESENT)) throw new Error('a page was written back: the machine is too small to explore');
      return { page, frame: entry >>> 12 };
    });
  }

  private bytesOf(frame: number): Uint8Array {
    return this.machine.guestMemory.ram.subarray(frame * PAGE, (frame + 1) * PAGE);
  }

  /** Notes what a step may change that is no event: registers and memory. */
  private remember(): void {
    this.pages = this.privatePages().map(({ frame }) => frame);
    this.pages.forEach((frame, index) => (this.pageBytes[index] ??= new Uint8Array(PAGE)).set(this.bytesOf(frame)));
    this.threads.forEach((thread, index) => {
      if (!thread) return;
      this.save(thread);
      (this.contexts[index] ??= thread['context'].slice()).set(thread['context']);
    });
  }

  private takeBack(): void {
    const { kernel, cpu } = this.machine;
    this.pages.forEach((frame, index) => this.bytesOf(frame).set(this.pageBytes[index]!));
    this.threads.forEach((thread, index) => {
      if (!thread) return;
      thread['context'].set(this.contexts[index]!);
      if (kernel.currentThread === thread) thread.restore(cpu.state);
    });
  }
}

/** SHA-256 of things that change seldom: each is hashed again only where it is not what it was when it was asked for last. */
class Digests {
  private readonly known = new Map<number, { readonly bytes: Uint8Array; digest: string }>();

  of(name: number, bytes: Uint8Array): string {
    const last = this.known.get(name);
    if (last && Buffer.compare(last.bytes, bytes) === 0) return last.digest;
    const digest = hash('sha256', bytes, 'base64');
    if (!last) this.known.set(name, { bytes: bytes.slice(), digest });
    else {
      last.bytes.set(bytes);
      last.digest = digest;
    }
    return digest;
  }
}
