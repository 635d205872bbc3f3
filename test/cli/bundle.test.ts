/** The bundled command line, and what V8 has compiled of it: host/bundled/bundle.cts. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bd0Command } from './bd0.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-bundle-'));

t.setTimeout(0);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const [env, ...words] = bd0Command;
const main = words.at(-1)!;

/** Runs bd0, or another copy of it, with options of Node. */
function bd0(given: readonly string[], options: readonly string[] = [], program = main): [string, string] {
  const { stdout, stderr } = spawnSync(env!, [...words.slice(0, -1), ...options, program, ...given], {
    encoding: 'utf8',
  });
  return [stdout, stderr];
}

/** Makes Node say of each script that it compiles whether V8 took the code that was kept of it. */
const WATCH = `
  const vm = require('node:vm');
  const path = require('node:path');
  vm.Script = class extends vm.Script {
    constructor(text, options) {
      super(text, options);
      const taken = options.cachedData !== undefined && this.cachedDataRejected === false;
      process.stderr.write(path.basename(options.filename) + (taken ? ' taken' : ' compiled') + '\\n');
    }
  };
`;

t.test('V8 takes the code that was kept of every script of a run', async (t) => {
  const watch = join(directory, 'watch.cjs');
  writeFileSync(watch, WATCH);
  const [stdout, stderr] = bd0(['run', 'hello_world'], ['-r', watch]);
  t.equal(stdout, 'Hello, world\n');
  const scripts = stderr.trim().split('\n');
  t.match(scripts, ['main.cjs taken', 'main-run.cjs taken']);
  t.strictSame(
    scripts.filter((line) => !line.endsWith(' taken')),
    [],
  );
});

t.test('scripts are in ASCII, and code is kept of each', async (t) => {
  const bundle = join(root, 'dist/bundle');
  const names = readdirSync(bundle);
  const scripts = names.filter((name) => name.endsWith('.cjs'));
  t.ok(scripts.length > 20);
  for (const name of scripts) {
    t.ok(names.includes(`${name}.code`), name);
    t.ok(
      readFileSync(join(bundle, name)).every((byte) => byte < 0x80),
      name,
    );
  }
});

t.test('without code that V8 can take, the scripts are compiled', async (t) => {
  const copy = join(directory, 'copy');
  for (const path of ['bin', 'package.json', 'dist/bundle', 'dist/guest', 'dist/src/host/bundled'])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  const program = join(copy, 'bin/bd0.cjs');
  const works = (what: string, ...options: string[]): void => {
    t.strictSame(bd0(['run', 'hello_world'], options, program), ['Hello, world\n', ''], what);
  };
  works('with the code, elsewhere');
  works('code for other options of V8', '--no-opt');
  const codes = readdirSync(join(copy, 'dist/bundle')).filter((name) => name.endsWith('.code'));
  for (const name of codes) truncateSync(join(copy, 'dist/bundle', name), 1000);
  works('code that is cut off');
  for (const name of codes) writeFileSync(join(copy, 'dist/bundle', name), Buffer.alloc(100_000, name));
  works('code that is anything');
  for (const name of codes) rmSync(join(copy, 'dist/bundle', name));
  works('no code');
  rmSync(join(copy, 'dist/bundle/complete'));
  t.strictSame(bd0(['--version'], [], program), ['', 'bd0: the last build did not end: run npm run build\n']);
  rmSync(join(copy, 'dist/bundle/main.cjs'));
  t.strictSame(bd0(['--version'], [], program), ['', 'bd0: not built yet: run npm run build\n']);
  rmSync(join(copy, 'dist/src'), { recursive: true });
  t.strictSame(bd0(['--version'], [], program), ['', 'bd0: not built yet: run npm run build\n']);
});

t.test('tests do not run on a build that did not end, or is not of the compiled sources', async (t) => {
  const copy = join(directory, 'checkout');
  for (const path of ['package.json', 'dist/bundle', 'dist/src', 'dist/test/support', 'dist/test/bits.test.js'])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const runner = join(copy, 'dist/test/support/run-tests.js');
  const run = (): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [runner, join(copy, 'dist/test/bits.test.js')], { encoding: 'utf8' });
  const refuses = (what: string): void => {
    t.match(run(), { status: 1, stdout: '', stderr: /^the last build did not end, .*: run npm run build\n$/ }, what);
  };
  t.match(run(), { status: 0, stderr: '' });
  const bits = join(copy, 'dist/src/bits.js');
  const before = readFileSync(bits);
  appendFileSync(bits, '\n');
  refuses('other sources');
  writeFileSync(bits, before);
  t.match(run(), { status: 0, stderr: '' });
  rmSync(join(copy, 'dist/bundle/complete'));
  refuses('no end of the build');
});
