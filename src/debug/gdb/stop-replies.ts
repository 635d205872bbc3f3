import { describeTrap } from '../../kernel/reports/trap-report.js';
import type { RegisterFile, StopReason } from '../target.js';
import { hexOfBytes, hexOfText } from './byte-strings.js';
import { EXPEDITED, REGISTERS } from './registers.js';
import type { SessionState } from './session-state.js';
import { HARDWARE_BREAKPOINT, WATCH_NAMES } from './stop-table.js';
import { GDB_PID } from './thread-ids.js';

/** gdb's numbers of signals. */
export const SIGNAL = { INT: 2, TRAP: 5, ABRT: 6, KILL: 9, BUS: 10, SEGV: 11 } as const;

const LINUX_SIGBUS = 7;
/** An exit code of a trap is this plus Linux's number of the signal. */
const EXIT_CODE_OF_SIGNAL = 128;

/** Why a thread stands, for a stop reply. */
export interface StopReport {
  readonly signal: number;
  /** Undefined if no thread is left. */
  readonly tid: number | undefined;
  /** A pair of the reply: `swbreak:`, `watch:1f00`, `library:`. */
  readonly reason?: string;
  /** What lldb calls it. */
  readonly lldbReason?: string;
}

/** The report of a reason to stop. Undefined if this alone does not stop the debugger. */
export function reportOf(state: SessionState, reason: StopReason): StopReport | undefined {
  if (reason.kind === 'breakpoint') {
    const isHardware = state.stops.typeOf(reason.stop) === HARDWARE_BREAKPOINT;
    return {
      ...{ signal: SIGNAL.TRAP, tid: reason.tid, lldbReason: 'breakpoint' },
      ...(state.client.knowsBreakKinds && { reason: isHardware ? 'hwbreak:' : 'swbreak:' }),
    };
  }
  if (reason.kind === 'watchpoint') {
    const name = WATCH_NAMES[state.stops.typeOf(reason.stop) ?? -1];
    return {
      ...{ signal: SIGNAL.TRAP, tid: reason.tid, lldbReason: 'watchpoint' },
      ...(name !== undefined && { reason: `${name}:${reason.address.toString(16)}` }),
    };
  }
  if (reason.kind === 'trapped') return { signal: signalOfTrap(reason.report.exitCode), tid: reason.tid };
  if (reason.kind === 'ending') return { signal: SIGNAL.ABRT, tid: reason.tid };
  if (reason.kind === 'stepped') return { signal: SIGNAL.TRAP, tid: reason.tid, lldbReason: 'trace' };

  if (reason.kind === 'hook') return { signal: SIGNAL.TRAP, tid: reason.tid };
  if (reason.kind === 'history-begin' || reason.kind === 'history-end') {
    const end = reason.kind === 'history-begin' ? 'begin' : 'end';
    return { signal: SIGNAL.TRAP, tid: state.current?.tid, reason: `replaylog:${end}` };
  }
  return undefined;
}

function signalOfTrap(exitCode: number): number {
  const signal = exitCode - EXIT_CODE_OF_SIGNAL;
  return signal === LINUX_SIGBUS ? SIGNAL.BUS : signal;
}

/** What the debugger's user reads before a trap is shown as a signal. */
export function textOf(reason: StopReason): string | undefined {
  if (reason.kind === 'trapped') return lines(describeTrap(reason.report));
  if (reason.kind === 'ending') return lines([reason.why]);
  if (reason.kind === 'waiting' && !reason.forInput && reason.until === Infinity)
    return lines(['deadlock: every thread is waiting for another']);
  return undefined;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

/** A packet that shows text to the debugger's user, while the machine is running. */
export function outputPacket(text: string): string {
  return `O${hexOfText(text)}`;
}

/** `W` or `X`: the program has ended. */
export function exitReply({ client }: SessionState, exitCode: number): string {
  const process = client.isMultiprocess ? `;process:${GDB_PID.toString(16)}` : '';
  return `W${(exitCode & 0xff).toString(16).padStart(2, '0')}${process}`;
}

/** `T`: a thread, why it stands, and the registers that a debugger always wants. */
export function stopReply(state: SessionState, report: StopReport): string {
  const { signal, tid, reason, lldbReason } = report;
  const pairs: string[] = [];
  if (reason !== undefined) pairs.push(reason);
  if (tid !== undefined && state.target.findThread(tid)) {
    const registers = state.target.readRegisters(tid);
    pairs.push(...EXPEDITED.map((number) => registerPair(registers, number)));
    pairs.push(`thread:${state.threadText(tid)}`);
  }
  if (state.client.isLldb && lldbReason !== undefined) pairs.push(`reason:${lldbReason}`);
  return `T${signal.toString(16).padStart(2, '0')}${pairs.map((pair) => `${pair};`).join('')}`;
}

function registerPair(file: RegisterFile, number: number): string {
  return `${number.toString(16).padStart(2, '0')}:${hexOfBytes(REGISTERS[number]!.read(file))}`;
}
