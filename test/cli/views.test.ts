/** gdb and `bd0 debug` with a program that forks: each process has its own memory at the same addresses. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram } from '../support/linux-programs.js';
import { bd0 } from './bd0.js';
import { debugged, findProgram, runLldb, startDebugged } from './gdb-sessions.js';

const source = fileURLToPath(new URL('../../../test/debug/views/family.c', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-views-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const program = join(directory, 'family');
copyFileSync(await linuxProgram(source, ['-g', '-O0']), program);

t.setTimeout(0);

const GDB = `
+break store if value == 30002
Breakpoint 1 at ADDRESS: file family.c, line 18.
+continue
[New Thread 1.2]
[New Thread 1.3]
[Switching to Thread 1.3]

Thread 3 "family" hit Breakpoint 1, store (value=30002) at family.c:18
18	  page.value = value;
+info threads
  Id   Target Id                     Frame
  1    Thread 1.1 "family" (ready)   ADDRESS in sched_yield ()
  2    Thread 1.2 "family" (ready)   ADDRESS in sched_yield ()
* 3    Thread 1.3 "family" (running) store (value=30002) at family.c:18
+info sharedlibrary
No shared libraries loaded at this time.
+print page
$1 = {value = 30001, untouched = 5, name = "grandchild\\000\\000\\000\\000\\000"}
+thread 1
[Switching to thread 1 (Thread 1.1)]
#0  ADDRESS in sched_yield ()
+print page
$2 = {value = 10001, untouched = 5, name = "parent\\000\\000\\000\\000\\000\\000\\000\\000\\000"}
+thread 2
[Switching to thread 2 (Thread 1.2)]
#0  ADDRESS in sched_yield ()
+print page
$3 = {value = 20001, untouched = 5, name = "child\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000"}
+monitor ps
process 1 (family) at ADDRESS, process 1 to Linux programs
  thread 1 at ADDRESS: ready
process 2 (family) at ADDRESS, started by process 1, process 2 to Linux programs
  thread 2 at ADDRESS: ready
process 3 (family) at ADDRESS, started by process 2, process 3 to Linux programs
  thread 3 at ADDRESS: running
+watch page.value
Hardware watchpoint 2: page.value
+continue

Thread 2 "family" hit Hardware watchpoint 2: page.value

Old value = 20001
New value = 20002
store (value=20002) at family.c:19
19	}
+continue

Thread 2 "family" hit Hardware watchpoint 2: page.value

Old value = 20002
New value = 20003
store (value=20003) at family.c:19
19	}
+reverse-continue
+continue

Thread 2 "family" hit Hardware watchpoint 2: page.value

Old value = 20003
New value = 20002
ADDRESS in store (value=20003) at family.c:18
18	  page.value = value;
+reverse-continue
+continue

Thread 2 "family" hit Hardware watchpoint 2: page.value

Old value = 20002
New value = 20001
ADDRESS in store (value=20002) at family.c:18
18	  page.value = value;
+info threads
  Id   Target Id                     Frame
  1    Thread 1.1 "family" (ready)   ADDRESS in sched_yield ()
* 2    Thread 1.2 "family" (running) ADDRESS in store (value=20002) at family.c:18
  3    Thread 1.3 "family" (ready)   ADDRESS in sched_yield ()
+thread 3
[Switching to thread 3 (Thread 1.3)]
#0  ADDRESS in sched_yield ()
+set var page.untouched = 77
+print page.untouched
$4 = 77
+thread 2
[Switching to thread 2 (Thread 1.2)]
#0  ADDRESS in store (value=20002) at family.c:18
18	  page.value = value;
+print page.untouched
$5 = 5
+delete
+break store thread 3
Breakpoint 3 at ADDRESS: file family.c, line 18.
+continue
[Switching to Thread 1.3]

Thread 3 "family" hit Breakpoint 3, store (value=30003) at family.c:18
18	  page.value = value;
+delete
+continue
process 3 ended with exit code 1
process 2 ended with exit code 1
[Inferior 1 (process 1) exited normally]
`;

t.test('gdb sees the memory of each process, and watches it, both ways', async (t) => {
  const { transcript, ran } = await debugged(
    t,
    [program],
    `
      break store if value == 30002
      continue
      info threads
      info sharedlibrary
      print page
      thread 1
      print page
      thread 2
      print page
      monitor ps
      watch page.value
      continue
      continue
      reverse-continue
      reverse-continue
      info threads
      thread 3
      set var page.untouched = 77
      print page.untouched
      thread 2
      print page.untouched
      delete
      break store thread 3
      continue
      delete
      continue`,
  );
  t.equal(transcript, GDB.trim());
  t.equal(ran.code, 0);
});

/** Commands stand after the prompts. */
const LINE_MODE = `
thread 1, tick N: ADDRESS in _start
ADDRESS <_start>: xor ebp,ebp
(bd0) break store if $rdi == 30002
breakpoint 1 at ADDRESS in store+N, family.c:18
(bd0) continue
process 2 (family) has started
process 3 (family) has started
breakpoint 1, thread 3, tick N: ADDRESS in store+N, family.c:18
18	  page.value = value;
(bd0) who page
thread 3 of process 3 (family), tick N: ADDRESS in store+N, family.c:18
18	  page.value = value;
  stored at ADDRESS: 0x1 (1) -> 0x7531 (30001)
(bd0) thread 2
thread 2, tick N: ADDRESS in sched_yield+N
ADDRESS <sched_yield+N>: cmp rax,ADDRESS
(bd0) print u32(page)
0x4e21 (20001)
(bd0) who page
thread 2 of process 2 (family), tick N: ADDRESS in store+N, family.c:18
18	  page.value = value;
  stored at ADDRESS: 0x1 (1) -> 0x4e21 (20001)
(bd0) who page+4
thread 1 of process 1 (family), tick N: ADDRESS in main+N, family.c:34
34	  page.untouched = 5;
  stored at ADDRESS: 0x0 (0) -> 0x5 (5)
(bd0) watch page,4
watchpoint 2 at ADDRESS, 4 bytes (page,4)
(bd0) continue
watchpoint 2: write of ADDRESS (page,4), thread 2, tick N: ADDRESS in store+N, family.c:19
  value 0x4e21 (20001) -> 0x4e22 (20002)
19	}
(bd0) info threads
  1  family: ready, ADDRESS in sched_yield+N
* 2  family: running, ADDRESS in store+N, family.c:19
  3  family: ready, ADDRESS in sched_yield+N
(bd0) reverse-continue
watchpoint 2: write of ADDRESS (page,4), thread 2, tick N: ADDRESS in store+N, family.c:18
  value before it 0x4e21 (20001)
18	  page.value = value;
(bd0) reverse-continue
breakpoint 1, thread 3, tick N: ADDRESS in store+N, family.c:18
18	  page.value = value;
(bd0) reverse-continue
watchpoint 2: write of ADDRESS (page,4), thread 2, tick N: ADDRESS in store+N, family.c:18
  value before it 0x1 (1)
18	  page.value = value;
(bd0) delete
(bd0) thread 3
thread 3, tick N: ADDRESS in sched_yield+N
ADDRESS <sched_yield+N>: cmp rax,ADDRESS
(bd0) continue
process 3 has ended with exit code 1
process 2 has ended with exit code 1
parent 10003, its child 1
the program has ended with exit code 0, tick N
(bd0) continue
error: the program has ended: reverse-continue or goto lead back into it
(bd0) info processes
no process is left
`;

