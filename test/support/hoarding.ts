/**
 * Programs that take all of the host's memory that kernel-calls can take: each thread makes a few calls over and over, with
 * what they return as arguments of others. The machine that they run in is one as `bd0 run` makes it.
 */
import { Computer, Errno, MemoryNames, type NameSpace, type VmoStore } from '../../src/index.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { PF_R, PF_W, PF_X, makeImage } from '../kernel/images.js';
import {
  CODE_AT,
  DATA_AT,
  LAST_RESULT,
  ROW_BYTES,
  TABLES_AT,
  plain,
  relative,
  row,
  tableCode,
  tinyImage,
  type Argument,
} from './call-fuzz.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { sha256 } from './guest-programs.js';
import { Random } from './random.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const FOREVER = 2n ** 64n - 1n;

const THREADS = 8;
const ROWS = 64;
const TABLE_BYTES = ROWS * ROW_BYTES;

/*
 * The data, as offsets from the start of the image: names of 16 bytes each, then zeros: handles, patches and words.
 */
const NAME_BYTES = 16;
const NAMES = 2048;
const NAMES_AT = DATA_AT;
const PROGRAMS = ['hoard', 'tiny'];
const ZEROS_AT = DATA_AT + NAMES * NAME_BYTES;
const DATA_BYTES = TABLES_AT - DATA_AT;
const RESULT_AT = TABLES_AT - 8;
const PARTS_MAX = 65536;

type Hoard = readonly [call: string, make: (random: Random) => readonly Argument[]];

const handle = (random: Random): Argument => (random.chance(2) ? LAST_RESULT : plain(random.below(8)));
/** Not those of the programs. */
const name = (random: Random): Argument => relative(NAMES_AT + NAME_BYTES * (2 + random.below(NAMES - 2)));
const zeros = relative(ZEROS_AT);
const few = (random: Random): number => random.pick([1, 7, 200, 5000, PARTS_MAX]);
/** An odd offset, and a length that leaves no page where it was. */
const part = (random: Random): Argument[] => [plain(1 + random.below(PAGE)), plain(1 + random.below(8 * PAGE))];

/** What takes memory of the host, and how it is called. */
const HOARDS: readonly Hoard[] = [
  ['vmo_create', (random) => [relative(DATA_AT + random.below(PAGE)), plain(random.below(200_000))]],
  ['vmo_zeros', (random) => [plain(random.edgy64())]],
  ['vmo_slice', (random) => [handle(random), ...part(random)]],
  ['vmo_concat', (random) => [zeros, plain(few(random))]],
  ['vmo_concat', (random) => [zeros, plain(few(random))]],
  // Patches of nothing but zeros: no byte at offset 0 each.
  ['vmo_delta', (random) => [handle(random), zeros, plain(Math.floor(few(random) / 8))]],
  ['vmo_hash', (random) => [handle(random), relative(RESULT_AT - 64)]],
  ['vmo_open', () => [relative(RESULT_AT - 64)]],
  ['vmo_map', (random) => [handle(random), plain(0), plain(0), plain(1 + random.below(3 * PAGE)), plain(3)]],
  ['vmo_commit', (random) => [relative(DATA_AT + PAGE * random.below(64)), plain(PAGE * (1 + random.below(64)))]],
  ['name_publish', (random) => [name(random), handle(random), plain(-2)]],
  ['name_lookup', (random) => [name(random)]],
  ['name_list', (random) => [zeros, plain(random.below(5000)), plain(random.below(5000))]],
  ['thread_spawn', (random) => [relative(CODE_AT), plain(random.below(THREADS)), plain(PAGE)]],
  ['start', (random) => [relative(NAMES_AT + NAME_BYTES * random.below(2)), plain(8 * MIB), plain(0), plain(0), plain(0)]], // prettier-ignore
  ['debug_allow', (random) => [plain(0), plain(PAGE * random.below(1 << 20)), plain(8)]],
  ['debug_mode', (random) => [plain(0), plain(random.below(2))]],
  ['wait_word', (random) => [zeros, plain(0), plain(random.chance(4) ? FOREVER : random.below(1 << 20))]],
  ['wake_word', (random) => [zeros, plain(random.below(5000))]],
  ['process_wait', (random) => [LAST_RESULT, plain(random.below(1000))]],
  ['thread_join', (random) => [LAST_RESULT, plain(random.below(1000))]],
  ['sleep', (random) => [plain(random.below(100_000))]],
];

function callOf([name, make]: Hoard, random: Random): Uint8Array {
  const { number } = KERNEL_CALLS.find((call) => call.name === name)!;
  const args = [...make(random)];
  while (args.length < 6) args.push(plain(0));
  return row(BigInt(number), args, RESULT_AT);
}

