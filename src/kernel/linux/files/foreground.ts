import { PENDING, type CallResult } from '../../calls/call.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { isOrphaned } from '../signals/groups.js';
import { Signal, isIn } from '../signals/signal.js';
import { OpenConsole } from './open/console-file.js';
import type { OpenFile } from './open/open-file.js';
import { OpenSlave } from '../terminals/open-ends.js';
import type { PseudoTerminal } from '../terminals/pseudo-terminal.js';
import type { Termios } from '../terminals/termios.js';

/** The settings of the terminal that an open file is; undefined for other files, such as the pipe that stands for the console. */
export function terminalOf({ system }: LinuxContext, file: OpenFile): Termios | undefined {
  if (file instanceof OpenSlave) return file.terminal.settings;
  return file instanceof OpenConsole && system.fileSystem.console.isTerminal ? system.terminal.settings : undefined;
}

/** The terminal of the session of the caller: the machine's, or a pseudo-terminal. */
export function controllingTerminal({ system, linux }: LinuxContext): PseudoTerminal | 'console' | undefined {
  if (system.terminal.settings.session === linux.session) return 'console';
  return system.fileSystem.pseudoTerminals.ofSession(linux.session);
}

/**
 * Stops a process in the background of its terminal that reads from it (SIGTTIN) or changes its settings (SIGTTOU):
 * drivers/tty/tty_jobctrl.c "__tty_check_change". Returns undefined if the call may go on. Throws EIO.
 */
export function stopInBackground(
  context: LinuxContext,
  terminal: Termios,
  signal: typeof Signal.SIGTTIN | typeof Signal.SIGTTOU,
): CallResult | undefined {
  const { system, linux, thread, pending } = context;
  if (terminal.session !== linux.session || terminal.group === 0 || terminal.group === linux.group) return undefined;
  const isUnwanted = isIn(thread.linux!.signals.mask, signal) || linux.signals.actions.outcome(signal) === 'ignore';
  if (isUnwanted && signal === Signal.SIGTTOU) return undefined;
  if (isUnwanted || isOrphaned(system.processes, linux.group)) throw new LinuxError(LinuxErrno.EIO);
  system.jobs.raise(linux.group, signal);
  // It is stopped, or a handler runs, before the call is made again.
  pending.wait = { deadline: Infinity, for: undefined, late: undefined };
  return PENDING;
}

/** A terminal becomes that of the session whose leader asks, if neither has another one. Returns whether it is that now. */
export function becomeTerminal(context: LinuxContext, terminal: Termios): boolean {
  const { linux } = context;
  if (terminal.session === linux.session) return linux.session === linux.pid;
  if (linux.session !== linux.pid || terminal.session !== 0 || controllingTerminal(context)) return false;
  terminal.session = linux.session;
  terminal.group = linux.group;
  return true;
}
