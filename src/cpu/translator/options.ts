import type { CodeStore } from './cache/code-record.js';
import type { CodeKeeper } from './kept/code-keeper.js';
import type { TranslationHook } from './events.js';

/** Default for the bytes of Wasm modules that are kept. */
export const DEFAULT_CODE_BUDGET_BYTES = 64 * 2 ** 20;

/**
 * Default for `mostInLocals`. In larger regions V8 keeps most locals on its stack in any case, and merges all of them wherever ways
 * meet; and filling and storing them takes long compared to what runs between two changes of the region. With the registers in the
 * state, Python took 28.8 s instead of 34.2.
 */
export const DEFAULT_MOST_IN_LOCALS = 400;

/** Samples that must find a block running before it is translated. A threshold for all code, or one for each address of a block; 0 translates before the first instruction runs. */
export type TranslationThreshold = number | ((rip: bigint) => number);

/**
 * When modules are compiled: synchronously, while the machine is paused; or in the background, while the code is interpreted,
 * until compilation is done and `run` has returned. `auto` is `async` for large modules where there is a document, since the main
 * thread of a browser does not compile those at once. States are the same either way.
 */
export type Compilation = 'sync' | 'async' | 'auto';

/** How the hot tier works. */
export interface TranslatorOptions {
  /** Without it, code is translated when the time that this takes has been spent on it: see cost-model.ts. */
  readonly threshold?: TranslationThreshold | undefined;
  /** Called after a region is translated. */
  readonly onTranslated?: TranslationHook | undefined;
  /** Keeps translations from one run to the next. */
  readonly store?: CodeStore | undefined;
  /** Keeps what became hot in a run for the next run of the same program; without a threshold only. */
  readonly keeper?: CodeKeeper | undefined;
  /** Budget for code, in bytes of modules: see `costOf`. The latest region is kept regardless of its size. */
  readonly codeBudgetBytes?: number | undefined;
  /** Instructions that a region may have, at most, for the guest's registers to be in locals throughout; else they are in the CPU's state where ways meet. */
  readonly mostInLocals?: number | undefined;
  /** False where regions are not to call each other directly, though the host can compile tail calls. */
  readonly tailCalls?: boolean | undefined;
  /** `sync` if not given. */
  readonly compilation?: Compilation | undefined;
  /** Set for a bare machine, whose TLB has several sets of tables. */
  readonly hasTlbSets?: boolean | undefined;
  /** A faster SHA-256 than the default, which runs everywhere. */
  readonly sha256?: ((data: Uint8Array) => Uint8Array) | undefined;
  /** A clock of the host, in milliseconds, for the reported times of translations; without it they are 0. */
  readonly now?: (() => number) | undefined;
}
