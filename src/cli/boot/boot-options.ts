import { MAX_MEMORY_BYTES, VIRTIO_KINDS, type VirtioKind } from '../../index.js';
import { Failure } from '../failure.js';
import { listed, oneOf, readOptions, type OptionTable, type Reading, type Shown } from '../options.js';
import type { GdbAddress } from '../../host/gdb-server.js';
import { parseGdbAddress } from '../run/gdb-address.js';
import { parseSnapshotAt, type SnapshotAt } from '../run/run-options.js';
import { parseCount, parseSeconds, parseSize } from '../size.js';

/** The events that `--trace` shows. */
export const BOOT_TRACES = ['irq', 'io', 'faults'] as const;
export type BootTrace = (typeof BOOT_TRACES)[number];

const ENGINES = ['auto', 'interpreter', 'evaluator'] as const;
const GDB_WAITS = ['yes', 'no'] as const;
const MODELS = ['v1', 'v2', 'v3'] as const;
const NETWORKS = ['user', 'host'] as const;
const DEFAULT_MEMORY = '256MB';
const LEAST_MEMORY = 2 ** 21;

/** The options of `bd0 boot`. */
export const BOOT_OPTIONS = {
  memory: {
    alias: 'm',
    requiresArg: true,
    describe: 'SIZE of the memory, at most 3.5GB',
    defaultDescription: DEFAULT_MEMORY,
    coerce: (text: string): number =>
      parseSize(text, '--memory', { least: LEAST_MEMORY, most: MAX_MEMORY_BYTES, what: 'the memory' }),
  },
  append: {
    requiresArg: true,
    describe: 'TEXT of the command line that the kernel gets',
    coerce: (text: string): string => text,
  },
  initrd: {
    requiresArg: true,
    describe: 'FILE with the initial RAM disk of Linux, or a Multiboot module',
    coerce: (text: string): string => text,
  },
  disk: {
    requiresArg: true,
    repeats: true,
    describe:
      'NAME in the store, or FILE, of a disk; it stays as it is, and without --publish what is written is gone at the end; may be given several times',
    coerce: (text: string): string => text,
  },
  publish: {
    requiresArg: true,
    repeats: true,
    describe:
      'NAME in the store under which a disk is kept whenever the kernel flushes it, and at the end; the first is for the first --disk, and so on',
    coerce: (text: string): string => text,
  },
  virtio: {
    requiresArg: true,
    values: VIRTIO_KINDS,
    describe: `KIND[,KIND] of virtio devices: ${listed(VIRTIO_KINDS)}; console: the terminal is there too, block: for disks, instead of NVMe`,
    coerce: (text: string): VirtioKind[] => text.split(',').map((kind) => oneOf(VIRTIO_KINDS, kind, '--virtio')),
  },
  net: {
    requiresArg: true,
    values: NETWORKS,
    describe:
      'virtio network device; user: with a gateway that answers DHCP and ping, and nothing else; host: TCP and names of the host, too, and 10.0.2.2 is the host',
    coerce: (text: string) => oneOf(NETWORKS, text, '--net'),
  },
  store: {
    requiresArg: true,
    describe: 'DIR of a durable store, for --disk, --publish, --snapshot-at and --resume',
    coerce: (text: string): string => text,
  },
  serial: {
    requiresArg: true,
    describe: 'FILE for what the kernel sends over the serial port; - is the terminal',
    defaultDescription: '-',
    coerce: (text: string): string => text,
  },
  cpu: {
    requiresArg: true,
    values: MODELS,
    describe: `model of the processor: ${listed(MODELS)}, a level of x86-64`,
    defaultDescription: 'v2',
    coerce: (text: string) => oneOf(MODELS, text, '--cpu'),
  },
  engine: {
    requiresArg: true,
    values: ENGINES,
    describe: `engine that runs the kernel: ${listed(ENGINES)}`,
    defaultDescription: 'auto',
    coerce: (text: string) => oneOf(ENGINES, text, '--engine'),
  },
  gdb: {
    requiresArg: true,
    describe: '[HOST:]PORT at which gdb or lldb can connect; PORT 0: any free one',
    coerce: parseGdbAddress,
  },
  'gdb-wait': {
    requiresArg: true,
    values: GDB_WAITS,
    describe: 'with --gdb: whether the kernel waits for the debugger, yes or no',
    defaultDescription: 'yes',
    coerce: (text: string) => oneOf(GDB_WAITS, text, '--gdb-wait'),
  },
  symbols: {
    requiresArg: true,
    describe: 'ELF FILE with the symbols of the kernel, for debuggers; default: the kernel itself, if it is one',
    coerce: (text: string): string => text,
  },
  record: {
    requiresArg: true,
    describe: 'FILE for a recording of the run, for bd0 replay FILE',
    coerce: (text: string): string => text,
  },
  'snapshot-at': {
    requiresArg: true,
    takesTwo: true,
    describe: 'TICK NAME: save the whole machine in the store at that tick, for --resume NAME',
    coerce: parseSnapshotAt,
  },
  resume: {
    requiresArg: true,
    describe: 'NAME of a saved machine in the store, with which to go on, instead of KERNEL',
    coerce: (text: string): string => text,
  },
  json: { boolean: true, describe: 'print the result and counters to stderr at the end, as a line of JSON' },
  stats: { boolean: true, describe: 'print counters to stderr at the end' },
  trace: {
    requiresArg: true,
    values: BOOT_TRACES,
    describe: `WHAT[,WHAT] to print to stderr: ${listed(BOOT_TRACES)}`,
    coerce: (text: string): BootTrace[] => text.split(',').map((what) => oneOf(BOOT_TRACES, what, '--trace')),
  },
  'max-instructions': {
    requiresArg: true,
    describe: 'stop after N instructions (ticks), with exit code 124',
    coerce: (text: string): number => parseCount(text, '--max-instructions'),
  },
  timeout: {
    requiresArg: true,
    describe: 'stop after S seconds, with exit code 124',
    coerce: (text: string): number => parseSeconds(text, '--timeout'),
  },
} as const satisfies OptionTable;

