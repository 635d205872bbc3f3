import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, truncateSync } from 'node:fs'; // prettier-ignore
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { helpText } from '../../../src/cli/help.js';
import { VMO_COMMANDS } from '../../../src/cli/vmo/commands.js';
import { bd0, bd0Command, type Ran } from '../bd0.js';
import { served } from '../served.js';
import { idOf, linesOf, noise, Workshop } from './store.js';

/** A user without rights. */
const NOBODY = 65534;

/** A tree with one of each: a directory in it, an empty one, an executable file, a link, equal files, a hole. */
function makeTree(work: Workshop): string {
  work.file('tree/read me.txt', 'a file\n');
  work.file('tree/bin/run', '#!/bin/sh\n', 0o755);
  work.file('tree/bin/copy', noise(10_000));
  work.file('tree/bin/again', noise(10_000));
  work.file('tree/empty');
  truncateSync(work.file('tree/sparse', 'first'), 1_000_000);
  mkdirSync(work.path('tree/nothing'));
  work.link('tree/link', 'bin/../../outside');
  return work.path('tree');
}

function isOneLine(text: string): boolean {
  return /^bd0: [^\n]+\n$/.test(text);
}

t.test('each command has help with an example, in 80 columns', async (t) => {
  const names = Object.keys(VMO_COMMANDS);
  t.ok(names.length >= 16);
  for (const name of names) {
    const text = await helpText(['vmo', name]);
    t.match(text, new RegExp(`^bd0 vmo ${name}\\b`), name);
    t.match(text, /^Examples:\n  \S/m, name);
    for (const line of text.split('\n')) t.ok(line.length <= 80, line);
  }
});

t.test('a tree goes in, can be looked at, and comes out as it was', async (t) => {
  const work = new Workshop(t);
  const tree = makeTree(work);
  const id = (await work.out(['import', tree, '--name', 'trees/first'])).trimEnd();
  t.match(id, /^[0-9a-f]{64}$/);
  const again = await work.json(['import', tree, '--name', 'trees/second']);
  t.match(again, [{ id, name: 'trees/second', files: 6, directories: 3, links: 1, problems: [] }], 'one tree, one ID');

  const entries = await work.json(['ls', 'trees/first']);
  t.match(
    entries.map(({ name, kind, length }) => [name, kind, length]),
    [['bin', 'tree', Number], ['empty', 'file', 0], ['link', 'link'], ['nothing', 'tree', Number], ['read me.txt', 'file', 7], ['sparse', 'file', 1_000_000]], // prettier-ignore
  );
  t.equal(entries[1]!['id'], idOf(''));
  t.equal(entries[2]!['target'], 'bin/../../outside');
  t.match((await work.json(['ls', `${id.slice(0, 9)}/bin`])).map(({ name, executable }) => [name, executable]), [['again', undefined], ['copy', undefined], ['run', true]]); // prettier-ignore
  t.match(await work.out(['ls', 'trees/first/bin']), /^[0-9a-f]{16}  10000  file  again\n.*copy\n.*run\*\n$/s);
  t.equal(await work.out(['cat', 'trees/first/read me.txt']), 'a file\n');

  t.equal(await work.out(['checkout', 'trees/first', work.path('copy')]), '');
  t.strictSame(readdirSync(work.path('copy')), readdirSync(tree));
  for (const path of ['read me.txt', 'bin/run', 'bin/again', 'empty', 'sparse'])
    t.ok(readFileSync(work.path(`copy/${path}`)).equals(readFileSync(work.path(`tree/${path}`))), path);
  t.equal(statSync(work.path('copy/bin/run')).mode & 0o777 & 0o100, 0o100);
  t.equal(statSync(work.path('copy/bin/copy')).mode & 0o111, 0);
  t.equal(readlinkSync(work.path('copy/link')), 'bin/../../outside');
  t.ok(statSync(work.path('copy/sparse')).blocks * 512 < 100_000, 'holes stay holes');
  t.equal((await work.json(['import', work.path('copy')]))[0]!['id'], id, 'and it is the same tree');
});

