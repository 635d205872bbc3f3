/** What a run has changed of the files of the host: as the machine lists it, keeps it, and writes it to what is bound. */
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { byteTextOf, type ByteText } from '../../../src/host/byte-text.js';
import { BoundRoot } from '../../../src/host/linux/bound-root.js';
import { describeChanges, listChanges } from '../../../src/host/linux/changes-of-run.js';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import { FoundRoot } from '../../../src/host/linux/found-root.js';
import { Spool } from '../../../src/host/linux/spool.js';
import { writeThrough, type WriteTarget } from '../../../src/host/linux/write-through.js';
import { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY, S_IFIFO } from '../../../src/kernel/linux/files/constants.js';
import { FileMirror, type MirrorStep } from '../../../src/kernel/linux/files/mirror.js';
import { releaseFile } from '../../../src/kernel/linux/files/open/open-file.js';
import { isDirectory } from '../../../src/kernel/linux/files/tree/directory.js';
import { RegularFile, SymbolicLink, type Inode } from '../../../src/kernel/linux/files/tree/inode.js';
import { EMPTY_ROOT } from '../../../src/kernel/linux/files/tree/linux-root.js';
import * as names from '../../../src/kernel/linux/files/tree/names.js';
import { lookUp } from '../../../src/kernel/linux/files/tree/path-walk.js';
import { bd0, startBd0 } from '../../cli/bd0.js';
import { LooseFiles, outcomeOf } from '../../support/linux-files.js';
import { Random } from '../../support/random.js';
import type { VmoStore } from '../../../src/vmo/store.js';
import { seedOf, volume } from '../../support/volume.js';

const seed = seedOf(20263);

