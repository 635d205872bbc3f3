import { hex } from '../../bits.js';
import type { DebugProcess, DebugTarget, MappedRange } from '../target.js';

const ADDRESS_DIGITS = 16;

/** A process and its threads, a line each. */
export function processLines({ pid, parent, name, base, threads }: DebugProcess, target: DebugTarget): string[] {
  const origin = parent === 0 ? '' : `, started by process ${parent}`;
  return [
    `process ${pid} (${name}) at ${hex(base, ADDRESS_DIGITS)}${origin}`,
    ...threads.map((thread) => {
      const { rip } = target.readRegisters(thread.tid);
      return `  thread ${thread.tid} at ${hex(rip, ADDRESS_DIGITS)}: ${threadDoing(thread)}`;
    }),
  ];
}

/** `0x0000000100000000-0x0000000100001000 r-x image of process 1 (guest)`. */
export function rangeLine({ start, lengthBytes, what, pid, ...access }: MappedRange, target: DebugTarget): string {
  const name = target.processes.find((process) => process.pid === pid)?.name;
  const owner = pid === undefined ? '' : ` of process ${pid}${name === undefined ? '' : ` (${name})`}`;
  const letters = `${access.readable ? 'r' : '-'}${access.writable ? 'w' : '-'}${access.executable ? 'x' : '-'}`;
  return `${hex(start, ADDRESS_DIGITS)}-${hex(start + lengthBytes, ADDRESS_DIGITS)} ${letters} ${what}${owner}`;
}

/** What a thread is doing, in a few words. */
export function threadDoing({ state, call }: { readonly state: string; readonly call: string | undefined }): string {
  return call === undefined ? state : `${state}, ${call}`;
}
