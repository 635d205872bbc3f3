import type { CallResult } from './calls/call.js';
import { KERNEL_CALLS } from './calls/index.js';
import type { LinuxCall, LinuxContext } from './linux/call.js';
import { LINUX_CALLS } from './linux/calls/index.js';
import type { ProgramAbi } from './program/elf.js';

/** What there is of a call in both tables. */
export type AnyCall = Pick<LinuxCall, 'number' | 'name' | 'parameters' | 'interrupted'> & {
  perform(context: LinuxContext, ...args: bigint[]): CallResult;
};

const CALLS: Readonly<Record<ProgramAbi, ReadonlyMap<number, AnyCall>>> = {
  bd0: new Map(KERNEL_CALLS.map((call) => [call.number, call])),
  linux: new Map(LINUX_CALLS.map((call) => [call.number, call])),
};

/** The call of a number; undefined where there is none. */
export function callOf({ abi, number }: { readonly abi: ProgramAbi; readonly number: number }): AnyCall | undefined {
  return CALLS[abi].get(number);
}
