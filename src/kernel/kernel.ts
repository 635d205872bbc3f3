import type { Cpu } from '../cpu/cpu.js';
import { CallRunner } from './call-runner.js';
import { KernelConsole, type ConsoleInput } from './terminal/console.js';
import { setUpMachine } from './program/cpu-setup.js';
import { EventHandler } from './event-handler.js';
import { DebugMode } from './reports/debug-mode.js';
import type { KernelEvent, KernelOptions } from './kernel-options.js';
import { EXIT_INTERRUPTED, foregroundOf } from './terminal/foreground.js';
import { LinuxSystem } from './linux/linux-system.js';
import { MemoryNames, WatchedNames, type NameInput, type SteppedNames } from './names.js';
import { Exits } from './tasks/exits.js';
import { Starts } from './tasks/starts.js';
import { ProgramMemory } from './program-memory.js';
import { Tasks } from './tasks/tasks.js';
import { LAST_DEADLINE, type Thread } from './tasks/thread.js';
import { Services } from './services.js';
import { KernelStops } from './stops.js';
import { EFFORT, WorkMeter } from './work-meter.js';
import { outside, schema, value } from '../state/schema.js';

/** Instructions that generated code leaves to TypeScript, before the host can look up; each takes 2 to 20 microseconds. */
const ROUNDS_AT_ONCE = 1024;
/** Unreferenced subtrees are forgotten before the machine continues: how many in one step. */
const SUBTREES_FORGOTTEN_AT_ONCE = 1024;
/** Threads that are woken at once when their deadlines have come. */
const WOKEN_AT_ONCE = 1024;

/**
 * BD0's kernel: it stands where a hypervisor stands. Every exception and VMCALL of a thread comes here, and is resolved,
 * answered, or ends the process.
 */
export class Kernel {
  static readonly state = schema(
    'kernel',
    Kernel,
    {
      programMemory: value,
      tasks: value,
      console: value,
      debugMode: value,
      ticksWithoutInstruction: value,
      calls: value,
      services: outside('without state'),
      starts: outside('without state'),
      exits: value,
      events: value,
      linux: value,
      stops: outside('of a debugger'),
      work: outside('a measure of the host'),
      names: outside("what is the machine's of them is computed"),
      options: outside('of the host'),
    },
    {
      isPart: true,
      prepare: ({ tasks }) => tasks.current.save(),
      computed: [
        { name: 'ownNames', read: ({ names }) => names.own, write: () => {} },
        { name: 'openIds', read: ({ store }) => store.openIds().sort().join() },
      ],
      restored: ({ stops }) => stops.forgetPending(),
    },
  );

  /** Work that threads are not charged for. */
  readonly work = new WorkMeter();
  readonly names: SteppedNames;
  readonly console: KernelConsole;
  readonly debugMode: DebugMode;
  readonly stops: KernelStops;
  readonly linux: LinuxSystem;
  /** Ticks in which no instruction retired: exceptions, calls that work on, and idle time. */
  ticksWithoutInstruction = 0;
  /** What calls need of the kernel. */
  readonly services = new Services(this);
  readonly tasks: Tasks;
  readonly starts: Starts;
  readonly exits: Exits;
  private readonly programMemory: ProgramMemory;
  private readonly calls: CallRunner;
  private readonly events: EventHandler;

