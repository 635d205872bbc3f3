/** The inodes of /sys, which are made when they are looked up. Documentation/ABI of Linux */
import { schema, value } from '../../../../state/schema.js';
import { bytesOfText } from '../byte-text.js';
import { S_IFDIR, S_IFREG } from '../constants.js';
import type { DirectoryEntry, Tree } from '../tree/directory.js';
import { INODE_FIELDS, Inode } from '../tree/inode.js';
import { MadeDirectory, madeAttributes, madeIdentity, namesBelow } from '../tree/made-directory.js';

/** The size that sysfs shows for each of its files. */
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

/** A directory of /sys, or /sys itself, by its path below /sys: '' or `/class/net`. */
export class SysDirectory extends MadeDirectory {
  static readonly state = schema('directory of /sys', SysDirectory, { ...INODE_FIELDS, path: value });

  constructor(path: string, id = 0) {
    super(path, { ...madeIdentity('sys', path), id }, S_IFDIR | (path === '' ? 0o555 : 0o755));
  }

  protected get tree(): 'sys' {
    return 'sys';
  }

  protected at(path: string): SysDirectory {
    return new SysDirectory(path);
  }

  lookup(_tree: Tree, name: string): Inode | undefined {
    if (name.includes('/')) return undefined;
    const path = `${this.path}/${name}`;
    if (TEXTS.has(path)) return new SysText(path);
    return PATHS.some((each) => each === path || each.startsWith(`${path}/`)) ? new SysDirectory(path) : undefined;
  }

  entries(tree: Tree): readonly DirectoryEntry[] {
    return [...namesBelow(this.path, PATHS)].sort().map((name) => {
      const { number, type } = this.lookup(tree, name)!;
      return { name, number, type };
    });
  }
}

/** A file of /sys. */
export class SysText extends Inode {
  static readonly state = schema('file of /sys', SysText, { ...INODE_FIELDS, path: value });

  constructor(private readonly path: string) {
    super(madeIdentity('sys', path), madeAttributes(S_IFREG | 0o444));
  }

  override get size(): number {
    return FILE_BYTES;
  }

  bytes(): Uint8Array {
    return bytesOfText(TEXTS.get(this.path)!);
  }
}
