/**
 * The interpreter as `npm run build` generates it: the build writes its own version of this module beside the compiled
 * ones. Where it has not, the interpreter is generated when the first CPU is made, which takes longer.
 */
export interface GeneratedInterpreter {
  /** The Wasm module, in base 64. */
  readonly wasm: string;
  /** Handler number by form id. */
  readonly handlerOfForm: readonly number[];
  /** Handler number of a fused pair, by the form ids of both as `first,second`. */
  readonly handlerOfPair: Readonly<Record<string, number>>;
}

export const generated: GeneratedInterpreter | undefined = undefined;
