import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLERR, POLLHUP, POLLIN, POLLRDNORM } from './open-file.js';

/** Reports events once, and then no more until it is changed. */
const EPOLLONESHOT = 2 ** 30;
/** Reports events only after something has come that was not reported yet. */
const EPOLLET = 2 ** 31;
/** Bits of `events` that are no events. */
const EVENT_BITS = 0xffff;

/** A file that is watched for events, by the descriptor that it had. */
export interface WatchedFile {
  readonly fd: number;
  readonly file: OpenFile;
  readonly events: number;
  readonly data: bigint;
}

/** A watched file, the number that is woken with it, and those that wake that. */
interface Watched extends WatchedFile {
  readonly number: number;
  readonly sources: readonly number[];
  /** Events may have come that were not reported. */
  readonly isNew: boolean;
}

/** Events that have come. */
export interface ReadyFile {
  readonly events: number;
  readonly data: bigint;
}

/** What epoll_create(2) makes. */
export class EventPoll extends OpenFile {
  static readonly state = schema('event poll', EventPoll, { ...OPEN_FILE_FIELDS, number: value, watched: value });

  private readonly watched: Watched[] = [];

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
    const number = files.takeNumber();
    const sources = [...new Set(added.file.numbers)];
    this.watched.push({ ...added, number, sources, isNew: true });
    if (isEdge(added)) files.keepEdges(number);
    files.watch(number, this.number);
    for (const each of sources) files.watch(each, number);
    files.wake(this.number, POLLIN | POLLRDNORM);
  }

  remove(files: FileSystem, removed: WatchedFile): void {
    const index = this.watched.findIndex(({ fd, file }) => fd === removed.fd && file === removed.file);
    const [{ number, sources }] = this.watched.splice(index, 1) as [Watched];
    for (const each of sources) files.unwatch(each, number);
    files.unwatch(number, this.number);
    files.forgetEdges(number);
  }

  /** Those that are ready, at most so many; they come last the next time. */
  take(files: FileSystem, most: number): ReadyFile[] {
    this.forgetClosed(files);
    const ready: ReadyFile[] = [];
    for (const each of [...this.watched]) {
      const events = reportOf(files, each);
      if (events === 0) continue;
      if (ready.length >= most) break;
      ready.push({ events, data: each.data });
      this.watched.splice(this.watched.indexOf(each), 1);
      if (isEdge(each)) files.keepEdges(each.number);
      this.watched.push({ ...each, isNew: false, events: each.events & EPOLLONESHOT ? 0 : each.events });
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
    const isReady = this.watched.some((each) => each.file.references > 0 && reportOf(files, each) !== 0);
    return isReady ? POLLIN | POLLRDNORM : 0;
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

/** Events to report of a file now. One that is watched for edges has to have been woken for one of its events. */
function reportOf(files: FileSystem, each: Watched): number {
  const { file, events, isNew, number } = each;
  if (events === 0) return 0;
  const wanted = (events & EVENT_BITS) | POLLERR | POLLHUP;
  if (isEdge(each) && !isNew && (files.edgesOf(number) & wanted) === 0) return 0;
  return file.readiness(files) & wanted;
}

function isEdge({ events }: WatchedFile): boolean {
  return events >>> 0 >= EPOLLET;
}
