import type { HotCode } from './hot-code.js';

/**
 * The translator. A page loads it once its machine runs: until then all code is interpreted, which no state of the machine
 * depends on.
 */
export interface TranslatorModule {
  /** Undefined until it is loaded. */
  readonly HotCode: typeof HotCode | undefined;
  /** Loads it, once. Where that cannot be done, code goes on being interpreted. */
  load(): Promise<void>;
}
