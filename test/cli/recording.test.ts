/** `bd0 run --record`, `bd0 replay` and `bd0 diff-trace`. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { completing, RunRecording } from '../../src/cli/recording/run-recording.js';
import { Board, BoardMachine } from '../../src/index.js';
import { ECHO_A_LINE, multibootKernel } from '../support/multiboot.js';
import { bd0, endOf, firstOutput, startBd0 } from './bd0.js';
import { runGdb, startDebugged } from './gdb-sessions.js';
import { PseudoTerminal } from './pseudo-terminal.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-record-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string): string => join(directory, name);

/** What a replay prints, but for the ticks. */
const SAME = /^replayed '.*' from tick 0 to \d+: the same as recorded \(\d+ hash(es)? compared\)\n/;

/** Every file of a directory, with its content. */
function filesIn(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(path, name)).isFile(),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), 'base64')]));
}

t.test('a session at a terminal is the same again, and nothing of it shows', async (t) => {
  const terminal = PseudoTerminal.bd0('shell', '--record', file('session'));
  await terminal.sees('> ');
  await terminal.enter('start hello_world');
  await terminal.enter('ls');
  // Ctrl-C ends a program that runs, and one that waits.
  await terminal.enter('start cat', '\rtext\r\x03');
  await terminal.enter('start fib 60', '\r\x03');
  terminal.type('\x01x');
  t.equal((await terminal.end()).end, 'exit 0');
  for (const engine of ['auto', 'interpreter']) {
    const { code, stdout, stderr } = await bd0(['replay', file('session'), '--engine', engine]);
    t.strictSame([code, stderr], [0, '']);
    t.match(stdout, SAME);
    t.match(stdout.replace(SAME, ''), /^the recorded run ended there: stopped by Ctrl-A x\n$/);
  }
});

t.test('a replay publishes nothing, and needs neither the store nor the files', async (t) => {
  const store = file('store');
  await bd0(['run', '--store', store, 'snapshot', 'save', 'numbers', '200']);
  const words = ['--store', store, '--record', file('published'), 'snapshot', 'save', 'others', '300'];
  const run = await bd0(['run', ...words]);
  t.strictSame([run.code, run.stderr], [0, '']);
  const before = filesIn(store);
  t.match((await bd0(['replay', file('published')])).stdout, SAME);
  t.strictSame(filesIn(store), before);
  rmSync(store, { recursive: true });
  t.match((await bd0(['replay', file('published'), '--engine', 'interpreter'])).stdout, SAME);
});

t.test('programs of Linux find the same files in a replay, which needs none of them', async (t) => {
  const [root, words] = [
    t.testdir({ some: { 'one.txt': 'one\n', 'two.txt': 'two\n' } }),
    join(t.testdirName, 'words.c'),
  ];
  const source = [
    '#include <dirent.h>\n#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>',
    'int main(void) {',
    '  DIR *directory = opendir("/some");',
    '  for (struct dirent *entry; (entry = readdir(directory));) puts(entry->d_name);',
    '  char text[8];',
    '  int n = read(open("/some/two.txt", O_RDONLY), text, sizeof text);',
    '  printf("%.*s%d\\n", n, text, open("/some/three.txt", O_RDONLY));',
    '  return n;',
    '}',
  ];
  writeFileSync(words, source.join('\n'));
  execFileSync('gcc', ['-static-pie', words, '-o', join(root, 'words')]);
  const run = await bd0(['run', '--root', root, '--record', file('linux'), join(root, 'words')]);
  t.strictSame([run.code, run.stderr], [4, '']);
  t.match(run.stdout, /one\.txt\ntwo\.txt\n.*two\n-1\n$/s);
  rmSync(join(root, 'some'), { recursive: true });
  for (const engine of ['auto', 'interpreter'])
    t.match((await bd0(['replay', file('linux'), '--engine', engine])).stdout, SAME);
});

t.test('the recording of a run that was killed is replayed as far as it goes', async (t) => {
  const child = startBd0(['run', '--record', file('killed'), 'cat']);
  child.stdin.write('some text\n');
  await firstOutput(child);
  child.stdin.write('more text\n');
  while (!readFileSync(file('killed')).includes('some text')) await new Promise((done) => setImmediate(done));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { code, stdout } = await bd0(['replay', file('killed')]);
  t.equal(code, 0);
  t.match(stdout, /\nthe recording ends there: the run was killed\n$/);
});

