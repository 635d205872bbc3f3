/**
 * A run that is debugged is recorded with what the debugger changes: whatever is written, killed, mended or changed in the past, the
 * recording is of the run that there was in the end, and is the same again without a debugger, on every engine.
 */
import t from 'tap';
import {
  attachDebugger,
  attachRecorder,
  attachTimeline,
  Recording,
  Replay,
  verify,
  type Computer,
  type Debugger,
  type Process,
  type StopReason,
  type Timeline,
} from '../../src/index.js';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compiled, ScriptedConsole, sha256 } from '../support/guest-programs.js';
import { linuxProgram } from '../support/linux-programs.js';
import { Random } from '../support/random.js';
import { ENGINES } from '../support/side-by-side.js';
import { machineFor, MIB, programs } from '../support/snapshot-programs.js';
import { Computer as Machine } from '../../src/index.js';
import { seedOf, volume } from '../support/volume.js';

const seed = seedOf(20261203);
t.setTimeout(0);

const trapping = await compiled(fileURLToPath(new URL('../../../test/debug/trapping.c', import.meta.url)));

/** A machine that is debugged and recorded. */
class Session {
  readonly debug: Debugger;
  readonly done: string[] = [];
  private readonly timeline: Timeline;
  private readonly parts: Uint8Array[] = [];
  private readonly recorder;
  private isEnded = false;

  constructor(
    computer: Computer,
    private readonly program: Process,
    private readonly random: Random,
  ) {
    const write = (bytes: Uint8Array): void => void this.parts.push(bytes.slice());
    this.recorder = attachRecorder(computer, { write, sha256, hashTicks: 5000 });
    this.timeline = attachTimeline(computer, { historyBytes: 16 * MIB });
    this.debug = attachDebugger(computer, this.timeline);
  }

  get isOver(): boolean {
    return this.program.end !== undefined;
  }

  /** Does something that a person may do, or one of these. */
  act(...wanted: readonly string[]): void {
    const { random, debug } = this;
    const thread = debug.threads.length > 0 ? random.pick(debug.threads) : undefined;
    const rsp = thread ? debug.readRegister(thread.tid, 'rsp') : 0n;
    const actions: Readonly<Record<string, () => void>> = {
      run: () => this.run(1 + random.below(3000)),
      'run on': () => this.run(1 + random.below(3000)),
      'run far': () => this.run(1 + random.below(60_000)),
      step: () => void (thread && this.advance({ step: thread.tid, maxTicks: 50 })),
      back: () => {
        while (!debug.resume({ direction: 'backward', maxTicks: 1000 }));
      },
      goto: () => debug.goto(this.timeline.begin + random.below(this.timeline.end - this.timeline.begin + 1)),
      memory: () =>
        void debug.writeMemory(rsp - 256n - BigInt(random.below(64)), Uint8Array.of(random.below(256)), thread?.pid),
      register: () =>
        void (
          thread &&
          debug.writeRegister(thread.tid, random.pick(['r15', 'xmm3', 'mxcsr', 'x87', 'cr2'] as const), 0x1f80n)
        ),
      restore: () => thread && debug.restoreRegisters(thread.tid, debug.saveRegisters(thread.tid)),
      resize: () => debug.resizeTerminal(1 + random.below(200), 1 + random.below(300)),
      kill: () =>
        void (random.chance(8) && debug.processes.length > 1 && debug.kill(random.pick(debug.processes.slice(1)).pid)),
    };
    const name = random.pick(wanted.length > 0 ? wanted : Object.keys(actions).filter((name) => name !== 'run far'));
    this.done.push(`${name} at ${debug.ticks}`);
    actions[name]!();
  }

  /** Runs to the end of the program, or for many ticks. */
  finish(ticks = 50_000): void {
    const end = Math.max(this.timeline.end, this.debug.ticks) + ticks;
    while (!this.isOver && this.debug.ticks < end) if (!this.run(5000)) break;
  }

  /** Stops recording, and returns what was recorded. */
  recorded(): Recording {
    if (!this.isEnded) this.recorder.end({ what: 'test', exitCode: this.program.end?.exitCode });
    this.isEnded = true;
    const bytes = new Uint8Array(Buffer.concat(this.parts));
    const read = (offset: number, length: number): Uint8Array => bytes.slice(offset, offset + length);
    return Recording.read({ length: bytes.length, read }, sha256);
  }

  /** Returns false once nothing can happen any more. */
  private run(ticks: number): boolean {
    const reason = this.advance({ maxTicks: ticks });
    if (reason?.kind !== 'waiting') return true;
    if (reason.until < Infinity) this.debug.passTime(reason.until);
    return reason.until < Infinity || reason.forInput;
  }

