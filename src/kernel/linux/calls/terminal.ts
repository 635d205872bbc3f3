import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { CAP_SYS_ADMIN, isCapable } from '../files/credentials.js';
import { usableFileOf } from '../files/arguments.js';
import { O_ASYNC, O_CLOEXEC, O_NONBLOCK } from '../files/constants.js';
import { becomeTerminal, controllingTerminal, stopInBackground, terminalOf } from '../files/foreground.js';
import type { OpenFile } from '../files/open/open-file.js';
import { openSpecialOf } from '../files/open/special.js';
import { openInode } from '../files/open/opening.js';
import { OpenMaster, OpenSlave } from '../terminals/open-ends.js';
import { resizeTerminal, type PseudoTerminal } from '../terminals/pseudo-terminal.js';
import { TERMIOS_BYTES, type Termios } from '../terminals/termios.js';
import { Signal } from '../signals/signal.js';
import { RegularFile } from '../files/tree/inode.js';
import { put32, putFields, viewAt } from '../user-data.js';
import { interfaceRequest } from './sockets/interface.js';

const { EINVAL, EIO, ENOTTY, EOPNOTSUPP, EPERM, ESRCH } = LinuxErrno;

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
const TIOCPKT = 0x5420;
const FIONREAD = 0x541b;
const FIONBIO = 0x5421;
const TIOCNOTTY = 0x5422;
const TIOCGSID = 0x5429;
const TIOCGPTN = 0x8004_5430;
const TIOCSPTLCK = 0x4004_5431;
const TIOCGPKT = 0x8004_5438;
const TIOCGPTLCK = 0x8004_5439;
const TIOCGPTPEER = 0x5441;
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
  const told = file.socket && interfaceRequest(context, file.socket, request, argument);
  if (told !== undefined) return told;
  if (file.socket && request === TIOCOUTQ) return put32(context, argument, file.socket.sentBytes);
  const asked = askedTerminal(context, file);
  if (asked === undefined) return failed(ENOTTY);
  if (file instanceof OpenSlave && file.isHungUp) return failed(request === TIOCSPGRP ? ENOTTY : EIO);
  return (
    (file instanceof OpenMaster ? masterControl(context, file, request, argument) : undefined) ??
    terminalControl(context, asked, request, argument)
  );
}

/** The terminal that a request is for: a master stands for its slave. */
interface AskedTerminal {
  readonly settings: Termios;
  /** Undefined for the machine's terminal. */
  readonly pseudo: PseudoTerminal | undefined;
  readonly isMaster: boolean;
}

function askedTerminal(context: LinuxContext, file: OpenFile): AskedTerminal | undefined {
  const isMaster = file instanceof OpenMaster;
  const pseudo = isMaster || file instanceof OpenSlave ? file.terminal : undefined;
  const settings = pseudo?.settings ?? terminalOf(context, file);
  return settings && { settings, pseudo, isMaster };
}

/** Requests that masters alone have. */
function masterControl(
  context: LinuxContext,
  { terminal }: OpenMaster,
  request: number,
  argument: bigint,
): CallResult | undefined {
  switch (request) {
    case TIOCGPTN:
      return put32(context, argument, terminal.index);
    case TIOCSPTLCK:
      terminal.isLocked = viewAt(context, argument, 4).getInt32(0, true) !== 0;
      return 0n;
    case TIOCGPTLCK:
      return put32(context, argument, terminal.isLocked ? 1 : 0);
    case TIOCPKT:
      terminal.packets.isOn = viewAt(context, argument, 4).getInt32(0, true) !== 0;
      return 0n;
    case TIOCGPKT:
      return put32(context, argument, terminal.packets.isOn ? 1 : 0);
    case TIOCGPTPEER:
      return openPeer(context, terminal, signed32(argument));
    default:
      return undefined;
  }
}

/** TIOCGPTPEER: opens the slave, whatever its name leads to. */
function openPeer(context: LinuxContext, { index }: PseudoTerminal, flags: number): CallResult {
  const { linux, system } = context;
  const { fileSystem } = system;
  const name = String(index);
  linux.files.free();
  const inode = fileSystem.slaves.lookup(fileSystem, name)!;
  const open = openSpecialOf(fileSystem, { terminal: undefined, linux });
  const file = openInode(fileSystem, inode, flags, { directory: fileSystem.slaves, name }, open);
  return BigInt(linux.files.add(file, (flags & O_CLOEXEC) !== 0));
}

