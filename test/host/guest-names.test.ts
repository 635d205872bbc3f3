/** What guests of `bd0 run` call VMOs: names in memory or in a store, over the files of a directory. */
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DurableNames, RunStore } from '../../src/host/names/durable-names.js';
import { GuestNames } from '../../src/host/names/guest-names.js';
import { RootFiles } from '../../src/host/names/root-files.js';
import { sha256 } from '../../src/host/sha256.js';
import { DiskStore } from '../../src/host/store/disk-store.js';
import { MemoryNames, MissingRecordError, VmoStore, sortedNames, type NameSpace } from '../../src/index.js';
import { compileTo } from '../support/guest-programs.js';
import { bd0, firstOutput, startBd0 } from '../cli/bd0.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

t.setTimeout(0);

const temporary = mkdtempSync(join(tmpdir(), 'bd0-names-'));
t.teardown(() => rmSync(temporary, { recursive: true, force: true }));

let directories = 0;
function newDirectory(): string {
  const directory = join(temporary, String(directories++));
  mkdirSync(directory);
  return directory;
}

const text = (names: NameSpace, name: string): string | undefined => {
  const vmo = names.lookup(name);
  const found = vmo && Buffer.from(vmo.read(0, vmo.length)).toString();
  vmo?.close();
  return found;
};

t.test('files of the root', async (t) => {
  const outside = newDirectory();
  writeFileSync(join(outside, 'secret'), 'secret');
  const root = newDirectory();
  writeFileSync(join(root, 'file'), 'content');
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'x'.repeat(63)), 'long');
  writeFileSync(join(root, 'x'.repeat(64)), 'too long');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff])]), 'not UTF-8');
  mkdirSync(join(root, 'directory'));
  writeFileSync(join(root, 'directory', 'below'), 'below');
  symlinkSync(join(outside, 'secret'), join(root, 'link'));
  symlinkSync('file', join(root, 'link-within'));
  symlinkSync(outside, join(root, 'link-directory'));
  const store = new VmoStore(sha256);
  const files = new RootFiles(store, root);
  const names = new GuestNames(new MemoryNames(store), files);

  t.test('are found by their names, as they are at that moment', async (t) => {
    t.equal(text(names, 'file'), 'content');
    t.equal(text(names, 'empty'), '');
    t.equal(text(names, 'x'.repeat(63)), 'long');
    const before = names.lookup('file')!;
    writeFileSync(join(root, 'file'), 'changed');
    t.equal(text(names, 'file'), 'changed');
    t.equal(Buffer.from(before.read(0, before.length)).toString(), 'content', 'what was found stays');
    before.close();
    truncateSync(join(root, 'file'), 3);
    t.equal(text(names, 'file'), 'cha');
    writeFileSync(join(root, 'file'), 'content');
    const vmo = names.lookup('file')!;
    t.ok([...store.openIds()].includes(vmo.id), 'its identity can be opened');
    vmo.close();
  });

  t.test('are not read again where nobody has changed them, and are no more to be opened for that', async (t) => {
    const store = new VmoStore(sha256);
    // The file has not been changed for as long as it takes to build this test.
    const files = new RootFiles(store, repository);
    const first = files.lookup('package-lock.json')!;
    const { id } = first;
    first.close();
    t.same(store.openIds(), [], 'what is remembered cannot be opened');
    const { leavesHashed } = store.counters;
    const again = files.lookup('package-lock.json')!;
    t.equal(again.id, id);
    t.same(store.openIds(), [id]);
    t.equal(store.counters.leavesHashed, leavesHashed, 'nothing was hashed again');
    t.same(Buffer.from(again.read(0, again.length)), readFileSync(join(repository, 'package-lock.json')));
    again.close();
  });

  t.test(
    'are read again where they have changed, though length and time of the last change are the same',
    async (t) => {
      const path = join(newDirectory(), 'file');
      const files = new RootFiles(store, dirname(path));
      const { now } = Date;
      const read = (): string | undefined => {
        // Late enough that what has been changed by now will be known by its time from what is changed from now on.
        Date.now = () => now() + 60_000;
        try {
          return text(new GuestNames(new MemoryNames(store), files), 'file');
        } finally {
          Date.now = now;
        }
      };
      /** The clock of files may stand still for some milliseconds. */
      const change = (work: () => void): void => {
        const { ctimeNs } = lstatSync(path, { bigint: true });
        const other = join(dirname(path), 'other');
        do writeFileSync(other, '');
        while (lstatSync(other, { bigint: true }).ctimeNs === ctimeNs);
        work();
      };
      writeFileSync(path, 'content');
      const { atime, mtime } = lstatSync(path);
      t.equal(read(), 'content');
      const { leavesHashed } = store.counters;
      t.equal(read(), 'content');
      t.equal(store.counters.leavesHashed, leavesHashed, 'it is remembered');
      change(() => {
        writeFileSync(path, 'changed');
        utimesSync(path, atime, mtime);
      });
      t.equal(read(), 'changed');
      change(() => {
        writeFileSync(`${path}.new`, 'renamed');
        utimesSync(`${path}.new`, atime, mtime);
        renameSync(`${path}.new`, path);
      });
      t.equal(read(), 'renamed');
      change(() => {
        renameSync(path, `${path}.away`);
        symlinkSync(`${path}.away`, path);
      });
      t.equal(read(), undefined, 'a link stands in its place');
      rmSync(path);
      t.equal(read(), undefined);
      renameSync(`${path}.away`, path);
      t.equal(read(), 'renamed');
      change(() => truncateSync(path, 3));
      t.equal(read(), 'ren');
    },
  );

  t.test('are all that can be had: no path leads anywhere else, and no link', async (t) => {
    const paths = [
      ...['directory/below', './file', '../secret', '..', '.', '', '/etc/passwd', 'directory', 'directory/', 'file/'],
      ...['link', 'link-within', 'link-directory', 'link-directory/secret', 'x'.repeat(64), 'f\udcff', 'none', 'a\0b'],
      ...[join(outside, 'secret'), `../${outside.split('/').at(-1)}/secret`, 'f\ufffd'],
    ];
    for (const path of paths) t.equal(files.lookup(path), undefined, JSON.stringify(path));
    t.same(sortedNames(names.names()), ['empty', 'file', 'x'.repeat(63)]);
  });

  t.test('are hidden by names that are published, and not changed', async (t) => {
    const one = store.fromBytes(Buffer.from('one'));
    const file = names.lookup('file')!;
    t.equal(names.publish('file', one, undefined), 'changed', 'there is one already');
    t.equal(names.publish('file', one, one), 'changed');
    t.equal(names.publish('file', undefined, file), 'read-only');
    t.equal(names.publish('file', undefined, 'anything'), 'read-only');
    t.equal(names.publish('file', undefined, undefined), 'changed');
    t.equal(names.publish('file', one, file), 'done');
    t.equal(text(names, 'file'), 'one');
    t.same(sortedNames(names.names()), ['empty', 'file', 'x'.repeat(63)]);
    t.equal(names.publish('file', undefined, one), 'done');
    t.equal(text(names, 'file'), 'content');
    t.equal(names.publish('empty', one, 'anything'), 'done');
    t.equal(text(names, 'empty'), 'one');
    t.same(readdirSync(root).length, 9);
    for (const vmo of [one, file]) vmo.close();
  });
});

