import { Code } from './code.js';
import { WasmModule } from './module.js';

let answer: boolean | undefined;

/** Whether the host compiles tail calls, which came to WebAssembly in version 3.0. */
export function hasTailCalls(): boolean {
  return (answer ??= WebAssembly.validate(moduleWithTailCall() as BufferSource));
}

function moduleWithTailCall(): Uint8Array {
  const module = new WasmModule();
  module.exportTable('functions', 1);
  const type = module.type([], []);
  module.add(type, new Code([]).i32(0).returnCallIndirect(type, 0), 'run');
  return module.encode(1);
}
