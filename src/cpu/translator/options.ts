import type { CodeStore } from './cache/code-record.js';
import type { TranslationHook } from './events.js';

/** How often a block must be found running before it is translated. */
export const DEFAULT_THRESHOLD = 2;

/** Bytes of Wasm modules that are kept, if nothing else is said. */
export const DEFAULT_CODE_BUDGET_BYTES = 64 * 2 ** 20;

/** The same for all code, or for each address where a block begins; 0 translates before the first instruction runs. */
export type TranslationThreshold = number | ((rip: bigint) => number);

/**
 * When modules are compiled: at once, while the machine stands still; or in the background, with the code in the interpreter
 * until that is done and `run` has come back. `auto` is `async` for large modules where there is a document, since the main
 * thread of a browser does not compile those at once. States are the same either way.
 */
export type Compilation = 'sync' | 'async' | 'auto';

/** How the hot tier works. */
export interface TranslatorOptions {
  readonly threshold?: TranslationThreshold | undefined;
  /** Told of every region that is translated. */
  readonly onTranslated?: TranslationHook | undefined;
  /** Where translations are kept from one run to the next. */
  readonly store?: CodeStore | undefined;
  /** What is kept of code, at most, in bytes of modules: see `costOf`. The region made last stays, whatever its size. */
  readonly codeBudgetBytes?: number | undefined;
  /** `sync` if not given. */
  readonly compilation?: Compilation | undefined;
  /** A faster SHA-256 than the default, which runs everywhere. */
  readonly sha256?: ((data: Uint8Array) => Uint8Array) | undefined;
  /** A clock of the host, in milliseconds, for what is told of the time that translations take; without it that is 0. */
  readonly now?: (() => number) | undefined;
}