  constructor(private readonly options: KernelOptions) {
    const { cpu, store, pool, console, hooks = {} } = options;
    const tell = (input: ConsoleInput | NameInput): void => hooks.onInput?.({ tick: cpu.ticks, ...input });
    this.names = options.inputs.names(new WatchedNames(options.names ?? new MemoryNames(store), tell));
    this.console = new KernelConsole(options.inputs.console(console), {
      tell: (input) => {
        tell(input);
        this.linux.inputArrived();
      },
      foreground: () => foregroundOf(this.processes, this.linux.terminal),
      interrupt: (process) => this.exits.end(process, EXIT_INTERRUPTED),
      writer: () => this.current.thread?.process.pid,
    });
    this.stops = new KernelStops(cpu, (tid) => this.findThread(tid));
    const { names, work } = this;
    this.programMemory = new ProgramMemory(options, names, work);
    const { space, pager, user: memory, hostMemory, images } = this.programMemory;
    this.tasks = new Tasks(cpu, pager, work);
    const { processes, threads, scheduler, waits, current } = this.tasks;
    const { stops } = this;
    this.debugMode = new DebugMode({ cpu, memory, space, processes, hooks, hostMemory, work, inputs: options.inputs });
    const { inputs, linuxRoot: root } = options;
    this.linux = new LinuxSystem({
      ...{ cpu, pool, store, hostMemory, space, console: this.console, inputs, root },
      ...{ waits, scheduler, pager, memory },
      memoryOf: ({ view }) => memory.seenIn(view),
      interrupt: (thread, restarts) => this.calls.interrupt(thread, restarts),
      suspend: (thread) => this.calls.suspend(thread),
      withRegisters: (thread, use) => current.use(thread, use),
      end: (process, exitCode) => this.exits.end(process, exitCode),
      outOfMemory: (thread) => this.events.trap(thread, 'out of memory'),
    });
    const { debugMode, linux } = this;
    this.calls = new CallRunner({
      ...{ kernel: this.services, cpu, hooks, console: this.console, store, names, scheduler },
      ...{ waits, space, pager, debugMode, hostMemory, linux },
      kill: (thread, report) => this.events.kill(thread, report),
      trap: (thread, cause) => this.events.trap(thread, cause),
    });
    const { calls } = this;
    const shared = { store, space, pager, memory, linux, cpu, current, processes, threads, debugMode, work };
    const schedule = (thread: Thread): void => scheduler.add(thread);
    this.starts = new Starts({ ...shared, images, hostMemory, stops, schedule });
    this.exits = new Exits({ ...shared, scheduler, waits, calls });
    const { exits } = this;
    this.events = new EventHandler({
      ...{ cpu, hooks, calls, debugMode, linux, exits, memory, pager, processes, space, stops, work },
      charge: (cost) => this.services.charge(cost),
      countTick: () => void this.ticksWithoutInstruction++,
    });
    setUpMachine(cpu, this);
  }

  get store(): KernelOptions['store'] {
    return this.options.store;
  }

  get cpu(): Cpu {
    return this.options.cpu;
  }

  get space(): ProgramMemory['space'] {
    return this.programMemory.space;
  }

  get pager(): ProgramMemory['pager'] {
    return this.programMemory.pager;
  }

  get memory(): ProgramMemory['user'] {
    return this.programMemory.user;
  }

  get hostMemory(): ProgramMemory['hostMemory'] {
    return this.programMemory.hostMemory;
  }

  get images(): ProgramMemory['images'] {
    return this.programMemory.images;
  }

  get processes(): Tasks['processes'] {
    return this.tasks.processes;
  }

  private get scheduler(): Tasks['scheduler'] {
    return this.tasks.scheduler;
  }

  private get waits(): Tasks['waits'] {
    return this.tasks.waits;
  }

  private get threads(): Tasks['threads'] {
    return this.tasks.threads;
  }

  private get current(): Tasks['current'] {
    return this.tasks.current;
  }

  /** Page faults. */
  get faults(): number {
    return this.events.pageFaults.count;
  }

  /** Number of context switches. */
  get switches(): number {
    return this.scheduler.switches;
  }

  /** The thread whose registers the CPU holds. */
  get currentThread(): Thread | undefined {
    return this.current.thread;
  }

  /**
   * Whether there is a process whose calls are still to be loaded (`loadLinuxCalls`). The machine stands until they are: `run`
   * returns 'ticks', and has done nothing.
   */
  get lacksCalls(): boolean {
    return this.calls.lacksCallsOf(this.processes);
  }

  /** The call that a thread is about to make, whose registers the CPU holds. */
  callOf(...[thread, abi]: Parameters<CallRunner['describe']>): ReturnType<CallRunner['describe']> {
    return this.calls.describe(thread, abi);
  }

  findThread(tid: number): Thread | undefined {
    return this.threads.find(tid);
  }

  /**
   * What it has done for threads: units of some 2.5 microseconds of the host's time, far from exact.
   */
  get effort(): number {
    return this.work.added + this.store.extentsVisited * EFFORT.extent;
  }

