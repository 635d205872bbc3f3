import { fullAddress } from './address-text.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import type { DebugProcess, DebugTarget, MappedRange } from '../target.js';

/** `process 2.1`: a process as users know it, and as it knows itself if that is another number. */
export function processText({ pid, linuxPid }: Pick<DebugProcess, 'pid' | 'linuxPid'>, name = ''): string {
  const text = pidText(pid);
  const details = [
    ...(name === '' ? [] : [name]),
    ...(linuxPid === undefined || `${linuxPid}` === text ? [] : [`${linuxPid} to Linux programs`]),
  ];
  return `process ${text}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
}

/** A process and its threads, a line each. */
export function processLines(process: DebugProcess, target: DebugTarget): string[] {
  const { pid, parent, name, base, linuxPid, threads } = process;
  const origin = parent === 0 ? '' : `, started by process ${pidText(parent)}`;
  const own = linuxPid === undefined ? '' : `, process ${linuxPid} to Linux programs`;
  return [
    `process ${pidText(pid)} (${name}) at ${fullAddress(base)}${origin}${own}`,
    ...threads.map((thread) => {
      const { rip } = target.readRegisters(thread.tid);
      return `  thread ${thread.tid} at ${fullAddress(rip)}: ${threadDoing(thread)}`;
    }),
  ];
}

/**
 * `0x0000000100000000-0x0000000100001000 r-x image of process 1 (guest)`: where the process sees it. If it lies elsewhere,
 * `, lies at 0x0000010000000000` follows.
 */
export function rangeLine(range: MappedRange, target: DebugTarget): string {
  const { start, seen, lengthBytes, what, pid, ...access } = range;
  const name = target.processes.find((process) => process.pid === pid)?.name;
  const owner = pid === undefined ? '' : ` of process ${pidText(pid)}${name === undefined ? '' : ` (${name})`}`;
  const letters = `${access.readable ? 'r' : '-'}${access.writable ? 'w' : '-'}${access.executable ? 'x' : '-'}`;
  const home = seen === start ? '' : `, lies at ${fullAddress(start)}`;
  return `${fullAddress(seen)}-${fullAddress(seen + lengthBytes)} ${letters} ${what}${owner}${home}`;
}

/** What a thread is doing, in a few words. */
export function threadDoing({ state, call }: { readonly state: string; readonly call: string | undefined }): string {
  return call === undefined ? state : `${state}, ${call}`;
}
