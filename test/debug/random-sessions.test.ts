/**
 * Sessions of random commands: whatever is typed, in whatever state of the program, is executed or refused in words, and the machine
 * is in the end what it is without a debugger.
 */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { attachDebugger, attachTimeline, Computer, DebugSession, type Console, type Process } from '../../src/index.js';
import { MonitorCommands, MonitorError } from '../../src/debug/gdb/monitor/monitor.js';
import { PORT_COMMANDS } from '../../src/debug/gdb/monitor/port-commands.js';
import { timeCommands } from '../../src/debug/gdb/monitor/time-commands.js';
import { compiled, sha256 } from '../support/guest-programs.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';

const seed = seedOf(20261205);
const COMMANDS = 25;
const SLICE_TICKS = 5000;
/** Slices after which a command is interrupted. */
const MOST_SLICES = 400;

t.setTimeout(0);

const image = await compiled(fileURLToPath(new URL('../../../test/cli/gdb-guest.c', import.meta.url)));

function machine(): { readonly computer: Computer; readonly program: Process } {
  const console: Console = { write: () => {}, read: () => 'end' };
  const computer = new Computer({ memoryBytes: 64 * 2 ** 20, sha256, console });
  return { computer, program: computer.start(image, { name: 'gdb-guest', limitBytes: 2 ** 30, argv: ['gdb-guest'] }) };
}

/** Locations, addresses and variables, some of which there are not. */
const PLACES = [
  ...[
    'main',
    'spin',
    'store_all',
    'worker',
    'nosuch',
    'printf',
    '*0x100004000',
    'gdb-guest.c:36',
    '36',
    'gdb-guest.c:9999',
  ],
  ...[
    'four_bytes',
    'eight_bytes,100',
    '*0',
    '-1',
    '$rip',
    '0xffffffffffffffff,1',
    '*0x7fffffffffff',
    'nosuch pending',
    '',
  ],
] as const;

/** Those that take no argument. */
const ALONE = [
  ...['continue', 'step', 'next', 'nexti', 'finish', 'stepi', 'rc', 'rs', 'rn', 'rsi', 'rni', 'rfin', 'history', 'bt'],
  ...[
    'up',
    'down',
    'list',
    'info breakpoints',
    'info threads',
    'info map',
    'info registers',
    'info processes',
    'delete',
  ],
] as const;

/** Those that take a place. */
const OF_PLACES = [
  'break',
  'tbreak',
  'watch',
  'rwatch',
  'awatch',
  'until',
  'who',
  'list',
  'p',
  'x/5i',
  'x/9xb',
] as const;

function randomCommand(random: Random, end: number): string {
  switch (random.below(8)) {
    case 0:
      return `goto ${random.below(end + 2)}`;
    case 1:
      return `${random.pick(['delete', 'thread', 'frame', 'stepi', 'rsi', 'x/3', 'help'])} ${random.below(9)}`;
    case 2:
      return `break ${random.pick(PLACES)} if $rdi == ${random.below(5)}`;
    case 3:
    case 4:
      return `${random.pick(OF_PLACES)} ${random.pick(PLACES)}`;
    default:
      return random.pick(ALONE);
  }
}

