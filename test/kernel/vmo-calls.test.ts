/** VMO calls as a thread makes them, in any order, against arrays of bytes; and what they cost. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Computer } from '../../src/index.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import type { Process } from '../../src/kernel/tasks/process.js';
import { writeStateOf } from '../../src/state/digest.js';
import { StateWriter } from '../../src/state/state-writer.js';
import { R10, R8, R9, RAX, RDI, RDX, RSI } from '../../src/cpu/state/layout.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { ScriptedConsole, compiled, sha256 } from '../support/guest-programs.js';
import { KernelMachine } from '../support/kernel-machine.js';
import { MAPS_START, VmoCallsModel, type ModelPatch } from '../support/vmo-calls-model.js';
import { seedOf, volume } from '../support/volume.js';
import { nativeHash } from '../vmo/model.js';
import { codeImage, words } from './images.js';

const PAGE = 4096;
const MIB = 2 ** 20;
/** What the store holds for the kernel's own page. */
const KERNEL_PAGES = 1;
const NOWHERE = 0x1_0000n;
const ARGUMENTS = [RDI, RSI, RDX, R10, R8, R9];

/** vmcall; jmp back to it */
const CODE = [0x0f, 0x01, 0xc1, 0xeb, 0xfb];

/** A process that makes the calls that it is told to make. */
class Caller {
  readonly machine: KernelMachine;
  readonly process: Process;

  constructor(frames = 1024, limitBytes = MIB) {
    this.machine = new KernelMachine({ frames, writeBackBytes: 64 * MIB });
    this.process = this.machine.start(codeImage(CODE), { name: 'caller', limitBytes });
  }

  get end(): bigint {
    return this.process.start + BigInt(this.process.size);
  }

  /** Called between two parts of a call. */
  onPart: (() => void) | undefined;

  /** All that decides what the machine does next, but for registers and memory. */
  state(): string {
    const out = new StateWriter();
    writeStateOf(this.machine.kernel, out);
    return Buffer.from(out.written).toString('hex');
  }

  /** Makes a call, and answers its result as a signed number. */
  call(name: string, ...args: (bigint | number)[]): bigint {
    const { state } = this.machine.cpu;
    state.rip = this.process.entry;
    state.setGpr(RAX, BigInt(KERNEL_CALLS.find((call) => call.name === name)!.number));
    ARGUMENTS.forEach((register, i) => state.setGpr(register, BigInt.asUintN(64, BigInt(args[i] ?? 0x5a5a))));
    const [thread] = this.process.threads;
    do {
      const { kind } = this.machine.kernel.run(1);
      if (kind !== 'ticks')
        throw new Error(`${name} ended as ${kind}: ${JSON.stringify(this.process.end?.trap?.cause)}`);
      if (thread!.pending) this.onPart?.();
    } while (state.rip === this.process.entry || thread!.pending);
    return BigInt.asIntN(64, state.gpr(RAX));
  }

  peek(linear: bigint, length: number): Uint8Array {
    return this.machine.kernel.memory.peek(Number(BigInt.asUintN(48, linear)), length);
  }

  poke(linear: bigint, bytes: Uint8Array): void {
    this.machine.kernel.memory.poke(Number(BigInt.asUintN(48, linear)), bytes);
  }
}

/** The pages of the region that are played with: its last ones, where the main stack is that nobody uses. */
const ARENA_PAGES = 12;
const ARENA_BYTES = ARENA_PAGES * PAGE;
/** The last page of these holds arrays that calls are given. */
const ARGUMENT_PAGES = 1;

/** So few that pages come and go: 10 are page tables. */
const FEW_FRAMES = 12;

/** The caller and the model of what it does, in step. */
class Checked {
  readonly caller: Caller;
  readonly model: VmoCallsModel;
  readonly start: bigint;
  private readonly arrays: bigint;
  private readonly hasher = new VmoStore(nativeHash);

