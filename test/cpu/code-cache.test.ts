/** Compiled code is found again by its content, and the cache stays within its budget. */
import t from 'tap';
import { PAGE_SIZE } from '../../src/bits.js';
import type { CpuEvent } from '../../src/cpu/cpu.js';
import { RAX, RBX, RCX, RSP, SINGLE_MISS } from '../../src/cpu/state/layout.js';
import { CodeCache, MODULE_COST_BYTES, costOf } from '../../src/cpu/translator/cache/code-cache.js';
import type { TranslatorOptions } from '../../src/cpu/translator/options.js';
import { MOST_REGIONS } from '../../src/cpu/translator/region-entries.js';
import type { TranslationStats } from '../../src/index.js';
import { Computer, type Process } from '../../src/index.js';
import { guestImage, runGuest, sha256 } from '../support/guest-programs.js';
import {
  Bytes,
  hotCodeOf,
  READ_ONLY,
  READ_WRITE,
  smallMachine,
  type SmallMachine,
} from './translator/small-machine.js';
import { sameMachines } from '../support/same-machines.js';
import { wasmText } from '../../src/debug/wasm-text/wasm-text.js';

const CODE = 0x10_0000n;
const OTHER = 0x7f00_1234_5000n;
/** Frames that no page table uses. */
const FRAME = 0x2_0000;
const OTHER_FRAME = 0x2_1000;
const STACK_FRAME = 0x2_2000;
const VMCALL = [0x0f, 0x01, 0xc1];

/** Adds `step` to RAX, RCX times; then VMCALL. Nothing after it is read ahead. */
function loop(step: number): number[] {
  // ADD EAX, step; DEC ECX; JNZ; VMCALL; JMP to itself
  return [...[0x83, 0xc0, step], ...[0xff, 0xc9], ...[0x75, 0xf9], ...VMCALL, ...[0xeb, 0xfe]];
}

/** A machine that translates before it runs, with one frame of code at two places and another frame at a third. */
function machine(): SmallMachine {
  const made = smallMachine('auto', 0);
  made.tables.map(CODE, FRAME, READ_WRITE);
  made.tables.map(OTHER, FRAME, READ_ONLY);
  return made;
}

function put({ cpu, memory }: SmallMachine, frame: number, bytes: readonly number[], offset = 0): void {
  memory.ram.set(bytes, frame + offset);
  cpu.linearMemory.stored(frame + offset, bytes.length);
}

/** Runs from `rip` to the event with RCX = 10; returns the event and RAX. */
function runFrom({ cpu }: SmallMachine, rip: bigint, ticks = 1000): { event: CpuEvent; rax: bigint } {
  cpu.state.rip = rip;
  cpu.state.setGpr(RAX, 0n);
  cpu.state.setGpr(RCX, 10n);
  return { event: cpu.run(ticks), rax: cpu.state.gpr(RAX) };
}

/** Number of modules compiled so far, and of modules found instead. */
function counts({ cpu }: SmallMachine): [modules: number, hits: number] {
  const { modulesInAll, hitsByContent } = cpu.translationStats!;
  return [modulesInAll, hitsByContent];
}

t.test('one module serves a frame at two addresses and another frame with equal content', async (t) => {
  const made = machine();
  put(made, FRAME, loop(1));
  t.match(runFrom(made, CODE), { event: { kind: 'vmcall' }, rax: 10n });
  t.strictSame(counts(made), [1, 0]);
  t.equal(runFrom(made, OTHER).rax, 10n);
  t.strictSame(counts(made), [1, 1]);
  t.equal(made.cpu.translationStats!.regionsLive, 2);

  const third = 0xffff_8000_0000_0000n;
  made.tables.map(third, OTHER_FRAME, READ_ONLY);
  put(made, OTHER_FRAME, loop(1));
  t.equal(runFrom(made, third).rax, 10n);
  t.strictSame(counts(made), [1, 2]);
});

t.test('code that is overwritten and then restored is compiled once', async (t) => {
  const made = machine();
  for (const [step, expected] of [
    [1, [1, 0]],
    [2, [2, 0]],
    [1, [2, 1]],
    [2, [2, 2]],
    [3, [3, 2]],
  ] as const) {
    put(made, FRAME, loop(step));
    t.equal(runFrom(made, CODE).rax, BigInt(10 * step));
    t.strictSame(counts(made), expected);
  }
  t.equal(made.cpu.translationStats!.regionsDropped, 4);
});

