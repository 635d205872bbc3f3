/** What programs of Linux can reach of the host, and what it costs: attacks on the root, changes of the host, quotas. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { HiddenPaths } from '../../../src/host/linux/hidden-paths.js';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../../../src/kernel/linux/files/constants.js';
import { releaseFile } from '../../../src/kernel/linux/files/open/open-file.js';
import * as names from '../../../src/kernel/linux/files/tree/names.js';
import { lookUp } from '../../../src/kernel/linux/files/tree/path-walk.js';
import { LooseFiles, outcomeOf } from '../../support/linux-files.js';
import { Random } from '../../support/random.js';
import { seedOf, volume } from '../../support/volume.js';

const SECRET = 'what nobody is to read';
const MIB = 2 ** 20;
const seed = seedOf(20262);

/** A directory of the host with a root, and a secret next to it; it is removed when the test ends. */
function makePlace(t: Test): { readonly root: string; readonly outside: string } {
  const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bd0-root-')));
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const [root, outside] = [join(directory, 'root'), join(directory, 'outside')];
  for (const each of [root, outside]) fs.mkdirSync(each);
  fs.writeFileSync(join(outside, 'secret'), SECRET);
  return { root, outside };
}

const filesOf = (root: string, hidden?: HiddenPaths): LooseFiles =>
  new LooseFiles({ root: (store) => new HostRoot(store, root, hidden) });

/** The text of a file, or the name of the error. */
function textAt(loose: LooseFiles, path: string, start = '/', offset?: number): string {
  return outcomeOf(() => {
    const file = loose.open(path, O_RDONLY, 0, start);
    let text = '';
    try {
      file.read(loose.files, 4096, (bytes) => (text = Buffer.from(bytes).toString('latin1')), offset);
    } finally {
      releaseFile(loose.files, file);
    }
    return text;
  });
}

t.test('symbolic links lead where they would if the root were all there is', async (t) => {
  const { root, outside } = makePlace(t);
  fs.mkdirSync(join(root, 'd'));
  fs.writeFileSync(join(root, 'd', 'file'), 'inside');
  fs.symlinkSync(join(outside, 'secret'), join(root, 'absolute'));
  fs.symlinkSync('../outside/secret', join(root, 'relative'));
  fs.symlinkSync('../../outside', join(root, 'd', 'directory'));
  fs.symlinkSync('/d/file', join(root, 'd', 'own'));
  fs.symlinkSync('/proc/self/root/../../../../d/file', join(root, 'proc'));
  const loose = filesOf(root);
  t.equal(textAt(loose, '/absolute'), 'ENOENT');
  t.equal(textAt(loose, '/relative'), 'ENOENT');
  t.equal(textAt(loose, '/d/directory/secret'), 'ENOENT');
  t.equal(textAt(loose, '/../../../../d/../d/file'), 'inside', '.. of the root is the root');
  t.equal(textAt(loose, '/d/own'), 'inside', 'an absolute link begins at the root');
  for (const path of ['/..//outside/secret', `/..${outside}/secret`, `${outside}/secret`])
    t.equal(textAt(loose, path), 'ENOENT', path);
});

t.test('no path by random leads to what is outside', async (t) => {
  const { root, outside } = makePlace(t);
  const random = new Random(seed);
  const parts = ['a', 'b', 'c', '..', '.', 'outside', 'secret', ...outside.split('/').filter((part) => part !== '')];
  const path = (): string => Array.from({ length: 1 + random.below(5) }, () => random.pick(parts)).join('/');
  for (let count = 0; count < 40; count++) {
    const at = join(root, random.pick(['a', 'b', 'c']), random.pick(['a', 'b', 'c', '']));
    try {
      if (random.chance(2)) fs.mkdirSync(at, { recursive: true });
      else fs.symlinkSync(`${random.pick(['', '/', '../', '../../'])}${path()}`, at.replace(/\/$/, ''));
    } catch (error) {
      // What is there already stays.
      if (!('code' in (error as object))) throw error;
    }
  }
  const loose = filesOf(root);
  const { files } = loose;
  for (let step = 0; step < volume(4000, 100_000); step++) {
    const [from, to] = [path(), path()];
    const kind = random.below(6);
    if (kind === 0) outcomeOf(() => names.makeSymbolicLink(files, loose.maker(), from, to));
    else if (kind === 1) outcomeOf(() => names.rename(files, { walker: loose.maker(), path: from }, { walker: loose.maker(), path: to }, 0)); // prettier-ignore
    else if (kind === 2) outcomeOf(() => names.makeHardLink(files, loose.maker(), lookUp(files, loose.maker(), from, 'keep'), to)); // prettier-ignore
    const text = textAt(loose, random.chance(2) ? `/${from}` : from);
    if (text.includes(SECRET)) t.fail(`seed ${seed}: ${from} leads outside`);
  }
  t.equal(fs.readFileSync(join(outside, 'secret'), 'utf8'), SECRET);
});