  constructor(frames: number) {
    this.caller = new Caller(frames);
    this.start = this.caller.end - BigInt(ARENA_BYTES);
    // A page below the arena that no step touches, but for arrays.
    this.arrays = this.start - BigInt(ARGUMENT_PAGES * PAGE);
    this.model = new VmoCallsModel(this.start, this.caller.end, this.caller.peek(this.start, ARENA_BYTES));
    for (let page = 0; page < ARENA_PAGES - 1; page++)
      this.poke(
        this.start + BigInt(page * PAGE),
        new Uint8Array(PAGE).map((_, i) => (page % 3 ? i * page + (i >> 8) : 0)),
      );
  }

  /** Makes a call, which is to answer what the model does. */
  expect(expected: bigint, name: string, ...args: (bigint | number)[]): bigint {
    const result = this.caller.call(name, ...args);
    if (result !== expected && BigInt.asUintN(64, result) !== expected)
      throw new Error(`* ${name}(${args.join()}) answers ${result}, not ${expected}`);
    return result;
  }

  poke(address: bigint, bytes: Uint8Array): void {
    if (this.model.write(address, bytes)) this.caller.poke(address, bytes);
  }

  concat(handles: readonly bigint[]): void {
    this.caller.poke(this.arrays, words(...handles));
    this.expect(this.model.concat(handles), 'vmo_concat', this.arrays, handles.length);
  }

  delta(handle: bigint, patches: readonly ModelPatch[]): void {
    this.caller.poke(
      this.arrays,
      words(...patches.flatMap(({ offset, address, length }) => [offset, address, length])),
    );
    this.expect(this.model.delta(handle, patches), 'vmo_delta', handle, this.arrays, patches.length);
  }

  /** The identity is that of the bytes, and opens them. */
  hash(handle: bigint): void {
    const bytes = this.model.vmo(handle);
    this.expect(bytes ? 0n : -9n, 'vmo_hash', handle, this.arrays);
    if (!bytes) return;
    const known = this.hasher.fromBytes(bytes);
    const id = Buffer.from(this.caller.peek(this.arrays, 32)).toString('hex');
    if (id !== known.id) throw new Error(`* the identity of ${bytes.length} bytes is ${id}, not ${known.id}`);
    known.close();
    this.expect(this.model.add(bytes), 'vmo_open', this.arrays);
  }

  /** Throws where memory or a VMO is not what the model says. */
  compare(): void {
    for (const [address, { bytes }] of this.model.pages)
      if (Buffer.compare(this.caller.peek(address, PAGE), bytes) !== 0)
        throw new Error(`* memory at ${address.toString(16)}`);
    for (const [handle, bytes] of this.model.vmos.entries()) {
      const vmo = this.caller.process.handles.get(BigInt(handle));
      if (!vmo !== !bytes) throw new Error(`* handle ${handle}`);
      if (vmo && Buffer.compare(vmo.read(0, vmo.length), bytes!) !== 0) throw new Error(`* VMO ${handle}`);
    }
    this.caller.machine.check();
  }
}

/** A step, with arguments that are looked up in the model when it is made. */
type Step = (checked: Checked) => void;

/** A value that is chosen when its step is made, by what there is then. */
type Chosen<T> = fc.Arbitrary<(checked: Checked) => T>;

/** A handle, mostly one that there is. */
const someHandle: Chosen<bigint> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.nat().map((n) => ({ model }: Checked): bigint => {
      const live = [...model.vmos.keys()].filter((handle) => model.vmos[handle]);
      return live.length === 0 ? 0n : BigInt(live[n % live.length]!);
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(-1n, 99n, 1n << 32n, 1n << 63n).map((handle) => () => handle) },
);

const HUGE = [1n << 53n, (1n << 53n) + 1n, (1n << 64n) - 1n, (1n << 64n) - 4096n];

/** A number of bytes: whole pages or not, or none at all. */
const someLength: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 10, arbitrary: fc.bigInt({ min: 0n, max: 4n }).map((pages) => pages * 4096n) },
  { weight: 6, arbitrary: fc.bigInt({ min: 0n, max: 3n * 4096n }) },
  { weight: 2, arbitrary: fc.bigInt({ min: 0n, max: 3n }) },
  { weight: 1, arbitrary: fc.constantFrom(...HUGE) },
);