t.test('a changed mapping drops regions, not compiled code', async (t) => {
  const made = machine();
  put(made, FRAME, loop(1));
  put(made, OTHER_FRAME, loop(5));
  t.equal(runFrom(made, CODE).rax, 10n);
  const entry = made.tables.entryAddress(CODE);
  made.memory.write64(entry, (made.memory.read64(entry) & 0xfffn) | BigInt(OTHER_FRAME));
  made.cpu.linearMemory.stored(entry, 8);
  made.cpu.mmu.flush();
  t.equal(runFrom(made, CODE).rax, 50n);
  t.equal(runFrom(made, OTHER).rax, 10n);
  t.strictSame(counts(made), [2, 1]);
});

t.test('changing any translated byte gives different code; changing the bytes around it does not', async (t) => {
  const bytes = loop(1);
  const made = machine();
  put(made, FRAME, bytes);
  runFrom(made, CODE);
  // EAX to ECX, the constant, ECX to EAX, where the jump goes, JNZ to JZ, VMCALL to no instruction at all.
  for (const at of [1, 2, 4, 6, 5, 9]) {
    const [modules] = counts(made);
    put(made, FRAME, [bytes[at]! ^ 1], at);
    runFrom(made, CODE, 30);
    t.ok(counts(made)[0] > modules, `byte ${at}`);
    put(made, FRAME, bytes);
  }
  const [modules, hits] = counts(made);
  put(made, FRAME, [1], bytes.length);
  t.equal(runFrom(made, CODE).rax, 10n);
  t.strictSame(counts(made), [modules, hits + 1]);
});

t.test('the same code at another page offset, or with another entry, is different code', async (t) => {
  const made = machine();
  put(made, FRAME, loop(1));
  put(made, FRAME, loop(1), 64);
  runFrom(made, CODE);
  t.equal(runFrom(made, CODE + 64n).rax, 10n);
  t.strictSame(counts(made), [2, 0]);
  t.equal(runFrom(made, OTHER + 3n).rax, 9n, 'ADD is skipped once');
  t.strictSame(counts(made), [3, 0]);
});

t.test('the set of checks limited to their own access is part of the key', async (t) => {
  const made = machine();
  put(made, FRAME, loop(1));
  runFrom(made, CODE);
  runFrom(made, OTHER);
  t.strictSame(counts(made), [1, 1]);
  const { hot } = hotCodeOf(made.cpu);
  const missed = (rip: bigint): void => hot.checksMissed(rip, 0, Infinity);
  missed(CODE + 0x800n);
  t.strictSame(counts(made), [1, 2], 'an address outside of the code is none of its content');
  missed(CODE + 3n);
  t.strictSame(counts(made), [2, 2]);
  missed(OTHER + 3n);
  t.strictSame(counts(made), [2, 3], 'it is counted from the base');
  made.memory.host32[SINGLE_MISS >> 2] = 1;
  missed(CODE + 3n);
  t.strictSame(counts(made), [3, 3], 'accesses are made across pages');
  missed(CODE + 5n);
  t.strictSame(counts(made), [3, 3], 'but not before misses are known to be frequent');
  t.equal(runFrom(made, CODE).rax, 10n);
});

t.test('whether a branch target is canonical is part of the key', async (t) => {
  const last = 0x7fff_ffff_f000n;
  const run = (engine: 'auto' | 'evaluator'): unknown => {
    const made = smallMachine(engine, 0);
    made.tables.map(CODE, FRAME, READ_ONLY);
    made.tables.map(CODE + 0x1000n, OTHER_FRAME, READ_ONLY);
    made.tables.map(last, FRAME, READ_ONLY);
    put(made, FRAME, new Bytes().put(0xff, 0xc0).jump(0x1000).bytes); // INC EAX; JMP to the next page
    put(made, OTHER_FRAME, VMCALL);
    const results = [CODE, last, CODE, last].map((rip) => runFrom(made, rip, 10));
    if (engine === 'auto') t.ok(counts(made)[0] >= 2);
    return [results, made.cpu.ticks];
  };
  t.same(run('auto'), run('evaluator'));
});

t.test('code that wraps from the last page to the first is found by its content', async (t) => {
  const top = 0xffff_ffff_ffff_f000n;
  const run = (engine: 'auto' | 'evaluator'): unknown => {
    const made = smallMachine(engine, 0);
    for (const [page, frame] of [
      [CODE, FRAME],
      [CODE + 0x1000n, OTHER_FRAME],
      [top, FRAME],
      [0n, OTHER_FRAME],
    ] as const)
      made.tables.map(page, frame, READ_ONLY);
    // INC EAX over the end of the page, and a jump there and back.
    put(made, FRAME, [0xff], 0xfff);
    put(made, OTHER_FRAME, [0xc0, ...[0xff, 0xc9], ...[0x75, 0xfb], ...VMCALL]); // DEC ECX; JNZ to INC
    const results = [CODE, top, CODE, top].map((page) => runFrom(made, page + 0xfffn, 100));
    return [results, made.cpu.ticks];
  };
  t.same(run('auto'), run('evaluator'));
});

