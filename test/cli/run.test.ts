import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import t from 'tap';
import { bd0, bd0Command, endOf, firstOutput, startBd0, type Ran } from './bd0.js';
import { served } from './served.js';
import { compileMisbehave } from './misbehave.js';

const directory = mkdtempSync(join(tmpdir(), 'bd0-run-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const misbehave = await compileMisbehave(directory);

/** Runs it, with words for bd0 in front. */
function run(what: string, words: readonly string[] = []): Promise<Ran> {
  return served(['run', ...words, misbehave, ...what.split(' ')]);
}

/** What bd0 itself says is one line. */
function isOneLine(stderr: string): boolean {
  return /^bd0: [^\n]+\n$/.test(stderr);
}

t.test('a guest that comes with bd0 runs by its name', async (t) => {
  t.strictSame(await bd0(['run', 'hello_world']), { code: 0, signal: null, stdout: 'Hello, world\n', stderr: '' });
});

t.test('the arguments of the guest reach it, with IMAGE as argv[0]', async (t) => {
  const { stdout } = await served(['run', 'echo', '--engine', 'evaluator', 'one', '', '-L', '--', 'ä']);
  t.equal(stdout, 'one  -L -- ä\n');
});

t.test('the exit code is that of the guest', async (t) => {
  for (const [code, seen] of [
    [7, 7],
    [255, 255],
    [300, 44],
  ]) {
    // prettier-ignore
    const { code: exitCode, stdout, stderr } = await run(`exit ${code}`);
    t.strictSame([exitCode, stdout, stderr], [seen, '', '']);
  }
});

t.test('a trap ends the guest with 128 + the number of its signal, and is reported', async (t) => {
  const traps: [what: string, code: number, report: RegExp][] = [
    [
      'null 16',
      139,
      /#PF, error code 0x6\n  rip 0x0{7}1[0-9a-f]{8} in store, misbehave.c:\d+\n  mov .*\n  write of 0x0{14}10\n  no region/,
    ],
    [
      'constant',
      139,
      /#PF, error code 0x7\n.* in store, .*\n.*\n  write of .*\n  constant in the image of process 1 \(misbehave\), r--\n/,
    ],
    ['divide 0', 136, /#DE\n  rip .* in main\+0x[0-9a-f]+, misbehave.c:\d+\n  idiv/],
    ['undefined', 132, /#UD\n  rip .*\n  ud2/],
    ['breakpoint', 133, /#BP\n  rip/],
    ['privileged', 139, /#GP, error code 0x0\n  rip .*\n  hlt/],
    ['unaligned', 135, /#AC, error code 0x0\n  rip .*\n  mov eax,dword ptr \[rsp\+0x1\]/],
    ['float', 136, /#XM\n  rip .*\n  divss xmm0,xmm0/],
  ];
  for (const [what, code, report] of traps) {
    const ran = await run(what);
    t.equal(ran.code, code, what);
    t.equal(ran.stdout, `${what.split(' ')[0]}\n`, 'what it wrote before is there');
    t.match(ran.stderr, report);
    t.match(ran.stderr, /^bd0: process 1 \(misbehave\), thread 1: /);
  }
});

t.test('a guest that uses up the memory ends with 137', async (t) => {
  const { code, stderr } = await run('touch 16777216', ['-m', '8MB', '--write-back', '1MB']);
  t.equal(code, 137);
  t.match(stderr, /^bd0: process 1 \(misbehave\), thread 1: out of memory/);
  const none = await run('touch 16777216', ['-m', '8MB', '--write-back=0']);
  t.equal(none.code, 137);
});

t.test('a program of Linux runs as one, whether or not it says so', async (t) => {
  const [source, program] = [join(directory, 'linux.c'), join(directory, 'linux')];
  writeFileSync(source, '#include <stdio.h>\nint main(int c, char **v) { printf("%d\\n", c); return c; }\n');
  spawnSync('gcc', ['-static-pie', source, '-o', program]);
  const { code, stdout, stderr } = await served(['run', program]);
  t.strictSame([code, stdout.toString(), stderr], [1, '1\n', '']);

  const unmarked = join(directory, 'linux.S');
  writeFileSync(unmarked, '.globl _start\n_start: mov $60, %eax\n mov $7, %edi\n syscall\n');
  spawnSync('gcc', ['-nostdlib', '-static-pie', unmarked, '-o', program]);
  t.equal((await served(['run', program])).code, 7);
});

t.test('a directory to start in that the program does not see is an error', async (t) => {
  const program = join(directory, 'linux');
  for (const cwd of ['/nosuch', '/etc/passwd', '/proc/self'])
    t.match(await served(['run', '--cwd', cwd, program]), {
      code: 125,
      stderr: `bd0: --cwd '${cwd}' is not a directory that the program sees\n`,
    });
  t.equal((await served(['run', '--cwd', '/usr', program])).code, 7);
});

t.test('a call of 32-bit Linux is named in the report', async (t) => {
  const [source, program] = [join(directory, 'linux32.S'), join(directory, 'linux32')];
  writeFileSync(source, '.globl _start\n_start: int $0x80\n');
  spawnSync('gcc', ['-nostdlib', '-static-pie', source, '-o', program]);
  const { code, stderr } = await served(['run', program]);
  t.equal(code, 139);
  t.match(stderr, /^ {2}a system call of 32-bit Linux, which bd0 does not have$/m);
});

t.test('the report of a trap names the program of Linux, which does not say what it is called', async (t) => {
  const [source, program] = [join(directory, 'named.c'), join(directory, 'named')];
  writeFileSync(source, 'int main(void) { *(volatile int *)8 = 1; }\n');
  for (const options of [['-static', '-no-pie'], ['-static-pie'], ['-pie']]) {
    spawnSync('gcc', [...options, source, '-o', program]);
    t.match((await served(['run', program])).stderr, /\n {2}rip 0x[0-9a-f]{16} in main\+0x[0-9a-f]+, named\n/);
    spawnSync('strip', [program]);
    t.match((await served(['run', program])).stderr, /\n {2}rip 0x[0-9a-f]{16} in named\n/, options.join());
  }
});

t.test('a process that a program of Linux has forked dies without a report, unless it is asked for', async (t) => {
  const [source, program, log] = ['forked.c', 'forked', 'forked.log'].map((name) => join(directory, name));
  writeFileSync(
    source!,
    `#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int status;
  if (fork() == 0) *(volatile int *)8 = 1;
  wait(&status);
  printf("%d\\n", status & 0x7f);
  fflush(stdout);
  if (argc > 1) *(volatile int *)16 = 1;
}
`,
  );
  spawnSync('gcc', ['-static-pie', source!, '-o', program!]);
  t.match(await served(['run', program!]), { code: 0, stdout: '11\n', stderr: /^$/ });
  const { code, stderr } = await served(['run', program!, 'too']);
  t.equal(code, 139);
  t.match(stderr, /^bd0: process 1 \(forked\)(?:(?!bd0:)[^])*$/, 'one report, on the program itself');
  t.equal((await served(['run', '--trace', 'traps', '--log-file', log!, program!])).stderr, '');
  const [traced, ...more] = readFileSync(log!, 'utf8').trim().split('\n');
  t.match(JSON.parse(traced!), { pid: 2, exitCode: 139, msg: /^process 2 \(forked\), thread 2: #PF/ });
  t.equal(more.length, 0);
});

t.test('arguments that are not UTF-8 reach the guest as their bytes', (t) => {
  const script = `exec "$@" run echo -- "$(printf '\\377\\376 \\303')"`;
  const { stdout } = spawnSync('sh', ['-c', script, 'sh', ...bd0Command]);
  t.strictSame([...stdout], [0xff, 0xfe, 0x20, 0xc3, 0x0a]);
  t.end();
});

t.test('limits end a run with 124', async (t) => {
  const counted = await run('spin', ['--max-instructions', '12345', '--json']);
  t.equal(counted.code, 124);
  t.match(JSON.parse(counted.stderr), { outcome: 'limit', exitCode: 124, instructions: 12345 }, 'exactly so many');
  const timed = await run('spin', ['--timeout', '0.1']);
  t.equal(timed.code, 124);
  t.equal(timed.stderr, "bd0: stopped 'misbehave' after 0.1 s (--timeout)\n");
});

t.test('what cannot run ends with 126 or 127, and what bd0 cannot do with 125', async (t) => {
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const text = file('text', 'This is no program.\n'.repeat(10));
  const cut = join(directory, 'cut');
  writeFileSync(cut, readFileSync(misbehave).subarray(0, 100));
  const cases: [words: string[], code: number, message: RegExp][] = [
    [[text], 126, /text' is not runnable: it is not an ELF file: it starts with 54 68 69 73, not 7f 45 4c 46\n$/],
    [[cut], 126, /cut' is not runnable: e_phoff/],
    [[directory], 126, /is a directory, not an image/],
    [['/dev/null'], 126, /'\/dev\/null' is not a regular file/],
    [['no-such-guest'], 127, /there is no file 'no-such-guest', and '.*' has cat, deepstack, echo, fib, /],
    [['helo_world'], 127, /there is no file 'helo_world': did you mean 'hello_world'\?/],
    [[join(text, 'below')], 127, /there is no file/],
    [['hello_world', '--root', text], 125, /--root '.*text' is not a directory/],
    [['hello_world', '-L', '100'], 125, /cannot start '.*hello_world': a region of/],
    [['hello_world', '-L', '1000TB'], 125, /--limit 1000TB is too large: a region can have at most 127.99TB/],
    [['hello_world', '-m', '1TB'], 125, /--memory 1TB is too large: guest memory can have at most 3.5GB/],
    [['hello_world', '-m', '1'], 125, /--memory 1 is too small: guest memory must have at least 4096 bytes/],
    [
      ['hello_world', '--log-file', join(directory, 'none/log')],
      125,
      /cannot write --log-file '.*': no such file or directory/,
    ],
    [['--frob'], 125, /unknown option '--frob'/],
  ];
  for (const [words, code, message] of cases) {
    const ran = await served(['run', ...words]);
    t.equal(ran.code, code, words.join(' '));
    t.ok(isOneLine(ran.stderr), ran.stderr);
    t.match(ran.stderr, message);
    t.equal(ran.stdout, '');
  }
});

t.test('IMAGE is a file first, and else a name under --root', async (t) => {
  const names = join(directory, 'names');
  mkdirSync(join(names, 'deeper'), { recursive: true });
  writeFileSync(join(names, 'hello_world'), readFileSync(misbehave));
  writeFileSync(join(names, 'deeper/other'), readFileSync(misbehave));
  const local = await served(['run', 'hello_world', 'exit', '5'], { cwd: names });
  t.equal(local.code, 5, 'a file in the current directory');
  const named = await served(['run', 'hello_world', '--root', names, 'exit', '6']);
  t.equal(named.code, 6, 'a name under the root');
  t.equal((await served(['run', 'echo', '--root', names])).code, 127, 'and no other name');
  symlinkSync(misbehave, join(names, 'link'));
  symlinkSync('nothing', join(names, 'dangling'));
  const missing = await served(['run', 'unlike', '--root', names]);
  t.match(missing.stderr, /' has hello_world, link\n$/, 'directories are no programs');
  t.match((await served(['run', 'depper', '--root', names])).stderr, /' has hello_world, link\n$/);
  t.equal((await served(['run', 'deeper/other', '--root', names])).code, 127, 'a path is no name');
});

t.test('input and output go through pipes as they are', async (t) => {
  const bytes = randomBytes(3_000_000);
  const child = startBd0(['run', 'cat']);
  child.stdout.setEncoding('hex');
  child.stdin.end(bytes);
  let received = '';
  for await (const part of child.stdout) received += part as string;
  t.ok(received === bytes.toString('hex'), 'all bytes, in order');
});

t.test('a guest that waits for input gets each piece as it comes', async (t) => {
  const child = startBd0(['run', 'cat']);
  for (const line of ['first\n', 'second\n']) {
    child.stdin.write(line);
    t.equal(await firstOutput(child), line);
    child.stdout.resume();
  }
  child.stdin.end();
  t.equal((await endOf(child)).code, 0);
});

t.test('idle time is not waited for, or is, as --clock says', async (t) => {
  const nanoseconds = 50_000_000;
  const silent = async (clock: string): Promise<[stdout: string, ms: number]> => {
    const start = performance.now();
    const child = startBd0(['run', '--clock', clock, misbehave, 'read', String(nanoseconds)]);
    const { stdout } = await endOf(child);
    child.stdin.end();
    return [stdout, performance.now() - start];
  };
  t.equal((await silent('free'))[0], 'read\n-110, in time\n');
  const [stdout, ms] = await silent('real');
  t.equal(stdout, 'read\n-110, in time\n');
  t.ok(ms >= nanoseconds / 1e6, `${ms} ms`);
});

t.test('a reader that goes away ends the guest quietly, as SIGPIPE does', async (t) => {
  for (const length of [64, 262144]) {
    const child = startBd0(['run', misbehave, 'flood', String(length)]);
    await firstOutput(child);
    child.stdout.destroy();
    const [code] = (await once(child, 'exit')) as [number];
    t.equal(code, 141);
  }
});

t.test('output that nobody can take is told', async (t) => {
  const ran = spawnSync('bash', ['-c', '"$@" > /dev/full', 'bash', ...bd0Command, 'run', 'hello_world'], {
    encoding: 'utf8',
  });
  t.equal(ran.status, 125);
  t.equal(ran.stderr, 'bd0: cannot write standard output: no space left on device\n');
});

t.test('a standard output that is closed is an error for what prints, and for nothing else', (t) => {
  const main = bd0Command.at(-1)!;
  const cases: [words: string, error: boolean][] = [
    ['--version', true],
    ['run hello_world', true],
    [`run ${misbehave} exit 5`, false],
    [`vmo hash '${main}'`, true],
  ];
  for (const [words, fails] of cases) {
    const [program, ...first] = ['/usr/bin/env', '-u', 'NODE_OPTIONS', 'bash', '-c'];
    const { status, stderr } = spawnSync(program!, [...first, `'${main}' ${words} >&-`], { encoding: 'utf8' });
    t.strictSame(
      [status, stderr],
      fails ? [125, 'bd0: cannot write standard output: it is not open\n'] : [5, ''],
      words,
    );
  }
  t.end();
});

t.test('a run that a signal ends still tells its statistics', async (t) => {
  const child = startBd0(['run', '--json', misbehave, 'spin']);
  await firstOutput(child);
  child.kill('SIGINT');
  child.stdout.resume();
  const { stderr, code } = await endOf(child);
  t.equal(code, 130);
  t.match(JSON.parse(stderr), { outcome: 'signal', exitCode: 130, signal: 2 });
});

t.test('--stats tells what the machine has done', async (t) => {
  const { stderr, stdout } = await served(['run', 'fib', '--stats', '15']);
  t.equal(stdout, 'fib(15) = 610\n');
  t.match(
    stderr,
    /^instructions +[\d ]+, [\d.]+ MIPS\ntime +[\d.]+ s here, [\d.]+ s in the machine\npage faults +\d+\n/,
  );
  t.match(stderr, /^hits by content +\d+$/m);
});

t.test('--stats tells what the translator has done, and --jit-threshold how soon', async (t) => {
  const told = async (...words: string[]): Promise<{ modules: number; stderr: string }> => {
    const { stderr, stdout } = await served(['run', '--stats', ...words, 'fib', '25']);
    t.equal(stdout, 'fib(25) = 75025\n');
    return { modules: Number(/^Wasm modules +\d+ now, (\d+) in all$/m.exec(stderr)?.[1]), stderr };
  };
  const usual = await told();
  t.match(usual.stderr, /^regions +[1-9]\d* live, 0 evicted, \d+ dropped by stores$/m);
  t.match(usual.stderr, /^regions entered +[\d ]+ from TypeScript, [\d ]+ chained$/m);
  t.match(usual.stderr, /^translated +[1-9]\d* instructions of [\d.]+ bytes$/m);
  t.match(usual.stderr, /^translation +\d+\.\d ms generating, \d+\.\d compiling$/m);
  t.ok((await told('--jit-threshold', '0')).modules > usual.modules, 'at once is more');
  t.equal((await told('--jit-threshold', '1000000')).modules, 0);
  const without = await served(['run', '--stats', '--engine', 'interpreter', 'fib', '25']);
  t.notMatch(without.stderr, /Wasm/);
});

t.test('--trace blocks tells what was translated, and into what', async (t) => {
  const { stderr } = await served(['run', '--trace', 'blocks', 'fib', '25']);
  const events = stderr.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
  const ofFib = events.find(({ msg }) => /^region 0x\w+ <fib>: /.test(String(msg)))!;
  t.match(ofFib, { reason: 'has taken long', instructions: Number, bytes: Number, milliseconds: Number });
  t.match(ofFib['msg'], /^0x\w+ <fib(\+0x\w+)?>: ([0-9a-f]{2} )+ +\w+/m, 'guest code');
  t.match(ofFib['msg'], /^ *\d+ +\(?i64\.\w+/m, 'and Wasm');
});

t.test('--json tells the result as one line on stderr', async (t) => {
  const { stderr } = await run('null 0', ['--json']);
  t.match(JSON.parse(stderr), {
    ...{ outcome: 'trapped', exitCode: 139, id: /^[0-9a-f]{64}$/, image: misbehave },
    report: { cause: 'exception', vector: 14, errorCode: 6, rip: /^0x[0-9a-f]+$/, code: /^([0-9a-f]{2})+$/ },
  });
});

t.test('--trace logs kernel-calls and faults as JSON lines, to stderr or to a file', async (t) => {
  const { stderr } = await served(['run', '--trace', 'calls,faults', 'hello_world']);
  const events = stderr.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
  t.match(events[0], { msg: 'fault', pid: 1, tid: 1, access: 'execute', outcome: 'resolved' });
  const isCall = ({ msg }: Record<string, unknown>): boolean => String(msg).startsWith('call ');
  t.match(events.filter(isCall), [
    { msg: 'call console_write', result: '0xd', tick: Number },
    { msg: 'call exit', result: 'ended' },
  ]);
  t.equal(events.filter(isCall).length, 2);
  for (const event of events) if (!isCall(event)) t.match(event, { msg: 'fault', pid: 1, outcome: 'resolved' });
  t.match(events.at(-1), { msg: 'call exit' });

  const file = join(directory, 'log');
  const words = ['run', '--trace', 'calls', '--log-file', file, 'hello_world'];
  for (let time = 0; time < 2; time++) t.equal((await served(words)).stderr, '');
  t.equal(readFileSync(file, 'utf8').match(/call exit/g)?.length, 2, 'the file is appended to');
});

t.test('a stack trace shows with --log-level debug only', async (t) => {
  const quiet = await served(['run', 'no-such-guest']);
  t.ok(isOneLine(quiet.stderr));
  const { stderr } = await served(['run', 'no-such-guest', '--log-level', 'debug']);
  const [logged, told] = stderr.trimEnd().split('\n');
  t.match(JSON.parse(logged!), { msg: 'failed', err: { stack: /findImage/ } });
  t.equal(`${told}\n`, quiet.stderr);
});

const script = spawnSync('script', ['--version']).status === 0 ? {} : { skip: 'script(1) is not installed' };
t.test('on a terminal the guest gets lines, and Ctrl-C ends it', script, async (t) => {
  const command = [...bd0Command, 'run', 'cat'].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env: { ...process.env, SHELL: '/bin/sh' } });
  let seen = '';
  const sees = async (text: string): Promise<void> => {
    while (!seen.includes(text)) seen += String((await once(child.stdout, 'data'))[0]);
  };
  child.stdin.write('a line\n');
  await sees('a line\r\na line\r\n');
  child.stdin.write('\x03');
  const [code] = (await once(child, 'exit')) as [number];
  t.equal(code, 130);
});
