/** `bd0 debug` as a line debugger: its transcripts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compileTo } from '../support/guest-programs.js';
import { writeBrokenKernel } from '../support/guest-kernel.js';
import { ECHO_A_LINE, multibootKernel } from '../support/multiboot.js';
import { bd0 } from './bd0.js';
import { debuggingPage } from './debugging-page.js';
import { TRANSCRIPTS } from './debug-transcripts.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-debug-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const guest = join(directory, 'gdb-guest');
await compileTo(guest, join(root, 'test/cli/gdb-guest.c'), { compilerOptions: ['-O0'] });

/** A transcript without what another compiler or another version of the library changes. */
function normalised(text: string): string {
  return text
    .replace(/\b0x[0-9a-f]{9,}\b/g, 'ADDRESS')
    .replace(/\+0x[0-9a-f]+/g, '+N')
    .replace(/\btick \d+/g, 'tick N')
    .replace(/\bfrom \d+ to \d+/g, 'from N to N');
}

/** Without lines of the library, and numbers that are addresses. */
function withoutPlaces(text: string): string {
  return text.replace(/\bstart\.([cS]):\d+/g, 'start.$1:N').replace(/ \(-?\d{9,}\)/g, ' (N)');
}

function commandsOf(transcript: string): string[] {
  return [...transcript.matchAll(/^\(bd0\) (.*)$/gm)].map((match) => match[1]!);
}

for (const { name, words = [], code, transcript } of TRANSCRIPTS)
  t.test(name, async (t) => {
    const script = join(directory, `${name}.txt`);
    writeFileSync(script, commandsOf(transcript).join('\n'));
    const ran = await bd0(['debug', '-x', script, guest, ...words]);
    t.equal(ran.stderr, '');
    t.equal(normalised(ran.stdout), transcript);
    t.equal(ran.code, code);
  });

t.test('docs/debugging.md: how the crash of its program is found', async (t) => {
  const { shop, sessions } = await debuggingPage(directory, 'bd0');
  t.equal(sessions.length, 2);
  for (const text of sessions) {
    const script = join(directory, 'session.txt');
    writeFileSync(script, commandsOf(text).join('\n'));
    t.equal(
      withoutPlaces(normalised((await bd0(['debug', '-x', script, shop])).stdout)),
      withoutPlaces(normalised(text)),
    );
  }
});

t.test('docs/boot.md: from a triple fault of a kernel back to its cause', async (t) => {
  const kernel = join(directory, 'kernel');
  writeBrokenKernel(kernel);
  const page = readFileSync(join(root, 'docs/boot.md'), 'utf8');
  const [, text] = /^```bd0\n(.*?)^```$/ms.exec(page)!;
  const script = join(directory, 'kernel.txt');
  writeFileSync(script, commandsOf(text!).join('\n'));
  const words = ['-m', '64MB', '--symbols', 'kernel.elf', '-x', script, 'kernel'];
  const without = (text: string): string =>
    normalised(text)
      .replace(/0x[0-9a-f]+/g, 'N')
      .replace(/ \(\d+\)/g, '');
  for (const engine of ['auto', 'interpreter']) {
    const ran = await bd0(['debug', '--engine', engine, ...words], { cwd: kernel });
    t.strictSame([ran.code, ran.stderr], [0, '']);
    t.equal(without(ran.stdout), without(text!));
  }
});

t.test('what is typed reaches a kernel, from the command `input` and from stdin', async (t) => {
  const echo = join(directory, 'echo');
  writeFileSync(echo, multibootKernel([...ECHO_A_LINE, 0xf4]));
  const piped = await bd0(['debug', '--command', 'c', '--command', 'rsi', echo], { input: 'typed\n' });
  t.match(piped.stdout, /\(bd0\) c\ntyped\nthe processor has halted with interrupts off, thread 1, tick \d+/);
  const typed = await bd0(['debug', echo], { input: 'input typed\nc\nrc\nc\nc\n' });
  t.match(
    typed.stdout,
    /\(bd0\) c\ntyped\nthe processor has halted[^]*\(bd0\) rc\nthe history begins here, thread 1, tick 0/,
  );
  t.match(typed.stdout, /has halted[^]*has halted[^]*the program has ended with exit code 0/);
  t.equal(typed.stdout.match(/typed\n/g)!.length, 2, 'in the command, and once as output');
  t.equal(typed.code, 0);
  const refused = await bd0(['debug', '--append', 'x', '--limit', '1GB', echo]);
  t.match(refused, { code: 125, stderr: /^bd0: unknown option '--limit'/ });
  for (const words of [
    ['--net', 'hots', echo],
    ['--net=hots', echo],
    [echo, '--net', 'hots'],
  ])
    t.match(await bd0(['debug', ...words]), { code: 125, stderr: /^bd0: --net cannot be 'hots': did you mean 'host'/ });
});

