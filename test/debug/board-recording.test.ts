/** Recordings of boards: input at random ticks, idle time that the host lets pass, and what a debugger changes, on every engine. */
import t from 'tap';
import {
  attachDebugger,
  attachRecorder,
  attachTimeline,
  Board,
  BoardMachine,
  boot,
  compareRecordings,
  Recording,
  replayOf,
  verify,
} from '../../src/index.js';
import { sha256 } from '../../src/host/sha256.js';
import { kernelMachine } from '../support/board-machine.js';
import { multibootKernel } from '../support/multiboot.js';
import { Random } from '../support/random.js';
import { seedOf } from '../support/volume.js';

t.setTimeout(0);

const seed = seedOf(20261201);

/** Adds up what arrives at the serial port, waits for it by HLT, and ends the run at a newline, in 32-bit code. */
const ECHO = [
  ...[0xbc, 0x00, 0x80, 0x00, 0x00, 0x0f, 0x01, 0x1d, 0xa0, 0x00, 0x10, 0x00], // mov esp, 8000h; lidt [1000a0h]
  ...[0x0f, 0x01, 0x15, 0xa8, 0x00, 0x10, 0x00], // lgdt [1000a8h]
  ...[0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21], // ICW1 to ICW4
  ...[0xb0, 0xef, 0xe6, 0x21], // IRQ 4 alone
  ...[0x66, 0xba, 0xf9, 0x03, 0xb0, 0x01, 0xee, 0xb2, 0xfc, 0xb0, 0x0b, 0xee], // interrupts for received data, with OUT2
  ...[0xfb, 0xf4, 0xeb, 0xfc], // sti; hlt; back to sti
];
/** The handler: reads the port, adds it up in EBX, sends it, and ends with exit port F4h at a newline. */
const HANDLER = [
  ...[0x66, 0xba, 0xf8, 0x03, 0xec, 0x01, 0xc3, 0x0f, 0xaf, 0xdb, 0xee, 0x3c, 0x0a, 0x75, 0x02, 0xe6, 0xf4],
  ...[0xb0, 0x20, 0xe6, 0x20, 0xcf], // EOI; iretd
];
const [BASE, HANDLER_AT, POINTER_AT, SEGMENTS_AT, GATES_AT] = [0x10_0020, 0x60, 0x80, 0xa0, 0x100];

function echoKernel(): Uint8Array {
  const code = new Uint8Array(0x3e0);
  code.set(ECHO);
  code.set(HANDLER, HANDLER_AT);
  const view = new DataView(code.buffer);
  view.setUint16(POINTER_AT + 8, 0x17, true);
  view.setUint32(POINTER_AT + 10, BASE + SEGMENTS_AT, true);
  view.setBigUint64(SEGMENTS_AT + 8, 0x00cf_9b00_0000_ffffn, true);
  view.setBigUint64(SEGMENTS_AT + 16, 0x00cf_9300_0000_ffffn, true);
  view.setUint16(POINTER_AT, 0x1ff, true);
  view.setUint32(POINTER_AT + 2, BASE + GATES_AT, true);
  view.setUint32(GATES_AT + 8 * 0x24, (8 << 16) | ((BASE + HANDLER_AT) & 0xffff), true);
  view.setUint32(GATES_AT + 8 * 0x24 + 4, ((BASE + HANDLER_AT) & 0xffff_0000) | 0x8e00, true);
  return multibootKernel(code);
}

function echoMachine(realTime: boolean): BoardMachine {
  const board = new Board({ memoryBytes: 2 ** 21, engine: 'evaluator', sha256, send: () => {} });
  boot(board, { name: 'echo', kernel: echoKernel(), commandLine: '' });
  return new BoardMachine(board, { name: 'echo' }, { realTime });
}

interface Recorded {
  readonly recording: Recording;
  readonly hash: string;
}

