/** A debugger of a machine: stops, motions, registers and memory, on every engine. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  Computer,
  PlacedImage,
  attachDebugger,
  type Debugger,
  type LineFinder,
  type Process,
  type StopReason,
} from '../../src/index.js';
import { ScriptedConsole, compiled, sha256 } from '../support/guest-programs.js';
import { bytesToHex } from '../../src/bits.js';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { REGISTERS, writeRegister } from '../../src/debug/gdb/registers.js';
import { sameMachines } from '../support/same-machines.js';
import { Random } from '../support/random.js';
import { ENGINES } from '../support/side-by-side.js';
import { seedOf, volume } from '../support/volume.js';

const source = fileURLToPath(new URL('../../../test/debug/debugger/motions.c', import.meta.url));
const image = await compiled(source, { compilerOptions: ['-O0', '-g'] });
const MIB = 2 ** 20;
/** Random places. */
const ROUNDS = volume(6, 100);

/** Lines of the source, from 1, by a part of their text. */

const text = readFileSync(source, 'utf8').split('\n');
const lineOf = (part: string): number => text.findIndex((line) => line.includes(part)) + 1;

t.setTimeout(0);

class Session {
  readonly console = new ScriptedConsole();
  readonly computer: Computer;
  readonly program: Process;
  readonly debugger: Debugger;
  readonly placed: PlacedImage;
  readonly lines: LineFinder;

  constructor(engine: (typeof ENGINES)[keyof typeof ENGINES], args: readonly string[] = []) {
    this.computer = new Computer({ ...engine, memoryBytes: 16 * MIB, sha256, console: this.console });
    const argv = ['motions', ...args];
    this.program = this.computer.start(image, { name: 'motions', argv, limitBytes: 8 * MIB });
    this.debugger = attachDebugger(this.computer);
    const { description } = this.program;
    this.placed = PlacedImage.read(this.program.image, description.entry);
    this.lines = (linear) => {
      const found = this.placed.line(linear);
      return found?.path.endsWith('motions.c') ? found : undefined;
    };
  }

  get main(): number {
    return this.debugger.processes[0]!.threads[0]!.tid;
  }

  register(name: 'rip' | 'rsp' | 'rax' | 'rdi', tid = this.main): bigint {
    return this.debugger.readRegisters(tid)[name];
  }

  get line(): number | undefined {
    return this.lines(this.register('rip'))?.line;
  }

  /** The address of a function or an object. */
  symbol(name: string): bigint {
    return this.placed.addressOf(name)!;
  }

  breakAt(name: string, tid?: number): StopReason | undefined {
    const request = { kind: 'code', address: this.symbol(name) } as const;
    const stop = this.debugger.addStop(tid === undefined ? request : { ...request, tid });
    const reason = this.debugger.run();
    this.debugger.removeStop(stop);
    return reason;
  }
}

function onEachEngine(name: string, args: readonly string[], play: (t: Test, session: Session) => void): void {
  for (const [engine, options] of Object.entries(ENGINES))
    t.test(`${name} on the ${engine}`, async (t) => play(t, new Session(options, args)));
}

onEachEngine('steps are the states of a run without a debugger', [], (t, session) => {
  const plain = new Computer({ memoryBytes: 16 * MIB, sha256, engine: 'evaluator' });
  const program = plain.start(image, { name: 'motions', argv: ['motions'], limitBytes: 8 * MIB });
  session.breakAt('main');
  for (let i = 0; i < 40; i++) {
    const { rip } = session.debugger.readRegisters(session.main);
    t.equal(session.debugger.run(session.debugger.step(session.main))?.kind, 'stepped');
    t.not(session.register('rip'), rip);
    plain.run(program, { maxTicks: session.computer.ticks - plain.ticks });
    sameMachines(t, session.computer, plain, `after ${session.computer.ticks} ticks`);
  }
});

/** Executes single instructions of a thread until it has returned from as many functions as it has entered, and `more`. */
function stepOut(session: Session, tid: number, more: number): void {
  const decoder = new Decoder();
  for (let depth = 0, first = true; first || depth > -more; first = false) {
    const bytes = session.debugger.readMemory(session.register('rip', tid), 15);
    const found = decoder.decode(bytes, 0, bytes.length);
    const mnemonic = typeof found === 'string' ? '' : found.form.row.mnemonic;
    session.debugger.run(session.debugger.step(tid));
    if (mnemonic === 'CALL') depth++;
    if (mnemonic === 'RET') depth--;
  }
}

