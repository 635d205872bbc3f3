/**
 * A machine that runs one guest in slices, between which the worker receives messages. It uses nothing that Node lacks, so that
 * it can be tested there, too.
 */
import { Computer, MemoryNames, describeTrap } from 'bd0';

const MEMORY_BYTES = 128 * 2 ** 20;
const REGION_BYTES = 2 ** 30;

/** The length of a slice is fitted to SLICE_MS, which bounds how long a key or Stop can take to have an effect. */
const SLICE_MS = 20;
const FIRST_SLICE_TICKS = 10_000;
const LONGEST_SLICE_TICKS = 2 ** 27;
/** Kernel work in a slice, about 20 ms: see RunLimits. */
const SLICE_EFFORT = 8192;

const REPORT_MS = 100;
/** The machine pauses while the page has this much output left to show. */
const UNSHOWN_BYTES_MAX = 2 ** 18;

/** A tick is a nanosecond. */
const TICKS_PER_MS = 1e6;
/** The longest delay of setTimeout. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * @typedef {object} Counters
 * @property {number} ticks machine time in nanoseconds
 * @property {number} instructions
 * @property {number} mips millions of instructions per second, not counting time spent waiting
 * @property {number} memoryBytes physical memory in use
 *
 * @typedef {(
 *   | { kind: 'output', bytes: Uint8Array }
 *   | { kind: 'progress', isWaiting: boolean, counters: Counters }
 *   | { kind: 'ended', outcome: 'exited' | 'trapped' | 'deadlocked' | 'stopped', exitCode: number | undefined,
 *       counters: Counters, machineHash: string }
 * )} Report
 *
 * @typedef {object} MachineOptions
 * @property {string} name of the guest
 * @property {readonly string[]} argv
 * @property {ReadonlyMap<string, Uint8Array>} [files] what the guest finds by name
 */

export class Machine {
  #computer;
  #program;
  #report;
  /** @type {Uint8Array[]} */
  #input = [];
  #arrivals = 0;
  /** @type {Uint8Array[]} */
  #output = [];
  #unshownBytes = 0;
  #isStopped = false;
  #sliceTicks = FIRST_SLICE_TICKS;
  #busyMs = 0;
  #reportedAt = -Infinity;
  /** Ends the current wait. */
  #wake = () => {};

