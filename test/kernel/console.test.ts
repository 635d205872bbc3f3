/** The terminal as the kernel has it: lines, echo, Ctrl-C, and who they are for. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Computer, MemoryNames, type Console, type InputEvent, type Outcome, type Process } from '../../src/index.js';
import { LINE_BYTES_MAX, LineDiscipline } from '../../src/kernel/terminal/line-discipline.js';
import { CONSOLE_MODE, KernelConsole, WAITING_BYTES_MAX, type ConsoleMode } from '../../src/kernel/terminal/console.js';
import { Screen } from '../cli/screen.js';
import fc from '../support/fast-check.js';
import { compiled, sha256 } from '../support/guest-programs.js';
import { volume } from '../support/volume.js';

const MIB = 2 ** 20;
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_Q = '\x11';
const CTRL_S = '\x13';

const image = await compiled(fileURLToPath(new URL('../../../test/kernel/at-terminal.c', import.meta.url)));

t.setTimeout(0);

/** A property, which holds for all inputs that are tried. */
function holds<T>(t: Test, property: fc.IProperty<T>, numRuns: number): void {
  const result = fc.check(property, { numRuns });
  t.notOk(result.failed, fc.defaultReportMessage(result) ?? 'it holds');
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Types a text, and answers what the terminal was to show. */
function type(discipline: LineDiscipline, text: string): string {
  const shown = Array.from(bytesOf(text), (byte) => [...discipline.type(byte)]);
  return textOf(Uint8Array.from(shown.flat()));
}

/** All that can be read, the parts apart. */
function readAll(discipline: LineDiscipline, max = Infinity): string[] {
  const parts: string[] = [];
  for (let part = discipline.read(max); part !== undefined; part = discipline.read(max))
    parts.push(part === 'end' ? 'end' : textOf(part));
  return parts;
}

/** What a person types, one key a string. */
const anyKey = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', ' ', 'ä', '日', '😀', '~') },
  { weight: 3, arbitrary: fc.constantFrom('\x7f', '\b') },
  { weight: 2, arbitrary: fc.constantFrom('\r', '\n') },
  { weight: 1, arbitrary: fc.constantFrom('\x15', '\x17', '\t', '\x1b', '\x00', CTRL_D, CTRL_C, CTRL_S, CTRL_Q) },
);

/** Lines as keys make them: characters, not bytes. */
class Model {
  edited: string[] = [];
  lines: string[] = [];

  type(key: string): void {
    if (key === '\r' || key === '\n') this.endLine('\n');
    else if (key === CTRL_D) this.endLine('');
    else if (key === '\x7f' || key === '\b') this.edited.pop();
    else if (key === '\x15') this.edited = [];
    else if (key === '\x17') this.edited = [...this.edited.join('').replace(/[^ \t]*[ \t]*$/, '')];
    else if (key === CTRL_C) [this.edited, this.lines] = [[], []];
    else if (key !== CTRL_S && key !== CTRL_Q) this.edited.push(key);
  }

  private endLine(end: string): void {
    const line = this.edited.join('') + end;
    this.lines.push(line === '' ? 'end' : line);
    this.edited = [];
  }
}

t.test('a line is what stands there when it ends', (t) => {
  holds(
    t,
    fc.property(fc.array(anyKey, { maxLength: 60 }), (keys) => {
      const [discipline, model] = [new LineDiscipline(), new Model()];
      for (const key of keys) {
        type(discipline, key);
        model.type(key);
      }
      assert.deepEqual(readAll(discipline), model.lines);
    }),
    1000,
  );
  t.end();
});

t.test('what shows is what was typed and not taken back', (t) => {
  const visible = (character: string): string =>
    character < ' ' ? `^${String.fromCharCode(character.charCodeAt(0) + 64)}` : character;
  holds(
    t,
    // So few that no line is longer than that of a terminal.
    fc.property(fc.array(anyKey, { maxLength: 35 }), (keys) => {
      const [discipline, model, screen] = [new LineDiscipline(), new Model(), new Screen()];
      for (const key of keys) {
        screen.show(bytesOf(type(discipline, key).replaceAll('\n', '\r\n')));
        model.type(key);
        const line = screen.text.split('\n').at(-1)!;
        // Ctrl-D leaves the line as it stands.
        if (!keys.includes(CTRL_D)) assert.equal(line, model.edited.map(visible).join(''));
      }
    }),
    500,
  );
  t.end();
});

