import { LinuxError, LinuxErrno } from '../../errno.js';
import { O_RDONLY, O_RDWR, O_WRONLY, S_IFCHR, S_IFIFO } from '../constants.js';
import type { FileSystem } from '../file-system.js';
import type { FileTable } from '../file-table.js';
import { ProcMemory, ProcText } from '../proc/nodes.js';
import { SysText } from '../sys/nodes.js';
import type { Directory } from '../tree/directory.js';
import { FILE_SYSTEM, SpecialFile, type Inode } from '../tree/inode.js';
import { ConsoleInode, OpenConsole } from './console-file.js';
import { DEVICE, OpenDevice } from './device.js';
import type { OpenedName, OpenFile } from './open-file.js';
import type { OpenSpecial } from './opening.js';
import type { PseudoTerminal } from '../../terminals/pseudo-terminal.js';
import type { LinuxProcess } from '../../linux-process.js';
import { openMemory } from './memory-file.js';
import { OpenPipe, Pipe } from './pipe.js';
import { OpenText } from './text-file.js';

/** What opens a file: the terminal of the session, and the process. */
export interface Opener {
  readonly terminal: PseudoTerminal | 'console' | undefined;
  readonly linux: LinuxProcess;
}

/** Opens files that are neither directories nor regular ones; /dev/tty for those who have a terminal. */
export function openSpecialOf(files: FileSystem, { terminal, linux }: Opener): OpenSpecial {
  return (inode, flags, place) => {
    if (inode instanceof ProcText || inode instanceof SysText)
      return new OpenText(inode, flags, place, inode.bytes(files));
    if (inode instanceof ProcMemory) return openMemory(files, linux, [inode, flags, place]);
    if (inode instanceof ConsoleInode) return new OpenConsole(inode, flags, place);
    const { pseudoTerminals } = files;
    if (inode.device === DEVICE.tty && !terminal) throw new LinuxError(LinuxErrno.ENXIO);
    if (inode.device === DEVICE.tty && typeof terminal === 'object')
      return pseudoTerminals.openTerminal(files, inode, flags, place, terminal);
    if (inode.device === DEVICE.ptmx)
      return pseudoTerminals.openMaster(files, inode, flags, place, linux.place.credentials.user);
    const slave = pseudoTerminals.openSlave(files, inode, flags, place);
    if (slave) return slave;
    if (inode.type === S_IFCHR) return openDevice(files, inode, flags, place);
    if (inode.type === S_IFIFO && inode instanceof SpecialFile) return openPipe(files, inode, flags, place);
    throw new LinuxError(LinuxErrno.ENXIO);
  };
}

function openDevice(files: FileSystem, inode: Inode, flags: number, place: OpenedName): OpenFile {
  const { device } = inode;
  if (device === DEVICE.tty || device === DEVICE.console) {
    if (files.console.isTerminal) return new OpenConsole(inode, flags, place);
  } else if (Object.values(DEVICE).some((known) => known === device)) return new OpenDevice(inode, flags, place);
  throw new LinuxError(LinuxErrno.ENXIO);
}

function openPipe(files: FileSystem, inode: SpecialFile, flags: number, place: OpenedName): OpenFile {
  inode.pipe ??= new Pipe(files.takeNumber());
  return new OpenPipe(inode, flags, inode.pipe, place);
}

/** Standard input, output and error of the first process: the console, as a terminal, or as a pipe each way. */
export function openStandard(files: FileSystem, table: FileTable): void {
  const { isTerminal } = files.console;
  const name = 'console';
  const directory = files.root.lookup(files, 'dev') as Directory;
  const terminal = isTerminal ? directory.lookup(files, name) : undefined;
  const ends = terminal
    ? Array<OpenFile>(3).fill(new OpenConsole(terminal, O_RDWR, { directory, name }))
    : [O_RDONLY, O_WRONLY, O_WRONLY].map((flags) => {
        const number = files.takeNumber();
        const attributes = { mode: S_IFIFO | 0o600, owner: 0, group: 0, links: 1, time: files.now };
        return new OpenConsole(new ConsoleInode({ id: 0, number, fileSystem: FILE_SYSTEM.pipe }, attributes), flags);
      });
  for (const file of new Set(ends)) files.hold(file.inode);
  for (const file of ends) table.add(file, false);
}
