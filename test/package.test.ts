/** The package as npm packs and installs it, in a project of its own. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import * as core from '../src/index.js';
import * as host from '../src/host/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-package-'));
const project = join(directory, 'project');

t.setTimeout(0);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

/** The environment without what npm and tap set for this process. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$|^BD0_/.test(name)),
);

/** Runs a command, which must succeed. Returns what it printed. */
function run(command: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, env: environment, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** npm without a network, without scripts, and with a cache in which there is nothing. */
function npm(words: readonly string[], cwd: string): string {
  const options = [
    '--offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--loglevel=error',
  ];
  return run('npm', [...words, ...options, '--cache', join(directory, 'cache')], cwd);
}

interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
}

/** The packages that a user of bd0 gets with it, as if npm had installed them: without a network it finds no others. */
function copyDependencies(): void {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const commands = join(project, 'node_modules/.bin');
  mkdirSync(commands, { recursive: true });
  for (const [path, { dev, devOptional, bin = {} }] of Object.entries(lock.packages)) {
    if (path === '' || dev || devOptional) continue;
    cpSync(join(root, path), join(project, path), { recursive: true, dereference: true });
    for (const [name, script] of Object.entries(bin)) symlinkSync(join('../..', path, script), join(commands, name));
  }
}

t.test('the package that npm packs is installed, runs programs, and can be imported', async (t) => {
  // Before the name of the file, some versions of npm print what else they would run.
  const packed = npm(['pack', '--pack-destination', directory], root).trim().split('\n').at(-1)!;
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
  copyDependencies();
  npm(['install', join(directory, packed)], project);
  const installed = join(project, 'node_modules/bd0');
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string; files: string[] };
  t.equal(packed, `bd0-${manifest.version}.tgz`);
  const top = new Set(['package.json', ...manifest.files.map((path) => path.split('/')[0])]);
  t.strictSame(readdirSync(installed).sort(), [...top].sort());

  const bd0 = join(project, 'node_modules/.bin/bd0');
  t.equal(run(bd0, ['--version'], directory), `${manifest.version}\n`);
  t.equal(run(bd0, ['run', 'hello_world'], directory), 'Hello, world\n');

  const listing = `
    const [core, host] = [await import('bd0'), await import('bd0/node')];
    console.log(JSON.stringify([Object.keys(core), Object.keys(host)]));`;
  writeFileSync(join(project, 'list.js'), listing);
  t.strictSame(JSON.parse(run(process.execPath, ['list.js'], project)), [Object.keys(core), Object.keys(host)]);
});
