/** The inodes of /proc, which are made when they are looked up. proc(5) */
import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { bytesOfText } from '../byte-text.js';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../constants.js';
import type { FileSystem } from '../file-system.js';
import { Directory, type DirectoryEntry, type Tree } from '../tree/directory.js';
import { INODE_FIELDS, Inode } from '../tree/inode.js';
import { MadeDirectory, madeAttributes, madeIdentity, namesBelow } from '../tree/made-directory.js';
import { walk, type DirectLink, type Walker } from '../tree/path-walk.js';
import type { ProcProcess } from './source.js';

/** Files about no process, by their paths below /proc. */
const GLOBAL_FILES = [
  ...[
    'cmdline',
    'cpuinfo',
    'devices',
    'filesystems',
    'loadavg',
    'meminfo',
    'stat',
    'swaps',
    'uptime',
    'version',
    'vmstat',
  ],
  ...['sysvipc/msg', 'sysvipc/sem', 'sysvipc/shm'],
  ...['sys/fs/file-max', 'sys/fs/nr_open', 'sys/fs/pipe-max-size'],
  ...['sys/kernel/cap_last_cap', 'sys/kernel/hostname', 'sys/kernel/ngroups_max', 'sys/kernel/osrelease'],
  ...['sys/kernel/ostype', 'sys/kernel/pid_max', 'sys/kernel/random/boot_id', 'sys/kernel/random/uuid'],
  ...['sys/kernel/version', 'sys/vm/max_map_count', 'sys/vm/overcommit_memory'],
].map((path) => `/${path}`);

/** What lies in the directory of a process, and of each of its threads. */
const PROCESS_FILES = ['auxv', 'cgroup', 'cmdline', 'comm', 'environ', 'io', 'limits', 'loginuid', 'maps', 'mem', 'mountinfo', 'mounts', 'oom_score_adj', 'smaps', 'stat', 'statm', 'status', 'wchan']; // prettier-ignore
const PROCESS_LINKS = ['cwd', 'exe', 'root'];
const PROCESS_DIRECTORIES = ['fd', 'fdinfo', 'task'];

/** Links of /proc itself, to what the process has that asks. */
const OWN_LINKS: Readonly<Record<string, (pid: number) => string>> = {
  mounts: () => 'self/mounts',
  net: () => 'self/net',
  self: (pid) => String(pid),
  'thread-self': (pid) => `${pid}/task/${pid}`,
};

/** A directory of /proc, or /proc itself, by its path below /proc: '' or `/1/fd`. */
export class ProcDirectory extends MadeDirectory {
  static readonly state = schema('directory of /proc', ProcDirectory, { ...INODE_FIELDS, path: value });

  constructor(path: string, id = 0) {
    super(path, { ...madeIdentity('proc', path), id }, S_IFDIR | 0o555);
  }

  protected get tree(): 'proc' {
    return 'proc';
  }

  protected at(path: string): ProcDirectory {
    return new ProcDirectory(path);
  }

  lookup(tree: Tree, name: string): Inode | undefined {
    const files = tree as FileSystem;
    const [, first = '', second = ''] = this.path.split('/');
    if (this.path === '' && /^[1-9]\d*$/.test(name))
      return files.procSource.process(Number(name)) && new ProcDirectory(`/${name}`);
    if (this.path === '' && name in OWN_LINKS) return new ProcOwnLink(name);
    const pid = Number(first);
    if (!(pid > 0)) return this.globalFile(name);
    const process = files.procSource.process(pid);
    if (!process) return undefined;
    if (second === 'fd' || second === 'fdinfo') return this.descriptor(process, second, name);
    if (second === 'task' && this.path.split('/').length === 3)
      return process.threads.includes(Number(name)) ? new ProcDirectory(`${this.path}/${name}`) : undefined;
    return this.processFile(process, name);
  }

  entries(tree: Tree): readonly DirectoryEntry[] {
    const files = tree as FileSystem;
    const names = this.namesIn(files);
    const found = names.flatMap((name) => {
      const inode = this.lookup(files, name);
      return inode ? [{ name, number: inode.number, type: inode.type }] : [];
    });
    return found;
  }

  private namesIn(files: FileSystem): readonly string[] {
    const [, first = '', second = ''] = this.path.split('/');
    const process = Number(first) > 0 ? files.procSource.process(Number(first)) : undefined;
    if (second === 'fd' || second === 'fdinfo') return process?.files.numbers.map(String) ?? [];
    if (second === 'task' && this.path.split('/').length === 3) return process?.threads.map(String) ?? [];
    if (process) return [...PROCESS_FILES, ...PROCESS_LINKS, ...PROCESS_DIRECTORIES].sort();
    const globals = namesBelow(this.path, GLOBAL_FILES);
    if (this.path !== '') return globals;
    return [...files.procSource.pids.map(String), ...new Set([...globals, ...Object.keys(OWN_LINKS)])];
  }

  private globalFile(name: string): Inode | undefined {
    const path = `${this.path}/${name}`;
    if (GLOBAL_FILES.includes(path)) return new ProcText(path);
    return GLOBAL_FILES.some((file) => file.startsWith(`${path}/`)) ? new ProcDirectory(path) : undefined;
  }

