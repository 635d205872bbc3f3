import type { Logger } from 'pino';
import {
  describeTranslation,
  describeTrap,
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
  type TrapReport,
} from '../../index.js';
import type { Trace } from './run-options.js';

/** Logs what `--trace` asks for, whatever the level of the log is. */
export class Tracing {
  /** Hooks of the machine, for the requested events only. */
  readonly hooks: KernelHooks;
  readonly onTranslated: TranslationHook | undefined;
  private readonly log: Logger;
  /** Symbols of the processes that have been found living when something was to be named. */
  private readonly named = new WeakMap<Process, SymbolFinder>();

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
      ...(traces.includes('traps') && { onTrap: (report: TrapReport) => this.traceTrap(report) }),
    };
    if (traces.includes('blocks')) this.onTranslated = (event) => this.traceBlocks(event);
  }

  /** Reads the symbols of a process that has been started, in steps. Those of others are read when they are needed. */
  *started(process: Process): Steps<void> {
    // Its own handle: the table reads from it as long as the process lives.
    const table = yield* SymbolTable.readInSteps(process.image);
    this.named.set(process, placedSymbols(table, process.description.entry));
  }

  /** Finds the symbols of all live processes: each has its own addresses. */
  private readonly symbols: SymbolFinder = (linear) => {
    for (const process of this.machine().parts.kernel.processes.live()) {
      const match = this.symbolsOf(process)(linear);
      if (match) return match;
    }
    return undefined;
  };

  private symbolsOf(process: Process): SymbolFinder {
    const known = this.named.get(process);
    if (known) return known;
    const symbols = placedSymbols(SymbolTable.read(process.image), process.description.entry);
    this.named.set(process, symbols);
    return symbols;
  }

  private traceCall({ thread, name, number, arguments: args, result }: KernelCallEvent): void {
    const call = { ...this.placeOf(thread), arguments: args.map(hex).join(' '), result: resultOf(result) };
    this.log.trace(call, `call ${name ?? number}`);
  }

  private traceFault({ thread, rip, linear, access, outcome }: FaultEvent): void {
    this.log.trace({ ...this.placeOf(thread), rip: hex(rip), address: hex(linear), access, outcome }, 'fault');
  }

  private traceTrap(report: TrapReport): void {
    const { pid, tid, exitCode } = report;
    this.log.trace({ tick: this.machine().ticks, pid, tid, exitCode }, describeTrap(report).join('\n'));
  }

  private traceBlocks(event: TranslationEvent): void {
    const { base, entries, instructions, bytes, milliseconds, reason } = event;
    const machine = this.machine();
    const readMemory = machine.readMemory.bind(machine);
    const { symbols } = this;
    const text = translationText(event, { readMemory, symbols });
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