t.test('names of a store', async (t) => {
  /** A run that has the store open. */
  const open = (directory: string): { store: VmoStore; names: DurableNames; run: RunStore } => {
    const run = RunStore.open(directory);
    const store = new VmoStore(sha256);
    return { store, names: new DurableNames(store, run), run };
  };

  t.test('are there when a publication has answered, and what they stand for', async (t) => {
    const directory = newDirectory();
    const first = open(directory);
    const vmo = first.store.fromBytes(Buffer.from('kept'.repeat(5000)));
    t.equal(first.names.publish('a/b', vmo, undefined), 'done');
    // As a process of its own sees it, while the first one has not closed anything.
    const second = open(directory);
    t.equal(text(second.names, 'a/b'), 'kept'.repeat(5000));
    t.same(second.names.names(), ['a/b']);
    t.equal(first.names.publish('a/b', undefined, vmo), 'done');
    t.equal(text(second.names, 'a/b'), undefined);
    for (const { run } of [first, second]) run.close();
  });

  t.test('change by compare and swap, whoever else changes them', async (t) => {
    const directory = newDirectory();
    const [first, second] = [open(directory), open(directory)];
    const make = (side: { store: VmoStore }, content: string) => side.store.fromBytes(Buffer.from(content));
    const [one, two] = [make(first, 'one'), make(second, 'two')];
    t.equal(first.names.publish('n', one, undefined), 'done');
    t.equal(second.names.publish('n', two, undefined), 'changed');
    const oneThere = make(second, 'one');
    t.equal(second.names.publish('n', two, oneThere), 'done', 'the bytes count');
    t.equal(first.names.publish('n', one, one), 'changed');
    t.equal(text(first.names, 'n'), 'two');
    t.equal(first.names.publish('n', undefined, 'anything'), 'done');
    t.equal(first.names.publish('n', undefined, 'anything'), 'done', 'nothing is there');
    t.equal(second.names.publish('n', undefined, undefined), 'done');
    t.equal(second.names.publish('n', two, 'anything'), 'done');
    t.equal(text(first.names, 'n'), 'two');
    for (const { run } of [first, second]) run.close();
  });

  t.test('are opened by identity too, but pages and nodes are no VMOs', async (t) => {
    const directory = newDirectory();
    const first = open(directory);
    const vmo = first.store.fromBytes(Buffer.alloc(9000, 7));
    const { id } = vmo;
    const leaf = vmo.page(0).leaf;
    first.names.publish('n', vmo, undefined);
    first.run.close();
    const second = open(directory);
    const opened = second.names.open(id);
    t.equal(opened?.length, 9000);
    t.equal(second.names.open(leaf), undefined);
    t.equal(second.names.open('0'.repeat(64)), undefined);
    opened?.close();
    second.run.close();
  });

  t.test('wait for nobody: where garbage is collected, a publication fails', async (t) => {
    const directory = newDirectory();
    const first = open(directory);
    const collector = DiskStore.open(directory, { mode: 'collect' });
    const vmo = first.store.fromBytes(Buffer.from('x'));
    t.equal(first.names.publish('n', vmo, undefined), 'changed');
    collector.close();
    t.equal(first.names.publish('n', vmo, undefined), 'done');
    first.run.close();
  });

  t.test('that stand for what the store has lost are told of', async (t) => {
    const directory = newDirectory();
    const first = open(directory);
    first.names.publish('n', first.store.fromBytes(Buffer.from('x')), undefined);
    first.run.close();
    rmSync(join(directory, 'packs'), { recursive: true });
    mkdirSync(join(directory, 'packs'));
    const second = open(directory);
    t.throws(() => second.names.lookup('n'), MissingRecordError);
    second.run.close();
  });
});

