/** Kernel-calls as a thread makes them: results, errors, and that a call that fails changes nothing. */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Computer, type Console, type Process } from '../../src/index.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { Errno } from '../../src/kernel/errors.js';
import { R10, R8, R9, RAX, RDI, RDX, RSI } from '../../src/cpu/state/layout.js';
import fc from '../support/fast-check.js';
import { codeImage, words } from './images.js';

const PAGE = 4096n;
const MASK64 = (1n << 64n) - 1n;
const FOREVER = MASK64;
const LIMIT = 2 ** 20;

/** vmcall; jmp back to it */
const CODE = [0x0f, 0x01, 0xc1, 0xeb, 0xfb];

const root = new URL('../../../', import.meta.url);

function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

function edgy(...edges: bigint[]): fc.Arbitrary<bigint> {
  return fc.oneof(
    fc.tuple(fc.constantFrom(...edges), fc.bigInt({ min: -20n, max: 20n })).map(([edge, by]) => (edge + by) & MASK64),
    fc.tuple(fc.constantFrom(...edges), fc.bigInt({ min: -PAGE, max: PAGE })).map(([edge, by]) => (edge + by) & MASK64),
    fc.bigInt({ min: 0n, max: MASK64 }),
  );
}

/** A process that makes the calls it is told to make. */
class Caller implements Console {
  readonly computer = new Computer({ memoryBytes: 4 * 2 ** 20, engine: 'evaluator', console: this });
  readonly process: Process;
  /** Bounds of the region and of what can be written in it. */
  readonly start: bigint;
  readonly end: bigint;
  readonly heap: bigint;
  output: number[] = [];
  input: Uint8Array | 'end' | undefined;

  constructor() {
    this.process = this.computer.start(codeImage(CODE), { name: 'caller', limitBytes: LIMIT });
    this.start = this.process.start;
    this.end = this.start + BigInt(this.process.size);
    this.heap = this.start + 2n * PAGE;
  }

  write(bytes: Uint8Array): void {
    this.output.push(...bytes);
  }

  read(max: number): Uint8Array | 'end' | undefined {
    if (!(this.input instanceof Uint8Array)) return this.input;
    const bytes = this.input.slice(0, max);
    this.input = this.input.length > max ? this.input.slice(max) : undefined;
    return bytes;
  }

  /** Puts a call into the registers. */
  prepare(number: bigint, ...args: bigint[]): void {
    const { registers } = this.computer;
    registers.rip = this.process.entry;
    registers.setGpr(RAX, number);
    [RDI, RSI, RDX, R10, R8, R9].forEach((register, index) => registers.setGpr(register, args[index] ?? 0x5a5an));
  }

  /** Makes a call, and answers its result as a signed number. */
  call(name: string, ...args: bigint[]): bigint {
    const { number } = KERNEL_CALLS.find((call) => call.name === name)!;
    return this.callNumber(BigInt(number), ...args);
  }

  callNumber(number: bigint, ...args: bigint[]): bigint {
    this.prepare(number, ...args);
    // The first call takes two ticks: the first is the fault for its page of code.
    while (this.computer.registers.rip === this.process.entry) {
      const { kind } = this.computer.step(this.process);
      if (kind !== 'limit') throw new Error(`the call ended as ${kind}`);
    }
    return signed(this.computer.registers.gpr(RAX));
  }

  /** True where all of a range can be accessed so: header page, code, and from the heap to the end. */
  permits(start: bigint, length: bigint, write: boolean): boolean {
    if (length === 0n) return true;
    const end = start + length;
    const inHeader = start >= this.start && end <= this.start + PAGE;
    const inHeap = start >= this.heap && end <= this.end;
    const inAll = start >= this.start && end <= this.end;
    return inHeader || inHeap || (inAll && !write);
  }

  memory(): Buffer {
    return Buffer.from(this.computer.readMemory(this.start, LIMIT));
  }
}

