import type { ChangedFile, FileVersion } from '../../index.js';
import { LinuxError } from '../../kernel/linux/errno.js';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../kernel/linux/files/constants.js';
import type { ByteText } from '../byte-text.js';
import type { HostKind, HostStatus, HostTree } from '../store/trees/host-tree.js';
import { MODE_BITS } from '../store/trees/tree-entry.js';

const KINDS: Readonly<Record<number, HostKind>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'tree',
  [S_IFLNK]: 'link',
  [S_IFIFO]: 'fifo',
  [S_IFCHR]: 'character device',
  [S_IFBLK]: 'block device',
  [S_IFSOCK]: 'socket',
};

/** Changed files of a run, as they were before it or after it: a tree that a store imports from the path `/`. */
export class VersionTree implements HostTree {
  private readonly open_ = new Map<number, { readonly version: FileVersion; at: number }>();
  private nextFile = 0;

  constructor(
    private readonly root: ChangedFile,
    private readonly side: 'before' | 'after',
  ) {}

  list(path: ByteText): ByteText[] {
    return this.find(path)
      .entries.filter((entry) => entry[this.side])
      .map(({ name }) => name as ByteText);
  }

  status(path: ByteText): HostStatus {
    return statusOf(this.version(path));
  }

  open(path: ByteText): number {
    const file = this.nextFile++;
    this.open_.set(file, { version: this.version(path), at: 0 });
    return file;
  }

  statusOf(file: number): HostStatus {
    return statusOf(this.open_.get(file)!.version);
  }

  read(file: number, target: Uint8Array): number {
    const open = this.open_.get(file)!;
    try {
      const bytes = open.version.read(open.at, target.length);
      target.set(bytes);
      open.at += bytes.length;
      return bytes.length;
    } catch (error) {
      throw error instanceof LinuxError ? systemError('EIO', 'read') : error;
    }
  }

  close(file: number): void {
    this.open_.delete(file);
  }

  linkTarget(path: ByteText): ByteText {
    return this.version(path).target as ByteText;
  }

  resolve(path: ByteText): ByteText {
    return path;
  }

  private version(path: ByteText): FileVersion {
    return this.find(path)[this.side] ?? refuse();
  }

  private find(path: ByteText): ChangedFile {
    let at = this.root;
    for (const name of path.split('/').filter((part) => part !== ''))
      at = at.entries.find((entry) => entry.name === name) ?? refuse();
    return at;
  }
}

function statusOf({ mode, owner, group, links, size, modified, device, number }: FileVersion): HostStatus {
  const kind = KINDS[mode & S_IFMT] ?? 'unknown';
  return {
    ...{ kind, identity: String(number), links: kind === 'file' ? links : 1, size, mode: mode & MODE_BITS },
    ...{ mtimeNs: modified, ctimeNs: modified, owner: { uid: owner, gid: group } },
    ...{ major: device >> 8, minor: device & 0xff },
  };
}

function refuse(): never {
  throw systemError('ENOENT', 'stat');
}

/** An error as Node throws it for the operating system. */
function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(code), { code, syscall, errno: 0 });
}
