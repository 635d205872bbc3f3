import type { Instruction } from '../decode/instruction.js';

/** A guest instruction that was translated. One that was copied into several places is there once for each. */
export interface TranslatedInstruction {
  readonly rip: bigint;
  readonly instruction: Instruction;
  /** Where in the module's bytes the code begins that it became; that of the next in the order of emission ends it. */
  readonly wasmOffset: number;
}

/** A region has been compiled. */
export interface TranslationEvent {
  /** Linear address of the page that its first entry lies in. */
  readonly base: bigint;
  /** In the order of emission. */
  readonly instructions: readonly TranslatedInstruction[];
  /** The module. */
  readonly bytes: Uint8Array;
  /** Addresses at which it may be entered; that for which it was made comes first. */
  readonly entries: readonly bigint[];
  /** Host time to generate and compile it; 0 without a clock. */
  readonly milliseconds: number;
  /** Why it was compiled now, in words: `has taken long`. */
  readonly reason?: string;
}

/** Called after a region is translated; must not change the machine. */
export type TranslationHook = (event: TranslationEvent) => void;

/** Counters of the translator. Times are the host's, and nothing in the machine depends on them. */
export interface TranslationStats {
  /** Modules that are kept now, and the total number compiled. */
  readonly modules: number;
  readonly modulesInAll: number;
  /** Regions that can be entered now; regions evicted to make room; regions dropped since their code was stored to. */
  readonly regionsLive: number;
  readonly regionsEvicted: number;
  readonly regionsDropped: number;
  /** Regions entered again after a page of theirs had been mapped elsewhere, or not at all. */
  readonly regionsResumed: number;
  /** Bytes of the modules that are kept now, and of all. */
  readonly wasmBytes: number;
  readonly wasmBytesInAll: number;
  /** Guest instructions translated, each copy counted. */
  readonly instructionsTranslated: number;
  /** Host time to generate modules, and to compile them. */
  readonly millisecondsGenerating: number;
  readonly millisecondsCompiling: number;
  /** Regions not translated anew, since equal content was found in this run's cache, or in the store. */
  readonly hitsByContent: number;
  readonly hitsInStore: number;
  /** How often regions were entered from TypeScript, and from the interpreter or other regions without leaving Wasm. */
  readonly entriesFromTypeScript: number;
  readonly entriesChained: number;
}