t.test('the table, bd0.h and the documentation agree', (t) => {
  const header = readFileSync(new URL('guest/include/bd0.h', root), 'utf8');
  const numbers = KERNEL_CALLS.map(({ number }) => number);
  const families = [[0, 21], [32, 44], [48, 50], [64, 66]] as const; // prettier-ignore
  t.same(
    numbers,
    families.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
  );
  for (const { number, name, parameters } of KERNEL_CALLS) {
    t.match(header, new RegExp(`#define BD0_CALL_${name.toUpperCase()} ${number}\\n`));
    const prototype = new RegExp(`\\bbd0_${name}\\(([^)]*)\\) \\{`).exec(header)!;
    const names = prototype[1] === 'void' ? [] : prototype[1]!.split(', ').map((one) => /\w+$/.exec(one)![0]);
    t.same(names, parameters, `arguments of ${name}`);
    const page = new URL(`docs/kernel-calls/${name}.md`, root);
    t.ok(existsSync(page), `${name}.md`);
    const text = readFileSync(page, 'utf8');
    t.same(
      [...text.matchAll(/^## (\w+)$/gm)].map(([, section]) => section),
      ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'RETURN', 'ERRORS', 'EXAMPLE'],
    );
    t.match(text, new RegExp(`bd0_${name}\\(${prototype[1]!.replace(/[*]/g, '\\*')}\\); +call ${number}\\n`));
  }
  for (const [name, number] of Object.entries(Errno)) t.match(header, `#define BD0_${name} ${number}\n`);
  t.end();
});

t.test('a call changes rax and no other register', (t) => {
  const caller = new Caller();
  const { registers } = caller.computer;
  caller.prepare(18n, 1n, 2n, 3n, 4n, 5n, 6n);
  registers.rflags = 0xed7n;
  registers.setXmm(3, 0x1234n << 70n);
  const before = Array.from({ length: 16 }, (_, register) => registers.gpr(register));
  caller.computer.run(caller.process, { maxTicks: 2 });
  const after = before.map((_, register) => registers.gpr(register));
  t.same(after.slice(1), before.slice(1));
  t.equal(registers.rflags, 0xed7n);
  t.equal(registers.xmm(3), 0x1234n << 70n);
  t.equal(registers.rip, caller.process.entry + 3n);
  t.end();
});

t.test('numbers that no call has are refused', (t) => {
  const caller = new Caller();
  for (const number of [63n, 1n << 32n, 1n << 63n, MASK64]) t.equal(caller.callNumber(number), -38n);
  t.end();
});

t.test('a pointer is checked over its whole range, before anything is done', (t) => {
  const caller = new Caller();
  caller.input = new Uint8Array(0x4000).fill(0x77);
  const anyPointer = edgy(0n, caller.start, caller.heap, caller.end, 1n << 47n, MASK64 - (1n << 47n), MASK64);
  const anyLength = edgy(0n, PAGE, 2n * PAGE, 1n << 32n, 1n << 48n, MASK64);
  const before = caller.memory();
  let refused = 0;
  fc.assert(
    fc.property(anyPointer, anyLength, (pointer, length) => {
      caller.output = [];
      const writes = caller.call('console_write', pointer, length);
      const readable = caller.permits(pointer, length, false);
      if (writes !== (readable ? signed(length) : -14n)) throw new Error(`console_write answers ${writes}`);
      if (caller.output.length !== (readable ? Number(length) : 0)) throw new Error(`${caller.output.length} bytes`);
      if (!caller.permits(pointer, length, true)) {
        refused++;
        const reads = caller.call('console_read', pointer, length, 0n);
        if (reads !== -14n) throw new Error(`console_read answers ${reads}`);
        if (caller.input?.length !== 0x4000) throw new Error('input was taken');
      }
      const overwritten = caller.computer.readMemory(pointer, 184);
      const info = caller.call('process_info', 0n, pointer);
      if (caller.permits(pointer, 184n, true)) caller.computer.writeMemory(pointer, overwritten);
      else if (info !== -14n) throw new Error(`process_info answers ${info}`);
      // The header page may have been written by a call that succeeded.
      caller.computer.writeMemory(caller.start, before.subarray(0, 4096));
      return true;
    }),
    { numRuns: 400 },
  );
  t.ok(refused > 100);
  t.ok(caller.memory().equals(before), 'memory is as it was');
  t.end();
});

t.test('heap_advance gives blocks by the rule that guests follow, whatever stands in the pair', (t) => {
  const caller = new Caller();
  const pairAddress = caller.call('heap_pointer', 0n);
  t.equal(pairAddress, caller.start + 0x40n);
  t.equal(caller.call('heap_advance', 0n, 1n), caller.heap, 'the heap begins behind the image');
  const { start, end } = caller;
  const anyAlign = fc.oneof(
    fc.nat({ max: 63 }).map((bit) => 1n << BigInt(bit)),
    edgy(0n, 4096n, 1n << 63n),
  );
  const anySize = edgy(0n, end - caller.heap, 1n << 63n, MASK64);
  const anyPair = fc.tuple(edgy(start, caller.heap, end, 0n, MASK64), edgy(start, caller.heap, end, 0n, MASK64));
  fc.assert(
    fc.property(anyPair, anySize, anyAlign, ([pointer, floor], size, align) => {
      caller.computer.writeMemory(pairAddress, words(pointer, floor));
      const result = caller.call('heap_advance', size, align);
      const block = (pointer + align - 1n) & -align;
      const fits = pointer >= start && floor <= end && block + size <= floor;
      const isPower = align !== 0n && (align & (align - 1n)) === 0n;
      const expected = isPower ? (fits ? block : -12n) : -22n;
      if (result !== expected) throw new Error(`${result}, not ${expected}`);
      const after = Buffer.from(caller.computer.readMemory(pairAddress, 16));
      return after.equals(Buffer.from(words(expected < 0n ? pointer : block + size, floor)));
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('processes are found by pid, the caller by 0, and stale ones not at all', (t) => {
  const caller = new Caller();
  const pid = BigInt(caller.process.pid);
  t.equal(caller.call('process_start', 0n), caller.start);
  t.equal(caller.call('process_start', pid), caller.start);
  const other = caller.computer.start(codeImage(CODE), { name: 'other', limitBytes: LIMIT });
  t.equal(caller.call('process_start', BigInt(other.pid)), caller.end, 'regions touch');
  caller.computer.kill(other, 3);
  for (const stale of [BigInt(other.pid), 77n, 1n << 32n, (1n << 63n) + pid, MASK64])
    for (const call of ['process_start', 'process_info', 'heap_pointer'])
      t.equal(caller.call(call, stale, caller.heap), -3n, `${call} of ${stale}`);
  const next = caller.computer.start(codeImage(CODE), { name: 'other', limitBytes: LIMIT });
  t.not(next.pid, other.pid, 'a pid is not given twice');
  t.equal(caller.call('process_start', BigInt(other.pid)), -3n);
  t.equal(caller.call('process_start', BigInt(next.pid)), caller.end);
  t.end();
});

t.test('process_info tells what the kernel knows, whatever the header page says', (t) => {
  const caller = new Caller();
  caller.computer.writeMemory(caller.start, new Uint8Array(0x40).fill(0xff));
  const buffer = caller.heap + 4000n;
  t.equal(caller.call('process_info', 0n, buffer), 0n);
  const info = Buffer.from(caller.computer.readMemory(buffer, 184));
  const field = (index: number): bigint => info.readBigUInt64LE(index * 8);
  t.same([0, 1, 2, 3, 4, 5, 6, 7, 8].map(field), [
    BigInt(caller.process.pid),
    0n,
    caller.start,
    BigInt(LIMIT),
    caller.process.entry,
    caller.heap,
    caller.end - BigInt(LIMIT) / 4n,
    0n,
    1n,
  ]);
  t.equal(field(9), 3n, 'header, code, stack; the buffer is not mapped while the call looks');
  t.equal(field(10), 1n, 'the page of code is held by content');
  t.equal(info.subarray(88, 120).toString('hex'), caller.process.imageId);
  t.equal(info.subarray(120).toString('latin1'), 'caller'.padEnd(64, '\0'));
  t.end();
});

t.test('the console', async (t) => {
  t.test('takes long output in parts, each of which is a tick', (t) => {
    const caller = new Caller();
    const length = 200_000n;
    caller.computer.writeMemory(
      caller.heap,
      new Uint8Array(200_000).map((_, index) => index >> 8),
    );
    caller.prepare(16n, caller.heap, length);
    const before = caller.computer.ticks;
    while (caller.computer.registers.gpr(RAX) !== length) caller.computer.step(caller.process);
    t.equal(caller.computer.ticks - before, 1 + 1 + 3, 'a fault, the instruction, three parts more');
    t.equal(caller.computer.statistics.instructions, 1);
    t.same(caller.output.slice(-2), [(199_998 >> 8) & 255, (199_999 >> 8) & 255]);
    t.equal(caller.output.length, 200_000);
    t.end();
  });

  t.test('gives input that is there, and tells its end', (t) => {
    const caller = new Caller();
    caller.input = Uint8Array.of(1, 2, 3);
    t.equal(caller.call('console_read', caller.heap + PAGE - 1n, 2n, FOREVER), 2n);
    t.same([...caller.computer.readMemory(caller.heap + PAGE - 1n, 3)], [1, 2, 0]);
    t.equal(caller.call('console_read', caller.heap, 100n, FOREVER), 1n);
    t.equal(caller.call('console_read', caller.heap, 0n, FOREVER), 0n);
    t.equal(caller.call('console_read', caller.heap, 100n, 0n), -110n);
    caller.input = 'end';
    t.equal(caller.call('console_read', caller.heap, 100n, FOREVER), 0n);
    t.end();
  });

  t.test('lets a thread wait for input, and the machine with it', (t) => {
    const caller = new Caller();
    caller.prepare(17n, caller.heap, 100n, FOREVER);
    t.match(caller.computer.run(caller.process), { kind: 'waiting', until: Infinity });
    const { ticks } = caller.computer;
    t.match(caller.computer.run(caller.process), { kind: 'waiting', until: Infinity });
    t.equal(caller.computer.ticks, ticks, 'its time stands still');
    caller.input = Uint8Array.of(65);
    t.match(caller.computer.step(caller.process), { kind: 'limit' });
    t.equal(caller.computer.registers.gpr(RAX), 1n);
    t.same([...caller.computer.readMemory(caller.heap, 2)], [65, 0]);
    t.end();
  });

  t.test('ends the waiting at the deadline', (t) => {
    const caller = new Caller();
    caller.prepare(17n, caller.heap, 100n, 5000n);
    t.match(caller.computer.run(caller.process), { kind: 'waiting', until: 5000 });
    caller.computer.passTime(4999);
    t.match(caller.computer.run(caller.process), { kind: 'waiting', until: 5000 });
    caller.computer.passTime(5000);
    caller.computer.step(caller.process);
    t.equal(signed(caller.computer.registers.gpr(RAX)), -110n);
    t.ok(caller.computer.ticks >= 5000);
    t.equal(caller.call('console_read', caller.heap, 1n, 5000n), -110n, 'a deadline that is past');
    t.end();
  });
});

t.test('the clock counts ticks', (t) => {
  const caller = new Caller();
  const first = caller.call('clock');
  t.equal(caller.call('clock'), first + 1n);
  t.end();
});

t.test('exit ends the process with the low byte of its code', (t) => {
  const caller = new Caller();
  caller.prepare(0n, 0xffff_ff03n);
  t.match(caller.computer.run(caller.process), { kind: 'exited', exitCode: 3 });
  t.match(caller.computer.run(caller.process), { kind: 'exited', exitCode: 3 }, 'it stays ended');
  t.end();
});
