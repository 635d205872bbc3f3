/**
 * Runs test files, each in a process of its own, two at a time: `node run-tests.js [FILE ...]`; without files, all of
 * dist/test but those of `npm run test:long`, those of some directories in one process, and those that mostly wait beside the
 * other two. Prints a report of each process as it ends, a line a minute about each that has not, and the counts of all.
 *
 * Tests import tap, but tap's runner does not run them: it loads hooks into every process, which cost half a second of CPU
 * time in each of them.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuildComplete } from '../../src/host/bundled/complete-build.js';
import { cpuSecondsOfEnded } from './cpu-seconds.js';
import { add, progressOf, reportOf, summaryOf, type FileReport } from './file-report.js';
import { endWhenInterrupted } from './interrupted-run.js';

const JOBS = 2;

/** How often a line is printed about each file that has not ended. */
const PROGRESS_MS = Number(process.env['BD0_PROGRESS_MS'] ?? 60_000);

/**
 * Options of V8, with what each saved of the CPU time of the files that were measured (cpu/exactness, guests). Two test files
 * keep two cores busy, so threads of the garbage collector only add work: 10 %. A larger young generation is collected less
 * often, and less of it has survived: 10 %.
 */
const NODE_ARGUMENTS = ['--single-threaded-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];

/**
 * Most tests run many programs for a moment each. So V8 optimises a function after six times the work after which it would by
 * itself, and a code region after a hundred times: 5 % and 25 %. Long tests leave that to V8.
 */
if (process.env['BD0_LONG'] !== '1')
  NODE_ARGUMENTS.push('--interrupt-budget=400000', '--wasm-tiering-budget=200000000');

/**
 * What runs in one process: directories of dist/test, and files of them or others. A process of its own, which loads Node, tap
 * and the sources, would cost each file half a second, and V8 the code that it has optimised: two to four seconds for one that
 * runs machines. Those that take longest start first.
 */
const TOGETHER: readonly (readonly string[])[] = [
  ['kernel/linux'],
  ['guests', 'memory-pressure', 'guest-library', 'computer'],
  [
    ...['kernel/conformance', 'kernel/debug-mode', 'kernel/stops', 'kernel/lock-free', 'kernel/call-fuzz'],
    'kernel/explorer',
  ],
  ['debug', 'debug/inspect'],
  ['kernel'],
  ['cpu/engines', 'cpu/fence', 'cpu/exactness'],
  ['cpu', 'cpu/system', 'boot', 'boot/modes', 'devices'],
  ['state'],
  ['host/store'],
  ['vmo', 'mmu'],
  ['linux'],
  ['cli/vmo'],
];

/** Files of these directories that run in processes of their own: they measure the process they run in, or end it. */
const ALONE = [
  ...['cpu/background-compilation', 'cpu/meanings', 'kernel/scale'],
  ...['host/store/crash', 'host/store/interrupt', 'host/store/losses'],
];

/**
 * Of those with a process of their own, the files that spend most of their time waiting for the disk, for npm or for other
 * processes: 60 of 254 seconds were CPU time on a busy host. They run one after another beside the two others, which would leave
 * a core idle.
 */
const WAITING = [
  ...['package', 'host/store/losses', 'host/store/interrupt', 'host/store/crash', 'host/linux/changes'],
  ...['oracle/native', 'web/site'],
];

let cpuSeconds = 0;

const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Half as many bytes as the heap may have make V8 collect garbage at once if memories take them, so that is more than
 * spare-memories.ts makes. With both, guests, kernel/conformance and kernel/linux/signals take a fifth less CPU time.
 */
NODE_ARGUMENTS.push('--max-old-space-size=16384', '--import', new URL('./spare-memories.js', import.meta.url).href);

const several = join(root, 'dist/test/support/several.js');

/** Files that take long, of those with a process of their own: they start early, or one would end alone. */
const LONG = ['cpu/meanings', 'cli/terminal', 'cli/gdb', 'cli/bench', 'kernel/scale', 'library', 'browser'];

/** The place of the process of a file among all: of the same place are those that run in one, or the order does not matter. */
function placeOf(file: string): number {
  const name = file.replace(/\.test\.js$/, '');
  const isAlone = ALONE.includes(name);
  const named = TOGETHER.findIndex((names) => names.includes(name));
  const place = named >= 0 || isAlone ? named : TOGETHER.findIndex((names) => names.includes(dirname(name)));
  if (place >= 0) return place;
  return TOGETHER.length + (LONG.includes(name) ? LONG.indexOf(name) : LONG.length);
}

/** The files of each process. */
function allTests(): string[][] {
  const files = readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' });
  const processes = new Map<string | number, string[]>();
  const all = files.filter((file) => file.endsWith('.test.js') && !file.startsWith('long/')).sort();
  for (const file of all.sort((a, b) => placeOf(a) - placeOf(b))) {
    const place = placeOf(file);
    const key = place < TOGETHER.length ? place : file;
    processes.set(key, [...(processes.get(key) ?? []), join(root, 'dist/test', file)]);
  }
  return [...processes.values()];
}

/** Whether a process has only files that mostly wait. */
function isWaiting(files: readonly string[]): boolean {
  return files.every((file) => WAITING.some((name) => file === join(root, 'dist/test', `${name}.test.js`)));
}

function nameOf([first, ...others]: readonly string[]): string {
  const name = relative(join(root, 'dist'), first!).replace(/\.js$/, '');
  return others.length === 0 ? name : `${name} and ${others.length} more`;
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
const all = words.length > 0 ? words.map((word) => [resolve(word)]) : allTests();
const waiting = words.length > 0 ? [] : all.filter(isWaiting);
const processes = all.filter((files) => !waiting.includes(files));
const counts = new Map<string, number>([['total', 0]]);
let ok = all.length > 0;

async function work(queue: string[][]): Promise<void> {
  for (let files = queue.shift(); files !== undefined && !isInterrupted; files = queue.shift()) {
    const report = await run(files);
    if (isInterrupted) return;
    process.stdout.write(report.text);
    add(counts, report.counts);
    ok &&= report.ok;
  }
}

await Promise.all([...Array.from({ length: JOBS }, () => work(processes)), work(waiting)]);
if (!isInterrupted) {
  process.stdout.write(`# CPU ${cpuSeconds.toFixed(0)} s\n${summaryOf(counts)}`);
  process.exitCode = ok ? 0 : 1;
}