  /**
   * Runs threads until something happens that the host should know, at most `maxTicks` ticks (at least 1), or until that has
   * taken `maxEffort` of the kernel's effort: the machine may stand in the middle of a call then, and cannot tell.
   */
  run(maxTicks: number, maxEffort = Infinity): KernelEvent {
    const end = this.cpu.ticks + maxTicks;
    const effortEnd = this.effort + maxEffort;
    if (this.lacksCalls) return { kind: 'ticks' };
    // A run that continues after a stop takes in no input: it must not differ from one without the stop.
    if (!this.stops.beginRun()) this.console.takeIn();
    this.events.endHeld();
    this.askAboutWrite();
    if (this.debugMode.isAsking) return { kind: 'asking' };
    while (this.effort < effortEnd && !this.lacksCalls) {
      const stop = this.calls.standing ? undefined : this.stops.take(this.current.thread);
      if (stop) return { kind: 'stopped', stop };
      if (this.tidyUp()) continue;
      if (this.exits.endings.takeEnd()) return { kind: 'ended' };
      if (!this.calls.standing && this.cpu.ticks >= end) break;
      if (this.passDeadlines()) continue;
      const thread = this.calls.standing ?? this.schedule();
      // A call that waited for input may just have been completed.
      if (!this.calls.standing && this.cpu.mmu.dataStops.hasAccesses) continue;
      if (thread && this.stops.stopsAtTurn(thread)) continue;
      if (thread && !this.debugMode.isAsking) this.runThread(thread, end);
      if (this.debugMode.isAsking) return { kind: 'asking' };
      const event = thread || this.exits.endings.hasEnd ? undefined : this.rest(end);
      if (event) return event;
    }
    return { kind: 'ticks' };
  }

  /**
   * Runs a runnable thread for one tick, whichever thread has the turn: for tests that explore every interleaving. A waiting
   * call that can return does so, which takes no tick.
   */
  step(thread: Thread): void {
    this.scheduler.giveTurn(thread, this.cpu.ticks);
    do this.runThread(thread, this.cpu.ticks + 1);
    while (this.calls.standing);
    this.finishEndings();
  }

  /** True while something is left to do for a process or a thread that has ended. */
  get isEnding(): boolean {
    return !this.exits.endings.isEmpty;
  }

  /** Does all of that. */
  finishEndings(): void {
    this.exits.endings.finish();
  }

  /**
   * Finishes what takes no time: calls for which the machine stands still, and what is left to do for what has ended. Only
   * then is all state in fields. Throws KernelError EAGAIN while the host has not decided on a spurious write.
   */
  settle(): void {
    this.finishEndings();
    while (this.calls.standing && !this.debugMode.isAsking) {
      this.runThread(this.calls.standing, this.cpu.ticks + 1);
      this.finishEndings();
    }
    this.debugMode.requireDecided();
    this.store.forgetSome(Infinity);
  }

  /** Does a part of what has to be done before the machine goes on. Returns false where there is nothing. */
  private tidyUp(): boolean {
    const { store } = this;
    if (this.isEnding) this.exits.endings.takeStep();
    else if (store.hasToForget) {
      store.forgetSome(SUBTREES_FORGOTTEN_AT_ONCE);
      this.work.add(EFFORT.forget);
    } else if (!this.calls.standing && store.hasFullCaches) {
      store.dropCaches();
      this.work.add(EFFORT.dropCaches);
    } else return false;
    return true;
  }

  /** Wakes some of the threads whose deadlines have come. Returns false where there are none. */
  private passDeadlines(): boolean {
    const { scheduler, cpu } = this;
    if (this.calls.standing || scheduler.nextDeadline > cpu.ticks) return false;
    const woken = this.waits.passDeadlines(cpu.ticks, WOKEN_AT_ONCE, (thread) => this.askAgain(thread));
    const rung = this.linux.jobs.ring(scheduler.alarms.take(cpu.ticks, WOKEN_AT_ONCE), cpu.ticks);
    this.work.add((woken + rung) * EFFORT.wake);
    return true;
  }

  /** The tick up to which all threads wait, as far as is known: now, unless they do. */
  get idleUntil(): number {
    const { running, nextDeadline } = this.scheduler;
    const isIdle = !running && !this.calls.standing && nextDeadline < Infinity;
    return isIdle ? Math.max(nextDeadline, this.cpu.ticks) : this.cpu.ticks;
  }

  /** Lets time pass until a tick, the last deadline at most, while all threads wait; no effect if it is past. */
  passTime(tick: number): void {
    this.options.inputs.note({ tick: this.cpu.ticks, kind: 'time', until: tick });
    this.passUntil(tick);
  }

