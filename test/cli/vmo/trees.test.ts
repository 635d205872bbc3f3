import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { bytesOfText, byteText, byteTextOf, type ByteText } from '../../../src/host/byte-text.js';
import { visibleLine, visibleText } from '../../../src/host/console/visible-text.js';
import { performCommands } from '../../../src/host/host-commands.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { importPath, importStream } from '../../../src/host/store/import.js';
import { encodeListing, type Listing, type TreeEntry } from '../../../src/host/store/listing.js';
import { Pace } from '../../../src/host/store/pace.js';
import { placeFile, placeTree } from '../../../src/cli/vmo/checkout/place.js';
import { TreeWriter, type WriteOptions } from '../../../src/cli/vmo/checkout/tree-writer.js';
import { StoreView } from '../../../src/cli/vmo/content/store-view.js';
import { exportTree, TreeStreamReader } from '../../../src/cli/vmo/content/tree-stream.js';
import type { Progress } from '../../../src/cli/vmo/progress.js';
import { idOf, linesOf, noise, Workshop } from './store.js';

const PLAIN: WriteOptions = { owners: false, xattrs: false, devices: false };

/** A pace that has something done at each of its pauses. */
class EachPause extends Pace<Progress> {
  pauses = 0;

  constructor(private readonly work: (pauses: number) => void = () => {}) {
    super({}, () => ({ files: 0, bytes: 0 }));
  }

  override get isDue(): boolean {
    return true;
  }

  override async pause(): Promise<void> {
    this.work(++this.pauses);
  }
}

/** Whole numbers below a bound, the same for each seed. */
function numbers(seed: number): (below: number) => number {
  const bytes = noise(60_000, seed);
  let at = 0;
  return (below) => (bytes[at++]! * 65536 + bytes[at++]! * 256 + bytes[at++]!) % below;
}

/** A tree of everything that a host has: odd names, modes, times, links, holes. */
function makeRandomTree(root: ByteText, seed: number): void {
  const below = numbers(seed);
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!;
  const newName = (): Buffer => {
    const bytes = Buffer.from(Array.from({ length: 1 + below(8) }, () => one([1 + below(255), 97 + below(26)])));
    return Buffer.from(bytes.map((byte) => (byte === 47 || byte === 46 ? 95 : byte)));
  };
  const [directories, files, all] = [[root], [] as ByteText[], [] as ByteText[]];
  mkdirSync(bytesOfText(root), { recursive: true });
  for (let i = 0; i < 90; i++) {
    const path = byteText(Buffer.concat([bytesOfText(one(directories)), Buffer.from('/'), newName()]));
    const bytes = bytesOfText(path);
    if (lstatSync(bytes, { throwIfNoEntry: false })) continue;
    all.push(path);
    const kind = below(8);
    if (kind < 2) {
      mkdirSync(bytes);
      directories.push(path);
    } else if (kind === 2)
      symlinkSync(one([Buffer.from('nowhere'), Buffer.of(0xff, 0x2f, 1), Buffer.from('/etc/passwd')]), bytes); // prettier-ignore
    else if (kind === 3 && files.length > 0) linkSync(bytesOfText(one(files)), bytes);
    else if (kind === 4) for (const _ of performCommands([{ words: ['mkfifo', path], paths: [path] }]));
    else {
      writeFileSync(bytes, noise(one([0, 1, 5000, 20_000]), i));
      if (kind === 5) truncateSync(bytes, 4096 * below(500));
      files.push(path);
    }
  }
  for (const path of all) {
    const stat = lstatSync(bytesOfText(path));
    if (!stat.isSymbolicLink()) chmodSync(bytesOfText(path), one(stat.isDirectory() ? [0o755, 0o1700, 0o2775] : [0o644, 0o4755, 0o2711, 0o7777, 0o400])); // prettier-ignore
  }
  // A tree of which a test owner cannot read all would not be read by tar, either.
  const times = ['1700000000.123456789', '-12345.000000001', '0', '4000000000.999999999', '1.5'];
  const touches = [...all, root].map((path) => ({ words: ['touch', '-h', '-d', `@${one(times)}`, '--', path], paths: [path] })); // prettier-ignore
  for (const _ of performCommands(touches));
}

/** A tree as tar sees it, which is all that a host knows of it. */
function tarOf(path: string): Buffer {
  const format = ['--sort=name', '--format=pax', '--numeric-owner', '--pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime']; // prettier-ignore
  return execFileSync('tar', [...format, '-C', path, '-cf', '-', '.'], { maxBuffer: 2 ** 28 });
}

