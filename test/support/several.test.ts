/** Test files that run in one process: none of their tests is lost. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const several = fileURLToPath(new URL('./several.js', import.meta.url));

function run(
  directory: string,
  ...names: readonly string[]
): { readonly status: number | null; readonly stdout: string } {
  const files = names.map((name) => join(directory, name));
  return spawnSync(process.execPath, [several, ...files], { cwd: directory, encoding: 'utf8' });
}

t.test('files that wait before they add tests, after others that tear something down', (t) => {
  const waiting = (name: string): string =>
    `import t from 'tap';
     await new Promise((done) => setTimeout(done, 200));
     t.teardown(() => {});
     t.test('${name}', async (t) => t.pass('${name}'));`;
  const directory = t.testdir({ 'a.test.mjs': waiting('first'), 'b.test.mjs': waiting('second') });
  const { status, stdout } = run(directory, 'a.test.mjs', 'b.test.mjs');
  t.match(stdout, /^ok 1 - first/m);
  t.match(stdout, /^ok 2 - second/m);
  t.match(stdout, /^# \{ total: 2, pass: 2 \}$/m);
  t.equal(status, 0);
  t.end();
});