t.test('commands from stdin, from options, and from both have one transcript', async (t) => {
  const commands = ['tbreak add', 'continue', 'bt', 'quit'];
  const stdin = await bd0(['debug', guest], { input: `${commands.join('\n')}\n` });
  const options = await bd0(['debug', ...commands.flatMap((command) => ['--command', command]), guest]);
  const both = await bd0(['debug', '--command', commands[0]!, '--line', guest], {
    input: commands.slice(1).join('\n'),
  });
  t.match(stdin.stdout, /#1 {2}0x\w+ in loop\+\w+, gdb-guest.c:44\n/);
  t.equal(options.stdout, stdin.stdout);
  t.equal(both.stdout, stdin.stdout);
  t.same([stdin.code, options.code, both.code], [0, 0, 0]);
});

t.test('the program reads what `input` types, or stdin if commands come from elsewhere', async (t) => {
  const typed = await bd0(['debug', 'cat'], { input: 'continue\ninput one\\ttwo\ncontinue\nquit\n' });
  t.match(typed.stdout, /\(bd0\) continue\nthe program waits for input .*, thread 1, /);
  t.match(typed.stdout, /\(bd0\) continue\none\ttwo\n/);
  const piped = await bd0(['debug', '--command', 'continue', 'cat'], { input: 'from stdin\n' });
  t.match(piped.stdout, /\(bd0\) continue\nfrom stdin\nthe program has ended with exit code 0/);
});

t.test('every engine gives the same transcript', async (t) => {
  const commands = ['watch four_bytes', 'break factorial', 'c', 'c', 'bt', 'registers', 'c', 'c', 'c', 'finish'];
  const run = (engine: string): Promise<{ stdout: string }> =>
    bd0(['debug', '--engine', engine, ...commands.flatMap((command) => ['--command', command]), guest]);
  const [auto, interpreter, evaluator] = await Promise.all(['auto', 'interpreter', 'evaluator'].map(run));
  t.match(auto!.stdout, /value 0x1 \(1\) -> 0x2 \(2\)|value 0x0 \(0\) -> 0x1 \(1\)|factorial/);
  t.equal(interpreter!.stdout, auto!.stdout);
  t.equal(evaluator!.stdout, auto!.stdout);
});

t.test('a step back and a step forward show the same place, and the history says how far it reaches', async (t) => {
  const commands = [
    'break loop',
    'c',
    'history',
    'reverse-stepi 7',
    'stepi 7',
    'print $rip',
    'goto -1',
    'goto +1',
    'print $rip',
  ];
  const ran = await bd0(['debug', ...commands.flatMap((command) => ['--command', command]), guest]);
  t.match(ran.stdout, /\(bd0\) history\nticks 0 to (\d+), now \1; \d+ snapshots? of \d+\.\d MB\n/);
  const values = [...ran.stdout.matchAll(/^(0x\w+ <loop\+0x\w+>)$/gm)].map((match) => match[1]);
  t.equal(values.length, 2);
  t.equal(values[0], values[1]);
});

t.test('the first step goes off a breakpoint that was set where the program stands', async (t) => {
  const commands = ['break', 'c', 'goto begin', 'c', 'rc', 'delete', 'tbreak add', 'c', 'break', 'c', 'info break'];
  const { stdout } = await bd0(['debug', ...commands.flatMap((command) => ['--command', command]), guest]);
  const [, start, first, begin, again, back, , , add, , next, list] = stdout.split('(bd0) ');
  t.match(start, /^break\nbreakpoint 1 at 0x\w+ in _start, /);
  t.match(first, /^c\n(.*\n)*the program has ended with exit code 3, /);
  t.match(begin, /^goto begin\nthread 1, tick 0: /);
  // Without what the program printed then.
  t.match(again, /^c\n(process 2 .*\n){2}the program has ended with exit code 3, /);
  t.match(back, /^rc\nbreakpoint 1, thread 1, tick 0: /);
  t.match(add, /^c\ntemporary breakpoint 2, .* in add\+/);
  t.match(next, /^c\nbreakpoint 3, .* in add\+/);
  t.match(list, /^info break\n3 {2}breakpoint \*0x\w+ at 0x\w+ in add\+\w+, gdb-guest.c:20, hit once\n/);
});

t.test(
  'where there are no lines, step says that it runs to the end of the function, or what to do instead',
  async (t) => {
    const bare = join(directory, 'without-lines');
    await compileTo(bare, join(root, 'test/cli/gdb-guest.c'), { compilerOptions: ['-O0', '-g0'] });
    const steps = ['--command', 'break *add', '--command', 'c', '--command', 'step', '--command', 'next'];
    const functions = await bd0(['debug', ...steps, bare]);
    t.match(
      functions.stdout,
      /\(bd0\) step\nadd has no source lines: running until it has returned\n.* in loop\+\w+\n/,
    );
    t.match(functions.stdout, /\(bd0\) next\nloop has no source lines: .*\nbreakpoint 1, .* in add\n/);
    execFileSync('strip', [bare]);
    const nameless = await bd0(['debug', '--command', 'step', '--command', 'stepi', bare]);
    t.match(
      nameless.stdout,
      /\(bd0\) step\nerror: there is neither a source line nor a function here: stepi or finish /,
    );
    t.match(nameless.stdout, /\(bd0\) stepi\nthread 1, tick \d+: /);
  },
);

function linuxImage(name: string, options: readonly string[], source = 'library-names.c'): string {
  const output = join(directory, name);
  execFileSync('gcc', ['-O0', join(root, 'test/cli', source), '-o', output, ...options]);
  return output;
}

/** A library with all its names and lines, and one of which only those are left that the dynamic linker needs. */
const LIBRARIES = {
  'libfull.so': { options: ['-g', '-Wl,-soname,libfull.so.1'], line: 'library-names.c:1\\d', file: 'libfull.so.1' },
  'libbare.so': { options: ['-s'], line: undefined, file: 'libbare.so' },
};
const loader = linuxImage('loader', ['-g', '-ldl']);

for (const [name, { options, line, file }] of Object.entries(LIBRARIES))
  t.test(`functions of a library are named: ${name}`, async (t) => {
    const library = linuxImage(name, ['-DLIBRARY', '-shared', '-fPIC', ...options]);
    const commands = [
      ...['tbreak pause_here', 'c', 'bt', 'who counter', 'break fill', 'print limits', 'rc', 'delete', 'c'],
      // The library is gone now.
      'who counter',
    ];
    const words = ['debug', '--root', '/', ...commands.flatMap((command) => ['--command', command])];
    const { stdout } = await bd0([...words, loader, library, 'pause']);
    const place = `0x\\w+ in fill\\+\\w+, ${line ?? name}`;
    for (const expected of [
      `bt\n#0  .* in pause_here.*\n#1  ${place}.*\n#2  .* in main`,
      `who counter\nthread 1 .*: ${place}\n`,
      'break fill\nbreakpoint 2 at 0x\\w+ in fill',
      'print limits\n0x\\w+ <limits>\n',
      'rc\nbreakpoint 2, .* in fill',
      `c\nthe program has ended with exit code 42, .*\n\\(bd0\\) who counter\nthread 1 .*: ${place}\n`,
    ])
      t.match(stdout, new RegExp(`^\\(bd0\\) ${expected}`, 'm'));
    const { stderr } = await bd0(['run', '--root', '/', loader, library, 'limits']);
    t.match(
      stderr,
      new RegExp(`^bd0: .*\n  rip 0x\\w+ in fill\\+\\w+, ${line ?? file}\n  mov .*\n  write of 0x\\w+\n`),
    );
    t.match(stderr, new RegExp(`\n  limits in ${file} of process 1 \\(loader\\), r--\n`));
  });

/** The lines that commands print for a program of Linux. */
async function debugged(commands: readonly string[], ...program: readonly string[]): Promise<string> {
  const words = ['debug', '--root', '/', ...commands.flatMap((command) => ['--command', command])];
  return (await bd0([...words, ...program])).stdout;
}

t.test('a breakpoint waits for the library that has its function', async (t) => {
  const library = linuxImage('liblate.so', ['-DLIBRARY', '-shared', '-fPIC', '-g']);
  const commands = ['break fill', 'tbreak doubled', 'info breakpoints', 'c', 'c', 'rc', 'c', 'c'];
  const transcript = withoutNumbers(await debugged(commands, loader, library, 'no'));
  const there = 'PLACE in fill+OFFSET, library-names.c:13';
  for (const expected of [
    '(bd0) break fill\nbreakpoint 1 is pending: there is no fill yet\n',
    '(bd0) info breakpoints\n1  breakpoint fill is pending\n2  temporary breakpoint doubled is pending\n',
    `(bd0) c\nbreakpoint 1 at ${there}\ntemporary breakpoint 2 at PLACE in doubled`,
    `\nbreakpoint 1, thread 1, tick TICK: ${there}\n`,
    '(bd0) c\ntemporary breakpoint 2, thread 1, tick TICK: PLACE in doubled',
    `(bd0) rc\nbreakpoint 1, thread 1, tick TICK: ${there}\n`,
    '(bd0) c\nthe program has ended with exit code 42, tick TICK\n',
  ])
    t.ok(transcript.includes(expected), `${expected}: ${transcript}`);
});

t.test('a function of a library that has several of it has the one that was chosen', async (t) => {
  const transcript = withoutNumbers(await debugged(['b strcmp', 'c', 'up', 'q'], loader, '/nosuch', 'pause'));
  t.match(transcript, /breakpoint 1 is pending: there is no strcmp yet\n/);
  t.match(
    transcript,
    /\nbreakpoint 1 at PLACE in .*libc\.so\.6\nbreakpoint 1, thread 1, tick TICK: PLACE in .*libc\.so\.6\n/,
  );
  const own = linuxImage('chosen', ['-g', '-static'], 'chosen-function.c');
  const found = withoutNumbers(await debugged(['b chosen', 'c', 'c', 'info b', 'c'], own));
  t.match(found, /breakpoint 1 is pending: there is no chosen yet\n/);
  t.match(found, /\(bd0\) c\nbreakpoint 1 at PLACE in second, .*\nbreakpoint 1, thread 1, tick TICK: PLACE in second/);
  t.match(
    found,
    /\n1  breakpoint chosen at PLACE in second, .*, hit 2 times\n\(bd0\) c\nthe program has ended with exit code 6,/,
  );
});

function withoutNumbers(transcript: string): string {
  return transcript
    .replace(/\b0x0[\da-f]{15}\b/g, 'PLACE')
    .replace(/\+0x[\da-f]+\b/g, '+OFFSET')
    .replace(/\btick \d+/g, 'tick TICK');
}

t.test('a name that a later program may have is waited for if asked', async (t) => {
  const transcript = await debugged(['break nosuch pending if $rdi == 1', 'info breakpoints', 'b :3', 'c'], guest);
  t.match(transcript, /breakpoint 1 is pending: there is no nosuch yet\n/);
  t.match(transcript, /\n1  breakpoint nosuch if \$rdi == 1 is pending\n/);
});

t.test('what is wrong with the words of the command line is said in one line', async (t) => {
  const cases: [string[], RegExp, number][] = [
    [['debug'], /^bd0: bd0 debug needs an IMAGE or a KERNEL: .*\n$/, 125],
    [['debug', 'nosuch'], /^bd0: .*nosuch.*\n$/, 127],
    [['debug', '-x', '/nosuch', guest], /^bd0: .*\/nosuch.*\n$/, 125],
    [['debug', '--history', 'much', guest], /^bd0: --history.*much.*\n$/, 125],
    [['debug', '--gdb', '1234', guest], /^bd0: unknown option '--gdb'.*\n$/, 125],
    [['debug', '--debug-mode=ask', guest], /^bd0: --debug-mode=ask cannot be combined with bd0 debug.*\n$/, 125],
    [['debgu', guest], /^bd0: unknown command 'debgu': did you mean 'debug'\?\n$/, 125],
  ];
  for (const [words, message, code] of cases) {
    const ran = await bd0(words);
    t.match(ran.stderr, message, words.join(' '));
    t.equal(ran.code, code);
  }
});