t.test('names, with what they stand for', async (t) => {
  const work = new Workshop(t);
  const [one, two] = [work.file('one', 'first'), work.file('two', 'the second')];
  await work.out(['import', one, '--name', 'a/one']);
  await work.out(['import', two, '--name', 'a/two']);
  await work.out(['name', 'a/two', 'b']);
  const [first, second] = [idOf('first'), idOf('the second')];
  t.strictSame(await work.json(['ls']), [
    { name: 'a/one', id: first, length: 5, kind: 'file' },
    { name: 'a/two', id: second, length: 10, kind: 'file' },
    { name: 'b', id: second, length: 10, kind: 'file' },
  ]);
  t.equal(await work.out(['ls', '--long', 'b']), `${second}  10  file  b\n`);
  t.match((await work.json(['ls', 'a'])).map(({ name }) => name), ['a/one', 'a/two'], 'names below a part of names'); // prettier-ignore
  t.match(await work.json(['import', two, '--name', 'a/one']), [{ id: second, replaced: first }]);
  await work.out(['mv', 'a/two', 'c d']);
  t.match(await work.json(['rm', 'b', 'a/one']), [{ name: 'b', id: second }, { name: 'a/one', id: second }]); // prettier-ignore
  t.match((await work.json(['ls'])).map(({ name }) => name), ['c d']); // prettier-ignore
});

t.test('an ID may be shortened as far as it stays the only one', async (t) => {
  const work = new Workshop(t);
  const [a, b] = twoThatBeginAlike();
  for (const content of [a, b]) await work.out(['import', work.file('file', content)]);
  const both = idOf(a).slice(0, 4);
  const ambiguous = await work.vmo(['cat', both]);
  t.equal(ambiguous.code, 125);
  t.ok(isOneLine(ambiguous.stderr));
  t.match(ambiguous.stderr, new RegExp(`'${both}' is the beginning of ${[idOf(a), idOf(b)].map((id) => id.slice(0, 16)).sort().join(', ')}\n`)); // prettier-ignore
  t.equal(await work.out(['cat', idOf(a).slice(0, 12)]), a);
  t.equal(await work.out(['cat', idOf(b).toUpperCase()]), b, 'in capitals, too');
  t.equal((await work.vmo(['cat', idOf(a).slice(0, 3)])).code, 127, 'three digits are too few');
});

/** Texts whose identities have their first four digits in common. */
function twoThatBeginAlike(): [string, string] {
  const known = new Map<string, string>();
  for (let i = 0; ; i++) {
    const begin = idOf(`text ${i}`).slice(0, 4);
    const other = known.get(begin);
    if (other !== undefined) return [other, `text ${i}`];
    known.set(begin, `text ${i}`);
  }
}

t.test('cat writes a range of bytes of what is in the store or in a file', async (t) => {
  const work = new Workshop(t);
  const bytes = noise(20_000);
  const path = work.file('noise', bytes);
  await work.out(['import', path, '--name', 'noise']);
  const range = async (...words: string[]): Promise<Buffer> => {
    const [{ base64, offset, length } = {}] = await work.json(['cat', ...words]);
    const told = Buffer.from(String(base64), 'base64');
    t.equal(told.length, length, `${words.join(' ')}: from ${String(offset)}`);
    return told;
  };
  for (const word of ['noise', path, idOf(bytes).slice(0, 8)]) {
    t.ok((await range(word)).equals(bytes), 'all');
    t.ok((await range(word, '--offset', '4090', '--length', '10')).equals(bytes.subarray(4090, 4100)), 'across pages');
    t.ok((await range(word, '--offset', '16KB', '--length', '1GB')).equals(bytes.subarray(16384)), 'up to the end');
    t.equal((await range(word, '--offset', '20000')).length, 0, 'at the end');
    t.equal((await range(word, '--length', '0')).length, 0, 'nothing');
  }
  const beyond = await work.vmo(['cat', 'noise', '--offset', '20001']);
  t.equal(beyond.stderr, "bd0: --offset 20001 is past the end: 'noise' has 20000 bytes\n");
  t.equal((await work.vmo(['cat', 'noise', '--length', '-1'])).code, 125);
});

