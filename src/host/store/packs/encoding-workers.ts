/**
 * Encodes groups on other threads, one for each processor. Node's own compression in the background makes a stream for each
 * group, which takes a quarter of the CPU time of the calling thread in an import, and a quarter of that of all.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { compiled } from '../../package-root.js';
import { encode, type Encoded } from './compression.js';

/** Most threads. */
const WORKERS_MAX = 8;

/** Groups of a process that are encoded at once: starting a thread takes as long as encoding so many. */
export const GROUPS_AT_ONCE = 64;

interface Waiting {
  readonly resolve: (encoded: Encoded) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread, and what it is to answer, the oldest first. The process does not wait for it while it has nothing to do. */
class EncodingThread {
  private readonly waiting: Waiting[] = [];
  private readonly worker: Worker;
  isLost = false;

  constructor(script: string) {
    this.worker = new Worker(script);
    this.worker.unref();
    this.worker.on('message', (encoded: Encoded) => {
      this.waiting.shift()!.resolve(encoded);
      if (this.waiting.length === 0) this.worker.unref();
    });
    this.worker.on('error', (error) => this.lose(error));
    this.worker.on('exit', () => this.lose(new Error('a thread that encodes has ended')));
  }

  get load(): number {
    return this.waiting.length;
  }

  encode(content: Uint8Array): Promise<Encoded> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.worker.ref();
      this.worker.postMessage(content);
    });
  }

  private lose(error: unknown): void {
    this.isLost = true;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

/** Threads that are started once there is enough for them to do. */
export class EncodingThreads {
  private threads: EncodingThread[] | undefined;
  private encodedAtOnce = 0;

  /** `script` is the path of what a thread runs. */
  constructor(private readonly script: string) {}

  /** As `encode`, on another thread where that pays. Rejects if the thread ends; none that has ended is asked again. */
  encode(content: Uint8Array): Promise<Encoded> {
    if (this.encodedAtOnce < GROUPS_AT_ONCE) {
      this.encodedAtOnce++;
      return Promise.resolve(encode(content));
    }
    const count = Math.min(availableParallelism(), WORKERS_MAX);
    this.threads ??= Array.from({ length: count }, () => new EncodingThread(this.script));
    const usable = this.threads.filter(({ isLost }) => !isLost);
    const [first, ...others] = usable;
    if (!first) return Promise.resolve(encode(content));
    return others.reduce((least, thread) => (thread.load < least.load ? thread : least), first).encode(content);
  }
}

const threads = new EncodingThreads(compiled('host/store/packs/encoding-worker.js'));

/** As `encode`, on a thread of this process where that pays. Rejects where that cannot be done. */
export function encodeAside(content: Uint8Array): Promise<Encoded> {
  return threads.encode(content);
}
