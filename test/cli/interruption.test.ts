/** What ends a run from outside, whatever it is doing: signals and the time limit. A run that does not end hangs the test. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bd0, bd0Command, firstOutput, startBd0 } from './bd0.js';
import { compileMisbehave } from './misbehave.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-interruption-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const misbehave = await compileMisbehave(directory);
/** A program that takes a second to read, and more to hash. */
const huge = join(directory, 'huge');
copyFileSync(misbehave, huge);
truncateSync(huge, 2 ** 30);

type Child = ReturnType<typeof startBd0>;

/** Waits until bd0 is reading a file from its start to its end; before that, it has looked at its headers. */
async function isReading({ pid }: Child, file: string): Promise<void> {
  const fds = `/proc/${pid}/fd`;
  const isAt = (fd: string): boolean => {
    try {
      const [, position] = /^pos:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))!;
      return readlinkSync(join(fds, fd)) === file && Number(position) > 0;
    } catch {
      return false;
    }
  };
  while (!readdirSync(fds).some(isAt)) await sleep(5);
}

const toldSomething = (child: Child): Promise<unknown> => once(child.stderr, 'readable');

interface Work {
  readonly words: readonly string[];
  /** Resolves when bd0 is at it; when the guest has written its first line, if not given. What comes then is not read. */
  readonly begun?: (child: Child) => Promise<unknown>;
}

const works: Readonly<Record<string, Work>> = {
  computing: { words: [misbehave, 'spin'] },
  'running slow instructions': { words: [misbehave, 'crawl'] },
  'sleeping on the clock of the host': { words: ['--clock', 'real', misbehave, 'sleep', '4000000000000000'] },
  'waiting for input': { words: ['--clock', 'real', misbehave, 'read', '4000000000000000'] },
  'waiting for the reader of its output': { words: [misbehave, 'flood', '64'] },
  'waiting for the reader of its log': { words: ['--trace', 'calls', misbehave, 'call'], begun: toldSomething },
  'reading its image': { words: [huge, 'exit'], begun: (child) => isReading(child, huge) },
};

const ends: readonly [how: string, words: readonly string[], signal: NodeJS.Signals | undefined, code: number][] = [
  ['SIGINT', [], 'SIGINT', 130],
  ['SIGTERM', [], 'SIGTERM', 143],
  ['--timeout', ['--timeout', '0.2'], undefined, 124],
];

for (const [what, { words, begun = firstOutput }] of Object.entries(works))
  t.test(`a run ends while it is ${what}`, async (t) => {
    for (const [how, limits, signal, code] of ends) {
      const child = startBd0(['run', ...limits, ...words]);
      if (signal) {
        await begun(child);
        child.kill(signal);
      }
      t.strictSame(await once(child, 'exit'), [code, null], how);
      for (const stream of child.stdio) stream?.destroy();
    }
  });

t.test('stdin at its end, or closed, holds up nobody who sleeps', async (t) => {
  for (const input of ['</dev/null', '<&-', '< <(:)']) {
    const command = `"$@" ${input}`;
    const words = [...bd0Command, 'run', '--clock', 'real', misbehave, 'sleep', '5000000'];
    const { status, stdout } = spawnSync('bash', ['-c', command, 'bash', ...words], { encoding: 'utf8' });
    t.strictSame([status, stdout], [0, 'sleep\n'], input);
  }
});

t.test('a second signal ends a process that is stuck with the first', async (t) => {
  const signals = new URL('../../src/host/signals.js', import.meta.url).href;
  const text = `
    import { Signals } from '${signals}';
    new Signals(() => { process.stderr.write('stuck'); for (;;); });
    setInterval(() => {}, 1000);
    process.stderr.write('ready');`;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    // The test runner puts options into the environment of every process of Node, and with them handlers of signals.
    const command = ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', text];
    const child = spawn('/usr/bin/env', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    await once(child.stderr, 'data');
    child.kill(signal);
    t.strictSame(await once(child, 'exit'), [null, signal], signal);
  }
});

t.test('a file of a terabyte is refused by its first bytes, or by its size', async (t) => {
  const zeros = join(directory, 'zeros');
  appendFileSync(zeros, '');
  const program = join(directory, 'program');
  copyFileSync(misbehave, program);
  for (const path of [zeros, program]) truncateSync(path, 2 ** 40);
  const refused = async (path: string): Promise<string> => {
    const { code, stderr } = await bd0(['run', path]);
    t.equal(code, 126);
    return stderr.replace(directory, '');
  };
  t.match(await refused(zeros), /^bd0: '\/zeros' is not runnable: .*\n$/);
  t.equal(await refused(program), "bd0: '/program' is not runnable: it has 1024 GB, an image at most 1 GB\n");
});

