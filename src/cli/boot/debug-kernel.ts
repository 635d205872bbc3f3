/** `bd0 debug KERNEL`. */
import { writeToStderr } from '../../host/console/host-output.js';
import type { RecordedEnd } from '../../index.js';
import { debuggerOf, type SessionFront } from '../debug/session-front.js';
import type { SessionEnd } from '../debug/session-loop.js';
import { completing } from '../recording/run-recording.js';
import { BoardFeed } from './board-feed.js';
import { endFromOutside } from './board-run.js';
import { recordedBootEnd, resultOf } from './boot-end.js';
import { makeBoardMachine, openBootHost, recordBoard } from './boot-host.js';
import type { BootRequest } from './boot-options.js';
import { bootStatistics } from './boot-statistics.js';
import { openDisks, type BootDisks } from './disks.js';

/** Boots a kernel in the debugger of bd0. Returns the exit code. Throws Failure, HostError. */
export async function bootDebugged(request: BootRequest, front: SessionFront): Promise<number> {
  const disks = await openDisks(request);
  try {
    return await debugWith(request, disks, front);
  } finally {
    disks.close();
  }
}

async function debugWith(request: BootRequest, disks: BootDisks, front: SessionFront): Promise<number> {
  const host = await openBootHost(request);
  const console = front.consoleOf(host.output, host.input);
  const write = (bytes: Uint8Array): void => console.write(bytes);
  const { machine, network } = await makeBoardMachine(request, disks, host, {
    write,
    isTerminal: host.input.isTerminal,
  });
  const recording = recordBoard(request, machine, host.errors);
  const start = process.cpuUsage();
  const session = {
    target: debuggerOf(machine, request.historyBytes),
    programPid: machine.liveProcesses[0]!.pid,
    realTime: machine.realTime,
    recording,
    feed: new BoardFeed(machine, console, network),
  };
  const converse = async (): Promise<SessionEnd> => {
    try {
      return await front.converse({ ...host, lines: [host.errors] }, session);
    } finally {
      host.input.release();
      network?.close();
      process.stdin.pause();
    }
  };
  const end = await completing(recording, converse, recordedSessionEnd);
  machine.board.publishDisks();
  if (request.stats) writeToStderr(...bootStatistics(machine.board, process.cpuUsage(start)));
  return exitCodeOf(end);
}

function recordedSessionEnd(end: SessionEnd): Omit<RecordedEnd, 'tick'> {
  if (end.kind !== 'over') return recordedBootEnd(endFromOutside(end));
  const { exitCode } = end;
  return {
    what: exitCode === undefined ? 'the debugger was left' : `the machine ended with exit code ${exitCode}`,
    exitCode,
  };
}

function exitCodeOf(end: SessionEnd): number {
  return end.kind === 'over' ? (end.exitCode ?? 0) : resultOf(endFromOutside(end)).exitCode;
}
