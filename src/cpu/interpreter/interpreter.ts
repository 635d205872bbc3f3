import type { GuestMemory } from '../../memory.js';
import { EXIT_BUDGET, EXIT_RECORD } from '../state/layout.js';
import { generated, type GeneratedInterpreter } from './generated.js';
import type { ExitCode } from '../engine/record.js';
import type { RecordFunctions } from '../engine/run-decoder.js';

/** The generated interpreter, bound to a memory. */
export class Interpreter {
  /** The record at which `run` stopped, and the ticks that were left. */
  record = 0;
  ticksLeft = 0;
  private readonly runRecords: (record: number, budget: number) => ExitCode;
  private readonly host32: Int32Array;
  /** The functions of wasm/functions, for other generated code to call. */
  readonly functions: WebAssembly.ModuleImports;
  /** Those that write records: see run-decoder.ts. */
  readonly writers: RecordFunctions;

  constructor(memory: GuestMemory) {
    const instance = new WebAssembly.Instance(interpreterModule(), { bd0: { memory: memory.memory } });
    const { run, decodeRecords, finishRecords, ...functions } = instance.exports as WebAssembly.ModuleImports;
    this.writers = { decodeRecords, finishRecords } as unknown as RecordFunctions;
    this.runRecords = run as (record: number, budget: number) => ExitCode;
    this.functions = functions;
    this.host32 = memory.host32;
  }

  /** Runs from a record for at most `ticks` ticks. */
  run(record: number, ticks: number): ExitCode {
    const exit = this.runRecords(record, ticks);
    this.takeRecord();
    this.ticksLeft = this.host32[EXIT_BUDGET >> 2]!;
    return exit;
  }

  /** The generated code itself, for other generated code to call. */
  get function(): (record: number, budget: number) => number {
    return this.runRecords;
  }
  /** Reads the record at which it stopped, after other generated code has called it. */
  takeRecord(): void {
    this.record = this.host32[EXIT_RECORD >> 2]!;
  }
}

/** The interpreter that the build has generated; throws if there is none. */
export function generatedInterpreter(): GeneratedInterpreter {
  if (!generated) throw new Error('the interpreter has not been generated: run npm run build');
  return generated;
}

let compiled: WebAssembly.Module | undefined;

/** Compiled once for all machines of the process. */
function interpreterModule(): WebAssembly.Module {
  if (compiled) return compiled;
  const { wasm, compile } = generatedInterpreter();
  if (compile) return (compiled = compile());
  const text = atob(wasm);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return (compiled = new WebAssembly.Module(bytes));
}
