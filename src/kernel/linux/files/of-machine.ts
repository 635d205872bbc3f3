/** The files of the programs of a machine: made with it, and given to programs that the host starts. */
import type { VmoHandle } from '../../../vmo/handle.js';
import type { Inputs } from '../../inputs.js';
import type { KernelConsole } from '../../terminal/console.js';
import { LinuxError } from '../errno.js';
import { textOfBytes } from './byte-text.js';
import { SUPERUSER } from './credentials.js';
import { FileSystem } from './file-system.js';
import { FileTable } from './file-table.js';
import { LinuxConsole } from './linux-console.js';
import { MachineTiming, type TimingHost } from './machine-timing.js';
import { openStandard } from './open/special.js';
import { Place } from './place.js';
import { LinuxProc, type ProcSystem } from './proc/linux-proc.js';
import type { Terminal } from '../terminals/terminal.js';
import type { SharingHost } from './shared-file.js';
import { isDirectory, type Directory } from './tree/directory.js';
import { RegularFile } from './tree/inode.js';
import { InputRoot } from './tree/input-root.js';
import { EMPTY_ROOT, type LinuxRoot } from './tree/linux-root.js';
import { lookUp, type Walker } from './tree/path-walk.js';

/** What the files of Linux need from the machine. */
export interface FilesHost extends TimingHost, SharingHost {
  readonly console: KernelConsole;
  readonly inputs: Inputs;
  /** The files that programs find; none, if not given. */
  readonly root?: LinuxRoot | undefined;
}

/** What a program of the host has of files at first. */
export interface FirstFiles {
  readonly files: FileTable;
  readonly place: Place;
}

/** What sends the signals of terminals. */
interface SignalSenders {
  raise(group: number, signal: number): boolean;
  raiseForLeader(session: number, signal: number): void;
}

export function makeFileSystem(
  host: FilesHost,
  system: ProcSystem & { readonly terminal: Terminal; readonly jobs: SignalSenders },
): FileSystem {
  const { store, hostMemory, console, inputs, waits, cpu, root = EMPTY_ROOT } = host;
  return new FileSystem({
    ...{ store, hostMemory, lower: new InputRoot(inputs, root), unrecorded: root, sharing: host },
    timing: new MachineTiming(host),
    now: () => system.epoch + BigInt(cpu.ticks),
    wake: (number) => waits.wakeAgain({ kind: 'file', number }),
    random: (length) => system.random.bytes(length),
    console: new LinuxConsole(console, system.terminal),
    raise: (group, signal) => system.jobs.raise(group, signal),
    raiseFor: (session, signal) => system.jobs.raiseForLeader(session, signal),
    proc: new LinuxProc(system, host),
  });
}

/** Standard input, output and error, and the directory at a path, or `/` where there is none. */
export function firstFiles(fileSystem: FileSystem, directory: Uint8Array): FirstFiles {
  const files = new FileTable(fileSystem);
  openStandard(fileSystem, files);
  return { files, place: new Place(fileSystem, directoryAt(fileSystem, directory), SUPERUSER) };
}

/** The directory at a path, or `/` where there is none. */
export function directoryAt(fileSystem: FileSystem, path: Uint8Array): Directory {
  const walker = { credentials: SUPERUSER, start: fileSystem.root };
  const found = attempt(() => lookUp(fileSystem, walker, textOfBytes(path)));
  return isDirectory(found) ? found : fileSystem.root;
}

/** The content of the file at a path, as a new handle, which the caller closes; undefined where there is none. */
export function contentAt(files: FileSystem, path: Uint8Array): VmoHandle | undefined {
  const walker: Walker = { credentials: SUPERUSER, start: files.root };
  return attempt(() => {
    const inode = lookUp(files, walker, textOfBytes(path));
    return inode instanceof RegularFile ? inode.content.snapshot(files) : undefined;
  });
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    return undefined;
  }
}
