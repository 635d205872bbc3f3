/** Programs of ten threads that make random kernel-calls, and a machine that must outlive them. */
import { KernelError } from '../../src/kernel/errors.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { PENDING, type KernelCall } from '../../src/kernel/calls/call.js';
import { KERNEL_PAGE } from '../../src/kernel/program/kernel-page.js';
import type { Process } from '../../src/kernel/tasks/process.js';
import { writeStateOf } from '../../src/state/digest.js';
import { StateWriter } from '../../src/state/state-writer.js';
import { OutOfFramesError } from '../../src/vmo/errors.js';
import { PF_R, PF_W, PF_X, codeImage, makeImage } from '../kernel/images.js';
import { assemble } from './assemble.js';
import { KernelMachine } from './kernel-machine.js';
import { Random } from './random.js';

const PAGE = 4096;
const MIB = 2 ** 20;

/** Threads of a program, the first one included; each has a table of its own. */
const THREADS = 10;
const ROWS = 200;

/*
 * A row of a table, 128 bytes: what one call is made with.
 *
 *     00 number   08 arguments[6]   38 where the result is stored, as an offset from the start of the image
 *     40 u8[6]: 1 where the address of the image is added to the argument
 *     48 u8[6]: 1 where the result of the call before is
 */
export const ROW_BYTES = 128;
const TABLE_BYTES = ROWS * ROW_BYTES;

export const CODE_AT = 0;
export const DATA_AT = 0x1_0000;
const DATA_PAGES = 24;
const DATA_BYTES = DATA_PAGES * PAGE;
/** The pages from here to RESULT_PAGE may be mapped over; those behind it hold results. */
const FREE_PAGE = 5;
const RESULT_PAGE = 20;
export const TABLES_AT = 0x10_0000;

/** Where a first region has its image: what is in memory cannot be relocated. */
const FIRST_IMAGE = 0x1_0000_1000;

const ARGUMENT_REGISTERS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];

const loadArgument = (register: string, index: number): string => `
    mov ${register}, [rbx + ${8 + 8 * index}]
    movzx eax, byte ptr [rbx + ${0x40 + index}]
    imul rax, r15
    add ${register}, rax
    movzx eax, byte ptr [rbx + ${0x48 + index}]
    imul rax, r14
    add ${register}, rax`;

/**
 * Code that makes the calls of a table: the first thread comes with rdi = 0 and takes table 0, any other one the table of its
 * argument. At its end it does what `end` says; the label 2 is at the start.
 */
export const tableCode = (tableBytes: number, end: string): Uint8Array =>
  assemble(`
    lea r15, [rip - 7]
    xor r14d, r14d
  2:
    imul rbx, rdi, ${tableBytes}
    lea rbx, [rbx + r15 + ${TABLES_AT}]
    lea rbp, [rbx + ${tableBytes}]
    mov r12, rdi
  1: ${ARGUMENT_REGISTERS.map(loadArgument).join('')}
    mov rax, [rbx]
    vmcall
    mov r14, rax
    mov rcx, [rbx + 0x38]
    mov [r15 + rcx], rax
    add rbx, ${ROW_BYTES}
    cmp rbx, rbp
    jb 1b
    mov rdi, r12
    ${end}`);

const code = tableCode(TABLE_BYTES, 'mov eax, 9; xor edi, edi; vmcall');

/** Names that programs may find, or publish. */
const NAMES = [
  'fuzz',
  'tiny',
  'fuzz',
  'tiny',
  'a',
  'b',
  'a',
  'b',
  'dir/c',
  '',
  '..',
  'x'.repeat(63),
  'y'.repeat(64),
  'no such name',
];
const NAME_BYTES = 72;
/** What lies in the data, as offsets from the start of the image; words of random results may lie over it later. */
const PLACES = {
  names: DATA_AT,
  argv: DATA_AT + PAGE,
  handles: DATA_AT + 2 * PAGE,
  patches: DATA_AT + 3 * PAGE,
  words: DATA_AT + 4 * PAGE,
} as const;

