import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { ProcessSignals } from '../../signals/process-signals.js';
import type { SignalSet } from '../../signals/signal.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLIN } from './open-file.js';

/** What signalfd(2) makes: reading takes signals that are pending for who reads, which is done by the call. */
export class SignalFile extends OpenFile {
  static readonly state = schema('signal file', SignalFile, { ...OPEN_FILE_FIELDS, signals: value, owner: value });

  constructor(
    inode: Inode,
    flags: number,
    /** Those that can be read. */
    public signals: SignalSet,
    /** Of the process that has made it: what it is found ready for. */
    private readonly owner: ProcessSignals,
  ) {
    super(inode, flags);
  }

  read(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  override readiness(_files: FileSystem): number {
    return this.isReadyFor(this.owner) ? POLLIN : 0;
  }

  /** Whether a signal is pending for a process, or for one of its threads. */
  isReadyFor({ pending, process }: ProcessSignals): boolean {
    const all = process.threads.reduce((set, { linux }) => set | linux!.signals.pending.set, pending.set);
    return (all & this.signals) !== 0n;
  }

  override get numbers(): readonly number[] {
    return [this.owner.number];
  }
}
