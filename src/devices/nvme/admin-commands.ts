import { outside, schema, value } from '../../state/schema.js';
import type { DirectMemory } from '../direct-access.js';
import type { Disk } from '../disk.js';
import { NVME_PAGE_BYTES, STATUS, writeData, type Command, type Outcome, type Status } from './command.js';
import { EVENT_LIMIT, MOST_DATA_BYTES, identify } from './identify.js';
import { completionQueue, submissionQueue, type CompletionQueue, type SubmissionQueue } from './queues.js';

export const ADMIN_QUEUE = 0;
export const MOST_QUEUE_ENTRIES = 2048;
/** I/O queues of either kind. */
const MOST_QUEUES = 16;

/** Opcodes of admin commands: NVM Express 1.4, 5. */
const DELETE_SUBMISSION_QUEUE = 0x00;
const CREATE_SUBMISSION_QUEUE = 0x01;
const GET_LOG_PAGE = 0x02;
const DELETE_COMPLETION_QUEUE = 0x04;
const CREATE_COMPLETION_QUEUE = 0x05;
const IDENTIFY = 0x06;
const ABORT = 0x08;
const SET_FEATURES = 0x09;
const GET_FEATURES = 0x0a;
const REQUEST_EVENT = 0x0c;

const IS_CONTIGUOUS = 1 << 0;
const HAS_INTERRUPTS = 1 << 1;
/** Abort: the command was not aborted, since it has completed. */
const NOT_ABORTED = 1;

/** Error information, health, and firmware slots. */
const LOG_PAGES = [0x01, 0x02, 0x03];

const QUEUE_COUNT = 0x07;
/** Features that are kept as they are set: arbitration, power, temperature, error recovery, write cache, interrupts, events. */
const FEATURES = [0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0b];
/** The write cache is on. */
const INITIAL_FEATURES: readonly (readonly [number, number])[] = [[0x06, 1]];

/** The admin commands of an NVMe controller, and the queues that they make. */
export class AdminCommands {
  static readonly state = schema(
    'NVMe admin commands',
    AdminCommands,
    {
      memory: outside('guest memory'),
      disks: outside('the controller has them'),
      queues: value,
      features: value,
      heldEvents: value,
    },
    { isPart: true },
  );

  /** By their numbers; the admin queues have number 0. */
  readonly queues = {
    submission: new Map<number, SubmissionQueue>(),
    completion: new Map<number, CompletionQueue>(),
  };
  private readonly features = new Map(INITIAL_FEATURES);
  /** Number of requests for events; none ever occurs. */
  private heldEvents = 0;

  constructor(
    private readonly memory: DirectMemory,
    private readonly disks: readonly Disk[],
  ) {}

  reset(): void {
    this.queues.submission.clear();
    this.queues.completion.clear();
    this.features.clear();
    for (const [feature, value] of INITIAL_FEATURES) this.features.set(feature, value);
    this.heldEvents = 0;
  }

  perform(command: Command): Outcome {
    switch (command.opcode) {
      case DELETE_SUBMISSION_QUEUE:
        return this.deleteSubmissionQueue(command.dwords[10]! & 0xffff);
      case CREATE_SUBMISSION_QUEUE:
        return this.createSubmissionQueue(command);
      case GET_LOG_PAGE:
        return this.logPage(command);
      case DELETE_COMPLETION_QUEUE:
        return this.deleteCompletionQueue(command.dwords[10]! & 0xffff);
      case CREATE_COMPLETION_QUEUE:
        return this.createCompletionQueue(command);
      case IDENTIFY: {
        const data = identify(command, this.disks);
        return typeof data === 'number' ? data : writeData(this.memory, command, data);
      }
      case ABORT:
        return { result: NOT_ABORTED };
      case SET_FEATURES:
        return this.feature(command, true);
      case GET_FEATURES:
        return this.feature(command, false);
      case REQUEST_EVENT:
        if (this.heldEvents > EVENT_LIMIT) return STATUS.tooManyEvents;
        this.heldEvents++;
        return 'held';
      default:
        return STATUS.invalidOpcode;
    }
  }

  /** The number and size of a queue to be made, or a status. */
  private newQueue({ dwords, pointers }: Command, others: ReadonlyMap<number, unknown>): QueuePlace | Status {
    const id = dwords[10]! & 0xffff;
    const size = (dwords[10]! >>> 16) + 1;
    if (id === ADMIN_QUEUE || id > MOST_QUEUES || others.has(id)) return STATUS.invalidQueue;
    if (size < 2 || size > MOST_QUEUE_ENTRIES) return STATUS.invalidQueueSize;
    if (!(dwords[11]! & IS_CONTIGUOUS)) return STATUS.invalidField;
    if (pointers[0] % NVME_PAGE_BYTES !== 0) return STATUS.invalidPageOffset;
    return { id, size, base: pointers[0] };
  }

  private createCompletionQueue(command: Command): Status {
    const { completion } = this.queues;
    const place = this.newQueue(command, completion);
    if (typeof place === 'number') return place;
    const flags = command.dwords[11]!;
    if (flags >>> 16 !== 0) return STATUS.invalidVector;
    completion.set(place.id, completionQueue(place.base, place.size, (flags & HAS_INTERRUPTS) !== 0));
    return STATUS.success;
  }

  private createSubmissionQueue(command: Command): Status {
    const { submission, completion } = this.queues;
    const place = this.newQueue(command, submission);
    if (typeof place === 'number') return place;
    const completions = command.dwords[11]! >>> 16;
    if (completions === ADMIN_QUEUE || !completion.has(completions)) return STATUS.invalidCompletionQueue;
    submission.set(place.id, submissionQueue(place.base, place.size, completions));
    return STATUS.success;
  }

  private deleteSubmissionQueue(id: number): Status {
    return id !== ADMIN_QUEUE && this.queues.submission.delete(id) ? STATUS.success : STATUS.invalidQueue;
  }

  private deleteCompletionQueue(id: number): Status {
    const { submission, completion } = this.queues;
    if (id === ADMIN_QUEUE || !completion.has(id)) return STATUS.invalidQueue;
    if ([...submission.values()].some(({ completions }) => completions === id)) return STATUS.invalidDeletion;
    completion.delete(id);
    return STATUS.success;
  }

  /** Nothing has ever gone wrong: pages of zeros. */
  private logPage(command: Command): Status {
    const { dwords } = command;
    if (!LOG_PAGES.includes(dwords[10]! & 0xff)) return STATUS.invalidLogPage;
    const lengthBytes = ((dwords[11]! & 0xffff) * 0x1_0000 + (dwords[10]! >>> 16) + 1) * 4;
    if (lengthBytes > MOST_DATA_BYTES) return STATUS.invalidField;
    return writeData(this.memory, command, new Uint8Array(lengthBytes));
  }

  private feature({ dwords }: Command, isSet: boolean): Outcome {
    const feature = dwords[10]! & 0xff;
    if (feature === QUEUE_COUNT) return { result: ((MOST_QUEUES - 1) << 16) | (MOST_QUEUES - 1) };
    if (!FEATURES.includes(feature)) return STATUS.invalidField;
    if (isSet) this.features.set(feature, dwords[11]!);
    return { result: this.features.get(feature) ?? 0 };
  }
}

interface QueuePlace {
  readonly id: number;
  readonly size: number;
  readonly base: number;
}
