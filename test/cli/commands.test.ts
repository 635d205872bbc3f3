import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { VmoStore } from '../../src/index.js';
import { sha256 } from '../../src/host/sha256.js';
import { bd0 } from './bd0.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-commands-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

/** A file of the test's directory. */
function file(name: string, content: string | Uint8Array = ''): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

t.test('help shows what there is, with examples, in 80 columns', async (t) => {
  for (const command of [['run'], ['cc'], ['vmo'], ['vmo', 'hash'], ['bench'], []]) {
    const { code, stdout, stderr } = await bd0([...command, '--help']);
    t.equal(code, 0);
    t.equal(stderr, '');
    t.match(stdout, new RegExp(`^${['bd0', ...command].join(' ')}`), 'says whose help it is');
    t.match(stdout, /^Examples:\n  bd0 /m);
    for (const line of stdout.split('\n')) t.ok(line.length <= 80, line);
  }
});

t.test('the version is that of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  t.strictSame(await bd0(['--version']), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
});

t.test('what is not understood ends with 125 and one line', async (t) => {
  const cases: [words: string[], line: string | RegExp][] = [
    [[], 'bd0: bd0 needs a command: run, shell, cc, vmo, bench; bd0 --help tells more\n'],
    [['frob'], "bd0: there is no command 'frob': the commands are run, shell, cc, vmo, bench\n"],
    [['vmo'], /^bd0: bd0 vmo needs a command: import, ls, cat, hash, explain, [^\n]*\n$/],
    [['vmo', 'frob'], /^bd0: there is no command 'vmo frob': the commands are import, ls, cat, [^\n]*\n$/],
    [['vmo', 'hash'], /^bd0: [^\n]*bd0 vmo hash needs a FILE[^\n]*\n$/],
    [['vmo', 'hash', '--frob', 'x'], /^bd0: [^\n]*[Uu]nknown [^\n]*frob[^\n]*\n$/],
    [['--frob'], /^bd0: [^\n]*[Uu]nknown [^\n]*frob[^\n]*\n$/],
    [['cc'], /^bd0: bd0 cc needs a FILE [^\n]*\n$/],
    [['cc', 'x.c'], /^bd0: bd0 cc needs to know where the image goes: -o OUT\n$/],
    [['cc', 'x.c', '-o'], /^bd0: bd0 cc needs to know where the image goes: -o OUT\n$/],
  ];
  for (const [words, line] of cases) {
    const { code, stdout, stderr } = await bd0(words);
    t.strictSame([code, stdout], [125, ''], words.join(' '));
    t.match(stderr, line);
  }
});

t.test('bd0 vmo hash tells the identity of content', async (t) => {
  const store = new VmoStore(sha256);
  const idOf = (bytes: Uint8Array): string => store.fromBytes(bytes).id;
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, i) => (i * i) >> 7);
  const [big, empty] = [file('big', bytes), file('empty')];
  const [bigId, emptyId] = [idOf(bytes), idOf(new Uint8Array(0))];

  t.equal((await bd0(['vmo', 'hash', big])).stdout, `${bigId}\n`, 'of one file: alone');
  t.equal(
    (await bd0(['vmo', 'hash', empty, big])).stdout,
    `${emptyId}  ${empty}\n${bigId}  ${big}\n`,
    'of several: with names',
  );
  t.equal((await bd0(['vmo', 'hash', '-'], { input: bytes })).stdout, `${bigId}\n`, 'of standard input');
  const { stdout } = await bd0(['vmo', 'hash', '--json', big, '7']);
  t.strictSame(JSON.parse(stdout), { file: big, length: bytes.length, id: bigId }, 'as JSON lines');
});

t.test('bd0 vmo hash goes on after a file that it cannot read', async (t) => {
  const some = file('some', 'some bytes');
  const ran = await bd0(['vmo', 'hash', join(directory, 'none'), some, directory]);
  t.equal(ran.code, 127, 'the exit code tells the first failure');
  t.match(ran.stdout, /^[0-9a-f]{64}  .*some\n$/);
  t.match(
    ran.stderr,
    /^bd0: cannot read '.*none': no such file or directory\nbd0: cannot read '.*': illegal operation on a directory\n$/,
  );
});

t.test('bd0 cc makes an image that bd0 run runs, and passes on warnings', async (t) => {
  const source = file(
    'program.c',
    '#include "answer.h"\n#warning careful\nint main(void) { return ANSWER + EXTRA; }\n',
  );
  file('answer.h', '#define ANSWER 42\n');
  const image = join(directory, 'program');
  // The value of -I stands alone, as compilers allow: it must stay behind its option.
  const { code, stdout, stderr } = await bd0(['cc', '-I', directory, source, `-o${image}`, '-DEXTRA=1']);
  t.strictSame([code, stdout], [0, '']);
  t.match(stderr, /program\.c:2:.*careful/);
  t.equal((await bd0(['run', image])).code, 43);
});

t.test('bd0 cc passes on what the compiler refuses', async (t) => {
  const output = join(directory, 'unused');
  const refused = await bd0(['cc', file('bad.c', 'int main(void) { return x; }\n'), '-o', output]);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /x.* undeclared[^]*\nbd0: \S+ failed with exit code 1\n$/);
  const alone = await bd0(['cc', 'x.c', '-o', output], { env: { PATH: directory } });
  t.equal(alone.code, 125);
  t.match(alone.stderr, /^bd0: no C compiler for x86-64 \(tried .*\): install one[^\n]*\n$/);
});
