/** Files of /proc about a process. proc(5) */
import { PAGE_SIZE } from '../../../../bits.js';
import { toLinear } from '../../../memory/linear-address.js';
import { windowOf } from '../../../memory/view.js';
import { PROTECTION_EXECUTE, PROTECTION_READ, PROTECTION_WRITE, type Mapping } from '../../../memory/mapping.js';
import type { Thread } from '../../../tasks/thread.js';
import type { LinuxProcess } from '../../linux-process.js';

const KIB_PER_PAGE = PAGE_SIZE / 1024;
const TICKS_PER_HUNDREDTH = 10_000_000;
const STATES = { R: 'running', S: 'sleeping', T: 'stopped', t: 'tracing stop', Z: 'zombie' } as const;
/** Characters of a program's name that /proc shows. */
const COMM_MAX = 15;
/** Where names of mappings stand in a line of maps. */
const NAME_COLUMN = 73;

const MOUNTS = [
  ['bd0', '/', 'ext4', 'rw,relatime'],
  ['proc', '/proc', 'proc', 'rw,nosuid,nodev,noexec,relatime'],
  ['sysfs', '/sys', 'sysfs', 'rw,nosuid,nodev,noexec,relatime'],
  ['udev', '/dev', 'devtmpfs', 'rw,nosuid,relatime'],
] as const;

type Text = (process: LinuxProcess) => string;

const TEXTS: Readonly<Record<string, Text>> = {
  cgroup: () => '0::/\n',
  comm: (process) => `${nameOf(process)}\n`,
  io: () => ['rchar', 'wchar', 'syscr', 'syscw', 'read_bytes', 'write_bytes', 'cancelled_write_bytes'].map((name) => `${name}: 0\n`).join(''), // prettier-ignore
  limits: () => 'Limit                     Soft Limit           Hard Limit           Units     \n',
  loginuid: () => '4294967295',
  maps: (process) => mapsText(process),
  mountinfo: () => MOUNTS.map(([source, path, type, options], index) => `${21 + index} 1 0:${21 + index} / ${path} ${options} - ${type} ${source} rw\n`).join(''), // prettier-ignore
  mounts: () => MOUNTS.map(([source, path, type, options]) => `${source} ${path} ${type} ${options} 0 0\n`).join(''),
  oom_score_adj: () => '0\n',
  smaps: () => '',
  stat: statText,
  statm: (process) => `${pages(process)} ${process.memory.region.residentPages} 0 0 0 ${pages(process)} 0\n`,
  status: statusText,
  wchan: () => '0',
};

export function processText(process: LinuxProcess, name: string): string | undefined {
  return Object.hasOwn(TEXTS, name) ? TEXTS[name]!(process) : undefined;
}

function nameOf({ program }: LinuxProcess): string {
  return program.path.slice(program.path.lastIndexOf('/') + 1).slice(0, COMM_MAX);
}

/** Pages that are mapped. */
function pages({ memory }: LinuxProcess): number {
  return memory.region.mappings.reduce((total, { start, end }) => total + (end - start) / PAGE_SIZE, 0);
}

/** The mappings by the addresses that the process sees, ascending. */
function mapsText(process: LinuxProcess): string {
  const { view } = process.signals.process;
  const mappings = [...process.memory.region.mappings];
  mappings.sort((a, b) => windowOf(view, a.start) - windowOf(view, b.start));
  return mappings.map((mapping) => mapLine(process, mapping)).join('');
}

/** A line of maps, with the addresses that the process sees. */
function mapLine({ memory, signals }: LinuxProcess, mapping: Mapping): string {
  const { start, end, protection, backing, shared, file } = mapping;
  const allowed = [
    [PROTECTION_READ, 'r'],
    [PROTECTION_WRITE, 'w'],
    [PROTECTION_EXECUTE, 'x'],
  ] as const;
  const letters = allowed.map(([bit, letter]) => (protection & bit ? letter : '-')).join('');
  const from = toLinear(windowOf(signals.process.view, start));
  const offset = hexOf(backing?.offset ?? shared?.offset ?? 0, 8);
  const { fileSystem = 0, number = 0 } = file ?? {};
  const device = `00:${hexOf(fileSystem, 2)}`;
  const range = `${hexOf(from, 8)}-${hexOf(from + BigInt(end - start), 8)}`;
  const line = `${range} ${letters}${shared?.memory.region ? 's' : 'p'} ${offset} ${device} ${number}`;
  const name = file ? file.path.replaceAll('\n', '\\012') : nameOfMapping(memory, mapping);
  return name ? `${line.padEnd(NAME_COLUMN)}${name}\n` : `${line} \n`;
}

