import { HOST_LAYOUT } from '../../memory.js';
import * as at from '../state.js';
import { Code, type Label } from '../wasm/code.js';
import { WasmModule } from '../wasm/module.js';
import { Emitter } from '../wasm/value.js';
import { addFlagFunctions } from './flag-functions.js';
import { LoopContext, type SharedFunctions } from './handler-context.js';
import { functionHandler } from './function-handler.js';
import { handlerMachine } from './handler-machine.js';
import { Exit, FIRST_FORM_HANDLER, Field, Handler, RECORD_BYTES, type ExitCode } from './record.js';
import type { HandlerPlan } from './plan.js';

/** Parameters of the main loop, and the locals that hold the flags' thunk. */
const RECORD = 0;
const BUDGET = 1;

/**
 * Generates the interpreter from the meanings: one Wasm module with a main loop over decoded records, the hot handlers in
 * it, the others functions in its table.
 *
 *     run(record, budget) → exit code; EXIT_RECORD and EXIT_BUDGET say where it stopped and how many ticks are left
 */
export function generateInterpreter(plan: HandlerPlan): Uint8Array {
  const module = new WasmModule();
  const shared = addFlagFunctions(module);
  const functionType = module.type(['i32'], ['i32']);
  for (const form of plan.functions) module.addToTable(module.add(functionType, functionHandler(form, shared)));
  module.add(module.type(['i32', 'i32'], ['i32']), mainLoop(plan, shared, functionType), 'run');
  return module.encode((HOST_LAYOUT.ram + 65536) / 65536);
}

function mainLoop(plan: HandlerPlan, shared: SharedFunctions, functionType: number): Code {
  const code = new Code(['i32', 'i32']);
  const emitter = new Emitter(code);
  const [kind, result, operand] = [code.newLocal('i32'), code.newLocal('i64'), code.newLocal('i64')];
  const exitCode = code.newLocal('i32');
  const next = code.newLocal('i32');
  const loadFlags = (): void => {
    code.i32(0).memory('i32.load', at.FLAGS_KIND).set(kind);
    code.i32(0).memory('i64.load', at.FLAGS_RESULT).set(result);
    code.i32(0).memory('i64.load', at.FLAGS_OPERAND).set(operand);
  };
  const storeState = (): void => {
    code.i32(0).get(kind).memory('i32.store', at.FLAGS_KIND);
    code.i32(0).get(result).memory('i64.store', at.FLAGS_RESULT);
    code.i32(0).get(operand).memory('i64.store', at.FLAGS_OPERAND);
    code.i32(0).get(BUDGET).memory('i32.store', at.EXIT_BUDGET);
  };
  loadFlags();
  const leave = code.block();
  const exitLabels = exitBlocks(code);
  const enter = code.loop();
  takeTicks(code, exitLabels[Exit.ticks]);
  const dispatch = code.loop();

  const inFunctions = code.block();
  const hot = plan.hot.map(() => code.block()).reverse();
  const resolve = code.block();
  const goto = code.block();
  code.get(RECORD).memory('i32.load16_u', Field.handler);
  const byHandler: Label[] = [];
  byHandler[Handler.goto] = goto;
  byHandler[Handler.resolve] = resolve;
  byHandler[Handler.evaluate] = exitLabels[Exit.evaluate];
  byHandler[Handler.region] = exitLabels[Exit.region];
  code.brTable([...byHandler, ...hot], inFunctions);
  code.end();
  code.get(RECORD).memory('i32.load', Field.target).set(RECORD).br(enter);
  code.end();
  code.br(exitLabels[Exit.resolve]);

  const labels = { enter, dispatch, exits: exitLabels };
  const locals = { record: RECORD, budget: BUDGET, kind, result, operand };
  const machine = handlerMachine(emitter, new LoopContext(emitter, labels, locals, shared));
  for (const handler of plan.hot) {
    code.end();
    emitter.reuseLocals();
    machine.emit(handler.form, 0);
    if (handler.then) machine.emit(handler.then, RECORD_BYTES);
    machine.finish();
  }

  code.end(); // the handlers that are functions
  storeState();
  code.get(RECORD);
  code
    .get(RECORD)
    .memory('i32.load16_u', Field.handler)
    .i32(FIRST_FORM_HANDLER + plan.hot.length)
    .op('i32.sub');
  code.callIndirect(functionType, 0).set(next);
  loadFlags();
  code.i32(0).memory('i32.load', at.EXIT_BUDGET).set(BUDGET);
  code.get(next).i32(HOST_LAYOUT.records).op('i32.lt_u').if();
  code.get(next).set(exitCode).br(leave);
  code.end();
  code.get(RECORD).memory('i32.load16_u', Field.ticksToEnd).get(next).set(RECORD);
  code.i32(1).op('i32.le_u').brIf(enter);
  code.br(dispatch);
  code.end().end(); // dispatch, enter
  code.op('unreachable');
  endExitBlocks(code, exitCode, leave);
  refundBlock(code, exitCode);
  storeState();
  code.i32(0).get(RECORD).memory('i32.store', at.EXIT_RECORD);
  code.get(exitCode);
  return code;
}

/** Takes the ticks of the block at the record pointer from the budget, or leaves if they are not there. */
function takeTicks(code: Code, otherwise: Label): void {
  code.get(BUDGET).get(RECORD).memory('i32.load16_u', Field.ticksToEnd).op('i32.sub').set(BUDGET);
  code.get(BUDGET).i32(0).op('i32.lt_s').if();
  code.get(BUDGET).get(RECORD).memory('i32.load16_u', Field.ticksToEnd).op('i32.add').set(BUDGET);
  code.br(otherwise).end();
}

const EXIT_CODES: readonly ExitCode[] = Object.values(Exit);

function exitBlocks(code: Code): Record<ExitCode, Label> {
  const labels = {} as Record<ExitCode, Label>;
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

/** An instruction that has not run, and those behind it in its block, have been paid for on the way in. */
function refundBlock(code: Code, exitCode: number): void {
  for (const [i, exit] of [Exit.evaluate, Exit.miss, Exit.region].entries()) {
    code.get(exitCode).i32(exit).op('i32.eq');
    if (i > 0) code.op('i32.or');
  }
  code.if();
  code.get(BUDGET).get(RECORD).memory('i32.load16_u', Field.ticksToEnd).op('i32.add').set(BUDGET);
  code.end();
}