t.test('a line can be read in pieces of any size', (t) => {
  holds(
    t,
    fc.property(fc.array(anyKey, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (keys, max) => {
      const [whole, pieces] = [new LineDiscipline(), new LineDiscipline()];
      for (const key of keys) for (const discipline of [whole, pieces]) type(discipline, key);
      const bytes = (discipline: LineDiscipline, most: number): number[] => {
        const found: number[] = [];
        for (let part = discipline.read(most); part !== undefined; part = discipline.read(most)) {
          if (part === 'end') found.push(-1);
          else found.push(...part);
          assert.ok(part.length <= Math.max(most, 3));
        }
        return found;
      };
      assert.deepEqual(bytes(pieces, max), bytes(whole, Infinity));
    }),
    300,
  );
  t.end();
});

t.test('what is taken back from the line discipline gives the same lines once more', (t) => {
  const keys = fc.array(
    anyKey.filter((key) => key !== CTRL_C),
    { maxLength: 60 },
  );
  holds(
    t,
    fc.property(keys, (typed) => {
      const [once, again, model] = [new LineDiscipline(), new LineDiscipline(), new Model()];
      for (const key of typed) {
        type(once, key);
        model.type(key);
      }
      for (const byte of once.takeAll()) again.type(byte);
      assert.deepEqual(readAll(again), model.lines);
      assert.equal(once.length, 0);
    }),
    300,
  );
  t.end();
});

t.test('a line has room for 4095 bytes', (t) => {
  const discipline = new LineDiscipline();
  t.equal(type(discipline, 'x'.repeat(LINE_BYTES_MAX - 1)).length, LINE_BYTES_MAX - 1);
  t.equal(type(discipline, 'yz'), '\x07\x07');
  type(discipline, '\r');
  t.same(readAll(discipline), [`${'x'.repeat(LINE_BYTES_MAX - 1)}\n`]);
  t.end();
});

t.test('bytes that are no UTF-8 are taken back one by one', (t) => {
  const discipline = new LineDiscipline();
  for (const byte of [0x61, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0x7f, 0x0a]) discipline.type(byte);
  t.same(discipline.read(99), Uint8Array.of(0x61, 0x80, 0x80, 0x80, 0x0a));
  t.end();
});

/** Somebody at a terminal. */
class Person implements Console {
  readonly isTerminal: boolean = true;
  readonly computer: Computer;
  readonly program: Process;
  readonly inputs: InputEvent[] = [];
  seen = '';
  protected typed: Uint8Array = new Uint8Array(0);
  private hasLeft = false;

  constructor(what: string) {
    this.computer = new Computer({
      ...{ memoryBytes: 16 * MIB, sha256, console: this, clock: 'real' },
      names: (store) => {
        const names = new MemoryNames(store);
        names.publish('at-terminal', store.fromBytes(image), undefined);
        return names;
      },
      hooks: { onInput: (input) => this.inputs.push(input) },
    });
    const argv = ['at-terminal', ...what.split(' ')];
    this.program = this.computer.start(image, { name: 'at-terminal', limitBytes: MIB, argv });
  }

  write(bytes: Uint8Array): void {
    this.seen += textOf(bytes);
  }

  read(max: number): Uint8Array | 'end' | undefined {
    if (this.typed.length === 0) return this.hasLeft ? 'end' : undefined;
    const bytes = this.typed.slice(0, max);
    this.typed = this.typed.slice(max);
    return bytes;
  }

  type(text: string): void {
    this.typed = Uint8Array.from([...this.typed, ...bytesOf(text)]);
  }

  leave(): void {
    this.hasLeft = true;
  }

  get waitingBytes(): number {
    return this.typed.length;
  }

  /** Runs until the machine waits or has ended, or for a while. */
  run(maxTicks = 3e6): Outcome {
    return this.computer.run(this.program, { maxTicks });
  }

  /** Types, and answers what shows then. */
  after(text: string): string {
    this.run();
    const before = this.seen.length;
    this.type(text);
    this.run();
    return this.seen.slice(before);
  }
}

/** The same, whose input comes through a pipe. */
class Pipe extends Person {
  override readonly isTerminal = false;
}

t.test('a program at a terminal reads lines, which show as they are typed', (t) => {
  const person = new Person('lines');
  t.equal(person.after('ab\x7fc'), 'ab\b \bc');
  t.equal(person.after('\r'), '\nline of 3: ac\n');
  t.equal(person.after('two\nlines\n'), 'two\nlines\nline of 4: two\nline of 6: lines\n');
  t.equal(person.after(`part${CTRL_D}`), 'partpart of 4: part\n');
  t.equal(person.after(CTRL_D), 'end\n');
  t.match(person.run(), { kind: 'exited', exitCode: 0 });
  t.end();
});

t.test('input typed to a running program shows at once, and is read later', (t) => {
  const person = new Person('run spin');
  t.equal(person.after('ahead\r'), 'ahead\n');
  t.end();
});

t.test('a program can have the bytes as they come', (t) => {
  const person = new Person('bytes');
  t.equal(person.after(`a\r\x7f${CTRL_D}`), 'byte 61\nbyte 0d\nbyte 7f\nbyte 04\n');
  t.equal(person.after(CTRL_C), 'byte 03\n', 'the first one Ctrl-C, too');
  t.equal(person.after('q'), '');
  t.match(person.run(), { kind: 'exited', exitCode: 0 });
  t.end();
});

t.test('a terminal that has gone is the end of the input, behind what was typed', (t) => {
  const person = new Person('lines');
  person.type('last\n');
  person.leave();
  t.match(person.run(), { kind: 'exited', exitCode: 0 });
  t.equal(person.seen, 'last\nline of 5: last\nend\n');
  t.end();
});

t.test('Ctrl-C ends the program in the foreground, whatever it does', (t) => {
  for (const what of ['spin', 'sleep', 'lines', 'bytes']) {
    const person = new Person(`run ${what}`);
    t.equal(person.after(`ab${CTRL_C}`), what === 'bytes' ? `${what} ended: 130\n` : `ab^C\n${what} ended: 130\n`);
    t.match(person.run(), { kind: 'exited', exitCode: 0 }, `${what}: the one that waited for it goes on`);
  }
  t.end();
});

t.test('Ctrl-C ends the first program itself, where it takes lines and waits for no other', (t) => {
  for (const what of ['spin', 'sleep', 'lines']) {
    const person = new Person(what);
    t.equal(person.after(CTRL_C), '^C\n');
    t.match(person.run(), { kind: 'exited', exitCode: 130 });
  }
  t.end();
});

t.test('of programs that wait for each other the last one is in the foreground', (t) => {
  const person = new Person('run run run spin');
  t.equal(person.after(CTRL_C), '^C\nspin ended: 130\nrun ended: 0\nrun ended: 0\n');
  t.match(person.run(), { kind: 'exited', exitCode: 0 });
  t.end();
});

t.test('each process has a mode of its own; what one has not read is there for the next', (t) => {
  const person = new Person('choose');
  t.equal(person.after(`a${CTRL_C}`), 'key 61\nkey 03\n');
  t.equal(person.after('lab\x7f\r'), 'ab\b \b\nline of 2: a\n', 'typed ahead of the program that reads it');
  t.equal(person.after(CTRL_D), 'end\nlines ended: 0\n');
  t.equal(person.after('sxy\rz'), '', 'input typed ahead of a program that does not read it');
  t.equal(person.after('!'), '', 'and what comes after it');
  t.equal(person.after(CTRL_C), 'xy\nz!^C\nspin ended: 130\n', 'is shown and discarded by Ctrl-C');
  t.equal(
    person.after(`l1\r2\r${CTRL_D}bc`),
    '1\nline of 2: 1\n2\nline of 2: 2\nend\nlines ended: 0\nkey 62\nkey 63\n',
  );
  t.equal(person.after(`s${CTRL_C}${CTRL_C}k`), '^C\nspin ended: 130\nkey 03\nkey 6b\n', 'a Ctrl-C too many');
  t.equal(person.after('q'), '');
  t.match(person.run(), { kind: 'exited', exitCode: 0 });
  t.end();
});

t.test('pasted input is shown once, however many programs it starts', (t) => {
  /** Characters shown for so many lines, each read by a program of its own, and as many that end without reading. */
  const shownFor = (lines: number): number => {
    const person = new Person('choose');
    const seen = person.after(`l${'x'.repeat(50)}\r${CTRL_D}`.repeat(lines) + `y${'x'.repeat(50)}`);
    assert.equal(seen.match(/line of 51: x+\n/g)?.length, lines);
    return seen.length;
  };
  const [few, more, many] = [shownFor(2), shownFor(12), shownFor(22)];
  t.equal(many - more, more - few);
  t.end();
});

t.test('every byte is delivered once and echoed at most once, whatever programs read it', (t) => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('type' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constantFrom('enter' as const, 'take in' as const) }),
    fc.record({
      kind: fc.constant('switch' as const),
      mode: fc.constantFrom<ConsoleMode>(0, 1),
      isFirst: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('read' as const), count: fc.integer({ min: 1, max: 4 }) }),
  );
  holds(
    t,
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      let [waiting, shown, read, typed] = ['', '', '', ''];
      let foreground = { process: { consoleMode: CONSOLE_MODE.lines } as Process, isFirst: true };
      const host: Console = {
        isTerminal: true,
        write: (bytes) => (shown += textOf(bytes)),
        read: (max) => {
          const part = waiting.slice(0, max);
          waiting = waiting.slice(max);
          return part === '' ? undefined : bytesOf(part);
        },
      };
      const terminal = new KernelConsole(host, {
        tell: () => {},
        foreground: () => foreground,
        interrupt: () => {},
        writer: () => undefined,
      });
      const add = (text: string): void => {
        waiting += text;
        typed += text;
      };
      const readSome = (max: number): unknown =>
        terminal.read(max, foreground.process.consoleMode, (bytes) => (read += textOf(bytes)));
      for (const one of actions) {
        // ASCII from '0' on: each byte of a run differs from its neighbours.
        if (one.kind === 'type')
          add(
            Array.from({ length: one.count }, (_, i) => String.fromCharCode(48 + ((typed.length + i) % 70))).join(''),
          );
        else if (one.kind === 'enter') add('\n');
        else if (one.kind === 'take in') terminal.takeIn();
        else if (one.kind === 'switch')
          foreground = { process: { consoleMode: one.mode } as Process, isFirst: one.isFirst };
        else if (one.kind === 'read') readSome(one.count);
        terminal.settle();
      }
      // Echo is a part of what was typed, in that order.
      let at = 0;
      for (const character of shown) {
        at = typed.indexOf(character, at) + 1;
        assert.notEqual(at, 0, `${JSON.stringify(shown)} echoes ${JSON.stringify(typed)}`);
      }
      terminal.takeIn();
      foreground = { process: { consoleMode: CONSOLE_MODE.raw } as Process, isFirst: true };
      while (readSome(99) !== undefined) continue;
      assert.equal(read, typed);
    }),
    500,
  );
  t.end();
});

