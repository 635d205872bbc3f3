import type { Logger } from 'pino';
import type { FaultEvent, KernelCallEvent, KernelHooks } from '../index.js';
import type { Trace } from './run-options.js';

/** Hooks that log what `--trace` asks for, whatever the level of the log is. `now` tells the machine's time in ticks. */
export function tracingHooks(log: Logger, traces: readonly Trace[], now: () => number): KernelHooks {
  const tracer = log.child({}, { level: 'trace' });
  const traceCall = ({ thread, name, number, arguments: args, result }: KernelCallEvent): void => {
    const call = { tick: now(), ...placeOf(thread), arguments: args.map(hex).join(' '), result: resultOf(result) };
    tracer.trace(call, `call ${name ?? number}`);
  };
  const traceFault = ({ thread, rip, linear, access, outcome }: FaultEvent): void => {
    tracer.trace({ tick: now(), ...placeOf(thread), rip: hex(rip), address: hex(linear), access, outcome }, 'fault');
  };
  return {
    ...(traces.includes('calls') && { onKernelCall: traceCall }),
    ...(traces.includes('faults') && { onFault: traceFault }),
  };
}

function placeOf({ tid, process: { pid } }: KernelCallEvent['thread']): { pid: number; tid: number } {
  return { pid, tid };
}

/** A value as it is, an error as the negative number that rax holds, or what else became of the call. */
function resultOf(result: KernelCallEvent['result']): string {
  if (typeof result !== 'bigint') return result;
  return result < 0n ? `${result}` : hex(result);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
