/** The generated interpreter as the bundled command line loads it: from a file, with what V8 compiled of it for the build. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { packageRoot } from '../package-root.js';
import { moduleWithCode, optimisedCode } from './machine-code.js';

/** Where the build writes the module, in the package. */
export const INTERPRETER_FILE = 'dist/bundle/interpreter.wasm';

/** Where it writes the machine code, all of it optimised, in the package: behind its SHA-256, since V8 takes any bytes for code. */
const CODE_FILE = `${INTERPRETER_FILE}.code`;
const DIGEST_BYTES = 32;

/** The option of V8 that says for how long code of its baseline compiler runs before a function is optimised. */
const BUDGET_OPTION = '--wasm-tiering-budget';

/**
 * V8 counts calls, and loops by the bytes of code that they jump back. Every guest instruction is an iteration of the
 * interpreter's loop, of some 20 KB, so V8 would optimise it after a hundred instructions, which takes 25 ms and pays after
 * three million. This is the most that V8 can count.
 */
const BUDGET = 2 ** 31 - 1;

let isKept = false;

/**
 * Whether the interpreter of this process is code that was kept. Only then is V8 one that is known to give and take code: in another,
 * what functions of the same names do may end the process.
 */
export function takesMachineCode(): boolean {
  return isKept;
}

/** A version of V8, and its own value of `BUDGET_OPTION`: V8 does not say what it is, so the build has asked for it. */
export interface TieringOfV8 {
  readonly version: string;
  readonly budget: number;
}

/**
 * Compiles it, or takes the code that the build has kept. With another version of V8 than that which the build knows, there is
 * none, and nothing is changed about its tiers.
 */
export function compileInterpreter({ version, budget }: TieringOfV8): WebAssembly.Module {
  const bytes = readFrom(INTERPRETER_FILE, 0);
  const kept = process.versions.v8 === version ? keptInterpreter(bytes) : undefined;
  isKept = kept !== undefined;
  if (kept) return kept;
  const isGiven = process.execArgv.some((option) => option.startsWith(BUDGET_OPTION));
  if (process.versions.v8 !== version || isGiven) return new WebAssembly.Module(bytes);
  setFlagsFromString(`${BUDGET_OPTION}=${BUDGET}`);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    setFlagsFromString(`${BUDGET_OPTION}=${budget}`);
  }
}

function keptInterpreter(bytes: Uint8Array): WebAssembly.Module | undefined {
  if (!existsSync(join(packageRoot, CODE_FILE))) return undefined;
  const code = readFrom(CODE_FILE, DIGEST_BYTES);
  return sha256(code).equals(readFrom(CODE_FILE, 0, DIGEST_BYTES)) ? moduleWithCode(bytes, code) : undefined;
}

/** Bytes of a file of the package, from one on, in a buffer of their own that is not copied once more: they are megabytes. */
function readFrom(name: string, start: number, end?: number): Uint8Array<ArrayBuffer> {
  const file = openSync(join(packageRoot, name), 'r');
  try {
    const bytes = new Uint8Array(Math.max(0, (end ?? fstatSync(file).size) - start));
    for (let done = 0; done < bytes.length;) {
      const read = readSync(file, bytes, done, bytes.length - done, start + done);
      if (read === 0) throw new Error(`${name} ends early`);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/**
 * Keeps the machine code, for V8 with the options of this process; `npm run build` calls it in one that ends with it. Throws if
 * V8 would not take it back.
 */
export function keepInterpreter(): void {
  const bytes = new Uint8Array(readFileSync(join(packageRoot, INTERPRETER_FILE)));
  const code = optimisedCode(bytes);
  if (!moduleWithCode(bytes, code)) throw new Error('V8 refuses the code that it has compiled');
  writeFileSync(join(packageRoot, CODE_FILE), Buffer.concat([sha256(code), code]));
}

/** Removes what another build has kept. */
export function forgetInterpreter(): void {
  rmSync(join(packageRoot, CODE_FILE), { force: true });
}

/** Finds the value in what `node --v8-options` prints. Throws if it is not there. */
export function tieringOfV8(optionsText: string): TieringOfV8 {
  const found = new RegExp(`default: ${BUDGET_OPTION}=(\\d+)`).exec(optionsText);
  if (!found) throw new Error(`node --v8-options does not list ${BUDGET_OPTION}`);
  return { version: process.versions.v8, budget: Number(found[1]) };
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