/** How often a call is made; 10 for those that are not named. */
const WEIGHTS: Readonly<Record<string, number>> = {
  ...{ exit: 0.3, thread_exit: 2, process_kill: 0.7, process_wait: 10, thread_join: 8, wait_word: 4 },
  ...{ debug_last_writer: 40, debug_mode: 20 },
  ...{ start: 5, thread_spawn: 6, console_read: 4, vmo_map: 25, vmo_commit: 15, vmo_create: 15, vmo_delta: 15 },
};

export interface Argument {
  readonly value: bigint;
  readonly kind: 'plain' | 'relative' | 'last result';
}

export const plain = (value: bigint | number): Argument => ({
  value: BigInt.asUintN(64, BigInt(value)),
  kind: 'plain',
});
export const relative = (value: number): Argument => ({ value: BigInt(value), kind: 'relative' });
export const LAST_RESULT: Argument = { value: 0n, kind: 'last result' };

/** Draws rows. */
class CallMaker {
  private readonly calls: readonly KernelCall[];

  constructor(private readonly random: Random) {
    this.calls = KERNEL_CALLS.flatMap((call) =>
      new Array<KernelCall>(Math.ceil((WEIGHTS[call.name] ?? 10) * 10)).fill(call),
    );
  }

  /** The bytes of a row. */
  row(): Uint8Array {
    const { random } = this;
    if (random.chance(200))
      return row(
        random.edgy64(),
        ARGUMENT_REGISTERS.map(() => plain(random.edgy64())),
        this.place(),
      );
    const { number, name, parameters } = random.pick(this.calls);
    const args = parameters.map((parameter) => this.argument(name, parameter));
    while (args.length < 6) args.push(plain(random.edgy64()));
    return row(BigInt(number), args, this.place());
  }

  /** Where a result goes: seldom over what calls are given. */
  private place(): number {
    const { random } = this;
    const page = random.chance(30) ? random.below(DATA_PAGES) : RESULT_PAGE + random.below(DATA_PAGES - RESULT_PAGE);
    return DATA_AT + page * PAGE + 8 * random.below(512);
  }

  private argument(call: string, parameter: string): Argument {
    const { random } = this;
    if (random.chance(25)) return plain(random.edgy64());
    if (random.chance(25)) return LAST_RESULT;
    const make = ARGUMENTS[parameter];
    return make ? make(random, call) : plain(random.edgy64());
  }
}

export function row(number: bigint, args: readonly Argument[], place: number): Uint8Array {
  const bytes = new Uint8Array(ROW_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, number, true);
  args.forEach(({ value, kind }, index) => {
    view.setBigUint64(8 + 8 * index, value, true);
    bytes[0x40 + index] = kind === 'relative' ? 1 : 0;
    bytes[0x48 + index] = kind === 'last result' ? 1 : 0;
  });
  view.setBigUint64(0x38, BigInt(place), true);
  return bytes;
}

/** An address that a call may or may not like. */
function address(random: Random): Argument {
  switch (random.below(12)) {
    case 0:
      return relative(DATA_AT + DATA_BYTES - random.below(200));
    case 1:
      return relative(random.pick([CODE_AT, TABLES_AT]) + random.below(PAGE));
    case 2:
      return plain(
        random.pick([0n, 0xffff_ff00_0000_0000n, 0xffff_ff80_0000_0000n, 0xffff_ff00_0020_0000n, FIRST_HEAP]),
      );
    case 3:
      return anybodysHeader(random);
    case 4:
      return relative(DATA_AT + random.below(DATA_BYTES / PAGE) * PAGE - random.below(16));
    default:
      return relative(DATA_AT + FREE_PAGE * PAGE + 8 * random.below((DATA_BYTES - FREE_PAGE * PAGE) / 8));
  }
}

