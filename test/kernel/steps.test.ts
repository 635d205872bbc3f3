/** Nothing that a program asks of the kernel holds the machine: long calls go in parts, and a host can bound what is done. */
import t from 'tap';
import { R10, R8, R9, RAX, RDI, RDX, RSI } from '../../src/cpu/state/layout.js';
import {
  Computer,
  MemoryNames,
  type InputEvent,
  type KernelHooks,
  type NameSpace,
  type Outcome,
  type Process,
} from '../../src/index.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import type { Steps } from '../../src/vmo/steps.js';
import { sha256 } from '../support/guest-programs.js';
import { codeImage, relocatedImage } from './images.js';
import { sameMachines } from '../support/same-machines.js';

const MIB = 2 ** 20;
const PAGE = 4096;
const ARGUMENTS = [RDI, RSI, RDX, R10, R8, R9];
/** vmcall; jmp to itself */
const CALLS = [0x0f, 0x01, 0xc1, 0xeb, 0xfe];
/** inc ecx; jmp back to it */
const COUNTS = [0xff, 0xc1, 0xeb, 0xfc];

/** mov [rdi], eax; add rdi, 4096; jmp back */
const TOUCHES = [0x89, 0x07, 0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0xeb, 0xf5];

/** Ticks that are enough for any call here. */
const CALL_TICKS = 5_000_000;

/** What a run may do of the kernel's work here, and beyond it at most: the part that it has begun. */
const EFFORT = 4096;
const PART_EFFORT = 8192;

/** A process that makes the calls that it is told to make, with 16 MiB of pages that are all different. */
class Caller {
  readonly computer: Computer;
  readonly process: Process;
  readonly inputs: InputEvent[] = [];
  /** Runs of the machine that the last call took. */
  runs = 0;
  /** The tick at which the last call has answered. */
  answeredAt = 0;
  /** The most effort that a run has taken. */
  most = 0;

  private readonly hooks: KernelHooks = {
    onInput: (input) => this.inputs.push(input),
    onKernelCall: ({ result }) => {
      if (typeof result === 'bigint') this.answeredAt = this.computer.ticks;
    },
  };

  constructor(
    private readonly maxEffort: number,
    names?: (inner: MemoryNames) => NameSpace,
  ) {
    this.computer = new Computer({
      ...{ memoryBytes: 64 * MIB, engine: 'interpreter', sha256, hooks: this.hooks },
      ...(names && { names: (store) => names(new MemoryNames(store)) }),
    });
    this.process = this.computer.start(codeImage(CALLS), { name: 'caller', limitBytes: 128 * MIB });
    const page = new Uint8Array(PAGE);
    for (let at = 0; at < 16 * MIB; at += PAGE) {
      new DataView(page.buffer).setUint32(0, at + 1);
      this.computer.writeMemory(this.arena + BigInt(at), page);
    }
  }

  get arena(): bigint {
    return this.process.start + BigInt(64 * MIB);
  }

  call(name: string, ...args: (bigint | number)[]): bigint {
    const { registers } = this.computer;
    registers.rip = this.process.entry;
    registers.setGpr(RAX, BigInt(KERNEL_CALLS.find((call) => call.name === name)!.number));
    ARGUMENTS.forEach((register, i) => registers.setGpr(register, BigInt.asUintN(64, BigInt(args[i] ?? 0))));
    this.runs = 0;
    const { computer } = this;
    for (const end = computer.ticks + CALL_TICKS; computer.ticks < end; this.runs++) {
      const before = computer['kernel'].effort;
      const { kind } = computer.run(this.process, { maxTicks: end - computer.ticks, maxEffort: this.maxEffort });
      if (kind !== 'limit') throw new Error(`${name} ended as ${kind}`);
      this.most = Math.max(this.most, computer['kernel'].effort - before);
    }
    return BigInt.asIntN(64, registers.gpr(RAX));
  }

  /** Makes, hashes, commits and publishes 16 MiB. */
  workload(): readonly bigint[] {
    const n = 16 * MIB;
    const name = this.arena + BigInt(n);
    this.computer.writeMemory(name, Buffer.from('n\0'));
    const made = this.call('vmo_create', this.arena, n);
    const askew = this.call('vmo_slice', made, 1, n - 1);
    const results = [made, askew, this.call('vmo_hash', made, name + 64n), this.call('vmo_hash', askew, name + 96n)];
    const committed = this.call('vmo_commit', this.arena, n);
    results.push(committed, this.call('name_publish', name, committed, -1), this.call('vmo_close', made));
    return [...results, this.call('name_lookup', name)];
  }
}

t.test('a host that bounds the effort gets the same machine, in small parts', (t) => {
  const [whole, divided] = [new Caller(Infinity), new Caller(EFFORT)];
  t.same(divided.workload(), whole.workload());
  t.equal(divided.computer.ticks, whole.computer.ticks);
  sameMachines(t, divided.computer, whole.computer);
  t.ok(divided.most <= EFFORT + PART_EFFORT, `${divided.most} in a run at most`);
  t.end();
});

