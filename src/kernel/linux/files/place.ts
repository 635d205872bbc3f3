import { kept, schema, value } from '../../../state/schema.js';
import type { ProcessCredentials } from './credentials.js';
import type { FileSystem } from './file-system.js';
import type { Directory } from './tree/directory.js';

/** Where a process is in the tree, and with which credentials. */
export class Place {
  /** @internal */
  static readonly state = schema('place', Place, {
    current: value,
    ownRoot: value,
    umask: value,
    credentials: value,
    files: kept('those of the machine'),
  });

  umask = 0o022;
  private current: Directory;
  /** What chroot(2) has made `/`; undefined: that of all files. */
  private ownRoot: Directory | undefined;

  constructor(
    private readonly files: FileSystem,
    directory: Directory,
    public credentials: ProcessCredentials,
  ) {
    this.current = directory;
    files.hold(directory);
  }

  /** The current directory. */
  get directory(): Directory {
    return this.current;
  }

  get root(): Directory | undefined {
    return this.ownRoot;
  }

  /** chroot(2): `/` is another directory from now on. */
  changeRoot(directory: Directory): void {
    this.files.hold(directory);
    if (this.ownRoot) this.files.release(this.ownRoot);
    this.ownRoot = directory;
  }

  moveTo(directory: Directory): void {
    this.files.hold(directory);
    this.files.release(this.current);
    this.current = directory;
  }

  /** The same, for a process that is forked. */
  copy(): Place {
    const copy = new Place(this.files, this.current, this.credentials);
    copy.umask = this.umask;
    if (this.ownRoot) copy.changeRoot(this.ownRoot);
    return copy;
  }

  /** The process has ended. */
  close(): void {
    this.files.release(this.current);
    if (this.ownRoot) this.files.release(this.ownRoot);
  }
}