/** In the header page of this program or another one, its first words above all. */
function anybodysHeader(random: Random): Argument {
  return plain(0x1_0000_0000n + BigInt(8 * MIB * random.below(3) + 8 * random.below(random.pick([4, 512]))));
}

const FIRST_HEAP = 0x1_0030_0000n;
/** Where the stacks of further threads end in a first region of 8 MB, descending: below a main stack of a quarter of it. */
const FIRST_STACKS_END = 0x1_0060_0000n;

function pages(random: Random): Argument {
  if (random.chance(80)) return relative(CODE_AT + random.below(8) * PAGE);
  if (random.chance(6)) return plain(FIRST_HEAP + BigInt(random.below(64) * PAGE));
  if (random.chance(6)) return plain(0xffff_ff00_0020_0000n + BigInt(random.below(64) * PAGE));
  if (random.chance(4)) return plain(FIRST_STACKS_END - BigInt((1 + random.below(48)) * PAGE));
  return random.chance(4)
    ? plain(0)
    : relative(DATA_AT + (FREE_PAGE + random.below(RESULT_PAGE - FREE_PAGE - 3)) * PAGE);
}

function length(random: Random): Argument {
  if (random.chance(3)) return plain(random.below(8) * PAGE);
  return plain(random.pick([random.below(64), random.below(3 * PAGE), random.below(MIB)]));
}

const count = (random: Random): Argument => plain(random.below(12));
const time = (random: Random): Argument => plain(random.chance(8) ? 2n ** 64n - 1n : BigInt(random.below(400_000)));
const handle = (random: Random): Argument => plain(random.chance(20) ? -1 : random.below(random.pick([3, 14])));
const before = (random: Random): Argument => (random.chance(3) ? handle(random) : plain(-1 - random.below(2)));
const inPages = (calls: RegExp) => (random: Random, call: string) =>
  calls.test(call) ? pages(random) : address(random);
const place = (offset: number, size: number) => (random: Random) =>
  relative(offset + size * random.below(NAMES.length));

/** How arguments are drawn, by the name of the parameter. */
const ARGUMENTS: Readonly<Record<string, (random: Random, call: string) => Argument>> = {
  name: place(PLACES.names, NAME_BYTES),
  argv: (random) => (random.chance(2) ? plain(0) : place(PLACES.argv, 32)(random)),
  handles: place(PLACES.handles, 64),
  patches: place(PLACES.patches, 72),
  ...{
    buffer: address,
    info: address,
    pids: address,
    names: address,
    id: (random) => relative(PLACES.words + 256 + 32 * random.below(4)),
    writer: address,
  },
  address: (random, call) => {
    if (call === 'debug_last_writer' && !random.chance(4)) return anybodysHeader(random);
    if (/word/.test(call)) return relative(PLACES.words + 4 * random.below(6));
    return inPages(/vmo_map|vmo_unmap|vmo_commit/)(random, call);
  },
  n: (random, call) => {
    if (/list|wake/.test(call)) return count(random);
    return /map|commit/.test(call) && !random.chance(30) ? plain(PAGE * random.below(4)) : length(random);
  },
  count,
  ...{ deadline: time, ns: time },
  ...{ handle, expected: (random, call) => (/word/.test(call) ? plain(random.below(3)) : before(random)) },
  ...{ pid: processNumber, host_pid: (random) => (random.chance(2) ? plain(0) : processNumber(random)) },
  tid: (random) => plain(random.chance(4) ? 0 : 1 + random.below(30)),
  entry: (random) => (random.chance(20) ? address(random) : relative(CODE_AT)),
  argument: (random) => plain(random.below(THREADS)),
  stack_size: (random) => plain(PAGE * random.below(20)),
  flags: (random) => plain(random.below(random.pick([2, 4]))),
  limit: (random) => plain(random.chance(4) ? random.below(2 * MIB) : 8 * MIB),
  protection: (random) => plain(random.below(8)),
  offset: (random) => plain(random.chance(3) ? random.below(3 * PAGE) : PAGE * random.below(random.pick([1, 6]))),
  on: (random) => plain(random.chance(4) ? 0 : 1),
  align: (random) => plain(1n << BigInt(random.below(14))),
  size: (random) => plain(random.below(3 * PAGE)),
  mode: (random) => plain(random.below(3)),
  cursor: count,
};