t.test('whoever looks at the machine does not change how long it takes', (t) => {
  const [alone, watched] = [new Caller(Infinity), new Caller(Infinity)];
  const hash = (caller: Caller, isWatched: boolean): number => {
    const made = caller.call('vmo_create', caller.arena, 16 * MIB);
    if (isWatched) caller.computer.machineHash();
    const before = caller.computer.ticks;
    t.equal(caller.call('vmo_hash', made, caller.arena), 0n);
    return caller.answeredAt - before;
  };
  const ticks = hash(alone, false);
  t.equal(hash(watched, true), ticks);
  t.ok(ticks > (15 * MIB) / 8, `${ticks} ticks: one for each 8 bytes`);
  const again = alone.computer.ticks;
  t.equal(alone.call('vmo_hash', 0, alone.arena), 0n);
  t.equal(alone.answeredAt - again, 1, 'what is hashed takes no time');
  t.end();
});

t.test('a call that was given up in the middle leaves memory as it was, and nothing else', (t) => {
  const caller = new Caller(1);
  const { computer, process, arena } = caller;
  const { pagesStored } = computer.store.counters;
  for (const name of ['vmo_create', 'vmo_commit']) {
    const { registers } = computer;
    registers.rip = process.entry;
    registers.setGpr(RAX, BigInt(KERNEL_CALLS.find((call) => call.name === name)!.number));
    registers.setGpr(RDI, arena);
    registers.setGpr(RSI, BigInt(16 * MIB));
    for (let i = 0; i < 20; i++) computer.run(process, { maxTicks: 1e9, maxEffort: 1 });
    t.ok(process.threads[0]!.pending, `${name} works`);
    if (name === 'vmo_commit') break;
    while (process.threads[0]!.pending) computer.run(process, { maxTicks: 1, maxEffort: 1 });
  }
  computer.kill(process, 1);
  t.ok(computer.store.counters.pagesStored <= pagesStored);
  t.end();
});

t.test('page faults bound a run, and the turn of a thread', (t) => {
  const computer = new Computer({ memoryBytes: 16 * MIB, engine: 'interpreter', sha256 });
  const toucher = computer.start(codeImage(TOUCHES), { name: 'toucher', limitBytes: 16 * MIB });
  computer.run(toucher, { maxTicks: 1 });
  computer.registers.setGpr(RDI, toucher.start + BigInt(MIB));
  let { faults } = computer.statistics;
  t.match(computer.run(toucher, { maxTicks: 1e6, maxEffort: 64 }), { kind: 'limit' });
  t.equal(computer.statistics.faults - faults, 16, 'some 10 microseconds each');
  computer.start(codeImage(COUNTS), { name: 'other', limitBytes: MIB });
  ({ faults } = computer.statistics);
  const { switches } = computer.statistics;
  let outcome: Outcome = { kind: 'limit' };
  while (computer.statistics.switches === switches && outcome.kind === 'limit')
    outcome = computer.run(toucher, { maxTicks: 1 });
  const taken = computer.statistics.faults - faults;
  t.ok(taken > 900 && taken < 1100, `${taken} faults in a turn of a million ticks`);
  t.end();
});

/** A caller that can start 'large', a program with so many pages that relocations change. */
function starter(maxEffort: number, pages: number): Caller {
  const held: MemoryNames[] = [];
  const caller = new Caller(maxEffort, (inner) => {
    held.push(inner);
    return inner;
  });
  const loads = [
    { address: 0, bytes: Uint8Array.from(COUNTS) },
    { address: PAGE, bytes: new Uint8Array(pages * PAGE).fill(7) },
  ];
  const relocations = Array.from({ length: 2 * pages }, (_, i) => ({
    address: PAGE + (i % pages) * PAGE + 8 * Math.floor(i / pages),
    addend: BigInt(i),
  }));
  const vmo = caller.computer.store.fromBytes(relocatedImage(loads, relocations));
  held[0]!.publish('large', vmo, 'anything');
  vmo.close();
  caller.computer.writeMemory(nameAt(caller), Buffer.from('large\0'));
  return caller;
}

/** Where `starter` has put its name. */
function nameAt(caller: Caller): bigint {
  return caller.arena + BigInt(16 * MIB);
}

