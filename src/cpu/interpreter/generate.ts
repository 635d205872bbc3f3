import { HOST_LAYOUT, LEAST_WASM_PAGES } from '../../memory.js';
import { TLB_SET } from '../../mmu/tlb.js';
import * as at from '../state/layout.js';
import { Code, type Label } from '../wasm/encoding/code.js';
import { WasmModule } from '../wasm/encoding/module.js';
import { Emitter } from '../wasm/encoding/value.js';
import { addFunctions } from '../wasm/functions/functions.js';
import { addFlagFunctions } from './flag-functions.js';
import { LoopContext, type LoopLabels, type SharedFunctions } from './handler-context.js';
import { functionHandler } from './function-handler.js';
import { addRunDecoder, addRunFinisher } from './run-decoder.js';
import { handlerMachine } from './handler-machine.js';
import { Exit, FIRST_FORM_HANDLER, Field, Handler, RECORD_BYTES } from '../engine/record.js';
import type { HandlerPlan } from './plan.js';

/** Parameters of the main loop. */
const RECORD = 0;
const BUDGET = 1;

/**
 * Generates the interpreter from the meanings: one Wasm module with a main loop over decoded records, which contains
 * the hot handlers; the other handlers are functions in its table.
 *
 *     run(record, budget) → exit code; EXIT_RECORD and EXIT_BUDGET say where it stopped and how many ticks are left
 */
export function generateInterpreter(plan: HandlerPlan): Uint8Array {
  const module = new WasmModule();
  const functions = addFunctions(module);
  const shared = { ...addFlagFunctions(module), indexOf: (name: string) => functions.get(name)! };
  const functionType = module.type(['i32'], ['i32']);
  for (const form of plan.functions) module.addToTable(module.add(functionType, functionHandler(form, shared)));
  addRunDecoder(module, 'decodeRecords');
  addRunFinisher(module, 'finishRecords');
  module.add(module.type(['i32', 'i32'], ['i32']), new MainLoop(plan, shared, functionType).emit(), 'run');
  return module.encode(LEAST_WASM_PAGES);
}

/** The function that runs records: charges the ticks of each block and dispatches each record to its handler. */
class MainLoop {
  private readonly code = new Code(['i32', 'i32']);
  private readonly emitter = new Emitter(this.code);
  private readonly kind = this.code.newLocal('i32');
  private readonly result = this.code.newLocal('i64');
  private readonly operand = this.code.newLocal('i64');
  private readonly exitCode = this.code.newLocal('i32');
  private readonly next = this.code.newLocal('i32');
  private readonly handler = this.code.newLocal('i32');
  /** Contexts of translation change only in TypeScript. */
  private readonly tlbSet = this.code.newLocal('i32');

  constructor(
    private readonly plan: HandlerPlan,
    private readonly shared: SharedFunctions,
    private readonly functionType: number,
  ) {}

  emit(): Code {
    const { code } = this;
    this.loadFlags();
    code.i32(0).memory('i32.load', TLB_SET).set(this.tlbSet);
    const leave = code.block();
    const exits = exitBlocks(code);
    const enter = code.loop();
    takeTicks(code, exits[Exit.ticks]);
    const dispatch = code.loop();
    this.emitDispatch(enter, exits);
    this.emitHotHandlers({ enter, dispatch, exits });
    code.end(); // all other handlers
    this.emitCall(leave, enter, dispatch);
    code.end().end(); // dispatch, enter
    code.op('unreachable');
    endExitBlocks(code, this.exitCode, leave);
    refundBlock(code, this.exitCode);
    this.storeState();
    code.i32(0).get(RECORD).memory('i32.store', at.EXIT_RECORD);
    return code.get(this.exitCode);
  }

  /** Branches to the handler of the record, or past the hot handlers. */
  private emitDispatch(enter: Label, exits: Readonly<Record<OwnExit, Label>>): void {
    const { code } = this;
    const inFunctions = code.block();
    const hot = this.plan.hot.map(() => code.block()).reverse();
    const region = code.block();
    const resolve = code.block();
    const goto = code.block();
    const handlers: Label[] = [];
    handlers[Handler.goto] = goto;
    handlers[Handler.resolve] = resolve;
    handlers[Handler.evaluate] = exits[Exit.evaluate];
    handlers[Handler.region] = region;
    this.goToHandler(Field.handler, [...handlers, ...hot], inFunctions);
    code.end(); // goto
    code.get(RECORD).memory('i32.load', Field.target).set(RECORD).br(enter);
    code.end(); // resolve
    code.br(exits[Exit.resolve]);
    code.end(); // region
    code.i32(0).memory('i32.load', at.IGNORES_REGIONS).op('i32.eqz').brIf(exits[Exit.region]);
    code.i32(0).i32(0).memory('i32.load', at.IGNORES_REGIONS).i32(~at.IGNORES_NEXT_REGION).op('i32.and');
    code.memory('i32.store', at.IGNORES_REGIONS);
    // A region is entered at an instruction, not at a link to one.
    for (const handler of [Handler.goto, Handler.resolve, Handler.region]) handlers[handler] = exits[Exit.region];
    this.goToHandler(Field.handlerBefore, [...handlers, ...hot], inFunctions);
  }