function processNumber(random: Random): Argument {
  if (random.chance(3)) return plain(0);
  return plain((BigInt(random.below(random.pick([1, 3]))) << 32n) + BigInt(1 + random.below(4)));
}

/** The image of a program of ten threads that make random calls; it starts others by the names fuzz and tiny. */
export function fuzzImage(random: Random): Uint8Array {
  const maker = new CallMaker(random);
  const tables = new Uint8Array(THREADS * TABLE_BYTES);
  for (let at = 0; at < tables.length; at += ROW_BYTES) tables.set(maker.row(), at);
  for (let thread = 1; thread < THREADS; thread++) {
    const spawn = [relative(CODE_AT), plain(thread), plain(16 * 1024), plain(0), plain(0), plain(0)];
    tables.set(row(8n, spawn, DATA_AT + DATA_BYTES - 8), (thread - 1) * ROW_BYTES);
  }
  return makeImage({
    entry: CODE_AT,
    loads: [
      { address: CODE_AT, bytes: code, flags: PF_R | PF_X },
      { address: DATA_AT, bytes: dataBytes(random), memorySize: DATA_BYTES, flags: PF_R | PF_W },
      { address: TABLES_AT, bytes: tables, flags: PF_R },
    ],
  });
}

/** Names, arrays of their addresses, of handles and of patches, and a few words. */
function dataBytes(random: Random): Uint8Array {
  const bytes = new Uint8Array(5 * PAGE);
  const view = new DataView(bytes.buffer);
  const word = (offset: number, value: number): void => view.setBigUint64(offset - DATA_AT, BigInt(value), true);
  NAMES.forEach((name, index) => {
    bytes.set(new TextEncoder().encode(name), PLACES.names - DATA_AT + index * NAME_BYTES);
    for (let i = 0; i < random.below(4); i++)
      word(PLACES.argv + 32 * index + 8 * i, FIRST_IMAGE + PLACES.names + NAME_BYTES * random.below(NAMES.length));
    for (let i = 0; i < 8; i++) word(PLACES.handles + 64 * index + 8 * i, random.below(6));
    for (let i = 0; i < 3; i++) {
      const patch = PLACES.patches + 72 * index + 24 * i;
      word(patch, random.below(2 * PAGE));
      word(patch + 8, FIRST_IMAGE + DATA_AT + random.below(DATA_BYTES));
      word(patch + 16, random.below(300));
    }
  });
  return bytes;
}

/** The image of a program that ends with 3. */
export const tinyImage = codeImage(assemble('mov edi, 3; xor eax, eax; vmcall'));

/** What a run has done. */
export interface FuzzResult {
  /** Calls that were answered, by name; undefined for those that there are not. */
  readonly calls: ReadonlyMap<string | undefined, number>;
  /** Those of them that answered no error. */
  readonly successes: ReadonlyMap<string | undefined, number>;
  /** Why processes ended that did not end themselves, as trap reports tell. */
  readonly traps: ReadonlyMap<string, number>;
  readonly programs: number;
  readonly checks: number;
}

/** Calls that one program may take until it is ended from outside. */
const STEPS_IN_PROGRAM = 400;