t.test('a second process from the same image compiles nothing, whatever its address', async (t) => {
  const computer = new Computer({ memoryBytes: 2 ** 24, sha256, translationThreshold: 0 });
  const image = await guestImage('fib');
  const start = (): Process => computer.start(image, { name: 'fib', limitBytes: 2 ** 24, argv: ['fib', '12'] });
  const processes = [start(), start()];
  const run = (): TranslationStats => {
    t.match(computer.run(processes.shift()!), { kind: 'exited', exitCode: 0 });
    return computer.statistics.translation!;
  };
  const first = run();
  t.ok(first.modulesInAll > 5);
  const second = run();
  t.equal(second.modulesInAll, first.modulesInAll);
  t.equal(second.instructionsTranslated, first.instructionsTranslated);
  t.ok(second.hitsByContent - first.hitsByContent >= first.modulesInAll);
});

t.test('a program restarted at the same address decodes nothing and reuses its regions', async (t) => {
  const image = await guestImage('fib');
  for (const translationThreshold of [0, 2]) {
    const computer = new Computer({ memoryBytes: 2 ** 24, sha256, translationThreshold });
    const other = await guestImage('echo');
    const run = (bytes: Uint8Array, argv: string[]): Process => {
      const process = computer.start(bytes, { name: argv[0]!, limitBytes: 2 ** 24, argv });
      t.match(computer.run(process), { kind: 'exited', exitCode: 0 });
      return process;
    };
    const first = run(image, ['fib', '12']);
    const runOther = (): Process => run(other, ['echo', 'something else at the same place']);
    runOther();
    // Pages of the library that both images have at the same place are decoded once more: what follows finds all of it.
    run(image, ['fib', '12']);
    runOther();
    const before = computer.statistics;
    const { regionsResumed } = before.translation!;
    t.ok(before.decoded > 100, `${before.decoded} instructions decoded`);
    const second = run(image, ['fib', '12']);
    t.equal(second.start, first.start);
    const after = computer.statistics;
    t.equal(after.decoded, before.decoded);
    if (translationThreshold === 0) t.ok(after.translation!.regionsResumed >= regionsResumed + 5);
  }
});

t.test('results are the same with room for only a few modules', async (t) => {
  const image = guestImage('paging');
  const args = ['60'];
  const expected = await runGuest(image, { args, engine: 'interpreter' });
  for (const codeBudgetBytes of [0, 50_000]) {
    const run = await runGuest(image, { args, translationThreshold: 0, codeBudgetBytes });
    t.strictSame(run.output, expected.output);
    sameMachines(t, run.computer, expected.computer);
    const { regionsEvicted, modules, wasmBytes } = run.statistics.translation!;
    t.ok(regionsEvicted > 10, `${regionsEvicted} evicted`);
    t.ok(
      modules === 1 || modules * MODULE_COST_BYTES + wasmBytes <= codeBudgetBytes,
      `${modules} modules of ${wasmBytes} bytes`,
    );
  }
});

t.test('when all region slots are taken, the least used region is evicted', async (t) => {
  const pages = MOST_REGIONS + 1000;
  const run = (engine: 'auto' | 'evaluator'): unknown => {
    const made = smallMachine(engine, 0);
    const { cpu, tables } = made;
    tables.map(CODE, FRAME, READ_ONLY);
    tables.map(CODE - 0x1000n, STACK_FRAME, READ_WRITE);
    for (let i = 0; i < pages; i++) tables.map(OTHER + BigInt(i * PAGE_SIZE), OTHER_FRAME, READ_ONLY);
    // CALL RBX; ADD RBX, 4096; DEC ECX; JNZ; VMCALL
    put(made, FRAME, [0xff, 0xd3, 0x48, 0x81, 0xc3, 0, 0x10, 0, 0, 0xff, 0xc9, 0x75, 0xf3, ...VMCALL]);
    put(made, OTHER_FRAME, [0xff, 0xc0, 0xc3]); // INC EAX; RET
    const results = [1, 2].map(() => {
      cpu.state.rip = CODE;
      cpu.state.setGpr(RSP, CODE);
      cpu.state.setGpr(RBX, OTHER);
      cpu.state.setGpr(RCX, BigInt(pages));
      return [cpu.run(1e6), cpu.ticks, cpu.state.gpr(RAX), cpu.state.rip];
    });
    if (engine === 'auto') {
      const { regionsLive, regionsEvicted, modules } = cpu.translationStats!;
      t.equal(regionsLive, MOST_REGIONS);
      t.ok(regionsEvicted > 2000 && modules < 100, `${regionsEvicted} evicted, ${modules} modules`);
    }
    return results;
  };
  t.same(run('auto'), run('evaluator'));
});

