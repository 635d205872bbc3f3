import { schema, value } from '../../../state/schema.js';
import { LinuxErrno, failed } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import { IPC_FIELDS, IpcObject, type IpcOwnership } from './ipc-object.js';
import { SLEEPER_FIELDS, Sleeper } from './sleeper.js';

/** include/uapi/linux/sem.h */
export const SEMAPHORE_MAX = 32_767;
export const SEM_UNDO = 0x1000;
const IPC_NOWAIT = 0o4000;

/** struct sembuf. */
export interface SemaphoreOperation {
  readonly semaphore: number;
  readonly by: number;
  readonly flags: number;
}

/** Operations of a process, which are done all at once. */
export interface SemaphoreRequest {
  readonly operations: readonly SemaphoreOperation[];
  readonly pid: number;
}

/** A process that waits until its operations can be done. */
export class SemaphoreSleeper extends Sleeper {
  static readonly state = schema('semaphore sleeper', SemaphoreSleeper, {
    ...SLEEPER_FIELDS,
    ...{ request: value, blocking: value },
  });

  /** The operation that cannot be done. */
  blocking: SemaphoreOperation;

  constructor(
    place: { readonly number: number; readonly deadline: number },
    set: SemaphoreSet,
    readonly request: SemaphoreRequest,
    blocking: SemaphoreOperation,
  ) {
    super(place.number, set.sleepers, place.deadline);
    this.blocking = blocking;
  }
}

/** A set of semaphores: semget(2). */
export class SemaphoreSet extends IpcObject {
  static readonly state = schema('semaphore set', SemaphoreSet, {
    ...IPC_FIELDS,
    ...{ values: value, pids: value, undos: value, sleepers: value, usedAt: value },
  });

  readonly values: number[];
  /** The process that changed each last. */
  readonly pids: number[];
  /** By pid: what is added to each when that process ends. */
  readonly undos = new Map<number, number[]>();
  readonly sleepers: SemaphoreSleeper[] = [];
  /** Seconds since 1970. */
  usedAt = 0;

  constructor(ownership: IpcOwnership, now: number, count: number) {
    super(ownership, now);
    this.values = Array<number>(count).fill(0);
    this.pids = Array<number>(count).fill(0);
  }

  /**
   * Does all of some operations, or none. Returns the operation that cannot be done yet, or an errno. ipc/sem.c
   * "perform_atomic_semop"
   */
  perform({ operations, pid }: SemaphoreRequest, now: number): SemaphoreOperation | LinuxErrno | undefined {
    const values = [...this.values];
    const hasUndo = operations.some(({ flags }) => flags & SEM_UNDO);
    const undo = hasUndo ? [...(this.undos.get(pid) ?? this.values.map(() => 0))] : [];
    for (const operation of operations) {
      const { semaphore, by, flags } = operation;
      const result = values[semaphore]! + by;
      if ((by === 0 && result !== 0) || result < 0) return flags & IPC_NOWAIT ? LinuxErrno.EAGAIN : operation;
      if (result > SEMAPHORE_MAX) return LinuxErrno.ERANGE;
      values[semaphore] = result;
      if (!(flags & SEM_UNDO)) continue;
      const undone = undo[semaphore]! - by;
      if (undone < -SEMAPHORE_MAX - 1 || undone > SEMAPHORE_MAX) return LinuxErrno.ERANGE;
      undo[semaphore] = undone;
    }
    for (const { semaphore } of operations) this.pids[semaphore] = pid;
    values.forEach((each, index) => (this.values[index] = each));
    if (hasUndo) this.undos.set(pid, undo);
    this.usedAt = now;
    return undefined;
  }

  /** Lets those go on whose operations can be done now: those that wait for zero first, then the others in their order. */
  update(files: FileSystem, now: number): void {
    while (this.finishOne(files, now, true) || this.finishOne(files, now, false));
  }

  private finishOne(files: FileSystem, now: number, isForZero: boolean): boolean {
    for (const sleeper of [...this.sleepers]) {
      const { operations } = sleeper.request;
      if (operations.every(({ by }) => by === 0) !== isForZero) continue;
      const outcome = this.perform(sleeper.request, now);
      if (typeof outcome === 'object') {
        sleeper.blocking = outcome;
        continue;
      }
      sleeper.finish(files, outcome === undefined ? 0n : failed(outcome));
      return true;
    }
    return false;
  }

  /** Sets the value of a semaphore, which nothing undoes. */
  set(semaphore: number, to: number, pid: number): void {
    this.values[semaphore] = to;
    this.pids[semaphore] = pid;
    for (const undo of this.undos.values()) undo[semaphore] = 0;
  }

  /** Processes that wait until a semaphore is zero, or until it is greater. */
  waiting(semaphore: number, isForZero: boolean): number {
    return this.sleepers.filter(({ blocking }) => blocking.semaphore === semaphore && (blocking.by === 0) === isForZero)
      .length;
  }

  /** A process has ended: undoes what it wants undone. Returns whether there was such. ipc/sem.c "exit_sem" */
  undo(pid: number, files: FileSystem, now: number): boolean {
    const undo = this.undos.get(pid);
    if (!undo) return false;
    this.undos.delete(pid);
    undo.forEach((by, semaphore) => {
      if (by === 0) return;
      this.values[semaphore] = Math.max(0, Math.min(SEMAPHORE_MAX, this.values[semaphore]! + by));
      this.pids[semaphore] = pid;
    });
    this.usedAt = now;
    this.update(files, now);
    return true;
  }

  /** It is removed: all waiting calls fail. */
  end(files: FileSystem): void {
    for (const sleeper of [...this.sleepers]) sleeper.finish(files, failed(LinuxErrno.EIDRM));
  }
}
