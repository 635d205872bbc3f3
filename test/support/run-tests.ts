/**
 * Runs test files, each in a process of its own, two at a time: `node run-tests.js [FILE ...]`; without files, all of
 * dist/test but those of `npm run test:long`, those of some directories in one process. Prints a report of each process as it
 * ends, a line a minute about each that has not, and the counts of all.
 *
 * Tests import tap, but tap's runner does not run them: it loads hooks into every process, which cost half a second of CPU
 * time in each of them.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuildComplete } from '../../src/host/bundled/complete-build.js';
import { add, progressOf, reportOf, summaryOf, type FileReport } from './file-report.js';
import { endWhenInterrupted } from './interrupted-run.js';

const JOBS = 2;

/** How often a line is printed about each file that has not ended. */
const PROGRESS_MS = Number(process.env['BD0_PROGRESS_MS'] ?? 60_000);

/** Two test files keep two cores busy: threads of the garbage collector cost 10 % more CPU time. */
const NODE_ARGUMENTS = ['--single-threaded-gc'];

/**
 * Directories of dist/test whose files run in one process. A process of its own, which loads Node, tap and the sources, would
 * cost each file half a second, and V8 the code that it has optimised.
 */
const TOGETHER = ['cli/vmo', 'cpu', 'debug', 'host/store', 'kernel', 'kernel/linux', 'mmu', 'state', 'vmo'];

/** Files of these directories that run in processes of their own: they take long, or measure the process they run in. */
const ALONE = [
  ...['cpu/background-compilation', 'cpu/engines', 'cpu/exactness', 'cpu/fence', 'cpu/meanings', 'debug/views'],
  ...['host/store/crash', 'host/store/interrupt', 'host/store/losses', 'kernel/call-fuzz'],
  ...['kernel/conformance', 'kernel/debug-mode', 'kernel/explorer', 'kernel/lock-free', 'kernel/scale', 'kernel/stops'],
  ...['kernel/linux/views', 'state/saved-snapshots'],
];

/** USER_HZ, the unit of times in /proc. */
const TICKS_PER_SECOND = 100;

let cpuSeconds = 0;

const root = fileURLToPath(new URL('../../../', import.meta.url));

const several = join(root, 'dist/test/support/several.js');

/** Files that run longest, of those with a process of their own. */
const LONG = ['guests', 'state/saved-snapshots', 'kernel/debug-mode', 'cpu/engines', 'cpu/meanings', 'guest-library'];

/** Whether one process runs longer than another one, as far as is known: those that do start first, or one would end alone. */
function byLength(a: readonly string[], b: readonly string[]): number {
  const isLong = ([file]: readonly string[]): number => Number(LONG.some((name) => file!.endsWith(`/${name}.test.js`)));
  return b.length - a.length || isLong(b) - isLong(a);
}

/** The files of each process. */
function allTests(): string[][] {
  const files = readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' });
  const processes = new Map<string, string[]>();
  for (const file of files.filter((file) => file.endsWith('.test.js') && !file.startsWith('long/')).sort()) {
    const isAlone = ALONE.some((name) => file === `${name}.test.js`);
    const key = TOGETHER.includes(dirname(file)) && !isAlone ? dirname(file) : file;
    processes.set(key, [...(processes.get(key) ?? []), join(root, 'dist/test', file)]);
  }
  return [...processes.values()].sort(byLength);
}

function nameOf([first, ...others]: readonly string[]): string {
  const name = relative(join(root, 'dist'), first!).replace(/\.js$/, '');
  return others.length === 0 ? name : `${dirname(name)}, ${others.length + 1} files`;
}

/** CPU seconds of all processes that this one has waited for, and that they have waited for: see proc(5), cutime and cstime. */
function cpuSecondsOfEnded(): number {
  const [, fields] = readFileSync('/proc/self/stat', 'latin1').split(') ');
  const [user, system] = fields!.split(' ').slice(13, 15);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** Runs files in one process, to its end. */
function run(files: readonly string[]): Promise<FileReport> {
  const name = nameOf(files);
  const program = files.length === 1 ? files : [several, ...files];
  const start = performance.now();
  return new Promise((done, reject) => {
    // What one test keeps would change what the next one counts.
    const env = { BD0_CODE_CACHE: 'none', ...process.env, TAP_TIMEOUT: '0' };
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, ...program], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    const seconds = (): number => (performance.now() - start) / 1000;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const progress = setInterval(() => {
      process.stdout.write(progressOf({ name, output, seconds: seconds() }));
    }, PROGRESS_MS);
    child.on('error', reject);
    let ownCpuSeconds = 0;
    child.on('exit', () => {
      const before = cpuSeconds;
      cpuSeconds = cpuSecondsOfEnded();
      ownCpuSeconds = cpuSeconds - before;
    });
    child.on('close', (exitCode, signal) => {
      clearInterval(progress);
      done(reportOf({ name, output, exitCode, signal, seconds: seconds(), cpuSeconds: ownCpuSeconds }));
    });
  });
}

if (!isBuildComplete()) {
  process.stderr.write('the last build did not end, or its sources have been compiled since: run npm run build\n');
  process.exit(1);
}

let isInterrupted = false;
endWhenInterrupted(() => {
  isInterrupted = true;
  process.stdout.write('interrupted\n');
});

const words = process.argv.slice(2);
const processes = words.length > 0 ? words.map((word) => [resolve(word)]) : allTests();
const counts = new Map<string, number>([['total', 0]]);
let ok = processes.length > 0;

async function work(): Promise<void> {
  for (let files = processes.shift(); files !== undefined && !isInterrupted; files = processes.shift()) {
    const report = await run(files);
    if (isInterrupted) return;
    process.stdout.write(report.text);
    add(counts, report.counts);
    ok &&= report.ok;
  }
}

await Promise.all(Array.from({ length: JOBS }, work));
if (!isInterrupted) {
  process.stdout.write(`# CPU ${cpuSeconds.toFixed(0)} s\n${summaryOf(counts)}`);
  process.exitCode = ok ? 0 : 1;
}