t.test('on the command line', async (t) => {
  const append = join(temporary, 'append');
  await compileTo(append, fileURLToPath(new URL('../../../test/cli/append.c', import.meta.url)));
  const lines = async (store: string): Promise<number> => {
    const { stdout } = await bd0(['vmo', 'cat', '--store', store, 'log']);
    return stdout.split('\n').filter((line) => line === 'line').length;
  };

  t.test('a process is restored from what another run has named', async (t) => {
    const store = join(newDirectory(), 'store');
    const run = (...args: string[]) => bd0(['run', '--store', store, 'snapshot', ...args]);
    const saved = await run('save', 'tree', '300');
    const resumed = await run('resume', 'tree', '300');
    t.match([saved.code, resumed.code], [0, 0], saved.stderr + resumed.stderr);
    const told = ({ stdout }: { stdout: string }) => stdout.trim().split('\n').map((line) => line.replace(/^[^:]*/, '')); // prettier-ignore
    t.equal(told(saved).length, 2);
    t.same(told(resumed), told(saved));
    const without = await bd0(['run', 'snapshot', 'look', 'tree', '300']);
    t.match(
      without,
      { code: 1, stdout: "snapshot: 'tree' cannot be had\n" },
      'names without a store are those of a run',
    );
  });

  t.test('several machines change a name, and no change is lost', async (t) => {
    const store = newDirectory();
    const runs = await Promise.all([1, 2, 3].map(() => bd0(['run', '--store', store, append, '6'])));
    for (const { code, stdout, stderr } of runs) t.match({ code, stdout }, { code: 0, stdout: /^6 lines/ }, stderr);
    t.equal(await lines(store), 18);
  });

  t.test('what was published is on disk when the call has answered', async (t) => {
    const store = newDirectory();
    const child = startBd0(['run', '--store', store, append, '3', 'hold']);
    t.match(await firstOutput(child), /^3 lines/);
    child.kill('SIGKILL');
    await once(child, 'close');
    t.equal(await lines(store), 3);
  });

  t.test('the files of --root are what guests find, and it is a directory', async (t) => {
    const root = newDirectory();
    writeFileSync(join(root, 'log'), 'line\nline\n');
    const { code, stdout } = await bd0(['run', '--root', root, append, '2']);
    t.match({ code, stdout }, { code: 0, stdout: '2 lines, 0 times anew\n' });
    t.equal(readFileSync(join(root, 'log'), 'utf8'), 'line\nline\n', 'and never change');
    const missing = await bd0(['run', '--root', join(root, 'log'), append, '2']);
    t.match(missing, { code: 125, stderr: /^bd0: --root '.*log' is not a directory\n$/ });
  });
});