t.test('finish and stepOver do what single steps do, from any place, while another thread runs', async (t) => {
  const random = new Random(seedOf(1));
  for (let round = 0; round < ROUNDS; round++) {
    const ticks = random.below(4000);
    const motion = random.pick(['finish', 'stepOver'] as const);
    const [expected, ...sessions] = Object.values(ENGINES).map((engine) => {
      const session = new Session(engine, ['threads']);
      const { main } = session;
      session.breakAt('fib', main);
      session.debugger.run(undefined, { maxTicks: ticks });
      session.debugger.run(session.debugger.step(main));
      return session;
    }) as [Session, ...Session[]];
    const { main } = expected;
    stepOut(expected, main, motion === 'finish' ? 1 : 0);
    for (const session of sessions) {
      t.equal(session.debugger.run(session.debugger[motion](main))?.kind, 'stepped');
      t.equal(
        session.register('rip', main),
        expected.register('rip', main),
        `${motion} ${ticks} ticks after fib began`,
      );
      t.equal(session.computer.ticks, expected.computer.ticks);
      sameMachines(t, session.computer, expected.computer);
    }
  }
});

onEachEngine('next goes from line to line, and over recursive calls', ['threads'], (t, session) => {
  t.equal(session.breakAt('main')?.kind, 'breakpoint');
  const { main } = session;
  const seen: (number | undefined)[] = [];
  while (session.line !== lineOf('sum += fib(10)')) {
    t.equal(session.debugger.run(session.debugger.nextLine(main, session.lines))?.kind, 'stepped');
    seen.push(session.line);
  }
  const loop = [lineOf('sum += twice(i)'), lineOf('for (int i = 0; i < 3')];
  t.ok(seen.length > 3 && seen.filter((line) => loop.includes(line!)).length >= 3, seen.join());
  t.equal(session.debugger.run(session.debugger.nextLine(main, session.lines))?.kind, 'stepped');
  t.equal(session.line, lineOf('memset(buffer'));
});

onEachEngine('step enters functions, and finish leaves the current frame only', [], (t, session) => {
  session.breakAt('fib');
  const { main } = session;
  const callerRsp = session.register('rsp') + 8n;
  t.equal(session.register('rdi') & 0xffn, 10n);
  while (session.register('rdi') !== 9n) session.debugger.run(session.debugger.stepLine(main, session.lines));
  t.equal(session.placed.symbols(session.register('rip'))?.name, 'fib', 'in the inner call');
  t.equal(session.debugger.run(session.debugger.finish(main))?.kind, 'stepped');
  t.equal(session.register('rax'), 34n, 'fib(9)');
  t.equal(session.debugger.run(session.debugger.finish(main))?.kind, 'stepped');
  t.equal(session.register('rax'), 55n, 'fib(10)');
  t.equal(session.register('rsp'), callerRsp);
});

onEachEngine('until stops in this frame or above, whatever other threads do', ['threads'], (t, session) => {
  const { main } = session;
  session.breakAt('fib', main);
  const rsp = session.register('rsp');
  const returnAddress = new DataView(session.debugger.readMemory(rsp, 8).buffer).getBigUint64(0, true);
  t.equal(session.debugger.run(session.debugger.until(main, returnAddress))?.kind, 'stepped');
  t.equal(session.register('rax'), 55n);
  t.equal(session.register('rsp'), rsp + 8n);
});