t.test('Ctrl-S holds up a program that writes, and Ctrl-Q lets it go on', (t) => {
  const person = new Person('run write');
  person.run(30_000);
  person.type(CTRL_S);
  t.match(person.run(), { kind: 'waiting', forInput: true });
  const { seen } = person;
  t.match(person.run(), { kind: 'waiting', forInput: true });
  t.equal(person.seen, seen, 'nothing more');
  person.type(CTRL_Q);
  person.run(1e8);
  t.equal(person.seen, `${Array.from({ length: 2000 }, (_, i) => `${i}\n`).join('')}write ended: 0\n`);
  t.end();
});

t.test('the host keeps what is too much to wait in the machine', (t) => {
  const person = new Person('spin');
  person.type('x\n'.repeat(WAITING_BYTES_MAX));
  person.run();
  t.equal(person.waitingBytes, WAITING_BYTES_MAX);
  const reader = new Person('lines');
  reader.type('x\n'.repeat(WAITING_BYTES_MAX));
  reader.run(1e10);
  t.equal(reader.waitingBytes, 0);
  t.equal(reader.seen.match(/line of 2: x\n/g)?.length, WAITING_BYTES_MAX, 'no line is lost');
  t.end();
});

t.test('nothing shows that comes through a pipe, nothing is edited, and Ctrl-C is a byte', (t) => {
  const pipe = new Pipe('lines');
  t.equal(pipe.after(`ab\x7f${CTRL_C}${CTRL_D}\r\n`), `line of 7: ab\x7f${CTRL_C}${CTRL_D}\r\n`);
  t.equal(pipe.after('part'), 'part of 4: part\n');
  pipe.leave();
  t.match(pipe.run(), { kind: 'exited', exitCode: 0 });
  t.end();
});