function terminalControl(context: LinuxContext, asked: AskedTerminal, request: number, argument: bigint): CallResult {
  const { settings, pseudo } = asked;
  const { fileSystem } = context.system;
  switch (request) {
    case TCGETS:
      return putFields(context, argument, TERMIOS_BYTES, (view) => settings.save(view));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
      return setModes(context, asked, request, argument);
    case TCFLSH:
      return flush(context, asked, signed32(argument));
    case TCXONC:
      if (signed32(argument) < 0 || signed32(argument) > 3) return failed(EINVAL);
      if (signed32(argument) < 2) pseudo?.suspend(fileSystem, argument === 0n);
      return 0n;
    case TCSBRK:
    case TIOCEXCL:
      return 0n;
    case TIOCOUTQ:
      return put32(context, argument, 0);
    case TIOCGWINSZ:
      return putFields(context, argument, WINSIZE_FIELDS * 2, (view) =>
        settings.size.forEach((field, index) => view.setUint16(index * 2, field, true)),
      );
    case TIOCSWINSZ: {
      const view = viewAt(context, argument, WINSIZE_FIELDS * 2);
      const fields = Array.from(settings.size, (_, index) => view.getUint16(index * 2, true));
      resizeTerminal(fileSystem, settings, fields);
      return 0n;
    }
    default:
      return groupControl(context, asked, request, argument);
  }
}

function setModes(context: LinuxContext, asked: AskedTerminal, request: number, argument: bigint): CallResult {
  const { settings, pseudo, isMaster } = asked;
  const { fileSystem } = context.system;
  const stopped = isMaster ? undefined : stopInBackground(context, settings, Signal.SIGTTOU);
  if (stopped !== undefined) return stopped;
  const view = viewAt(context, argument, TERMIOS_BYTES);
  if (pseudo) {
    pseudo.load(fileSystem, view, request === TCSETSF);
    return 0n;
  }
  settings.load(view);
  if (request === TCSETSF) context.console.discardInput();
  // What waits may be complete now, or be read as it is.
  context.system.inputArrived();
  return 0n;
}

/** TCFLSH: forgets what was typed (0), what was written and not shown (1), or both (2). */
function flush(context: LinuxContext, { pseudo, isMaster }: AskedTerminal, which: number): CallResult {
  const { fileSystem } = context.system;
  if (which < 0 || which > 2) return failed(EINVAL);
  if (!pseudo && which !== 1) context.console.discardInput();
  // For a master, what it has not read yet is its input.
  if (pseudo && which !== 1) pseudo.flush(fileSystem, isMaster ? 'output' : 'input');
  if (pseudo && which !== 0) pseudo.flush(fileSystem, isMaster ? 'input' : 'output');
  if (!isMaster && which !== 1) pseudo?.tellMaster(fileSystem, 'FLUSHREAD');
  if (!isMaster && which !== 0) pseudo?.tellMaster(fileSystem, 'FLUSHWRITE');
  return 0n;
}

/** Whose terminal it is, and who is in its foreground: drivers/tty/tty_jobctrl.c */
function groupControl(context: LinuxContext, asked: AskedTerminal, request: number, argument: bigint): CallResult {
  const { linux } = context;
  const { settings, isMaster } = asked;
  if (request === TIOCSCTTY) return takeTerminal(context, settings, argument);
  const isOwn = settings.session === linux.session;
  if (![TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCNOTTY].includes(request)) return failed(ENOTTY);
  if (!isOwn && !(isMaster && (request === TIOCGPGRP || request === TIOCGSID))) return failed(ENOTTY);
  switch (request) {
    case TIOCGPGRP:
      return put32(context, argument, settings.group);
    case TIOCSPGRP:
      return setForeground(context, asked, argument);
    case TIOCGSID:
      return settings.session === 0 ? failed(ENOTTY) : put32(context, argument, settings.session);
    default:
      if (linux.session === linux.pid) giveUpTerminal(context, settings);
      return 0n;
  }
}

function setForeground(context: LinuxContext, { settings, isMaster }: AskedTerminal, argument: bigint): CallResult {
  const { system, linux } = context;
  const stopped = isMaster ? undefined : stopInBackground(context, settings, Signal.SIGTTOU);
  if (stopped !== undefined) return stopped;
  const group = viewAt(context, argument, 4).getInt32(0, true);
  if (group < 0) return failed(EINVAL);
  const members = [...system.processes.values()].filter((each) => each.group === group);
  if (members.length === 0) return failed(ESRCH);
  if (members.every(({ session }) => session !== linux.session)) return failed(EPERM);
  settings.group = group;
  return 0n;
}

/** TIOCSCTTY: the terminal becomes that of a session without one, whose leader asks; 1 takes it away from another one. */
function takeTerminal(context: LinuxContext, settings: Termios, argument: bigint): CallResult {
  const { linux } = context;
  const mayTake = linux.session === linux.pid && controllingTerminal(context) === undefined;
  if (mayTake && signed32(argument) === 1 && isCapable(linux.place.credentials, CAP_SYS_ADMIN)) settings.session = 0;
  return becomeTerminal(context, settings) ? 0n : failed(EPERM);
}

/** TIOCNOTTY of the leader of a session: the session loses the terminal, and its foreground group gets SIGHUP and SIGCONT. */
function giveUpTerminal({ system }: LinuxContext, settings: Termios): void {
  for (const signal of [Signal.SIGHUP, Signal.SIGCONT]) system.jobs.raise(settings.group, signal);
  settings.session = settings.group = 0;
}

export const TERMINAL_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 16, name: 'ioctl', parameters: ['fd', 'request', 'argument'], perform: ioctl },
    ...{ state: 'part', differs: 'Requests of terminals, and those that every file has.' },
  },
];
