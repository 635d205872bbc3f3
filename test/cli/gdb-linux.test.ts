/** Real gdb and lldb with programs of Linux, their shared libraries and their threads. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { seedOf, someOf } from '../support/volume.js';
import { firstOutput } from './bd0.js';
import { findProgram, runGdb, runLldb, startDebugged } from './gdb-sessions.js';

const source = fileURLToPath(new URL('../../../test/cli/gdb-linux.c', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-gdb-linux-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

function compile(name: string, options: readonly string[]): string {
  const output = join(directory, name);
  execFileSync('gcc', ['-g', '-O0', source, '-o', output, ...options]);
  return output;
}
compile('libweigh.so', ['-DLIBRARY', '-shared', '-fPIC']);
const plugin = compile('plugin.so', ['-DPLUGIN', '-shared', '-fPIC']);
const linked = [`-L${directory}`, '-lweigh', `-Wl,-rpath,${directory}`, '-Wl,-z,now', '-pthread', '-ldl'];
const program = compile('program', ['-pie', '-fPIE', ...linked]);
const fixed = compile('fixed', ['-no-pie', ...linked]);
/** Other programs, whose functions have other names. */
const renamed = ['-Dcompare=rank', '-Dsort=arrange', ...linked];
const successors = {
  movable: compile('movable', ['-pie', '-fPIE', ...renamed]),
  lasting: compile('lasting', ['-no-pie', ...renamed]),
};

if (findProgram('gdb') === undefined) throw new Error('these tests need gdb: apt-get install gdb');

/** What gdb prints, and the exit code. */
async function gdb(
  words: readonly string[],
  commands: string,
): Promise<{ readonly text: string; readonly code: number | null }> {
  const { place, ended } = await startDebugged(t, ['--root', '/', ...words]);
  const text = await runGdb(place, `set breakpoint pending on\n${commands}`);
  return { text, code: (await ended).code };
}

