import { threadDoing } from '../../reports/machine-text.js';
import { cut, hexOfText, textOfHex } from '../byte-strings.js';
import { MonitorError, type MonitorLines } from '../monitor/monitor.js';
import { ERROR, OK, UNSUPPORTED } from '../replies.js';
import type { SessionState } from '../session-state.js';
import { GDB_PID, parseThreadId } from '../thread-ids.js';
import { PACKET_BYTES_MAX, type PacketContext, type PacketTable } from './packet-handler.js';

/** What this end can do, in the reply to `qSupported`. */
const FEATURES = [
  `PacketSize=${PACKET_BYTES_MAX.toString(16)}`,
  // QStartNoAckMode is not offered, so that gdb passes over a reply for which it has waited no longer after Ctrl-C.
  ...['vContSupported+', 'multiprocess+', 'swbreak+', 'hwbreak+', 'ReverseStep+'],
  ...[
    'ReverseContinue+',
    'QThreadEvents+',
    'no-resumed+',
    'exec-events+',
    'ConditionalBreakpoints+',
    'qXfer:features:read+',
    'qXfer:threads:read+',
  ],
  ...['qXfer:exec-file:read+', 'qXfer:libraries:read+', 'qXfer:memory-map:read+', 'qXfer:auxv:read+'],
];

/** Packets about the session and its threads. */
export const QUERY_PACKETS: PacketTable = {
  qSupported: ({ state: { client } }, rest) => {
    const features = rest.split(';');
    client.isMultiprocess = features.includes('multiprocess+');
    client.knowsBreakKinds = features.includes('swbreak+');
    client.knowsNoResumed = features.includes('no-resumed+');
    client.knowsExec = features.includes('exec-events+');
    const offered = client.isMultiprocess ? FEATURES : FEATURES.filter((feature) => feature !== 'multiprocess+');
    return offered.join(';');
  },
  QStartNoAckMode: (context) => {
    context.stopAcknowledging();
    return OK;
  },
  qAttached: () => '1',
  qSymbol: () => OK,
  qC: ({ state }) => {
    const { selected } = state;
    return selected ? `QC${state.threadText(selected.tid)}` : ERROR.notFound;
  },
  H: ({ state }, rest) => selectThread(state, rest),
  T: ({ state }, rest) => {
    const tid = parseThreadId(rest);
    return typeof tid === 'number' && state.target.findThread(tid) ? OK : ERROR.notFound;
  },
  qfThreadInfo: ({ state }) => {
    const ids = state.target.threads.map(({ tid }) => state.threadText(tid));
    return ids.length === 0 ? 'l' : `m${ids.join(',')}`;
  },
  qsThreadInfo: () => 'l',
  qThreadExtraInfo: ({ state }, rest) => {
    const tid = parseThreadId(rest);
    const thread = typeof tid === 'number' ? state.target.findThread(tid) : undefined;
    return thread ? hexOfText(`${thread.name}: ${threadDoing(thread)}`) : ERROR.notFound;
  },
  qOffsets: ({ state }) => {
    const { executable, files } = state.loaded;
    return executable ? `TextSeg=${files.extentOf(executable).start.toString(16)}` : ERROR.notFound;
  },
  qRcmd: (context, rest) => {
    const command = textOfHex(rest);
    return command === undefined ? ERROR.invalid : runMonitorCommand(context, command);
  },
};

/** `Hg thread` and `Hc thread`. */
function selectThread(state: SessionState, text: string): string {
  const operation = text[0];
  const thread = parseThreadId(text.slice(1));
  if (operation !== 'g' && operation !== 'c') return UNSUPPORTED;
  if (thread === undefined || (typeof thread === 'number' && !state.target.findThread(thread))) return ERROR.notFound;
  if (operation === 'g') state.generalThread = thread;
  else state.continueThread = thread;
  return OK;
}

/** Runs a command, whose reply comes later if it takes long. An error is shown as its only line. */
function runMonitorCommand({ state, execution, monitorRun, show }: PacketContext, command: string): string | undefined {
  if (execution.isRunning) return ERROR.busy;
  const lines = monitorLines(state, command);
  if (!('next' in lines)) {
    show(lines);
    return OK;
  }
  monitorRun.begin(lines);
  return undefined;
}

function monitorLines(state: SessionState, command: string): MonitorLines {
  try {
    return state.monitor.run(command, state.target, state.pid);
  } catch (error) {
    if (error instanceof MonitorError) return [error.message];
    throw error;
  }
}

/** The process that a packet names: ours, or none at all. */
export function isOurProcess(pid: string): boolean {
  return pid === '' || cut(pid, '.')[0] === GDB_PID.toString(16);
}
