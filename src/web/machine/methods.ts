import { debuggerState } from './debugger-state.js';
import { engineState, regionText } from './engine-methods.js';
import type { LoadedMachine } from './loading.js';
import { describeAddress, pictureOf } from './memory-methods.js';
import { savedMachine } from './saving.js';
import type { Translations } from './translations.js';
import { addVmo, pictureOfVmos, vmoList } from './vmo-methods.js';

/** What the methods work with. */
export interface MethodContext extends LoadedMachine {
  readonly translations: Translations;
  /** Executes a command of the debugger. */
  readonly execute: (command: string) => void;
  /** Goes to a tick, once the machine has arrived at the one before. */
  readonly goto: (tick: number) => void;
}

/** What a page can ask of its machine, by name: each takes one argument and returns what can be cloned. */
export const METHODS = {
  /** The hash over all state: 64 hexadecimal digits. */
  machineHash: ({ computer }: MethodContext): string => computer.machineHash(),

  /** Executes a command line of the debugger; what it prints comes as log. */
  execute: ({ execute }: MethodContext, command: string): void => execute(command),

  /** Pauses the machine at a tick of its history. */
  goto: ({ goto, session }: MethodContext, tick: number): void => {
    const { timeline } = session.target;
    if (!timeline) throw new Error('this machine keeps no history');
    goto(Math.min(Math.max(Math.round(tick), timeline.begin), timeline.end));
  },

  /** Adds a file that guests find by name. */
  addFile: ({ names }: MethodContext, { name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): void =>
    names.addFile(name, bytes),

  /** A picture of a part of the address space. */
  picture: pictureOf,

  /** What lies at an address. */
  describe: describeAddress,

  /** What the debugger shows. */
  debug: debuggerState,

  /** VMOs that can be drawn. */
  vmos: vmoList,

  /** A picture of one VMO, or of two. */
  vmoPicture: pictureOfVmos,

  /** Makes a VMO of a file, to be drawn. */
  addVmo,

  /** What the engine does. */
  engine: engineState,

  /** A translated region: its guest code beside its Wasm. */
  region: regionText,

  /** The machine as it is now, as the canonical stream of a saved snapshot. */
  save: savedMachine,
} as const;

/** The argument and the result of each method. */
export type Methods = {
  readonly [Name in keyof typeof METHODS]: {
    readonly argument: Parameters<(typeof METHODS)[Name]>[1];
    readonly result: ReturnType<(typeof METHODS)[Name]>;
  };
};
