/** `bd0 debug` on a terminal: its panes, its keys, and that the terminal is as before. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { compileTo } from '../support/guest-programs.js';
import { bd0Command } from './bd0.js';
import { FullScreen } from './full-screen.js';
import { PseudoTerminal } from './pseudo-terminal.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-debug-screen-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
t.setTimeout(0);

const guest = join(directory, 'gdb-guest');
await compileTo(guest, join(root, 'test/cli/gdb-guest.c'), { compilerOptions: ['-O0'] });

const COOKED = { isCanonical: true, echoes: true };
const F5 = '\x1b[15~';
const F6 = '\x1b[17~';
const F10 = '\x1b[21~';
const F11 = '\x1b[23~';
const F12 = '\x1b[24~';
const SHIFT_F5 = '\x1b[15;2~';
const SHIFT_F12 = '\x1b[24;2~';
const UP = '\x1b[A';
const CHANGED = '0;1;33';
const CURRENT = '0;1;36';

interface Debugged {
  readonly terminal: PseudoTerminal;
  readonly screen: FullScreen;
}

/** The debugger at a terminal, when its first image shows. */
async function debugged(rows: number, columns: number, ...words: string[]): Promise<Debugged> {
  const screen = new FullScreen(rows, columns);
  const terminal = new PseudoTerminal([...bd0Command, 'debug', guest, ...words], { rows, columns, screen });
  await terminal.sees(/bd0 debug gdb-guest {3}stopped[^]*\(bd0\) /);
  return { terminal, screen };
}

/** Whether the terminal is as the command found it. */
async function leaves(t: Test, { terminal, screen }: Debugged, end: string): Promise<void> {
  const left = await terminal.end();
  t.equal(left.end, end);
  t.same(left.modes, COOKED);
  t.equal(terminal.isAsBefore, true);
  t.equal(screen.isOther, false, 'the first screen shows again');
  t.equal(screen.isCursorShown, true);
}