function makePlace(t: Test): string {
  const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bd0-changes-')));
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

/** Changes files of a machine as programs do. */
class Programs {
  constructor(readonly loose: LooseFiles) {}

  write(path: string, text: string, flags = O_TRUNC): void {
    const { loose } = this;
    const file = loose.open(path, O_CREAT | O_WRONLY | flags, 0o644);
    file.write(loose.files, Buffer.from(text));
    releaseFile(loose.files, file);
  }
  chmod = (path: string, mode: number): void => {
    const inode = this.inode(path);
    inode.mode = (inode.mode & ~0o777) | mode;
    inode.changed = this.loose.files.now;
  };
  mkdir = (path: string): void => names.makeDirectory(this.loose.files, this.loose.maker(), path, 0o755);
  symlink = (target: string, path: string): void =>
    names.makeSymbolicLink(this.loose.files, this.loose.maker(), target, path);
  remove = (path: string): void => {
    const remove = isDirectory(this.inode(path)) ? names.removeDirectory : names.removeName;
    remove(this.loose.files, this.loose.maker(), path);
  };
  rename = (from: string, to: string, flags = 0): void => {
    const walker = this.loose.maker();
    names.rename(this.loose.files, { walker, path: from }, { walker, path: to }, flags);
  };
  link = (from: string, to: string): void =>
    names.makeHardLink(this.loose.files, this.loose.maker(), this.inode(from), to);
  inode = (path: string): Inode => lookUp(this.loose.files, this.loose.maker(), path || '/', 'keep');

  /** Everything below a path, a line for each file. */
  tree(path: string): string[] {
    const { files } = this.loose;
    const inode = this.inode(path);
    if (isDirectory(inode))
      return inode
        .entries(files)
        .flatMap(({ name }) => [`${path}/${name}`].flatMap((at) => [this.line(at), ...this.tree(at)]));
    return [];
  }
  /** The content of a file, or what a link says. */
  text(path: string): string {
    const inode = this.inode(path);
    const content = inode instanceof RegularFile ? inode.content.read(0, inode.size, this.loose.files) : undefined;
    return content ? Buffer.from(content).toString() : inode instanceof SymbolicLink ? inode.target : '';
  }
  private line(path: string): string {
    const inode = this.inode(path);
    const what = this.text(path);
    return `${path} ${modeText(inode.mode)} ${what}`;
  }
}

/** Programs whose changes of a directory of the host are written to it. */
class BoundPrograms extends Programs {
  readonly problems: string[] = [];
  private readonly mirror;

  constructor(private readonly host: string) {
    const spool = new Spool();
    let found!: FoundRoot;
    const root = (store: VmoStore): FoundRoot =>
      (found = new FoundRoot(store, new HostRoot(store, host), spool, false));
    super(new LooseFiles({ root }));
    this.found = found;
    this.mirror = new FileMirror(this.loose.files, { path: '', now: found.now });
  }
  private readonly found: FoundRoot;

  /** Brings the host to what the programs see. */
  writeAll(isLast = false): void {
    this.apply(this.mirror.next(isLast));
  }
  next = (): MirrorStep | undefined => this.mirror.next();
  apply(step: MirrorStep | undefined): void {
    const target = { host: this.host as ByteText, guest: '', found: this.found, isOther: () => false };
    step?.settle(writeThrough(step, target, (line) => this.problems.push(line)));
  }
}

const modeText = (mode: number): string => ((mode & 0o170000) === 0o120000 ? 'link' : mode.toString(8));

/** What a host has below a directory, as `Programs.tree` tells it. */
function hostTree(directory: string, path: string): string[] {
  return fs
    .readdirSync(join(directory, path))
    .sort()
    .flatMap((name) => {
      const at = `${path}/${name}`;
      const whole = join(directory, at);
      const stats = fs.lstatSync(whole);
      const what = stats.isFile()
        ? fs.readFileSync(whole, 'utf8')
        : stats.isSymbolicLink()
          ? fs.readlinkSync(whole)
          : '';
      return [`${at} ${modeText(stats.mode)} ${what}`, ...(stats.isDirectory() ? hostTree(directory, at) : [])];
    });
}

/** A random tree, of few names, so that operations meet the same ones. */
function makeTree(directory: string, random: Random, depth = 0): void {
  for (const name of ['a', 'b', 'c', 'd']) {
    const at = join(directory, name);
    const kind = random.below(depth < 2 ? 5 : 3);
    if (kind === 0) fs.writeFileSync(at, `${name} of the host, ${random.below(1000)}`);
    if (kind === 1) fs.symlinkSync(random.pick(['a', '../b', '/etc', 'none']), at);
    if (kind < 3) continue;
    fs.mkdirSync(at);
    makeTree(at, random, depth + 1);
  }
}

/** What programs do: returns what came of it. */
function actOf(random: Random): (programs: Programs) => unknown {
  const path = (): string =>
    Array.from({ length: 1 + random.below(3) }, () => `/${random.pick(['a', 'b', 'c', 'd', 'e'])}`).join('');
  const [one, other] = [path(), path()];
  const [number, mode, target] = [random.below(1000), random.pick([0o600, 0o755, 0o644, 0o700]), random.pick(['x', '/a', '..'])]; // prettier-ignore
  const acts: ((programs: Programs) => void)[] = [
    (programs) => programs.write(one, `written ${number}`),
    (programs) => programs.write(one, ' and more', O_APPEND),
    (programs) => programs.chmod(one, mode),
    (programs) => programs.mkdir(one),
    (programs) => programs.symlink(target, one),
    (programs) => programs.remove(one),
    (programs) => programs.rename(one, other),
    (programs) => programs.rename(one, other, 2),
    (programs) => programs.tree(one),
  ];
  const act = random.pick(acts);
  return (programs) => outcomeOf(() => act(programs));
}

t.test(
  'what is written to the host is what the programs see, whatever they did and whenever it is written',
  async (t) => {
    const place = makePlace(t);
    for (let round = 0; round < volume(60, 3000); round++) {
      const random = new Random(seed + round);
      const [host, twin] = [join(place, `${round}`), join(place, `${round}-twin`)];
      fs.mkdirSync(host);
      makeTree(host, random);
      fs.cpSync(host, twin, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
      const programs = new BoundPrograms(host);
      const others = new Programs(new LooseFiles({ root: (store) => new HostRoot(store, twin) }));
      const isOwn = (line: string): boolean => !/^\/(dev|proc|sys)\b/.test(line);
      const of = `seed ${seed} + ${round}`;
      for (let count = 2 + random.below(25); count > 0; count--) {
        const act = actOf(random);
        const same = t.strictSame(act(programs), act(others), `${of}: nobody notices that the host was written`);
        if (!same) return;
        if (random.below(4) === 0) programs.writeAll();
        if (random.below(12) > 0) continue;
        const [seen, expected] = [programs, others].map((each) => each.tree('').filter(isOwn));
        if (!t.strictSame(seen, expected, `${of}: all files are what they would be`)) return;
        programs.writeAll();
        if (!t.strictSame(hostTree(host, ''), expected, `${of}: the host is as far`)) return;
      }
      const listed = listChanges(others.loose.files.changes());
      const expected = others.tree('').filter(isOwn);
      programs.writeAll(true);
      const found = hostTree(host, '');
      if (!t.strictSame([found, programs.problems], [expected, []], of)) return;
      const isSame = hostTree(twin, '').join('\n') === found.join('\n');
      if (listed.length === 0) t.ok(isSame, `${of}: nothing is listed, and nothing has changed`);
      const left = new LooseFiles({ root: (store) => new HostRoot(store, host) });
      t.strictSame(listChanges(left.files.changes()), [], 'a machine that has done nothing has changed nothing');
      for (const each of [host, twin]) fs.rmSync(each, { recursive: true });
    }
  },
);

/** Programs that find three places of the host below `/`, one of which lies in another one, and one a single file. */
class MountedPrograms extends Programs {
  readonly problems: string[] = [];
  readonly binds: readonly { readonly guest: string; readonly host: string }[];
  private readonly mirrors: readonly { readonly mirror: FileMirror; readonly target: WriteTarget }[];

  constructor(place: string) {
    const spool = new Spool();
    const binds = [['/a/b', 'outer'], ['/a/b/c', 'inner'], ['/d/a', 'file']].map(
      ([guest, path]) => ({ guest: guest!, host: join(place, path!) }),
    ); // prettier-ignore
    let found: FoundRoot[] = [];
    const root = (store: VmoStore): BoundRoot => {
      found = binds.map(({ host }) => new FoundRoot(store, new HostRoot(store, host), spool, false));
      const bound = binds.map(({ guest }, index) => ({ guest: byteTextOf(guest), root: found[index]! }));
      return new BoundRoot(new HostRoot(store, join(place, 'root')), bound);
    };
    super(new LooseFiles({ root }));
    this.binds = binds;
    const now = new BoundRoot(
      EMPTY_ROOT,
      binds.map(({ guest }, index) => ({ guest: byteTextOf(guest), root: found[index]!.now })),
    );
    this.mirrors = binds.map(({ guest, host }, index) => ({
      mirror: new FileMirror(this.loose.files, { path: guest, now }),
      target: {
        ...{ host: byteTextOf(host), guest, found: found[index]! },
        isOther: (path) => path !== guest && binds.some((bind) => bind.guest === path),
      },
    }));
  }

  writeAll(isLast: boolean): void {
    for (const { mirror, target } of this.mirrors) {
      const step = mirror.next(isLast);
      step?.settle(writeThrough(step, target, (line) => this.problems.push(line)));
    }
  }
}

t.test('places that are bound, and directories above them, stay where they are', async (t) => {
  const place = makePlace(t);
  for (let round = 0; round < volume(40, 2000); round++) {
    const random = new Random(seed + round);
    const of = `seed ${seed} + ${round}`;
    const at = join(place, `${round}`);
    for (const name of ['root', 'outer', 'inner']) {
      fs.mkdirSync(join(at, name), { recursive: true });
      makeTree(join(at, name), random);
    }
    fs.writeFileSync(join(at, 'file'), 'kept');
    const programs = new MountedPrograms(at);
    const { binds } = programs;
    const ways = [...binds.map(({ guest }) => guest), '/a', '/d'];
    const inodes = (): Inode[] => ways.map((path) => programs.inode(path));
    const found = inodes();
    const busy = (act: () => void, words: string): boolean => t.equal(outcomeOf(act), 'EBUSY', `${of}: ${words}`); // prettier-ignore
    for (const path of ways) {
      const free = random.pick(['/free', '/a/free', '/d/free']).replace(path, '');
      const other = path === '/a/b/c' ? '/a/b/free' : free;
      if (!busy(() => programs.remove(path), `${path} is not removed`)) return;
      if (!other.startsWith('/free') && other.startsWith(path)) continue;
      if (!busy(() => programs.rename(path, other), `${path} is not renamed to ${other}`)) return;
    }
    for (let count = 5 + random.below(25); count > 0; count--) {
      actOf(random)(programs);
      if (random.below(4) === 0) programs.writeAll(false);
    }
    if (!t.strictSame(inodes(), found, `${of}: all are the same files`)) return;
    programs.writeAll(true);
    const [outer, inner] = binds.map(({ guest }) => programs.tree(guest).map((line) => line.slice(guest.length)));
    const isOuter = (line: string): boolean => !/^\/c[ /]/.test(line);
    if (!t.strictSame(hostTree(join(at, 'inner'), ''), inner, `${of}: what lies within is what the programs see`))
      return;
    if (!t.strictSame(hostTree(join(at, 'outer'), '').filter(isOuter), outer!.filter(isOuter), of)) return;
    const text = programs.text('/d/a');
    if (!t.strictSame([fs.readFileSync(join(at, 'file'), 'utf8'), programs.problems], [text, []], of)) return;
    fs.rmSync(at, { recursive: true });
  }
});

t.test('files are neither moved nor linked from one place of the host to another', async (t) => {
  const place = makePlace(t);
  for (const name of ['root', 'outer', 'inner']) fs.mkdirSync(join(place, name));
  fs.writeFileSync(join(place, 'file'), '');
  const programs = new MountedPrograms(place);
  const directories = ['', '/a', '/d', '/a/b', '/a/b/e', '/a/b/c', '/a/b/c/e'];
  for (const path of ['/a/b/e', '/a/b/c/e']) programs.mkdir(path);
  const placeOf = (path: string): string => ['/a/b/c', '/a/b'].find((each) => path.startsWith(each)) ?? '';
  const done = undefined;
  for (const from of directories)
    for (const to of directories) {
      const [one, other] = [`${from}/one`, `${to}/other`];
      const expected = placeOf(from) === placeOf(to) ? done : 'EXDEV';
      programs.write(one, '');
      t.equal(outcomeOf(() => programs.link(one, other)), expected, `link ${one} ${other}`); // prettier-ignore
      if (expected === done) programs.remove(other);
      t.equal(outcomeOf(() => programs.rename(one, other)), expected, `rename ${one} ${other}`); // prettier-ignore
      programs.remove(expected === done ? other : one);
      programs.mkdir(one);
      t.equal(outcomeOf(() => programs.rename(one, other)), expected, `rename ${one}/ ${other}`); // prettier-ignore
      programs.remove(expected === done ? other : one);
    }
  for (const to of directories)
    t.equal(outcomeOf(() => programs.link('/d/a', `${to}/other`)), 'EXDEV', `link /d/a ${to}/other`); // prettier-ignore
  const devices = new Set(['/', '/a/b', '/a/b/c', '/d/a'].map((path) => programs.inode(path).fileSystem));
  t.equal(devices.size, 4, 'each place is a file system of its own');
});

t.test('a program that moves or removes what is bound leaves the files of the host alone', async (t) => {
  const place = makePlace(t);
  const [host, file] = [join(place, 'host'), join(place, 'file')];
  fs.mkdirSync(join(host, 'd'), { recursive: true });
  for (const path of ['d/1', '2', '3']) fs.writeFileSync(join(host, path), path);
  fs.writeFileSync(file, 'file');
  const binds = ['--bind', `${host}=/above/tree:rw`, '--bind', `${file}=/above/file:rw`];
  const script = `
    for act in 'mv /above/tree /above/moved' 'mv /above/tree /tmp/moved' 'mv /above /moved' 'rmdir /above/tree' 'rmdir /above' \
               'mv /above/file /above/moved' 'rm /above/file' 'mv /etc/passwd /above/file' \
               'ln /above/tree/3 /above/3' 'ln /above/file /above/other' 'ln /etc/passwd /above/tree/passwd'; do $act 2> /dev/null && echo "$act"; done
    cd /above/tree && mv d e && rm 2 && echo 4 > 4 && mv 4 5`;
  const ran = await bd0(['run', ...binds, '/bin/busybox', 'sh', '-c', script]);
  t.strictSame([ran.code, ran.stdout, ran.stderr], [0, '', ''], 'nothing of it is done');
  t.strictSame(
    hostTree(place, '').map((line) => line.replace(/ \d+/, '').trim()),
    ['/file file', '/host', '/host/3 3', '/host/5 4', '/host/e', '/host/e/1 d/1'],
  );
});

t.test('changes are listed in words', async (t) => {
  const host = makePlace(t);
  fs.mkdirSync(join(host, 'd'));
  for (const name of ['a', 'b', 'd/x', 'd/y']) fs.writeFileSync(join(host, name), name);
  fs.chmodSync(join(host, 'a'), 0o644);
  const programs = new BoundPrograms(host);
  programs.write('/a', 'longer than before');
  programs.chmod('/a', 0o755);
  programs.remove('/b');
  programs.rename('/d', '/e');
  programs.write('/e/x', 'other');
  programs.write('/e/new', '1');
  programs.mkdir('/f');
  programs.symlink('a', '/l');
  names.makeNode(programs.loose.files, programs.loose.maker(), '/p\x1b', S_IFIFO | 0o644);
  const changes = programs.loose.files.changes();
  t.strictSame(describeChanges(listChanges(changes), ''), [
    '  changed  /a: content, 1 to 18 bytes, mode 0644 to 0755',
    '  removed  /b: 1 bytes',
    '  renamed  /d to /e',
    '  added    /e/new: 1 bytes',
    '  added    /f: directory',
    '  added    /l: link to a',
    '  added    /p\\x1b: special file',
  ]);
  t.match(describeChanges(Array.from({ length: 103 }, () => listChanges(changes)[0]!), ': see'), { 100: '  and 3 more: see' }); // prettier-ignore
  programs.writeAll(true);
  t.strictSame(
    programs.problems,
    [`cannot write '${host}/p\\x1b': it is a special file`],
    'special files are not made',
  );
});

t.test('files come to the host without the bits that let them run as their owner', async (t) => {
  const host = makePlace(t);
  const programs = new BoundPrograms(host);
  programs.write('/tool', 'x');
  programs.chmod('/tool', 0o755);
  programs.inode('/tool').mode |= 0o6000;
  programs.writeAll(true);
  t.strictSame(programs.problems, []);
  t.equal(fs.statSync(join(host, 'tool')).mode & 0o7777, 0o755);
});

t.test('a link that the host puts in the way is not followed, and nothing is lost of what it has', async (t) => {
  const place = makePlace(t);
  const [host, outside] = [join(place, 'host'), join(place, 'outside')];
  for (const each of [host, outside, join(host, 'd'), join(host, 'e')]) fs.mkdirSync(each);
  for (const path of ['d/file', 'e/file', 'file']) fs.writeFileSync(join(host, path), 'old');
  fs.writeFileSync(join(outside, 'file'), 'outside');
  const programs = new BoundPrograms(host);
  const { problems } = programs;
  programs.write('/d/file', 'new');
  programs.write('/file', 'new');
  const step = programs.next();
  fs.renameSync(join(host, 'd'), join(place, 'moved'));
  fs.symlinkSync(outside, join(host, 'd'));
  fs.rmSync(join(host, 'file'));
  fs.symlinkSync(join(outside, 'file'), join(host, 'file'));
  programs.apply(step);
  t.equal(problems.length, 2);
  t.equal(fs.readFileSync(join(outside, 'file'), 'utf8'), 'outside');

  programs.rename('/e/file', '/kept');
  fs.writeFileSync(join(host, 'e', 'file'), 'changed by the host meanwhile');
  problems.length = 0;
  programs.writeAll(true);
  t.match(problems, [/nothing was written/]);
  t.equal(fs.readFileSync(join(host, 'e', 'file'), 'utf8'), 'changed by the host meanwhile');
});

t.test('a program that puts a link above another place that it writes does not lead out of both', async (t) => {
  const place = makePlace(t);
  const [outer, outside] = [join(place, 'outer'), join(place, 'outside')];
  const inner = join(outer, 'b/c');
  for (const each of [inner, outside]) fs.mkdirSync(each, { recursive: true });
  fs.writeFileSync(join(inner, 'file'), 'old');
  const inOuter = new BoundPrograms(outer);
  const inInner = new BoundPrograms(inner);
  inInner.write('/file', 'first');
  inInner.writeAll();
  inOuter.rename('/b', '/moved');
  inOuter.symlink(outside, '/b');
  inOuter.writeAll();
  t.equal(fs.readlinkSync(join(outer, 'b')), outside);
  for (const [path, text] of [
    ['/file', 'second'],
    ['/new', 'third'],
  ] as const) {
    inInner.write(path, text);
    inInner.writeAll();
  }
  inInner.writeAll(true);
  t.strictSame(fs.readdirSync(outside), [], 'nothing was written outside');
  t.match(inInner.problems, [/nothing was written .* symbolic link/]);
});

t.test('roots are bound at places of another one, which need not be there', async (t) => {
  const place = makePlace(t);
  for (const path of ['root/a/b', 'one', 'two']) fs.mkdirSync(join(place, path), { recursive: true });
  for (const path of ['root/a/b/hidden', 'root/a/c', 'one/1', 'two/2', 'file'])
    fs.writeFileSync(join(place, path), path);
  const loose = new LooseFiles({
    root: (store) => {
      const at = (path: string): HostRoot => new HostRoot(store, join(place, path));
      const binds = [['/a/b', 'one'], ['/a/b/deep/er', 'two'], ['/x/y/z', 'file']] as const; // prettier-ignore
      return new BoundRoot(
        at('root'),
        binds.map(([guest, path]) => ({ guest: byteTextOf(guest), root: at(path) })),
      );
    },
  });
  const lines = new Programs(loose).tree('').filter((line) => !/^\/(dev|proc|sys)\b/.test(line));
  t.strictSame(
    lines.map((line) => line.replace(/ \d+/, '').trim()),
    [
      ...['/a', '/a/b', '/a/b/1 one/1', '/a/b/deep', '/a/b/deep/er', '/a/b/deep/er/2 two/2', '/a/c root/a/c'],
      ...['/x', '/x/y', '/x/y/z file'],
    ],
  );
  t.strictSame(listChanges(loose.files.changes()), []);
});

t.test('changes of a run are trees of a store, and bound files are written', async (t) => {
  const place = makePlace(t);
  const [host, store] = [join(place, 'host'), join(place, 'store')];
  fs.mkdirSync(host);
  fs.writeFileSync(join(host, 'kept'), 'one\n');
  const script = 'cd /bound && echo two >> kept && echo new > made && echo gone > /var/tmp/unbound';
  const words = ['run', '--store', store, '--changes', 'trial', '--bind', `${host}=/bound:rw`];
  const ran = await bd0([...words, '/bin/busybox', 'sh', '-c', script]);
  t.equal(ran.code, 0);
  t.match(ran.stderr, 'bd0: 3 changes of files (bd0 vmo diff trial/before trial/after)\n');
  t.match(ran.stderr, 'changed  /bound/kept: content, 4 to 8 bytes\n');
  t.equal(fs.readFileSync(join(host, 'kept'), 'utf8'), 'one\ntwo\n');
  t.equal(fs.readFileSync(join(host, 'made'), 'utf8'), 'new\n');
  t.notOk(fs.existsSync('/var/tmp/unbound'), 'what is not bound is not changed');
  const diff = await bd0(['vmo', 'diff', '--store', store, 'trial/before', 'trial/after']);
  t.match(diff.stdout, 'var/tmp/unbound: only in trial/after\n');
  t.match(diff.stdout, 'bound/kept: other content\n');
  const shown = await bd0(['vmo', 'cat', '--store', store, 'trial/before/bound/kept']);
  t.equal(shown.stdout, 'one\n', 'what a file was before is kept as well');
});

t.test('what cannot be bound or kept is refused before anything runs', async (t) => {
  const refused = async (words: readonly string[], message: string): Promise<void> => {
    const { code, stdout, stderr } = await bd0(['run', ...words, '/bin/busybox', 'echo', 'ran']);
    t.strictSame([code, stdout], [125, ''], words.join(' '));
    t.match(stderr, message);
  };
  await refused(['--bind', 'x'], 'has to be HOST=GUEST');
  await refused(['--bind', '/tmp=/proc/x'], 'nothing can be bound');
  await refused(['--bind', '/tmp=/'], 'nothing can be bound');
  await refused(['--bind', '/tmp=/x:ro'], "':ro' is unknown: only ':rw' can follow GUEST");
  await refused(['--bind', '/tmp=/x', '--bind', '/var=/y/../x/:rw'], "another --bind is at '/x' already");
  await refused(['--changes', 'name'], 'needs --store DIR');
  await refused(['--changes', 'a//b'], 'cannot be a name');
  const { code } = await bd0(['run', '--bind', '/no/such=/x', '/bin/busybox', 'true']);
  t.equal(code, 127);
});

/** Lines that a program writes, until it is killed after one that `isLast` accepts. */
async function killAfter(words: readonly string[], isLast: (line: string) => boolean): Promise<string[]> {
  const child = startBd0(words);
  let text = '';
  const lines = (): string[] => text.split('\n').slice(0, -1);
  for await (const bytes of child.stdout) {
    text += String(bytes);
    if (lines().some(isLast)) break;
  }
  child.kill('SIGKILL');
  await once(child, 'close');
  return lines();
}

t.test(
  'what a program has asked to be kept is on the host when bd0 is killed, and so is all before a wait',
  async (t) => {
    const host = makePlace(t);
    fs.writeFileSync(join(host, 'state'), '0 0\n');
    const run = ['run', '--bind', `${host}=/bound:rw`, '--cwd', '/bound', '/bin/busybox', 'sh', '-c'];
    const counting = 'i=0; while :; do i=$((i+1)); echo $i $i > new; mv new state; echo $i >> log; sync; echo $i; done';
    const told = await killAfter([...run, counting], (line) => Number(line) >= 40);
    const last = Number(told.at(-1));
    const [, one, other] = /^(\d+) (\d+)\n$/.exec(fs.readFileSync(join(host, 'state'), 'utf8'))!;
    t.equal(one, other, 'a file that takes the place of another one is whole');
    t.ok(Number(one) >= last, `after ${last} was told, the file has ${one}`);
    const log = fs.readFileSync(join(host, 'log'), 'utf8').split('\n').slice(0, -1);
    t.strictSame(
      log,
      Array.from({ length: log.length }, (_, index) => `${index + 1}`),
      'nothing is missing within',
    );
    t.ok(log.length >= last);

    const waiting = 'mkdir d; echo new > d/file; rm log; echo ready; read line';
    const resting = startBd0([...run, waiting]);
    await once(resting.stdout, 'data');
    while (fs.existsSync(join(host, 'log'))) await sleep(20);
    resting.kill('SIGKILL');
    await once(resting, 'close');
    t.equal(fs.readFileSync(join(host, 'd', 'file'), 'utf8'), 'new\n');

    const busy = 'echo busy > begun; while :; do :; done';
    const child = startBd0([...run, busy]);
    while (!fs.existsSync(join(host, 'begun'))) await sleep(20);
    child.kill('SIGKILL');
    await once(child, 'close');
    t.equal(fs.readFileSync(join(host, 'begun'), 'utf8'), 'busy\n', 'a program that never rests is written as well');
  },
);

t.test(
  'each of two places that lie in one another gets its own changes, and one that is only read gets none',
  async (t) => {
    const place = makePlace(t);
    for (const path of ['outer/in', 'inner', 'still']) fs.mkdirSync(join(place, path), { recursive: true });
    for (const path of ['outer/in/kept', 'inner/a', 'still/s']) fs.writeFileSync(join(place, path), 'old');
    const binds = [['outer', '/b:rw'], ['inner', '/b/in:rw'], ['still', '/b/still']] as const; // prettier-ignore
    const words = binds.flatMap(([path, guest]) => ['--bind', `${join(place, path)}=${guest}`]);
    const script =
      'cd /b && echo 1 > in/a && echo 2 > new && sync && rm in/a && echo 3 > in/c && echo 4 > still/s && rm -r new';
    const ran = await bd0(['run', ...words, '/bin/busybox', 'sh', '-c', script]);
    t.strictSame([ran.code, ran.stderr], [0, '']);
    t.strictSame(
      hostTree(place, '').map((line) => line.replace(/ \d+/, '').trim()),
      ['/inner', '/inner/c 3', '/outer', '/outer/in', '/outer/in/kept old', '/still', '/still/s old'],
    );
  },
);
