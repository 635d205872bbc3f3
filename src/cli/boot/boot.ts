import { openSync, readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { HostInput } from '../../host/console/host-input.js';
import { HostOutput, writeToStderr } from '../../host/console/host-output.js';
import { KEYS_HELP } from '../../host/console/host-keys.js';
import { HostFile, STDERR } from '../../host/console/host-file.js';
import { HostLines } from '../../host/console/host-lines.js';
import { onFile } from '../../host/failure.js';
import { Bell, Signals } from '../../host/signals.js';
import { boardEnd, BoardMachine, isElf64 } from '../../index.js';
import { EXIT_LIMIT, Failure } from '../failure.js';
import { Interruption } from '../run/interruption.js';
import type { Debugging } from '../run/debugging.js';
import { BoardRun, type BootEnd } from './board-run.js';
import { makeOrResume } from './boot-machine.js';
import type { BootRequest } from './boot-options.js';
import { bootCounters, bootStatistics } from './boot-statistics.js';
import { traceBoard } from './boot-tracing.js';
import { pauseToSave } from '../run/machine-snapshots.js';
import { openDisks, type BootDisks } from './disks.js';

const TERMINAL = '-';

/** `bd0 boot KERNEL`. Throws Failure. */
export async function bootKernel(request: BootRequest): Promise<number> {
  const disks = await openDisks(request);
  const { close } = disks;
  try {
    return await bootWith(request, disks);
  } finally {
    close();
  }
}

async function bootWith(request: BootRequest, { disks, store }: BootDisks): Promise<number> {
  const bell = new Bell();
  const input = await HostInput.open(() => bell.ring());
  const signals = new Signals(() => {
    input.release();
    bell.ring();
  });
  const output = new HostOutput(() => bell.ring());
  input.onHelp = () => writeToStderr(KEYS_HELP);
  const send = senderTo(request.serial, output);
  const { board, kernel } = makeOrResume(request, { disks, store, send });
  traceBoard(board, request.trace);
  const name = request.resume ?? basename(request.kernel);
  const machine = new BoardMachine(
    board,
    { name, symbols: symbolsOf(request, kernel) },
    { realTime: input.isInteractive },
  );
  const errors = new HostLines(new HostFile(STDERR, () => bell.ring()));
  const debugging = await openDebugging(machine, request, { bell, errors });
  const interruption = new Interruption(signals, input, request.timeoutSeconds);
  const pause = pauseToSave(request.snapshotAt, board, store, errors);
  const run = new BoardRun(machine, { input, output, bell, interruption, debugging, errors, pause });
  const start = process.cpuUsage();
  const end = await run.run(request.maxTicks);
  input.release();
  process.stdin.pause();
  await debugging?.close();
  board.publishDisks();
  const used = process.cpuUsage(start);
  if (request.stats) writeToStderr(...bootStatistics(board, used));
  if (request.json)
    writeToStderr(JSON.stringify({ ...end, exitCode: exitOf(end).exitCode, ...bootCounters(board, used) }));
  return report(end);
}

/** Where gdb finds the symbols of the kernel. */
function symbolsOf({ symbols }: BootRequest, kernel: Uint8Array | undefined): Uint8Array | undefined {
  if (symbols === undefined) return kernel && isElf64(kernel) ? kernel : undefined;
  const bytes = onFile('read', symbols, () => new Uint8Array(readFileSync(symbols)));
  if (!isElf64(bytes)) throw new Failure(`--symbols: '${symbols}' is not an ELF file of 64 bits`);
  return bytes;
}

async function openDebugging(
  machine: BoardMachine,
  request: BootRequest,
  host: { readonly bell: Bell; readonly errors: HostLines },
): Promise<Debugging | undefined> {
  const { gdb: address, gdbWait } = request;
  if (!address) return undefined;
  const { Debugging } = await import('../run/debugging.js');
  const start = process.cpuUsage();
  return Debugging.open({
    ...{ machine, programPid: machine.liveProcesses[0]!.pid, address, waits: gdbWait, ...host },
    statistics: () => bootStatistics(machine.board, process.cpuUsage(start)),
  });
}

/** Where bytes of the serial port go. */
function senderTo(serial: string, output: HostOutput): (byte: number) => void {
  if (serial === TERMINAL) return (byte) => output.write(Uint8Array.of(byte));
  const file = onFile('write', serial, () => openSync(serial, 'w'));
  return (byte) => void onFile('write', serial, () => writeSync(file, Uint8Array.of(byte)));
}

/** Prints why the run ended, unless the kernel ended it by its exit port. Returns the exit code. */
function report(end: BootEnd): number {
  const { exitCode, why } = exitOf(end);
  if (why !== undefined) writeToStderr(`bd0: ${why}`);
  return exitCode;
}

/** The exit code of a run that ended, and what there is to say about it. */
function exitOf(end: BootEnd): { readonly exitCode: number; readonly why?: string } {
  switch (end.kind) {
    case 'exit':
      return { exitCode: end.code };
    case 'reset':
    case 'off':
    case 'halted':
      return boardEnd(end);
    case 'idle':
      return { exitCode: EXIT_LIMIT, why: 'the processor waits for an interrupt, and none will come' };
    case 'limit':
      return { exitCode: EXIT_LIMIT, why: 'stopped: instructions (--max-instructions)' };
    case 'time':
      return { exitCode: EXIT_LIMIT, why: `stopped: ${end.what}` };
    case 'signal':
      return { exitCode: 128 + end.signal };
    case 'quit':
      return { exitCode: 0 };
  }
}