t.test('bd0 debug sees and watches the memory of each process, and finds its last writer', async (t) => {
  const script = join(directory, 'commands.txt');
  writeFileSync(script, Array.from(LINE_MODE.matchAll(/^\(bd0\) (.*)$/gm), ([, command]) => command).join('\n'));
  const { stdout, code } = await bd0(['debug', '-x', script, program]);
  const actual = stdout
    .replace(/\b0x[0-9a-f]{7,}\b/g, 'ADDRESS')
    .replace(/\+0x[0-9a-f]+/g, '+N')
    .replace(/\btick \d+/g, 'tick N');
  t.equal(actual, LINE_MODE.trimStart());
  t.equal(code, 0);
});

const lldb = findProgram('lldb');
t.comment(lldb === undefined ? 'lldb is not installed (apt-get install lldb): it is not tested' : `lldb: ${lldb}`);
if (lldb !== undefined)
  t.test('lldb knows a program of Linux, and sees the memory of the process that has stopped', async (t) => {
    const { place, ended } = await startDebugged(t, [program]);
    const output = await runLldb(program, place, [
      ...[
        'breakpoint set -n store -c "value > 20000"',
        'continue',
        'print page.value',
        'frame variable',
        'thread list',
      ],
      ...['continue', 'print page.name', 'watchpoint set variable page.value', 'breakpoint delete -f', 'continue'],
      ...['print page.value', 'thread step-inst', 'thread step-over', 'watchpoint delete -f', 'continue'],
    ]);
    t.match(output, /Breakpoint 1: where = family`store \+ \d+ at family\.c:18/);
    t.match(output, /stop reason = breakpoint 1\.1\n.*store\(value=30001\) at family\.c:18/);
    // The child's copy, from before it was stored to.
    t.match(output, /\(lldb\) print page\.value\n\(int\) \$0 = 1\n/);
    t.match(output, /thread #1: .*\n +thread #2: .*\n\* thread #3: .*store\(value=30001\)/);
    t.match(output, /Watchpoint 1 hit:\nold value: (\d+)\nnew value: \d+\n/);
    const [, old, now] = /old value: (\d+)\nnew value: (\d+)\n/.exec(output) ?? [];
    t.equal(old === '1' || Number(now) === Number(old) + 1, true, 'a store of the same process');
    t.match(output, new RegExp(`\\$2 = ${now}\\n`));
    t.match(output, /stop reason = instruction step into\n/);
    t.match(output, /stop reason = step over\n/);
    t.match(output, /Process 1 exited with status = 0/);
    t.match(await ended, { code: 0 });
  });
