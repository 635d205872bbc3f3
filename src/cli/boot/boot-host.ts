import { openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { HostLines } from '../../host/console/host-lines.js';
import { HostOutput, writeToStderr } from '../../host/console/host-output.js';
import { KEYS_HELP } from '../../host/console/host-keys.js';
import { onFile } from '../../host/failure.js';
import { BoardMachine, isElf64 } from '../../index.js';
import { RunRecording } from '../recording/run-recording.js';
import { openConsoleHost, type ConsoleHost } from '../run/run-host.js';
import { makeOrResume } from './boot-machine.js';
import type { BootRequest } from './boot-options.js';
import { traceBoard } from './boot-tracing.js';
import type { BootDisks } from './disks.js';
import { symbolsIn } from './symbols.js';

/** What a machine has of the host. */
export interface BootHost extends ConsoleHost {
  readonly output: HostOutput;
}

export async function openBootHost({ timeoutSeconds }: BootRequest): Promise<BootHost> {
  const host = await openConsoleHost(timeoutSeconds);
  const { bell, input } = host;
  input.onHelp = () => writeToStderr(KEYS_HELP);
  return { ...host, output: new HostOutput(() => bell.ring()) };
}

/** The machine of a request, for which `write` is the terminal. Throws Failure. */
export function makeBoardMachine(
  request: BootRequest,
  disks: BootDisks,
  write: (bytes: Uint8Array) => void,
  realTime: boolean,
): BoardMachine {
  const send = senderTo(request.serial, write);
  const { board, kernel } = makeOrResume(request, { disks, send });
  traceBoard(board, request.trace);
  const name = request.resume ?? basename(request.kernel);
  return new BoardMachine(board, { name, symbols: symbolsOf(request, kernel) }, { realTime });
}

/** Where debuggers find the symbols of the kernel. */
function symbolsOf({ symbols }: BootRequest, kernel: Uint8Array | undefined): Uint8Array | undefined {
  return symbolsIn(symbols) ?? (kernel && isElf64(kernel) ? kernel : undefined);
}

/** Records what a machine does from now on, if that was asked for. Throws HostError. */
export function recordBoard(request: BootRequest, machine: BoardMachine, errors: HostLines): RunRecording | undefined {
  const { record, kernel, resume, append, initrd } = request;
  const about =
    resume === undefined ? { image: kernel, append, ...(initrd !== undefined && { initrd }) } : { image: resume };
  return RunRecording.begin(record, machine, errors, about);
}

const TERMINAL = '-';

/** Where bytes of the serial port go. */
function senderTo(serial: string, write: (bytes: Uint8Array) => void): (byte: number) => void {
  if (serial === TERMINAL) return (byte) => write(Uint8Array.of(byte));
  const file = onFile('write', serial, () => openSync(serial, 'w'));
  return (byte) => void onFile('write', serial, () => writeSync(file, Uint8Array.of(byte)));
}
