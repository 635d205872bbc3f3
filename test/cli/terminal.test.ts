/** Sessions at the terminal, at a pseudo-terminal as a person has them, and through a pipe. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { HostKeys, type HostCommand } from '../../src/host/console/host-keys.js';
import { packagedImages } from '../../src/host/toolchain/image-file.js';
import { compileTo } from '../support/guest-programs.js';
import { bd0, bd0Command } from './bd0.js';
import { PseudoTerminal } from './pseudo-terminal.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const GREETING = 'BD0. help lists the commands; Ctrl-D quits.\n';
const CTRL_A = '\x01';
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_E = '\x05';
const CTRL_G = '\x07';
const CTRL_K = '\x0b';
const CTRL_R = '\x12';
const CTRL_U = '\x15';
const CTRL_W = '\x17';
const UP = '\x1b[A';
const DOWN = '\x1b[B';
const RIGHT = '\x1b[C';
const LEFT = '\x1b[D';
const HOME = '\x1b[H';
const END = '\x1b[F';
const DELETE = '\x1b[3~';
const WORD_LEFT = '\x1b[1;5D';
const WORD_RIGHT = '\x1b[1;5C';
const COOKED = { isCanonical: true, echoes: true };
const RAW = { isCanonical: false, echoes: false };

t.setTimeout(0);

/** The programs that come with bd0, and one that does what it is told to. */
const names = join(mkdtempSync(join(tmpdir(), 'bd0-terminal-')), 'names');
t.teardown(() => rmSync(join(names, '..'), { recursive: true, force: true }));
mkdirSync(names);
for (const name of ['cat', 'echo', 'fib', 'hello_world']) cpSync(join(packagedImages, name), join(names, name));
await compileTo(join(names, 'at-terminal'), join(root, 'test/kernel/at-terminal.c'));

/** A session whose prompt shows. */
async function session(...words: string[]): Promise<PseudoTerminal> {
  const terminal = PseudoTerminal.bd0('shell', '--root', names, ...words);
  await terminal.sees(`${GREETING}> `);
  return terminal;
}

/** What a session shows behind its greeting. */
function shown({ screen }: PseudoTerminal): string {
  return screen.whole.slice(GREETING.length);
}

t.test('the sessions in docs/terminal.md are what shows', async (t) => {
  const page = readFileSync(join(root, 'docs/terminal.md'), 'utf8');
  const sessions = [...page.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);
  t.ok(sessions.length > 0);
  for (const text of sessions) {
    const terminal = PseudoTerminal.bd0('shell');
    await terminal.sees(`${GREETING}> `);
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (!line.startsWith('> ')) continue;
      const answer = lines[index + 1]!;
      // What is typed for the program may come before that reads.
      const rest = answer.endsWith('^C') ? `\r${answer.slice(0, -2)}${CTRL_C}` : '\r';
      await terminal.enter(line.slice(2), rest);
    }
    terminal.type(CTRL_D);
    t.equal((await terminal.end()).end, 'exit 0');
    t.equal(masked(shown(terminal)), masked(`${text}> \n`));
  }
});

/** Without what another compiler makes otherwise, or another clock. */
function masked(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, 'ID')
    .replace(/\b[0-9a-f]{16}\b/g, (address) => (/0{7}$/.test(address) ? address : 'ADDRESS'))
    .replace(/\b\d+(\.\d)? [KM]B|\b\d+(?=  heap$)/gm, 'SIZE')
    .replace(/\d+\.\d{9} s/g, 'TIME')
    .replace(/ +/g, ' ')
    .replace(/ $/gm, '');
}