t.test('a program with many relocated pages starts in small parts, and is the same', (t) => {
  const pages = 1500;
  const callers = [Infinity, EFFORT].map((maxEffort) => {
    const caller = starter(maxEffort, pages);
    caller.call('start', nameAt(caller), 64 * MIB, 0, 0, 0);
    return { caller, started: caller.computer.findProcess(caller.process.pid + 1)! };
  });
  const [whole, divided] = callers;
  t.ok(divided!.caller.runs > whole!.caller.runs + 2, `${divided!.caller.runs} runs`);
  t.ok(divided!.caller.most <= EFFORT + PART_EFFORT, `${divided!.caller.most} in a run at most`);
  sameMachines(t, divided!.caller.computer, whole!.caller.computer);
  const { computer } = divided!.caller;
  const base = divided!.started.entry;
  for (const page of [0, 777, pages - 1]) {
    const bytes = computer.readMemory(base + BigInt((page + 1) * PAGE), 24);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    t.equal(view.getBigUint64(0, true), base + BigInt(page));
    t.equal(view.getBigUint64(8, true), base + BigInt(pages + page));
    t.equal(view.getBigUint64(16, true), 0x0707_0707_0707_0707n);
  }
  t.end();
});

/** A start of 'large' with so many pages that has relocated some of them. */
function startHalfDone(pages: number): Caller {
  const caller = starter(1, pages);
  const { computer, process } = caller;
  const { pagesStored } = computer.store.counters;
  computer.registers.rip = process.entry;
  computer.registers.setGpr(RAX, 1n);
  [nameAt(caller), BigInt(64 * MIB), 0n, 0n, 0n].forEach((word, i) => computer.registers.setGpr(ARGUMENTS[i]!, word));
  for (let runs = 0; computer.store.counters.pagesStored < pagesStored + 256; runs++) {
    if (runs === 1000) throw new Error('no page was relocated');
    computer.run(process, { maxTicks: 1e9, maxEffort: 1 });
  }
  return caller;
}

t.test('a start that is given up in the middle leaves nothing', (t) => {
  const { computer, process } = startHalfDone(1500);
  t.ok(process.threads[0]!.pending, 'it works');
  computer.kill(process, 1);
  const { pagesStored } = computer.store.counters;
  t.ok(pagesStored < 1500 + 200, `${pagesStored} pages: those of the table, and one for each page of the image's`);
  t.equal(computer.findProcess(process.pid + 1), undefined);
  t.end();
});

t.test('a program that the host starts in the middle of another start takes its place', (t) => {
  const { computer, process } = startHalfDone(1500);
  const other = computer.start(codeImage(COUNTS), { name: 'other', limitBytes: MIB });
  for (let runs = 0; runs < 1000 && process.threads[0]!.pending; runs++)
    computer.run(process, { maxTicks: 1, maxEffort: 1 });
  const started = computer.findProcess(other.pid + 1)!;
  t.ok(started.start > other.start, 'it lies behind the other one');
  const word = computer.readMemory(started.entry + BigInt(PAGE), 8);
  t.equal(new DataView(word.buffer, word.byteOffset).getBigUint64(0, true), started.entry);
  t.end();
});

/** Names that take so many steps each. */
class SlowNames implements NameSpace {
  constructor(private readonly inner: MemoryNames) {}

  lookup(name: string): ReturnType<NameSpace['lookup']> {
    return this.inner.lookup(name);
  }

  *lookupInSteps(name: string): Steps<ReturnType<NameSpace['lookup']>, number> {
    for (const bytes of [0, 80_000, 0, 0, 8]) yield bytes;
    return this.lookup(name);
  }

  publish(...args: Parameters<NameSpace['publish']>): ReturnType<NameSpace['publish']> {
    return this.inner.publish(...args);
  }

  *publishInSteps(...args: Parameters<NameSpace['publish']>): Steps<ReturnType<NameSpace['publish']>, number> {
    for (const bytes of [8_000, 0]) yield bytes;
    return this.publish(...args);
  }

  names(): Iterable<string> {
    return this.inner.names();
  }

  open(): undefined {
    return undefined;
  }

  get own(): object | undefined {
    return this.inner.own;
  }
}

t.test('names of the host answer in steps, for which time passes as they say', (t) => {
  const caller = new Caller(Infinity, (inner) => new SlowNames(inner));
  const name = caller.arena;
  caller.computer.writeMemory(name, Buffer.from('n\0'));
  const vmo = caller.call('vmo_create', name, 2);
  const timeOf = (): number => caller.answeredAt - (caller.computer.ticks - CALL_TICKS);
  t.equal(caller.call('name_publish', name, vmo, -1), 0n);
  // The call, a tick for each 8 bytes, and one for each time that it goes on with after time has passed.
  t.equal(timeOf(), 1 + 1000 + 1);
  t.equal(caller.call('name_lookup', name), 1n);
  t.equal(timeOf(), 1 + 10_000 + 1 + 1 + 1);
  t.same(
    caller.inputs.map((input) => [input.kind, input.kind === 'step' ? input.bytes : 0]),
    [
      ...[
        ['step', 8_000],
        ['publish', 0],
      ],
      ...[
        ['step', 80_000],
        ['step', 8],
        ['lookup', 0],
      ],
    ],
  );
  t.end();
});
