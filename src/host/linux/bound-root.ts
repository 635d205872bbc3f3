import { LinuxErrno } from '../../kernel/linux/errno.js';
import { S_IFDIR, S_IFMT } from '../../kernel/linux/files/constants.js';
import type { LinuxRoot, RootEntry, RootStatus } from '../../kernel/linux/files/tree/linux-root.js';
import type { VmoHandle } from '../../index.js';
import type { ByteText } from '../byte-text.js';

/** Files of the host at a place of the guest. */
export interface Bind {
  /** Absolute, without a slash at its end. */
  readonly guest: ByteText;
  /** A directory, or a single file, which is its `/`. */
  readonly root: LinuxRoot;
}

/** A directory that is there only because something is bound below it. */
const WAY: RootStatus = {
  ...{ mode: S_IFDIR | 0o755, owner: 0, group: 0, links: 2, size: 4096, blocks: 8, modified: 0n, target: '' },
  stamp: 'way',
};

/** A root in which other roots stand at places of their own, the longest path first. */
export class BoundRoot implements LinuxRoot {
  private readonly binds: readonly Bind[];

  constructor(
    private readonly root: LinuxRoot,
    binds: readonly Bind[],
    /** Programs want what they have written to be kept. */
    readonly keep: () => void = () => {},
  ) {
    this.binds = [...binds].sort((a, b) => b.guest.length - a.guest.length);
  }

  status(path: string): RootStatus | LinuxErrno {
    const { root, rest } = this.find(path);
    const status = root.status(rest);
    const isBound = this.binds.some(({ guest }) => guest === path);
    const isDirectory = typeof status !== 'number' && (status.mode & S_IFMT) === S_IFDIR;
    if (this.leadsToBind(path)) return { ...(isDirectory ? status : WAY), mount: isBound ? 'here' : 'below' };
    return isBound && typeof status !== 'number' ? { ...status, mount: 'here' } : status;
  }

  list(path: string): readonly RootEntry[] | LinuxErrno {
    const { root, rest } = this.find(path);
    const entries = root.list(rest);
    const above = path === '/' ? '/' : `${path}/`;
    const names = this.binds.flatMap(({ guest }) => (guest.startsWith(above) ? [firstName(guest, above)] : []));
    if (names.length === 0) return entries;
    const found = new Map(typeof entries === 'number' ? [] : entries.map((entry) => [entry.name, entry]));
    for (const name of names) {
      const status = this.status(above + name);
      if (typeof status !== 'number') found.set(name, { name, type: status.mode & S_IFMT });
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  read(path: string, stamp: string, offset: number, length: number): VmoHandle | LinuxErrno {
    const { root, rest } = this.find(path);
    return root.read(rest, stamp, offset, length);
  }

  /** The root that a path lies in, and its path there. */
  private find(path: string): { readonly root: LinuxRoot; readonly rest: string } {
    const bind = this.binds.find(({ guest }) => path === guest || path.startsWith(`${guest}/`));
    return bind ? { root: bind.root, rest: path.slice(bind.guest.length) || '/' } : { root: this.root, rest: path };
  }

  private leadsToBind(path: string): boolean {
    const above = path === '/' ? '/' : `${path}/`;
    return this.binds.some(({ guest }) => guest.startsWith(above));
  }
}

function firstName(guest: string, above: string): string {
  return guest.slice(above.length).split('/', 1)[0]!;
}
