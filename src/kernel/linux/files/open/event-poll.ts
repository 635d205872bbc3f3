import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLERR, POLLHUP, POLLIN } from './open-file.js';

/** Reports events once, and then no more until it is changed. */
const EPOLLONESHOT = 2 ** 30;
/** Bits of `events` that are no events. */
const EVENT_BITS = 0xffff;

/** A file that is watched for events, by the descriptor that it had. */
export interface WatchedFile {
  readonly fd: number;
  readonly file: OpenFile;
  readonly events: number;
  readonly data: bigint;
}

/** Events that have come. */
export interface ReadyFile {
  readonly events: number;
  readonly data: bigint;
}

/** What epoll_create(2) makes. Watched files are found ready as long as they are: EPOLLET does not change that. */
export class EventPoll extends OpenFile {
  static readonly state = schema('event poll', EventPoll, { ...OPEN_FILE_FIELDS, number: value, watched: value });

  private readonly watched: WatchedFile[] = [];

  constructor(
    inode: Inode,
    flags: number,
    readonly number: number,
  ) {
    super(inode, flags);
  }

  read(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  find(fd: number, file: OpenFile): WatchedFile | undefined {
    return this.watched.find((each) => each.fd === fd && each.file === file);
  }

  add(files: FileSystem, added: WatchedFile): void {
    this.watched.push(added);
    for (const number of added.file.numbers) files.watch(number, this.number);
    files.wake(this.number);
  }

  remove(files: FileSystem, removed: WatchedFile): void {
    this.watched.splice(this.watched.indexOf(removed), 1);
    for (const number of removed.file.numbers) files.unwatch(number, this.number);
  }

  /** Those that are ready, at most so many; they come last the next time. */
  take(files: FileSystem, most: number): ReadyFile[] {
    this.forgetClosed(files);
    const ready: ReadyFile[] = [];
    for (const each of [...this.watched]) {
      const events = eventsOf(files, each);
      if (events === 0) continue;
      if (ready.length >= most) break;
      ready.push({ events, data: each.data });
      this.watched.splice(this.watched.indexOf(each), 1);
      this.watched.push(each.events & EPOLLONESHOT ? { ...each, events: 0 } : each);
    }
    return ready;
  }

  /** Whether it watches another one, be it over others. */
  reaches(other: OpenFile): boolean {
    return this === other || this.watched.some(({ file }) => file instanceof EventPoll && file.reaches(other));
  }

  /** The numbers of what it watches. */
  get watchedNumbers(): readonly number[] {
    return this.watched.flatMap(({ file }) => (file instanceof EventPoll ? file.watchedNumbers : file.numbers));
  }

  override readiness(files: FileSystem): number {
    return this.watched.some((each) => each.file.references > 0 && eventsOf(files, each) !== 0) ? POLLIN : 0;
  }

  override get numbers(): readonly number[] {
    return [this.number];
  }

  override close(files: FileSystem): void {
    for (const each of [...this.watched]) this.remove(files, each);
    super.close(files);
  }

  /** A file that is closed is watched no more. */
  private forgetClosed(files: FileSystem): void {
    for (const each of [...this.watched]) if (each.file.references === 0) this.remove(files, each);
  }
}

function eventsOf(files: FileSystem, { file, events }: WatchedFile): number {
  return events === 0 ? 0 : file.readiness(files) & ((events & EVENT_BITS) | POLLERR | POLLHUP);
}
