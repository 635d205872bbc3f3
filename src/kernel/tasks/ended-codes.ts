import type { StateWriter } from '../../state/state-writer.js';

/** So many are remembered; of more, the oldest are forgotten. */
const MOST = 4096;

/** What ended with which code, until somebody asks: children of a process, or threads of it, by their numbers. */
export class EndedCodes {
  /** In the order in which they ended. */
  private readonly codes = new Map<number, number>();

  add(id: number, code: number): void {
    this.codes.set(id, code);
    if (this.codes.size > MOST) this.codes.delete(this.codes.keys().next().value!);
  }

  /** Tells the code, and forgets it; undefined where it is not known. */
  take(id: number): number | undefined {
    const code = this.codes.get(id);
    this.codes.delete(id);
    return code;
  }

  writeState(out: StateWriter): void {
    out.numbers([...this.codes].flat());
  }
}
