import { translatorModule } from '../../cpu/translator/translator-at-hand.js';
import { loadDemangler } from '../../debug/symbols/demangler-at-hand.js';
import { Board, type BoardEvent } from '../../board.js';
import { BootError } from '../../boot/boot-error.js';
import { boot } from '../../boot/boot.js';
import { bytesOf } from '../machine/loading.js';
import { MachineConsole } from '../machine/machine-console.js';
import type { Download } from '../machine/site-names.js';
import { Slices, Turns } from '../machine/turns.js';
import type { MachineRequest, Report, StartOptions, Status } from '../protocol.js';
import { BOARD_METHODS, type BoardContext } from './board-methods.js';
import { Spaces } from './spaces.js';

/** How often a running machine reports its status. */
const STATUS_MS = 100;
/** A tick is a nanosecond. */
const TICKS_PER_MS = 1e6;

/** Events after which a machine does not run on. */
type End = Exclude<BoardEvent, { readonly kind: 'limit' | 'idle' }>;

/** A bare machine in a worker: see WebMachine. */
export class WebBoard {
  private readonly turns = new Turns();
  private readonly slices = new Slices();
  private readonly board: Board;
  private readonly console: MachineConsole;
  private readonly context: BoardContext;
  /** Bytes of the serial port that are not sent to the page yet. */
  private sent: number[] = [];
  private typed: number[] = [];
  private end: End | undefined;
  /** The machine pauses at this tick; then it is now. */
  private pauseAt = Infinity;
  private isWaiting = false;
  private isOver = false;
  /** Ticks in which the processor did not wait, and how long they took. */
  private busyTicks = 0;
  private busyMs = 0;
  private told = { at: -Infinity, busyTicks: 0, busyMs: 0 };

  /** Loads the kernel. Throws an Error if it cannot be booted. */
  constructor(
    { image, name, memoryBytes, boot: files }: StartOptions,
    download: Download,
    private readonly send: (report: Report) => void,
  ) {
    const { commandLine, initialDisk, disks = [] } = files!;
    const contents = disks.map((disk) => bytesOf(disk, download));
    this.board = new Board({
      memoryBytes,
      send: (byte) => void this.sent.push(byte),
      disks: contents.map((bytes) => ({ open: (store) => store.fromBytes(bytes) })),
    });
    this.console = new MachineConsole(() => this.board.ticks, send);
    const kernel = bytesOf(image, download);
    try {
      boot(this.board, { name, kernel, commandLine, initialDisk: initialDisk && bytesOf(initialDisk, download) });
    } catch (error) {
      throw error instanceof BootError ? new Error(`cannot boot ${name}: ${error.message}`) : error;
    }
    const runTo = (tick: number): void => void (this.pauseAt = tick);
    this.context = { board: this.board, spaces: new Spaces(this.board), runTo };
    this.send({ kind: 'started' });
  }

  /** Handles a request. */
  receive(request: MachineRequest): void {
    if (request.kind === 'input') for (const byte of request.bytes) this.typed.push(byte);
    else if (request.kind === 'shown') this.console.shown(request.bytes);
    else if (request.kind === 'pause') this.pauseAt = this.board.ticks;
    else if (request.kind === 'continue') this.pauseAt = Infinity;
    else if (request.kind === 'call') this.call(request);
    if (request.kind === 'pause' || request.kind === 'continue') this.tell();
    this.turns.wake();
  }

  /** Runs until the machine is closed. */
  async run(): Promise<void> {
    while (!this.isOver) {
      const event = this.stands ? undefined : this.runSlice();
      void translatorModule.load();
      await this.turns.next();
      await loadDemangler();
      while (this.console.isBehind && !this.isOver) await this.turns.sleep(Infinity);
      if (this.stands) await this.turns.sleep(Infinity);
      else if (event?.kind === 'idle' && this.pauseAt === Infinity && !this.canReceive) await this.wait(event.until);
    }
  }

  close(): void {
    this.isOver = true;
    this.turns.close();
  }

  private get stands(): boolean {
    return this.end !== undefined || this.board.ticks >= this.pauseAt;
  }

  private get canReceive(): boolean {
    return this.typed.length > 0 && this.board.serial.room > 0;
  }

  private runSlice(): BoardEvent {
    const { board, slices } = this;
    const [start, ticks] = [performance.now(), board.ticks];
    for (let { room } = board.serial; room > 0 && this.typed.length > 0; room--) board.receive(this.typed.shift()!);
    // On the way to a tick, idle time passes at once: the machine there does not depend on when it is asked for.
    const event = board.run(Math.min(ticks + slices.ticks, this.pauseAt), this.pauseAt < Infinity);
    const milliseconds = performance.now() - start;
    this.busyMs += milliseconds;
    this.busyTicks += board.ticks - ticks;
    if (event.kind === 'limit') slices.fit(milliseconds, board.ticks - ticks);
    else if (event.kind !== 'idle') this.end = event;
    if (this.sent.length > 0) this.console.write(Uint8Array.from(this.sent.splice(0)));
    this.context.spaces.observe();
    const wasWaiting = this.isWaiting;
    this.isWaiting = event.kind === 'idle';
    if (this.stands || wasWaiting !== this.isWaiting || this.told.at + STATUS_MS < start) this.tell();
    return event;
  }

  /** Waits for the next interrupt, or until something happens; the clock of the machine follows that of the host. */
  private async wait(until: number): Promise<void> {
    const { ticks } = this.board;
    const start = performance.now();
    await this.turns.sleep((until - ticks) / TICKS_PER_MS);
    const passed = Math.round((performance.now() - start) * TICKS_PER_MS);
    // Meanwhile it may have been paused, or sent to a tick.
    if (until < Infinity && this.pauseAt === Infinity) this.board.passTime(Math.min(ticks + passed, until));
  }

  private call({ id, method, argument }: Extract<MachineRequest, { kind: 'call' }>): void {
    const perform = Object.hasOwn(BOARD_METHODS, method)
      ? (BOARD_METHODS[method as keyof typeof BOARD_METHODS] as (context: BoardContext, argument: unknown) => unknown)
      : undefined;
    try {
      if (!perform) throw new Error(`a bare machine cannot do this yet: ${method}`);
      this.send({ kind: 'reply', id, result: perform(this.context, argument) });
    } catch (error) {
      this.send({ kind: 'refusal', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private tell(): void {
    const { end, told, busyTicks, busyMs, board } = this;
    const { ticks } = board;
    const ran = busyTicks - told.busyTicks;
    const status: Status = {
      state: end ? 'ended' : this.stands ? 'paused' : this.isWaiting ? 'waiting' : 'running',
      stop: end ? 'exited' : this.stands ? 'interrupted' : undefined,
      exitCode: end?.kind === 'exit' ? end.code : undefined,
      note: end && noteOf(end),
      ...{ ticks, begin: ticks, end: ticks, isPast: false, outputBytes: this.console.bytesAt(ticks) },
      ...{ instructions: busyTicks, busyMs },
      mips: busyMs > told.busyMs && ran > 0 ? ran / (busyMs - told.busyMs) / 1000 : 0,
    };
    this.told = { at: performance.now(), busyTicks, busyMs };
    this.send({ kind: 'status', status });
  }
}

/** Why a machine has ended; undefined if its kernel gave an exit code. */
function noteOf(end: End): string | undefined {
  switch (end.kind) {
    case 'exit':
      return undefined;
    case 'reset':
      return `Reset by ${end.by}`;
    case 'off':
      return 'Switched off';
    case 'halted':
      return 'Halted with interrupts off';
  }
}
