/** Files of Linux programs, through the layer itself: compared with those of the host, by random operations. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import {
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_TRUNC,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from '../../../src/kernel/linux/files/constants.js';
import { releaseFile, type OpenFile } from '../../../src/kernel/linux/files/open/open-file.js';
import { isDirectory } from '../../../src/kernel/linux/files/tree/directory.js';
import { RegularFile, SymbolicLink, type Inode } from '../../../src/kernel/linux/files/tree/inode.js';
import * as names from '../../../src/kernel/linux/files/tree/names.js';
import { lookUp } from '../../../src/kernel/linux/files/tree/path-walk.js';
import { SysDirectory, SysText } from '../../../src/kernel/linux/files/sys/nodes.js';
import { resize } from '../../../src/kernel/linux/files/open/regular.js';
import { LooseFiles, outcomeOf } from '../../support/linux-files.js';
import { Random } from '../../support/random.js';
import { seedOf, volume } from '../../support/volume.js';

const seed = seedOf(20261);
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Where the operations take place: deep enough that no path of theirs leads out of the temporary directory. */
const BASE = '/w/x/y/z';

/** What the operations are made on: the layer, or the host. */
interface Side {
  mkdir(path: string, mode: number): unknown;
  rmdir(path: string): unknown;
  unlink(path: string): unknown;
  rename(from: string, to: string): unknown;
  link(from: string, to: string): unknown;
  symlink(target: string, path: string): unknown;
  readlink(path: string): unknown;
  stat(path: string): unknown;
  lstat(path: string): unknown;
  list(path: string): unknown;
  truncate(path: string, size: number): unknown;
  chmod(path: string, mode: number): unknown;
  open(path: string, flags: number, mode: number): unknown;
  read(index: number, length: number, at: number | null): unknown;
  write(index: number, bytes: Uint8Array, at: number | null): unknown;
  resize(index: number, size: number): unknown;
  status(index: number): unknown;
  close(index: number): unknown;
}

/** Links of directories, and the size of those, are up to each file system. */
function told(mode: number, links: number, size: number): string {
  const isOfDirectory = (mode & S_IFMT) === S_IFDIR;
  return `${mode.toString(8)} ${isOfDirectory ? '' : `${links} ${size}`}`;
}

class LayerSide implements Side {
  private readonly opened = new Map<number, OpenFile>();
  private next = 0;

  constructor(readonly loose: LooseFiles) {}

  private get maker() {
    return this.loose.maker(BASE);
  }
  mkdir(path: string, mode: number) {
    return outcomeOf(() => names.makeDirectory(this.loose.files, this.maker, path, mode));
  }
  rmdir(path: string) {
    return outcomeOf(() => names.removeDirectory(this.loose.files, this.maker, path));
  }
  unlink(path: string) {
    return outcomeOf(() => names.removeName(this.loose.files, this.maker, path));
  }
  rename(from: string, to: string) {
    const walker = this.maker;
    return outcomeOf(() => names.rename(this.loose.files, { walker, path: from }, { walker, path: to }, 0));
  }
  link(from: string, to: string) {
    const { files } = this.loose;
    return outcomeOf(() => names.makeHardLink(files, this.maker, lookUp(files, this.maker, from, 'keep'), to));
  }
  symlink(target: string, path: string) {
    return outcomeOf(() => names.makeSymbolicLink(this.loose.files, this.maker, target, path));
  }
  readlink(path: string) {
    return outcomeOf(() => {
      const inode = lookUp(this.loose.files, this.maker, path, 'keep');
      return inode instanceof SymbolicLink ? inode.target : 'EINVAL';
    });
  }
  stat(path: string) {
    return this.tell(() => lookUp(this.loose.files, this.maker, path));
  }
  lstat(path: string) {
    return this.tell(() => lookUp(this.loose.files, this.maker, path, 'keep'));
  }
  list(path: string) {
    return outcomeOf(() => {
      const inode = lookUp(this.loose.files, this.maker, path);
      if (!isDirectory(inode)) return 'ENOTDIR';
      return inode.entries(this.loose.files).map(({ name, type }) => `${name} ${type}`);
    });
  }
  truncate(path: string, size: number) {
    return outcomeOf(() => {
      const inode = lookUp(this.loose.files, this.maker, path);
      if (isDirectory(inode)) return 'EISDIR';
      if (!(inode instanceof RegularFile)) return 'EINVAL';
      return resize(this.loose.files, inode, size);
    });
  }
  chmod(path: string, mode: number) {
    return outcomeOf(() => {
      const inode = lookUp(this.loose.files, this.maker, path);
      inode.mode = (inode.mode & S_IFMT) | mode;
    });
  }
  open(path: string, flags: number, mode: number) {
    return outcomeOf(() => {
      this.opened.set(this.next, this.loose.open(path, flags, mode, BASE));
      return this.next++;
    });
  }
  read(index: number, length: number, at: number | null) {
    return this.on(index, (file) => {
      let text = 'EBADF';
      const deliver = (bytes: Uint8Array): void => void (text = latin1(bytes));
      if (file.isReadable) file.read(this.loose.files, length, deliver, at ?? undefined);
      return text;
    });
  }
  write(index: number, bytes: Uint8Array, at: number | null) {
    return this.on(index, (file) => (file.isWritable ? file.write(this.loose.files, bytes, at ?? undefined) : 'EBADF'));
  }
  resize(index: number, size: number) {
    return this.on(index, (file) => {
      if (!(file.inode instanceof RegularFile) || !file.isWritable) return 'EINVAL';
      return resize(this.loose.files, file.inode, size);
    });
  }
  status(index: number) {
    return this.on(index, ({ inode: { mode, links, size } }) => told(mode, links, size));
  }
  close(index: number) {
    return this.on(index, (file) => {
      this.opened.delete(index);
      releaseFile(this.loose.files, file);
    });
  }
  closeAll() {
    for (const index of [...this.opened.keys()]) this.close(index);
  }
  private on<T>(index: number, work: (file: OpenFile) => T): T | string {
    const file = this.opened.get(index);
    return file ? outcomeOf(() => work(file)) : 'EBADF';
  }
  private tell(find: () => Inode) {
    return outcomeOf(() => {
      const { mode, links, size } = find();
      return told(mode, links, size);
    });
  }
}

