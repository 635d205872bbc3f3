/**
 * Runs the bundled command line with the code that V8 has compiled of it before: compiling it takes most of the time of a
 * short run. Next to each script `x.cjs`, `x.cjs.code` is what V8 compiled when bd0 was built. V8 uses it if the script, its
 * version and its options are the same, and else compiles the script.
 */
import fs = require('node:fs');
import path = require('node:path');
import v8 = require('node:v8');
import vm = require('node:vm');

const directory = path.join(__dirname, '../../../bundle');

/**
 * For how long, in bytes of its code, V8 runs a function before it optimises it. Its own value is a fifth of this; optimising
 * so early takes a tenth of the time of a run of some seconds, and longer runs are spent in WebAssembly.
 */
v8.setFlagsFromString('--interrupt-budget=330000');

/** By what the space for new objects grows: not at all, since few of them live on here, and larger spaces only take memory. */
v8.setFlagsFromString('--semi-space-growth-factor=1');

/** A script of the bundle is the expression of such a function. */
type ScriptFunction = (
  exports: object,
  require: (name: string) => unknown,
  importPackage: (name: string) => Promise<unknown>,
  filename: string,
) => void;

interface LoadedScript {
  readonly script: vm.Script;
  readonly exports: object;
}

const loaded = new Map<string, LoadedScript>();

/** Performs the command of the process. */
function start(): void {
  requireScript('./main.cjs');
}

/** Writes the code of all scripts; for those that have run, with all functions that were called. */
function keepCode(): void {
  for (const name of fs.readdirSync(directory).filter((name) => name.endsWith('.cjs'))) {
    const file = path.join(directory, name);
    const { script } = loaded.get(file) ?? { script: compile(file) };
    fs.writeFileSync(codeOf(file), script.createCachedData());
  }
}

/** What a script of the bundle, or a module of Node, exports. */
function requireScript(name: string): unknown {
  if (!name.startsWith('./')) return require(name);
  const file = path.join(directory, name);
  const known = loaded.get(file);
  if (known) return known.exports;
  const script = compile(file);
  const exports = {};
  loaded.set(file, { script, exports });
  (script.runInThisContext() as ScriptFunction)(exports, requireScript, (other) => import(other), file);
  return exports;
}

/** The build writes scripts in ASCII: each character is one byte in memory as well. */
function compile(filename: string): vm.Script {
  const text = fs.readFileSync(filename, 'latin1');
  const cachedData = readIfThere(codeOf(filename));
  return new vm.Script(text, { filename, ...(cachedData && { cachedData }) });
}

function codeOf(file: string): string {
  return `${file}.code`;
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

export = { start, keepCode };