t.test('where two runs part is said in words', async (t) => {
  for (const [name, input] of [
    ['one', 'a line\n'],
    ['two', 'a lime\n'],
  ] as const)
    await bd0(['run', '--record', file(name), 'cat'], { input });
  const { code, stdout } = await bd0(['diff-trace', file('one'), file('two')]);
  t.equal(code, 1);
  t.match(
    stdout,
    /^the runs part at tick \d+: they got different input\n.*one: input "a line\\n".*\n.*two: input "a lime\\n"/,
  );
  t.match(stdout, /\nthe first difference is at tick \d+:\n {2}frame \d+, byte \d+: 110 → 109\n/);
  const same = await bd0(['diff-trace', file('one'), file('one')]);
  t.match(same, { code: 0, stdout: /^the runs are the same, from tick 0 to \d+\n$/ });
});

t.test('a kernel is recorded with what is typed, and replayed to the same machine', async (t) => {
  const kernel = file('kernel');
  // Ends the run with exit code 3 at a newline.
  writeFileSync(kernel, multibootKernel([...ECHO_A_LINE, 0xb0, 1, 0xe6, 0xf4]));
  for (const [name, input] of [
    ['typed', 'abc\n'],
    ['other', 'abx\n'],
  ] as const)
    t.match(await bd0(['boot', '--record', file(name), kernel], { input }), { code: 3, stdout: input, stderr: '' });
  for (const engine of ['auto', 'evaluator']) {
    const { code, stdout, stderr } = await bd0(['replay', file('typed'), '--engine', engine]);
    t.strictSame([code, stderr], [0, '']);
    t.match(stdout, SAME);
    t.match(stdout, /\nthe recorded run ended there: the kernel ended the run with exit code 3\n$/);
  }
  const { code, stdout } = await bd0(['diff-trace', file('typed'), file('other')]);
  t.equal(code, 1);
  t.match(stdout, /^the runs part at tick \d+: they got different input\n/);
  const debugged = [
    '--record',
    file('debugged'),
    '--command',
    'stepi 5',
    '--command',
    'set $rbx = 7',
    '--command',
    'c',
  ];
  t.match(await bd0(['debug', ...debugged, kernel], { input: 'abc\n' }), { code: 0, stdout: /abc\n.*exit code 3/ });
  t.match(await bd0(['replay', file('debugged')]), { code: 0, stdout: SAME });
  t.match(await bd0(['replay', file('one'), '--symbols', kernel]), { code: 125, stderr: /--symbols is for kernels/ });
  const { place, ended } = await startDebugged(t, [file('typed')], '', 'replay');
  const transcript = await runGdb(place, 'stepi 3\nprint $rip\nreverse-stepi\ncontinue\nreverse-stepi\ndetach');
  t.match(transcript, /\$1 = /);
  t.equal((await ended).code, 0);
});

t.test('gdb debugs a recording, backwards as well', async (t) => {
  const { place, ended } = await startDebugged(t, [file('one')], '', 'replay');
  const transcript = await runGdb(
    place,
    `
      break main
      continue
      delete
      watch *(int *)$rsp
      continue
      reverse-continue
      detach
    `,
  );
  t.match(transcript, /Breakpoint 1, .*main/);
  t.match(transcript, /Old value/);
  const { code, stdout, stderr } = await ended;
  t.equal(code, 0, stderr);
  t.match(stdout, /^'.*one' was left at tick \d+ of \d+\n$/);
});

t.test('a run under gdb is recorded with what gdb changes, in the past as well', async (t) => {
  const { place, ended } = await startDebugged(t, ['--record', file('changed'), 'cat'], 'one\ntwo\nthree\n');
  const transcript = await runGdb(
    place,
    `
      tbreak main
      continue
      set var $r15 = 1
      stepi 20
      set var *(long *)($rsp - 512) = 5
      stepi 20
      reverse-stepi 15
      set var *(long *)($rsp - 512) = 7
      set var $xmm3.uint128 = 9
      stepi 3
      reverse-stepi
      monitor history
      detach
    `,
  );
  t.match(transcript, /now at tick \d+ of/);
  const run = await ended;
  t.strictSame([run.code, run.stdout], [0, 'one\ntwo\nthree\n']);
  for (const engine of ['auto', 'interpreter']) {
    const { code, stdout, stderr } = await bd0(['replay', file('changed'), '--engine', engine]);
    t.strictSame([code, stderr], [0, '']);
    t.match(stdout, SAME);
  }
  const replay = await startDebugged(t, [file('changed')], '', 'replay');
  const again = await runGdb(
    replay.place,
    `
      watch *(long *)0 if 0
      tbreak main
      continue
      stepi 40
      print $r15
      print *(long *)($rsp - 512)
      reverse-continue
      continue
    `,
  );
  t.match(again, /\+print \$r15\n\$1 = 1\n/);
  t.equal((await replay.ended).code, 0);
});

