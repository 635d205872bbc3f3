/**
 * Runs the loops of cliffs.c under qemu-user and in bd0: `node bench/cliffs/compare.mjs [--scale N] [NAME ...]` (after
 * `npm run build`; needs gcc, libc6-dev and qemu-user). Prints CPU seconds of all threads, those of a run of zero
 * iterations subtracted, their ratio (above 1, bd0 is faster) and the instructions that the evaluator has executed. A loop
 * is given up after MOST_SECONDS. With the scale 1, translating and optimising are half of what many loops take.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const MOST_SECONDS = 60;

const { values, positionals } = parseArgs({
  options: { scale: { type: 'string', default: '4' } },
  allowPositionals: true,
});
const scale = Number(values.scale);
const folder = mkdtempSync(join(tmpdir(), 'bd0-cliffs-'));
const program = join(folder, 'cliffs');
const bd0 = new URL('../../bin/bd0.cjs', import.meta.url).pathname;

/** CPU seconds of a command and its output; undefined if it takes too long. */
function run(command, parameters) {
  const timed = ['-f', '%U %S', '-o', join(folder, 'time'), command, ...parameters];
  const { stdout, stderr, error, status } = spawnSync('/usr/bin/time', timed, {
    encoding: 'utf8',
    timeout: MOST_SECONDS * 1000,
  });
  if (error) return undefined;
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')}: ${stderr}`);
  const time = spawnSync('cat', [join(folder, 'time')], { encoding: 'utf8' }).stdout;
  const seconds = time.trim().split(' ').map(Number);
  return { seconds: seconds[0] + seconds[1], stdout, stderr };
}

/** CPU seconds of a run without its start-up; Infinity if it takes too long. */
function net(command, parameters, name, count) {
  const start = run(command, [...parameters, program, name, '0']);
  const whole = run(command, [...parameters, program, name, `${count}`]);
  return whole ? { ...whole, seconds: Math.max(whole.seconds - start.seconds, 0.01) } : { seconds: Infinity };
}

/** What `--stats` says about the evaluator, without the system calls. */
function evaluated(stderr = '') {
  const text = stderr.match(/^evaluated +(.*(?:\n {10,}.*)*)/m)?.[1] ?? '';
  const parts = text.split(/, */).map((part) => part.trim());
  return parts
    .slice(1)
    .filter((part) => part !== '' && !part.endsWith('SYSCALL'))
    .join(', ');
}

const source = new URL('cliffs.c', import.meta.url).pathname;
const built = spawnSync('gcc', ['-O2', '-static', source, '-o', program], { encoding: 'utf8' });
if (built.status !== 0) throw new Error(built.stderr);
const loops = spawnSync(program, { encoding: 'utf8' }).stdout.trim().split('\n');
console.log('| loop | qemu-user | bd0 | ratio | evaluated |');
console.log('| --- | ---: | ---: | ---: | --- |');
for (const [name, most] of loops.map((line) => line.split(' '))) {
  if (positionals.length > 0 && !positionals.some((part) => name.includes(part))) continue;
  const count = Math.round(Number(most) * scale);
  const qemu = net('qemu-x86_64', [], name, count);
  const own = net(process.execPath, [bd0, 'run', '--stats'], name, count);
  if (own.stdout !== undefined && qemu.stdout !== undefined && own.stdout !== qemu.stdout)
    console.log(`${name} prints ${own.stdout}, not ${qemu.stdout}`);
  const cells = [qemu.seconds.toFixed(2), own.seconds.toFixed(2), (qemu.seconds / own.seconds).toFixed(2)];
  console.log(`| ${name} | ${cells.join(' | ')} | ${evaluated(own.stderr)} |`);
}
rmSync(folder, { recursive: true });