t.test('a directory that becomes a link on the host is not followed', async (t) => {
  const { root, outside } = makePlace(t);
  fs.mkdirSync(join(root, 'd'));
  fs.writeFileSync(join(root, 'd', 'known'), 'known');
  const loose = filesOf(root);
  t.equal(textAt(loose, '/d/known'), 'known');
  fs.renameSync(join(root, 'd'), join(root, 'moved'));
  fs.symlinkSync(outside, join(root, 'd'));
  t.equal(textAt(loose, '/d/secret'), 'ENOENT');
  t.equal(textAt(loose, '/d/known'), 'known', 'what was read stays');
  fs.writeFileSync(join(root, 'file'), 'short');
  lookUp(loose.files, loose.maker(), '/file');
  fs.rmSync(join(root, 'file'));
  fs.symlinkSync(join(outside, 'secret'), join(root, 'file'));
  t.equal(textAt(loose, '/file'), 'EIO', 'a file that became a link');
});

t.test('a file that the host changes keeps what was read of it, and the rest is an error', async (t) => {
  const { root } = makePlace(t);
  const path = join(root, 'file');
  fs.writeFileSync(path, Buffer.alloc(3 * MIB, 'a'));
  const loose = filesOf(root);
  t.match(textAt(loose, '/file', '/', 0), /^a+$/);
  fs.writeFileSync(path, Buffer.alloc(3 * MIB, 'b'));
  t.match(textAt(loose, '/file', '/', 5), /^a+$/);
  t.equal(textAt(loose, '/file', '/', 2 * MIB), 'EIO');
  fs.writeFileSync(join(root, 'new'), 'new');
  t.equal(textAt(loose, '/new'), 'new');
});

t.test('special files of the host are seen and not opened', async (t) => {
  const { root } = makePlace(t);
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const loose = filesOf(root);
  t.equal(lookUp(loose.files, loose.maker(), '/pipe').mode & 0o170000, 0o010000);
  t.equal(textAt(loose, '/pipe'), 'ENXIO');
});

t.test('hidden paths are not there, unless they are allowed', async (t) => {
  const { root } = makePlace(t);
  for (const directory of ['home/u/.ssh', 'home/u/.aws/x', 'keep/in', 'keep/out'])
    fs.mkdirSync(join(root, directory), { recursive: true });
  for (const file of ['home/u/.ssh/id', 'home/u/.netrc', 'home/u/.aws/x/key', 'keep/in/file', 'keep/out/file'])
    fs.writeFileSync(join(root, file), 'text');
  const rules = {
    hide: [join(root, 'keep')],
    allow: [join(root, 'keep/in'), join(root, 'home/u/.aws/x')],
  };
  const loose = filesOf(root, new HiddenPaths(rules));
  const list = (path: string): readonly string[] => {
    const directory = lookUp(loose.files, loose.maker(), path) as unknown as {
      entries(files: unknown): readonly { readonly name: string }[];
    };
    return directory.entries(loose.files).map(({ name }) => name);
  };
  t.equal(textAt(loose, '/home/u/.ssh/id'), 'ENOENT');
  t.equal(textAt(loose, '/home/u/.netrc'), 'ENOENT');
  t.equal(textAt(loose, '/home/u/.aws/x/key'), 'text');
  t.strictSame(list('/home/u'), ['.aws']);
  t.strictSame(list('/keep'), ['in']);
  t.equal(textAt(loose, '/keep/in/file'), 'text');
  t.equal(textAt(loose, '/keep/out/file'), 'ENOENT');
  const host = new HiddenPaths();
  for (const path of ['/etc/shadow', '/root/x', '/proc/1', '/sys/kernel', '/dev/sda', '/home/u/.gnupg/a'])
    t.notOk(host.isVisible(path), path);
  for (const path of ['/', '/root', '/etc/passwd', '/usr/bin/ls', '/home/u/.profile']) t.ok(host.isVisible(path), path);
});

t.test('files take what they take of the quotas, and give it back', async (t) => {
  const loose = new LooseFiles({ hostBytes: 200_000, bytesMax: 64 * 4096 });
  const { files, hostMemory } = loose;
  void files.root;
  const before = hostMemory.usedBytes;
  let made = 0;
  const make = (): unknown => outcomeOf(() => names.makeDirectory(files, loose.maker(), `/d${made}`, 0o755));
  while (make() === undefined) made++;
  t.equal(make(), 'ENOSPC');
  t.ok(made > 20 && made < 200, `${made} directories`);
  while (made > 0) names.removeDirectory(files, loose.maker(), `/d${--made}`);
  t.equal(hostMemory.usedBytes, before, 'all is given back');
  const file = loose.open('/file', O_CREAT | O_WRONLY | O_TRUNC);
  let written: unknown;
  let pages = 0;
  for (; typeof written !== 'string' && pages < 10_000; pages++)
    written = outcomeOf(() =>
      file.write(
        files,
        new Uint8Array(4096).map((_, at) => at * pages + (pages >> 3)),
      ),
    );
  t.equal(written, 'ENOSPC');
  names.removeName(files, loose.maker(), '/file');
  t.ok(hostMemory.usedBytes > before, 'a file that is open is still there');
  releaseFile(files, file);
  loose.store.forgetSome(Infinity);
  t.equal(hostMemory.usedBytes, before);
});
