/**
 * Bundles the command line. Finding and linking the hundred and fifty modules that `bd0 run` needs costs more than all else
 * that happens before a guest's first instruction, and compiling them costs as much again: so they become one script, what is
 * loaded lazily apart, and what V8 compiles of it is kept.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rollup, type Plugin } from '@rollup/wasm-node';
import type { GeneratedInterpreter } from '../../cpu/interpreter/generated.js';
import { INTERPRETER_FILE, forgetInterpreter, tieringOfV8 } from '../bundled/interpreter-module.js';
import { compiled, packageRoot } from '../package-root.js';

const directory = join(packageRoot, 'dist/bundle');

/** The package that `replacements` replaces. */
const HASHES = '@noble/hashes/';

/** The exit code of `bd0 run` if there is no such image. */
const EXIT_NOT_FOUND = 127;

/** What starts the bundle; it sets the options of V8. */
const loader = compiled('host/bundled/bundle.cjs');

/** What the command line loads in another way than the library: hashes of Node, and the interpreter from a file. */
function replacements(tables: Omit<GeneratedInterpreter, 'wasm' | 'compile'>): Plugin {
  const interpreter = compiled('cpu/interpreter/generated.js');
  const module = JSON.stringify(compiled('host/bundled/interpreter-module.js'));
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  const compile = `() => compileInterpreter(${JSON.stringify(tieringOfV8(options))})`;
  return {
    name: 'replacements',
    resolveId: (id) => (id.startsWith(HASHES) ? compiled('host/bundled/hashes.js') : undefined),
    load: (id) =>
      id === interpreter
        ? `import { compileInterpreter } from ${module};
           export const generated = { ...${JSON.stringify({ ...tables, wasm: '' })}, compile: ${compile} };`
        : undefined,
  };
}

/** Scripts for host/bundled/bundle.cts: in ASCII, with import() of packages by the function that it gives them. */
const forBundle: Plugin = {
  name: 'for-bundle',
  resolveImportMeta: (property) =>
    property === 'url' ? `require('node:url').pathToFileURL(__filename).href` : undefined,
  renderDynamicImport: ({ targetModuleId }) =>
    targetModuleId !== null && isPackage(targetModuleId) ? { left: 'importPackage(', right: ')' } : undefined,
  banner: '(function (exports, require, importPackage, __filename) {',
  footer: '})',
  renderChunk: (code) =>
    code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
};

function isPackage(id: string): boolean {
  return !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('node:');
}

/** Writes the bundle, and the interpreter that it loads. */
export async function bundleCommandLine(generated: GeneratedInterpreter): Promise<void> {
  const { wasm, ...tables } = generated;
  const input = compiled('cli/main.js');
  // Modules other than the entry only declare things, so a chunk holds no more than what it uses of index.ts.
  const treeshake = { moduleSideEffects: (id: string): boolean => id === input };
  const bundle = await rollup({
    input,
    plugins: [replacements(tables)],
    external: (id) => (isPackage(id) && !id.startsWith(HASHES)) || id.startsWith('node:'),
    treeshake,
  });
  rmSync(directory, { recursive: true, force: true });
  const names = { entryFileNames: 'main.cjs', chunkFileNames: 'main-[name].cjs' };
  await bundle.write({ dir: directory, format: 'cjs', dynamicImportInCjs: false, plugins: [forBundle], ...names });
  await bundle.close();
  writeFileSync(join(packageRoot, INTERPRETER_FILE), Buffer.from(wasm, 'base64'));
}

/** A Linux program that starts others, reads and writes, and has a loop that is worth translating. */
const SHELL_WORDS = ['/bin/sh', '-c', 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; echo $(ls -l / | cat)'];

/**
 * Keeps what V8 compiles of the interpreter, if it has a way: another process tries that, which may crash. Then lets the bundle
 * run a guest, if one was compiled, and a Linux program, and keeps what V8 has compiled of the scripts by then: the second run
 * begins with what the first has kept. This host may lack what the second needs.
 */
export function keepCode(): void {
  const interpreter = pathToFileURL(compiled('host/bundled/interpreter-module.js')).href;
  const keepModule = 'require(process.argv[1]); import(process.argv[2]).then((module) => module.keepInterpreter());';
  const module = spawnSync(process.execPath, ['-e', keepModule, loader, interpreter]);
  if (module.status !== 0) forgetInterpreter();
  const keep = "const bundle = require(process.argv[1]); process.on('exit', bundle.keepCode); bundle.start();";
  const run = (...words: readonly string[]): { status: number | null; stderr: Buffer } =>
    spawnSync(process.execPath, ['-e', keep, loader, 'run', '--code-cache', 'none', ...words]);
  const { status, stderr } = run('hello_world');
  run('--', ...SHELL_WORDS);
  if (status !== 0 && status !== EXIT_NOT_FOUND) throw new Error(`the bundle does not run: ${stderr.toString()}`);
}