/** A part of a VMO, mostly within it. */
interface Part {
  readonly handle: bigint;
  readonly offset: bigint;
  readonly length: bigint;
}

/** `unit` is what offsets are mostly multiples of. */
function somePart(unit: number): Chosen<Part> {
  return fc
    .tuple(someHandle, fc.double({ min: 0, max: 1, noNaN: true }), someLength, fc.nat({ max: 15 }))
    .map(([choose, where, length, kind]) => (checked: Checked): Part => {
      const handle = choose(checked);
      const there = checked.model.vmo(handle)?.length ?? 0;
      const offset = Math.floor((where * there) / unit) * unit;
      if (kind === 0) return { handle, offset: length, length: BigInt(offset) };
      if (kind < 3) return { handle, offset: BigInt(offset + 1), length };
      return {
        handle,
        offset: BigInt(offset),
        length: kind < 5 || length < there - offset ? length : BigInt(there - offset),
      };
    });
}

/** An address: in the arena, in maps, or elsewhere; mostly that of a page. */
const someAddress: Chosen<bigint> = fc
  .tuple(fc.nat({ max: 20 }), fc.oneof(fc.constant(0), fc.constant(0), fc.nat({ max: PAGE - 1 })), fc.nat({ max: 15 }))
  .map(([page, within, where]) => ({ start, model }: Checked): bigint => {
    if (where === 15) return page % 2 === 0 ? NOWHERE : 0n;
    const bases = [start, ...model.maps.keys()];
    const pages = where < 8 ? ARENA_PAGES + 1 : 3;
    return bases[where < 8 ? 0 : page % bases.length]! + BigInt((page % pages) * PAGE + within);
  });

const someProtection = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1n, 3n) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 8n }) },
);

/** An arbitrary step of things chosen by what there is. */
function step<T extends unknown[]>(
  make: (checked: Checked, ...values: T) => unknown,
  ...choices: { [K in keyof T]: Chosen<T[K]> }
): fc.Arbitrary<Step> {
  return fc.tuple(...choices).map((chosen): Step => (checked) => {
    make(checked, ...(chosen.map((choose) => (choose as (c: Checked) => unknown)(checked)) as T));
  });
}

const fixed = <T>(arbitrary: fc.Arbitrary<T>): Chosen<T> => arbitrary.map((value) => () => value);

const somePatch: Chosen<ModelPatch> = fc
  .tuple(somePart(1), someAddress)
  .map(([choosePart, chooseAddress]) => (checked: Checked): ModelPatch => {
    const { offset, length } = choosePart(checked);
    return { offset, address: chooseAddress(checked), length };
  });

const lists = <T>(one: Chosen<T>): Chosen<T[]> =>
  fc.array(one, { maxLength: 4 }).map((all) => (checked: Checked) => all.map((choose) => choose(checked)));

const lengths = fixed(someLength);

const someStep: fc.Arbitrary<Step> = fc.oneof(
  step(
    (c, address, bytes) => c.poke(address, bytes),
    someAddress,
    fixed(fc.uint8Array({ minLength: 1, maxLength: 40 })),
  ),
  step((c, at, n) => c.expect(c.model.create(at, n), 'vmo_create', at, n), someAddress, lengths),
  step(
    (c, n) => c.expect(c.model.add(new Uint8Array(Number(n))), 'vmo_zeros', n),
    fixed(fc.bigInt({ min: 0n, max: 20_000n })),
  ),
  step(
    (c, { handle, offset, length }) =>
      c.expect(c.model.slice(handle, offset, length), 'vmo_slice', handle, offset, length),
    somePart(1),
  ),
  step((c, handles) => c.concat(handles), lists(someHandle)),
  step((c, handle, patches) => c.delta(handle, patches), someHandle, lists(somePatch)),
  step((c, handle) => c.hash(handle), someHandle),
  step((c, handle) => c.expect(c.model.length(handle), 'vmo_length', handle), someHandle),
  step(
    (c, { handle, offset, length }, at) => {
      c.expect(c.model.readVmo(handle, offset, at, length), 'vmo_read', handle, offset, at, length);
    },
    somePart(1),
    someAddress,
  ),
  step(mapStep, somePart(PAGE), someAddress, fixed(someProtection), fixed(fc.boolean())),
  step(mapStep, somePart(PAGE), someAddress, fixed(someProtection), fixed(fc.boolean())),
  step((c, at, n) => c.expect(c.model.unmap(at, n), 'vmo_unmap', at, n), someAddress, lengths),
  step((c, at, n) => c.expect(c.model.commit(at, n), 'vmo_commit', at, n), someAddress, lengths),
  step((c, handle) => c.expect(c.model.close(handle), 'vmo_close', handle), someHandle),
);