  /** Branches to the handler that a field of the record selects. */
  private goToHandler(field: number, labels: readonly Label[], otherwise: Label): void {
    const { code } = this;
    code.get(RECORD).memory('i32.load16_u', field).set(this.handler);
    code.get(this.handler).brTable(labels, otherwise);
  }

  private emitHotHandlers(labels: LoopLabels): void {
    const { code, emitter, kind, result, operand, tlbSet } = this;
    const locals = { record: RECORD, budget: BUDGET, kind, result, operand, tlbSet };
    const machine = handlerMachine(emitter, new LoopContext(emitter, labels, locals, this.shared));
    for (const handler of this.plan.hot) {
      code.end();
      emitter.reuseLocals();
      machine.emit(handler.form, 0);
      if (handler.then) machine.emit(handler.then, RECORD_BYTES);
      machine.finish();
    }
  }

  /** Calls a function handler, with flags and budget in memory, and continues at the record that it returns. */
  private emitCall(leave: Label, enter: Label, dispatch: Label): void {
    const { code, next } = this;
    this.storeState();
    code.get(RECORD).get(this.handler);
    code.i32(FIRST_FORM_HANDLER + this.plan.hot.length).op('i32.sub');
    code.callIndirect(this.functionType, 0).set(next);
    this.loadFlags();
    code.i32(0).memory('i32.load', at.EXIT_BUDGET).set(BUDGET);
    code.get(next).i32(HOST_LAYOUT.records).op('i32.lt_u').if();
    code.get(next).set(this.exitCode).br(leave);
    code.end();
    code.get(RECORD).memory('i32.load16_u', Field.ticksToEnd).get(next).set(RECORD);
    code.i32(1).op('i32.le_u').brIf(enter);
    code.br(dispatch);
  }

  private loadFlags(): void {
    const { code } = this;
    code.i32(0).memory('i32.load', at.FLAGS_KIND).set(this.kind);
    code.i32(0).memory('i64.load', at.FLAGS_RESULT).set(this.result);
    code.i32(0).memory('i64.load', at.FLAGS_OPERAND).set(this.operand);
  }
  private storeState(): void {
    const { code } = this;
    code.i32(0).get(this.kind).memory('i32.store', at.FLAGS_KIND);
    code.i32(0).get(this.result).memory('i64.store', at.FLAGS_RESULT);
    code.i32(0).get(this.operand).memory('i64.store', at.FLAGS_OPERAND);
    code.i32(0).get(BUDGET).memory('i32.store', at.EXIT_BUDGET);
  }
}

/** Deducts the ticks of the block at the record pointer from the budget, or exits if there are not enough. */
function takeTicks(code: Code, otherwise: Label): void {
  code.get(BUDGET).get(RECORD).memory('i32.load16_u', Field.ticksToEnd).op('i32.sub').set(BUDGET);
  code.get(BUDGET).i32(0).op('i32.lt_s').if();
  code.get(BUDGET).get(RECORD).memory('i32.load16_u', Field.ticksToEnd).op('i32.add').set(BUDGET);
  code.br(otherwise).end();
}

const EXIT_CODES = [Exit.ticks, Exit.resolve, Exit.indirect, Exit.evaluate, Exit.miss, Exit.region] as const;
type OwnExit = (typeof EXIT_CODES)[number];

function exitBlocks(code: Code): Record<OwnExit, Label> {
  const labels = {} as Record<OwnExit, Label>;
  for (const exit of [...EXIT_CODES].reverse()) labels[exit] = code.block();
  return labels;
}

function endExitBlocks(code: Code, exitCode: number, leave: Label): void {
  for (const exit of EXIT_CODES) {
    code.end();
    code.i32(exit).set(exitCode).br(leave);
  }
  code.end();
}

/** Refunds the ticks of an instruction that has not run and of those after it in its block, and exits. */
function refundBlock(code: Code, exitCode: number): void {
  for (const [i, exit] of [Exit.evaluate, Exit.miss, Exit.region].entries()) {
    code.get(exitCode).i32(exit).op('i32.eq');
    if (i > 0) code.op('i32.or');
  }
  code.if();
  code.get(BUDGET).get(RECORD).memory('i32.load16_u', Field.ticksToEnd).op('i32.add').set(BUDGET);
  code.end();
}
