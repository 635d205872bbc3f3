import { describeTrap } from '../../kernel/reports/trap-report.js';
import { translatorModule } from '../../cpu/translator/translator-at-hand.js';
import { loadDemangler } from '../../debug/symbols/demangler-at-hand.js';
import type { StopReason } from '../../debug/target.js';
import { loadLinuxCalls } from '../../kernel/all-calls.js';
import type { MachineRequest, MachineState, Report, StartOptions, Status, StopKind } from '../protocol.js';
import { BackgroundProcesses } from './background-processes.js';
import { loadMachine, type LoadedMachine } from './loading.js';
import { MachineConsole } from './machine-console.js';
import type { MethodContext } from './methods.js';
import type { Download } from './site-names.js';
import { Translations } from './translations.js';
import { Slices, Turns } from './turns.js';

/** How often a running machine reports its status. */
const STATUS_MS = 100;
/** For so long a machine runs without the translator, unless it waits or stands before that. */
const UNTRANSLATED_MS = 30;
/** A tick is a nanosecond. */
const TICKS_PER_MS = 1e6;

/** A machine in a worker: runs it in short slices, between which requests of the page are handled. */
export class WebMachine {
  private readonly turns = new Turns();
  private readonly slices = new Slices();
  private readonly console: MachineConsole;
  private readonly machine: LoadedMachine;
  private readonly context: MethodContext;
  private stop: StopReason | undefined;
  private isWaiting = false;
  private isOver = false;
  /** The tick that the page wants to see. */
  private goal: number | undefined;
  /** Whether the machine is on its way to a tick. */
  private isMoving = false;
  private busyMs = 0;
  /** The requests up to now. */
  private handled = Promise.resolve();
  /** The last status that was sent. */
  private told = { at: -Infinity, ticks: -1, instructions: 0, busyMs: 0 };

  /** Starts the program. Throws an Error if it cannot run. */
  constructor(
    private readonly options: StartOptions,
    download: Download,
    private readonly send: (report: Report) => void,
  ) {
    const translations = new Translations();
    const background = new BackgroundProcesses(() => this.machine.computer.parts.kernel);
    this.console = new MachineConsole(() => this.machine.computer.ticks, send, background);
    this.machine = loadMachine(options, {
      download,
      console: this.console,
      onTranslated: (event) => translations.add(event),
      session: {
        print: (...lines) => this.isMoving || this.send({ kind: 'log', lines }),
        typeInput: (text) => this.console.type(new TextEncoder().encode(text)),
        onStop: (reason) => (this.stop = reason),
      },
    });
    const execute = (command: string): void => this.execute(command);
    this.context = { ...this.machine, translations, execute, goto: (tick) => (this.goal = tick) };
    this.send({ kind: 'started' });
    this.machine.session.execute('continue');
  }

  /** Handles a request, after those before it. */
  receive(request: MachineRequest): void {
    this.handled = this.handled.then(() => this.handle(request));
  }

  private handle(request: MachineRequest): Promise<void> | void {
    if (request.kind === 'input') this.console.type(request.bytes);
    else if (request.kind === 'resize') this.console.size = request.size;
    else if (request.kind === 'shown') this.console.shown(request.bytes);
    else if (request.kind === 'pause') this.pause();
    else if (request.kind === 'continue') this.execute('continue');
    else return this.call(request).then(() => this.turns.wake());
    this.turns.wake();
  }

  /** Runs until the machine is closed. */
  async run(): Promise<void> {
    // What people bring may be in C++; for the site's own images, the first prompt need not wait.
    if ('bytes' in this.options.image) await loadDemangler();
    while (!this.isOver) {
      this.startMoving();
      this.resizeTerminal();
      const { arrivals } = this.console;
      const slice = this.runSlice();
      // The first prompt does not need it.
      if (slice.kind !== 'running' || this.busyMs > UNTRANSLATED_MS) void translatorModule.load();
      await this.turns.next();
      await loadDemangler();
      if (this.machine.computer.parts.kernel.lacksCalls) await loadLinuxCalls();
      while (this.console.isBehind && !this.isOver) await this.turns.sleep(Infinity);
      if (this.isOver || this.goal !== undefined) continue;
      if (slice.kind === 'stopped') await this.rest();
      else if (slice.kind === 'waiting' && arrivals === this.console.arrivals) await this.wait(slice.until);
    }
  }

  close(): void {
    this.isOver = true;
    this.turns.close();
  }

  private runSlice(): ReturnType<LoadedMachine['session']['runSlice']> {
    const { session, computer } = this.machine;
    const wasRunning = session.isRunning;
    const { ticks } = computer;
    const start = performance.now();
    const slice = session.runSlice(this.slices.ticks);
    // A process that has ended gives its memory back in steps, and the debugger does not wait for that.
    if (slice.kind === 'stopped' && this.stop?.kind === 'exited') computer.parts.kernel.finishEndings();
    const milliseconds = performance.now() - start;
    if (wasRunning) this.busyMs += milliseconds;
    if (slice.kind === 'running' && !this.isMoving) this.slices.fit(milliseconds, computer.ticks - ticks);
    const isStill = slice.kind === 'stopped';
    if (this.stop?.kind === 'exited' || this.stop?.kind === 'trapped') session.target.timeline?.arriveAtEnd();
    const isChanged = this.isWaiting !== (slice.kind === 'waiting') || (wasRunning && isStill);
    this.isWaiting = slice.kind === 'waiting';
    if (isStill) this.isMoving = false;
    if (isChanged || (wasRunning && !this.isMoving && this.told.at + STATUS_MS < start)) this.tell();
    return slice;
  }

