import type { Debugger } from '../../debugger/debugger.js';
import type { RemoveHook } from '../../debugger/hooks.js';
import type { FoundCode, ProcessImages } from './process-images.js';

const WORD_BYTES = 8;

/**
 * Places that a name gets while a program runs: those in libraries that are loaded later, and those of functions that are chosen
 * later, when the program knows its processor.
 */
export class LatePlaces {
  /** By process, and by process and word. */
  private readonly waiting = new Map<string, RemoveHook>();

  /** `changed` is called for a process where names may have got places, or lost them. */
  constructor(
    private readonly target: Debugger,
    private readonly images: ProcessImages,
    private readonly changed: (pid: number) => void,
  ) {}

  /** Whether there are processes that may load libraries. */
  get canLoad(): boolean {
    return this.target.processes.some((process) => this.images.changeAddress(process) !== undefined);
  }

  /** Where a function lies that has been chosen from several, in each process that has. */
  chosen(name: string): FoundCode[] {
    const { target } = this;
    const found = new Map<string, FoundCode>();
    for (const { pid, address, unresolved } of this.images.slotsOf(name)) {
      const bytes = target.readMemory(address, WORD_BYTES, pid);
      if (bytes.length < WORD_BYTES) continue;
      const value = new DataView(bytes.buffer, bytes.byteOffset, WORD_BYTES).getBigUint64(0, true);
      if (!unresolved.includes(value)) found.set(`${pid} ${value}`, { pid, address: value });
    }
    return [...found.values()];
  }

  /** Waits for the libraries of all processes, and for the choice of some functions, unless there is nothing to wait for. */
  waitFor(names: readonly string[]): void {
    const { target, images } = this;
    const wanted = new Map<string, () => RemoveHook>();
    for (const process of names.length > 0 ? target.processes : []) {
      const { pid } = process;
      const address = images.changeAddress(process);
      const hook = (): void => this.changed(pid);
      if (address !== undefined) wanted.set(`${pid} ${address}`, () => target.hooks.onCode({ address, pid }, hook));
    }
    for (const name of names)
      for (const { pid, address } of this.unchosen(name)) {
        const range = { address, pid, lengthBytes: WORD_BYTES, kind: 'write' } as const;
        const hook = (): void => this.changed(pid);
        wanted.set(`${pid} word ${address}`, () => target.hooks.onMemory(range, hook));
      }
    for (const [key, remove] of [...this.waiting])
      if (!wanted.has(key)) {
        this.waiting.delete(key);
        remove();
      }
    for (const [key, arm] of wanted) if (!this.waiting.has(key)) this.waitWith(key, arm);
  }

  private waitWith(key: string, arm: () => RemoveHook): void {
    try {
      this.waiting.set(key, arm());
    } catch (error) {
      // The memory of a guest may say anything, also what is no address.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** The words for a name in live processes, in those that have not chosen yet. */
  private unchosen(name: string): FoundCode[] {
    const slots = this.images.slotsOf(name);
    if (slots.length === 0) return [];
    const done = new Set(this.chosen(name).map(({ pid }) => pid));
    const live = new Set(this.target.processes.map(({ pid }) => pid));
    return slots.filter(({ pid }) => live.has(pid) && !done.has(pid));
  }
}
