/** How `bd0 vmo` ends, other than well: signals, readers that go away, terminals, damage. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { progressText } from '../../../src/cli/vmo/progress.js';
import { bd0Command, endOf, firstOutput, startBd0 } from '../bd0.js';
import { idOf, linesOf, noise, Workshop } from './store.js';

/** Runs `bd0 vmo` on a terminal of its own. */
class OnTerminal {
  seen = '';
  private readonly child;

  constructor(work: Workshop, words: readonly string[]) {
    const command = ['stty cols 100;', 'exec', ...[...bd0Command, 'vmo', ...words].map((word) => `'${word}'`)].join(
      ' ',
    );
    const env = { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', BD0_STORE: work.store };
    this.child = spawn('script', ['-qefc', command, '/dev/null'], { env });
    this.child.stdout.on('data', (bytes: Buffer) => (this.seen += bytes.toString()));
  }

  async sees(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.seen)) await once(this.child.stdout, 'data');
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  /** The exit code. */
  async end(): Promise<number> {
    const [code] = (await once(this.child, 'close')) as [number];
    return code;
  }
}

/** A file of so many zeros that nobody waits until they have been read. */
function endlessFile(work: Workshop): string {
  const path = work.file('endless', 'begins');
  truncateSync(path, 2 ** 40);
  return path;
}