class HostSide implements Side {
  private readonly opened = new Map<number, number>();
  private next = 0;

  constructor(private readonly directory: string) {}

  private at(path: string): Buffer {
    return Buffer.from(path === '' ? '' : path.startsWith('/') ? path : `${this.directory}${BASE}/${path}`, 'latin1');
  }
  private ask<T>(call: () => T): T | string {
    try {
      return call();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined || code.startsWith('ERR_')) throw error;
      return code;
    }
  }
  mkdir = (path: string, mode: number) => this.ask(() => void fs.mkdirSync(this.at(path), { mode }));
  rmdir = (path: string) => this.ask(() => fs.rmdirSync(this.at(path)));
  unlink = (path: string) => this.ask(() => fs.unlinkSync(this.at(path)));
  rename = (from: string, to: string) => this.ask(() => fs.renameSync(this.at(from), this.at(to)));
  link = (from: string, to: string) => this.ask(() => fs.linkSync(this.at(from), this.at(to)));
  symlink = (target: string, path: string) => this.ask(() => fs.symlinkSync(target, this.at(path)));
  readlink = (path: string) => this.ask(() => fs.readlinkSync(this.at(path), { encoding: 'latin1' }));
  stat = (path: string) => this.ask(() => this.tell(fs.statSync(this.at(path))));
  lstat = (path: string) => this.ask(() => this.tell(fs.lstatSync(this.at(path))));
  truncate = (path: string, size: number) => this.ask(() => fs.truncateSync(this.at(path), size));
  chmod = (path: string, mode: number) => this.ask(() => fs.chmodSync(this.at(path), mode));
  open = (path: string, flags: number, mode: number) =>
    this.ask(() => {
      this.opened.set(this.next, fs.openSync(this.at(path), flags, mode));
      return this.next++;
    });
  read = (index: number, length: number, at: number | null) =>
    this.on(index, (file) => {
      const bytes = Buffer.alloc(length);
      return latin1(bytes.subarray(0, fs.readSync(file, bytes, 0, length, at)));
    });
  write = (index: number, bytes: Uint8Array, at: number | null) =>
    this.on(index, (file) => fs.writeSync(file, bytes, 0, bytes.length, at));
  resize = (index: number, size: number) => this.on(index, (file) => fs.ftruncateSync(file, size));
  status = (index: number) => this.on(index, (file) => this.tell(fs.fstatSync(file)));
  close = (index: number) =>
    this.on(index, (file) => {
      this.opened.delete(index);
      fs.closeSync(file);
    });
  list = (path: string) =>
    this.ask(() => {
      const found = fs.readdirSync(this.at(path), { encoding: 'latin1' }).sort();
      return found.map((name) => `${name} ${fs.lstatSync(this.at(`${path}/${name}`)).mode & S_IFMT}`);
    });
  closeAll() {
    for (const index of [...this.opened.keys()]) this.close(index);
  }
  private on<T>(index: number, work: (file: number) => T): T | string {
    const file = this.opened.get(index);
    return file === undefined ? 'EBADF' : this.ask(() => work(file));
  }
  private tell({ mode, nlink, size }: fs.Stats): string {
    return told(mode, nlink, size);
  }
}