t.test('no command is one too many, and the program does not notice them', async (t) => {
  const random = new Random(seed);
  for (let times = volume(8, 600); times > 0; times--) {
    const { computer, program } = machine();
    const timeline = attachTimeline(computer);
    const debug = attachDebugger(computer, timeline);
    const lines: string[] = [];
    const session = new DebugSession(debug, { programPid: program.pid, print: (...more) => void lines.push(...more) });
    const typed: string[] = [];
    const run = (): void => {
      for (let slices = 1; session.isRunning; slices++) {
        const slice = session.runSlice(SLICE_TICKS);
        if (slice.kind === 'waiting' && slice.until < Infinity) debug.passTime(slice.until);
        else if (slice.kind === 'waiting' || slices === MOST_SLICES || random.below(200) === 0) session.interrupt();
      }
    };
    try {
      while (typed.length < COMMANDS) {
        typed.push(randomCommand(random, timeline.end));
        session.execute(typed.at(-1)!);
        run();
      }
    } catch (error) {
      throw new Error(`after ${typed.join('; ')}`, { cause: error });
    }
    if (lines.some((line) => /undefined|\[object/.test(line))) t.fail(`${typed.join('; ')}: ${lines.join('\n')}`);
    debug.goto(timeline.end);
    const plain = machine();
    while (!plain.program.end && plain.computer.ticks < computer.ticks)
      plain.computer.run(plain.program, { maxTicks: computer.ticks - plain.computer.ticks });
    if (plain.computer.machineHash() !== computer.machineHash()) t.fail(`another machine after ${typed.join('; ')}`);
  }
});

t.test('what cannot be done when the program has ended is said', (t) => {
  const { computer, program } = machine();
  const debug = attachDebugger(computer, attachTimeline(computer));
  const lines: string[] = [];
  const session = new DebugSession(debug, { programPid: program.pid, print: (...more) => void lines.push(...more) });
  session.execute('continue');
  while (session.isRunning) session.runSlice(2 ** 20);
  const { ticks } = computer;
  for (const command of [
    'stepi',
    'nexti',
    'step',
    'next',
    'finish',
    'until main',
    'rsi',
    'rni',
    'rs',
    'rn',
    'rfin',
    'up',
  ]) {
    lines.length = 0;
    session.execute(command);
    while (session.isRunning) session.runSlice(2 ** 20);
    t.strictSame(
      [computer.ticks, ...lines],
      [ticks, 'error: the program has ended: reverse-continue or goto lead back into it'],
      command,
    );
  }
  t.end();
});

/** Numbers that nothing is counted, measured or addressed with. */
const BAD_NUMBERS = [
  ...['-1', '-3', '-0x10', '18446744073709551616', '0x1ffffffffffffffff', '99999999999999999999999'],
  ...['nosuch', '1 +', '1e9', '0x', '1.5'],
] as const;
/** Where numbers stand in commands, by the name of the command. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ['step', 'next', 'stepi', 'nexti', 'reverse-step', 'reverse-next', 'reverse-stepi', 'reverse-nexti'].map((name) => [
      name,
      [`${name} #`],
    ]),
  ),
  ...Object.fromEntries(['break', 'tbreak'].map((name) => [name, [`${name} *#`, `${name} gdb-guest.c:#`]])),
  ...Object.fromEntries(['until', 'advance', 'list'].map((name) => [name, [`${name} *#`]])),
  ...Object.fromEntries(
    ['watch', 'rwatch', 'awatch', 'who', 'disassemble'].map((name) => [name, [`${name} #`, `${name} four_bytes,#`]]),
  ),
  delete: ['delete #', 'delete 1 #'],
  frame: ['frame #'],
  goto: ['goto +#', 'goto -#'],
  set: ['set u8(#) = 1', 'set *# = 1'],
  thread: ['thread #'],
  info: ['info map #'],
  pages: ['pages #'],
  x: ['x #', 'x/#x main', 'x/#s main', 'x/#i main'],
};
/** Commands in which a number may be any. */
const ANY_NUMBER = ['print', 'registers', 'input', 'help'];

t.test('each command refuses numbers that make no sense in one line', (t) => {
  const { computer, program } = machine();
  const debug = attachDebugger(computer, attachTimeline(computer));
  const lines: string[] = [];
  const session = new DebugSession(debug, { programPid: program.pid, print: (...more) => void lines.push(...more) });
  session.execute('help');
  const taking = lines.flatMap((line) => /^ {2}([\w-]+)[ [/].*?[A-Z]{4}/.exec(line)?.[1] ?? []);
  t.strictSame(taking.sort(), [...Object.keys(NUMBERS), ...ANY_NUMBER].sort());
  const { ticks } = computer;
  const zeros = ['step 0', 'rsi 0', 'watch four_bytes,0', 'who four_bytes,0', 'disassemble main,0', 'x/0xb main'];
  const bad = Object.values(NUMBERS).flatMap((commands) =>
    commands.flatMap((command) => BAD_NUMBERS.map((number) => command.replace('#', number))),
  );
  for (const command of [...zeros, ...bad]) {
    lines.length = 0;
    session.execute(command);
    const [line = ''] = lines;
    t.ok(lines.length === 1 && line.startsWith('error: ') && line.length < 160, `${command}: ${lines.join('\n')}`);
    t.notOk(/\d{18}/.test(line) && !/\d{18}/.test(command), `${command}: ${line}`);
    t.strictSame([session.isRunning, computer.ticks], [false, ticks], command);
  }
  t.end();
});

t.test('commands of monitor refuse numbers that make no sense in one line', (t) => {
  const { computer } = machine();
  const timeline = attachTimeline(computer);
  const debug = attachDebugger(computer, timeline);
  const monitor = new MonitorCommands([...PORT_COMMANDS, ...timeCommands(debug, timeline)]);
  const places = ['map #', 'mem #', 'mem 0 #', 'who #', 'who 0x1000,#', 'who 0x1000 #', 'goto #'];
  const taking = (monitor.run('help', debug, undefined) as string[]).flatMap(
    (line) => /^monitor (\w+) (?:\[[a-z]+\] )?\[?[A-Z]/.exec(line)?.[1] ?? [],
  );
  t.strictSame(taking.sort(), [...new Set(places.map((place) => place.split(' ')[0]!))].sort());
  const zeros = ['mem 0 0', 'who 0x1000,0', 'mem 0 4097', 'who 0x1000,4097', 'who 1,2,3', 'who 1 2 3', 'who', 'mem'];
  for (const command of [...zeros, ...places.flatMap((place) => BAD_NUMBERS.map((bad) => place.replace('#', bad)))]) {
    const failed = t.throws(() => monitor.run(command, debug, undefined), MonitorError, command);
    const { message } = failed as unknown as Error;
    t.ok(message.length < 120 && !message.includes('\n'), `${command}: ${message}`);
  }
  t.equal(computer.ticks, 0);
  t.end();
});
