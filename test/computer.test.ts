/** Whole machines: guest programs from the first instruction to the exit code, traps, shortage, and several processes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 as portableSha256 } from '@noble/hashes/sha2.js';
import t from 'tap';
import {
  Computer,
  describeTrap,
  type ComputerOptions,
  type Outcome,
  type Process,
  type TrapReport,
} from '../src/index.js';
import { sha256 } from '../src/host/sha256.js';
import { compileGuest } from '../src/host/toolchain/guest-compiler.js';
import { RAX, RSP } from '../src/cpu/state/layout.js';
import { MXCSR_DEFAULT } from '../src/cpu/evaluator/float/mxcsr.js';
import { assemble } from './support/assemble.js';
import fc from './support/fast-check.js';
import { Random } from './support/random.js';
import { machineDifferences, sameMachines } from './support/same-machines.js';
import { ALL_ENGINES } from './support/side-by-side.js';
import { seedOf, volume } from './support/volume.js';
import { ET_EXEC, PF_R, PF_W, PF_X, PT_TLS, codeImage, guestImages, makeImage } from './kernel/images.js';

const PAGE = 4096;
const MB = 2 ** 20;
const GB = 2 ** 30;

/** A machine with its console in memory. */
class Machine {
  output = '';
  readonly computer: Computer;

  constructor(options: ComputerOptions = {}, input = '') {
    const left = [...new TextEncoder().encode(input)];
    this.computer = new Computer({
      memoryBytes: 16 * MB,
      sha256,
      console: {
        write: (bytes) => (this.output += Buffer.from(bytes).toString('latin1')),
        read: (max) => (left.length > 0 ? Uint8Array.from(left.splice(0, Math.min(max, 7))) : 'end'),
      },
      ...options,
    });
  }

  /** Frames that are not free and not a cache. */
  framesInUse(): number {
    const { inUse, idle } = this.computer.statistics.frames;
    return inUse - idle;
  }
}

/** Runs a program of machine code. */
function runCode(
  code: readonly number[],
  options: ComputerOptions = {},
): { outcome: Outcome; machine: Machine; process: Process } {
  const machine = new Machine({ engine: 'evaluator', ...options });
  const process = machine.computer.start(codeImage(code), { name: 'code', limitBytes: MB });
  return { outcome: machine.computer.run(process, { maxTicks: 100_000 }), machine, process };
}

function reportOf(outcome: Outcome): TrapReport {
  if (outcome.kind !== 'trapped') throw new Error(`the program ended as ${outcome.kind}`);
  return outcome.report;
}

const images = await guestImages();

function image(name: string): Uint8Array {
  return images.get(name)!.bytes;
}

t.test('guest programs run to their end, on each engine', (t) => {
  const programs: [name: string, argv: string[], input: string, output: string][] = [
    ['hello_world', [], '', 'Hello, world\n'],
    ['echo', ['one', '', 'three  four'], '', 'one  three  four\n'],
    ['cat', [], 'some\0input, in parts', 'some\0input, in parts'],
    ['fib', ['10'], '', 'fib(10) = 55\n'],
    ['sieve', ['100'], '', '25 primes below 100, the last 97, their sum 1060\n'],
  ];
  for (const [engine, options] of Object.entries(ALL_ENGINES))
    for (const [name, argv, input, output] of programs) {
      const machine = new Machine(options, input);
      const process = machine.computer.start(image(name), { name, limitBytes: GB, argv: [name, ...argv] });
      t.match(machine.computer.run(process), { kind: 'exited', exitCode: 0 }, `${name} on the ${engine}`);
      t.equal(machine.output, output);
      t.equal(machine.framesInUse(), 1, 'all that is left is the root of the page table');
    }
  t.end();
});

