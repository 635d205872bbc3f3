/** `bd0 run --code-cache`: what is translated in one run is there in the next. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bd0 } from './bd0.js';

/** What a run of fib prints, and how many regions it translated and found. */
async function run(
  ...options: string[]
): Promise<{ stdout: string; translated: number; found: number; ticks: string }> {
  const { stdout, stderr } = await bd0(['run', '--stats', ...options, 'fib', '27']);
  const number = (text: RegExp): number => Number(text.exec(stderr)?.[1]?.replaceAll(' ', ''));
  const translated = number(/^translated +([\d ]+) instructions/m);
  return { stdout, translated, found: number(/^regions found.*?, (\d+) in the store/m), ticks: stderr.split(',')[0]! };
}

t.test('the second run of a program translates nothing, and does the same', async (t) => {
  const directory = join(t.testdir(), 'code');
  const first = await run('--code-cache', directory);
  t.ok(first.translated > 0);
  const second = await run('--code-cache', directory);
  t.strictSame([second.stdout, second.ticks], [first.stdout, first.ticks]);
  t.equal(second.translated, 0);
  t.ok(second.found > 0);
  t.equal(readdirSync(directory).length, 1);

  const [name] = readdirSync(directory);
  const file = readFileSync(join(directory, name!));
  writeFileSync(join(directory, name!), file.subarray(0, file.length - 1));
  const third = await run('--code-cache', directory);
  t.strictSame([third.stdout, third.ticks, third.found], [first.stdout, first.ticks, 0], 'a damaged file is not used');
  t.ok((await run('--code-cache', directory)).found > 0, 'and is written again');
});

t.test('with none, and with options that say when code is translated, nothing is written', async (t) => {
  const directory = t.testdir();
  const before = process.env['BD0_CODE_CACHE'];
  process.env['BD0_CODE_CACHE'] = directory;
  t.teardown(() => (process.env['BD0_CODE_CACHE'] = before));
  for (const options of [
    ['--code-cache', 'none'],
    ['--jit-threshold', '3'],
    ['--engine', 'interpreter'],
  ])
    t.equal((await run(...options)).stdout, 'fib(27) = 196418\n');
  t.strictSame(readdirSync(directory), []);
  await run();
  t.equal(readdirSync(directory).length, 1, 'the environment names the directory');
});

t.test('a directory that cannot be made is an error of one line', async (t) => {
  const { stderr, code } = await bd0(['run', '--code-cache', join(t.testdir({ file: '' }), 'file/code'), 'fib', '1']);
  t.match(stderr, /^bd0: [^\n]*file\/code[^\n]*\n$/);
  t.equal(code, 125);
});
