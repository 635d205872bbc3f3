import { writeToStderr } from '../../host/console/host-output.js';
import type { BoardMachine } from '../../index.js';
import { pauseToSave } from '../run/machine-snapshots.js';
import type { Debugging } from '../run/debugging.js';
import { completing } from '../recording/run-recording.js';
import { BoardRun, type BootEnd } from './board-run.js';
import { recordedBootEnd, reportEnd, resultOf } from './boot-end.js';
import { makeBoardMachine, openBootHost, recordBoard, type BootHost } from './boot-host.js';
import type { BootRequest } from './boot-options.js';
import { bootCounters, bootStatistics } from './boot-statistics.js';
import { openDisks, type BootDisks } from './disks.js';

/** `bd0 boot KERNEL`. Throws Failure. */
export async function bootKernel(request: BootRequest): Promise<number> {
  const disks = await openDisks(request);
  try {
    return await bootWith(request, disks);
  } finally {
    disks.close();
  }
}

async function bootWith(request: BootRequest, disks: BootDisks): Promise<number> {
  const host = await openBootHost(request);
  const { input, output, errors } = host;
  const write = (bytes: Uint8Array): void => output.write(bytes);
  const { machine, network } = await makeBoardMachine(request, disks, host, { write, isTerminal: input.isInteractive });
  const { board } = machine;
  const recording = recordBoard(request, machine, errors);
  const start = process.cpuUsage();
  const run = async (): Promise<BootEnd> => {
    const debugging = await openDebugging(machine, request, host);
    const pause = pauseToSave(request.snapshotAt, board, disks.store, errors);
    try {
      return await new BoardRun(machine, { ...host, network, debugging, pause, recording }).run(request.maxTicks);
    } finally {
      input.release();
      network?.close();
      process.stdin.pause();
      await debugging?.close();
    }
  };
  const end = await completing(recording, run, recordedBootEnd);
  board.publishDisks();
  const used = process.cpuUsage(start);
  if (request.stats) writeToStderr(...bootStatistics(board, used));
  if (request.json)
    writeToStderr(JSON.stringify({ ...end, exitCode: resultOf(end).exitCode, ...bootCounters(board, used) }));
  return reportEnd(end);
}

async function openDebugging(
  machine: BoardMachine,
  { gdb: address, gdbWait: waits }: BootRequest,
  { bell, errors }: BootHost,
): Promise<Debugging | undefined> {
  if (!address) return undefined;
  const { Debugging } = await import('../run/debugging.js');
  const start = process.cpuUsage();
  return Debugging.open({
    ...{ machine, programPid: machine.liveProcesses[0]!.pid, address, waits, bell, errors },
    statistics: () => bootStatistics(machine.board, process.cpuUsage(start)),
  });
}
