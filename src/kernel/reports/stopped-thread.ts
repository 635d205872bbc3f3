import { LONGEST_INSTRUCTION } from '../../cpu/decode/code-bytes.js';
import { fromLinear } from '../memory/linear-address.js';
import { homeOf } from '../memory/view.js';
import { surroundingsAt, type Neighbourhood, type Surroundings } from './surroundings.js';
import type { Thread } from '../tasks/thread.js';

/** Which thread was stopped, and at which instruction. */
export interface StoppedThread {
  readonly pid: number;
  readonly name: string;
  readonly tid: number;
  /** The instruction that caused it; the next one for the traps #BP, #OF and #DB, and for a kernel-call. */
  readonly rip: bigint;
  /** Up to 15 bytes at rip, as far as memory can be read there. */
  readonly code: Uint8Array;
  /** What lies at rip. */
  readonly place: Surroundings | undefined;
}

/** Tells of a thread what a report begins with. */
export function stoppedThread(
  machine: Neighbourhood,
  { tid, process: { pid, name, view } }: Thread,
  rip: bigint,
): StoppedThread {
  const seen = fromLinear(rip);
  const code = seen === undefined ? undefined : homeOf(view, seen);
  return {
    ...{ pid, name, tid, rip },
    code: code === undefined ? new Uint8Array(0) : machine.memory.peek(code, LONGEST_INSTRUCTION),
    place: code === undefined ? undefined : surroundingsAt(machine, code),
  };
}