function mapStep(c: Checked, part: Part, at: bigint, protection: bigint, isChosen: boolean): void {
  const { handle, offset, length } = part;
  const address = isChosen ? 0n : at;
  const expected = c.model.map(handle, offset, address, length, protection);
  c.expect(expected, 'vmo_map', handle, offset, address, length, protection);
}

const SEED = seedOf(20260101);

t.setTimeout(0);

t.test('any calls in any order do what arrays of bytes say, with frames enough and with too few', (t) => {
  for (const [frames, numRuns] of [
    [1024, volume(20, 300)],
    [FEW_FRAMES, volume(20, 300)],
  ] as const)
    fc.assert(
      fc.property(fc.array(someStep, { minLength: 30, maxLength: 60, size: 'max' }), (steps) => {
        const checked = new Checked(frames);
        for (const step of steps) step(checked);
        checked.compare();
        const { machine, process } = checked.caller;
        machine.kernel.exits.end(process, 0);
        machine.kernel.finishEndings();
        machine.check();
        const { tables, private: privates, clean, idle } = machine.pool.counters;
        if (tables !== 1 || privates !== 0 || clean !== idle) throw new Error('* frames are left');
        if (machine.pager.writeBacks.bytesKept !== 0) throw new Error('* the store keeps what was written back');
      }),
      { numRuns, seed: SEED },
    );
  t.end();
});

t.test('memory that was not written is taken as it is, however large', (t) => {
  const bytes = 32 * 2 ** 30;
  const caller = new Caller(64, bytes);
  const { machine, process } = caller;
  const heap = process.start + 2n * BigInt(PAGE);
  const length = (3 * bytes) / 4 - 4 * PAGE;
  const { ticks } = machine.cpu;
  const { inUse } = machine.pool.counters;
  t.equal(caller.call('vmo_create', heap, length), 0n);
  t.equal(machine.cpu.ticks, ticks + 2, 'the fault for its page of code, and the instruction');
  t.equal(machine.pool.counters.inUse, inUse + 1);
  t.equal(BigInt.asUintN(64, caller.call('vmo_map', 0, 0, 0, length, 1)), MAPS_START);
  t.equal(caller.call('vmo_create', MAPS_START, length), 1n);
  t.equal(machine.cpu.ticks, ticks + 4);
  const [zeros, same] = [process.handles.get(0n)!, process.handles.get(1n)!];
  t.equal(zeros.id, same.id);
  t.end();
});

/** Pages that the calls below are made with: more than go in one part. */
const MANY = 300;

/** A caller whose heap has many pages that were written, all different. */
function busyCaller(): { caller: Caller; heap: bigint } {
  const caller = new Caller(2048, 8 * MIB);
  const heap = caller.process.start + 2n * BigInt(PAGE);
  for (let page = 0; page < MANY; page++)
    caller.poke(heap + BigInt(page * PAGE + page), Uint8Array.of(page, 1 + (page >> 8)));
  return { caller, heap };
}

/** Long calls, by name: with what they are made, given the heap and a handle of a VMO of many pages. */
const LONG_CALLS: Readonly<Record<string, (caller: Caller, heap: bigint) => (bigint | number)[]>> = {
  vmo_create: (_, heap) => [heap + 1n, MANY * PAGE - 2],
  vmo_commit: (_, heap) => [heap, MANY * PAGE],
  vmo_read: (caller, heap) => [caller.call('vmo_create', heap, MANY * PAGE), 5, heap + 1n, MANY * PAGE - 9],
  vmo_delta: (caller, heap) => {
    const patches = caller.end - BigInt(PAGE);
    const base = caller.call('vmo_zeros', MANY * PAGE);
    caller.poke(patches, words(3, heap, MANY * PAGE - 100, 0, heap, 7));
    return [base, patches, 2];
  },
};