t.test('at 80x24: keys, panes, history and completion, and quit', async (t) => {
  const session = await debugged(24, 80);
  const { terminal, screen } = session;
  t.equal(screen.rows.length, 24);
  t.match(screen.text, / thread 1 ─/);
  t.match(screen.text, / start\.S ─+/);
  terminal.type('tbreak mai\t\r');
  await terminal.sees(/temporary breakpoint 1 at/);
  terminal.type(F5);
  await terminal.sees(/>76 {3}if \(argc > 1/);
  // The image after that of the stop, so that all of that one has come.
  terminal.type('print 6 * 7\r');
  await terminal.sees(/0x2a \(42\)/);
  t.match(screen.styled(CURRENT).join('\n'), />76 {3}if \(argc > 1/, 'the current line is marked');
  t.ok(
    screen.styled(CHANGED).some((text) => text.startsWith('rip ')),
    'registers that have changed are marked',
  );
  terminal.type('break add\r');
  await terminal.sees(/breakpoint 2 at/);
  terminal.type(F5);
  await terminal.sees(/>20 {3}int sum/);
  terminal.type(F10);
  await terminal.sees(/>21 {3}return sum/);
  terminal.type(F12);
  await terminal.sees(/>44 {5}total = add/);
  terminal.type(`${F6}${F6}${F6}`);
  await terminal.sees(/ breakpoints ─+[^]*2 {2}breakpoint add at/);
  terminal.type('delete\r');
  await terminal.sees(/there are no breakpoints/);
  terminal.type(`${UP}${UP}\r`);
  await terminal.sees(/breakpoint 3 at/);
  terminal.type(F5);
  await terminal.sees(/>20 {3}int sum/);
  terminal.type(F11);
  await terminal.sees(/>21 {3}return sum/);
  terminal.type(SHIFT_F5);
  await terminal.sees(/>20 {3}int sum[^]*├─+●─*┤/);
  terminal.type(SHIFT_F12);
  await terminal.sees(/>44 {5}total = add/);
  terminal.type('delete\rcontinue\r');
  await terminal.sees(/ended with exit code 3/);
  t.match(screen.text, /45 120 8\.50 42 5 41 7/, 'the output of the program shows');
  terminal.type('quit\r');
  await leaves(t, session, 'exit 3');
  t.equal(screen.strays, 0);
});

t.test('at 200x60 all panes show, and x fills the one with memory', async (t) => {
  const session = await debugged(60, 200);
  const { terminal, screen } = session;
  for (const title of ['start.S', '_start', 'thread 1', 'stack', 'memory', 'threads', 'breakpoints', 'transcript'])
    t.match(screen.text, new RegExp(` ${title.replace('.', '\\.')} ─`), title);
  terminal.type('x/1xg read_only\r');
  await terminal.sees(/ 07 00 00 00 00 00 00 00/);
  terminal.type('\x04');
  await leaves(t, session, 'exit 0');
  t.equal(screen.strays, 0);
});

t.test('a terminal that is resized gets another layout, also while the program runs', async (t) => {
  const session = await debugged(24, 80, 'spin');
  const { terminal, screen } = session;
  t.notMatch(screen.text, / threads ─/);
  screen.resize(60, 200);
  await terminal.ask('resize 60 200');
  await terminal.sees(/ threads ─[^]*\(bd0\) /);
  terminal.type(F5);
  await terminal.sees(/ running [^]*spinning/);
  screen.resize(24, 80);
  await terminal.ask('resize 24 80');
  await terminal.sees(/ thread 1 ─[^]*tick \d+/);
  t.notMatch(screen.text, / threads ─/);
  screen.resize(8, 30);
  await terminal.ask('resize 8 30');
  await terminal.sees(/^bd0 debug needs 50 columns/);
  screen.resize(24, 80);
  await terminal.ask('resize 24 80');
  terminal.type('\x03');
  await terminal.sees(/interrupted, thread 1/);
  terminal.type('set u32(keeps_going) = 0\rcontinue\rquit\r');
  // spin returns 1 if it has made any round.
  await leaves(t, session, 'exit 1');
});

t.test('Ctrl-D leaves while the program runs, too', async (t) => {
  const session = await debugged(24, 80, 'spin');
  session.terminal.type(F5);
  await session.terminal.sees(/ running [^]*spinning/);
  session.terminal.type('\x04');
  await leaves(t, session, 'exit 0');
});

for (const [name, number] of [
  ['SIGTERM', 15],
  ['SIGHUP', 1],
  ['SIGINT', 2],
] as const)
  t.test(`${name} restores the terminal, while the program is stopped and while it runs`, async (t) => {
    for (const runs of [false, true]) {
      const session = await debugged(24, 80, 'spin');
      const { terminal } = session;
      if (runs) terminal.type(F5);
      if (runs) await terminal.sees(/spinning/);
      await terminal.ask(`signal ${number}`);
      await leaves(t, session, `exit ${128 + number}`);
    }
  });

t.test('a limit of time restores the terminal', async (t) => {
  const screen = new FullScreen(24, 80);
  const terminal = new PseudoTerminal([...bd0Command, 'debug', '--timeout', '1', guest], { screen });
  await leaves(t, { terminal, screen }, 'exit 124');
});

t.test('the program reads what `input` types', async (t) => {
  const screen = new FullScreen(24, 80);
  const terminal = new PseudoTerminal([...bd0Command, 'debug', 'cat'], { screen });
  await terminal.sees(/bd0 debug cat {3}stopped/);
  terminal.type('continue\r');
  await terminal.sees(/the program waits for input/);
  terminal.type('input one two\rcontinue\r');
  await terminal.sees(/\n(?=one two)/);
  t.match(screen.text, /\none two /);
  terminal.type('quit\r');
  await leaves(t, { terminal, screen }, 'exit 0');
});
