import { HostMemory } from '../host-memory.js';
import { kept, schema, value } from '../../state/schema.js';

/** So many are remembered; of more, the oldest are forgotten. */
const MOST = 4096;

/** The exit codes of ended children or threads of a process, by number, until they are collected. */
export class EndedCodes {
  static readonly state = schema('ended codes', EndedCodes, {
    codes: value,
    hostMemory: kept('the one account of the machine'),
  });

  /** In the order in which they ended. */
  private readonly codes = new Map<number, number>();

  constructor(private readonly hostMemory = new HostMemory()) {}

  add(id: number, code: number): void {
    const before = this.codes.size;
    this.codes.set(id, code);
    if (this.codes.size > MOST) this.codes.delete(this.codes.keys().next().value!);
    this.hostMemory.charge('endedCode', this.codes.size - before);
  }

  /** Tells the code, and forgets it; undefined where it is not known. */
  take(id: number): number | undefined {
    const code = this.codes.get(id);
    if (this.codes.delete(id)) this.hostMemory.release('endedCode');
    return code;
  }

  /** Forgets all of them. */
  clear(): void {
    this.hostMemory.release('endedCode', this.codes.size);
    this.codes.clear();
  }
}