t.test('images at fixed addresses and thread-local storage work as compilers lay them out', async (t) => {
  const directory = t.testdir({
    'local.c': `#include <stdio.h>
      static _Thread_local int set = 5, zero;
      static _Thread_local __attribute__((aligned(64))) char text[100] = "local";
      int *volatile pointers[] = {0, &(int){7}};
      int main(void) {
        printf("%d %d %s %d %d\\n", ++set, zero, text, (int)((unsigned long)text % 64), *pointers[1]);
        return 7;
      }`,
  });
  for (const [name, compilerOptions] of [
    ['moved', []],
    ['packed', ['-Wl,-z,pack-relative-relocs']],
    ['fixed', ['-no-pie', '-Wl,-Ttext-segment=0x400000']],
  ] as const) {
    const output = join(directory, name);
    await compileGuest({ sources: [join(directory, 'local.c')], output, compilerOptions });
    const machine = new Machine();
    const process = machine.computer.start(new Uint8Array(readFileSync(output)), { name, limitBytes: GB });
    t.match(machine.computer.run(process), { kind: 'exited', exitCode: 7 }, name);
    t.equal(machine.output, '6 0 local 0 7\n');
  }
});

t.test('a run is the same in one go and in pieces, and on each engine', (t) => {
  // Two processes, so that slices end in the middle of things.
  const start = (options: ComputerOptions): { machine: Machine; processes: Process[] } => {
    const machine = new Machine({ ...options, memoryBytes: 4 * MB });
    const processes = ['250', '200'].map((count) =>
      machine.computer.start(image('qsort'), { name: 'qsort', limitBytes: GB, argv: ['qsort', count] }),
    );
    return { machine, processes };
  };
  const state = ({ machine: { output, computer } }: { machine: Machine }): unknown => ({
    output,
    statistics: {
      ...computer.statistics,
      translation: undefined,
      tlbDrops: undefined,
      decoded: undefined,
      evaluated: undefined,
    },
    registers: Array.from({ length: 16 }, (_, register) => computer.registers.gpr(register)),
    hash: computer.machineHash(),
  });
  const whole = start({ engine: 'interpreter' });
  for (const process of whole.processes) whole.machine.computer.run(process);
  t.ok(whole.machine.computer.ticks > 100_000, 'more than a slice');
  const anyPieces = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(ALL_ENGINES)), anyPieces, (options, pieces) => {
      const { machine, processes } = start(options);
      for (const process of processes)
        for (let i = 0; !process.end; i++) machine.computer.run(process, { maxTicks: pieces[i % pieces.length]! });
      sameMachines(t, machine.computer, whole.machine.computer);
      t.same(state({ machine }), state(whole));
    }),
    { numRuns: 4 },
  );
  t.end();
});

t.test('the machine hash tells machines apart by whatever decides what they do next, and by nothing else', (t) => {
  const stopped = (options: ComputerOptions = {}, ticks = 500): Computer => {
    const { computer } = new Machine({ memoryBytes: MB, ...options }, 'some input');
    const process = computer.start(image('cat'), { name: 'cat', limitBytes: 8 * MB });
    computer.run(process, { maxTicks: ticks });
    return computer;
  };
  const expected = stopped().machineHash();
  t.match(expected, /^[0-9a-f]{64}$/);
  for (const [name, options] of Object.entries(ALL_ENGINES)) sameMachines(t, stopped(options), stopped(), name);
  t.equal(stopped({ sha256: portableSha256 }).machineHash(), expected, 'whoever brings SHA-256');
  const asked = stopped();
  t.equal(asked.machineHash(), asked.machineHash(), 'asking changes nothing');

  const changes: Record<string, (computer: Computer) => unknown> = {
    'a register': ({ registers }) => registers.setGpr(RAX, registers.gpr(RAX) ^ 1n),
    rip: ({ registers }) => (registers.rip += 1n),
    'a status flag': ({ registers }) => (registers.rflags ^= 1n),
    'a system flag': ({ registers }) => (registers.rflags ^= 1n << 10n),
    mxcsr: ({ registers }) => (registers.mxcsr = MXCSR_DEFAULT ^ 1),
    'a vector register': ({ registers }) => registers.setXmm(15, 1n << 127n),
    'a segment base': ({ registers }) => registers.setSegmentBase(5, 1n),
    'the x87 area': ({ registers }) => registers.setX87Part(8, 100, registers.x87Part(8, 100) ^ 1n),
    'a byte of memory': (computer) => {
      const at = computer.registers.gpr(RSP);
      computer.writeMemory(at, Uint8Array.of(computer.readMemory(at, 1)[0]! ^ 1));
    },
    'another process': (computer) => computer.start(image('cat'), { name: 'cat', limitBytes: 8 * MB }),
  };
  const seen = new Map([[expected, 'nothing']]);
  for (const [what, change] of Object.entries(changes)) {
    const computer = stopped();
    computer.machineHash();
    change(computer);
    const hash = computer.machineHash();
    t.equal(seen.get(hash), undefined, what);
    t.ok(machineDifferences(stopped(), computer)[0]?.includes(' → '), `${what} is told in words`);
    seen.set(hash, what);
  }
  const settled = stopped();
  const { rflags } = settled.registers;
  settled.registers.rflags = rflags;
  t.equal(settled.machineHash(), expected, 'how the status flags are held makes no difference');
  const ticks = [0, 1, 2, 499, 501, 100_000].map((ticks) => stopped({}, ticks).machineHash());
  t.equal(new Set([...ticks, expected]).size, ticks.length + 1, 'time');
  t.end();
});