function hexOf(number: number | bigint, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

/** The name that Linux gives a mapping without a file. */
function nameOfMapping(memory: LinuxProcess['memory'], mapping: Mapping): string {
  const { breakStart, breakEnd } = memory;
  const { end } = mapping;
  const pageOfBreak = Math.ceil(breakEnd / PAGE_SIZE) * PAGE_SIZE;
  if (breakEnd > breakStart && end > breakStart && end <= pageOfBreak) return '[heap]';
  return memory.isStack(mapping) ? '[stack]' : '';
}

/** The fields of stat: those that are not known are 0. */
function statText(process: LinuxProcess): string {
  const fields = Array<number>(52).fill(0);
  const put = (number: number, field: number): void => void (fields[number - 1] = field);
  const { family, cpuTime, nice } = process;
  put(1, process.pid);
  put(4, family.parentPid);
  put(5, process.group);
  put(6, process.session);
  put(14, hundredths(cpuTime.used));
  put(16, hundredths(cpuTime.ofChildren));
  put(18, 20 + nice);
  put(19, nice);
  put(20, threadsOf(process).length);
  put(23, pages(process) * PAGE_SIZE);
  put(24, process.memory.region.residentPages);
  put(38, 17);
  const [pid, , , ...rest] = fields;
  return `${pid} (${nameOf(process)}) ${stateOf(process)} ${rest.join(' ')}\n`;
}

function hundredths(ticks: number): number {
  return Math.floor(ticks / TICKS_PER_HUNDREDTH);
}

function threadsOf({ signals, family }: LinuxProcess): readonly Thread[] {
  return family.status ? [] : signals.process.threads;
}

/** Z: it has ended; t: its first thread has stopped for its tracer; T: it was stopped; S: it waits; R: it can run. */
function stateOf(process: LinuxProcess): keyof typeof STATES {
  if (process.family.status) return 'Z';
  const traced = process.family.traces.find(({ tid }) => tid === process.pid);
  if (traced?.stop) return 't';
  if (process.signals.stoppedBy !== 0 && !traced) return 'T';
  return threadsOf(process).every(({ pending }) => pending?.wait && pending.answer === undefined) ? 'S' : 'R';
}

function statusText(process: LinuxProcess): string {
  const { pid, place } = process;
  const { groups, ...ids } = place.credentials;
  const { user, realUser, savedUser, group, realGroup, savedGroup } = ids;
  const kib = pages(process) * KIB_PER_PAGE;
  const resident = process.memory.region.residentPages * KIB_PER_PAGE;
  const rows = [
    ...[['Name', nameOf(process)], ['Umask', place.umask.toString(8).padStart(4, '0')], ['State', `${stateOf(process)} (${STATES[stateOf(process)]})`]], // prettier-ignore
    ...[
      ['Tgid', pid],
      ['Ngid', 0],
      ['Pid', pid],
      ['PPid', process.family.parentPid],
      ['TracerPid', process.family.traces[0]?.tracer?.pid ?? 0],
    ],
    ...[
      ['Uid', [realUser, user, savedUser, user].join('\t')],
      ['Gid', [realGroup, group, savedGroup, group].join('\t')],
      ['FDSize', 64],
    ],
    ...[
      ['Groups', groups.join(' ')],
      ['VmPeak', `${kib} kB`],
      ['VmSize', `${kib} kB`],
      ['VmRSS', `${resident} kB`],
    ],
    ...[
      ['Threads', Math.max(1, threadsOf(process).length)],
      ['Cpus_allowed', 1],
      ['Cpus_allowed_list', 0],
    ],
  ];
  return rows.map(([name, field]) => `${name}:\t${field}\n`).join('');
}
