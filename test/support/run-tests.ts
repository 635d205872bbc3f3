/**
 * Runs test files, each in a process of its own, two at a time: `node run-tests.js [FILE ...]`; without files, all of
 * dist/test but those of `npm run test:long`. Prints a report of each file as it ends, and the counts of all.
 *
 * Tests import tap, but tap's runner does not run them: it loads hooks into every process, which cost half a second of CPU
 * time in each of them.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { add, reportOf, summaryOf, type FileReport } from './file-report.js';
import { endWhenInterrupted } from './interrupted-run.js';

const JOBS = 2;

/** Two test files keep two cores busy: threads of the garbage collector cost 10 % more CPU time. */
const NODE_ARGUMENTS = ['--single-threaded-gc'];

const root = fileURLToPath(new URL('../../../', import.meta.url));

function allTests(): string[] {
  const files = readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.test.js') && !file.startsWith('long/'))
    .sort()
    .map((file) => join(root, 'dist/test', file));
}

/** Runs one file to its end. */
function run(file: string): Promise<FileReport> {
  const name = relative(join(root, 'dist'), file).replace(/\.js$/, '');
  const start = performance.now();
  return new Promise((done, reject) => {
    const env = { ...process.env, TAP_TIMEOUT: '0' };
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, file], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      done(reportOf({ name, output, exitCode, signal, seconds: (performance.now() - start) / 1000 }));
    });
  });
}

let isInterrupted = false;
endWhenInterrupted(() => {
  isInterrupted = true;
  process.stdout.write('interrupted\n');
});

const words = process.argv.slice(2);
const files = words.length > 0 ? words.map((word) => resolve(word)) : allTests();
const counts = new Map<string, number>([['total', 0]]);
let ok = files.length > 0;

async function work(): Promise<void> {
  for (let file = files.shift(); file !== undefined && !isInterrupted; file = files.shift()) {
    const report = await run(file);
    if (isInterrupted) return;
    process.stdout.write(report.text);
    add(counts, report.counts);
    ok &&= report.ok;
  }
}

await Promise.all(Array.from({ length: JOBS }, work));
if (!isInterrupted) {
  process.stdout.write(summaryOf(counts));
  process.exitCode = ok ? 0 : 1;
}
