import type { CallResult } from './calls/call.js';
import { KERNEL_CALLS } from './calls/index.js';
import type { LinuxCall, LinuxContext } from './linux/call.js';
import { linuxCalls } from './linux/calls-at-hand.js';
import type { ProgramAbi } from './program/elf.js';

/** What there is of a call in both tables. */
export type AnyCall = Pick<LinuxCall, 'number' | 'name' | 'parameters' | 'interrupted'> & {
  perform(context: LinuxContext, ...args: bigint[]): CallResult;
};

const BD0_CALLS: ReadonlyMap<number, AnyCall> = new Map(KERNEL_CALLS.map((call) => [call.number, call]));

/** The call of a number; undefined where there is none. Those of Linux have to be loaded. */
export function callOf({ abi, number }: { readonly abi: ProgramAbi; readonly number: number }): AnyCall | undefined {
  return (abi === 'bd0' ? BD0_CALLS : linuxCalls.calls)?.get(number);
}

/** Whether the calls of Linux are still to be loaded: see LinuxCallTable. */
export function lacksLinuxCalls(): boolean {
  return linuxCalls.calls === undefined;
}

/** Loads the calls of Linux. Rejects with an Error if they cannot be loaded. */
export function loadLinuxCalls(): Promise<void> {
  return linuxCalls.load();
}
