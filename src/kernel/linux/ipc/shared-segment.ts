import { schema, value } from '../../../state/schema.js';
import type { RegularFile } from '../files/tree/inode.js';
import { IPC_FIELDS, IpcObject, type IpcOwnership } from './ipc-object.js';

/** Bits of the mode. include/uapi/linux/shm.h */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

/**
 * A segment of shared memory: shmget(2). Its bytes are those of a file without a name, as on Linux, and attaching it maps that
 * file shared; so it stays one when a process forks, and takes no frames while no process has it attached.
 */
export class SharedSegment extends IpcObject {
  static readonly state = schema('shared segment', SharedSegment, {
    ...IPC_FIELDS,
    ...{ file: value, size: value, creatorPid: value, lastPid: value, attachedAt: value, detachedAt: value },
  });

  /** That of the last process that attached or detached it. */
  lastPid = 0;
  /** Seconds since 1970. */
  attachedAt = 0;
  detachedAt = 0;

  constructor(
    ownership: IpcOwnership,
    now: number,
    readonly file: RegularFile,
    /** In bytes. */
    readonly size: number,
    readonly creatorPid: number,
  ) {
    super(ownership, now);
  }

  /** Mappings that show it, as Linux counts them: one that was divided counts as two. */
  get attachments(): number {
    return Math.max(0, ...[...this.file.content.parts.values()].map(({ memory }) => memory.mappings));
  }

  get isRemoved(): boolean {
    return (this.mode & SHM_DEST) !== 0;
  }
}
