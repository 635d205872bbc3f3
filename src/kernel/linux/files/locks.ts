import { schema, value } from '../../../state/schema.js';

/** A range of a file that somebody has locked, or wants to. */
export interface RangeLock {
  readonly start: number;
  /** One past the last byte; Infinity for all that follows. */
  readonly end: number;
  readonly isExclusive: boolean;
  /** Whose it is: the descriptors of a process, or an open file. */
  readonly owner: object;
  /** The process that made it; -1 for one of an open file. */
  readonly pid: number;
}

/** The locks of a file: those of ranges (fcntl) and those of the whole (flock), which do not see each other. */
export class FileLocks {
  static readonly state = schema('file locks', FileLocks, { number: value, ranges: value, wholes: value });

  private ranges: RangeLock[] = [];
  private wholes: { readonly owner: object; readonly isExclusive: boolean }[] = [];

  /** `number` is woken whenever a lock is gone. */
  constructor(readonly number: number) {}

  get isEmpty(): boolean {
    return this.ranges.length === 0 && this.wholes.length === 0;
  }

  get count(): number {
    return this.ranges.length;
  }

  /** A lock of somebody else's that does not go together with this one. */
  conflict({ start, end, isExclusive, owner }: RangeLock): RangeLock | undefined {
    return this.ranges.find(
      (lock) => lock.owner !== owner && lock.start < end && start < lock.end && (isExclusive || lock.isExclusive),
    );
  }

  /** Puts a lock in the place of what its owner had in its range. There must be no conflict. */
  set(lock: RangeLock): void {
    this.clear(lock);
    const { start, end, isExclusive, owner } = lock;
    const isJoined = (other: RangeLock): boolean =>
      other.owner === owner && other.isExclusive === isExclusive && (other.end === start || other.start === end);
    const joined = this.ranges.filter(isJoined);
    this.ranges = this.ranges.filter((other) => !isJoined(other));
    const starts = joined.map((other) => other.start);
    const ends = joined.map((other) => other.end);
    this.ranges.push({ ...lock, start: Math.min(start, ...starts), end: Math.max(end, ...ends) });
    this.ranges.sort((a, b) => a.start - b.start);
  }

  /** Unlocks a range for an owner. */
  clear({ start, end, owner }: Pick<RangeLock, 'start' | 'end' | 'owner'>): void {
    this.ranges = this.ranges.flatMap((lock) => {
      if (lock.owner !== owner || lock.end <= start || lock.start >= end) return [lock];
      const left = lock.start < start ? [{ ...lock, end: start }] : [];
      return lock.end > end ? [...left, { ...lock, start: end }] : left;
    });
  }

  /** Locks the whole, if nobody else has a lock that does not go together with it. */
  lockWhole(owner: object, isExclusive: boolean): boolean {
    const others = this.wholes.filter((lock) => lock.owner !== owner);
    if (others.some((lock) => isExclusive || lock.isExclusive)) return false;
    this.wholes = [...others, { owner, isExclusive }];
    return true;
  }

  unlockWhole(owner: object): void {
    this.wholes = this.wholes.filter((lock) => lock.owner !== owner);
  }

  /** Takes away all locks of an owner. Returns whether there were any. */
  release(owner: object): boolean {
    const before = this.ranges.length + this.wholes.length;
    this.clear({ start: 0, end: Infinity, owner });
    this.unlockWhole(owner);
    return this.ranges.length + this.wholes.length < before;
  }
}