t.test('a line is edited', async (t) => {
  const cases: [keys: string, line: string][] = [
    ['one two\x7f\x7f', 'one t'],
    [`two${HOME}one ${END}!`, 'one two!'],
    [`two${HOME}one `, 'one ▏two'],
    [`bcd${LEFT}${LEFT}${LEFT}a${RIGHT}${RIGHT}X`, 'abcX▏d'],
    [`abc${LEFT}${LEFT}${DELETE}`, 'a▏c'],
    [`abc${LEFT}${LEFT}${CTRL_D}`, 'a▏c'],
    [`one two three${WORD_LEFT}${WORD_LEFT}X`, 'one X▏two three'],
    [`one two three${HOME}${WORD_RIGHT}X`, 'oneX▏ two three'],
    ['one two three\x1bb\x1bb\x1bd', 'one ▏ three'],
    [`one two three${LEFT}${LEFT}${CTRL_W}`, 'one two ▏ee'],
    [`one two${LEFT}${LEFT}${LEFT}${CTRL_K}`, 'one '],
    [`one two${LEFT}${LEFT}${LEFT}${CTRL_U}`, '▏two'],
    [`two${CTRL_A}aone ${CTRL_E}!`, 'one two!'],
    [`日本語ä\x7f\x7f${LEFT}x`, '日x▏本'],
    ['ab\x1b[15~\x1b[Zc\x00', 'abc'],
  ];
  const terminal = await session();
  for (const [keys, line] of cases) {
    terminal.type(keys);
    await terminal.shows(`> ${line}`);
    terminal.type(CTRL_C);
    await terminal.shows('^C\n> ');
  }
  t.equal(shown(terminal), `${cases.map(([, line]) => `> ${line.replace('▏', '')}^C\n`).join('')}> `);
  t.equal(terminal.screen.bells, 0);
  terminal.type(CTRL_D);
  t.same(await terminal.end(), { end: 'exit 0', modes: COOKED });
});

t.test('a line that is longer than the screen moves under the cursor', async (t) => {
  const terminal = await session();
  const digits = '0123456789'.repeat(12);
  terminal.type(digits);
  await terminal.shows(`> ${digits.slice(-77)}`);
  terminal.type(HOME);
  await terminal.shows(`> ▏${digits.slice(0, 77)}`);
  terminal.type(`start echo ${END}!\r`);
  await terminal.shows(`\n${digits.slice(0, 80)}\n${digits.slice(80)}!\n> `);
  t.equal(terminal.screen.bells, 0);
  terminal.type(`${'x'.repeat(1100)}y`);
  await terminal.shows(`> ${'x'.repeat(77)}`);
  terminal.type(`${CTRL_U}start echo the end\r`);
  await terminal.shows('> start echo the end\nthe end\n> ');
  t.ok(terminal.screen.bells > 1, 'a line has room for so much');
  terminal.type(CTRL_D);
  await terminal.end();
});

t.test('the lines of a narrow terminal are edited in its own width', async (t) => {
  const terminal = new PseudoTerminal([...bd0Command, 'shell', '--root', names], { columns: 40 });
  await terminal.sees(/> $/);
  const digits = '0123456789'.repeat(6);
  terminal.type(digits);
  await terminal.shows(`\n> ${digits.slice(-37)}`);
  terminal.type(HOME);
  await terminal.shows(`\n> ▏${digits.slice(0, 37)}`);
  terminal.type(`start echo ${END}!\r`);
  await terminal.shows(`\n${digits.slice(0, 40)}\n${digits.slice(40)}!\n> `);
  terminal.type(`${CTRL_R}012345678`);
  await terminal.shows(`\nsearch '012345678': ${digits.slice(-18)}!`);
  terminal.type(`${CTRL_C}start \t`);
  await terminal.shows('\nat-terminal  cat  echo  fib\nhello_world\n> start ');
  terminal.type(`${CTRL_U}${CTRL_D}`);
  t.same(await terminal.end(), { end: 'exit 0', modes: COOKED });
});