t.test('32 gigabytes are touched at the cost of 32 frames', (t) => {
  const machine = new Machine();
  const process = machine.computer.start(image('sparse'), { name: 'sparse', limitBytes: 32 * GB });
  let highest = 0;
  while (!process.end) {
    machine.computer.run(process, { maxTicks: 100 });
    const { private: privates, clean } = machine.computer.statistics.frames;
    highest = Math.max(highest, privates + clean);
  }
  t.match(machine.output, /^one byte in each of 32 gigabytes: 0 were not zero/);
  t.ok(highest <= 32 + 40, `${highest} frames besides page tables`);
  t.end();
});

t.test('processes that run the same image share its pages', (t) => {
  const machine = new Machine();
  const { computer } = machine;
  const start = (): Process => computer.start(image('fib'), { name: 'fib', limitBytes: GB, argv: ['fib', '25'] });
  const first = start();
  computer.run(first, { maxTicks: 5000 });
  const before = computer.statistics.frames;
  const second = start();
  while (computer.statistics.switches < 2) computer.run(second, { maxTicks: 5000 });
  computer.run(second, { maxTicks: 5000 });
  const after = computer.statistics.frames;
  t.equal(after.hits - before.hits, before.clean - 1, 'each page of code, and of constants, is found by content');
  t.equal(after.clean - before.clean, 1, 'the page of data with pointers in it is another one');
  t.equal(second.start, first.start + BigInt(GB));
  computer.run(first);
  computer.run(second);
  t.equal(machine.output, 'fib(25) = 75025\nfib(25) = 75025\n');
  t.equal(machine.framesInUse(), 1);
  t.end();
});

t.test('code that writes to its own page runs in a frame of its own from then on, and nobody else notices', (t) => {
  const code = assemble(`
         mov ebx, 2
      1: mov ecx, 20000
      2: add eax, 1
         dec ecx
         jnz 2b
         inc byte ptr [rip + 2b + 2]
         dec ebx
         jnz 1b
         mov edi, eax
         shr edi, 8
         xor eax, eax
         vmcall`);
  const image = makeImage({ entry: 0, loads: [{ address: 0, bytes: code, flags: PF_R | PF_W | PF_X }] });
  const hashes = Object.values(ALL_ENGINES).map((options) => {
    const { computer } = new Machine({ memoryBytes: MB, ...options });
    const start = (): Process => computer.start(image, { name: 'self', limitBytes: MB });
    const seen: string[] = [];
    const run = (process: Process): void => {
      let outcome = computer.run(process, { maxTicks: 15_000 });
      for (; outcome.kind === 'limit'; outcome = computer.run(process, { maxTicks: 15_000 }))
        seen.push(computer.machineHash());
      t.match(outcome, { kind: 'exited', exitCode: (60_000 >> 8) & 255 });
    };
    const both = [start(), start()];
    both.forEach(run);
    // From the frame that the image's bytes were in before anybody wrote to them.
    run(start());
    return seen;
  });
  t.ok(hashes[0]!.length > 20, `${hashes[0]!.length} stops`);
  for (const [i, name] of Object.keys(ALL_ENGINES).entries()) t.same(hashes[i], hashes[0], name);
  t.end();
});

