import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { usableFileOf } from '../files/arguments.js';
import { O_ASYNC, O_NONBLOCK } from '../files/constants.js';
import { controlsTerminal, isTerminal, stopInBackground } from '../files/foreground.js';
import { TERMIOS_BYTES } from '../files/terminal.js';
import { Signal } from '../signals/signal.js';
import { RegularFile } from '../files/tree/inode.js';
import { put32, putFields, viewAt } from '../user-data.js';

const { EINVAL, ENOTTY, EOPNOTSUPP, EPERM, ESRCH } = LinuxErrno;

/** include/uapi/asm-generic/ioctls.h and uapi/linux/fs.h */
const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TCSETSW = 0x5403;
const TCSETSF = 0x5404;
const TCSBRK = 0x5409;
const TCXONC = 0x540a;
const TCFLSH = 0x540b;
const TIOCEXCL = 0x540c;
const TIOCSCTTY = 0x540e;
const TIOCGPGRP = 0x540f;
const TIOCSPGRP = 0x5410;
const TIOCOUTQ = 0x5411;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const FIONREAD = 0x541b;
const FIONBIO = 0x5421;
const TIOCNOTTY = 0x5422;
const TIOCGSID = 0x5429;
const FIONCLEX = 0x5450;
const FIOCLEX = 0x5451;
const FIOASYNC = 0x5452;
const FIGETBSZ = 2;
const FICLONE = 0x4004_9409;
const FICLONERANGE = 0x4020_940d;

const WINSIZE_FIELDS = 4;
const BLOCK_BYTES = 4096;

function ioctl(context: LinuxContext, fd: bigint, requestArgument: bigint, argument: bigint): CallResult {
  const { linux } = context;
  const file = usableFileOf(context, fd);
  const request = Number(BigInt.asUintN(32, requestArgument));
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      linux.files.setClosesOnExec(signed32(fd), request === FIOCLEX);
      return 0n;
    case FIONBIO:
    case FIOASYNC: {
      const bit = request === FIONBIO ? O_NONBLOCK : O_ASYNC;
      const isSet = viewAt(context, argument, 4).getInt32(0, true) !== 0;
      file.flags = isSet ? file.flags | bit : file.flags & ~bit;
      return 0n;
    }
    case FIONREAD: {
      const bytes = file.readableBytes(context.system.fileSystem);
      return bytes === undefined ? failed(ENOTTY) : put32(context, argument, bytes);
    }
    case FIGETBSZ:
      return file.inode instanceof RegularFile ? put32(context, argument, BLOCK_BYTES) : failed(ENOTTY);
    case FICLONE:
    case FICLONERANGE:
      return failed(file.inode instanceof RegularFile ? EOPNOTSUPP : ENOTTY);
  }
  if (file.socket && request === TIOCOUTQ) return put32(context, argument, file.socket.sentBytes);
  return isTerminal(context, file) ? terminalControl(context, request, argument) : failed(ENOTTY);
}

function terminalControl(context: LinuxContext, request: number, argument: bigint): CallResult {
  const { terminal } = context.system;
  switch (request) {
    case TCGETS:
      return putFields(context, argument, TERMIOS_BYTES, (view) => terminal.save(view));
    case TCSETS:
    case TCSETSW:
    case TCSETSF: {
      const stopped = stopInBackground(context, Signal.SIGTTOU);
      if (stopped !== undefined) return stopped;
      terminal.load(viewAt(context, argument, TERMIOS_BYTES));
      if (request === TCSETSF) context.console.discardInput();
      // What waits may be complete now, or be read as it is.
      context.system.inputArrived();
      return 0n;
    }
    case TCFLSH:
      if (signed32(argument) < 0 || signed32(argument) > 2) return failed(EINVAL);
      if (signed32(argument) !== 1) context.console.discardInput();
      return 0n;
    case TCSBRK:
    case TCXONC:
    case TIOCEXCL:
      return 0n;
    case TIOCOUTQ:
      return put32(context, argument, 0);
    case TIOCGWINSZ:
      return putFields(context, argument, WINSIZE_FIELDS * 2, (view) =>
        terminal.size.forEach((field, index) => view.setUint16(index * 2, field, true)),
      );
    case TIOCSWINSZ: {
      const view = viewAt(context, argument, WINSIZE_FIELDS * 2);
      for (let index = 0; index < WINSIZE_FIELDS; index++) terminal.size[index] = view.getUint16(index * 2, true);
      return 0n;
    }
    default:
      return groupControl(context, request, argument);
  }
}

/** Whose terminal it is, and who is in its foreground: drivers/tty/tty_jobctrl.c */
function groupControl(context: LinuxContext, request: number, argument: bigint): CallResult {
  const { system, linux } = context;
  const { terminal } = system;
  if (request === TIOCSCTTY) return takeTerminal(context);
  if (![TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCNOTTY].includes(request) || !controlsTerminal(context))
    return failed(ENOTTY);
  switch (request) {
    case TIOCGPGRP:
      return put32(context, argument, terminal.group);
    case TIOCSPGRP: {
      const stopped = stopInBackground(context, Signal.SIGTTOU);
      if (stopped !== undefined) return stopped;
      const group = viewAt(context, argument, 4).getInt32(0, true);
      if (group < 0) return failed(EINVAL);
      const members = [...system.processes.values()].filter((each) => each.group === group);
      if (members.length === 0) return failed(ESRCH);
      if (members.every(({ session }) => session !== linux.session)) return failed(EPERM);
      terminal.group = group;
      return 0n;
    }
    case TIOCGSID:
      return put32(context, argument, terminal.session);
    default:
      if (linux.session === linux.pid) giveUpTerminal(context);
      return 0n;
  }
}

/** TIOCSCTTY: the terminal becomes that of a session without one, whose leader asks. */
function takeTerminal(context: LinuxContext): CallResult {
  const { system, linux } = context;
  const { terminal } = system;
  if (controlsTerminal(context)) return 0n;
  if (linux.session !== linux.pid || terminal.session !== 0) return failed(EPERM);
  terminal.session = linux.session;
  terminal.group = linux.group;
  return 0n;
}

/** TIOCNOTTY of the leader of a session: nobody has the terminal, and those in its foreground are told. */
function giveUpTerminal({ system }: LinuxContext): void {
  const { terminal, jobs } = system;
  for (const signal of [Signal.SIGHUP, Signal.SIGCONT]) jobs.raise(terminal.group, signal);
  terminal.session = terminal.group = 0;
}

export const TERMINAL_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 16, name: 'ioctl', parameters: ['fd', 'request', 'argument'], perform: ioctl },
    ...{ state: 'part', differs: 'Requests of terminals, and those that every file has.' },
  },
];