t.test('bd0 debug records as well, whatever way it is left', async (t) => {
  const commands = [
    [
      'break main',
      'continue',
      'set $r15 = 9',
      'stepi 30',
      'reverse-stepi 10',
      'set u64($rsp - 256) = 3',
      'input one',
      'continue',
    ],
    ['break main', 'continue', 'stepi 30', 'goto 5'],
    ['continue', 'input x', 'continue', 'reverse-stepi 3', 'quit'],
  ];
  for (const [index, list] of commands.entries()) {
    const name = file(`debugged ${index}`);
    const words = list.flatMap((command) => ['--command', command]);
    const run = await bd0(['debug', '--record', name, '--line', ...words, 'cat'], { input: 'input two\ncontinue\n' });
    t.equal(run.code, 0, run.stderr);
    const { code, stdout, stderr } = await bd0(['replay', name]);
    t.strictSame([code, stderr], [0, ''], stdout);
    t.match(stdout, /: the same as recorded/);
  }
});

t.test('what cannot be recorded or replayed is refused in one line', async (t) => {
  const refused = async (words: string[], code: number, stderr: RegExp): Promise<void> => {
    t.match(await bd0(words), { code, stdout: '', stderr });
  };
  writeFileSync(file('text'), 'no recording');
  writeFileSync(file('empty'), '');
  const bytes = readFileSync(file('one'));
  writeFileSync(file('cut'), bytes.subarray(0, 2000));
  bytes[bytes.length - 300]! ^= 4;
  writeFileSync(file('altered'), bytes);
  for (const name of ['text', 'empty'])
    await refused(['replay', file(name)], 125, /^bd0: '.*' cannot be replayed: it is not a recording of bd0\n$/);
  await refused(['replay', file('cut')], 125, /^bd0: '.*' cannot be replayed: it is cut before the run began\n$/);
  await refused(['replay', file('altered')], 125, /^bd0: '.*' cannot be replayed: it is damaged: .*\n$/);
  await refused(['replay', file('nothing')], 127, /^bd0: cannot read '.*': no such file or directory\n$/);
  await refused(['replay', directory], 125, /^bd0: '.*' cannot be replayed: it is not a regular file\n$/);
  await refused(['replay'], 125, /^bd0: bd0 replay needs one FILE.*\n$/);
  await refused(['diff-trace', file('one')], 125, /^bd0: bd0 diff-trace needs two FILEs.*\n$/);
  await refused(['replay', file('one'), '--gdb-wait', 'no'], 125, /^bd0: --gdb-wait needs --gdb PORT\n$/);
  await refused(['run', '--record', directory, 'cat'], 125, /^bd0: cannot write '.*': it is a directory\n$/);
  const full = startBd0(['run', '--record', '/dev/full', 'hello_world']);
  full.stdin.end();
  const ended = await endOf(full);
  t.match(ended, { code: 0, stderr: /^bd0: cannot write '\/dev\/full': .*: the recording ends before tick \d+\n$/ });
});

t.test('the recording of a run that throws is closed, and can be replayed as far as it goes', async (t) => {
  const path = file('thrown');
  const board = new Board({ memoryBytes: 2 ** 21, send: () => {} });
  const recording = RunRecording.begin(path, new BoardMachine(board, { name: 'nothing' }), { tell: () => {} }, {});
  const isOpen = (): boolean =>
    readdirSync('/proc/self/fd').some((number) => {
      try {
        return readlinkSync(`/proc/self/fd/${number}`) === path;
      } catch {
        return false;
      }
    });
  t.equal(isOpen(), true);
  const run = (): Promise<never> => Promise.reject(new Error('the port is in use'));
  await t.rejects(
    completing(recording, run, () => ({ what: 'it ended', exitCode: 0 })),
    { message: 'the port is in use' },
  );
  t.equal(isOpen(), false);
  t.match((await bd0(['replay', path])).stdout, /^replayed '.*' from tick 0 to 0: the same as recorded/);
});