t.test('a trap is reported, and ends the process with the number of Linux’s signal', (t) => {
  const cases: [what: string, code: number[], exitCode: number, vector: number][] = [
    ['div by zero', [0x31, 0xd2, 0x31, 0xc9, 0xf7, 0xf1], 128 + 8, 0],
    ['int1', [0xf1], 128 + 5, 1],
    ['int3', [0xcc], 128 + 5, 3],
    ['ud2', [0x0f, 0x0b], 128 + 4, 6],
    ['hlt', [0xf4], 128 + 11, 13],
    ['rdmsr', [0x0f, 0x32], 128 + 11, 13],
    ['mov to cr3', [0x0f, 0x22, 0xd8], 128 + 11, 13],
    ['load of 0', [0x8b, 0x04, 0x25, 0, 0, 0, 0], 128 + 11, 14],
  ];
  for (const [what, code, exitCode, vector] of cases) {
    const { outcome, machine } = runCode(code);
    t.match(outcome, { kind: 'trapped', exitCode, report: { vector, cause: 'exception', name: 'code', tid: 1 } }, what);
    t.equal(machine.framesInUse(), 1, 'its memory is given back');
  }
  t.end();
});

t.test('a page fault that cannot be resolved tells what lies there', (t) => {
  // mov byte [rip], 1: the page of code is read-only.
  const store = reportOf(runCode([0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 0x01]).outcome);
  t.match(store, { errorCode: 7, rip: 0x1_0000_1000n, refused: { access: 'write' } });
  t.same([...store.code.subarray(0, 7)], [0xc6, 0x05, 0xf9, 0xff, 0xff, 0xff, 0x01]);
  t.match(store.refused!.surroundings, {
    name: 'code',
    start: 2 ** 32,
    size: MB,
    mapping: { protection: 5, vmo: { offset: 0 } },
  });
  t.match(
    describeTrap(store).join('\n'),
    /#PF, error code 0x7\n.*c6 05 f9.*\nwrite of 0x0000000100001000\nimage of process 1 \(code\), r-x$/,
  );

  // jmp rsp: the stack is not executable.
  const jump = reportOf(runCode([0xff, 0xe4]).outcome);
  t.match(jump.refused, { access: 'execute', surroundings: { mapping: { protection: 3, vmo: undefined } } });
  t.match(
    describeTrap(jump).join('\n'),
    /\nstack of thread 1 of process 1 \(code\), 0x[0-9a-f]+ bytes below its top, rw-$/,
  );

  // mov eax, [rsp + 1 MiB]: behind the region.
  const beyond = reportOf(runCode([0x8b, 0x84, 0x24, 0, 0, 0x10, 0]).outcome);
  t.match(beyond.refused, { access: 'read', surroundings: undefined });

  // mov rax, FFFF_FFFF_FFFF_FFF8h; mov ebx, [rax]; mov [rax], al: the entry by which threads see the page tables.
  const tables = [0x48, 0xb8, 0xf8, ...Array<number>(7).fill(0xff), 0x8b, 0x18, 0x88, 0x00];
  const window = reportOf(runCode(tables).outcome);
  t.match(window, { rip: 0x1_0000_100cn, errorCode: 7, refused: { access: 'write', surroundings: undefined } });
  t.end();
});

t.test('a thread that needs more memory than there is is killed, and the machine goes on', (t) => {
  const machine = new Machine({ memoryBytes: 2 * MB, writeBackBytes: 0 });
  const { computer } = machine;
  const greedy = computer.start(image('deepstack'), { name: 'deepstack', limitBytes: GB, argv: ['deepstack', '4'] });
  const outcome = computer.run(greedy);
  t.match(outcome, {
    kind: 'trapped',
    exitCode: 137,
    report: { cause: 'out of memory' },
  });
  t.match(describeTrap(reportOf(outcome))[0], /out of memory/);
  t.equal(machine.framesInUse(), 1);
  const modest = computer.start(image('fib'), { name: 'fib', limitBytes: GB, argv: ['fib', '5'] });
  t.match(computer.run(modest), { kind: 'exited', exitCode: 0 });
  t.throws(
    () =>
      new Machine({ memoryBytes: 65536, writeBackBytes: 0 }).computer.start(image('fib'), {
        name: 'fib',
        limitBytes: GB,
        argv: ['x'.repeat(60_000)],
      }),
    {
      name: 'KernelError',
      errno: 12,
    },
  );
  t.end();
});