const NAMES = ['a', 'b', 'c', 'd\xe9', 'n'.repeat(255)];
const ODD = ['.', 'm'.repeat(256), ''];

/** A path that goes up at most twice. */
function randomPath(random: Random): string {
  let ups = 2;
  const parts: string[] = [];
  for (let count = 1 + random.below(3); count > 0; count--) {
    if (random.chance(12) && ups-- > 0) parts.push('..');
    else if (random.chance(15)) parts.push(random.pick(ODD));
    else parts.push(random.pick(random.chance(8) ? NAMES : NAMES.slice(0, 3)));
  }
  const path = parts.join(random.chance(12) ? '//' : '/') + (random.chance(8) ? '/' : '');
  return path.startsWith('/') ? `a${path}` : path;
}

/** Where a symbolic link leads: never up. */
function randomTarget(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(2) }, () => random.pick([...NAMES.slice(0, 3), '.']));
  return parts.join('/') + (random.chance(10) ? '/' : '');
}

function randomFlags(random: Random): number {
  let flags = random.below(3);
  if (random.chance(2)) flags |= O_CREAT;
  if (random.chance(5)) flags |= O_EXCL;
  if (random.chance(5)) flags |= O_TRUNC;
  if (random.chance(4)) flags |= O_APPEND;
  if (random.chance(10)) flags |= O_NOFOLLOW;
  // O_CREAT with it depends on the version of Linux; O_EXCL without O_CREAT is undefined.
  if (random.chance(15) && !(flags & O_CREAT)) flags |= O_DIRECTORY;
  return flags & O_CREAT ? flags : flags & ~O_EXCL;
}

function randomBytes(random: Random): Uint8Array {
  const length = random.pick([0, 1, 5, 100, 4096, 5000, 20000]);
  return new Uint8Array(length).fill(random.below(256)).map((byte, at) => (at % 97 === 0 ? at : byte));
}

const offset = (random: Random): number => random.pick([0, 1, 7, 4095, 4096, 4100, 9000, 70000]);

/** An operation by random: its words, and what it does to either side. */
function randomOperation(random: Random): readonly [words: string, perform: (side: Side) => unknown] {
  const [path, other] = [randomPath(random), randomPath(random)];
  const index = random.below(12);
  const at = random.chance(2) ? null : offset(random);
  switch (random.below(19)) {
    case 0:
    case 1:
      return [`mkdir ${path}`, (side) => side.mkdir(path, 0o777)];
    case 2:
      return [`rmdir ${path}`, (side) => side.rmdir(path)];
    case 3:
      return [`unlink ${path}`, (side) => side.unlink(path)];
    case 4:
    case 5:
      return [`rename ${path} ${other}`, (side) => side.rename(path, other)];
    case 6:
      return [`link ${path} ${other}`, (side) => side.link(path, other)];
    case 7: {
      const target = randomTarget(random);
      return [`symlink ${target} ${path}`, (side) => side.symlink(target, path)];
    }
    case 8:
      return [`readlink ${path}`, (side) => side.readlink(path)];
    case 9:
      return [`stat ${path}`, (side) => side.stat(path)];
    case 10:
      return [`lstat ${path}`, (side) => side.lstat(path)];
    case 11: {
      const size = offset(random);
      return [`truncate ${path} ${size}`, (side) => side.truncate(path, size)];
    }
    case 12: {
      const mode = random.pick([0o600, 0o644, 0o755, 0o1777]);
      return [`chmod ${path} ${mode}`, (side) => side.chmod(path, mode)];
    }
    case 13:
    case 14: {
      const flags = randomFlags(random);
      return [`open ${path} ${flags.toString(8)}`, (side) => side.open(path, flags, 0o666)];
    }
    case 15: {
      const length = random.pick([1, 10, 4096, 10000]);
      return [`read ${index} ${length} ${at}`, (side) => side.read(index, length, at)];
    }
    case 16: {
      const bytes = randomBytes(random);
      return [`write ${index} ${bytes.length} ${at}`, (side) => side.write(index, bytes, at)];
    }
    case 17: {
      const size = offset(random);
      return [`resize ${index} ${size}`, (side) => side.resize(index, size)];
    }
    default:
      return random.chance(3)
        ? [`close ${index}`, (side) => side.close(index)]
        : [`status ${index}`, (side) => side.status(index)];
  }
}