t.test('a tree comes out as it went in, by the judgement of tar', async (t) => {
  const work = new Workshop(t);
  const tree = work.path('tree');
  for (const seed of [1, 2]) makeRandomTree(byteTextOf(`${tree}/${seed}`), seed);
  const id = await work.out(['import', tree, '--name', 'tree']);
  const expected = tarOf(tree);
  await work.out(['checkout', 'tree', work.path('new')]);
  t.ok(tarOf(work.path('new')).equals(expected), 'where nothing was');
  mkdirSync(work.path('empty'));
  await work.out(['checkout', 'tree', work.path('empty')]);
  t.ok(tarOf(work.path('empty')).equals(expected), 'into an empty directory');
  t.equal(await work.out(['import', work.path('new')]), id, 'and it is the same tree');
});

/** A store in this process. */
function storeIn(t: Test): { view: StoreView; directory: string } {
  const work = new Workshop(t);
  const disk = DiskStore.open(work.store, { mode: 'write', create: true });
  t.teardown(() => disk.close());
  return { view: new StoreView(disk), directory: work.directory };
}

async function put(view: StoreView, bytes: Uint8Array): Promise<string> {
  return (await importStream(view.disk, [bytes])).id;
}

const file = (name: string, id: string, mode = 0o644): TreeEntry => ({ type: 'file', name: byteTextOf(name), attributes: { mode }, id }); // prettier-ignore

function listing(entries: readonly TreeEntry[], hardLinks: readonly (readonly string[])[] = []): Listing {
  return {
    version: 2,
    attributes: { mode: 0o755 },
    entries,
    hardLinks: hardLinks.map((group) => group.map(byteTextOf)),
  };
}

t.test('nobody else can read a tree while it is written, and what fails leaves nothing behind', async (t) => {
  const { view, directory } = storeIn(t);
  makeRandomTree(byteTextOf(`${directory}/tree`), 3);
  const { id } = await importPath(view.disk, `${directory}/tree`);
  const tree = view.listing(id, 'tree');
  mkdirSync(`${directory}/empty`);
  const before = readdirSync(directory);
  for (const name of ['new', 'empty']) {
    const modes: number[] = [];
    const look = (): void => {
      const places = [`${directory}/${name}.${process.pid}.part`, `${directory}/empty/.bd0-checkout-${process.pid}`];
      const seen = places.flatMap((path) => statSync(path, { throwIfNoEntry: false }) ?? []);
      modes.push(...seen.map(({ mode }) => mode & 0o077));
    };
    const whole = new EachPause(look);
    for (let k = 1; ; k = k * 2 + 1) {
      const pace = new EachPause((pauses) => {
        if (pauses === k) throw new Error('enough');
      });
      const failed = placeTree((place) => new TreeWriter(view, PLAIN, pace, place), tree, byteTextOf(`${directory}/${name}`)); // prettier-ignore
      if (await failed.then(() => true, () => false)) break; // prettier-ignore
      t.strictSame(readdirSync(directory), before, `stopped at pause ${k}`);
      t.strictSame(readdirSync(`${directory}/empty`), []);
    }
    execFileSync('rm', ['-rf', `${directory}/${name}`]);
    if (name === 'empty') mkdirSync(`${directory}/empty`);
    await placeTree((place) => new TreeWriter(view, PLAIN, whole, place), tree, byteTextOf(`${directory}/${name}`));
    t.ok(modes.length > 100);
    t.strictSame(new Set(modes.slice(0, -1)), new Set([0]), 'its own mode comes last');
    execFileSync('rm', ['-rf', `${directory}/${name}`]);
    mkdirSync(`${directory}/empty`, { recursive: true });
  }
  const content = view.tree(await put(view, noise(50_000)));
  const pace = new EachPause((pauses) => {
    if (pauses === 5) throw new Error('enough');
  });
  await t.rejects(placeFile((place) => new TreeWriter(view, PLAIN, pace, place), { tree: content }, byteTextOf(`${directory}/file`)), /enough/); // prettier-ignore
  t.strictSame(readdirSync(directory), before);
});

t.test('content that is missing is told by its path', async (t) => {
  const { view, directory } = storeIn(t);
  const inner = await put(view, encodeListing(listing([file('lost', 'ab'.repeat(32))])));
  const tree = listing([{ type: 'tree', name: byteTextOf('sub'), id: inner }]);
  const outer = await put(view, encodeListing(tree));
  const newWriter = (place: { aside: ByteText; path: ByteText }): TreeWriter =>
    new TreeWriter(view, PLAIN, new EachPause(), place);
  await t.rejects(placeTree(newWriter, tree, byteTextOf(`${directory}/out`)), {
    message: `cannot read '${directory}/out/sub/lost': the root ${'ab'.repeat(32)} is not in the store; bd0 vmo verify shows what is affected`,
  });
  t.strictSame(readdirSync(directory), ['store']);
  const stream = exportTree(view, { id: outer, kind: 'tree', path: byteTextOf('backup') });
  t.throws(() => [...stream], { message: /^cannot read 'backup\/sub\/lost': / });
});

