import { openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { HostLines } from '../../host/console/host-lines.js';
import { HostOutput, writeToStderr } from '../../host/console/host-output.js';
import { KEYS_HELP } from '../../host/console/host-keys.js';
import { onFile } from '../../host/failure.js';
import type { HostNetwork } from '../../host/network/host-network.js';
import { BoardMachine, isElf64 } from '../../index.js';
import { RunRecording } from '../recording/run-recording.js';
import { openConsoleHost, type ConsoleHost } from '../run/run-host.js';
import { makeOrResume } from './boot-machine.js';
import type { BootRequest } from './boot-options.js';
import { traceBoard } from './boot-tracing.js';
import type { BootDisks } from './disks.js';
import { NetworkFeed } from './network-feed.js';
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

/** A machine, and what passes on what its network gets from the host, if that is open. */
export interface ConnectedMachine {
  readonly machine: BoardMachine;
  readonly network: NetworkFeed | undefined;
}

/** The machine of a request, for which `write` is the terminal. Throws Failure. */
export async function makeBoardMachine(
  request: BootRequest,
  disks: BootDisks,
  { bell }: Pick<BootHost, 'bell'>,
  { write, isTerminal }: { readonly write: (bytes: Uint8Array) => void; readonly isTerminal: boolean },
): Promise<ConnectedMachine> {
  const send = senderTo(request.serial, write);
  const networkHost = request.net === 'host' ? await openNetwork(() => bell.ring()) : undefined;
  const { board, kernel } = makeOrResume(request, { disks, send, networkHost });
  traceBoard(board, request.trace);
  const name = request.resume ?? basename(request.kernel);
  // What others send comes in the time of the host.
  const realTime = isTerminal || networkHost !== undefined;
  const machine = new BoardMachine(board, { name, symbols: symbolsOf(request, kernel) }, { realTime });
  return { machine, network: networkHost && new NetworkFeed(machine, networkHost) };
}

async function openNetwork(onNews: () => void): Promise<HostNetwork> {
  const { HostNetwork } = await import('../../host/network/host-network.js');
  return new HostNetwork(onNews);
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
