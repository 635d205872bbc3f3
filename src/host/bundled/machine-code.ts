/**
 * The machine code that V8 has compiled of a WebAssembly module, as bytes. V8 gives it to browsers, which keep it, but to
 * scripts only by functions for its own tests: names that a script can write while an option is set. What stands at the front
 * of the bytes says which version of V8 they are from, with which options, and for which features of the CPU: with any other,
 * V8 refuses them. It does not look at the rest.
 */
import { setFlagsFromString } from 'node:v8';

interface FunctionsOfV8 {
  /** Ends the process if nothing of the module is optimised. */
  serialize(module: WebAssembly.Module): ArrayBuffer;
  /** Undefined if V8 refuses it. `wasm` holds the bytes of the module. */
  deserialize(code: ArrayBuffer, wasm: Uint8Array): WebAssembly.Module | undefined;
  /** Whether the code of a function that a module exports is optimised by now. */
  isOptimised(exported: CallableFunction): boolean;
}

/**
 * Made anew for each use: V8 drops what it has compiled of a function that has not run for a while, and while the option is not
 * set it cannot compile these again. Throws SyntaxError if V8 has no such functions.
 */
function functionsOfV8(): FunctionsOfV8 {
  const named = (name: string, ...parameters: string[]): unknown =>
    // Only text can name them, and these are constants.
    new Function(...parameters, `return %${name}(${parameters.join()})`);
  setFlagsFromString('--allow-natives-syntax');
  try {
    return {
      serialize: named('SerializeWasmModule', 'module') as FunctionsOfV8['serialize'],
      deserialize: named('DeserializeWasmModule', 'code', 'wasm') as FunctionsOfV8['deserialize'],
      isOptimised: named('IsTurboFanFunction', 'exported') as FunctionsOfV8['isOptimised'],
    };
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

/** The module of these bytes with code that was kept; undefined if V8 does not take it. Call it only with code that is whole. */
export function moduleWithCode(wasm: Uint8Array, code: Uint8Array): WebAssembly.Module | undefined {
  const isAlone = code.byteLength === code.buffer.byteLength;
  return functionsOfV8().deserialize((isAlone ? code : Uint8Array.from(code)).buffer as ArrayBuffer, wasm);
}

/** What V8 has compiled of a module, if the function that it exports is optimised by now. */
export function codeOf(module: WebAssembly.Module, exported: CallableFunction): Uint8Array | undefined {
  const { isOptimised, serialize } = functionsOfV8();
  return isOptimised(exported) ? new Uint8Array(serialize(module)) : undefined;
}

/**
 * For functions with more than 8,192 values, V8 takes a quicker allocator of registers, with which the interpreter's loop is an eighth
 * to a quarter slower: it has nearly as many.
 */
const USE_QUICK_ALLOCATOR = 'turbo-use-mid-tier-regalloc-for-huge-functions';

/** Compiles a module with V8's optimising compiler alone, which takes seconds for a large one. Returns the code. */
export function optimisedCode(wasm: Uint8Array): Uint8Array {
  setFlagsFromString('--no-liftoff');
  setFlagsFromString('--no-wasm-lazy-compilation');
  setFlagsFromString(`--no-${USE_QUICK_ALLOCATOR}`);
  const module = new WebAssembly.Module(wasm as BufferSource);
  // The code tells with which options it was made, so they are what they were; the last one went with the first.
  setFlagsFromString(`--${USE_QUICK_ALLOCATOR}`);
  setFlagsFromString('--liftoff');
  setFlagsFromString('--wasm-lazy-compilation');
  setFlagsFromString('--wasm-dynamic-tiering');
  return new Uint8Array(functionsOfV8().serialize(module));
}
