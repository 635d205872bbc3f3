import { outside, schema, value } from '../../../state/schema.js';
import type { HostMemory } from '../../host-memory.js';
import type { Mapping } from '../../memory/mapping.js';
import type { Region } from '../../memory/region.js';
import type { FileSystem } from '../files/file-system.js';
import { SharedFilePart } from '../files/shared-file.js';
import type { LinuxProcess } from '../linux-process.js';
import { IpcTable } from './ipc-table.js';
import type { MessageQueue } from './message-queue.js';
import { PosixQueues } from './posix-queues.js';
import type { SemaphoreSet } from './semaphore-set.js';
import type { SharedSegment } from './shared-segment.js';

/** Objects of each kind that there may be: SHMMNI, SEMMNI and MSGMNI. */
export const SEGMENTS_MAX = 4096;
export const SETS_MAX = 32_000;
export const QUEUES_MAX = 32_000;
const NANOSECONDS = 1_000_000_000n;

/** The objects by which processes that need have nothing in common reach one another: sysvipc(7), mq_overview(7). */
export class Ipc {
  static readonly state = schema(
    'ipc',
    Ipc,
    { shared: value, semaphores: value, queues: value, posix: value, files: outside('those of the machine') },
    { isPart: true },
  );

  readonly semaphores: IpcTable<SemaphoreSet>;
  readonly queues: IpcTable<MessageQueue>;
  readonly posix: PosixQueues;
  private readonly shared: IpcTable<SharedSegment>;

  constructor(
    private readonly files: FileSystem,
    hostMemory: HostMemory,
  ) {
    this.shared = new IpcTable(hostMemory, SEGMENTS_MAX);
    this.semaphores = new IpcTable(hostMemory, SETS_MAX);
    this.queues = new IpcTable(hostMemory, QUEUES_MAX);
    this.posix = new PosixQueues();
  }

  /** Seconds since 1970. */
  get now(): number {
    return Number(this.files.now / NANOSECONDS);
  }

  /** Segments of shared memory, without those that were removed and that nobody has attached any more. */
  get segments(): IpcTable<SharedSegment> {
    for (const segment of this.shared.all)
      if (segment.isRemoved && segment.attachments === 0) this.shared.remove(segment);
    return this.shared;
  }

  /** The segment that a mapping shows, and where in it the mapping begins. */
  shownBy({ shared }: Mapping): { readonly segment: SharedSegment; readonly offset: number } | undefined {
    const owner = shared?.memory.owner;
    if (this.shared.size === 0 || !(owner instanceof SharedFilePart)) return undefined;
    const segment = this.shared.all.find(({ file }) => file === owner.inode);
    return segment && { segment, offset: owner.start + shared!.offset };
  }

  /** A process unmaps a range of its home. */
  detach(region: Region, start: number, end: number, pid: number): void {
    this.forEachSegment(region, start, end, (segment) => {
      segment.detachedAt = this.now;
      segment.lastPid = pid;
    });
  }

  /** Mappings of a process have another protection in part: one that was divided counts as attached again. */
  divided(region: Region, mappings: readonly Mapping[], pid: number): void {
    for (const mapping of mappings) {
      const [first, last] = [region.mappingAt(mapping.start), region.mappingAt(mapping.end - 1)];
      // A part that has become one with what is beside it is not divided off: its border has moved.
      const isDivided = first !== last && first?.start === mapping.start && last?.end === mapping.end;
      if (isDivided) this.attach(region, mapping.start, mapping.end, pid);
    }
  }

  /** A process is forked, and its child has attached what it has. */
  forked({ pid, memory: { region } }: LinuxProcess): void {
    this.attach(region, region.start, region.end, pid);
  }

  private attach(region: Region, start: number, end: number, pid: number): void {
    this.forEachSegment(region, start, end, (segment) => {
      segment.attachedAt = this.now;
      segment.lastPid = pid;
    });
  }

  /** A process ends. `isAlone`: nobody else lives in its memory. */
  ended({ pid, memory: { region } }: LinuxProcess, isAlone: boolean): void {
    for (const set of this.semaphores.all)
      if (set.undo(pid, this.files, this.now)) this.files.hostMemory.release('semaphore', set.values.length);
    if (isAlone) this.detach(region, region.start, region.end, pid);
  }

  private forEachSegment(region: Region, start: number, end: number, work: (segment: SharedSegment) => void): void {
    if (this.shared.size === 0) return;
    for (const mapping of region.mappingsIn(start, end)) {
      const segment = this.shownBy(mapping)?.segment;
      if (segment) work(segment);
    }
  }
}
