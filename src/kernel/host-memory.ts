import { Errno, KernelError } from './errors.js';
import { outside, schema, value } from '../state/schema.js';

/**
 * What the objects that a guest makes take of the host's heap, in bytes each, with the arrays, handles and table entries
 * that come with them: measured with Node 20, rounded up.
 */
export const HOST_BYTES = {
  /** With its tables of handles and of codes, and the description of its image. */
  process: 8192,
  /** With its registers, what it waits for, and what a call of its that works in parts has in hand. */
  thread: 8192,
  region: 2048,
  /** With a handle on what is mapped. */
  mapping: 256,
  handle: 64,
  /** One that the machine itself keeps; the VMO that it stands for is charged as such. */
  name: 384,
  /** A range that a thread in debug mode may write. */
  grant: 128,
  endedCode: 64,
  freeStack: 96,
  /** A byte whose last writer is known. */
  lastWriter: 192,
  /** A page that was written back, with its place in its region; its bytes are a VMO. */
  writtenBack: 160,
  /** A page that shares a private frame with others after a fork. */
  sharedPage: 64,
  /** A string of argv of a program that is being started; what it holds lies outside the heap. */
  argument: 160,
  /** A patch of a vmo_delta that is in progress. */
  patch: 32,
  /** A file of Linux, with its place in the table of inodes. */
  inode: 1024,
  /** A name in a directory of Linux. */
  directoryEntry: 160,
  /** An extended attribute of a file of Linux, besides the bytes of its name and value. */
  attribute: 512,
  attributeByte: 2,
  /** An open file and a descriptor for it. */
  descriptor: 512,
  /** A file that inotify watches, and an event that waits to be read. */
  fileWatch: 512,
  fileEvent: 256,
  /** A pseudo-terminal, with what was typed and what was written, both full. */
  terminal: 262_144,
  /** One of timer_create(2). */
  timer: 512,
  /** A segment of shared memory, a set of semaphores or a message queue; a semaphore of a set, with what undoes it. */
  ipcObject: 1024,
  semaphore: 64,
  socket: 1024,
  /** What was sent through a socket, besides its bytes. */
  message: 512,
  messageByte: 1,
  /** A part of what is in a pipe. */
  pipePart: 4352,
  /** A page of a file that was written and is in no VMO yet, with its bytes. */
  writtenPage: 4352,
} as const;

export type HostObject = keyof typeof HOST_BYTES;

/** What the machine's objects take of the host's memory, and what they may. */
export interface HostMemoryCounters {
  readonly usedBytes: number;
  readonly maxBytes: number;
}

/** An object that a guest wants has no room in the host's memory. */
export class HostMemoryError extends KernelError {
  constructor(message: string) {
    super(Errno.ENOMEM, message);
    this.name = 'HostMemoryError';
  }
}

/**
 * The account of what a machine's objects take of the host's memory: processes, threads, handles, regions, mappings, names,
 * VMOs and so on. Each kind has a fixed price, charged when an object is made and returned when it is gone, so that the
 * account is a function of what the machine did, and part of its state; the heap is never measured.
 *
 * Whoever makes an object for a program asks `hasRoom` first, or undoes it where `isExceeded` is true afterwards. Objects
 * that take the place of larger ones, such as the code of a thread that has ended, are charged without asking.
 */
export class HostMemory {
  static readonly state = schema(
    'host memory',
    HostMemory,
    {
      kernelBytes: value,
      maxBytes: outside('set when the machine is made'),
      others: outside('counted elsewhere'),
    },
    { isPart: true, computed: [{ name: 'usedBytes', read: ({ usedBytes }) => usedBytes }] },
  );

  private kernelBytes = 0;

  /** Throws RangeError for a bound that is no positive number. */
  constructor(
    readonly maxBytes = Infinity,
    /** What is counted elsewhere, in bytes: VMOs and names. */
    private readonly others: () => number = () => 0,
  ) {
    if (!(maxBytes > 0)) throw new RangeError(`host memory of ${maxBytes} bytes is not more than 0`);
  }

  get counters(): HostMemoryCounters {
    return { usedBytes: this.usedBytes, maxBytes: this.maxBytes };
  }

  get usedBytes(): number {
    return this.kernelBytes + this.others();
  }

  /** Bytes that further objects may take; negative where there are too many. */
  get freeBytes(): number {
    return this.maxBytes - this.usedBytes;
  }

  /** True where what was made last has to be undone. */
  get isExceeded(): boolean {
    return this.freeBytes < 0;
  }

  /** Whether so many further bytes may be taken. */
  hasRoom(bytes: number): boolean {
    return bytes <= this.freeBytes;
  }

  /** Throws HostMemoryError where they may not. */
  require(bytes: number): void {
    if (this.hasRoom(bytes)) return;
    throw new HostMemoryError(
      `the objects of the machine need more host memory than the limit of ${this.maxBytes} bytes`,
    );
  }

  charge(kind: HostObject, count = 1): void {
    this.kernelBytes += HOST_BYTES[kind] * count;
  }

  release(kind: HostObject, count = 1): void {
    this.kernelBytes -= HOST_BYTES[kind] * count;
    if (this.kernelBytes < 0) throw new Error(`more is released than was charged, at last ${count} of ${kind}`);
  }
}
