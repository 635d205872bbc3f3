import { HostMemory } from '../../src/kernel/host-memory.js';
import { LinuxErrno, LinuxError } from '../../src/kernel/linux/errno.js';
import type { Credentials } from '../../src/kernel/linux/files/credentials.js';
import { FileSystem } from '../../src/kernel/linux/files/file-system.js';
import type { ConsolePort } from '../../src/kernel/linux/files/open/console-file.js';
import type { OpenFile } from '../../src/kernel/linux/files/open/open-file.js';
import { openPath } from '../../src/kernel/linux/files/open/opening.js';
import { EMPTY_ROOT, type LinuxRoot } from '../../src/kernel/linux/files/tree/linux-root.js';
import type { Maker } from '../../src/kernel/linux/files/tree/names.js';
import { lookUp } from '../../src/kernel/linux/files/tree/path-walk.js';
import type { SharingHost } from '../../src/kernel/linux/files/shared-file.js';
import { sha256 } from '../../src/host/sha256.js';
import type { Alarm } from '../../src/kernel/tasks/alarms.js';
import { Deadlines } from '../../src/kernel/tasks/deadlines.js';
import { VmoStore } from '../../src/vmo/store.js';

export const ROOT_USER: Credentials = { user: 0, group: 0, groups: [] };

const NO_CONSOLE: ConsolePort = {
  ...{ isTerminal: false, isSuspended: false, hasInput: true, readableBytes: 0, patience: Infinity },
  ...{ read: () => 'end', write: () => {} },
};

/** Nothing is mapped without a machine. */
const NO_SHARING = {} as SharingHost;

/** A file system of its own, without a machine; its clock counts calls. */
export class LooseFiles {
  readonly store: VmoStore;
  readonly hostMemory: HostMemory;
  readonly files: FileSystem;
  readonly woken: number[] = [];
  private time = 1_000_000_000n;

  constructor({
    root = () => EMPTY_ROOT,
    credentials = ROOT_USER,
    bytesMax = Infinity,
    hostBytes = Infinity,
  }: {
    readonly root?: (store: VmoStore) => LinuxRoot;
    readonly credentials?: Credentials;
    readonly bytesMax?: number;
    readonly hostBytes?: number;
  } = {}) {
    this.store = new VmoStore(sha256, undefined, bytesMax);
    this.hostMemory = new HostMemory(hostBytes, () => this.store.hostBytes);
    this.credentials = credentials;
    const lower = root(this.store);
    this.files = new FileSystem({
      store: this.store,
      hostMemory: this.hostMemory,
      lower,
      unrecorded: lower,
      sharing: NO_SHARING,
      now: () => (this.time += 1000n),
      wake: (number) => void this.woken.push(number),
      timing: { alarms: new Deadlines<Alarm>(), tick: 0 },
      raise: () => {},
      raiseFor: () => {},
      random: (length) => new Uint8Array(length),
      console: NO_CONSOLE,
      proc: { pids: [], process: () => undefined, text: () => undefined },
    });
  }

  readonly credentials: Credentials;

  /** Who calls, from `/` or a directory at a path. */
  maker(start = '/'): Maker {
    const { credentials, files } = this;
    const base: Maker = { credentials, umask: 0o022, start: files.root };
    return start === '/' ? base : { ...base, start: lookUp(files, base, start) };
  }

  open(path: string, flags: number, mode = 0o666, start = '/'): OpenFile {
    const file = openPath(this.files, this.maker(start), path, { flags, mode }, () => {
      throw new LinuxError(LinuxErrno.ENXIO);
    });
    file.references++;
    return file;
  }
}

/** What a call returns, or the name of its error. */
export function outcomeOf<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    return Object.entries(LinuxErrno).find(([, number]) => number === error.errno)![0];
  }
}