t.test('a tree from elsewhere neither leads out of its place nor gives rights', async (t) => {
  const { view, directory } = storeIn(t);
  const id = await put(view, Buffer.from('content'));
  const write = (tree: Listing, name: string): Promise<TreeWriter> =>
    placeTree((place) => new TreeWriter(view, PLAIN, new EachPause(), place), tree, byteTextOf(`${directory}/${name}`));
  const good = Buffer.from(encodeListing(listing([file('xxxxxxx', id)]))).toString('latin1');
  for (const name of ['../evil', './/evil', '/etc/xx', 'a\0evil2']) {
    const bad = await put(view, Buffer.from(good.replace('xxxxxxx', name), 'latin1'));
    t.throws(() => view.listing(bad, 'bad'), { message: /^'bad' cannot be read as a tree: not the listing of a directory/ }); // prettier-ignore
  }
  const link: TreeEntry = {
    type: 'link',
    name: byteTextOf('a'),
    attributes: { mode: 0o777 },
    target: byteTextOf('/tmp'),
  };
  t.throws(() => encodeListing(listing([link, file('a', id)])), /out of its order/);

  // What is said to be one file and is not stays apart.
  const other = await put(view, Buffer.from('other'));
  const sub = await put(view, encodeListing(listing([file('f', other)])));
  const lies = listing([file('f', id), { type: 'tree', name: byteTextOf('s'), id: sub }], [['f', 's/f']]);
  const { problems } = await write(lies, 'lies');
  t.match(problems, [{ path: `${directory}/lies/s/f`, reason: /^it differs from '.*lies\/f', of which it is said to be/ }]); // prettier-ignore
  t.equal(readFileSync(`${directory}/lies/s/f`, 'utf8'), 'other');

  const owner = { uid: process.getuid!() + 1, gid: process.getgid!() };
  const attributes = { mode: 0o755, owner };
  const rights: Listing = { version: 2, attributes, hardLinks: [], entries: [{ type: 'file', name: byteTextOf('f'), attributes: { mode: 0o6755, owner }, id }] }; // prettier-ignore
  await write(rights, 'rights');
  t.equal(statSync(`${directory}/rights/f`).mode & 0o7777, 0o2755, 'setuid is the right of another owner');

  const device: TreeEntry = { type: 'character device', name: byteTextOf('null'), attributes: { mode: 0o666 }, major: 1, minor: 3 }; // prettier-ignore
  const withDevice = await write(listing([device, file('f', id)]), 'devices');
  t.match(withDevice.problems, [{ path: `${directory}/devices/null`, reason: 'it is a character device, which --devices makes' }]); // prettier-ignore
  t.strictSame(readdirSync(`${directory}/devices`), ['f']);
});

t.test('a stream says whether it is a tree; trees of before are read', async (t) => {
  const { view, directory } = storeIn(t);
  const old = Buffer.from(`bd0 tree 1\nf${idOf('one')} a\0x${idOf('two')} b\0l c\0a\0`);
  for (const bytes of [Buffer.from('one'), Buffer.from('two'), old]) await put(view, bytes);
  const id = idOf(old);
  const read = (bytes: Uint8Array): object => {
    const reader = new TreeStreamReader(view);
    for (let at = 0; at < bytes.length; at += 7) reader.push(bytes.subarray(at, at + 7));
    return reader.finish();
  };
  const streamOf = (kind: 'file' | 'tree'): Buffer => Buffer.concat([...exportTree(view, { id, kind, path: byteTextOf('x') })]); // prettier-ignore
  const tree = streamOf('tree');
  t.match(read(tree), { id, kind: 'tree', vmos: 3 });
  t.match(read(tree.subarray(16)), { id, kind: 'tree', vmos: 3 }, 'without a first line');
  t.match(read(streamOf('file')), { id, kind: 'file', vmos: 1 }, 'a file that looks like a tree');
  for (const end of [0, 5, 16, 60, tree.length - 1]) t.throws(() => read(tree.subarray(0, end)), { name: 'BadTreeStreamError', message: new RegExp(`^byte ${end}: cut`) }); // prettier-ignore
  t.throws(() => read(Buffer.from('bd0 twig stream\n')), /^byte 0: neither/);

  const umask = process.umask(0o027);
  await placeTree((place) => new TreeWriter(view, PLAIN, new EachPause(), place), view.listing(id, 'x'), byteTextOf(`${directory}/old`)); // prettier-ignore
  process.umask(umask);
  const modes = ['', '/a', '/b'].map((name) => statSync(`${directory}/old${name}`).mode & 0o777);
  t.strictSame(modes, [0o750, 0o640, 0o750], 'version 1 knows no modes: they are those of new files');
});

