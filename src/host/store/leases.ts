/**
 * The processes that have a store open. An opening to write or to collect creates an empty file in `leases/`; its name gives the
 * process, by its id and the time when it started, and what it does:
 *
 *     PID-START-RANDOM.write    relies on what it has put and on what it has found: excludes garbage collection
 *     PID-START-RANDOM.collect  collects garbage: excludes writers
 *     PID-START-RANDOM.read     reads, and keeps translated code: the packs that it writes may grow
 *
 * An opening to read makes no file, so that it needs no room on the disk and no permission to write: it holds the packs open
 * instead, and content that is deleted in the meantime stays readable for it (pack-set.ts).
 *
 * Each writer and collector makes its own file first and looks for others then, so that of a writer and a collector at least one sees
 * the other: the writer steps back, the collector waits. A file whose process is gone counts for nothing, and since the
 * name says so anybody may take it away: there is no lock to be broken. All processes must see one another's ids, that
 * is, run on one machine and not in containers apart.
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HostError, isSystemError } from '../failure.js';
import { StoreWriteError } from './errors.js';
import type { FileLayer } from './file-layer.js';

export type LeaseMode = 'read' | 'write' | 'collect';

/** Identifies processes, and distinguishes them from earlier and later ones with the same pid. */
export interface ProcessTable {
  /** `PID-START` of this process. */
  readonly self: string;
  /** Whether the process `PID-START` is there. */
  isAlive(process: string): boolean;
}

/** The processes of this machine. */
export const hostProcesses: ProcessTable = {
  self: `${process.pid}-${startOf(process.pid)}`,
  isAlive(name) {
    const [pid, start] = name.split('-');
    const now = startOf(Number(pid));
    return now === '0' || start === '0' ? isThere(Number(pid)) : now === start;
  },
};

/**
 * When a process started, in ticks since boot: proc(5), fields 3 and 22 of stat. 0 where that cannot be read, `ended` for one
 * that has ended and was not waited for.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return /[ZX]/.test(fields[0]!) ? 'ended' : fields[19]!;
  } catch {
    return '0';
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error) && error.code === 'EPERM';
  }
}

const WAIT_MS = 20;
const LEASE_NAME = /^(\d+-\d+)-[0-9a-f]+\.(read|write|collect)$/;

/** Another opening of the store. */
interface OtherLease {
  readonly file: string;
  readonly process: string;
  readonly mode: LeaseMode;
}

/** One opening of a store. */
export class Lease {
  /** Names this opening; the packs that it writes begin with it. */
  readonly token: string;
  private readonly path: string;
  private file: number | undefined;

  private constructor(
    private readonly files: FileLayer,
    private readonly processes: ProcessTable,
    private readonly directory: string,
    readonly mode: LeaseMode,
  ) {
    this.token = `${processes.self}-${randomBytes(6).toString('hex')}`;
    this.path = `${directory}/${this.token}.${mode}`;
  }

  /** Opens for `mode`. Throws HostError if processes that exclude it are still there after `waitMs`. */
  static take(files: FileLayer, processes: ProcessTable, directory: string, mode: LeaseMode, waitMs: number): Lease {
    const lease = new Lease(files, processes, directory, mode);
    const deadline = performance.now() + waitMs;
    if (mode === 'read') return lease;
    lease.create();
    for (let others = lease.inTheWay(); others.length > 0; others = lease.inTheWay()) {
      // A collector that waits keeps new writers from coming; of two collectors, and of a writer and a collector, one steps back.
      const stepsBack = others.some(({ mode }) => mode === 'collect');
      if (stepsBack) lease.release();
      if (performance.now() >= deadline) {
        lease.release();
        throw new HostError(busyMessage(others), 'busy');
      }
      sleep(WAIT_MS * (0.5 + Math.random()));
      if (stepsBack) lease.create();
    }
    return lease;
  }

  /** Whether the opening that a token names is still there: its packs may grow. */
  isAlive(token: string): boolean {
    return this.others().some(({ file }) => file.startsWith(`${token}.`)) || token === this.token;
  }

  /** Whether this opening may change files that it has not made itself. */
  get isWritable(): boolean {
    return this.mode !== 'read';
  }

  /** Makes the file of an opening to read that is about to write a pack. Throws StoreWriteError. */
  announce(): void {
    if (this.file !== undefined) return;
    try {
      this.create();
    } catch (error) {
      throw new StoreWriteError(this.path, error);
    }
  }

  release(): void {
    if (this.file === undefined) return;
    this.files.close(this.file);
    this.file = undefined;
    this.files.remove(this.path);
  }

  private create(): void {
    this.file = this.files.open(this.path, 'append');
  }

  private inTheWay(): OtherLease[] {
    const conflicting: Readonly<Record<LeaseMode, readonly LeaseMode[]>> = {
      read: [],
      write: ['collect'],
      collect: ['collect', 'write'],
    };
    return this.others().filter(({ mode }) => conflicting[this.mode].includes(mode));
  }

  /** The other openings that last; the files of those that are gone are taken away. */
  private others(): OtherLease[] {
    const found: OtherLease[] = [];
    for (const file of this.files.list(this.directory)) {
      const [, process, mode] = LEASE_NAME.exec(file) ?? [];
      if (process === undefined || file === `${this.token}.${this.mode}`) continue;
      if (this.processes.isAlive(process)) found.push({ file, process, mode: mode as LeaseMode });
      else if (this.file !== undefined) this.files.remove(`${this.directory}/${file}`);
    }
    return found;
  }
}

function busyMessage(others: readonly OtherLease[]): string {
  const [{ process, mode }] = others as [OtherLease];
  const doing = mode === 'collect' ? 'collects garbage' : 'writes to it';
  return `the store is in use: process ${process.split('-')[0]} ${doing}; try again when it has ended`;
}

/** Blocks the thread: the store is synchronous. */
export function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
