import type { GuestMemory } from '../../memory.js';
import type { Form } from '../form.js';
import { EXIT_BUDGET, EXIT_RECORD } from '../state.js';
import type { HandlerNumbers } from './block-cache.js';
import { generateInterpreter } from './generate.js';
import { generated, type GeneratedInterpreter } from './generated.js';
import { planHandlers } from './plan.js';
import type { ExitCode } from './handler-context.js';

/** The generated code, bound to a memory. */
export class Interpreter {
  readonly handlers: HandlerNumbers;
  /** Record at which `run` stopped, and the ticks that it left. */
  record = 0;
  ticksLeft = 0;
  private readonly runRecords: (record: number, budget: number) => ExitCode;
  private readonly host32: Int32Array;

  constructor(memory: GuestMemory, forms: () => readonly Form[]) {
    const { wasm, handlerOfForm, handlerOfPair } = interpreterModule(forms);
    this.handlers = { handlerOfForm, handlerOfPair };
    const instance = new WebAssembly.Instance(wasm, { bd0: { memory: memory.memory } });
    this.runRecords = instance.exports['run'] as (record: number, budget: number) => ExitCode;
    this.host32 = memory.host32;
  }

  /** Runs from a record for at most `ticks` ticks. */
  run(record: number, ticks: number): ExitCode {
    const exit = this.runRecords(record, ticks);
    this.record = this.host32[EXIT_RECORD >> 2]!;
    this.ticksLeft = this.host32[EXIT_BUDGET >> 2]!;
    return exit;
  }
}

interface InterpreterModule extends HandlerNumbers {
  readonly wasm: WebAssembly.Module;
}

let shared: InterpreterModule | undefined;

/** Compiled once for all machines of the process. */
function interpreterModule(forms: () => readonly Form[]): InterpreterModule {
  shared ??= generated ? fromGenerated(generated) : compile(buildInterpreter(forms()));
  return shared;
}

/** What the build writes into `generated.ts`'s place: the module's bytes and the handlers' numbers. */
export function buildInterpreter(forms: readonly Form[]): HandlerNumbers & { readonly bytes: Uint8Array } {
  const plan = planHandlers(forms);
  const handlerOfPair: Record<string, number> = {};
  for (const { firsts, seconds, handler } of plan.pairs)
    for (const first of firsts) for (const second of seconds) handlerOfPair[`${first.id},${second.id}`] = handler;
  return { bytes: generateInterpreter(plan), handlerOfForm: plan.handlerOfForm, handlerOfPair };
}

function fromGenerated({ wasm, handlerOfForm, handlerOfPair }: GeneratedInterpreter): InterpreterModule {
  const text = atob(wasm);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return compile({ bytes, handlerOfForm, handlerOfPair });
}

function compile({ bytes, ...numbers }: HandlerNumbers & { readonly bytes: Uint8Array }): InterpreterModule {
  return { wasm: new WebAssembly.Module(bytes as BufferSource), ...numbers };
}