t.test('an import that is not complete says what is missing, and gets its name all the same', async (t) => {
  const work = new Workshop(t);
  const name = '\x1b]0;evil\x07\u202egnp.\u009b2J';
  work.file('tree/kept', 'kept');
  const server = createServer().listen(work.path(`tree/${name}`));
  await once(server, 'listening');
  const { code, stdout, stderr } = await work.vmo(['import', work.path('tree'), '--name', 'tree', '--json']);
  server.close();
  t.equal(code, 1);
  const [first, second, ...none] = stderr.trimEnd().split('\n');
  t.strictSame(none, []);
  t.match(first, /^bd0: left out '.*\/tree\/\\x1b\]0;evil\\x07\\u202egnp\.\\u009b2J': it is a socket$/);
  t.equal(second, "bd0: 1 entry could not be imported as found; 'tree' has everything else");
  t.match(linesOf(stdout)[0], { name: 'tree', problemCount: 1, problems: [{ path: work.path(`tree/${name}`) }] });
  t.match((await work.json(['ls', 'tree'])).map(({ name }) => name), ['kept']); // prettier-ignore
  const missing = await work.vmo(['cat', `tree/${name}`]);
  t.match(missing.stderr, /^bd0: there is no '\\x1b\]0;evil\\x07\\u202egnp\.\\u009b2J' in 'tree'\n$/);
});

t.test('names that are not text can be listed, read and compared', async (t) => {
  const work = new Workshop(t);
  work.file('tree/plain', 'same', 0o640);
  const odd = Buffer.concat([Buffer.from(`${work.path('tree')}/`), Buffer.of(0xff, 0x5c, 0x0a)]);
  writeFileSync(odd, 'odd');
  execFileSync('touch', ['-d', '@1.000000002', work.path('tree/plain')]);
  await work.out(['import', work.path('tree'), '--name', 'one']);
  const [plain, strange] = await work.json(['ls', 'one']);
  t.match(plain, { name: 'plain', mode: '0640', mtime: '1970-01-01T00:00:01.000000002Z', id: idOf('same') });
  t.match(strange, { nameBase64: Buffer.of(0xff, 0x5c, 0x0a).toString('base64'), id: idOf('odd') });
  t.match(await work.out(['ls', 'one']), /file {2}\\xff\\\\\\x0a\n$/);
  t.match(await work.out(['ls', '-l', 'one']), /^[0-9a-f]{64} {2}4 {2}file {2}0640 {2}1970-01-01T00:00:01\.000000002Z {2}plain$/m); // prettier-ignore
  t.equal(await work.out(['cat', 'one/\\xff\\\\\\x0a']), 'odd', 'as ls shows it');
  await work.out(['checkout', 'one/plain', work.path('plain')]);
  t.strictSame([statSync(work.path('plain')).mode & 0o777, lstatSync(work.path('plain'), { bigint: true }).mtimeNs], [0o640, 1_000_000_002n]); // prettier-ignore

  const [colour, other] = [work.file('\x1b[31m', 'red'), work.file('other')];
  t.equal(
    await work.out(['hash', colour, other]),
    `${idOf('red')}  ${work.path('\\x1b[31m')}\n${idOf('')}  ${other}\n`,
  );
  t.match(await work.json(['hash', colour]), [{ file: colour }], 'a program gets it as it is');

  chmodSync(work.path('tree/plain'), 0o600);
  execFileSync('touch', ['-d', '@5', work.path('tree/plain')]);
  await work.out(['import', work.path('tree'), '--name', 'two']);
  const { code, stdout } = await work.vmo(['diff', 'one', 'two']);
  t.strictSame([code, stdout], [1, 'plain: mode 0640 in one, 0600 in the other\n']);
  const times = 'changed at 1970-01-01T00:00:01.000000002Z in one, at 1970-01-01T00:00:05.000000000Z in the other';
  t.match((await work.vmo(['diff', 'one', 'two', '--times'])).stdout, `plain: mode 0640 in one, 0600 in the other, ${times}\n`); // prettier-ignore
});