  private descriptor({ files, pid }: ProcProcess, kind: string, name: string): Inode | undefined {
    const number = Number(name);
    if (!/^\d+$/.test(name) || !files.has(number)) return undefined;
    return kind === 'fd' ? new ProcLink(`${this.path}/${name}`, pid, number) : new ProcText(`${this.path}/${name}`);
  }

  private processFile({ pid }: ProcProcess, name: string): Inode | undefined {
    const path = `${this.path}/${name}`;
    if (name === 'mem') return new ProcMemory(path, pid);
    if (PROCESS_FILES.includes(name)) return new ProcText(path);
    if (PROCESS_LINKS.includes(name)) return new ProcLink(path, pid, undefined);
    return PROCESS_DIRECTORIES.includes(name) ? new ProcDirectory(path) : undefined;
  }
}

/** A file of /proc, whose text is made when it is opened. */
export class ProcText extends Inode {
  static readonly state = schema('file of /proc', ProcText, { ...INODE_FIELDS, path: value });

  constructor(private readonly path: string) {
    super(madeIdentity('proc', path), madeAttributes(S_IFREG | 0o444));
  }

  /** Throws ESRCH where its process is gone. */
  bytes({ procSource }: FileSystem): Uint8Array {
    const [, first = '', ...rest] = this.path.split('/');
    if (!(Number(first) > 0)) return bytesOfText(procSource.text(this.path.slice(1)) ?? '');
    const process = procSource.process(Number(first));
    if (!process) throw new LinuxError(LinuxErrno.ESRCH);
    const name = rest.at(-1)!;
    if (name === 'cmdline') return process.commandLine;
    if (name === 'environ') return process.environment;
    if (name === 'auxv') return process.auxiliary;
    return bytesOfText(rest[0] === 'fdinfo' ? descriptorText(process, Number(name)) : (process.text(name) ?? ''));
  }
}

/** The memory of a process, as a file. */
export class ProcMemory extends Inode {
  static readonly state = schema('memory file of /proc', ProcMemory, { ...INODE_FIELDS, pid: value });

  constructor(
    path: string,
    readonly pid: number,
  ) {
    super(madeIdentity('proc', path), madeAttributes(S_IFREG | 0o600));
  }
}

function descriptorText({ files }: ProcProcess, number: number): string {
  if (!files.has(number)) throw new LinuxError(LinuxErrno.ENOENT);
  const { position, flags, inode } = files.get(number);
  return `pos:\t${position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t1\nino:\t${inode.number}\n`;
}

/** /proc/self and others that lead elsewhere for each process that asks. */
export class ProcOwnLink extends Inode implements DirectLink {
  static readonly state = schema('own link of /proc', ProcOwnLink, { ...INODE_FIELDS, link: value });

  constructor(private readonly link: string) {
    super(madeIdentity('proc', `/${link}`), madeAttributes(S_IFLNK | 0o777));
  }

  follow(files: FileSystem, walker: Walker): ReturnType<DirectLink['follow']> {
    const { directory, name, inode } = walk(
      files,
      { ...walker, start: files.proc },
      this.text(files, walker),
      'follow',
    );
    if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
    return { directory, name, inode };
  }

  text(_files: FileSystem, { pid = 0 }: Walker): string {
    return OWN_LINKS[this.link]!(pid);
  }
}

/** A link to a file that a process has: cwd, root, exe, or a descriptor. */
export class ProcLink extends Inode implements DirectLink {
  static readonly state = schema('link of /proc', ProcLink, { ...INODE_FIELDS, path: value, pid: value, fd: value });

  constructor(
    private readonly path: string,
    private readonly pid: number,
    private readonly fd: number | undefined,
  ) {
    super(madeIdentity('proc', path), madeAttributes(S_IFLNK | (fd === undefined ? 0o777 : 0o700)));
  }

  override get size(): number {
    return this.fd === undefined ? 0 : 64;
  }

  follow(files: FileSystem, walker: Walker): ReturnType<DirectLink['follow']> {
    const process = this.process(files);
    if (this.fd !== undefined) {
      const { inode, place } = process.files.get(this.fd);
      return { directory: (place?.directory as Directory | undefined) ?? files.root, name: place?.name ?? '', inode };
    }
    if (this.path.endsWith('/cwd'))
      return { directory: process.place.directory, name: '', inode: process.place.directory };
    const root = process.place.root ?? files.root;
    if (this.path.endsWith('/root')) return { directory: root, name: '', inode: root };
    // What lies at the path of the program may by now be a link that leads here.
    if (walker.isInProgram) throw new LinuxError(LinuxErrno.ELOOP);
    const { directory, name, inode } = walk(files, { ...walker, isInProgram: true }, process.program, 'follow');
    if (!inode) throw new LinuxError(LinuxErrno.ENOENT);
    return { directory, name, inode };
  }

  text(files: FileSystem): string {
    const process = this.process(files);
    if (this.fd !== undefined) return files.pathOfOpen(process.files.get(this.fd));
    if (this.path.endsWith('/cwd')) return files.pathOf(process.place.directory) ?? '(deleted)';
    if (this.path.endsWith('/root')) return files.pathOf(process.place.root ?? files.root) ?? '(deleted)';
    return process.program;
  }

  private process({ procSource }: FileSystem): ProcProcess {
    const process = procSource.process(this.pid);
    if (!process || (this.fd !== undefined && !process.files.has(this.fd))) throw new LinuxError(LinuxErrno.ENOENT);
    return process;
  }
}
