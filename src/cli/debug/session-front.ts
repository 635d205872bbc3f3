import { attachDebugger, attachTimeline, type Computer, type DebuggedMachine, type Debugger } from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostOutput } from '../../host/console/host-output.js';
import type { DebugConsole } from '../run/machine.js';
import type { DebugSubject, SessionEnd, SessionHost } from './session-loop.js';

/** A debugger of bd0 on the host: lines of text, or a screen. */
export interface SessionFront {
  /** The console of what is debugged. */
  consoleOf(output: HostOutput, input: HostInput): DebugConsole;
  /** Runs a session to its end. */
  converse(host: SessionHost, subject: DebugSubject): Promise<SessionEnd>;
}

/** A debugger with a history, for which `historyBytes` is the memory. */
export function debuggerOf(machine: Computer | DebuggedMachine, historyBytes: number | undefined): Debugger {
  const now = (): number => performance.now();
  return attachDebugger(machine, attachTimeline(machine, { now, ...(historyBytes !== undefined && { historyBytes }) }));
}