/** Eight tables, of two or three kinds of calls each. The first one begins with a VMO and the other threads. */
function hoardImage(random: Random): Uint8Array {
  const tables = new Uint8Array(THREADS * TABLE_BYTES);
  for (let thread = 0; thread < THREADS; thread++) {
    const kinds = Array.from({ length: 2 + random.below(2) }, () => random.pick(HOARDS));
    for (let index = 0; index < ROWS; index++)
      tables.set(callOf(random.pick(kinds), random), thread * TABLE_BYTES + index * ROW_BYTES);
  }
  tables.set(callOf(['vmo_create', () => [relative(DATA_AT), plain(3 * PAGE + 5)]], random));
  for (let thread = 1; thread < THREADS; thread++)
    tables.set(callOf(['thread_spawn', () => [relative(CODE_AT), plain(thread), plain(PAGE)]], random), thread * ROW_BYTES); // prettier-ignore
  return makeImage({
    entry: CODE_AT,
    loads: [
      { address: CODE_AT, bytes: tableCode(TABLE_BYTES, 'jmp 2b'), flags: PF_R | PF_X },
      { address: DATA_AT, bytes: nameBytes(random), memorySize: DATA_BYTES, flags: PF_R | PF_W },
      { address: TABLES_AT, bytes: tables, flags: PF_R },
    ],
  });
}

/** Names, zero bytes behind each: of the two programs first. */
function nameBytes(random: Random): Uint8Array {
  const bytes = new Uint8Array(NAMES * NAME_BYTES);
  for (let index = 0; index < NAMES; index++) {
    const text = PROGRAMS[index] ?? `n${random.below(2 ** 30).toString(36)}`;
    bytes.set(new TextEncoder().encode(text), index * NAME_BYTES);
  }
  return bytes;
}

/** What a machine has been through. */
export interface HoardResult {
  /** Calls that were refused with ENOMEM, by name. */
  readonly refusals: ReadonlyMap<string, number>;
  readonly calls: number;
  /** The most that was charged, and what may be. */
  readonly mostBytes: number;
  readonly maxBytes: number;
  /** Milliseconds of CPU time of the longest step, for people. */
  readonly longestStepMs: number;
}

/** Effort of a step of the machine: some 20 ms. */
const STEP_EFFORT = 8192;

/**
 * Lets a program hoard until the kernel has made so many steps for it, then ends all that live. Throws where more is charged than
 * may be, beyond what the end of a thread or a store leaves, or where something is charged in the end that was not at first.
 */
export function hoard(
  seed: number,
  steps: number,
  options: ConstructorParameters<typeof Computer>[0] = {},
): HoardResult {
  const random = new Random(seed);
  const refusals = new Map<string, number>();
  let calls = 0;
  const image = hoardImage(random);
  const computer = new Computer({
    ...{ sha256, ...options },
    names: (store) => published(store, { hoard: image, tiny: tinyImage }),
    hooks: {
      onKernelCall: ({ name = '', result }) => {
        calls++;
        if (result === BigInt(-Errno.ENOMEM)) refusals.set(name, (refusals.get(name) ?? 0) + 1);
      },
      onSpuriousWrite: () => 'skip',
    },
  });
  const { usedBytes: first, maxBytes } = computer.statistics.hostMemory;
  const program = computer.start(image, { name: 'hoard', limitBytes: 64 * MIB });
  let mostBytes = 0;
  let longestStepMs = 0;
  for (let step = 0; step < steps && !program.end; step++) {
    const begin = process.cpuUsage();
    const outcome = computer.run(program, { maxTicks: 4_000_000, maxEffort: STEP_EFFORT });
    const { user, system } = process.cpuUsage(begin);
    longestStepMs = Math.max(longestStepMs, (user + system) / 1000);
    mostBytes = Math.max(mostBytes, computer.statistics.hostMemory.usedBytes);
    if (outcome.kind === 'waiting') break;
  }
  if (mostBytes > maxBytes * 1.1) throw new Error(`* ${mostBytes} bytes of host memory are charged, of ${maxBytes}`);
  const { kernel } = computer as unknown as { kernel: Kernel };
  for (const each of kernel.processes.live()) computer.kill(each, 0);
  for (const each of [...kernel.names.names()])
    if (!PROGRAMS.includes(each)) kernel.names.publish(each, undefined, 'anything');
  const { usedBytes: last } = computer.statistics.hostMemory;
  if (last !== first) throw new Error(`* ${last} bytes of host memory are charged in the end, ${first} at first`);
  return { refusals, calls, mostBytes, maxBytes, longestStepMs };
}

function published(store: VmoStore, images: Readonly<Record<string, Uint8Array>>): NameSpace {
  const names = new MemoryNames(store);
  for (const [name, bytes] of Object.entries(images)) {
    const vmo = store.fromBytes(bytes);
    names.publish(name, vmo, undefined);
    vmo.close();
  }
  return names;
}
