/** Reads that are remembered, at most. */
const MOST_READS = 256;

/** A read of memory, as a process sees it. */
interface MemoryRead {
  readonly address: bigint;
  readonly lengthBytes: number;
  readonly pid: number | undefined;
}

/**
 * For which process a debugger has read memory since the machine has stopped, which says for which one its user wants a
 * watchpoint. gdb inserts it when the machine is to continue, and may then have selected the thread that it will step first
 * instead of the one that its user had selected. But it reads the value once or more when its user types `watch`, and exactly
 * once when it inserts the watchpoint.
 */
export class MemoryReaders {
  private readonly reads: MemoryRead[] = [];

  note(read: MemoryRead): void {
    if (this.reads.length >= MOST_READS) this.reads.shift();
    this.reads.push(read);
  }

  /** The process for which the user of the debugger has asked to watch a range; `selected` is the one that is selected now. */
  watcherOf(address: bigint, lengthBytes: number, selected: number | undefined): number | undefined {
    const pids = this.reads
      .filter((read) => read.address === address && read.lengthBytes === lengthBytes)
      .map(({ pid }) => pid)
      .reverse();
    const isOfInsertion = pids[0] === selected && pids[1] !== undefined && pids[1] !== selected;
    return isOfInsertion ? pids[1] : selected;
  }

  /** Called before the machine continues, by more than an instruction of one thread. */
  clear(): void {
    this.reads.length = 0;
  }
}