t.test('many different times are set to the nanosecond, with Python or without', async (t) => {
  const work = new Workshop(t);
  mkdirSync(work.path('tree'));
  const paths = Array.from({ length: 60 }, (_, i) => byteTextOf(`${work.path('tree')}/'${i}'`)).map((path, i) => `${path}${i % 2 ? '\xff' : '\n'}` as ByteText); // prettier-ignore
  for (const [i, path] of paths.entries())
    if (i % 3 > 0) writeFileSync(bytesOfText(path), '');
    else symlinkSync('nothing', bytesOfText(path));
  const touches = paths.map((path, i) => ({
    words: ['touch', '-h', '-d', `@${i - 2}.${String(i * 12_345_679).padStart(9, '0')}`, '--', path],
    paths: [path],
  }));
  for (const _ of performCommands(touches));
  const timesIn = (directory: string): bigint[] =>
    readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare).map((name) => lstatSync(Buffer.concat([Buffer.from(`${directory}/`), name]), { bigint: true }).mtimeNs); // prettier-ignore
  const times = timesIn(work.path('tree'));
  t.ok(new Set(times).size > 40);
  await work.out(['import', work.path('tree'), '--name', 'x']);
  for (const missing of ['touch', 'python3']) {
    work.file(`without ${missing}/${missing}`, '#!/bin/sh\nexit 1\n', 0o755);
    const env = { PATH: `${work.path(`without ${missing}`)}:${process.env['PATH']}` };
    await work.out(['checkout', 'x', work.path(`copy without ${missing}`)], { env });
    t.strictSame(timesIn(work.path(`copy without ${missing}`)), times, `without ${missing}`);
  }
});

t.test('extended attributes are kept by the commands that the host has for them', async (t) => {
  const work = new Workshop(t);
  // Stand-ins: every file has an attribute, its content, and what is set is written down.
  const skip = '[ "$1" = --version ] && exit; for a; do last=$a; done';
  work.file('bin/getfattr', `#!/bin/sh
${skip}; while [ "$1" != -- ]; do shift; done; shift
for p; do
  case $p in *bad) echo "getfattr: $p: no luck" >&2; exit 1;; esac
  [ -d "$p" ] || printf '# file: %s\\nuser.a\\\\075b=0x%s\\n\\n' "$p" "$(od -An -tx1 <"$p" | tr -d ' ')"
done`, 0o755); // prettier-ignore
  work.file('bin/setfattr', `#!/bin/sh\n${skip}; echo "$@" >>${work.path('set')}`, 0o755);
  const env = { PATH: `${work.path('bin')}:${process.env['PATH']}` };
  work.file('tree/file', 'AB');
  const id = (await work.out(['import', work.path('tree'), '--xattrs', '--name', 'x'], { env })).trimEnd();
  t.not(id, (await work.out(['import', work.path('tree')])).trimEnd(), 'they are a part of the identity');
  t.match(await work.json(['ls', 'x']), [{ name: 'file', xattrs: [{ name: 'user.a=b', base64: 'QUI=' }] }]);
  await work.out(['checkout', 'x', work.path('plain')]);
  await work.out(['checkout', 'x', work.path('copy'), '--xattrs'], { env });
  t.match(readFileSync(work.path('set'), 'utf8'), /^-h -n user\.a=b -v 0x4142 -- .*copy\.\d+\.part\/file\n$/);
  work.file('tree/bad');
  const bad = await work.vmo(['import', work.path('tree'), '--xattrs'], { env });
  t.match([bad.code, bad.stderr], [1, /^bd0: '.*tree\/bad': getfattr: .*tree\/bad: no luck\nbd0: 1 entry /]);
  const without = await work.vmo(['import', work.path('tree'), '--xattrs'], { env: { PATH: work.path('none') } });
  t.match([without.code, without.stderr], [125, 'bd0: --xattrs needs getfattr, which is not there: install the package attr\n']); // prettier-ignore
});

t.test('what could act on a terminal is escaped, and all else stays', async (t) => {
  const text = 'a\tb\nünï 日本 \u{1f600}';
  t.equal(visibleText(text), text);
  t.equal(
    visibleText('\x1b[2J\x7f\u0085\u009b\u200f\u2028\u2066\r'),
    '\\x1b[2J\\u007f\\u0085\\u009b\\u200f\\u2028\\u2066\\x0d',
  );
  t.equal(visibleLine('a\tb\nc'), 'a\\x09b\\x0ac');
  const json = JSON.stringify({ text: '\x1b \x7f \u009b \u202e' });
  t.strictSame(JSON.parse(visibleText(json)), JSON.parse(json), 'a line of JSON says the same');
});