/** Options that a saved machine was made with. */
const FIXED_WHEN_RESUMED = ['memory', 'append', 'initrd', 'disk', 'virtio', 'cpu'] as const;

export interface BootRequest {
  readonly shown: Shown | undefined;
  readonly kernel: string;
  readonly memoryBytes: number;
  readonly append: string;
  readonly initrd: string | undefined;
  readonly disk: readonly string[];
  readonly publish: readonly string[];
  readonly virtio: readonly VirtioKind[];
  readonly net: (typeof NETWORKS)[number] | undefined;
  readonly store: string | undefined;
  readonly serial: string;
  readonly cpu: (typeof MODELS)[number];
  readonly engine: (typeof ENGINES)[number];
  readonly gdb: GdbAddress | undefined;
  /** Whether the kernel waits for gdb. */
  readonly gdbWait: boolean;
  readonly symbols: string | undefined;
  /** Memory for the history. */
  readonly historyBytes: number | undefined;
  readonly record: string | undefined;
  readonly snapshotAt: SnapshotAt | undefined;
  /** The name of a saved machine, if there is no kernel. */
  readonly resume: string | undefined;
  readonly json: boolean;
  readonly stats: boolean;
  readonly trace: readonly BootTrace[];
  readonly maxTicks: number;
  readonly timeoutSeconds: number;
}

/** Reads the words after `bd0 boot`. Throws Failure. */
export function readBootRequest(given: readonly string[]): BootRequest {
  return bootRequestOf(readOptions(given, { command: 'bd0 boot', options: BOOT_OPTIONS }), 'bd0 boot');
}

/** What options and words ask for; those of `command` may be some of BOOT_OPTIONS, and others. Throws Failure. */
export function bootRequestOf({ options, words, shown }: Reading, command: string): BootRequest {
  const [kernel, ...others] = words;
  const resume = options['resume'] as string | undefined;
  if (shown === undefined && kernel === undefined && resume === undefined)
    throw new Failure(`${command} needs a KERNEL: ${command} --help shows how`);
  if (resume !== undefined && kernel !== undefined)
    throw new Failure(`--resume goes on with the kernel that was saved: remove '${kernel}'`);
  const fixed = FIXED_WHEN_RESUMED.find((name) => resume !== undefined && options[name] !== undefined);
  if (fixed) throw new Failure(`--resume goes on with the machine as it was saved: remove --${fixed}`);
  if (shown === undefined && others.length > 0)
    throw new Failure(`${command} takes one KERNEL: remove '${others[0]!}', or put it into --append`);
  const option = <T>(name: keyof typeof BOOT_OPTIONS, otherwise: T): T => (options[name] as T | undefined) ?? otherwise;
  return {
    shown,
    kernel: kernel ?? '',
    memoryBytes: option('memory', parseSize(DEFAULT_MEMORY, '--memory')),
    append: option('append', ''),
    initrd: option('initrd', undefined),
    disk: option('disk', []),
    publish: option('publish', []),
    virtio: option('virtio', []),
    net: option('net', undefined),
    store: option('store', undefined),
    serial: option('serial', '-'),
    cpu: option('cpu', 'v2'),
    engine: option('engine', 'auto'),
    gdb: option('gdb', undefined),
    gdbWait: option('gdb-wait', 'yes') === 'yes',
    symbols: option('symbols', undefined),
    historyBytes: options['history'] as number | undefined,
    record: option('record', undefined),
    snapshotAt: option('snapshot-at', undefined),
    resume,
    json: option('json', false),
    stats: option('stats', false),
    trace: option('trace', []),
    maxTicks: option('max-instructions', Infinity),
    timeoutSeconds: option('timeout', Infinity),
  };
}
