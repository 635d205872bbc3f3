import { kept, schema, value } from '../../../state/schema.js';
import { HOST_BYTES, type HostMemory } from '../../host-memory.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import { IPC_PRIVATE, type IpcObject } from './ipc-object.js';

/** An id is an index, and a number that differs when the index is used again. ipc/util.h */
const INDEX_BITS = 15;
const INDEX_MASK = (1 << INDEX_BITS) - 1;
const SEQUENCES = 1 << 16;
/** Indices are used in turn, at least so many. */
const CYCLE_LEAST = 64;

/** Objects of one kind, by their ids. */
export class IpcTable<Kind extends IpcObject> {
  static readonly state = schema('ipc table', IpcTable, {
    objects: value,
    next: value,
    last: value,
    sequence: value,
    most: value,
    hostMemory: kept('that of the machine'),
  });

  /** By index. */
  private readonly objects = new Map<number, Kind>();
  private next = 0;
  private last = -1;
  private sequence = 0;

  constructor(
    private readonly hostMemory: HostMemory,
    /** Objects that there may be. */
    private readonly most: number,
  ) {}

  get size(): number {
    return this.objects.size;
  }

  /** In the order of their indices. */
  get all(): readonly Kind[] {
    return [...this.objects].sort(([a], [b]) => a - b).map(([, object]) => object);
  }

  /** The highest index in use; 0 where none is. */
  get highest(): number {
    return Math.max(0, ...this.objects.keys());
  }

  /** Throws EINVAL where there is no such object. */
  get(id: number): Kind {
    const object = id < 0 ? undefined : this.objects.get(id & INDEX_MASK);
    if (object?.id !== id) throw new LinuxError(LinuxErrno.EINVAL);
    return object;
  }

  /** The object of an index. Throws EINVAL. */
  at(index: number): Kind {
    const object = index < 0 ? undefined : this.objects.get(index & INDEX_MASK);
    if (!object) throw new LinuxError(LinuxErrno.EINVAL);
    return object;
  }

  ofKey(key: number): Kind | undefined {
    return key === IPC_PRIVATE ? undefined : [...this.objects.values()].find((object) => object.key === key);
  }

  /** Throws ENOSPC where there is no room for a further object. */
  requireRoom(): void {
    const hasRoom = this.objects.size < this.most && this.hostMemory.hasRoom(HOST_BYTES.ipcObject);
    if (!hasRoom) throw new LinuxError(LinuxErrno.ENOSPC);
  }

  /** Gives an object an id, which it returns. ipc/util.c "ipc_idr_alloc" */
  add(object: Kind): number {
    const end = Math.min(Math.max(Math.floor((this.objects.size * 3) / 2), CYCLE_LEAST), this.most);
    const index = this.freeFrom(this.next, end) ?? this.freeFrom(0, end)!;
    this.next = index + 1;
    if (index <= this.last) this.sequence = (this.sequence + 1) % SEQUENCES;
    this.last = index;
    object.id = this.sequence * (INDEX_MASK + 1) + index;
    this.objects.set(index, object);
    this.hostMemory.charge('ipcObject');
    return object.id;
  }

  remove({ id }: Kind): void {
    if (this.objects.delete(id & INDEX_MASK)) this.hostMemory.release('ipcObject');
  }

  private freeFrom(start: number, end: number): number | undefined {
    for (let index = start; index < end; index++) if (!this.objects.has(index)) return index;
    return undefined;
  }
}