onEachEngine('data stops see instructions, REP and kernel calls', [], (t, session) => {
  const { debugger: target } = session;
  const counter = session.symbol('counter');
  const write = target.addStop({ kind: 'write', address: counter, lengthBytes: 4 });
  for (let i = 1; i <= 3; i++) {
    const reason = target.run();
    t.match(reason, { kind: 'watchpoint', stop: write, address: counter, access: 'write' });
    t.equal(target.readMemory(counter, 1)[0], i, 'after the instruction');
  }
  target.removeStop(write);
  const buffer = session.symbol('buffer');
  const last = target.addStop({ kind: 'access', address: buffer + 39n });
  t.match(target.run(), { kind: 'watchpoint', stop: last, address: buffer + 39n, access: 'write' });
  t.equal(target.readMemory(buffer + 39n, 1)[0], 'x'.charCodeAt(0));
  target.removeStop(last);
  // Beyond what memset wrote: only vmo_create reads it.
  const beyond = target.addStop({ kind: 'read', address: buffer + 50n });
  t.match(target.run(), { kind: 'watchpoint', stop: beyond, address: buffer + 50n, access: 'read' });
  t.equal(session.lines(session.register('rip')), undefined, 'in a function of bd0.h');
  target.removeStop(beyond);
  const reads: boolean[] = [];
  let text = '';
  const remove = target.hooks.onKernelCall(({ name, arguments: [start, length] }) => {
    if (name === 'console_write') text += Buffer.from(target.readMemory(start!, Number(length))).toString();
  });
  const stackOrHeap = target.memoryMap.filter(({ what }) => what !== 'page tables' && what !== 'kernel page');
  const removeMemory = stackOrHeap.map(({ start, lengthBytes }) =>
    target.hooks.onMemory(
      { kind: 'read', address: start, lengthBytes: Number(lengthBytes) },
      ({ isByKernel }) => void reads.push(isByKernel),
    ),
  );
  t.match(target.run(), { kind: 'exited', exitCode: 61 });
  t.equal(text, 'done\n');
  t.ok(reads.includes(true) && reads.includes(false), 'reads by instructions and by console_write');
  remove();
  removeMemory.forEach((each) => each());
});

onEachEngine('a trap stops before the process ends, and can be mended', ['x', '0x1000'], (t, session) => {
  const { debugger: target } = session;
  const trapped = target.run();
  t.match(trapped, { kind: 'trapped', report: { exitCode: 139 } });
  const hash = session.computer.machineHash();
  t.equal(session.program.end, undefined);
  const { main } = session;
  const registers = target.readRegisters(main);
  t.equal(registers.control.cr2, 0x1000n);
  t.equal(session.computer.machineHash(), hash, 'reading changes nothing');
  const bad = (['rax', 'rcx', 'rdx', 'rbx', 'rsi', 'rdi'] as const).find((name) => registers[name] === 0x1000n)!;
  t.ok(target.writeRegister(main, bad, session.symbol('buffer')));
  t.match(target.run(), { kind: 'exited', exitCode: 61 });
});

