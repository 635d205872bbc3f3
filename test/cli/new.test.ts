/** bd0 new: the project that it makes is compiled, run and debugged in all ways that its README names. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bd0, bd0Command, endOf } from './bd0.js';
import { findProgram, MachineInterface, startDebugged, startGdb } from './gdb-sessions.js';

t.setTimeout(0);

for (const program of ['gdb', 'make'])
  if (findProgram(program) === undefined) throw new Error(`these tests need ${program}: apt-get install ${program}`);

const directory = mkdtempSync(join(tmpdir(), 'bd0-new-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const project = join(directory, 'shop');

const FILES = ['.gdbinit', '.gitignore', '.vscode', '.vscode/launch.json', 'Makefile', 'README.md', 'main.c'];

/** Runs make in the project, with the bd0 that is tested, and returns what it prints without the commands. */
function make(words: readonly string[], input = ''): { code: number | null; output: string } {
  const all = ['--no-print-directory', '--silent', `BD0=${bd0Command.map((word) => `'${word}'`).join(' ')}`, ...words];
  const { status, stdout, stderr } = spawnSync('make', all, { cwd: project, input, encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

t.test('it makes the files of a project', async (t) => {
  const made = await bd0(['new', 'shop'], { cwd: directory });
  t.strictSame(made, { code: 0, signal: null, stdout: 'made shop: cd shop && make run\n', stderr: '' });
  t.strictSame(readdirSync(project, { recursive: true }).sort(), FILES);
});

t.test('it changes nothing that exists, and refuses names that make or JSON would misread', async (t) => {
  const before = readFileSync(join(project, 'main.c'), 'utf8');
  writeFileSync(join(project, 'main.c'), 'mine');
  writeFileSync(join(directory, 'file'), 'mine');
  mkdirSync(join(directory, 'empty'));
  symlinkSync('nowhere', join(directory, 'link'));
  for (const name of ['shop', 'file', 'empty', 'link', join(directory, 'shop'), 'shop/'])
    t.match(await bd0(['new', name], { cwd: directory }), { code: 125, stderr: /^bd0: '.*' exists already: nothing was changed\n$/ }); // prettier-ignore
  t.equal(readFileSync(join(project, 'main.c'), 'utf8'), 'mine');
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'mine');
  t.strictSame(readdirSync(join(directory, 'empty')), []);
  writeFileSync(join(project, 'main.c'), before);
  for (const name of ['.', '..', '', 'a b', 'a$b', 'a"b', 'a\nb', '.hidden', 'ä', 'x'.repeat(64), '/'])
    t.match(await bd0(['new', name], { cwd: directory }), { code: 125, stderr: /^bd0: '.*' cannot be the name of a project: .*\n$/ }); // prettier-ignore
  t.match(await bd0(['new', 'none/x'], { cwd: directory }), { code: 125, stderr: /none\/x': no such file or directory\n$/ }); // prettier-ignore
  t.strictSame(readdirSync(directory).sort(), ['empty', 'file', 'link', 'shop']);
});

t.test('make run compiles it without a warning, and runs it with arguments', async (t) => {
  t.strictSame(make(['run']), { code: 0, output: 'Hello, world: 385\n' });
  t.strictSame(make(['run', "ARGS='a b' c"]), { code: 0, output: 'Hello, a b: 385\n' });
  t.strictSame(make([]), { code: 0, output: '' }, 'nothing is compiled twice');
});

t.test('make debug starts the debugger of bd0', async (t) => {
  const { code, output } = make(['debug', 'ARGS=you'], 'break main\ncontinue\ncontinue\n');
  t.equal(code, 0, output);
  t.match(output, /breakpoint 1, thread 1, tick \d+: 0x[0-9a-f]+ in main\+0x[0-9a-f]+, main\.c:11\n(.*\n)*.*Hello, you: 385/); // prettier-ignore
});

t.test('make serve waits for gdb at the port that the settings name', async (t) => {
  const { output } = make(['--dry-run', 'serve']);
  const port = / run --gdb (\d+) build\/shop /.exec(output)?.[1];
  t.match(readFileSync(join(project, '.gdbinit'), 'utf8'), `target remote 127.0.0.1:${port}\n`);
  t.match(JSON.parse(readFileSync(join(project, '.vscode/launch.json'), 'utf8')), {
    configurations: [{ miDebuggerServerAddress: `127.0.0.1:${port}`, program: '${workspaceFolder}/build/shop' }],
  });
  // As make gdb starts it, without settings of a person, and connected to nothing.
  const [, options] = /^gdb (-q .*) -x \.gdbinit$/m.exec(make(['--dry-run', 'gdb']).output)!;
  const env = { ...process.env, HOME: directory, LC_ALL: 'C', NODE_OPTIONS: '' };
  const told = spawnSync('sh', ['-c', `exec gdb ${options} -batch -ex 'echo told'`], { cwd: project, env });
  t.strictSame([String(told.stdout), String(told.stderr)], ['told', '']);
});

t.test('.gdbinit connects gdb, which stops in main', async (t) => {
  const { place, ended } = await startDebugged(t, [join(project, 'build/shop')]);
  // A port that is free, since tests run at the same time.
  const init = readFileSync(join(project, '.gdbinit'), 'utf8').replace(/127\.0\.0\.1:\d+/, place);
  const script = join(directory, 'gdbinit');
  writeFileSync(script, init);
  const gdb = startGdb(['-batch', '-x', script, '-ex', 'next', '-ex', 'info locals', '-ex', 'continue']);
  gdb.stdin.end();
  const { stdout } = await endOf(gdb);
  t.match(stdout, /Temporary breakpoint 1, .*main \(argc=1, argv=0x[0-9a-f]+\) at .*main\.c:11\n/);
  t.match(stdout, /name = 0x[0-9a-f]+ "world"/);
  t.match(await ended, { code: 0, stdout: 'Hello, world: 385\n' });
});

t.test('gdb stops in main as VS Code drives it with launch.json', async (t) => {
  const { place, ended } = await startDebugged(t, [join(project, 'build/shop'), 'you']);
  const settings = readFileSync(join(project, '.vscode/launch.json'), 'utf8').replaceAll('${workspaceFolder}', project);
  const { configurations } = JSON.parse(settings) as { configurations: { program: string; cwd: string }[] };
  const { program, cwd } = configurations[0]!;
  const gdb = new MachineInterface('mi3');
  t.teardown(() => gdb.close());
  await gdb.send('-gdb-set confirm off');
  await gdb.send(`-environment-cd ${cwd}`);
  await gdb.send(`-file-exec-and-symbols ${program}`);
  await gdb.send(`-target-select remote ${place}`);
  await gdb.send('-break-insert -t main');
  t.match(await gdb.send('-exec-continue', /^\*stopped.*$/m), /func="main".*line="11"/);
  await gdb.send('-exec-continue', /^\*stopped.*$/m);
  await gdb.send('-gdb-exit');
  t.match(await ended, { code: 0, stdout: 'Hello, you: 385\n' });
});