t.test('a program that waits for ever can be ended by Ctrl-C, and so does not end the run', (t) => {
  const person = new Person('run sleep');
  const outcome = person.run();
  t.match(outcome, { kind: 'waiting', forInput: true });
  t.end();
});

/** Gives the input of another run once more, each piece at the tick at which it came there. */
class Replay extends Person {
  private next = 0;

  constructor(
    what: string,
    private readonly recorded: readonly InputEvent[],
  ) {
    super(what);
  }

  override read(): Uint8Array | 'end' | undefined {
    const event = this.recorded[this.next];
    if (!event || event.tick > this.computer.ticks) return undefined;
    this.next++;
    return event.kind === 'console' ? event.bytes : 'end';
  }

  /** The tick up to which nothing comes. */
  get nextTick(): number {
    return this.recorded[this.next]?.tick ?? Infinity;
  }
}

t.test('a run is a function of its input, and of the ticks at which that came', (t) => {
  const anyTyped = fc.array(
    fc.record({
      text: fc
        .array(fc.constantFrom('s', 'l', 'w', 'z', 'a', '\r', '\x7f', CTRL_C, CTRL_D, CTRL_S, CTRL_Q), { maxLength: 6 })
        .map((keys) => keys.join('')),
      ticks: fc.integer({ min: 1, max: 2_000_000 }),
    }),
    { minLength: 4, maxLength: 12 },
  );
  let events = 0;
  const runs = volume(12, 30);
  holds(
    t,
    fc.property(anyTyped, fc.integer({ min: 1000, max: 500_000 }), (typed, sliceTicks) => {
      const person = new Person('choose');
      for (const { text, ticks } of typed) {
        person.type(text);
        const outcome = person.run(ticks);
        if (outcome.kind === 'waiting') person.computer.passTime(person.computer.ticks + ticks);
      }
      const inputs = person.inputs.filter(({ kind }) => kind === 'console');
      events += inputs.length;
      const replay = new Replay('choose', inputs);
      while (replay.computer.ticks < person.computer.ticks || replay.nextTick <= replay.computer.ticks) {
        const left = Math.min(replay.nextTick, person.computer.ticks) - replay.computer.ticks;
        const outcome = replay.run(Math.max(1, Math.min(sliceTicks, left)));
        if (outcome.kind === 'waiting') {
          const next = Math.min(replay.nextTick, person.computer.ticks, replay.computer.ticks + sliceTicks);
          replay.computer.passTime(next);
        }
      }
      assert.equal(replay.seen, person.seen);
      assert.equal(replay.computer.machineHash(), person.computer.machineHash());
    }),
    runs,
  );
  t.ok(events > 2 * runs, `${events} pieces of input`);
  t.end();
});