  private passUntil(tick: number): void {
    if (this.scheduler.running) throw new Error('time passes by itself while threads run');
    this.pass(Math.max(0, Math.min(tick, LAST_DEADLINE) - this.cpu.ticks));
  }

  private runThread(thread: Thread, end: number): void {
    this.current.switchTo(thread);
    const { ticks } = this.cpu;
    if (thread.linux?.trace?.stop) return this.linux.signals.hold(thread);
    const hasBegun = thread.linux && !(thread.pending && !thread.pending.isInterrupted) && this.deliver(thread);
    if (!hasBegun && thread.pending) this.calls.goOn(thread, thread.pending);
    else if (!hasBegun) return this.runInstructions(thread, end);
    if (thread.linux) this.linux.passTime(thread, this.cpu.ticks - ticks);
  }

  private runInstructions(thread: Thread, end: number): void {
    const { ticks } = this.cpu;
    const trace = thread.linux?.trace;
    if (trace) this.linux.tracing.runs(thread, trace);
    this.cpu.useBreakpoints(thread.linux?.debug?.breakpoints);
    const timeLeft = thread.linux ? this.linux.timeLeft(thread) : Infinity;
    const turnEnd = Math.min(this.scheduler.turnEnd(end), ticks + timeLeft);
    const event = this.debugMode.run(thread, turnEnd - ticks, ROUNDS_AT_ONCE);
    const isStopped = this.stops.stopsBefore(thread, event);
    // Not charged to the thread: how soon it comes differs from engine to engine, and the machine must not.
    if (event.kind === 'ticks' && this.cpu.ticks < turnEnd) this.work.add(EFFORT.rounds);
    this.scheduler.passSlices(this.cpu.ticks);
    const { ticks: stopped } = this.cpu;
    if (thread.linux) this.linux.passTime(thread, stopped - ticks);
    if (!isStopped) this.events.handle(thread, event);
    if (thread.linux) this.linux.passTime(thread, this.cpu.ticks - stopped);
  }

  /** Delivers the signals of a thread of Linux, whose registers are in the CPU. Returns whether that changed anything. */
  private deliver(thread: Thread): boolean {
    const hasChanged = this.linux.delivery.deliver(thread);
    if (hasChanged) this.services.charge({ effort: EFFORT.call });
    return hasChanged;
  }

  /** The thread that is to run, with a slice that is not used up. Those that wait for input ask again when a slice begins. */
  private schedule(): Thread | undefined {
    const { scheduler } = this;
    this.console.settle();
    if (scheduler.needsSlice(this.cpu.ticks)) {
      if (scheduler.waitingForInput.size > 0) this.console.takeIn();
      if (scheduler.awaitsInput) this.console.fill();
      for (const thread of [...scheduler.waitingForInput]) if (this.threads.has(thread)) this.askAgain(thread);
      scheduler.beginSlice(this.cpu.ticks);
    }
    return scheduler.running;
  }

  /** A thread that waits makes its call once more. */
  private askAgain(thread: Thread): void {
    this.work.add(EFFORT.call);
    this.current.switchTo(thread);
    this.calls.make(thread, thread.pending!);
  }

  /** All threads wait. Undefined: not any more, since time has passed. */
  private rest(end: number): KernelEvent | undefined {
    const { nextDeadline: until, waitingForInput } = this.scheduler;
    const forInput = waitingForInput.size > 0 || this.scheduler.awaitsInput || this.awaitsKeys();
    if (this.threads.size === 0) return { kind: 'idle' };
    if (forInput || until === Infinity || this.options.clock === 'real') return { kind: 'waiting', until, forInput };
    this.passUntil(Math.min(until, end));
    return undefined;
  }

  /** Whether the keys of the terminal would end or signal a process, which may wait for anything. */
  private awaitsKeys(): boolean {
    const foreground = foregroundOf(this.processes);
    return this.console.isTerminal && (!foreground?.isFirst || foreground.process.linux !== undefined);
  }

  /** Counts time in which no instruction retires. */
  pass(ticks: number): void {
    this.cpu.ticks += ticks;
    this.ticksWithoutInstruction += ticks;
  }

  /** Asks the host again about a write that it has not decided on. */
  private askAboutWrite(): void {
    const answer = this.debugMode.askAgain();
    if (answer?.report) this.events.kill(answer.thread, answer.report);
  }
}