onEachEngine(
  'the registers that a called function changes can be put back one by one, as gdb does it',
  [],
  (t, session) => {
    const { debugger: target, main } = session;
    const saved = (): string[] => REGISTERS.map(({ read }) => bytesToHex(read(target.readRegisters(main))));
    const before = saved();
    const put = (name: string, bytes: Uint8Array): boolean =>
      writeRegister(
        target,
        main,
        REGISTERS.find((register) => register.name === name)!,
        bytes,
      );
    const stack = Array.from({ length: 8 }, (_, i) => Uint8Array.of(i, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f));
    stack.forEach((bytes, i) => t.ok(put(`st${i}`, bytes)));
    // Another top of the stack, and flags; all registers in use but one.
    t.ok(put('fstat', Uint8Array.of(0, 0x19, 0, 0)) && put('ftag', Uint8Array.of(0, 0xc0, 0, 0)));
    for (const name of ['fctrl', 'fiseg', 'fioff', 'foseg', 'fooff', 'fop'])
      t.ok(put(name, Uint8Array.of(0x7f, 3, 0, 0)));
    t.ok(put('cr2', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
    const values = new Map(REGISTERS.map(({ name }, i) => [name, saved()[i]!]));
    t.strictSame(
      stack.map((_, i) => values.get(`st${i}`)),
      stack.map(bytesToHex),
    );
    t.strictSame(
      ['fstat', 'ftag', 'fop'].map((name) => values.get(name)),
      ['00190000', '00c00000', '7f030000'],
    );
    t.equal(values.get('cr2'), '0102030405060708');
    t.notOk(put('cr3', new Uint8Array(8).fill(1)), 'what must not be changed');
    REGISTERS.forEach((register, i) => {
      if (!writeRegister(target, main, register, Buffer.from(before[i]!, 'hex'))) t.fail(register.name);
    });
    t.strictSame(saved(), before);
  },
);

onEachEngine('a process that trapped ends when it is resumed', ['x', '0x1000'], (t, session) => {
  const { debugger: target } = session;
  t.equal(target.run()?.kind, 'trapped');
  t.match(target.run(), { kind: 'exited', exitCode: 139 });
  const plain = new Computer({ memoryBytes: 16 * MIB, sha256, engine: 'evaluator' });
  plain.run(plain.start(image, { name: 'motions', argv: ['motions', 'x', '0x1000'], limitBytes: 8 * MIB }));
  t.equal(session.computer.ticks, plain.ticks);
  sameMachines(t, session.computer, plain);
});

t.test('code without stops is translated to the same bytes while a debugger is attached', async (t) => {
  const translate = (isAttached: boolean): { modules: string[]; hash: string; ticks: number } => {
    const modules: string[] = [];
    const computer = new Computer({
      ...{ memoryBytes: 16 * MIB, sha256, translationThreshold: 0 },
      onTranslated: ({ bytes }) => modules.push(Buffer.from(sha256(bytes)).toString('hex')),
    });
    const program = computer.start(image, { name: 'motions', argv: ['motions'], limitBytes: 8 * MIB });
    if (!isAttached) computer.run(program);
    else {
      const target = attachDebugger(computer);
      target.addStop({ kind: 'code', address: program.start });
      const stop = target.addStop({ kind: 'write', address: program.start, lengthBytes: 8 });
      t.match(target.run(), { kind: 'exited' });
      target.removeStop(stop);
    }
    return { modules, hash: computer.machineHash(), ticks: computer.ticks };
  };
  const plain = translate(false);
  t.ok(plain.modules.length > 10);
  t.same(translate(true), plain);
});

onEachEngine('hooks are called for every instruction and block of a range', [], (t, session) => {
  const { debugger: target } = session;
  const start = session.symbol('twice');
  const range = { address: start, lengthBytes: 16 };
  const code: bigint[] = [];
  const blocks: bigint[] = [];
  let faults = 0;
  target.hooks.onCode(range, ({ address }) => void code.push(address));
  target.hooks.onBlock(range, ({ address }) => void blocks.push(address));
  target.hooks.onFault(() => void faults++);
  t.match(target.run(), { kind: 'exited' });
  t.equal(code.filter((address) => address === start).length, 3);
  t.ok(code.length > 6);
  t.same(blocks.filter((address) => address === start).length, 3);
  t.equal(faults, session.computer.statistics.faults);
});

onEachEngine('stops stay when the machine goes back', [], (t, session) => {
  const { debugger: target, computer } = session;
  const stop = target.addStop({ kind: 'code', address: session.symbol('fib') });
  const twice = target.addStop({ kind: 'write', address: session.symbol('counter'), lengthBytes: 4 });
  t.match(target.run(), { kind: 'watchpoint', stop: twice });
  target.run(undefined, { maxTicks: 1 });
  const snapshot = computer.snapshot();
  const play = (): string[] => {
    const seen: string[] = [];
    for (let reason; reason?.kind !== 'exited' && seen.length < 30;) {
      reason = target.run();
      seen.push(`${computer.ticks} ${reason?.kind} ${computer.machineHash()}`);
    }
    return seen;
  };
  const first = play();
  t.equal(first.length, 30);
  computer.restore(snapshot);
  target.restored();
  t.same(play(), first);
  target.removeStop(stop);
  t.match(target.run(), { kind: 'exited', exitCode: 61 });
  computer.restore(snapshot);
  target.restored();
  t.match(target.run(), { kind: 'watchpoint', stop: twice });
});

onEachEngine('a hook stops the machine after a fault or a kernel call', [], (t, session) => {
  const { debugger: target } = session;
  const remove = target.hooks.onFault(() => 'stop');
  t.match(target.run(), { kind: 'hook', tid: session.main });
  const { faults } = session.computer.statistics;
  t.equal(faults, 1);
  remove();
  const names: (string | undefined)[] = [];
  target.hooks.onKernelCall(({ name }) => {
    names.push(name);
    return name === 'console_write' ? 'stop' : undefined;
  });
  t.match(target.run(), { kind: 'hook', tid: session.main });
  t.equal(names.at(-1), 'console_write');
  t.equal(session.console.output.toString(), 'done\n');
  t.match(target.run(), { kind: 'exited', exitCode: 61 });
});

onEachEngine('threads and registers of all of them', ['threads'], (t, session) => {
  const { debugger: target } = session;
  session.breakAt('spin');
  t.equal(target.threads.length, 2);
  const [main, other] = target.threads.map(({ tid }) => tid) as [number, number];
  t.equal(target.findThread(other)?.state, 'running');
  t.equal(target.findThread(other)?.name, 'motions/2');
  const hash = session.computer.machineHash();
  const before = target.readRegisters(main);
  t.ok(target.writeRegister(main, 'rbx', 0x1234n) && target.writeRegister(main, 'xmm3', 7n << 64n));
  t.equal(target.readRegisters(main).rbx, 0x1234n);
  t.equal(target.readRegisters(main).xmm[3]![8], 7);
  t.not(session.computer.machineHash(), hash);
  target.writeRegister(main, 'rbx', before.rbx);
  t.ok(target.writeRegister(main, 'ymm15h', 9n << 120n), 'so has the upper half of YMM15');
  t.equal(target.readRegisters(main).ymmHigh[15]![15], 9);
  t.notOk(target.writeRegister(main, 'ymm16h', 0n), 'there are 16');
  target.writeRegister(main, 'ymm15h', 0n);
  target.writeRegister(main, 'xmm3', 0n);
  t.equal(target.readRegisters(main).rip, before.rip);
  t.notOk(target.writeRegister(main, 'rip', 1n << 60n), 'not canonical');
  t.notOk(target.writeRegister(main, 'cs', 1n), 'read-only');
  const steps = target.run(target.step(main), { maxTicks: 5_000_000 });
  t.match(steps, { kind: 'stepped', tid: main });
});

onEachEngine(
  'a hook sees a kernel call before it is made, changes or answers it, and stops there',
  [],
  (t, session) => {
    const { debugger: target, main, computer } = session;
    const plain = new Computer({ memoryBytes: 16 * MIB, sha256, engine: 'evaluator' });
    const program = plain.start(image, { name: 'motions', argv: ['motions'], limitBytes: 8 * MIB });
    const before: (string | undefined)[] = [];
    const after: (string | undefined)[] = [];
    let answer: 'stop' | undefined;
    const remove = target.hooks.onKernelCallStart(({ name, thread, number, arguments: args, next }) => {
      before.push(name);
      t.equal(thread.tid, main);
      t.equal(target.readRegister(main, 'rax'), number);
      t.equal(target.readRegister(main, 'rdi'), args[0]);
      t.equal(next, session.register('rip') + 3n);
      return answer;
    });
    target.hooks.onKernelCall(({ name }) => void after.push(name));
    answer = 'stop';
    for (let count = 0; count < 2; count++) {
      t.match(target.run(), { kind: 'hook', tid: main });
      t.equal(before.length, after.length + 1, 'once, before the call');
      plain.run(program, { maxTicks: computer.ticks - plain.ticks });
      sameMachines(t, computer, plain, `before ${before.at(-1)}`);
      const { ticks } = computer;
      t.match(target.run(target.step(main)), { kind: 'stepped' });
      t.ok(computer.ticks > ticks);
      t.strictSame(before, after);
    }
    answer = undefined;
    remove();
    const seen = before.length;
    const changing = target.hooks.onKernelCallStart(({ name, arguments: [, length], next }) => {
      if (name === 'exit') target.writeRegister(main, 'rdi', 5n);
      if (name !== 'console_write') return;
      // The hook answers in the kernel's place.
      target.writeRegister(main, 'rax', length!);
      target.writeRegister(main, 'rip', next);
    });
    t.match(target.run(), { kind: 'exited', exitCode: 5 });
    t.equal(session.console.output.toString(), '');
    t.equal(after.includes('console_write'), false);
    t.equal(before.length, seen, 'the hook was removed');
    changing();
  },
);
