import { openSync, readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { HostInput } from '../../host/console/host-input.js';
import { HostOutput, signalOfLostOutput, writeToStderr } from '../../host/console/host-output.js';
import { KEYS_HELP } from '../../host/console/host-keys.js';
import { Slices, TICKS_PER_MS, TURNS_FOR_INPUT, nextTurn } from '../../host/console/slices.js';
import { onFile } from '../../host/failure.js';
import { Bell, Signals } from '../../host/signals.js';
import { sha256 } from '../../host/sha256.js';
import { Board, boardEnd, BootError, boot, type BoardDisk, type BoardEvent } from '../../index.js';
import { EXIT_LIMIT, EXIT_NOT_RUNNABLE, Failure } from '../failure.js';
import { Interruption } from '../run/interruption.js';
import type { BootRequest } from './boot-options.js';
import { bootStatistics } from './boot-statistics.js';
import { traceBoard } from './boot-tracing.js';
import { openDisks } from './disks.js';

const TERMINAL = '-';

/** `bd0 boot KERNEL`. Throws Failure. */
export async function bootKernel(request: BootRequest): Promise<number> {
  const { disks, close } = await openDisks(request);
  try {
    return await bootWith(request, disks);
  } finally {
    close();
  }
}

async function bootWith(request: BootRequest, disks: readonly BoardDisk[]): Promise<number> {
  const bell = new Bell();
  const input = await HostInput.open(() => bell.ring());
  const signals = new Signals(() => {
    input.release();
    bell.ring();
  });
  const output = new HostOutput(() => bell.ring());
  input.onHelp = () => writeToStderr(KEYS_HELP);
  const { memoryBytes, engine, cpu: model, serial, virtio } = request;
  const board = new Board({ memoryBytes, engine, model, send: senderTo(serial, output), disks, virtio, sha256 });
  load(board, request);
  traceBoard(board, request.trace);
  const run = new BoardRun(board, {
    input,
    output,
    bell,
    interruption: new Interruption(signals, input, request.timeoutSeconds),
  });
  const start = process.cpuUsage();
  const end = await run.run(request.maxTicks);
  input.release();
  process.stdin.pause();
  board.publishDisks();
  if (request.stats) writeToStderr(...bootStatistics(board, process.cpuUsage(start)));
  return report(end);
}

/** Where bytes of the serial port go. */
function senderTo(serial: string, output: HostOutput): (byte: number) => void {
  if (serial === TERMINAL) return (byte) => output.write(Uint8Array.of(byte));
  const file = onFile('write', serial, () => openSync(serial, 'w'));
  return (byte) => void onFile('write', serial, () => writeSync(file, Uint8Array.of(byte)));
}

function load(board: Board, { kernel: path, initrd, append: commandLine }: BootRequest): void {
  const read = (file: string): Uint8Array => onFile('read', file, () => new Uint8Array(readFileSync(file)));
  const kernel = read(path);
  const initialDisk = initrd === undefined ? undefined : read(initrd);
  try {
    boot(board, { name: basename(path), kernel, commandLine, initialDisk });
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    throw new Failure(`cannot boot '${path}': ${error.message}`, EXIT_NOT_RUNNABLE);
  }
}

/** How a run ended: as the machine did, or from outside. */
type BootEnd =
  | Exclude<BoardEvent, { kind: 'stopped' }>
  | { readonly kind: 'quit' }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'time'; readonly what: string };

interface RunParts {
  readonly input: HostInput;
  readonly output: HostOutput;
  readonly bell: Bell;
  readonly interruption: Interruption;
}

/** Runs a board in slices: between two of them output is written, input arrives, and signals and limits are checked. */
class BoardRun {
  private readonly slices = new Slices();
  private hasInput = true;

  constructor(
    private readonly board: Board,
    private readonly parts: RunParts,
  ) {}

  async run(maxTicks: number): Promise<BootEnd> {
    const { input } = this.parts;
    for (;;) {
      this.takeInput();
      const { arrivals } = input;
      const event = this.runSlice(maxTicks);
      const end = (await this.bringOut()) ?? this.endOf(event, maxTicks);
      if (end) return end;
      await nextTurn();
      if (event.kind === 'idle') await this.rest(event.until, arrivals);
    }
  }

  private runSlice(maxTicks: number): BoardEvent {
    const { board, slices } = this;
    const [start, before] = [performance.now(), board.ticks];
    const event = board.run(Math.min(before + slices.ticks, maxTicks), !this.parts.input.isInteractive);
    slices.fit(performance.now() - start, board.ticks - before, this.parts.output.queuedBytes);
    return event;
  }

  /** Passes on as much input as the machine has room for. */
  private takeInput(): void {
    const { room } = this.board;
    if (room <= 0 || !this.hasInput) return;
    const bytes = this.parts.input.read(room);
    if (bytes === 'end') this.hasInput = false;
    else for (const byte of bytes ?? []) this.board.receive(byte);
  }

  private async bringOut(): Promise<BootEnd | undefined> {
    const { output, bell, interruption } = this.parts;
    for (;;) {
      output.flush();
      if (output.failure) return { kind: 'signal', signal: signalOfLostOutput(output.failure) };
      if (!output.isBusy || interruption.msLeft <= 0) return endFromOutside(interruption);
      await bell.wait(interruption.msLeft);
    }
  }

  private endOf(event: BoardEvent, maxTicks: number): BootEnd | undefined {
    if (event.kind === 'stopped') return undefined;
    if (event.kind === 'limit') return this.board.ticks >= maxTicks ? event : undefined;
    // Nothing but input can wake the machine, and there is none.
    if (event.kind === 'idle') return event.until === Infinity && !this.hasInput ? event : undefined;
    return event;
  }

  /** Waits while the processor does, at a terminal, where idle time passes by the host's clock; input ends it early. */
  private async rest(until: number, arrivals: number): Promise<void> {
    const { input, bell, interruption } = this.parts;
    for (let turn = 0; turn < TURNS_FOR_INPUT; turn++) await nextTurn();
    if (input.arrivals !== arrivals) return;
    const idleMs = (until - this.board.ticks) / TICKS_PER_MS;
    const start = performance.now();
    await bell.wait(Math.min(idleMs, interruption.msLeft));
    const passed = Math.round((performance.now() - start) * TICKS_PER_MS);
    if (until < Infinity) this.board.passTime(Math.min(this.board.ticks + passed, until));
  }
}

function endFromOutside({ end }: Interruption): BootEnd | undefined {
  return end?.kind === 'limit' ? { kind: 'time', what: end.what } : end;
}

/** Prints why the run ended, unless the kernel ended it by its exit port. Returns the exit code. */
function report(end: BootEnd): number {
  switch (end.kind) {
    case 'exit':
      return end.code;
    case 'reset':
    case 'off':
    case 'halted': {
      const { why, exitCode } = boardEnd(end);
      writeToStderr(`bd0: ${why}`);
      return exitCode;
    }
    case 'idle':
      writeToStderr('bd0: the processor waits for an interrupt, and none will come');
      return EXIT_LIMIT;
    case 'limit':
      writeToStderr('bd0: stopped: instructions (--max-instructions)');
      return EXIT_LIMIT;
    case 'time':
      writeToStderr(`bd0: stopped: ${end.what}`);
      return EXIT_LIMIT;
    case 'signal':
      return 128 + end.signal;
    case 'quit':
      return 0;
  }
}
