/** Words of memory that tell of the end of a thread: set_tid_address(2), get_robust_list(2). */
import { OutOfFramesError } from '../../../vmo/errors.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import { homePage } from '../../memory/mapping.js';
import type { UserMemory } from '../../memory/user-memory.js';
import type { Process } from '../../tasks/process.js';
import type { Thread } from '../../tasks/thread.js';
import type { WaitKey } from '../../tasks/wait-queues.js';

/* include/uapi/linux/futex.h */
const FUTEX_WAITERS = 0x8000_0000;
const FUTEX_OWNER_DIED = 0x4000_0000;
const FUTEX_TID_MASK = 0x3fff_ffff;
const ROBUST_LIST_LIMIT = 2048;
/** struct robust_list_head: the first entry, how far its word lies from an entry, and the entry that is being added or removed. */
export const ROBUST_HEAD_BYTES = 24;
const POINTER_BYTES = 8;
const WORD_BYTES = 4;
/** Of a pointer to an entry: the lock inherits priorities. */
const INHERITS = 1n;

/** What is needed to tell of the end of threads. */
export interface ThreadWordsHost {
  readonly space: AddressSpace;
  /** Memory as the threads of a process find it. */
  memoryOf(process: Process): UserMemory;
  readonly waits: { wake(key: WaitKey, answer: bigint, count: number): number };
}

/** What threads that wait for a word wait for: memory that is mapped at several addresses has one. */
export function futexKey(space: AddressSpace, word: LinearAddress): WaitKey {
  const mapping = space.regionAt(word)?.mappingAt(word);
  return { kind: 'word', number: mapping ? homePage(mapping, word) : word };
}

/**
 * Marks the locks on a thread's robust list whose owner it is, and wakes a thread that waits for each; then clears its word, if
 * `clearsTid`, for pthread_join. A list that cannot be read ends there, as on Linux: kernel/futex/core.c "exit_robust_list".
 * Returns how many entries it has visited.
 */
export function tellOfThreadEnd(host: ThreadWordsHost, thread: Thread, clearsTid: boolean): number {
  const { robustList, clearTid } = thread.linux!;
  if (robustList === 0n && !clearsTid) return 0;
  const words = new ThreadWords(host, thread);
  try {
    if (robustList !== 0n) words.releaseLocks(robustList);
    if (clearsTid && clearTid !== 0n) words.clear(clearTid);
  } catch (error) {
    if (!(error instanceof OutOfFramesError)) throw error;
  }
  return words.visited;
}

class ThreadWords {
  visited = 0;
  private readonly memory: UserMemory;
  private readonly tid: number;

  constructor(
    private readonly host: ThreadWordsHost,
    { process, linux }: Thread,
  ) {
    this.memory = host.memoryOf(process);
    this.tid = linux!.tid;
  }

  clear(address: bigint): void {
    const word = this.memory.locate(address, BigInt(WORD_BYTES), 'write');
    if (word === undefined) return;
    this.put(word, 0);
    this.wake(word);
  }

  releaseLocks(head: bigint): void {
    const [first, offset, pending] = [0n, 8n, 16n].map((at) => this.pointer(head + at));
    if (first === undefined || offset === undefined || pending === undefined) return;
    const lock = (entry: bigint): bigint => BigInt.asUintN(64, (entry & ~INHERITS) + offset);
    const isPending = (entry: bigint): boolean => (entry & ~INHERITS) === (pending & ~INHERITS);
    for (let entry = first; (entry & ~INHERITS) !== head;) {
      if (++this.visited > ROBUST_LIST_LIMIT) break;
      // The next one is read before its owner may change it.
      const next = this.pointer(entry & ~INHERITS);
      if (!isPending(entry) && !this.release(lock(entry), (entry & INHERITS) !== 0n, false)) return;
      if (next === undefined) return;
      entry = next;
    }
    if ((pending & ~INHERITS) !== 0n) this.release(lock(pending), (pending & INHERITS) !== 0n, true);
  }

  /** Marks one lock, if the thread has it. Returns false if its word cannot be reached. */
  private release(address: bigint, inherits: boolean, isPending: boolean): boolean {
    if (address % BigInt(WORD_BYTES) !== 0n) return false;
    const word = this.memory.locate(address, BigInt(WORD_BYTES), 'write');
    if (word === undefined) return false;
    const value = this.memory.readWord(word);
    if (isPending && !inherits && value === 0) this.wake(word);
    if ((value & FUTEX_TID_MASK) !== this.tid) return true;
    this.put(word, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
    if (!inherits && (value & FUTEX_WAITERS) !== 0) this.wake(word);
    return true;
  }

  private pointer(address: bigint): bigint | undefined {
    const at = this.memory.locate(BigInt.asUintN(64, address), BigInt(POINTER_BYTES), 'read');
    if (at === undefined) return undefined;
    const bytes = this.memory.read(at, POINTER_BYTES);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  private put(word: LinearAddress, value: number): void {
    const bytes = new Uint8Array(WORD_BYTES);
    new DataView(bytes.buffer).setInt32(0, value, true);
    this.memory.write(word, bytes);
  }

  private wake(word: LinearAddress): void {
    this.host.waits.wake(futexKey(this.host.space, word), 0n, 1);
  }
}
