import type { Form } from '../meaning/form.js';
import { Code } from '../wasm/encoding/code.js';
import { NotCompiled } from '../wasm/compiling/not-compiled.js';
import { Emitter } from '../wasm/encoding/value.js';
import { FunctionContext, type SharedFunctions } from './handler-context.js';
import { handlerMachine } from './handler-machine.js';

/** Whether the meaning of a form can be compiled; the evaluator executes the others. */
export function compiles(form: Form): boolean {
  if (form.row.attributes.has('EVALUATED')) return false;
  try {
    functionHandler(form, { conditions: [0, 0, 0, 0, 0, 0, 0, 0], flagBits: 0, indexOf: () => 0 });
    return true;
  } catch (error) {
    if (error instanceof NotCompiled) return false;
    throw error;
  }
}

/** A handler compiled to a separate function: (record) → next record, or an exit code. */
export function functionHandler(form: Form, shared: SharedFunctions): Code {
  const code = new Code(['i32']);
  const emitter = new Emitter(code);
  const machine = handlerMachine(emitter, new FunctionContext(emitter, shared));
  machine.emit(form, 0);
  machine.finish();
  code.op('unreachable');
  return code;
}