  /** Sets out for the tick that the page wants to see, once the machine has arrived at the one before. */
  private startMoving(): void {
    const { goal } = this;
    const { session } = this.machine;
    if (goal === undefined || this.isMoving) return;
    this.goal = undefined;
    session.interrupt('paused');
    this.stop = undefined;
    this.isMoving = true;
    session.execute(`goto ${goal}`);
  }

  /** Programs hear of the terminal's size in the present: the past stays as it was. */
  private resizeTerminal(): void {
    const { size } = this.console;
    const { target, isRunning } = this.machine.session;
    if (size && isRunning && !this.isMoving && target.timeline?.isReplaying !== true) target.resizeTerminal(...size);
  }

  /** The machine stands: waits for a request that lets it run. */
  private async rest(): Promise<void> {
    if (this.machine.session.isRunning) return;
    if (this.stop?.kind === 'trapped' && !this.options.pausesAtTraps) {
      this.console.print(`${describeTrap(this.stop.report).join('\n  ')}\n`);
      return this.execute('continue');
    }
    await this.turns.sleep(Infinity);
  }

  /** Waits until a tick, or until something happens; the clock of the machine follows that of the host. */
  private async wait(until: number): Promise<void> {
    const { session, computer } = this.machine;
    const start = performance.now();
    const { ticks } = computer;
    // It may have woken and worked within one slice.
    if (this.told.ticks !== ticks && until - ticks > STATUS_MS * TICKS_PER_MS) this.tell();
    await this.turns.sleep((until - ticks) / TICKS_PER_MS);
    const passed = Math.round((performance.now() - start) * TICKS_PER_MS);
    const isAsBefore = session.isRunning && computer.ticks === ticks;
    if (isAsBefore && !session.target.timeline?.isReplaying) session.target.passTime(Math.min(ticks + passed, until));
  }

  private pause(): void {
    this.goal = undefined;
    this.stop = undefined;
    this.machine.session.interrupt('paused');
    this.isWaiting = this.isMoving = false;
    this.tell();
  }

  /** Executes a command of the debugger; it stops what the machine is doing. */
  private execute(command: string): void {
    const { session } = this.machine;
    session.interrupt('paused');
    this.stop = undefined;
    this.goal = undefined;
    this.isWaiting = this.isMoving = false;
    session.execute(command);
    if (!session.isRunning) this.tell();
  }

  /** Calls a method. What only views need is loaded with the first. */
  private async call({ id, method, argument }: Extract<MachineRequest, { kind: 'call' }>): Promise<void> {
    try {
      const { METHODS } = await import('./methods.js');
      if (!Object.hasOwn(METHODS, method)) throw new Error(`there is no method ${method}`);
      const perform = METHODS[method as keyof typeof METHODS] as (context: MethodContext, argument: unknown) => unknown;
      this.send({ kind: 'reply', id, result: perform(this.context, argument) });
    } catch (error) {
      this.send({ kind: 'refusal', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private tell(): void {
    const { session, computer } = this.machine;
    const { ticks, instructions } = computer;
    const { timeline } = session.target;
    const { told, busyMs } = this;
    const ran = instructions - told.instructions;
    const status: Status = {
      state: this.state(),
      stop: stopKind(this.stop),
      exitCode: session.exitCode,
      ticks,
      begin: timeline?.begin ?? ticks,
      end: timeline?.end ?? ticks,
      isPast: timeline?.isReplaying ?? false,
      outputBytes: this.console.bytesAt(ticks),
      instructions,
      busyMs,
      background: this.console.background?.all ?? [],
      mips: busyMs > told.busyMs && ran > 0 ? ran / (busyMs - told.busyMs) / 1000 : 0,
    };
    this.told = { at: performance.now(), ticks, instructions, busyMs };
    this.send({ kind: 'status', status });
  }

  private state(): MachineState {
    const { session } = this.machine;
    if (this.isWaiting) return 'waiting';
    if (session.isRunning && !this.isMoving) return 'running';
    const isOver = session.exitCode !== undefined || session.target.threads.length === 0;
    return isOver || this.stop?.kind === 'waiting' ? 'ended' : 'paused';
  }
}

function stopKind(reason: StopReason | undefined): StopKind | undefined {
  switch (reason?.kind) {
    case undefined:
      return undefined;
    case 'waiting':
      return 'deadlocked';
    case 'exited':
    case 'trapped':
    case 'breakpoint':
    case 'watchpoint':
    case 'stepped':
      return reason.kind;
    case 'history-begin':
    case 'history-end':
      return 'moved';
    default:
      return 'interrupted';
  }
}