t.test('diff tells ranges of bytes, and ends as diff does', async (t) => {
  const work = new Workshop(t);
  const a = noise(50_000);
  const b = a.slice();
  for (const at of [5, 4095, 4096, 30_000]) b[at]! ^= 1;
  const longer = Buffer.concat([b, Buffer.from('more')]);
  const [fileA, fileB, fileLonger] = [work.file('a', a), work.file('b', b), work.file('longer', longer)];
  for (const name of ['a', 'b', 'longer']) await work.out(['import', work.path(name), '--name', name]);
  const ranges = [{ offset: 5, length: 1 }, { offset: 4095, length: 2 }, { offset: 30_000, length: 1 }]; // prettier-ignore
  for (const words of [
    ['a', 'b'],
    ['a', fileB],
    [fileA, 'b'],
    [fileA, fileB],
  ]) {
    // prettier-ignore
    const { code, stdout } = await work.vmo(['diff', ...words, '--json']);
    t.equal(code, 1);
    t.strictSame(linesOf(stdout), ranges, words.join(' '));
  }
  const { stdout, code } = await work.vmo(['diff', 'longer', fileB]);
  t.strictSame([code, stdout], [1, '50000-50003  4 bytes, only in longer\n']);
  t.equal((await work.vmo(['diff', 'b', fileLonger, '--json'])).stdout, '{"offset":50000,"length":4,"only":"b"}\n');
  for (const words of [
    ['a', fileA],
    ['a', 'a'],
    [fileB, fileB],
  ])
    t.equal(await work.out(['diff', ...words]), '');
});

t.test('diff of two trees tells paths', async (t) => {
  const work = new Workshop(t);
  const tree = makeTree(work);
  await work.out(['import', tree, '--name', 'before']);
  work.file('tree/bin/run', '#!/bin/sh\ntrue\n');
  work.file('tree/bin/new');
  work.file('tree/nothing/file', 'something');
  await work.out(['import', tree, '--name', 'after']);
  const { code, stdout } = await work.vmo(['diff', 'before', 'after']);
  t.equal(code, 1);
  t.equal(stdout, 'bin/new: only in after\nbin/run: other content\nnothing/file: only in after\n');
  t.equal(await work.out(['diff', 'before/bin/copy', 'after/bin/copy']), '');
});

t.test('export writes a stream from which import makes the same', async (t) => {
  const work = new Workshop(t);
  const content = Buffer.concat([noise(30_000), Buffer.alloc(100_000), noise(30_000)]);
  await work.out(['import', work.file('content', content), '--name', 'content']);
  const stream = work.path('stream');
  const [told] = await work.json(['export', 'content', '-o', stream]);
  const bytes = readFileSync(stream);
  t.match(told, { id: idOf(content), length: content.length, file: stream, bytes: bytes.length });
  const other = new Workshop(t);
  t.equal(await other.out(['import', '--stream', stream, '--name', 'here']), `${idOf(content)}\n`);
  t.equal(await other.out(['diff', 'here', work.path('content')]), '');
  t.equal(await other.out(['import', '--stream', '-'], { input: bytes }), `${idOf(content)}\n`, 'from standard input');

  const flipped = Buffer.from(bytes);
  flipped[5000]! ^= 1;
  for (const [what, bad] of [
    ['flipped', flipped],
    ['cut', bytes.subarray(0, -1)],
    ['longer', Buffer.concat([bytes, bytes])],
  ] as const) {
    // prettier-ignore
    const refused = await other.vmo(['import', '--stream', '-', '--name', 'bad'], { input: bad });
    t.equal(refused.code, 125, what);
    t.match(refused.stderr, /^bd0: '-' is not what bd0 vmo export writes: byte \d+: [^\n]+\n$/, what);
  }
  t.match((await other.json(['ls'])).map(({ name }) => name), ['here']); // prettier-ignore
});

t.test('export of a tree has all that is in it', async (t) => {
  const [work, other] = [new Workshop(t), new Workshop(t)];
  const [{ id } = {}] = await work.json(['import', makeTree(work), '--name', 'tree']);
  const stream = work.path('stream');
  await work.out(['export', 'tree', '-o', stream]);
  // Listings of three directories; five files, of which two are equal and one is empty.
  t.match(await other.json(['import', '--stream', stream, '--name', 'here']), [{ id, vmos: 8 }]);
  await other.out(['checkout', 'here', other.path('copy')]);
  t.equal((await other.json(['import', other.path('copy')]))[0]!['id'], id);
  const bytes = readFileSync(stream);
  for (const end of [0, 55, 56, 4153, 4154, bytes.length - 1]) {
    const empty = new Workshop(t);
    const path = empty.file('cut', bytes.subarray(0, end));
    const cut = await empty.vmo(['import', '--stream', path, '--name', 'cut']);
    t.equal(cut.code, 125);
    t.match(cut.stderr, new RegExp(`^bd0: '${path}' is not what bd0 vmo export writes: byte ${end}: cut: `));
  }
});

