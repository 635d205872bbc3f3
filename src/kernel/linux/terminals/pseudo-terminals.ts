import { schema, value } from '../../../state/schema.js';
import { HOST_BYTES } from '../../host-memory.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import { S_IFCHR } from '../files/constants.js';
import type { FileSystem } from '../files/file-system.js';
import { deviceNumber } from '../files/open/device.js';
import type { OpenedName, OpenFile } from '../files/open/open-file.js';
import type { Inode } from '../files/tree/inode.js';
import { Signal } from '../signals/signal.js';
import { OpenMaster, OpenSlave } from './open-ends.js';
import { PseudoTerminal } from './pseudo-terminal.js';

/** The major number of slaves: Documentation/admin-guide/devices.txt. */
const SLAVE_MAJOR = 136;
/** As Debian mounts devpts: the owner reads and writes, the group tty writes. */
const SLAVE_MODE = S_IFCHR | 0o620;
const TTY_GROUP = 5;
/** Minor numbers that `deviceNumber` has. */
const TERMINALS_MAX = 256;

/** The pseudo-terminals of a machine. */
export class PseudoTerminals {
  /** @internal */
  static readonly state = schema(
    'pseudo-terminals',
    PseudoTerminals,
    { terminals: value, lostGroups: value },
    { isPart: true },
  );

  private readonly terminals = new Map<number, PseudoTerminal>();
  /** By sessions whose terminal is gone, the group that was in its foreground. */
  private readonly lostGroups = new Map<number, number>();

  /** Opens /dev/ptmx: a new pseudo-terminal, whose slave has a name in /dev/pts. Throws ENOSPC. */
  openMaster(files: FileSystem, inode: Inode, flags: number, place: OpenedName, owner: number): OpenMaster {
    let index = 0;
    while (this.terminals.has(index)) index++;
    if (index >= TERMINALS_MAX || !files.hostMemory.hasRoom(HOST_BYTES.terminal))
      throw new LinuxError(LinuxErrno.ENOSPC);
    const name = String(index);
    files.makeSpecial(files.slaves, name, { mode: SLAVE_MODE, owner, group: TTY_GROUP }, slaveDevice(index));
    const terminal = new PseudoTerminal(index, files.takeNumber(), files.takeNumber());
    files.hostMemory.charge('terminal');
    this.terminals.set(index, terminal);
    return new OpenMaster(inode, flags, place, terminal);
  }

  /** Opens the slave of a device number. Throws ENXIO, EIO; undefined for other devices. */
  openSlave(files: FileSystem, inode: Inode, flags: number, place: OpenedName): OpenFile | undefined {
    if (inode.device >> 8 !== SLAVE_MAJOR) return undefined;
    const terminal = this.terminals.get(inode.device & 0xff);
    if (!terminal) throw new LinuxError(LinuxErrno.ENXIO);
    if (terminal.isLocked) throw new LinuxError(LinuxErrno.EIO);
    return this.openTerminal(files, inode, flags, place, terminal);
  }

  openTerminal(files: FileSystem, inode: Inode, flags: number, place: OpenedName, terminal: PseudoTerminal): OpenFile {
    const file = new OpenSlave(inode, flags, place, terminal);
    terminal.openSlave(files);
    return file;
  }

  /** The last file of the master was closed: the slave's name is removed, and the slave is hung up. */
  closeMaster(files: FileSystem, terminal: PseudoTerminal): void {
    const { index, settings } = terminal;
    const name = String(index);
    const inode = files.slaves.lookup(files, name);
    if (inode) {
      files.detach(files.slaves, name, inode);
      inode.links--;
      files.giveUp(inode);
    }
    this.terminals.delete(index);
    files.hostMemory.release('terminal');
    terminal.closeMaster(files);
    const { session, group } = settings;
    settings.session = settings.group = 0;
    if (session === 0) return;
    if (group !== 0) this.lostGroups.set(session, group);
    for (const signal of [Signal.SIGHUP, Signal.SIGCONT]) files.raiseFor(session, signal);
  }

  /** The one whose session this is. */
  ofSession(session: number): PseudoTerminal | undefined {
    for (const terminal of this.terminals.values()) if (terminal.settings.session === session) return terminal;
    return undefined;
  }

  /** The leader of a session has ended: its terminal is nobody's. drivers/tty/tty_jobctrl.c "disassociate_ctty" */
  leave(files: FileSystem, session: number): void {
    const lost = this.lostGroups.get(session);
    this.lostGroups.delete(session);
    if (lost !== undefined) for (const signal of [Signal.SIGHUP, Signal.SIGCONT]) files.raise(lost, signal);
    const settings = this.ofSession(session)?.settings;
    if (!settings) return;
    files.raise(settings.group, Signal.SIGHUP);
    settings.session = settings.group = 0;
  }
}

function slaveDevice(index: number): number {
  return deviceNumber(SLAVE_MAJOR, index);
}