for (const [name, path] of Object.entries({ 'that can lie anywhere': program, 'at a fixed address': fixed }))
  t.test(`libraries of a program ${name}`, async (t) => {
    const { text, code } = await gdb(
      [path, 'sort'],
      `
        info sharedlibrary
        break main
        continue
        info sharedlibrary
        break weigh
        break compare
        break puts
        break pthread_create
        tbreak printf
        continue
        backtrace
        delete 5
        continue
        backtrace
        info threads
        finish
        delete 3
        continue
        next
        info locals
        finish
        continue
        backtrace
        info symbol weigh
        reverse-continue
        delete
        print weigh(5)
        continue`,
    );
    const expected = [
      // The first instruction is the dynamic linker's.
      /^\+info sharedlibrary\n.*\nADDRESS +ADDRESS +Yes.* \S*\/ld-\S+\n\+break main\n/m,
      /^Breakpoint 1, main \(argc=2, argv=ADDRESS\) at gdb-linux\.c:\d+$/m,
      /\+info sharedlibrary\n(.*\n)*ADDRESS +ADDRESS +Yes.* target:\S*\/libweigh\.so\n(.*\n)*.*\/libc\.so\S*\n/,
      /\+break weigh\nBreakpoint 2 at ADDRESS: file gdb-linux\.c/,
      /\+break puts\nBreakpoint 4 at ADDRESS/,
      /\+backtrace\n#0 .*pthread_create.*\n#1 .* in main \(argc=2, argv=ADDRESS\) at gdb-linux\.c:\d+\n/,
      /\+backtrace\n#0  compare \(.*\n(#\d .*sort.*\n)+#\d .* in sort \(numbers=ADDRESS\) at gdb-linux\.c/,
      /\+info threads\n.*\n +1 +Thread 1\.1 .*waiting.*\n\* 2 +Thread 1\.\d.*running.* compare \(/,
      /\+finish\n(.*\n)*Value returned is \$1 = -?\d+\n/,
      /Breakpoint 2, weigh \(count=2\) at gdb-linux\.c/,
      /\+info locals\ngrams = 6\n/,
      /\+finish\n(.*\n)*Value returned is \$2 = 6\n/,
      /emporary breakpoint 6, .*printf.*\n(.*\n)*?\+backtrace\n#0 .*printf.*\n#1 .* in main /,
      /\+info symbol weigh\nweigh in section \.text of .*libweigh\.so\n/,
      /\+reverse-continue\n(.*\n)*?.*Breakpoint 2, weigh \(count=2\) at gdb-linux\.c/,
      /\+print weigh\(5\)\n\$3 = 15\n/,
      /\[Inferior 1 \(process 1\) exited with code 03\]/,
    ];
    for (const pattern of expected) t.match(text, pattern);
    t.equal(code, 3);
  });

t.test('libraries come and go while the program runs', async (t) => {
  const { text, code } = await gdb(
    [program, 'load', plugin],
    `
      break begin
      continue
      backtrace
      tbreak plug
      continue
      step
      info sharedlibrary
      break dlclose
      continue
      finish
      info sharedlibrary
      info breakpoints
      reverse-step
      continue`,
  );
  const expected = [
    /Breakpoint 1 \(begin\) pending\./,
    // A constructor runs within dlopen.
    /Breakpoint 1, begin \(\) at gdb-linux\.c.*\n(.*\n)*?\+backtrace\n#0  begin \(\).*\n(#\d+ .*\n)*#\d+ .* in loading \(path=ADDRESS ".*plugin\.so"\)/,
    /emporary breakpoint 2, plug \(callback=ADDRESS <answer>\) at gdb-linux\.c/,
    /\+step\nanswer \(n=2\) at gdb-linux\.c/,
    /\+info sharedlibrary\n(.*\n)*?.*target:\S*\/plugin\.so\n/,
    /\+finish\n(.*\n)*?\+info sharedlibrary\n(?!(.*\n)*?.*plugin\.so\n(.*\n)*?\+info breakpoints)/,
    /\+info breakpoints\n.*\n1 .*<PENDING> +begin\n/,
    /\[Inferior 1 \(process 1\) exited with code 025\]/,
  ];
  for (const pattern of expected) t.match(text, pattern);
  t.equal(code, 21);
});

/** Half of the ways each day. */
const ways = Object.entries(successors).flatMap(([name, path]) =>
  ['exec', 'fork'].map((how) => [name, path, how] as const),
);
for (const [name, path, how] of someOf(ways, 2, seedOf(1), 0))
  t.test(
    `${how === 'fork' ? 'a child begins another program, and so does its parent' : 'a program begins another one'}: ${name}`,
    async (t) => {
      const { text, code } = await gdb(
        [program, how, path],
        `
          tbreak main
          continue
          catch exec
          continue
          delete
          break rank
          break weigh
          continue
          backtrace
          info sharedlibrary
          info threads
          delete 3
          continue
          backtrace
          delete
          tbreak arrange
          reverse-continue
          continue`,
      );
      const expected = [
        new RegExp(`Catchpoint 2 \\(exec'd /process/1/${name}\\)`),
        /Breakpoint 3, rank \(a=ADDRESS, b=ADDRESS\) at gdb-linux\.c.*\n(.*\n)*?\+backtrace\n(#\d .*\n)*#\d .* in arrange \(/,
        ...(name === 'movable' ? [/Yes +target:\/process\/1\/image\/movable\n/] : []),
        /Yes +target:\S*\/libweigh\.so\n(.*\n)*?.*Yes +target:\S*\/libc\.so\.\d\n/,
        /Breakpoint 4, weigh \(count=2\) at .*\n(.*\n)*?\+backtrace\n#0  weigh .*\n#1 .* in main \(argc=2, argv=ADDRESS\) at gdb-linux\.c/,
        /\+reverse-continue\n(.*\n)*?.*hit Temporary breakpoint 5, arrange \(numbers=ADDRESS\) at gdb-linux\.c/,
        /\[Inferior 1 \(process 1\) exited with code 03\]/,
      ];
      for (const pattern of expected) t.match(text, pattern);
      t.equal(code, 3);
    },
  );

t.test('gdb connects to a program that runs, leaves it, and connects again', async (t) => {
  const { place, child, ended } = await startDebugged(t, ['--gdb-wait', 'no', '--root', '/', program, 'read'], null);
  t.equal(await firstOutput(child), 'ready\n');
  const look = 'info sharedlibrary\nbacktrace\nbreak read\ninfo symbol weigh\ndetach';
  for (const text of [await runGdb(place, look), await runGdb(place, look)]) {
    t.match(text, /Yes.*libweigh\.so\n(.*\n)*?.*libc\.so/);
    t.match(text, /\+backtrace\n#0 .*read.*\n(#\d .*\n)*#\d .* in main \(argc=2, argv=ADDRESS\) at gdb-linux\.c/);
    t.match(text, /weigh in section \.text of .*libweigh\.so/);
  }
  child.stdin.end('x');
  t.match(await ended, { code: 1 });
});

t.test('python3, its threads and its modules', async (t) => {
  const script = [
    'import threading, _json',
    't = [threading.Thread(target=lambda: print("in a thread")) for _ in range(2)]',
    'for one in t: one.start()',
    'for one in t: one.join()',
  ].join('\n');
  const { text, code } = await gdb(
    ['/usr/bin/python3', '-c', script],
    `
      break PyInit__json
      break pthread_create
      continue
      backtrace 2
      info sharedlibrary
      continue
      delete
      break write
      continue
      thread apply all backtrace 1
      delete
      continue`,
  );
  const expected = [
    /\nBreakpoint 1, (ADDRESS in )?PyInit__json \(.*\n/,
    /Yes.*\/_json\.\S*\.so\n/,
    /Breakpoint 2, .*pthread_create/,
    /Breakpoint 3, .*write .*\n(.*\n)*?\+thread apply all backtrace 1\n\n?Thread [123] /,
    /\[Inferior 1 \(process 1\) exited normally\]/,
  ];
  for (const pattern of expected) t.match(text, pattern);
  t.equal(code, 0);
});

const lldb = findProgram('lldb');
t.comment(lldb === undefined ? 'lldb is not installed (apt-get install lldb): it is not tested' : `lldb: ${lldb}`);
if (lldb !== undefined)
  t.test('lldb finds libraries, too', async (t) => {
    const { place, ended } = await startDebugged(t, ['--root', '/', program, 'sort']);
    const output = await runLldb(program, place, [
      ...[
        'breakpoint set -n main',
        'continue',
        'image list -f',
        'breakpoint set -n weigh',
        'breakpoint set -n compare',
      ],
      ...['continue', 'bt', 'breakpoint delete 3', 'continue', 'bt', 'breakpoint delete -f', 'continue'],
    ]);
    const expected = [
      /frame #0: .*main\(argc=2,/,
      /libweigh\.so[^]*libc\.so/,
      /frame #0: .*compare\(.*\n(.*\n)*?.*frame #\d: .*sort\(numbers=/,
      /frame #0: .*weigh\(count=2\).*\n(.*\n)*?.*frame #1: .*main\(argc=2,/,
      /exited with status = 3/,
    ];
    for (const pattern of expected) t.match(output, pattern);
    t.match(await ended, { code: 3 });
  });