t.test('an import on a terminal shows how far it is, and Ctrl-C ends it and leaves the store whole', async (t) => {
  const work = new Workshop(t);
  await work.out(['import', work.file('before', 'was there before'), '--name', 'before']);
  const terminal = new OnTerminal(work, ['import', endlessFile(work), '--name', 'endless']);
  await terminal.sees(
    /\r\x1b\[Kimporting \[-{24}\] {3}0% {2}\d[\d.]* [KM]B of 1 TB, 0 files, \d[\d.]* [KMG]B\/s, \d+ s left/,
  );
  terminal.type('\x03');
  t.equal(await terminal.end(), 130);
  t.match(terminal.seen, /\r\x1b\[K$/, 'the line is taken away');
  t.match((await work.json(['ls'])).map(({ name }) => name), ['before']); // prettier-ignore
  t.match(await work.out(['verify']), /: all is whole\n$/);
  t.equal(await work.out(['cat', 'before']), 'was there before');
  await work.out(['gc', '--grace', '0']);
  t.match(await work.out(['verify']), /^2 records, .*: all is whole\n$/, 'and nothing of it is left');
});

t.test('a progress line is as long as the terminal is wide, at most, and gone at the end', async (t) => {
  const work = new Workshop(t);
  for (let i = 0; i < 30; i++) work.file(`tree/${i}`, noise(2 ** 20, i));
  const terminal = new OnTerminal(work, ['import', work.path('tree'), '--name', 'tree']);
  t.equal(await terminal.end(), 0);
  const shown = terminal.seen.split('\r\x1b[K');
  t.ok(shown.length > 2, 'it is written again and again');
  for (const line of shown.slice(1, -1)) {
    t.match(line, /^importing \[#*-*\] +\d+% {2}[\d.]+ (bytes|[KM]B) of 30 MB, \d+ files?, /);
    t.ok(line.length < 100, line);
  }
  t.match(shown.at(-1), /^[0-9a-f]{64}\r\n$/);
});

t.test('what a progress line says', async (t) => {
  const GB = 2 ** 30;
  t.equal(
    progressText('importing', { files: 17, bytes: GB / 2 }, GB, 2),
    'importing [############------------]  50%  512 MB of 1 GB, 17 files, 256 MB/s, 2 s left',
  );
  t.equal(progressText('writing', { files: 1, bytes: 1 }, undefined, 1), 'writing 1 byte, 1 file, 1 byte/s');
  t.match(progressText('importing', { files: 0, bytes: 0 }, 0, 0), /\[#{24}\] 100% {2}0 bytes of 0 bytes, 0 files/);
  t.match(progressText('importing', { files: 2, bytes: 3 * GB }, GB, 1), /\[#{24}\] 100% /, 'a file that grew');
});

t.test('signals end an import that waits for its input', async (t) => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // prettier-ignore
    const work = new Workshop(t);
    await work.out(['import', work.file('before', 'was there before'), '--name', 'before']);
    const watcher = watch(join(work.store, 'leases'));
    const opened = once(watcher, 'change');
    const child = startBd0(['vmo', 'import', '-', '--name', 'cut'], { env: { BD0_STORE: work.store } });
    child.stdin.on('error', () => {});
    child.stdin.write(noise(100_000));
    await opened;
    watcher.close();
    child.kill(signal);
    const ended = await endOf(child);
    t.ok(ended.code === code || ended.signal === signal, `${ended.code} ${ended.signal}`);
    t.strictSame([ended.stdout, ended.stderr], ['', '']);
    t.match(await work.out(['verify']), /: all is whole\n$/);
    t.match((await work.json(['ls'])).map(({ name }) => name), ['before']); // prettier-ignore
  }
});

t.test('a reader that goes away ends cat and export quietly', async (t) => {
  const work = new Workshop(t);
  const path = work.file('large', noise(2 ** 22));
  await work.out(['import', path, '--name', 'large']);
  for (const words of [
    ['cat', 'large'],
    ['cat', path],
    ['export', 'large'],
    ['cat', 'large', '--json'],
  ]) {
    // prettier-ignore
    const child = startBd0(['vmo', ...words], { env: { BD0_STORE: work.store } });
    await firstOutput(child);
    child.stdout.destroy();
    let told = '';
    child.stderr.on('data', (bytes: Buffer) => (told += bytes.toString()));
    const [code] = (await once(child, 'exit')) as [number];
    t.strictSame([code, told], [141, ''], words.join(' '));
  }
  const full = spawnSync('bash', ['-c', '"$@" > /dev/full', 'bash', ...bd0Command, 'vmo', 'cat', path], { encoding: 'utf8' }); // prettier-ignore
  t.strictSame([full.status, full.stderr], [125, 'bd0: cannot write standard output: no space left on device\n']);
});

t.test('export never writes to a terminal', async (t) => {
  const work = new Workshop(t);
  await work.out(['import', work.file('file', 'content'), '--name', 'name']);
  for (const words of [
    ['export', 'name'],
    ['export', 'name', '-o', '/dev/tty'],
    ['export', 'name', '-o', '/dev/stdout'],
  ]) {
    const terminal = new OnTerminal(work, words);
    t.equal(await terminal.end(), 125);
    t.equal(terminal.seen, 'bd0: a canonical stream is binary, which a terminal cannot show: redirect it, or use -o FILE\r\n'); // prettier-ignore
  }
});

t.test('damage is found by verify, named with what it reaches, and never read', async (t) => {
  const work = new Workshop(t);
  const [good, bad] = [noise(100_000, 1), noise(100_000, 2)];
  work.file('tree/good', good);
  work.file('tree/bad', bad);
  await work.out(['import', work.path('tree'), '--name', 'tree']);
  await work.out(['import', work.path('tree/good'), '--name', 'good']);
  await work.out(['import', work.path('tree/bad'), '--name', 'other/bad']);
  flipByteOf(work, bad.subarray(8192, 8292));

  const { code, stdout } = await work.vmo(['verify', '--json']);
  t.equal(code, 1);
  const [problem, summary, ...rest] = linesOf(stdout);
  t.match(problem, { what: 'damaged', path: /\.pack$/, offset: Number, names: ['other/bad', 'tree'] });
  t.ok((problem!['ids'] as string[]).includes(idOf(bad)) && !(problem!['ids'] as string[]).includes(idOf(good)));
  t.match(summary, { problems: 1 });
  t.strictSame(rest, []);
  const inWords = await work.vmo(['verify']);
  t.equal(inWords.code, 1);
  t.match(inWords.stdout, /^damaged record [0-9a-f]{16} and 15 more, .*\.pack at byte \d+: .*\n {2}reaches the names other\/bad, tree\n {2}reaches the IDs .*\n.*: 1 problem\n$/); // prettier-ignore

  const read = await work.vmo(['cat', 'tree/bad']);
  t.equal(read.code, 125);
  t.ok(Buffer.from(bad.subarray(0, 8192)).toString().startsWith(read.stdout), 'only what comes before it');
  t.match(read.stderr, /^bd0: record [0-9a-f]{64} is damaged: [^\n]*; bd0 vmo verify shows what is affected\n$/);
  for (const words of [
    ['export', 'tree/bad', '-o', work.path('out')],
    ['checkout', 'tree', work.path('copy')],
    ['diff', 'good', 'other/bad'],
  ])
    // prettier-ignore
    t.match((await work.vmo(words)).stderr, /^bd0: (cannot read '.*': )?record [0-9a-f]{64} is damaged: /, words.join(' '));
  t.equal(await work.out(['diff', 'good', work.path('tree/good')]), '', 'all else can be read');

  const repaired = await work.vmo(['verify', '--repair']);
  t.equal(repaired.code, 1, 'something is lost');
  t.match(repaired.stdout, /\nput away: .*\/quarantine\/.*\.pack; what is whole of it was written anew\n/);
  t.match(repaired.stdout, /\nwhat is lost is in other\/bad, tree: import it again, or take the names away\n.*: 16 problems\n$/); // prettier-ignore
  t.equal((await work.vmo(['gc', '--grace', '0'])).code, 1, 'nothing is collected while something is lost');
  await work.out(['import', work.path('tree/bad')]);
  t.match(await work.out(['verify']), /: all is whole\n$/);
  t.equal(await work.out(['diff', 'tree/bad', work.path('tree/bad')]), '');
  await work.out(['gc']);
});

t.test('an import mends what it brings, and tells of it', async (t) => {
  const work = new Workshop(t);
  const bytes = noise(100_000);
  await work.out(['import', work.file('file', bytes), '--name', 'file']);
  flipByteOf(work, bytes.subarray(8192, 8292));
  const again = await work.vmo(['import', work.path('file')]);
  t.strictSame([again.code, again.stdout], [0, `${idOf(bytes)}\n`]);
  t.match(again.stderr, /^bd0: a part of the store was damaged and is now '.*\/quarantine\/.*\.pack'; what was imported is whole, [^\n]*\n$/); // prettier-ignore
  t.match(await work.out(['verify']), /: all is whole\n$/);
  t.equal(await work.out(['diff', 'file', work.path('file')]), '');
});

t.test('damaged names are told in a line, the others can be used, and a repair keeps them', async (t) => {
  const work = new Workshop(t);
  for (const name of ['one', 'two', 'three']) await work.out(['import', work.file(name, name), '--name', name]);
  const log = join(work.store, 'names');
  writeFileSync(log, readFileSync(log, 'latin1').replaceAll('"name":"two"', '"name":"2wo"'), 'latin1');
  const listed = await work.vmo(['ls', '--json']);
  t.match(linesOf(listed.stdout).map(({ name }) => name), ['one', 'three']); // prettier-ignore
  t.match(listed.stderr, /^bd0: '.*\/names' is damaged at byte \d+: names may be missing or refer to older content; bd0 vmo verify shows more\n$/); // prettier-ignore
  const found = await work.vmo(['verify']);
  t.equal(found.code, 1);
  t.match(found.stdout, /^names, .*\/names at byte \d+: a line of \d+ bytes is not what its CRC says; what is left of it: ".*2wo.*\n/); // prettier-ignore
  t.match((await work.vmo(['gc'])).stderr, /\nbd0: nothing was collected, since names are damaged at byte \d+, /);
  const repaired = await work.vmo(['verify', '--repair']);
  t.equal(repaired.code, 1, 'a name is lost');
  const recovered = `lost/${idOf('two').slice(0, 16)}`;
  t.match(repaired.stdout, new RegExp(`\nno name reached ${idOf('two').slice(0, 16)}: it is now ${recovered}\n`));
  t.match(await work.out(['verify']), /: all is whole\n$/);
  await work.out(['gc', '--grace', '0']);
  await work.out(['mv', recovered, 'two']);
  t.match((await work.json(['ls'])).map(({ name }) => name), ['one', 'three', 'two']); // prettier-ignore
  t.equal(await work.out(['cat', 'two']), 'two');
});

t.test('Ctrl-C ends verify and gc, which leave the store whole', async (t) => {
  const work = new Workshop(t);
  for (let i = 0; i < 24; i++)
    for (const half of ['kept', 'loose']) work.file(`tree/${half}/${i}`, noise(2 ** 20, i * half.length, 3)); // prettier-ignore
  const [{ id } = {}] = await work.json(['import', work.path('tree')]);
  await work.out(['name', `${String(id)}/kept`, 'kept']);
  for (const [words, pattern] of [
    [['verify'], /\r\x1b\[Kverifying: \d+ records/],
    [['gc', '--grace', '0'], /\r\x1b\[Kwriting: \d+ records/],
  ] as const) {
    const terminal = new OnTerminal(work, words);
    await terminal.sees(pattern);
    terminal.type('\x03');
    t.equal(await terminal.end(), 130, words[0]);
    t.match(terminal.seen, /\r\x1b\[K$/, 'the line is taken away');
    t.match(await work.out(['verify']), /: all is whole\n$/);
  }
  t.match(await work.json(['gc', '--grace', '0']), [{ removedRecords: Number, packsWritten: 1 }]);
  t.equal(await work.out(['diff', 'kept/3', work.path('tree/kept/3')]), '');
});

t.test('a record that is not there is told as damage is', async (t) => {
  const work = new Workshop(t);
  await work.out(['import', work.file('kept', noise(5000, 1)), '--name', 'kept']);
  const [first] = work.packs();
  await work.out(['import', work.file('lost', noise(5000, 2)), '--name', 'lost']);
  for (const pack of work.packs().filter((path) => path !== first)) {
    rmSync(pack);
    rmSync(pack.replace(/pack$/, 'index'), { force: true });
  }
  const { code, stdout } = await work.vmo(['verify', '--json']);
  t.equal(code, 1);
  t.match(linesOf(stdout)[0], { what: 'missing', hashes: [idOf(noise(5000, 2))], names: ['lost'] });
  t.match(await work.json(['ls']), [{ name: 'kept', kind: 'file' }, { name: 'lost', kind: 'damaged' }]); // prettier-ignore
  t.match((await work.vmo(['cat', 'lost'])).stderr, /^bd0: the root [0-9a-f]{64} is not in the store; bd0 vmo verify /);
  t.match((await work.json(['rm', 'lost']))[0], { name: 'lost' });
  t.match(await work.out(['verify']), /: all is whole\n$/);
});

/** Flips a bit of the first of `bytes` where a pack holds them as they are. */
function flipByteOf(work: Workshop, bytes: Uint8Array): void {
  for (const path of work.packs()) {
    const pack = readFileSync(path);
    const at = pack.indexOf(bytes);
    if (at < 0) continue;
    pack[at]! ^= 4;
    return writeFileSync(path, pack);
  }
  throw new Error('no pack holds them');
}