t.test('an image larger than memory runs in the frames that there are', (t) => {
  // 1 MiB of data, all pages different; the code sums one word of each page, twice.
  const pages = 256;
  const data = new Uint8Array(pages * PAGE);
  const view = new DataView(data.buffer);
  for (let page = 0; page < pages; page++) view.setUint32(page * PAGE, page * 2654435761, true);
  const code = [
    ...[0x31, 0xc0], // xor eax, eax
    ...[0xb9, 2, 0, 0, 0], // mov ecx, 2
    ...[0x48, 0x8d, 0x15, 0xf2, 0x0f, 0, 0], // lea rdx, [rip + data]
    ...[0xbb, 0, 1, 0, 0], // mov ebx, 256
    ...[0x03, 0x02], // add eax, [rdx]
    ...[0x48, 0x81, 0xc2, 0, 0x10, 0, 0], // add rdx, 4096
    ...[0xff, 0xcb], // dec ebx
    ...[0x75, 0xf3], // jnz -13
    ...[0xff, 0xc9], // dec ecx
    ...[0x75, 0xe3], // jnz -29
    ...[0x0f, 0x0b], // ud2
  ];
  const loads = [
    { address: 0, bytes: Uint8Array.from(code), flags: PF_R | PF_X },
    { address: PAGE, bytes: data, flags: PF_R },
  ];
  for (const options of Object.values(ALL_ENGINES)) {
    const machine = new Machine({ memoryBytes: 128 * 1024, ...options });
    const process = machine.computer.start(makeImage({ entry: 0, loads }), { name: 'sum', limitBytes: 4 * MB });
    const outcome = machine.computer.run(process, { maxTicks: 100_000 });
    t.match(outcome, { kind: 'trapped', report: { vector: 6 } });
    let sum = 0;
    for (let page = 0; page < pages; page++) sum = (sum + 2 * view.getUint32(page * PAGE, true)) >>> 0;
    t.equal(machine.computer.registers.gpr(RAX), BigInt(sum));
    t.ok(machine.computer.statistics.frames.evictions >= 2 * pages - 40);
  }
  t.end();
});

t.test('the first instruction finds what the System V ABI says', (t) => {
  const template = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const loads = [
    { address: 0x40_0000, bytes: Uint8Array.of(0xf4), flags: PF_R | PF_X },
    { address: 0x40_1000, bytes: template, flags: PF_R | PF_W },
  ];
  const bytes = makeImage({
    type: ET_EXEC,
    entry: 0x40_0000,
    loads,
    headers: (fileOffset) => [
      { type: PT_TLS, offset: fileOffset(0x40_1000), address: 0x40_1000, fileSize: 8, memorySize: 20, alignment: 32 },
    ],
  });
  const { computer } = new Machine();
  const process = computer.start(bytes, { name: 'fixed', limitBytes: MB, argv: ['fixed', 'ä', ''] });
  const { registers } = computer;
  const word = (address: bigint): bigint => Buffer.from(computer.readMemory(address, 8)).readBigUInt64LE();
  const text = (address: bigint): string => Buffer.from(computer.readMemory(address, 16)).toString().split('\0')[0]!;
  const rsp = registers.gpr(RSP);
  t.equal(process.entry, 0x40_0000n);
  t.equal(registers.rip, process.entry);
  t.equal(rsp % 16n, 0n);
  t.equal(word(rsp), 3n, 'argc');
  t.same(
    [1n, 2n, 3n].map((i) => text(word(rsp + i * 8n))),
    ['fixed', 'ä', ''],
  );
  t.same(
    [4n, 5n].map((i) => word(rsp + i * 8n)),
    [0n, 0n],
    'the ends of argv and of the environment',
  );
  const vector = new Map<bigint, bigint>();
  for (let at = rsp + 48n; word(at) !== 0n; at += 16n) vector.set(word(at), word(at + 8n));
  t.same(
    [...vector],
    [
      [6n, 4096n],
      [7n, 0n],
      [9n, 0x40_0000n],
    ],
    'AT_PAGESZ, AT_BASE, AT_ENTRY',
  );
  t.equal(registers.rflags, 0x202n);
  t.equal(registers.mxcsr, 0x1f80);
  t.equal(Buffer.from(registers.x87).readUInt16LE(0), 0x37f);
  t.same(
    [1, 2].map((segment) => registers.selector(segment)),
    [0x33, 0x2b],
  );
  t.same(
    [0, 1, 2, 3, 5, 6, 7, 15].map((register) => registers.gpr(register)),
    Array(8).fill(0n),
  );
  const threadPointer = registers.segmentBase(4);
  t.equal(threadPointer % 32n, 0n);
  t.equal(word(threadPointer), threadPointer, 'fs:0 points to itself');
  t.same([...computer.readMemory(threadPointer - 32n, 9)], [...template, 0], 'the block ends at the thread pointer');
  t.throws(() => computer.start(bytes, { name: 'again', limitBytes: MB }), { errno: 28, message: /one at a time/ });
  computer.kill(process, 1);
  t.equal(computer.start(bytes, { name: 'again', limitBytes: MB }).start, process.start);
  t.end();
});