  private advance(request: { readonly maxTicks: number; readonly step?: number }): StopReason | undefined {
    const maxTicks = Math.min(request.maxTicks, this.recorder.ticksToHash);
    const reason = this.debug.resume({ ...request, maxTicks });
    this.recorder.observe({ kind: !reason ? 'limit' : reason.kind === 'waiting' ? 'waiting' : 'stopped' });
    return reason;
  }
}

/** Replays on two engines. */
function replayed(recording: Recording): string[] {
  return (['interpreter', 'translator'] as const).map((engine) => {
    const verdict = verify(new Replay(recording, ENGINES[engine]));
    return verdict.kind === 'same' && verdict.hashes === recording.hashes ? 'same' : JSON.stringify(verdict);
  });
}

t.test('what a debugger changes, now and in the past, is part of the recording', (t) => {
  const random = new Random(seed);
  let changes = 0;
  for (let times = volume(4, 300); times > 0; times--) {
    const name = random.pick(programs);
    const { computer, program } = machineFor(name, random.pick([ENGINES.translator, ENGINES.interpreter]));
    const session = new Session(computer, program, random);
    for (let count = 40; count > 0 && !session.isOver; count--) session.act();
    if (random.chance(2)) session.finish();
    const recording = session.recorded();
    changes += session.done.filter((action) => /^(memory|register|restore|kill)/.test(action)).length;
    t.strictSame(replayed(recording), ['same', 'same'], `${name}: ${session.done.join(', ')}`);
  }
  t.ok(changes > 10, `${changes} changes`);
  t.end();
});

t.test('what Linux programs hear of their terminal is part of it', async (t) => {
  const path = await linuxProgram(fileURLToPath(new URL('../../../test/debug/terminal-sizes.c', import.meta.url)));
  const random = new Random(seed);
  const exitCodes = new Set<number | undefined>();
  for (let times = volume(3, 100); times > 0; times--) {
    const console = { write: () => {}, read: () => undefined, isTerminal: true };
    const engine = random.pick([ENGINES.translator, ENGINES.interpreter]);
    const computer = new Machine({ ...engine, memoryBytes: 32 * MIB, sha256, console });
    const program = computer.start(readFileSync(path), { name: 'sizes', limitBytes: 16 * MIB, linux: {} });
    const session = new Session(computer, program, random);
    for (let count = 30; count > 0 && !session.isOver; count--) session.act('run far', 'resize', 'run far', 'goto');
    session.finish(2_000_000);
    t.strictSame(replayed(session.recorded()), ['same', 'same'], session.done.join(', '));
    exitCodes.add(program.end?.exitCode);
  }
  t.ok(exitCodes.size > 1, 'they have heard of different sizes');
});

t.test('a trap that was mended, and input that was typed after going back, are part of it', (t) => {
  for (const engine of [ENGINES.interpreter, ENGINES.translator]) {
    const console = new ScriptedConsole([Buffer.from('a'), Buffer.from('b')]);
    const computer = new Machine({
      ...engine,
      memoryBytes: 16 * MIB,
      sha256,
      console: { write: () => {}, read: (max) => console.read(max) },
    });
    const program = computer.start(trapping, { name: 'trapping', limitBytes: 16 * MIB });
    const session = new Session(computer, program, new Random(1));
    const { debug } = session;
    const tid = debug.threads[0]!.tid;
    const trap = debug.run();
    t.equal(trap?.kind, 'trapped');
    // It reads through a pointer in rax, which leads nowhere.
    debug.writeRegister(tid, 'rax', debug.readRegister(tid, 'rsp'));
    const second = debug.run();
    t.equal(second?.kind, 'trapped');
    // Back to before the first trap, which is then left as it is.
    debug.goto(debug.ticks - 3);
    debug.writeRegister(tid, 'r15', 7n);
    t.equal(debug.run()?.kind, 'trapped');
    debug.writeRegister(tid, 'rax', debug.readRegister(tid, 'rsp'));
    t.equal(debug.run()?.kind, 'exited');
    const recording = session.recorded();
    t.strictSame(replayed(recording), ['same', 'same']);
    // What was typed first is forgotten, with the rest of what came later: it reads the second letter.
    t.equal(program.end?.exitCode, 1);
    const replay = new Replay(recording, engine);
    verify(replay);
    t.equal(replay.program.end?.exitCode, program.end?.exitCode);
  }
  t.end();
});