/** The first module that a machine makes from `code`. */
function firstModule(code: readonly number[], options: Partial<TranslatorOptions> = {}): Uint8Array {
  const modules: Uint8Array[] = [];
  const made = smallMachine('auto', { ...options, threshold: 0, onTranslated: ({ bytes }) => modules.push(bytes) });
  made.tables.map(CODE, FRAME, READ_ONLY);
  put(made, FRAME, code);
  runFrom(made, CODE);
  return modules[0]!;
}

/** How many types a module has, and the names of what it imports. */
function typesAndImports(bytes: Uint8Array): { types: number; imports: string[] } {
  // Behind magic and version: the type section's number, its length, which is less than 128, and how many types there are.
  if (bytes[8] !== 1) throw new Error('the first section is not that of types');
  return {
    types: bytes[10]!,
    imports: WebAssembly.Module.imports(new WebAssembly.Module(bytes as BufferSource)).map(({ name }) => name),
  };
}

t.test(
  'addresses of code are sums of a base that is loaded, where V8 would compute all of them on every entry',
  async (t) => {
    // MOV EAX, [RIP + 0], twice.
    const loads = [0x8b, 0x05, 0, 0, 0, 0, 0x8b, 0x05, 0, 0, 0, 0];
    const linesOf = (mostInLocals: number): string[] =>
      wasmText(firstModule([...loads, ...VMCALL], { mostInLocals })).map(({ text }) => text.trim());
    const BASE = 'local.get $l2';
    const lines = linesOf(0);
    t.equal(lines.filter((line) => line === BASE).length, 1, 'the base is stored once');
    const place = /offset=\d+/.exec(lines[lines.indexOf(BASE) + 1]!)?.[0];
    t.ok(place, 'where it is stored');
    const loadsOfBase = (text: readonly string[]): number =>
      text.filter((line) => line.startsWith('i64.load') && line.includes(place!)).length;
    t.ok(loadsOfBase(lines) >= 2, `and loaded for each address, ${loadsOfBase(lines)} times`);
    const small = linesOf(100);
    t.ok(small.filter((line) => line === BASE).length >= 2, 'in a small region, its local serves');
    t.equal(loadsOfBase(small), 0);
  },
);

t.test("a module declares only the types that its code calls, since V8 never frees a module's types", async (t) => {
  t.strictSame(typesAndImports(firstModule(loop(1))), { types: 1, imports: ['memory', 'regions'] });
  // LAHF, with flags of which nothing is known.
  t.strictSame(typesAndImports(firstModule([0x9f, ...VMCALL])), {
    types: 2,
    imports: ['memory', 'flagBits', 'regions'],
  });
});

const NO_CODE = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));

t.test('the cache counts its content and finds the least recently used entry', async (t) => {
  const cache = new CodeCache();
  const make = (key: string, wasmBytes: number): Parameters<CodeCache['add']>[0] => ({
    ...{ key, wasmBytes, entries: [0n], minimumTicks: 1, bestEntries: new Map() },
    module: NO_CODE,
    run: () => 0,
  });
  const [a, b, c] = [make('a', 10), make('b', 20), make('c', 30)];
  for (const code of [a, b, c]) t.equal(cache.add(code), code);
  t.equal(cache.add(make('b', 20)), b, 'what came first stays');
  t.strictSame([cache.size, cache.wasmBytes, cache.costBytes], [3, 60, costOf(a) + costOf(b) + costOf(c)]);
  t.equal(cache.find('a'), a);
  t.equal(
    cache.oldestUnused(() => false),
    c,
  );
  t.equal(
    cache.oldestUnused((code) => code === c),
    b,
  );
  t.equal(
    cache.oldestUnused(() => true),
    undefined,
  );
  cache.delete(b);
  t.equal(cache.find('b'), undefined);
  t.strictSame([cache.size, cache.wasmBytes, cache.costBytes], [2, 40, costOf(a) + costOf(c)]);
  t.throws(() => cache.delete(b), /twice/);
});