t.test('a pipe without a reader, or a full disk, ends a run with a log there', async (t) => {
  const pipe = join(directory, 'pipe');
  spawnSync('mkfifo', [pipe]);
  for (const [file, reason] of [
    [pipe, 'no such device or address'],
    ['/dev/full', 'no space left on device'],
  ] as const) {
    const { stderr } = await bd0(['run', '--trace', 'calls', '--log-file', file, misbehave, 'call']);
    t.equal(stderr, `bd0: cannot write --log-file '${file}': ${reason}\n`);
  }
});

t.test('the report of a trap changes nothing for the programs that go on', async (t) => {
  const names = join(directory, 'names');
  mkdirSync(names);
  copyFileSync(misbehave, join(names, 'trapping'));
  // Another image, which nothing else holds.
  appendFileSync(join(names, 'trapping'), 'x');
  const words = ['--root', names, misbehave, 'outlive', 'trapping'];
  const reported = await bd0(['run', ...words]);
  t.match(reported.stderr, /^bd0: process 2 \(trapping\), thread 2: #UD\n  rip .* in main\+0x/);
  t.match(reported.stdout, /^132, closed at \d+$/m);
  const silent = await bd0(['run', '--json', ...words]);
  t.equal(reported.stdout, silent.stdout);
});

const runTests = fileURLToPath(new URL('../support/run-tests.js', import.meta.url));

t.test('Ctrl-C ends npm test, and test files that hear no signal', async (t) => {
  const busy = join(directory, 'busy.mjs');
  writeFileSync(busy, "process.on('SIGINT', () => {}); console.error('ready'); for (;;);");
  const child = spawn(process.execPath, [runTests, busy, busy], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  child.stderr.once('data', () => child.kill('SIGINT'));
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  t.strictSame(await ended, [130, null], 'the exit code of SIGINT, and nobody holds its output');
  t.equal(told, 'interrupted\n');
});

t.test('npm test reports files that pass, fail, crash, are killed or test nothing', (t) => {
  const tap = import.meta.resolve('tap');
  const files: Readonly<Record<string, string>> = {
    passes: `import t from '${tap}'; t.pass('fine'); t.comment('of note');`,
    fails: `import t from '${tap}'; t.test('part', (t) => { t.pass('fine'); t.fail('bad'); t.end(); });`,
    crashes: `import t from '${tap}'; t.pass('fine'); process.exit(3);`,
    exits: `import t from '${tap}'; t.pass('fine'); process.on('exit', () => (process.exitCode = 4));`,
    killed: "process.kill(process.pid, 'SIGKILL');",
    empty: '',
  };
  const run = (...names: string[]): { status: number | null; stdout: string } => {
    const paths = names.map((name) => join(directory, `${name}.mjs`));
    names.forEach((name, i) => writeFileSync(paths[i]!, files[name]!));
    return spawnSync(process.execPath, [runTests, ...paths], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  };
  const passed = run('passes');
  t.match(
    passed.stdout,
    /^ok {5}\S*passes\.mjs {2}1 passed, \d+\.\d s, CPU (?!0\.0)\d+\.\d s\n# of note\n# CPU \d+ s\n# \{ total: 1, pass: 1 \}\n$/,
  );
  t.equal(passed.status, 0);
  for (const [name, text] of [
    ['fails', /1 passed, .*\n {4}not ok 2 - bad\n[^]*lineNumber[^]*\n# \{ total: 2, pass: 1, fail: 1 \}\n$/],
    ['crashes', /1 passed, [^]*fail: 1/],
    [
      'exits',
      /1 passed, .*\n {4}it ended with exit code 4 and without a failed test\n# CPU \d+ s\n# \{ total: 2, pass: 1, fail: 1 \}\n$/,
    ],
    ['killed', /0 passed, .*\n {4}it was ended by SIGKILL\n# CPU \d+ s\n# \{ total: 1, fail: 1 \}\n$/],
    [
      'empty',
      /0 passed, .*\n {4}it ended with exit code 0 and without a failed test\n# CPU \d+ s\n# \{ total: 1, fail: 1 \}\n$/,
    ],
  ] as const) {
    const { status, stdout } = run(name);
    t.match(stdout, text, name);
    t.match(stdout, /^FAILED /, name);
    t.equal(status, 1, name);
  }
  const slow = join(directory, 'slow.mjs');
  const wait = "await new Promise((done) => setTimeout(done, 1000)); t.pass('late');";
  writeFileSync(
    slow,
    `import t from '${tap}'; t.pass('fine'); t.test('part', async (t) => { t.pass('begun'); ${wait} });`,
  );
  const told = spawnSync(process.execPath, [runTests, slow], {
    encoding: 'utf8',
    env: { ...process.env, BD0_PROGRESS_MS: '100' },
  });
  t.match(
    told.stdout,
    /^ +\S*slow\.mjs {2}0 min, \d test points(, in: part)?\n/,
    'a line now and then of one that runs',
  );
  t.match(told.stdout, /test points, in: part\n/);
  const all = run('passes', 'fails', 'passes');
  t.match(all.stdout, /\n# \{ total: 4, pass: 3, fail: 1 \}\n$/);
  t.equal(all.status, 1);
  t.end();
});