/** All that is below a directory, with contents. */
function treeBelow(side: Side, path: string): unknown {
  const listed = side.list(path) as readonly string[];
  return listed.map((line) => {
    const name = line.slice(0, line.lastIndexOf(' '));
    const type = Number(line.slice(line.lastIndexOf(' ') + 1));
    const at = `${path}/${name}`;
    const told = [name, side.lstat(at)];
    if (type === S_IFDIR) return [...told, treeBelow(side, at)];
    return type === S_IFLNK ? [...told, side.readlink(at)] : [...told, contentOf(side, at)];
  });
}

function contentOf(side: Side, path: string): unknown {
  const index = side.open(path, 0, 0) as number;
  const content = side.read(index, 200000, 0);
  side.close(index);
  return content;
}

/** Files that are there at the start of a case with a root. */
function populate(directory: string, random: Random): void {
  const side = new HostSide(directory);
  fs.mkdirSync(directory + BASE, { recursive: true });
  for (let count = 0; count < 25; count++) {
    side.mkdir(randomPath(random), 0o755);
    side.symlink(randomTarget(random), randomPath(random));
    const index = side.open(randomPath(random), O_CREAT | 1, 0o644);
    if (typeof index === 'number') side.write(index, randomBytes(random), 0);
  }
  side.closeAll();
}

function compareByRandom(t: Test, caseSeed: number, isWithRoot: boolean): void {
  const directory = fs.mkdtempSync(join(tmpdir(), 'bd0-files-'));
  const [root, model] = [join(directory, 'root'), join(directory, 'model')];
  for (const each of [root, model]) fs.mkdirSync(each + BASE, { recursive: true });
  if (isWithRoot) for (const each of [root, model]) populate(each, new Random(caseSeed));
  const before = isWithRoot ? JSON.stringify(treeBelow(new HostSide(root), '.')) : '';
  const credentials = { user: process.getuid!(), group: process.getgid!(), groups: process.getgroups!() };
  const layer = new LayerSide(new LooseFiles({ root: (store) => new HostRoot(store, root), credentials }));
  const host = new HostSide(model);
  const random = new Random(caseSeed + 1);
  const log: string[] = [];
  const isEqual = (what: string, ofLayer: unknown, ofHost: unknown): boolean => {
    if (JSON.stringify(ofLayer) === JSON.stringify(ofHost)) return true;
    const shown = { layer: JSON.stringify(ofLayer), host: JSON.stringify(ofHost), log: log.slice(-60).join('\n') };
    t.fail(`seed ${caseSeed}: ${what}`, shown);
    return false;
  };
  try {
    for (let step = 0; step < 400; step++) {
      const [words, perform] = randomOperation(random);
      const [ofLayer, ofHost] = [perform(layer), perform(host)];
      log.push(`${words} = ${JSON.stringify(ofHost)?.slice(0, 40)}`);
      if (!isEqual(words, ofLayer, ofHost)) return;
      if (step % 100 === 99 && !isEqual('the tree', treeBelow(layer, '.'), treeBelow(host, '.'))) return;
    }
    if (isWithRoot && !isEqual('the root', JSON.stringify(treeBelow(new HostSide(root), '.')), before)) return;
    t.pass(`seed ${caseSeed}`);
  } finally {
    host.closeAll();
    layer.closeAll();
    fs.rmSync(directory, { recursive: true });
  }
}

process.umask(0o022);

t.test('random operations do what they do on the host: results, errors, contents and names', async (t) => {
  for (let index = 0; index < volume(12, 400); index++) compareByRandom(t, seed * 1000 + index, false);
});

t.test('and so they do over files of the host, which stay as they are', async (t) => {
  for (let index = 0; index < volume(12, 400); index++) compareByRandom(t, seed * 1000 + index, true);
});

t.test('directories of /sys list what is found in them, and lead back', (t) => {
  const { files } = new LooseFiles();
  let texts = 0;
  const visit = (directory: SysDirectory, path: string): void => {
    for (const { name, number, type } of directory.entries(files)) {
      const inode = directory.lookup(files, name)!;
      t.strictSame([inode.number, inode.type], [number, type], `${path}/${name}`);
      if (inode instanceof SysDirectory) {
        t.equal(inode.parent(files).number, directory.number, `${path}/${name}/..`);
        visit(inode, `${path}/${name}`);
      } else {
        texts++;
        t.match(latin1((inode as SysText).bytes()), /^[^\n]*\n$/, `${path}/${name}`);
      }
    }
  };
  visit(files.sys as SysDirectory, '/sys');
  t.ok(texts > 20, `${texts} files`);
  t.equal(files.sys.lookup(files, 'none'), undefined);
  t.equal(files.sys.lookup(files, 'devices/system'), undefined, 'a name is one part of a path');
  t.end();
});
