/**
 * What `npm run build` generates: the interpreter, from the meanings, and the module that leads to code regions and back. The
 * build writes its own version of this module next to the other compiled ones.
 */
export interface GeneratedInterpreter {
  /** The Wasm module, in base 64; empty if `compile` has it from elsewhere. */
  readonly wasm: string;
  /** Compiles the module in a way that the host has. */
  readonly compile?: () => WebAssembly.Module;
  /** The bytes of the module of translator/dispatcher.ts. */
  readonly dispatcher: readonly number[];
  /** Handler number by form id. */
  readonly handlerOfForm: readonly number[];
  /** Handler number of a fused pair, by the form ids as `first,second`. */
  readonly handlerOfPair: Readonly<Record<string, number>>;
  /** SHA-256 over the compiled modules that a translation depends on, in hexadecimal digits. */
  readonly translatorVersion: string;
}

export const generated: GeneratedInterpreter | undefined = undefined;