/** Makes `callCount` random calls in a machine of so many frames. Throws where the kernel does, or an invariant is broken. */
export function fuzzCalls(seed: number, frames: number, callCount: number): FuzzResult {
  const random = new Random(seed);
  const calls = new Map<string | undefined, number>();
  const successes = new Map<string | undefined, number>();
  const count = <K>(map: Map<K, number>, name: K): unknown => map.set(name, (map.get(name) ?? 0) + 1);
  const traps = new Map<string, number>();
  let made = 0;
  const machine = new KernelMachine({
    frames,
    writeBackBytes: random.pick([0, 64 * PAGE, MIB]),
    console: {
      write: () => {},
      read: (max) => random.pick([undefined, 'end', new Uint8Array(Math.min(max, random.below(300) + 1)).fill(65)]),
    },
    hooks: {
      onKernelCall: ({ name, result }) => {
        if (result === PENDING) return;
        made++;
        count(calls, name);
        if (typeof result !== 'bigint' || BigInt.asIntN(64, result) >= 0n || result < -4095n) count(successes, name);
      },
      onTrap: ({ cause, vector }) => count(traps, `${cause} ${vector ?? 0}`),
      onSpuriousWrite: () => random.pick(['allow', 'skip', 'kill']),
    },
  });
  const before = machine.store.counters;
  const chargedBefore = machine.kernel.hostMemory.usedBytes;
  let programs = 0;
  let checks = 0;
  while (made < callCount) {
    const image = fuzzImage(random);
    machine.publish('fuzz', image);
    machine.publish('tiny', tinyImage);
    machine.start(image, { name: 'fuzz', limitBytes: 8 * MIB });
    programs++;
    for (let step = 0; step < STEPS_IN_PROGRAM && made < callCount; step++) {
      if (!runSome(machine, random)) break;
      meddle(machine, random);
      machine.check();
      checks++;
    }
    machine.clear();
    machine.check();
    const { inUse, idle } = machine.pool.counters;
    // The root of the page table, and, where a thread has been there, the kernel page with the three tables above it.
    const left = inUse - idle;
    if (left !== 1 && left !== 5) throw new Error(`* ${left} frames are in use when no process is`);
    const charged = machine.kernel.hostMemory.usedBytes;
    if (charged !== chargedBefore)
      throw new Error(`* ${charged} bytes of host memory are charged when no process is, ${chargedBefore} at first`);
    const { pagesStored, published } = machine.store.counters;
    if (pagesStored !== before.pagesStored || published !== before.published)
      throw new Error(
        `* ${pagesStored} pages and ${published} identities are kept when no process is, ${before.pagesStored} and ${before.published} at first`,
      );
  }
  return { calls, successes, traps, programs, checks };
}

/** Runs the machine for some ticks. False where nobody is left. */
function runSome(machine: KernelMachine, random: Random): boolean {
  const { kernel } = machine;
  const event = kernel.run(1 + random.below(random.pick([10, 500, 6000])));
  if (event.kind === 'idle') return false;
  if (event.kind === 'ticks') kernel.services.yieldTurn();
  if (event.kind === 'waiting' && event.until === Infinity && !event.forInput) {
    const process: Process = random.pick(kernel.processes.live());
    kernel.exits.end(process, 0);
    kernel.finishEndings();
  }
  return kernel.processes.live().length > 0;
}

/** What a host may do between two instructions. */
function meddle(machine: KernelMachine, random: Random): void {
  const { kernel, space } = machine;
  try {
    if (random.chance(20)) writeStateOf(kernel, new StateWriter());
    const region = random.pick(space.regions);
    // It is there from the first to the last.
    if (region.start === KERNEL_PAGE) return;
    const start = region.start + PAGE * random.below(Math.min(300, region.size / PAGE));
    if (random.chance(20)) kernel.services.commit(start, PAGE * (1 + random.below(20))).close();
    if (random.chance(20)) kernel.memory.poke(start + random.below(PAGE), new Uint8Array(random.below(PAGE)));
    if (random.chance(10)) kernel.memory.peek(start, random.below(10 * PAGE));
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof OutOfFramesError)) throw error;
  }
}