t.test('lines come back, the last ones first, and what was being typed last of all', async (t) => {
  const terminal = await session();
  for (const line of ['start echo one', 'start echo two', 'start echo two', '', 'clock x']) await terminal.enter(line);
  terminal.type('draft');
  const steps = [[UP, 'clock x'], [UP, 'start echo two'], [UP, 'start echo one'], [UP, 'start echo one']]; // prettier-ignore
  const back = [[DOWN, 'start echo two'], [DOWN, 'clock x'], [DOWN, 'draft'], [DOWN, 'draft']]; // prettier-ignore
  for (const [key, line] of [...steps, ...back]) {
    terminal.type(key!);
    await terminal.shows(`> ${line!}`);
  }
  terminal.type(`${UP}${UP}\x7f\x7f\x7f2\r`);
  await terminal.shows('> start echo 2\n2\n> ');
  terminal.type(UP);
  await terminal.shows('> start echo 2');
  terminal.type(`${CTRL_U}${CTRL_D}`);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('Ctrl-R finds earlier lines by a part of them', async (t) => {
  const terminal = await session();
  for (const line of ['start echo alpha', 'start echo beta', 'clock x', 'start echo äbeta']) await terminal.enter(line);
  const cases: [keys: string, shown: string][] = [
    [CTRL_R, "search '': "],
    ['e', "search 'e': start echo äbeta"],
    [CTRL_R, "search 'e': start echo beta"],
    [CTRL_R, "search 'e': start echo alpha"],
    [CTRL_R, "search 'e': start echo alpha"],
    ['cho b', "no line with 'echo b': "],
    [`${CTRL_G}`, '> '],
    [`${CTRL_R}beta${CTRL_R}\x7f\x7f\x7f\x7fä`, "search 'ä': start echo äbeta"],
    ['\x7f', "search '': "],
    ['zz', "no line with 'zz': "],
    [`\x7f\x7fecho a`, "search 'echo a': start echo alpha"],
    [HOME, '> ▏start echo alpha'],
    [`${DOWN}${CTRL_R}alp${END}bet`, '> start echo alphabet'],
    [UP, '> start echo alphabet'],
    ['x', '> start echo alphabetx'],
    [`${CTRL_R}alpha${LEFT}`, '> start echo alph▏a'],
  ];
  for (const [keys, shown] of cases) {
    terminal.type(keys);
    await terminal.shows(shown);
  }
  t.equal(terminal.screen.bells, 4, 'the bell rings when nothing more is found');
  terminal.type(`${CTRL_U}${CTRL_K}${CTRL_R}bet${CTRL_R}\r`);
  await terminal.shows('> start echo beta\nbeta\n> ');
  terminal.type(`${CTRL_R}clo${CTRL_C}`);
  await terminal.shows('^C\n> ');
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('the help fits a terminal of 24 lines, with the prompt', async (t) => {
  const { stdout } = await piped('help\n');
  const lines = stdout.trimEnd().split('\n');
  t.ok(lines.length <= 22, `${lines.length} lines`);
  const names = lines.slice(0, lines.indexOf('')).map((line) => line.split(' ')[0]!);
  t.match(names, ['start', 'ps', 'kill', 'wait', 'map', 'mem', 'heap', 'ls', 'cat']);
  const each = await piped(names.map((name) => `help ${name}\n`).join(''));
  for (const line of [...lines, ...each.stdout.split('\n')]) t.ok(line.length < 80, line);
  for (const name of names) t.match(each.stdout, new RegExp(`^${name}( .*)?: `, 'm'));
  t.match(each.stdout, /^  -L SIZE .*\n  -d .*\n  -s PID /m);
});

t.test('commands take a job number for a PID', async (t) => {
  const { stdout } = await piped(
    'start fib 60 &\nstart fib 60 &\nmap %2\nheap %1\nstart echo -s %2 here\ncommit %2 saved\nkill %2 3\nkill %2\nwait %1x\nkill %1\n',
  );
  t.match(stdout, /^\[1\] 2 fib\n\[2\] 3 fib\nSTART /);
  t.match(stdout, /^pair of pointers/m);
  t.match(stdout, /^here\n[0-9a-f]{64}  saved, /m);
  t.ok(
    stdout.endsWith(
      '[2] 3 fib: exit code 3\nkill: no such job: %2\nwait: no such job: %1x\n[1] 2 fib: exit code 143 (killed)\n',
    ),
    stdout,
  );
});

t.test('pasted commands are echoed once', async (t) => {
  /** Bytes that bd0 writes for so many lines. */
  const shownFor = async (count: number): Promise<number> => {
    const terminal = await session();
    let bytes = 0;
    terminal.onShown = (length) => (bytes += length);
    terminal.type('start echo something to show\r'.repeat(count));
    await terminal.shows(`${'> start echo something to show\nsomething to show\n'.repeat(count)}> `);
    terminal.type(CTRL_D);
    await terminal.end();
    return bytes;
  };
  const [few, many] = [await shownFor(3), await shownFor(30)];
  t.equal(many - few, 27 * '> start echo something to show\r\nsomething to show\r\n'.length);
});

t.test('Tab completes commands and names', async (t) => {
  const terminal = await session();
  terminal.type('cl\t');
  await terminal.shows('> clock ');
  terminal.type(`${CTRL_U}st\the\t\r`);
  await terminal.shows('> start hello_world\nHello, world\n> ');
  terminal.type('c\t\t');
  await terminal.shows('> c\ncat  commit  clock\n> c');
  terminal.type('lo\tnothing\t');
  await terminal.shows('> clock nothing');
  terminal.type(`${CTRL_U}start \t`);
  await terminal.shows('at-terminal  cat  echo  fib  hello_world\n> start ');
  terminal.type(`${CTRL_U}${CTRL_D}`);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('Ctrl-C ends a program that runs, sleeps, reads, waits for ever, or takes all keys', async (t) => {
  const terminal = await session();
  for (const what of ['spin', 'sleep', 'lines', 'stuck', 'bytes']) {
    terminal.type(`start at-terminal ${what}\r`);
    await terminal.shows(`> start at-terminal ${what}\n`);
    terminal.type(CTRL_C);
    const echo = what === 'bytes' ? '' : '^C\n';
    await terminal.shows(`> start at-terminal ${what}\n${echo}at-terminal: exit code 130 (Ctrl-C)\n> `);
  }
  terminal.type('peek 100000000 256MB\r');
  await terminal.sees(/^0000000100001000 /m);
  terminal.type(CTRL_C);
  await terminal.shows('\n^C\n> ');
  terminal.type(`start at-terminal spin\r${CTRL_C}start echo still here\r`);
  await terminal.sees(/still here\n> $/);
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('a program that the terminal starts reads lines, with their echo', async (t) => {
  const terminal = await session();
  await terminal.enter('clock x');
  terminal.type('start at-terminal lines\r');
  await terminal.shows('lines\n');
  terminal.type('wrongg\x7f\r');
  await terminal.shows('\nwrong\nline of 6: wrong\n');
  terminal.type(`日本\x7f語\r`);
  await terminal.shows('\n日語\nline of 7: 日語\n');
  terminal.type(CTRL_D);
  await terminal.shows('\nend\n> ');
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('a job runs in the background, and its end is told', async (t) => {
  const terminal = await session();
  await terminal.enter('start at-terminal spin &');
  await terminal.enter('start at-terminal exit 3&');
  await terminal.enter('wait 3.1');
  await terminal.enter('kill 2 7');
  await terminal.enter('kill 2');
  await terminal.enter('start at-terminal sleep &');
  terminal.type('wait at-terminal\r');
  await terminal.shows('wait at-terminal\n');
  terminal.type(CTRL_C);
  await terminal.shows('^C\nat-terminal: exit code 130 (Ctrl-C)\n> ');
  t.matchOnly(
    shown(terminal),
    new RegExp(
      [
        '^> start at-terminal spin &\n\\[1\\] 2 at-terminal\n',
        '> start at-terminal exit 3&\n\\[2\\] 3 at-terminal\n(\\[2\\] 3 at-terminal: exit code 3\n)?',
        '> wait 3.1\n(\\[2\\] 3 at-terminal: exit code 3\n)?wait: no such process: 3.1 \\(ps lists them\\)\n',
        '(\\[2\\] 3 at-terminal: exit code 3\n)?',
        '> kill 2 7\n(\\[2\\] 3 at-terminal: exit code 3\n)?\\[1\\] 2 at-terminal: exit code 7\n',
        '(\\[2\\] 3 at-terminal: exit code 3\n)?',
        '> kill 2\nkill: no such process: 2 \\(ps lists them\\)\n',
        '> start at-terminal sleep &\n\\[1\\] [23].1 at-terminal\n',
        '> wait at-terminal\n\\^C\nat-terminal: exit code 130 \\(Ctrl-C\\)\n> $',
      ].join(''),
    ),
  );
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('a trap is told of before the prompt comes back', async (t) => {
  const terminal = await session();
  await terminal.enter('start at-terminal trap');
  t.match(
    shown(terminal),
    /^> start at-terminal trap\nbd0: process 2 \(at-terminal\), thread 2: #PF, .*\n( .*\n)+at-terminal: exit code 139 \(memory access\)\n> $/,
  );
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('the terminal of the host is raw while bd0 runs, and as it was however bd0 ends', async (t) => {
  const ways: [how: string, (terminal: PseudoTerminal) => unknown, end: string][] = [
    ['exit', (terminal) => terminal.type('exit 5\r'), 'exit 5'],
    ['Ctrl-D', (terminal) => terminal.type(CTRL_D), 'exit 0'],
    ['Ctrl-A x', (terminal) => terminal.type(`${CTRL_A}x`), 'exit 0'],
    ['SIGTERM', (terminal) => terminal.ask('signal 15'), 'exit 143'],
    ['SIGHUP', (terminal) => terminal.ask('signal 1'), 'exit 129'],
    ['SIGINT', (terminal) => terminal.ask('signal 2'), 'exit 130'],
    ['SIGQUIT', (terminal) => terminal.ask('signal 3'), 'exit 131'],
    ['the end of the terminal itself', (terminal) => terminal.type('kill 1 9\r'), 'exit 9'],
  ];
  for (const [how, finish, end] of ways) {
    const terminal = await session();
    t.same(await terminal.ask('modes'), RAW);
    await finish(terminal);
    t.same(await terminal.end(), { end, modes: COOKED }, how);
  }
});

t.test('the terminal is as it was where bd0 has failed, too', async (t) => {
  const fail = 'process.on("SIGUSR2", () => { throw new Error("made up"); })';
  const [program, ...rest] = bd0Command;
  const command = [program!, ...rest.slice(0, -1), '--import', `data:text/javascript,${fail}`, rest.at(-1)!, 'shell'];
  const terminal = new PseudoTerminal(command);
  await terminal.sees(`${GREETING}> `);
  await terminal.ask('signal 12');
  t.same(await terminal.end(), { end: 'exit 125', modes: COOKED });
  t.match(terminal.screen.text, /bd0: Error: made up/);
});

t.test('a second signal ends bd0 while it is stuck with the first, and the terminal is as it was', async (t) => {
  const stick = 'process.on("SIGTERM", () => { console.log("stuck"); for (;;); }); console.log("armed")';
  const [program, ...rest] = bd0Command;
  const arm = `data:text/javascript,process.on("SIGUSR2", () => { ${stick} })`;
  const terminal = new PseudoTerminal([program!, ...rest.slice(0, -1), '--import', arm, rest.at(-1)!, 'shell']);
  await terminal.sees(`${GREETING}> `);
  await terminal.ask('signal 12');
  await terminal.sees(/armed/);
  await terminal.ask('signal 15');
  await terminal.sees(/stuck/);
  await terminal.ask('signal 2');
  t.same(await terminal.end(), { end: 'killed 2', modes: COOKED });
});

t.test('the terminal is raw again when bd0 goes on that was stopped', async (t) => {
  const terminal = await session();
  await terminal.ask('signal 19');
  t.same(await terminal.ask('cook'), COOKED, 'as a shell sets it');
  await terminal.ask('signal 18');
  t.same(await terminal.ask('raw'), RAW);
  await terminal.enter('clock');
  terminal.type(CTRL_D);
  t.same(await terminal.end(), { end: 'exit 0', modes: COOKED });
});

t.test('whoever looks away can still quit, and be told to end', async (t) => {
  const ways: [how: string, finish: (terminal: PseudoTerminal) => unknown, end: string][] = [
    ['Ctrl-A x', (terminal) => terminal.type(`${CTRL_A}x`), 'exit 0'],
    ['SIGTERM', (terminal) => terminal.ask('signal 15'), 'exit 143'],
  ];
  for (const [how, finish, end] of ways) {
    const terminal = await session();
    terminal.type('start at-terminal flood\r');
    await terminal.sees(/\n99\n/);
    await terminal.ask('hold');
    await finish(terminal);
    t.same(await terminal.end(), { end, modes: COOKED }, how);
  }
});

t.test('Ctrl-C ends a program that floods the terminal, though nobody looks at what it writes', async (t) => {
  const terminal = await session();
  let shownBytes = 0;
  terminal.onShown = (bytes) => (shownBytes += bytes);
  terminal.type('start at-terminal flood\r');
  await terminal.sees(/\n9999\n/);
  await terminal.ask('hold');
  terminal.type(CTRL_C);
  const before = shownBytes;
  await terminal.ask('show');
  await terminal.sees(/\^C\nat-terminal: exit code 130 \(Ctrl-C\)\n> $/);
  t.ok(shownBytes - before < 2 ** 18, `${shownBytes - before} bytes behind Ctrl-C`);
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('bd0 takes Ctrl-A and the key behind it', (t) => {
  const commands: HostCommand[] = [];
  const keys = new HostKeys((command) => commands.push(command));
  const type = (text: string): string => Buffer.from(keys.take(Buffer.from(text))).toString();
  t.equal(type('a\x01ab\x01'), 'a\x01b');
  t.equal(type('a\x01\x01\x01zx\x01h'), '\x01\x01x', 'also where the keys come apart');
  t.same(commands, ['help']);
  t.equal(type('\x01xy\x01?'), 'y');
  t.same(commands, ['help', 'quit', 'help']);
  t.end();
});

t.test('Ctrl-A h tells the keys, which are not the guest’s', async (t) => {
  const terminal = await session();
  terminal.type('cl');
  await terminal.shows('> cl');
  terminal.type(`${CTRL_A}h`);
  await terminal.shows('> cl\nbd0: Ctrl-A x quits, Ctrl-A a sends Ctrl-A, Ctrl-A h shows this\n> cl');
  terminal.type('ock\r');
  await terminal.sees(/\n> clock\n\d+\.\d+ s since the machine started\n> $/);
  terminal.type(CTRL_D);
  t.equal((await terminal.end()).end, 'exit 0');
});

t.test('any program runs at the terminal: bd0 run IMAGE', async (t) => {
  const terminal = PseudoTerminal.bd0('run', join(names, 'at-terminal'), 'lines');
  terminal.type('ab\x7fc\r');
  await terminal.shows('ac\nline of 3: ac\n');
  terminal.type(CTRL_C);
  t.same(await terminal.end(), { end: 'exit 130', modes: COOKED });
});

/** What comes of commands through a pipe. */
async function piped(input: string, ...words: string[]): ReturnType<typeof bd0> {
  return bd0(['shell', '--root', names, ...words], { input });
}

t.test('commands come through a pipe, too, without a prompt', async (t) => {
  const ran = await piped('start hello_world\nstart at-terminal lines\nall\nthat follows\n');
  t.same(ran, { code: 0, signal: null, stderr: '', stdout: 'Hello, world\nline of 17: all\nthat follows\nend\n' });
  t.equal((await bd0(['run', '--root', names], { input: 'start echo a "b  c" d' })).stdout, 'a b  c d\n');
  t.equal((await piped('exit 7\nstart hello_world\n')).code, 7);
  t.same(await piped(''), { code: 0, signal: null, stderr: '', stdout: '' });
});

t.test('what a command cannot do it says in one line', async (t) => {
  const cases: [line: string, message: string][] = [
    ['nonsense', 'nonsense: no such command (help lists them)'],
    ['fib 10', 'fib: no such command; to run the program: start fib'],
    ['start', 'start: usage: start NAME [OPTIONS] [ARGS] [&]'],
    ['start nothing', 'start: no such name: nothing (ls lists them)'],
    ['start fib -x', "start: unknown option '-x' (help start lists them; -- ends them)"],
    ['start fib -L', 'start: -L needs a size, such as 64KB or 1.5GB'],
    [
      'start fib -L1.5.1GB',
      "start: -L '1.5.1GB' is not a size: write a number, or one with KB, MB, GB or TB, such as 1.5GB",
    ],
    [
      'start -L 32xb fib',
      "start: -L '32xb' is not a size: write a number, or one with KB, MB, GB or TB, such as 1.5GB",
    ],
    ['start -L 32gb', 'start: the NAME of the program is missing (ls lists them)'],
    ['start -L 32gb echo -L 1mb here', 'here'],
    ['start -- echo -L 32gb', '-L 32gb'],
    ['strat fib', "strat: no such command; did you mean 'start'?"],
    ['HLEP', "HLEP: no such command; did you mean 'help'?"],
    ['comm', "comm: no such command; did you mean 'commit'?"],
    ['hello_wrld', "hello_wrld: no such command; did you mean 'start hello_world'?"],
    ['start hello_wrld', "start: no such name: hello_wrld; did you mean 'hello_world'?"],
    ['hash ehco', "hash: no such name: ehco; did you mean 'echo'?"],
    ['help strat', "help: no such command: strat; did you mean 'start'?"],
    [`${'x'.repeat(70)}`, `${'x'.repeat(70)}: no such command (help lists them)`],
    ['start fib -L 4096', "start: a region of 4 KB is too small for 'fib'"],
    ['start fib -L 1000TB', 'start: no room for a region of 1000 TB'],
    ['start fib -s 9', 'start: no such process: 9 (ps lists them)'],
    ['start fib "', 'terminal: the closing quote is missing'],
    ['start fib & 10', 'terminal: & must be at the end of the line'],
    ['ps 1', 'ps: usage: ps'],
    ['ps &', 'ps: only programs can run in the background'],
    ['kill 0', 'kill: no such process: 0 (ps lists them)'],
    ['kill x', 'kill: no such process: x (ps lists them)'],
    ['kill 1 256', "kill: '256' is not an exit code: 0 to 255"],
    ['wait 1', 'wait: terminal cannot end while the terminal waits for it'],
    ['map 5', 'map: no such process: 5 (ps lists them)'],
    ['cat x', 'cat: no such name: x (ls lists them)'],
    ['hash x', 'hash: no such name: x (ls lists them)'],
    ['peek', 'peek: usage: peek ADDR [SIZE]'],
    ['peek 0x', "peek: '0x' is not an address: write hexadecimal digits"],
    ['peek 10000', 'peek: cannot read memory at 10000'],
    ['peek 800000000000', 'peek: cannot read memory at 800000000000'],
    ['peek ffffffffffffffff', 'peek: cannot read memory at ffffffffffffffff'],
    ['poke 10000 00', 'poke: cannot write memory at 10000'],
    ['poke 100000000 0', 'poke: \'0\': write pairs of hexadecimal digits, or "text"'],
    ['poke 100000000 0g', 'poke: \'0g\': write pairs of hexadecimal digits, or "text"'],
    ['commit 1 ../x', "commit: '../x' is not a valid name"],
    ...['map', 'heap', 'wait', 'kill'].flatMap((command): [string, string][] => [
      [`${command} %7`, `${command}: no such job: %7`],
      [`${command} %`, `${command}: no such job: %`],
    ]),
    ['commit %0 x', 'commit: no such job: %0'],
    ['start fib -s%2', 'start: no such job: %2'],
    ['start echo a | cat', 'terminal: BD0 has no pipes; to pass | to a program, put it in quotes'],
    ['start echo a>b', 'terminal: BD0 has no redirection; to pass > to a program, put it in quotes'],
    ['start cat <a', 'terminal: BD0 has no redirection; to pass < to a program, put it in quotes'],
    ['ps; ps', 'terminal: only one command per line; to pass ; to a program, put it in quotes'],
    ['ps&&ps', 'terminal: only one command per line; to pass && to a program, put it in quotes'],
    ['ps || ps', 'terminal: BD0 has no pipes; to pass | to a program, put it in quotes'],
    ['start echo "a|b" \'c > d\' "e;"f\'&&\'g', 'a|b c > d e;f&&g'],
    ['help nonsense', 'help: no such command: nonsense'],
    ['exit x', "exit: 'x' is not an exit code: 0 to 255"],
  ];
  const { stdout, code } = await piped(cases.map(([line]) => `${line}\n`).join(''));
  t.same(stdout.split('\n'), [...cases.map(([, message]) => message), '']);
  t.equal(code, 0);
});

t.test('memory is looked at, and changed', async (t) => {
  const lines = ['poke 100000f00 00 0102 "A b" ff', 'peek 0x100000F00 10', 'peek 100000ff8', 'poke 100000f01 7f'];
  const { stdout } = await piped([...lines, 'peek 100000f00 3', ''].join('\n'));
  const [first, ...rest] = stdout.split('\n');
  t.equal(first, `0000000100000f00  0001 0241 2062 ff00 0000${' '.repeat(17)}...A b....`);
  for (const line of rest.slice(0, 4)) t.match(line, /^00000001[0-9a-f]{7}8  ([0-9a-f]{4} ){8} .{16}$/);
  t.same(rest.slice(4), [`0000000100000f00  007f 02${' '.repeat(34)}...`, '']);
});

t.test('a program can live in the region of another one', async (t) => {
  const { stdout } = await piped('start echo -s 1 here\nstart fib -s terminal 60 &\nps\nmem\nkill fib\n');
  const lines = stdout.split('\n');
  t.same(lines.slice(0, 3), ['here', '[1] 2.1 fib', lines[2]]);
  t.match(lines[4], /^2\.1 +1 +running +1 {2}0000000100[0-9a-f]{3}000 +\d+ KB {2}fib$/);
  t.match(lines[6], /^1 +1 GB +(\d+ KB) +(\d+ KB) {2}terminal$/);
  t.equal(lines[8]!.replace(/^all +/, ''), /^1 +1 GB +(\d+ KB +\d+ KB)/.exec(lines[6]!)![1], 'counted once');
  t.equal(lines[9], '[1] 2.1 fib: exit code 143 (killed)');
});

t.test('who tells which thread in debug mode wrote to memory that is not its own', async (t) => {
  const commands = 'start at-terminal -d poke 100000f00\nwho 100000f00\nwho 100000f01\n';
  const nobody = 'who: no thread in debug mode wrote there from outside\n';
  const allowed = await piped(commands, '--debug-mode=report');
  const where = 'address   0000000100000f00, in process 1 (terminal) + f00\n';
  const other = 'address   0000000100000f01, in process 1 (terminal) + f01\n';
  t.match(allowed.stdout, /^thread {4}2\nat rip {4}00000001400[0-9a-f]{5}\nat tick {3}\d+\n/m);
  t.ok(allowed.stdout.startsWith(where) && allowed.stdout.endsWith(other + nobody), allowed.stdout);
  t.match(allowed.stderr, /^bd0: process 2 \(at-terminal\), thread 2: spurious write\n/);
  const killed = await piped(commands);
  t.equal(killed.stdout, `at-terminal: exit code 139 (memory access)\n${where}${nobody}${other}${nobody}`);
});

t.test('the memory of a process gets a name, and lasts in a store', async (t) => {
  const store = join(names, '../store');
  const { stdout } = await piped('poke 100000f00 "remember"\ncommit 1 memory\nhash memory\n', '--store', store);
  const [committed, hashed] = stdout.split('\n');
  t.equal(committed, `${hashed}, ${/\d+ KB$/.exec(committed!)?.[0]}`);
  const { stdout: bytes } = await bd0(['vmo', '--store', store, 'cat', 'memory', '--offset', '3840', '--length', '8']);
  t.equal(bytes, 'remember');
});

t.test('a machine in which nothing will ever happen comes to its end', async (t) => {
  const ran = await piped('start at-terminal stuck\nps\n');
  t.same(ran, {
    ...{ code: 124, signal: null, stdout: '' },
    stderr: "bd0: stopped 'terminal': deadlock (every thread is waiting for another)\n",
  });
});

t.test('bd0 shell takes options, and no arguments', async (t) => {
  const { code, stderr } = await bd0(['shell', 'hello_world']);
  t.equal(code, 125);
  t.equal(stderr, "bd0: bd0 shell takes no arguments: to run 'hello_world', write bd0 run hello_world\n");
  t.match((await bd0(['shell', '--help'])).stdout, /^bd0 shell \[OPTIONS\]\n\nThe terminal of BD0/);
});
