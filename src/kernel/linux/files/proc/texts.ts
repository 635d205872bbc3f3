/** Files of /proc that are about no process: what the machine is. */
import type { CpuModel } from '../../../../cpu/cpu.js';
import type { FrameCounters } from '../../../../vmo/frames/frame-pool.js';
import { cpuText } from './cpu-text.js';

/** What they tell. */
export interface MachineFacts {
  /** Nanoseconds since the machine started, and when that was since 1970. */
  readonly now: number;
  readonly epoch: bigint;
  readonly model: CpuModel;
  readonly memoryBytes: number;
  readonly frames: Pick<FrameCounters, 'inUse'>;
  readonly processes: number;
  /** 16 bytes of the random stream. */
  random(): Uint8Array;
}

/** What uname(2) tells too. */
export const SYSTEM_NAME = { name: 'Linux', release: '6.1.0', version: '#1 SMP', host: 'bd0' } as const;

const KIB = 1024;
const HUNDREDTHS = 10_000_000;
const NANOSECONDS = 1_000_000_000;
const BOOT_ID = '6264302d-6c69-4e75-9831-000000000000';

type Text = (facts: MachineFacts) => string;

const TEXTS: Readonly<Record<string, Text>> = {
  cmdline: () => '\n',
  cpuinfo: ({ model }) => cpuText(model),
  devices: () =>
    'Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n',
  filesystems: () => 'nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tpipefs\n\text4\n',
  loadavg: ({ processes }) => `0.00 0.00 0.00 1/${processes} ${processes}\n`,
  meminfo,
  stat: ({ now, epoch, processes }) => {
    const ticks = Math.floor(now / HUNDREDTHS);
    const counts = `cpu  ${ticks} 0 0 0 0 0 0 0 0 0\ncpu0 ${ticks} 0 0 0 0 0 0 0 0 0\nintr 0\nctxt 0\n`;
    return `${counts}btime ${epoch / BigInt(NANOSECONDS)}\nprocesses ${processes}\nprocs_running 1\nprocs_blocked 0\n`;
  },
  swaps: () => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n',
  uptime: ({ now }) => `${(now / NANOSECONDS).toFixed(2)} 0.00\n`,
  version: () => `${SYSTEM_NAME.name} version ${SYSTEM_NAME.release} (bd0) ${SYSTEM_NAME.version}\n`,
  vmstat: ({ memoryBytes, frames }) =>
    `nr_free_pages ${memoryBytes / 4096 - frames.inUse}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n`,
  'sys/fs/file-max': () => '9223372036854775807\n',
  'sys/fs/nr_open': () => '1048576\n',
  'sys/fs/pipe-max-size': () => '1048576\n',
  'sys/kernel/cap_last_cap': () => '40\n',
  'sys/kernel/hostname': () => `${SYSTEM_NAME.host}\n`,
  'sys/kernel/ngroups_max': () => '65536\n',
  'sys/kernel/osrelease': () => `${SYSTEM_NAME.release}\n`,
  'sys/kernel/ostype': () => `${SYSTEM_NAME.name}\n`,
  'sys/kernel/pid_max': () => '4194304\n',
  'sys/kernel/random/boot_id': () => `${BOOT_ID}\n`,
  'sys/kernel/random/uuid': ({ random }) => `${uuidOf(random())}\n`,
  'sys/kernel/version': () => `${SYSTEM_NAME.version}\n`,
  'sys/vm/max_map_count': () => '65536\n',
  'sys/vm/overcommit_memory': () => '1\n',
};

/** The text of a file, by its path below /proc. */
export function machineText(path: string, facts: MachineFacts): string | undefined {
  return Object.hasOwn(TEXTS, path) ? TEXTS[path]!(facts) : undefined;
}

function meminfo({ memoryBytes, frames }: MachineFacts): string {
  const total = memoryBytes / KIB;
  const free = total - frames.inUse * 4;
  const rows: readonly (readonly [string, number])[] = [
    ...([['MemTotal', total], ['MemFree', free], ['MemAvailable', free], ['Buffers', 0], ['Cached', 0]] as const), // prettier-ignore
    ...([['SwapCached', 0], ['Active', total - free], ['Inactive', 0], ['SwapTotal', 0], ['SwapFree', 0]] as const), // prettier-ignore
    ...([
      ['Dirty', 0],
      ['Writeback', 0],
      ['AnonPages', total - free],
      ['Mapped', 0],
      ['Shmem', 0],
    ] as const),
    ...([
      ['Slab', 0],
      ['SReclaimable', 0],
      ['CommitLimit', total],
      ['Committed_AS', total - free],
    ] as const),
  ];
  return rows.map(([name, kib]) => `${`${name}:`.padEnd(16)}${String(Math.floor(kib)).padStart(8)} kB\n`).join('');
}

/** RFC 9562, 5.4. */
function uuidOf(bytes: Uint8Array): string {
  const random = bytes.slice();
  random[6] = (random[6]! & 0x0f) | 0x40;
  random[8] = (random[8]! & 0x3f) | 0x80;
  const digits = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([from, to]) => digits.slice(from, to)).join('-'); // prettier-ignore
}