t.test('gc takes away what neither a name nor a pin reaches', async (t) => {
  const work = new Workshop(t);
  for (const name of ['named', 'pinned', 'loose']) await work.out(['import', work.file(name, `${name}!`)]);
  await work.out(['name', idOf('named!'), 'name']);
  t.equal(await work.out(['pin', idOf('pinned!').slice(0, 10)]), `${idOf('pinned!')}\n`);
  t.strictSame(await work.json(['pin']), [{ id: idOf('pinned!'), pinned: true }]);
  t.match(await work.json(['gc', '--dry-run', '--grace', '0']), [{ dryRun: true, removedRecords: 2 }]);
  t.equal(await work.out(['cat', idOf('loose!')]), 'loose!', 'a dry run removes nothing');
  t.match(
    await work.out(['gc']),
    /^removed 0 bytes in 0 records\ncondemned \d+ bytes in 2 records: gc removes them from [-\d]+T[:\d]+Z on, gc --grace 0 at once\nkept \d+ bytes in 4 records\n$/,
  );
  t.match(await work.json(['gc', '--grace', '1d']), [{ removedRecords: 0, waitingRecords: 2, keptRecords: 4 }]);
  t.equal(await work.out(['cat', idOf('loose!')]), 'loose!', 'what is condemned can be read, and named again');
  t.match((await work.vmo(['gc', '--grace', '5'])).stderr, /^bd0: --grace '5' is not a time: write a number with s, /);
  t.match(await work.out(['gc', '--grace', '0s']), /^removed \d+ bytes in 2 records\nkept \d+ bytes in 4 records\n$/);
  t.equal((await work.vmo(['cat', idOf('loose!')])).code, 127);
  t.equal(await work.out(['cat', 'name']), 'named!');
  await work.out(['unpin', idOf('pinned!')]);
  await work.out(['rm', 'name']);
  const refused = await work.vmo(['gc', '--grace', '0']);
  t.strictSame([refused.code, refused.stdout], [1, '']);
  t.match(refused.stderr, /^bd0: nothing was collected, since no name and no pin reaches anything, so all 4 records would go; bd0 vmo gc --all removes them\n$/); // prettier-ignore
  t.match(await work.json(['gc', '--all', '--grace', '0']), [{ removedRecords: 4, keptRecords: 0 }]);
  t.match(await work.json(['stat']), [{ names: 0, pins: 0, uniqueBytes: 0 }]);
});

t.test('stat tells how much was spared', async (t) => {
  const work = new Workshop(t);
  const text = 'the same line\n'.repeat(20_000);
  for (const name of ['one', 'two']) await work.out(['import', work.file(name, text), '--name', name]);
  const [stat] = await work.json(['stat']);
  t.match(stat, { names: 2, pins: 0, logicalBytes: 2 * text.length, uniqueBytes: Number, packBytes: Number });
  t.ok(Number(stat!['dedupRatio']) > 1.9 && Number(stat!['compressionRatio']) > 5, JSON.stringify(stat));
  t.match(
    await work.out(['stat']),
    /^logical +547 KB: .*\nunique .*, dedup \d+\.\d\d\nstored .*, compression \d+\.\d\d$/m,
  );
});

t.test('checkout writes where nothing is, and nowhere else', async (t) => {
  const work = new Workshop(t);
  await work.out(['import', makeTree(work), '--name', 'tree']);
  mkdirSync(work.path('empty'));
  t.equal(await work.out(['checkout', 'tree/bin', work.path('empty')]), '', 'into an empty directory');
  t.ok(existsSync(work.path('empty/run')));
  mkdirSync(work.path('elsewhere'));
  work.link('away', 'elsewhere');
  for (const path of ['empty', 'away', 'tree']) {
    const refused = await work.vmo(['checkout', 'tree', work.path(path)]);
    t.equal(refused.code, 125);
    t.match(refused.stderr, /^bd0: cannot make directory '[^\n]*': file already exists\n$/);
  }
  t.strictSame(readdirSync(work.path('elsewhere')), []);
  const file = await work.vmo(['checkout', 'tree/empty', work.path('empty/run')]);
  t.match(file.stderr, /^bd0: cannot write '[^\n]*': file already exists\n$/);
});

