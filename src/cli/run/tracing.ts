import type { Logger } from 'pino';
import {
  describeTranslation,
  placedSymbols,
  SymbolTable,
  translationText,
  type Computer,
  type FaultEvent,
  type KernelCallEvent,
  type KernelHooks,
  type Process,
  type Steps,
  type SymbolFinder,
  type TranslationEvent,
  type TranslationHook,
  type VmoHandle,
} from '../../index.js';
import type { Trace } from './run-options.js';

/** Logs what `--trace` asks for, whatever the level of the log is. */
export class Tracing {
  /** Hooks of the machine, for the requested events only. */
  readonly hooks: KernelHooks;
  readonly onTranslated: TranslationHook | undefined;
  private readonly log: Logger;
  private symbols: SymbolFinder | undefined;

  /** `machine` returns the machine, which is created with these hooks. */
  constructor(
    log: Logger,
    traces: readonly Trace[],
    private readonly machine: () => Computer,
  ) {
    this.log = log.child({}, { level: 'trace' });
    this.hooks = {
      ...(traces.includes('calls') && { onKernelCall: (event: KernelCallEvent) => this.traceCall(event) }),
      ...(traces.includes('faults') && { onFault: (event: FaultEvent) => this.traceFault(event) }),
    };
    if (traces.includes('blocks')) this.onTranslated = (event) => this.traceBlocks(event);
  }

  /** A process has been started from an image: from now on addresses are shown with its symbols. */
  *started(image: VmoHandle, { description }: Process): Steps<void> {
    const table = yield* SymbolTable.readInSteps(image);
    this.symbols = placedSymbols(table, description.entry);
  }

  private traceCall({ thread, name, number, arguments: args, result }: KernelCallEvent): void {
    const call = { ...this.placeOf(thread), arguments: args.map(hex).join(' '), result: resultOf(result) };
    this.log.trace(call, `call ${name ?? number}`);
  }

  private traceFault({ thread, rip, linear, access, outcome }: FaultEvent): void {
    this.log.trace({ ...this.placeOf(thread), rip: hex(rip), address: hex(linear), access, outcome }, 'fault');
  }

  private traceBlocks(event: TranslationEvent): void {
    const { base, entries, instructions, bytes, milliseconds, reason } = event;
    const machine = this.machine();
    const readMemory = machine.readMemory.bind(machine);
    const { symbols } = this;
    const text = translationText(event, { readMemory, ...(symbols && { symbols }) });
    const sizes = { instructions: instructions.length, bytes: bytes.length, milliseconds };
    this.log.trace(
      { tick: machine.ticks, region: hex(base), entries: entries.map(hex), ...sizes, reason },
      [describeTranslation(event, symbols), ...text].join('\n'),
    );
  }

  private placeOf({ tid, process: { pid } }: KernelCallEvent['thread']): { tick: number; pid: number; tid: number } {
    return { tick: this.machine().ticks, pid, tid };
  }
}

/** A value as it is, an error as the negative number that rax holds, or what else became of the call. */
function resultOf(result: KernelCallEvent['result']): string {
  if (typeof result !== 'bigint') return result;
  return result < 0n ? `${result}` : hex(result);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
