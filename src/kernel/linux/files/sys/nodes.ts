/** The inodes of /sys, which are made when they are looked up. Documentation/ABI of Linux */
import { schema, value } from '../../../../state/schema.js';
import { bytesOfText } from '../byte-text.js';
import { S_IFDIR, S_IFREG } from '../constants.js';
import type { FileSystem } from '../file-system.js';
import { Directory, type DirectoryEntry, type Tree } from '../tree/directory.js';
import { FILE_SYSTEM, INODE_FIELDS, Inode, type InodeAttributes, type InodeIdentity } from '../tree/inode.js';
import { numberOfPath } from '../tree/path-number.js';

/** What a file of sysfs has room for. */
const FILE_BYTES = 4096;

const CPU = '/devices/system/cpu';
const NODE = '/devices/system/node';
const HUGE_PAGES = '/kernel/mm/transparent_hugepage';
const LOOPBACK = '/class/net/lo';
const CLOCK = '/devices/system/clocksource/clocksource0';

/** Files of a directory, each with a line of text. */
function below(directory: string, files: Readonly<Record<string, string>>): (readonly [path: string, text: string])[] {
  return Object.entries(files).map(([name, text]) => [`${directory}/${name}`, `${text}\n`]);
}

/** The machine has one CPU, no huge pages, and no interface but `lo`. */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ...below(CPU, { isolated: '', offline: '', online: '0', possible: '0', present: '0' }),
  ...below(`${CPU}/cpu0/topology`, {
    ...{ core_cpus: '1', core_cpus_list: '0', core_id: '0', core_siblings: '1', core_siblings_list: '0', die_id: '0' },
    ...{ package_cpus: '1', package_cpus_list: '0', physical_package_id: '0' },
    ...{ thread_siblings: '1', thread_siblings_list: '0' },
  }),
  ...below(NODE, { has_cpu: '0', has_memory: '0', online: '0', possible: '0' }),
  ...below(`${NODE}/node0`, { cpulist: '0', cpumap: '1', distance: '10' }),
  ...below(CLOCK, { available_clocksource: 'tsc', current_clocksource: 'tsc' }),
  ...below(HUGE_PAGES, { enabled: 'always madvise [never]', hpage_pmd_size: '2097152' }),
  ...below(LOOPBACK, {
    ...{ addr_len: '6', address: '00:00:00:00:00:00', broadcast: '00:00:00:00:00:00', carrier: '1', flags: '0x9' },
    ...{ ifindex: '1', iflink: '1', mtu: '65536', operstate: 'unknown', tx_queue_len: '1000', type: '772' },
  }),
]);

/** Directories that hold nothing. */
const EMPTY = ['/block', '/bus', '/dev', '/firmware', '/fs', '/module'];

const PATHS = [...TEXTS.keys(), ...EMPTY];

function identityOf(path: string): InodeIdentity {
  return { id: 0, number: numberOfPath(`/sys${path}`), fileSystem: FILE_SYSTEM.sys };
}

function attributesOf(mode: number, links: number): InodeAttributes {
  return { mode, owner: 0, group: 0, links, time: 0n };
}

/** A directory of /sys, or /sys itself, by its path below /sys: '' or `/class/net`. */
export class SysDirectory extends Directory {
  static readonly state = schema('directory of /sys', SysDirectory, { ...INODE_FIELDS, path: value });

  constructor(
    private readonly path: string,
    id = 0,
  ) {
    super({ ...identityOf(path), id }, attributesOf(S_IFDIR | (path === '' ? 0o555 : 0o755), 2));
  }

  get name(): string {
    return this.path === '' ? 'sys' : this.path.slice(this.path.lastIndexOf('/') + 1);
  }

  parent(tree: Tree): Directory {
    if (this.path === '') return (tree as FileSystem).root;
    const above = this.path.slice(0, this.path.lastIndexOf('/'));
    return above === '' ? (tree as FileSystem).sys : new SysDirectory(above);
  }

  lookup(_tree: Tree, name: string): Inode | undefined {
    if (name.includes('/')) return undefined;
    const path = `${this.path}/${name}`;
    if (TEXTS.has(path)) return new SysText(path);
    return PATHS.some((each) => each === path || each.startsWith(`${path}/`)) ? new SysDirectory(path) : undefined;
  }

  entries(tree: Tree): readonly DirectoryEntry[] {
    const start = `${this.path}/`;
    const inside = PATHS.filter((path) => path.startsWith(start));
    const names = new Set(inside.map((path) => path.slice(start.length).split('/')[0]!));
    return [...names].sort().map((name) => {
      const { number, type } = this.lookup(tree, name)!;
      return { name, number, type };
    });
  }
}

/** A file of /sys. */
export class SysText extends Inode {
  static readonly state = schema('file of /sys', SysText, { ...INODE_FIELDS, path: value });

  constructor(private readonly path: string) {
    super(identityOf(path), attributesOf(S_IFREG | 0o444, 1));
  }

  override get size(): number {
    return FILE_BYTES;
  }

  bytes(): Uint8Array {
    return bytesOfText(TEXTS.get(this.path)!);
  }
}