/** Runs a machine to its end, in slices of random lengths with random input between them, while it is recorded. */
function recorded(machine: BoardMachine, random: Random, text: string): Recorded {
  const parts: Uint8Array[] = [];
  const write = (bytes: Uint8Array): void => void parts.push(bytes.slice());
  const recorder = attachRecorder(machine, { write, sha256, about: { image: 'echo' }, hashTicks: 300 });
  const waiting = [...Buffer.from(text)];
  for (;;) {
    if (waiting.length > 0 && machine.board.room > 0 && random.chance(2))
      machine.receive(Uint8Array.of(...waiting.splice(0, 1 + random.below(machine.board.room))));
    const { kind } = machine.run(Math.min(1 + random.below(200), recorder.ticksToHash));
    recorder.observe({ kind: kind === 'ended' ? 'exited' : kind === 'waiting' ? 'waiting' : 'limit' });
    if (kind === 'waiting') machine.passTime(machine.ticks + random.below(1000));
    if (kind === 'ended') break;
  }
  t.match(machine.finalEvent, { kind: 'exit' }, 'it has received all');
  recorder.end({ what: 'it ended', exitCode: 1 }, { kind: 'exited' });
  const file = new Uint8Array(Buffer.concat(parts));
  const source = { length: file.length, read: (offset: number, length: number) => file.slice(offset, offset + length) };
  return { recording: Recording.read(source, sha256), hash: machine.machineHash() };
}

for (const realTime of [false, true])
  t.test(`what arrives ${realTime ? 'while time passes on the host' : 'at a tick'} arrives then again`, async (t) => {
    for (let number = 0; number < 6; number++) {
      const text = `some text ${number}`.slice(0, 4 + number) + '\n';
      const { recording, hash } = recorded(echoMachine(realTime), new Random(seed + number), text);
      t.ok(recording.isBare && recording.hashes > 0);
      for (const engine of ['auto', 'interpreter', 'evaluator'] as const) {
        const replay = replayOf(recording, { engine });
        t.match(verify(replay), { kind: 'same', hashes: recording.hashes }, `seed ${seed + number}`);
        t.equal(replay.machine.machineHash(), hash);
      }
    }
  });

t.test('two runs with other input part where it came', async (t) => {
  const [one, other] = ['abcd\n', 'abxd\n'].map(
    (text) => recorded(echoMachine(false), new Random(seed), text).recording,
  );
  t.equal(compareRecordings(one!, one!), undefined);
  const difference = compareRecordings(one!, other!)!;
  t.match(difference, { kind: 'input', state: { differences: [/./] } });
  t.not(difference.words[0], difference.words[1]);
});

t.test('a debugger goes back in a replay, and comes to the same end', async (t) => {
  const { recording, hash } = recorded(echoMachine(true), new Random(seed), 'some words\n');
  const replay = replayOf(recording, { engine: 'interpreter' });
  const machine = replay.debugged as BoardMachine;
  const timeline = attachTimeline(machine);
  const target = attachDebugger(machine, timeline);
  const hashes = new Map<number, string>();
  while (!replay.isAtEnd()) {
    replay.applyChanges();
    const reason = target.resume({ maxTicks: replay.ticksToNext(machine.ticks + 100) });
    if (reason?.kind === 'waiting') t.not(replay.passTime(), 'passed');
    hashes.set(machine.ticks, machine.machineHash());
  }
  t.equal(machine.machineHash(), hash);
  const random = new Random(seed);
  for (let times = 0; times < 10; times++) {
    const tick = random.pick([...hashes.keys()]);
    target.goto(tick);
    t.equal(machine.machineHash(), hashes.get(tick), `tick ${tick}, seed ${seed}`);
  }
});

t.test('what a debugger changes is recorded, in the past as well', async (t) => {
  const { board } = kernelMachine('interpreter');
  const machine = new BoardMachine(board, { name: 'kernel' });
  const parts: Uint8Array[] = [];
  const recorder = attachRecorder(machine, { write: (bytes) => void parts.push(bytes.slice()), sha256 });
  const target = attachDebugger(machine, attachTimeline(machine));
  const go = (ticks: number): void => {
    target.run(target.continue(), { maxTicks: ticks });
    recorder.observe({ kind: 'stopped' });
  };
  go(1000);
  target.writeRegister(1, 'r15', 5n);
  target.writeMemory(0x10_8000n, Uint8Array.of(1, 2, 3));
  go(1000);
  target.goto(1500);
  target.writeRegister(1, 'cr2', 0x1234n);
  go(3000);
  recorder.end({ what: 'it was left', exitCode: undefined });
  const file = new Uint8Array(Buffer.concat(parts));
  const source = { length: file.length, read: (offset: number, length: number) => file.slice(offset, offset + length) };
  const replay = replayOf(Recording.read(source, sha256), { engine: 'interpreter' });
  t.match(verify(replay), { kind: 'same' });
  t.equal(replay.machine.ticks, machine.ticks);
  t.equal(replay.machine.machineHash(), machine.machineHash());
});