t.test('long calls take time, as loops would, and whoever looks at the machine meanwhile changes nothing', (t) => {
  for (const [name, argumentsOf] of Object.entries(LONG_CALLS)) {
    const results = [false, true].map((isWatched) => {
      const { caller, heap } = busyCaller();
      const args = argumentsOf(caller, heap);
      const { ticks } = caller.machine.cpu;
      const states: string[] = [];
      if (isWatched) caller.onPart = () => states.push(caller.state());
      const result = caller.call(name, ...args);
      if (isWatched)
        t.ok(states.length > 3 && new Set(states).size === states.length, `${name}: ${states.length} parts`);
      return { result, ticks: caller.machine.cpu.ticks - ticks, state: caller.state() };
    });
    t.same(results[0], results[1], name);
    t.ok(results[0]!.ticks > (MANY * PAGE) / 16, `${name} takes ${results[0]!.ticks} ticks`);
  }
  t.end();
});

t.test('a process that ends in the midst of a long call leaves nothing', (t) => {
  for (const [name, argumentsOf] of Object.entries(LONG_CALLS)) {
    const { caller, heap } = busyCaller();
    const { machine, process } = caller;
    const args = argumentsOf(caller, heap);
    caller.onPart = () => machine.kernel.exits.end(process, 0);
    t.throws(() => caller.call(name, ...args), /ended as ended/);
    machine.kernel.finishEndings();
    machine.check();
    const { private: privates, clean, idle } = machine.pool.counters;
    t.same([privates, clean - idle], [0, 0], `${name}: frames`);
    const { pagesStored, published } = machine.store.counters;
    t.same([pagesStored, published], [KERNEL_PAGES, KERNEL_PAGES], `${name}: pages of VMOs`);
  }
  t.end();
});

t.test('who looks at the state of a machine opens no VMO by that', (t) => {
  const caller = new Caller();
  const { store } = caller.machine;
  caller.poke(caller.process.start + 3n * BigInt(PAGE), Uint8Array.of(1, 2, 3));
  const handle = caller.call('vmo_create', caller.process.start + 3n * BigInt(PAGE), 3);
  caller.call('vmo_map', handle, 0, 0, 3, 1);
  const before = store.openIds();
  const state = caller.state();
  t.same(store.openIds(), before);
  t.equal(caller.state(), state);
  caller.call('vmo_hash', handle, caller.end - 32n);
  t.equal(store.openIds().length, before.length + 1);
  t.not(caller.state(), state);
  t.end();
});

t.test('what programs copy into VMOs is bounded, and can be given back', async (t) => {
  const image = await compiled(fileURLToPath(new URL('../../../test/kernel/fill.c', import.meta.url)));
  const vmoBytes = 4 * MIB;
  for (const pages of [1, 100]) {
    const console = new ScriptedConsole();
    const options = { memoryBytes: 8 * MIB, engine: 'interpreter', sha256, console } as const;
    const computer = new Computer({ ...options, vmoBytes });
    const limitBytes = 64 * MIB;
    const process = computer.start(image, { name: 'fill', limitBytes, argv: ['fill', String(pages)] });
    t.match(computer.run(process), { kind: 'exited', exitCode: 0 });
    const lines = console.output.toString().trimEnd().split('\n');
    t.equal(lines.length, 3);
    for (const line of lines) {
      const [, made, error] = /^\w+: (\d+), then (-\d+)$/.exec(line)!;
      t.equal(error, '-12', line);
      const bytes = Number(made) * pages * PAGE;
      t.ok(bytes > 0.7 * vmoBytes && bytes <= vmoBytes, `${line}: ${bytes} bytes`);
    }
    t.ok(computer.statistics.vmos.pagesStored < 100, 'all is given back');
  }
});