  /**
   * Loads an image. Throws KernelError if it cannot run.
   * @param {Uint8Array} image
   * @param {MachineOptions} options
   * @param {(report: Report) => void} report receives everything that happens
   */
  constructor(image, { name, argv, files = new Map() }, report) {
    this.#report = report;
    this.#computer = new Computer({
      memoryBytes: MEMORY_BYTES,
      console: { write: (bytes) => this.#output.push(bytes), read: (max) => this.#read(max), isTerminal: true },
      clock: 'real',
      names: (store) => {
        const names = new MemoryNames(store);
        for (const [name, bytes] of files) {
          const vmo = store.fromBytes(bytes);
          names.publish(name, vmo, undefined);
          vmo.close();
        }
        return names;
      },
    });
    this.#program = this.#computer.start(image, { name, limitBytes: REGION_BYTES, argv });
  }

  /** Adds keyboard input. */
  type(/** @type {Uint8Array} */ bytes) {
    if (bytes.length === 0) return;
    this.#input.push(bytes);
    this.#arrivals++;
    this.#wake();
  }

  /** Tells the machine that the page has shown some of the output. */
  shown(/** @type {number} */ bytes) {
    this.#unshownBytes -= bytes;
    this.#wake();
  }

  /** Ends the run after the current slice. */
  stop() {
    this.#isStopped = true;
    this.#wake();
  }

  /** Runs the guest until it ends, deadlocks or is stopped. */
  async run() {
    for (;;) {
      const arrivals = this.#arrivals;
      const outcome = this.#runSlice();
      this.#sendOutput();
      if (outcome.kind === 'exited' || outcome.kind === 'trapped') return this.#end(outcome.kind, outcome.exitCode);
      const isWaiting = outcome.kind === 'waiting';
      if (isWaiting && !outcome.forInput && outcome.until === Infinity) return this.#end('deadlocked');
      this.#reportProgress(isWaiting);
      await nextTurn();
      while (this.#unshownBytes > UNSHOWN_BYTES_MAX && !this.#isStopped) await this.#sleep(Infinity);
      if (isWaiting && arrivals === this.#arrivals && !this.#isStopped) await this.#wait(outcome.until);
      if (this.#isStopped) return this.#end('stopped');
    }
  }

  #runSlice() {
    const { instructions: before } = this.#computer;
    const start = performance.now();
    const outcome = this.#computer.run(this.#program, { maxTicks: this.#sliceTicks, maxEffort: SLICE_EFFORT });
    const milliseconds = performance.now() - start;
    this.#busyMs += milliseconds;
    // A slice that ended early says nothing about how many ticks would have fitted.
    const isFull = this.#computer.instructions - before >= this.#sliceTicks / 2;
    const factor = Math.min(SLICE_MS / Math.max(milliseconds, 0.1), isFull ? 2 : 1);
    this.#sliceTicks = Math.min(Math.max(1, Math.floor(this.#sliceTicks * factor)), LONGEST_SLICE_TICKS);
    if (outcome.kind === 'trapped') this.#output.push(encode(`${describeTrap(outcome.report).join('\n  ')}\n`));
    return outcome;
  }

  /** @param {number} max */
  #read(max) {
    const bytes = this.#input.shift();
    if (bytes && bytes.length > max) this.#input.unshift(bytes.subarray(max));
    return bytes?.subarray(0, max);
  }

  #sendOutput() {
    const length = this.#output.reduce((total, bytes) => total + bytes.length, 0);
    if (length === 0) return;
    const all = new Uint8Array(length);
    let at = 0;
    for (const bytes of this.#output.splice(0)) {
      all.set(bytes, at);
      at += bytes.length;
    }
    this.#unshownBytes += length;
    this.#report({ kind: 'output', bytes: all });
  }

  /** Sleeps until the tick `until`, or until something happens; the machine's clock follows the host's. */
  async #wait(/** @type {number} */ until) {
    const start = performance.now();
    await this.#sleep((until - this.#computer.ticks) / TICKS_PER_MS);
    const passed = Math.round((performance.now() - start) * TICKS_PER_MS);
    if (until < Infinity) this.#computer.passTime(Math.min(this.#computer.ticks + passed, until));
  }

  /** Resolves after so many milliseconds, or when #wake is called. */
  #sleep(/** @type {number} */ milliseconds) {
    return new Promise((done) => {
      const limited = Math.min(Math.ceil(milliseconds), LONGEST_TIMEOUT_MS);
      const timer = milliseconds < Infinity ? setTimeout(() => this.#wake(), limited) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        done(undefined);
      };
    });
  }

  /** @returns {Counters} */
  get #counters() {
    const { ticks, instructions, frames } = this.#computer.statistics;
    const mips = this.#busyMs > 0 ? instructions / this.#busyMs / 1000 : 0;
    return { ticks, instructions, mips, memoryBytes: frames.inUse * 4096 };
  }

  /** @param {boolean} isWaiting */
  #reportProgress(isWaiting) {
    const now = performance.now();
    if (!isWaiting && now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    this.#report({ kind: 'progress', isWaiting, counters: this.#counters });
  }

  /**
   * @param {'exited' | 'trapped' | 'deadlocked' | 'stopped'} outcome
   * @param {number} [exitCode]
   */
  #end(outcome, exitCode) {
    const machineHash = this.#computer.machineHash();
    this.#report({ kind: 'ended', outcome, exitCode, counters: this.#counters, machineHash });
  }
}

/** Lets messages arrive. A message channel has none of the delay that browsers give to nested timeouts. */
function nextTurn() {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done(undefined);
    };
    port2.postMessage(undefined);
  });
}

/** @param {string} text */
function encode(text) {
  return new TextEncoder().encode(text);
}