t.test('the program headers of a guest image are where the auxiliary vector says', (t) => {
  const { computer } = new Machine();
  const process = computer.start(image('heap'), { name: 'heap', limitBytes: GB });
  const word = (address: bigint): bigint => Buffer.from(computer.readMemory(address, 8)).readBigUInt64LE();
  const vector = new Map<bigint, bigint>();
  for (let at = computer.registers.gpr(RSP) + 32n; word(at) !== 0n; at += 16n) vector.set(word(at), word(at + 8n));
  const base = process.start + 4096n;
  t.equal(vector.get(7n), base, 'AT_BASE');
  t.equal(vector.get(3n), base + 64n, 'AT_PHDR');
  t.equal(vector.get(4n), 56n, 'AT_PHENT');
  const headers = Number(vector.get(5n));
  t.same(computer.readMemory(base + 64n, headers * 56), image('heap').subarray(64, 64 + headers * 56));
  t.end();
});

t.test('what cannot be started is refused, and nothing is left of it', (t) => {
  const machine = new Machine();
  const { computer } = machine;
  const bytes = image('fib');
  const before = computer.statistics;
  const cases: [options: { name?: string; limitBytes?: number; argv?: string[] }, errno: number, message: RegExp][] = [
    [{ name: '' }, 22, /0 bytes, not 1 to 63/],
    [{ name: 'ä'.repeat(32) }, 22, /64 bytes/],
    [{ name: 'a\0b' }, 22, /zero byte/],
    [{ argv: ['a\0'] }, 22, /zero byte/],
    [{ limitBytes: 0 }, 22, /limit of 0/],
    [{ limitBytes: 1.5 }, 22, /limit of 1.5/],
    [{ limitBytes: PAGE }, 22, /region of 4096/],
    [{ limitBytes: 8 * PAGE }, 8, /the image takes/],
    [{ limitBytes: 2 ** 47 }, 28, /140737488355328 bytes/],
    [{ limitBytes: MB, argv: ['x'.repeat(MB / 4)] }, 22, /exceed the main stack/],
  ];
  for (const [options, errno, message] of cases)
    t.throws(
      () => computer.start(bytes, { name: 'fib', limitBytes: GB, ...options }),
      { errno, message },
      `${message}`,
    );
  t.throws(() => computer.start(new Uint8Array(100), { name: 'x', limitBytes: GB }), { name: 'ElfError', errno: 8 });
  t.equal(computer.statistics.frames.inUse, before.frames.inUse);
  t.equal(computer.statistics.vmos.pagesStored, before.vmos.pagesStored);
  t.equal(computer.start(bytes, { name: 'fib', limitBytes: GB }).pid, 1);
  t.end();
});

