import { PENDING, type CallResult } from '../../calls/call.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { isOrphaned } from '../signals/groups.js';
import { Signal, isIn } from '../signals/signal.js';
import { OpenConsole } from './open/console-file.js';
import type { OpenFile } from './open/open-file.js';

/** Whether an open file is the machine's terminal, and not a pipe that stands for it. */
export function isTerminal({ system }: LinuxContext, file: OpenFile): boolean {
  return file instanceof OpenConsole && system.fileSystem.console.isTerminal;
}

/** Whether the terminal is that of the session of the caller. */
export function controlsTerminal({ system, linux }: LinuxContext): boolean {
  return system.terminal.session === linux.session;
}

/**
 * Stops a process in the background of its terminal that reads from it (SIGTTIN) or changes its settings (SIGTTOU):
 * drivers/tty/tty_jobctrl.c "__tty_check_change". Returns undefined if the call may go on. Throws EIO.
 */
export function stopInBackground(
  context: LinuxContext,
  signal: typeof Signal.SIGTTIN | typeof Signal.SIGTTOU,
): CallResult | undefined {
  const { system, linux, thread, pending } = context;
  const { terminal } = system;
  if (!controlsTerminal(context) || terminal.group === 0 || terminal.group === linux.group) return undefined;
  const isUnwanted = isIn(thread.linux!.signals.mask, signal) || linux.signals.actions.outcome(signal) === 'ignore';
  if (isUnwanted && signal === Signal.SIGTTOU) return undefined;
  if (isUnwanted || isOrphaned(system.processes, linux.group)) throw new LinuxError(LinuxErrno.EIO);
  system.jobs.raise(linux.group, signal);
  // It is stopped, or a handler runs, before the call is made again.
  pending.wait = { deadline: Infinity, for: undefined, late: undefined };
  return PENDING;
}