t.test('what cannot be done ends with one line that says so', async (t) => {
  const work = new Workshop(t);
  const file = work.file('file', 'content');
  await work.out(['import', makeTree(work), '--name', 'tree']);
  await work.out(['import', file, '--name', 'name']);
  const cases: [words: string[], code: number, line: RegExp][] = [
    [['cat'], 125, /bd0 vmo cat needs a TARGET: bd0 vmo cat --help/],
    [['cat', 'name', 'name'], 125, /bd0 vmo cat takes only a TARGET: remove 'name'/],
    [['cat', 'nothing'], 127, /there is no file 'nothing', and '.*store' has no such name or ID/],
    [['cat', 'tree'], 125, /'tree' is a tree: bd0 vmo ls lists it/],
    [['cat', 'tree/nope'], 127, /there is no 'nope' in 'tree'/],
    [['cat', 'name/below'], 127, /'name' is not a tree, so there is nothing in it/],
    [['cat', 'tree/link'], 125, /'tree\/link' is a symbolic link to 'bin\/..\/..\/outside', which is not followed/],
    [['cat', work.directory], 125, /cannot read '.*': it is a directory/],
    [['ls', 'nothing'], 127, /there is no name or ID 'nothing' in '.*store'/],
    [['export', 'nothing'], 127, /there is no name or ID 'nothing'/],
    [['export', 'name', '-o', work.path('no/where')], 125, /cannot write '.*no\/where': no such file or directory/],
    [['import', work.path('nothing')], 127, /cannot read '.*nothing': no such file or directory/],
    [['import', '/dev/null'], 125, /cannot import '\/dev\/null': it is neither a file nor a directory/],
    [['import', file, '--name', '../x'], 125, /"\.\.\/x" is not a name/],
    [['import', file, '--name', 'a\nb'], 125, /"a\\nb" is not a name: it has control characters/],
    [['mv', 'name', 'tree'], 125, /'tree' is a name already: bd0 vmo rm takes it away/],
    [['mv', 'nothing', 'x'], 127, /there is no name 'nothing' in/],
    [['rm', 'name', 'nothing'], 127, /there is no name 'nothing' in/],
    [['pin', 'nothing'], 127, /there is no name or ID 'nothing'/],
    [['unpin', 'name'], 127, /'name' is not pinned/],
    [['gc', 'now'], 125, /bd0 vmo gc takes no arguments: remove 'now'/],
    [['diff', 'name'], 125, /bd0 vmo diff needs two TARGETs/],
    [['frob'], 125, /unknown command 'vmo frob': the commands are import, ls, cat, hash/],
    [['ls', '--frob'], 125, /unknown option '--frob'/],
  ];
  for (const [words, code, line] of cases) {
    const ran = await work.vmo(words);
    t.strictSame([ran.code, ran.stdout], [code, ''], words.join(' '));
    t.ok(isOneLine(ran.stderr), ran.stderr);
    t.match(ran.stderr, line);
  }
  t.equal(await work.out(['cat', 'name']), 'content', 'rm of several removes none where one is no name');
});

t.test('the store is that of --store, else of BD0_STORE, and is made by import alone', async (t) => {
  const work = new Workshop(t);
  const file = work.file('file', 'content');
  const elsewhere = (words: string[]): Promise<Ran> => served(['vmo', ...words], { env: { BD0_STORE: '' } });
  const without = await elsewhere(['ls']);
  t.strictSame([without.code, without.stderr], [125, 'bd0: no store is given: --store DIR, or BD0_STORE in the environment\n']); // prettier-ignore
  t.match((await elsewhere(['ls', '--store', work.store])).stderr, /^bd0: there is no store in '.*store'\n$/);
  t.equal((await elsewhere(['import', file, '--name', 'x', '--store', work.store])).code, 0);
  t.match((await elsewhere(['ls', '--store', work.store])).stdout, /file  x\n$/);
  t.match(await work.out(['ls']), /file  x\n$/);
  t.match((await work.vmo(['ls', '--store', work.path('other')])).stderr, /there is no store in '.*other'/);
  t.match((await work.vmo(['ls', '--store', work.store, '--store', work.path('x')])).stderr, /no store in '.*x'/);
  t.match((await elsewhere(['ls', '--store', ''])).stderr, /^bd0: no store is given: |--store needs a value/);
  t.equal((await elsewhere(['cat', file])).stdout, 'content', 'files need no store');
  const missing = await elsewhere(['cat', 'x']);
  t.match(missing.stderr, /^bd0: there is no file 'x', and no store is given \(--store DIR, or BD0_STORE\)\n$/);
});

