/** Runs test files one after another in this process, and says what CPU time each of them took: `node several.js FILE ...`. */
import { relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cpuSecondsSoFar } from './cpu-seconds.js';

const built = fileURLToPath(new URL('../..', import.meta.url));

/** By file, of those that have begun. */
const seconds = new Map<string, number>();
const fileOf = new WeakMap<object, string>();
// tap makes the names of temporary directories of the arguments that there are when it is loaded, and these would be too many.
const files = process.argv.splice(2).map((file) => resolve(file));
const { default: t } = await import('tap');
/** The file that is being loaded, and that of the test that runs. */
let loaded = '';
let running = '';
let since = cpuSecondsSoFar();

/** The time since the last call was a file's. */
function charge(file: string): void {
  const now = cpuSecondsSoFar();
  if (file !== '') seconds.set(file, (seconds.get(file) ?? 0) + now - since);
  since = now;
}

t.on('subtestAdd', (test) => void fileOf.set(test, loaded));
t.on('subtestStart', (test) => {
  charge(running);
  running = fileOf.get(test)!;
});
process.once('exit', () => {
  charge(running);
  const lines = [...seconds].map(([file, cpu]) => `# CPU ${cpu.toFixed(1)} s: ${relative(built, file)}\n`);
  process.stdout.write(lines.join(''));
});

// No test begins before all files are loaded. Otherwise tap, once a file has called t.teardown, would end while the next file
// awaits something and no test is left, and the tests of that file and of all others would be lost without a word.
t.before(async () => {
  for (const file of files) {
    loaded = file;
    await import(pathToFileURL(file).href);
    charge(file);
  }
});