t.test('hooks are told of kernel-calls, faults and traps', (t) => {
  const calls: string[] = [];
  const faults: string[] = [];
  const traps: number[] = [];
  const hooks = {
    onKernelCall: ({ name, result }: { name: string | undefined; result: unknown }) => calls.push(`${name} ${result}`),
    onFault: ({ access, outcome }: { access: string; outcome: string }) => faults.push(`${access} ${outcome}`),
    onTrap: ({ vector }: TrapReport) => traps.push(vector!),
  };
  runCode([0xb8, 18, 0, 0, 0, 0x0f, 0x01, 0xc1, 0x50, 0xa2, 0, 0, 0, 0, 0, 0, 0, 0], { hooks });
  t.same(calls, ['clock 3'], 'a fault and two instructions');
  t.same(faults, ['execute resolved', 'write not mapped'], 'the stack is there already');
  t.same(traps, [14]);
  t.end();
});

t.test('memory is looked at without the machine noticing', (t) => {
  const { computer } = new Machine();
  const process = computer.start(image('heap'), { name: 'heap', limitBytes: GB });
  const before = computer.statistics.frames;
  const base = process.start + 4096n;
  t.same(computer.readMemory(base, 4096), image('heap').subarray(0, 4096));
  t.equal(computer.readMemory(process.start + BigInt(GB) - 10n, 100).length, 10, 'up to the end of what is mapped');
  t.equal(computer.readMemory(0n, 1).length, 0);
  t.equal(computer.readMemory(1n << 47n, 1).length, 0);
  t.same(computer.statistics.frames, before);
  t.equal(computer.writeMemory(base, Uint8Array.of(0)), 1);
  t.equal(computer.readMemory(base, 1)[0], 0);
  t.end();
});

t.test('whatever bytes run, the machine stands', (t) => {
  const machine = new Machine({ memoryBytes: 2 * MB });
  const { computer } = machine;
  const pagesAtStart = computer.statistics.vmos.pagesStored;
  const kinds = new Map<string, number>();
  const good = image('qsort');
  const count = volume(500, 2500);
  const first = seedOf(0) * count;
  for (let seed = first; seed < first + count; seed++) {
    const random = new Random(seed);
    const bytes = good.slice();
    for (let changes = 1 + random.below(40); changes > 0; changes--)
      bytes[random.chance(3) ? random.below(1024) : 0x2000 + random.below(0x4000)] = random.next(); // its code
    let kind: string;
    try {
      const process = computer.start(bytes, { name: 'mutant', limitBytes: random.pick([MB, GB]) });
      kind = computer.run(process, { maxTicks: 3000 }).kind;
      computer.kill(process, 0);
    } catch (error) {
      if ((error as { errno?: number }).errno === undefined) throw new Error(`seed ${seed}`, { cause: error });
      kind = 'refused';
    }
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (machine.framesInUse() !== 1) t.fail(`seed ${seed} leaves ${machine.framesInUse()} frames in use`);
  }
  for (const kind of ['refused', 'limit', 'trapped'])
    t.ok(kinds.get(kind)! > count / 50, `${kind}: ${kinds.get(kind)}`);
  t.equal(computer.statistics.vmos.pagesStored, pagesAtStart);
  t.end();
});

t.test('slow instructions end a call of run by its effort, and leave no trace of that', (t) => {
  // A cpuid is a thousand times as slow as the loop around it was before.
  const code = assemble(`
        mov ecx, 200000
    1:  dec ecx
        jnz 1b
    2:  cpuid
        jmp 2b`);
  const hashes = Object.entries(ALL_ENGINES).map(([engine, options]) => {
    const machine = new Machine(options);
    const program = machine.computer.start(codeImage([...code]), { name: 'slow', limitBytes: MB });
    machine.computer.run(program, { maxTicks: 401_000 });
    const before = machine.computer.ticks;
    t.same(machine.computer.run(program, { maxTicks: 2 ** 27, maxEffort: 8192 }), { kind: 'limit' });
    t.ok(machine.computer.ticks - before < 10_000, `${engine}: ${machine.computer.ticks - before} ticks`);
    machine.computer.run(program, { maxTicks: before + 10_000 - machine.computer.ticks });
    return machine.computer.machineHash();
  });
  t.equal(new Set(hashes).size, 1);
  t.end();
});