t.test('a store in a place where there cannot be one is refused in one line', async (t) => {
  const work = new Workshop(t);
  const importing = ['vmo', 'import', work.file('file', 'content'), '--name', 'x'];
  const others = [
    ['vmo', 'ls'],
    ['vmo', 'gc'],
    ['vmo', 'verify'],
    ['run', 'hello_world'],
  ];
  const cases = ['/proc/self/x', '/dev/null/x', '/sys/x', fileURLToPath(import.meta.url)].map((place) => [place, importing] as const); // prettier-ignore
  for (const place of ['/proc/x', '/dev/null'])
    cases.push(...[importing, ...others].map((words) => [place, words] as const));
  for (const [place, words] of cases) {
    const { code, stdout, stderr } = await served([...words, '--store', place]);
    t.strictSame([code, stdout], [125, ''], `${words.join(' ')} --store ${place}`);
    t.ok(isOneLine(stderr) && stderr.includes(`'${place}'`), stderr);
  }
  const piped = await bd0(['vmo', 'import', '-', '--name', 'x', '--store', '/proc/x'], { input: 'content' });
  t.strictSame([piped.code, piped.stdout], [125, '']);
  t.ok(isOneLine(piped.stderr) && piped.stderr.includes("'/proc/x'"), piped.stderr);
});

t.test('a store that is read-only is read, and not changed', async (t) => {
  const work = new Workshop(t);
  await work.out(['import', work.file('file', 'content'), '--name', 'x']);
  const run = readOnly(work.directory);
  for (const words of [['ls'], ['cat', 'x'], ['stat'], ['verify']]) {
    const { status, stderr } = run(['vmo', ...words, '--store', work.store]);
    t.strictSame([status, stderr], [0, ''], words.join(' '));
  }
  const ran = run(['run', 'hello_world', '--store', work.store]);
  t.strictSame([ran.status, ran.stdout, ran.stderr], [0, 'Hello, world\n', '']);
  for (const [store, ...words] of [
    ['store', 'import', work.path('file'), '--name', 'y'],
    ['store', 'rm', 'x'],
    ['store', 'pin', 'x'],
    ['store', 'gc'],
    ['store', 'verify', '--repair'],
    ['new', 'import', work.path('file')],
  ] as [string, ...string[]][]) {
    const { status, stdout, stderr } = run(['vmo', ...words, '--store', work.path(store)]);
    t.strictSame([status, stdout], [125, ''], words.join(' '));
    t.ok(isOneLine(stderr), stderr);
    t.match(stderr, /^bd0: cannot (write|make the directory) '.*': (read-only file system|permission denied)/);
  }
  t.equal(await work.out(['cat', 'x']), 'content');
});

/**
 * Runs bd0 where nothing below a directory can be written: on a read-only mount if the host lets this process make one, else
 * by the permissions of the files, which must be those of somebody else than root.
 */
function readOnly(directory: string): (words: readonly string[]) => SpawnSyncReturns<string> {
  const mounted = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const mount = ['unshare', '--mount', '--map-root-user', 'sh', '-c', mounted, directory];
  const run = (command: readonly string[], options: { uid?: number } = {}): SpawnSyncReturns<string> =>
    spawnSync(command[0]!, command.slice(1), { encoding: 'utf8', ...options });
  if (run([...mount, 'true']).status === 0) return (words) => run([...mount, ...bd0Command, ...words]);
  run(['chmod', '-R', 'a+rX,a-w', directory]);
  const uid = process.getuid!() === 0 ? NOBODY : process.getuid!();
  return (words) => run([...bd0Command, ...words], { uid });
}
