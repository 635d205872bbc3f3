/**
 * Sessions of random commands: whatever is typed, in whatever state of the program, is executed or refused in words, and the machine
 * is in the end what it is without a debugger.
 */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { attachDebugger, attachTimeline, Computer, DebugSession, type Console, type Process } from '../../src/index.js';
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
