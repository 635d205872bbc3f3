/** Real gdb and lldb drive guests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { seedOf, someOf } from '../support/volume.js';
import { compileTo } from '../support/guest-programs.js';
import { bd0, firstOutput } from './bd0.js';
import { debuggingPage } from './debugging-page.js';
import { debugged, findProgram, MachineInterface, normalised, runGdb, runLldb, startDebugged } from './gdb-sessions.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const SEED = seedOf(1);
const directory = mkdtempSync(join(tmpdir(), 'bd0-gdb-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const guest = join(directory, 'gdb-guest');
await compileTo(guest, join(root, 'test/cli/gdb-guest.c'), { compilerOptions: ['-O0'] });
const accesses = join(directory, 'gdb-accesses');
await compileTo(accesses, join(root, 'test/cli/gdb-accesses.c'), { compilerOptions: ['-O0'] });

if (findProgram('gdb') === undefined) throw new Error('these tests need gdb: apt-get install gdb');

interface Case {
  readonly name: string;
  /** Default: the guest that does a bit of everything. */
  readonly image?: string;
  /** Arguments, and options of bd0. */
  readonly words?: readonly string[];
  readonly input?: string;
  readonly commands: string;
  readonly code: number | null;
  readonly transcript: string;
}
const CASES: readonly Case[] = [
  {
    name: 'breakpoints, steps and frames',
    commands: `
      tbreak main
      continue
      break add if a == 10
      continue
      backtrace
      info locals
      step
      next
      finish
      delete
      break factorial if n == 2
      continue
      next
      next
      backtrace
      delete
      finish
      advance store_all
      stepi 4
      finish
      next
      next
      next
      until
      continue`,
    code: 3,
    transcript: `
+tbreak main
Temporary breakpoint 1 at ADDRESS: file gdb-guest.c, line 76.
+continue

Temporary breakpoint 1, main (argc=1, argv=ADDRESS) at gdb-guest.c:76
76	  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
+break add if a == 10
Breakpoint 2 at ADDRESS: file gdb-guest.c, line 20.
+continue

Breakpoint 2, add (a=10, b=5) at gdb-guest.c:20
20	  int sum = a + b;
+backtrace
#0  add (a=10, b=5) at gdb-guest.c:20
#1  ADDRESS in loop (n=10) at gdb-guest.c:44
#2  ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:79
+info locals
sum = 10
+step
21	  return sum;
+next
22	}
+finish
ADDRESS in loop (n=10) at gdb-guest.c:44
44	    total = add(total, i);
Value returned is $1 = 15
+delete
+break factorial if n == 2
Breakpoint 3 at ADDRESS: file gdb-guest.c, line 25.
+continue

Breakpoint 3, factorial (n=2) at gdb-guest.c:25
25	  if (n <= 1) return 1;
+next
26	  return n * factorial(n - 1);
+next
27	}
+backtrace
#0  factorial (n=2) at gdb-guest.c:27
#1  ADDRESS in factorial (n=3) at gdb-guest.c:26
#2  ADDRESS in factorial (n=4) at gdb-guest.c:26
#3  ADDRESS in factorial (n=5) at gdb-guest.c:26
#4  ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:80
+delete
+finish
factorial (n=3) at gdb-guest.c:26
26	  return n * factorial(n - 1);
Value returned is $2 = 2
+advance store_all
factorial (n=4) at gdb-guest.c:26
26	  return n * factorial(n - 1);
+stepi 4
27	}
+finish
ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:80
80	  int product = factorial(5);
Value returned is $3 = 120
+next
81	  double squared = length_squared(origin);
+next
82	  for (int i = 1; i < 4; i++) {
+next
83	    store_all(i);
+until
82	  for (int i = 1; i < 4; i++) {
+continue
process 2 ended with exit code 41
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'reads and writes of all sizes',
    image: accesses,
    input: 'xyz',
    commands: `
      rwatch one
      rwatch two
      rwatch four
      rwatch eight
      rwatch block
      break write_all
      continue
      continue
      continue
      continue
      continue
      delete
      awatch one
      awatch two
      awatch four
      awatch eight
      continue
      continue
      continue
      continue
      delete
      watch *(char (*)[3])(block + 4094)
      continue
      continue
      continue
      continue
      delete
      continue`,
    code: 122,
    transcript: `
+rwatch one
Hardware read watchpoint 1: one
+rwatch two
Hardware read watchpoint 2: two
+rwatch four
Hardware read watchpoint 3: four
+rwatch eight
Hardware read watchpoint 4: eight
+rwatch block
Hardware read watchpoint 5: block
+break write_all
Breakpoint 6 at ADDRESS: file gdb-accesses.c, line 20.
+continue

Hardware read watchpoint 1: one

Value = 0 '\\000'
read_all () at gdb-accesses.c:14
14	  (void)two;
+continue

Hardware read watchpoint 2: two

Value = 0
read_all () at gdb-accesses.c:15
15	  (void)four;
+continue

Hardware read watchpoint 3: four

Value = 0
read_all () at gdb-accesses.c:16
16	  (void)eight;
+continue

Hardware read watchpoint 4: eight

Value = 0
read_all () at gdb-accesses.c:17
17	}
+continue

Breakpoint 6, write_all () at gdb-accesses.c:20
20	  one = 1;
+delete
+awatch one
Hardware access (read/write) watchpoint 7: one
+awatch two
Hardware access (read/write) watchpoint 8: two
+awatch four
Hardware access (read/write) watchpoint 9: four
+awatch eight
Hardware access (read/write) watchpoint 10: eight
+continue

Hardware access (read/write) watchpoint 7: one

Old value = 0 '\\000'
New value = 1 '\\001'
write_all () at gdb-accesses.c:21
21	  two = 2;
+continue

Hardware access (read/write) watchpoint 8: two

Old value = 0
New value = 2
write_all () at gdb-accesses.c:22
22	  four = 4;
+continue

Hardware access (read/write) watchpoint 9: four

Old value = 0
New value = 4
write_all () at gdb-accesses.c:23
23	  eight = 8;
+continue

Hardware access (read/write) watchpoint 10: eight

Old value = 0
New value = 8
write_all () at gdb-accesses.c:24
24	}
+delete
+watch *(char (*)[3])(block + 4094)
Hardware watchpoint 11: *(char (*)[3])(block + 4094)
+continue

Hardware watchpoint 11: *(char (*)[3])(block + 4094)

Old value = "\\000\\000"
New value = "\\000a"
main (argc=1, argv=ADDRESS) at gdb-accesses.c:31
31	  memset(block, 'b', sizeof block);
+continue

Hardware watchpoint 11: *(char (*)[3])(block + 4094)

Old value = "\\000a"
New value = "bb"
ADDRESS in main (argc=1, argv=ADDRESS) at gdb-accesses.c:31
31	  memset(block, 'b', sizeof block);
+continue

Hardware watchpoint 11: *(char (*)[3])(block + 4094)

Old value = "bb"
New value = "bbb"
ADDRESS in main (argc=1, argv=ADDRESS) at gdb-accesses.c:31
31	  memset(block, 'b', sizeof block);
+continue

Hardware watchpoint 11: *(char (*)[3])(block + 4094)

Old value = "bbb"
New value = "yzb"
ADDRESS in bd0_vmcall (number=17, a=ADDRESS, b=10, c=18446744073709551615, d=0, e=0, f=0) at bd0.h:LINE
LINE	  __asm__ volatile("vmcall"
+delete
+continue
[Inferior 1 (process 1) exited with code 0172]
`,
  },
  {
    name: 'a deadlock',
    image: accesses,
    words: ['deadlock'],
    commands: `
      continue
      frame function main
      info threads
      kill`,
    code: 137,
    transcript: `
+continue
deadlock: every thread is waiting for another

Program received signal SIGTRAP, Trace/breakpoint trap.
ADDRESS in bd0_vmcall (number=19, a=ADDRESS, b=0, c=18446744073709551615, d=0, e=0, f=0) at bd0.h:LINE
LINE	  __asm__ volatile("vmcall"
+frame function main
#2  ADDRESS in main (argc=2, argv=ADDRESS) at gdb-accesses.c:27
27	  if (argc > 1) bd0_wait_word(&never, 0, BD0_FOREVER);
+info threads
  Id   Target Id                                      Frame
* 1    Thread 1.1 "gdb-accesses" (waiting, wait_word) ADDRESS in bd0_vmcall (number=19, a=ADDRESS, b=0, c=18446744073709551615, d=0, e=0, f=0) at bd0.h:LINE
+kill
[Inferior 1 (process 1) killed]
`,
  },
  {
    name: 'a thread that waits is followed while another reaches a breakpoint',
    commands: `
      break worker
      continue
      tbreak start_child
      with print frame-info short-location -- thread 1
      finish
      up 1
      continue
      disable
      continue`,
    code: 3,
    transcript: `
+break worker
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 50.
+continue
[New Thread 1.2]
[Switching to Thread 1.2]

Thread 2 "gdb-guest/2" hit Breakpoint 1, worker (argument=ADDRESS) at gdb-guest.c:50
50	  int *result = argument;
+tbreak start_child
Temporary breakpoint 2 at ADDRESS: file gdb-guest.c, line 64.
+with print frame-info short-location -- thread 1
+thread 1
[Switching to thread 1 (Thread 1.1)]
#0  ADDRESS in bd0_vmcall (number=10, a=2, b=18446744073709551615, c=0, d=0, e=0, f=0)
+finish
ADDRESS in bd0_thread_join (tid=2, deadline=18446744073709551615) at bd0.h:LINE
LINE	  return bd0_vmcall(BD0_CALL_THREAD_JOIN, tid, deadline, 0, 0, 0, 0);
Value returned is $1 = 5
+up 1
#1  ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:88
88	  int64_t code = bd0_thread_join(thread, BD0_FOREVER);
+continue

Thread 1 "gdb-guest" hit Temporary breakpoint 2, start_child (role=ADDRESS "child") at gdb-guest.c:64
64	  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(BD0_SELF);
+disable
+continue
process 2 ended with exit code 41
warning: Temporarily disabling breakpoints for unloaded shared library "target:/process/2/gdb-guest"
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'watchpoints of all kinds and lengths',
    commands: `
      tbreak store_all
      continue
      watch one_byte
      watch two_bytes
      watch four_bytes
      watch eight_bytes
      watch many_bytes
      continue
      continue
      continue
      continue
      continue
      delete
      awatch eight_bytes if eight_bytes == 3
      continue
      delete
      rwatch read_only
      continue
      delete
      continue`,
    code: 3,
    transcript: `
+tbreak store_all
Temporary breakpoint 1 at ADDRESS: file gdb-guest.c, line 34.
+continue

Temporary breakpoint 1, store_all (i=1) at gdb-guest.c:34
34	  one_byte = i;
+watch one_byte
Hardware watchpoint 2: one_byte
+watch two_bytes
Hardware watchpoint 3: two_bytes
+watch four_bytes
Hardware watchpoint 4: four_bytes
+watch eight_bytes
Hardware watchpoint 5: eight_bytes
+watch many_bytes
Hardware watchpoint 6: many_bytes
+continue

Hardware watchpoint 2: one_byte

Old value = 0 '\\000'
New value = 1 '\\001'
store_all (i=1) at gdb-guest.c:35
35	  two_bytes = i;
+continue

Hardware watchpoint 3: two_bytes

Old value = 0
New value = 1
store_all (i=1) at gdb-guest.c:36
36	  four_bytes = i;
+continue

Hardware watchpoint 4: four_bytes

Old value = 0
New value = 1
store_all (i=1) at gdb-guest.c:37
37	  eight_bytes = i;
+continue

Hardware watchpoint 5: eight_bytes

Old value = 0
New value = 1
store_all (i=1) at gdb-guest.c:38
38	  many_bytes[1000 * i] = i;
+continue

Hardware watchpoint 6: many_bytes

Old value = '\\000' <repeats 9999 times>
New value = '\\000' <repeats 1000 times>...
store_all (i=1) at gdb-guest.c:39
39	}
+delete
+awatch eight_bytes if eight_bytes == 3
Hardware access (read/write) watchpoint 7: eight_bytes
+continue

Hardware access (read/write) watchpoint 7: eight_bytes

Old value = 2
New value = 3
store_all (i=3) at gdb-guest.c:38
38	  many_bytes[1000 * i] = i;
+delete
+rwatch read_only
Hardware read watchpoint 8: read_only
+continue

Hardware read watchpoint 8: read_only

Value = 7
ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:85
85	  uint64_t seen = read_only;
+delete
+continue
process 2 ended with exit code 41
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'registers, memory, and calls of functions of the guest',
    commands: `
      break length_squared
      continue
      print/x $cs
      print $fs_base != 0
      print $cr3
      print $mxcsr
      print $efer
      print $xmm0.v2_double[0]
      print $st0
      print $fctrl
      set var $xmm0.v2_double[0] = 3
      print $xmm0.v2_double[0]
      print add(2, 3)
      print factorial(10)
      print store_all(9)
      set var $st0 = 2.5
      print $st0
      set var $fctrl = 0x27f
      print $fctrl
      set var origin.x = 2
      print origin
      set var $rax = 0x1122334455667788
      print/x $rax
      print/x $ah
      x/2xg &origin
      set var many_bytes[5000] = 0x5a
      find &many_bytes, +sizeof(many_bytes), (char)0x5a
      print $_ - (void *)many_bytes
      delete
      continue`,
    code: 3,
    transcript: `
+break length_squared
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 30.
+continue

Breakpoint 1, length_squared (p=...) at gdb-guest.c:30
30	  return p.x * p.x + p.y * p.y;
+print/x $cs
$1 = 0x33
+print $fs_base != 0
$2 = 1
+print $cr3
$3 = 0
+print $mxcsr
$4 = [ IM DM ZM OM UM PM RC=0 ]
+print $efer
$5 = [ LME LMA NXE ]
+print $xmm0.v2_double[0]
$6 = -2.5
+print $st0
$7 = 0
+print $fctrl
$8 = 895
+set var $xmm0.v2_double[0] = 3
+print $xmm0.v2_double[0]
$9 = 3
+print add(2, 3)
$10 = 5
+print factorial(10)
$11 = 3628800
+print store_all(9)
$12 = void
+set var $st0 = 2.5
+print $st0
$13 = 2.5
+set var $fctrl = 0x27f
+print $fctrl
$14 = 639
+set var origin.x = 2
+print origin
$15 = {x = 2, y = -2.5}
+set var $rax = ADDRESS
+print/x $rax
$16 = ADDRESS
+print/x $ah
$17 = 0x77
+x/2xg &origin
ADDRESS <origin>:	ADDRESS	ADDRESS
+set var many_bytes[5000] = 0x5a
+find &many_bytes, +sizeof(many_bytes), (char)0x5a
ADDRESS <many_bytes+5000>
1 pattern found.
+print $_ - (void *)many_bytes
$18 = 5000
+delete
+continue
process 2 ended with exit code 41
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'threads of several processes',
    commands: `
      break worker
      break in_child
      continue
      info threads
      thread apply 1 -q -s frame function main
      next
      next
      print *result
      finish
      continue
      info threads
      backtrace 2
      info sharedlibrary
      finish
      monitor ps
      delete
      continue`,
    code: 3,
    transcript: `
+break worker
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 50.
+break in_child
Breakpoint 2 at ADDRESS: file gdb-guest.c, line 71.
+continue
[New Thread 1.2]
[Switching to Thread 1.2]

Thread 2 "gdb-guest/2" hit Breakpoint 1, worker (argument=ADDRESS) at gdb-guest.c:50
50	  int *result = argument;
+info threads
  Id   Target Id                                     Frame
  1    Thread 1.1 "gdb-guest" (waiting, thread_join) ADDRESS in bd0_vmcall (number=10, a=2, b=18446744073709551615, c=0, d=0, e=0, f=0) at bd0.h:LINE
* 2    Thread 1.2 "gdb-guest/2" (running)            worker (argument=ADDRESS) at gdb-guest.c:50
+thread apply 1 -q -s frame function main
+frame function main
#2  ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:88
88	  int64_t code = bd0_thread_join(thread, BD0_FOREVER);
+next
51	  *result = add(40, 2);
+next
52	  return 5;
+print *result
$1 = 42
+finish
ADDRESS in ?? ()
Value returned is $2 = 5
+continue
[New Thread 1.3]
[Switching to Thread 1.3]

Thread 3 "gdb-guest" hit Breakpoint 2.2, in_child (n=20) at gdb-guest.c:71
71	  int doubled = 2 * n;
+info threads
  Id   Target Id                                      Frame
  1    Thread 1.1 "gdb-guest" (waiting, process_wait) ADDRESS in bd0_vmcall (number=6, a=2, b=18446744073709551615, c=0, d=0, e=0, f=0) at bd0.h:LINE
* 3    Thread 1.3 "gdb-guest" (running)               in_child (n=20) at gdb-guest.c:71
+backtrace 2
#0  in_child (n=20) at gdb-guest.c:71
#1  ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:76
+info sharedlibrary
From                To                  Syms Read   Shared Object Library
ADDRESS  ADDRESS  Yes         target:/process/2/gdb-guest
+finish
ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:76
76	  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
Value returned is $3 = 41
+monitor ps
process 1 (gdb-guest) at ADDRESS
  thread 1 at ADDRESS: waiting, process_wait
process 2 (gdb-guest) at ADDRESS, started by process 1
  thread 3 at ADDRESS: running
+delete
+continue
process 2 ended with exit code 41
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'steps over the start and the end of a process',
    commands: `
      tbreak gdb-guest.c:89
      continue
      next
      info sharedlibrary
      next
      info sharedlibrary
      continue`,
    code: 3,
    transcript: `
+tbreak gdb-guest.c:89
Temporary breakpoint 1 at ADDRESS: file gdb-guest.c, line 89.
+continue

Temporary breakpoint 1, main (argc=1, argv=ADDRESS) at gdb-guest.c:89
89	  int64_t pid = start_child("child");
+next
[New Thread 1.3]
90	  int64_t ended = bd0_process_wait(pid, BD0_FOREVER);
+info sharedlibrary
From                To                  Syms Read   Shared Object Library
ADDRESS  ADDRESS  Yes         target:/process/2/gdb-guest
+next
process 2 ended with exit code 41
91	  printf("%d %d %.2f %d %d %d %d\\n", total, product, squared, result, (int)code, (int)ended, (int)seen);
+info sharedlibrary
No shared libraries loaded at this time.
+continue
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'what fails',
    commands: `
      break add
      continue
      set var $cr3 = 5`,
    code: 3,
    transcript: `
+break add
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 20.
+continue

Breakpoint 1, add (a=0, b=0) at gdb-guest.c:20
20	  int sum = a + b;
+set var $cr3 = 5
SCRIPT:9: Error in sourced command file:
Could not write register "cr3"; remote failure reply 'E16'
[Inferior 1 (process 1) detached]
`,
  },
  {
    name: 'a crash',
    words: ['crash'],
    commands: `
      continue
      backtrace
      print $_siginfo
      continue`,
    code: 139,
    transcript: `
+continue
process 1 (gdb-guest), thread 1: #PF, error code 0x6
at ADDRESS: CODE
write of ADDRESS
no region is there: the first 64 KiB are never mapped

Program received signal SIGSEGV, Segmentation fault.
ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:78
78	  if (argc > 1 && strcmp(argv[1], "crash") == 0) *(volatile int *)8 = 1;
+backtrace
#0  ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:78
+print $_siginfo
$1 = void
+continue
[Inferior 1 (process 1) exited with code 0213]
`,
  },
  {
    name: 'a crash of another process',
    commands: `
      break start_child
      continue
      set var *(char (*)[6])role = "crash"
      continue
      backtrace 1
      print argc
      continue`,
    code: 3,
    transcript: `
+break start_child
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 64.
+continue

Breakpoint 1, start_child (role=ADDRESS "child") at gdb-guest.c:64
64	  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(BD0_SELF);
+set var *(char (*)[6])role = "crash"
+continue
process 2 (gdb-guest), thread 3: #PF, error code 0x6
at ADDRESS: CODE
write of ADDRESS
no region is there: the first 64 KiB are never mapped
[New Thread 1.3]

Thread 2 "gdb-guest" received signal SIGSEGV, Segmentation fault.
[Switching to Thread 1.3]
ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:78
78	  if (argc > 1 && strcmp(argv[1], "crash") == 0) *(volatile int *)8 = 1;
+backtrace 1
#0  ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:78
+print argc
$1 = 2
+continue
process 2 ended with exit code 139
warning: Temporarily disabling breakpoints for unloaded shared library "target:/process/2/gdb-guest"
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'a crash that the debugger mends',
    words: ['crash'],
    commands: `
      continue
      set var $rax = (long)&four_bytes
      continue`,
    code: 3,
    transcript: `
+continue
process 1 (gdb-guest), thread 1: #PF, error code 0x6
at ADDRESS: CODE
write of ADDRESS
no region is there: the first 64 KiB are never mapped

Program received signal SIGSEGV, Segmentation fault.
ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:78
78	  if (argc > 1 && strcmp(argv[1], "crash") == 0) *(volatile int *)8 = 1;
+set var $rax = (long)&four_bytes
+continue
process 2 ended with exit code 41
[Inferior 1 (process 1) exited with code 03]
`,
  },
  {
    name: 'kill',
    commands: `
      break add
      continue
      kill`,
    code: 137,
    transcript: `
+break add
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 20.
+continue

Breakpoint 1, add (a=0, b=0) at gdb-guest.c:20
20	  int sum = a + b;
+kill
[Inferior 1 (process 1) killed]
`,
  },
  {
    name: 'the begin of history',
    commands: `
      break add
      continue
      reverse-continue
      kill`,
    code: 137,
    transcript: `
+break add
Breakpoint 1 at ADDRESS: file gdb-guest.c, line 20.
+continue

Breakpoint 1, add (a=0, b=0) at gdb-guest.c:20
20	  int sum = a + b;
+reverse-continue
+continue

No more reverse-execution history.
_start () at start.S:14
14	    xorl %ebp, %ebp
+kill
[Inferior 1 (process 1) killed]
`,
  },
  {
    name: 'back in time: instructions, lines, functions, to breakpoints and watchpoints, over a call, a thread and a process',
    commands: `
      tbreak main
      continue
      break factorial
      continue
      continue
      reverse-continue
      reverse-stepi
      stepi
      delete
      finish
      reverse-next
      reverse-step
      watch four_bytes
      continue
      continue
      reverse-continue
      reverse-continue
      delete
      break in_child
      continue
      reverse-finish
      delete
      break worker
      reverse-continue
      delete
      monitor goto 5
      reverse-continue
      continue`,
    code: 3,
    transcript: `
+tbreak main
Temporary breakpoint 1 at ADDRESS: file gdb-guest.c, line 76.
+continue

Temporary breakpoint 1, main (argc=1, argv=ADDRESS) at gdb-guest.c:76
76	  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
+break factorial
Breakpoint 2 at ADDRESS: file gdb-guest.c, line 25.
+continue

Breakpoint 2, factorial (n=5) at gdb-guest.c:25
25	  if (n <= 1) return 1;
+continue

Breakpoint 2, factorial (n=4) at gdb-guest.c:25
25	  if (n <= 1) return 1;
+reverse-continue
+continue

Breakpoint 2, factorial (n=5) at gdb-guest.c:25
25	  if (n <= 1) return 1;
+reverse-stepi
+stepi
ADDRESS	24	int factorial(int n) {
+stepi

Breakpoint 2, factorial (n=5) at gdb-guest.c:25
25	  if (n <= 1) return 1;
+delete
+finish
ADDRESS in main (argc=1, argv=ADDRESS) at gdb-guest.c:80
80	  int product = factorial(5);
Value returned is $1 = 120
+reverse-next
+next
80	  int product = factorial(5);
+reverse-step
+step
loop (n=10) at gdb-guest.c:47
47	}
+watch four_bytes
Hardware watchpoint 3: four_bytes
+continue

Hardware watchpoint 3: four_bytes

Old value = 0
New value = 1
store_all (i=1) at gdb-guest.c:37
37	  eight_bytes = i;
+continue

Hardware watchpoint 3: four_bytes

Old value = 1
New value = 2
store_all (i=2) at gdb-guest.c:37
37	  eight_bytes = i;
+reverse-continue
+continue

Hardware watchpoint 3: four_bytes

Old value = 2
New value = 1
ADDRESS in store_all (i=2) at gdb-guest.c:36
36	  four_bytes = i;
+reverse-continue
+continue

Hardware watchpoint 3: four_bytes

Old value = 1
New value = 0
ADDRESS in store_all (i=1) at gdb-guest.c:36
36	  four_bytes = i;
+delete
+break in_child
Breakpoint 4 at ADDRESS: file gdb-guest.c, line 71.
+continue
[New Thread 1.3]
[Switching to Thread 1.3]

Thread 2 "gdb-guest" hit Breakpoint 4.2, in_child (n=20) at gdb-guest.c:71
71	  int doubled = 2 * n;
+reverse-finish
+finish
ADDRESS in main (argc=2, argv=ADDRESS) at gdb-guest.c:76
76	  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
+delete
+break worker
Breakpoint 5 at ADDRESS: worker. (2 locations)
+reverse-continue
+continue
[New Thread 1.2]
[Switching to Thread 1.2]

Thread 3 "gdb-guest/2" hit Breakpoint 5.1, worker (argument=ADDRESS) at gdb-guest.c:50
50	  int *result = argument;
+delete
+monitor goto 5
at tick 5; gdb does not know: maintenance flush register-cache, then frame
+reverse-continue
+continue

No more reverse-execution history.
[Switching to Thread 1.1]
_start () at start.S:14
14	    xorl %ebp, %ebp
+continue
process 2 ended with exit code 41
[Inferior 1 (process 1) exited with code 03]
`,
  },
];

// They wait for each other's output most of the time.
t.jobs = 3;
for (const { name, image = guest, words = [], input, commands, code, transcript } of CASES)
  t.test(name, { buffered: true }, async (t) => {
    const { transcript: actual, ran } = await debugged(t, [image, ...words], commands, input);
    t.equal(actual, transcript.trim());
    t.equal(ran.code, code);
  });

for (const [index, engine] of ['interpreter', 'evaluator'].entries())
  t.test(`the same with the ${engine}`, async (t) => {
    for (const { name, image = guest, input, commands, transcript } of someOf(CASES.slice(0, 2), 1, SEED, index)) {
      const { transcript: actual } = await debugged(t, ['--engine', engine, image], commands, input);
      t.equal(actual, transcript.trim(), name);
    }
  });

t.test('signals end a run that waits for a debugger, or that one holds', async (t) => {
  const { child, ended } = await startDebugged(t, [guest]);
  child.kill('SIGINT');
  t.match(await ended, { code: 130 });
  const held = await startDebugged(t, [guest]);
  const gdb = new MachineInterface('mi3');
  t.teardown(() => gdb.close());
  await gdb.send(`-target-select remote ${held.place}`);
  held.child.kill('SIGTERM');
  t.match(await held.ended, { code: 143 });
});

t.test('the machine interface, as an editor uses it', async (t) => {
  const { place, ended } = await startDebugged(t, [guest]);
  const gdb = new MachineInterface('mi3');
  t.teardown(() => gdb.close());
  await gdb.send('-gdb-set confirm off');
  await gdb.send('-enable-pretty-printing');
  await gdb.send(`-file-exec-and-symbols ${guest}`);
  await gdb.send(`-target-select remote ${place}`);
  t.match(await gdb.send('-break-insert -f gdb-guest.c:44'), /bkpt=\{number="1",.*func="loop"/);
  t.match(
    await gdb.send('-exec-continue', /^\*stopped.*$/m),
    /\*stopped,reason="breakpoint-hit",disp="keep",bkptno="1",frame=\{.*func="loop",args=\[\{name="n",value="10"\}\]/,
  );
  t.match(
    await gdb.send('-thread-info'),
    /threads=\[\{id="1",target-id="Thread 1\.1",details="running",name="gdb-guest"/,
  );
  t.match(await gdb.send('-stack-list-frames 0 100'), /level="0",.*func="loop".*level="1",.*func="main"/);
  t.match(await gdb.send('-stack-list-variables 2'), /name="total",type="int",value="0"/);
  t.match(await gdb.send('-var-create - * total'), /name="var1",numchild="0",value="0",type="int"/);
  t.match(await gdb.send('-exec-step', /^\*stopped.*$/m), /reason="end-stepping-range",frame=\{.*func="add"/);
  t.match(await gdb.send('-exec-finish', /^\*stopped.*$/m), /reason="function-finished",.*return-value="0"/);
  await gdb.send('-exec-next', /^\*stopped.*reason="end-stepping-range".*$/m);
  t.match(await gdb.send('-exec-continue', /^\*stopped.*$/m), /reason="breakpoint-hit"/);
  t.match(await gdb.send('-var-update --all-values var1'), /changelist=\[\]/);
  t.match(await gdb.send('-exec-next', /^\*stopped.*$/m), /reason="end-stepping-range"/);
  t.match(await gdb.send('-var-update --all-values var1'), /changelist=\[\{name="var1",value="1"/);
  t.match(await gdb.send('-data-list-register-names'), /"rax","rbx",.*"cr3"/);
  t.match(await gdb.send('-data-list-register-values x 16'), /number="16",value="0x/);
  t.match(await gdb.send('-data-read-memory-bytes &origin 8'), /contents="000000000000f83f"/);
  t.match(await gdb.send('-data-disassemble -s $pc -e $pc+8 -- 0'), /asm_insns=\[/);
  t.match(await gdb.send('-break-watch four_bytes'), /wpt=\{number="2",exp="four_bytes"\}/);
  await gdb.send('-break-delete 1');
  t.match(
    await gdb.send('-exec-continue', /^\*stopped.*$/m),
    /reason="watchpoint-trigger",wpt=\{number="2",exp="four_bytes"\},value=\{old="0",new="1"\}/,
  );
  await gdb.send('-break-delete 2');
  t.match(await gdb.send('-exec-continue', /^\*stopped.*$/m), /reason="exited",exit-code="03"/);
  await gdb.send('-gdb-exit');
  t.match(await ended, { code: 3, stdout: '45 120 8.50 42 5 41 7\n' });
});

t.test('Ctrl-C ends a search of the past, and the session goes on', async (t) => {
  const { place } = await startDebugged(t, ['fib', '35']);
  const gdb = new MachineInterface('mi3');
  t.teardown(() => gdb.close());
  await gdb.send(`-target-select remote ${place}`);
  await gdb.send('-break-insert -t printf');
  await gdb.send('-exec-continue', /^\*stopped.*breakpoint-hit.*$/m);
  const pc = await gdb.send('-data-evaluate-expression $pc');
  // Some ten million times it is not what it is to be.
  await gdb.send('-break-insert -c "$rdi == 1000000" fib');
  await gdb.send('-exec-continue --reverse', /^\*running.*$/m);
  await gdb.interruptUntil(/^\*stopped.*SIGINT.*$/m);
  const valueIn = (answer: string): string | undefined => /value="(.*?)"/.exec(answer)?.[1];
  t.equal(valueIn(await gdb.send('-data-evaluate-expression $pc')), valueIn(pc), 'it stands where it was');
  await gdb.send('-exec-step-instruction --reverse', /^\*stopped,reason="end-stepping-range".*$/m);
  await gdb.send('-exec-step-instruction', /^\*stopped,reason="end-stepping-range".*$/m);
  t.equal(valueIn(await gdb.send('-data-evaluate-expression $pc')), valueIn(pc));
  // gdb stops waiting for a command after monitor without a word, and asks something else.
  await gdb.send('-break-delete');
  const sp = valueIn(await gdb.send('-data-evaluate-expression "(long)$sp"'))!;
  gdb.write(`-interpreter-exec console "monitor who ${BigInt(sp) + 256n}"`);
  await gdb.until(/looking at tick.*$/m);
  gdb.interrupt();
  t.match(await gdb.until(/^\d+\^(error|done).*$/m), /Quit|stored|->/);
  t.equal(valueIn(await gdb.send('-data-evaluate-expression $pc')), valueIn(pc));
  t.match(await gdb.send('-interpreter-exec console "monitor history"'), /now at tick/);
});

t.test('Ctrl-C comes through where gdb compares at each stop', async (t) => {
  const { place } = await startDebugged(t, [guest, 'spin']);
  const gdb = new MachineInterface('mi3');
  t.teardown(() => gdb.close());
  await gdb.send(`-file-exec-and-symbols ${guest}`);
  await gdb.send(`-target-select remote ${place}`);
  t.match(await gdb.send('-break-watch -r keeps_going'), /hw-rwpt=\{number="1"/);
  // The conditions of watchpoints are gdb's to look at; the guest reads this in each round of a loop.
  t.match(await gdb.send('-break-condition 1 keeps_going==5'), /\^done/);
  await gdb.send('-exec-continue', /^\*running/m);
  t.match(await gdb.interruptUntil(/^\*stopped.*$/m), /signal-name="SIGINT".*func="spin"/);
  t.match(await gdb.send('-data-evaluate-expression keeps_going'), /value="1"/);
});

t.test('Ctrl-C, detaching and attaching again', async (t) => {
  const { child, place, ended } = await startDebugged(t, [guest, 'spin']);
  const first = new MachineInterface('mi3');
  t.teardown(() => first.close());
  const connect = `-target-select remote ${place}`;
  await first.send(connect);
  await first.send('-break-insert add');
  const spins = firstOutput(child);
  await first.send('-exec-continue');
  await spins;
  child.stdout.resume();
  t.match(await first.interruptUntil(/^\*stopped.*$/m), /signal-name="SIGINT".*func="spin"/);
  const second = new MachineInterface('mi3');
  t.teardown(() => second.close());
  t.match(await second.send(connect), /\^error/, 'it is refused');
  t.match(await first.send('-data-evaluate-expression rounds>0'), /value="1"/, 'the first one goes on');
  await first.send('-target-detach');
  await first.send('-gdb-exit');
  // As some editors do, so that gdb reads commands while the guest runs.
  await second.send('-gdb-set mi-async on');
  t.match(await second.send(connect), /\*stopped,.*func="spin"/, 'it stops where it is');
  await second.send('-exec-continue', /^\*running/m);
  await second.send('-exec-interrupt', /^\*stopped.*SIGINT.*$/m);
  await second.send('-gdb-set var keeps_going=0');
  t.match(await second.send('-exec-continue', /^\*stopped.*$/m), /reason="exited",exit-code="01"/);
  await second.send('-gdb-exit');
  const { code, stderr } = await ended;
  t.equal(code, 1);
  t.match(stderr, /^bd0: waiting for gdb at 127\.0\.0\.1:\d+ \(in gdb: target remote \S+\)\n/);
  t.match(stderr, /^bd0: refused a connection from 127\.0\.0\.1:\d+: another debugger is connected$/m);
});

t.test('--gdb-wait no: the guest runs until a debugger connects', async (t) => {
  const { child, place, ended } = await startDebugged(t, ['--gdb-wait', 'no', guest, 'spin']);
  await firstOutput(child);
  child.stdout.resume();
  t.equal(
    await runGdb(place, 'frame function spin\nset var keeps_going = 0\ncontinue'),
    [
      '+frame function spin',
      '#0  ADDRESS in spin () at gdb-guest.c:59',
      '59\t  while (keeps_going) rounds++;',
      '+set var keeps_going = 0',
      '+continue',
      '[Inferior 1 (process 1) exited with code 01]',
    ].join('\n'),
  );
  t.match(await ended, { code: 1, stderr: /^bd0: gdb can connect to / });
});

t.test('a debugger that dies leaves the guest running', async (t) => {
  const { place, ended } = await startDebugged(t, [guest]);
  const gdb = new MachineInterface('mi3');
  await gdb.send(`-target-select remote ${place}`);
  await gdb.send('-break-insert main');
  await gdb.send('-exec-continue', /^\*stopped.*breakpoint-hit.*$/m);
  gdb.close();
  t.match(await ended, { code: 3, stdout: '45 120 8.50 42 5 41 7\n' });
});

t.test("the guest's console is bd0's while gdb drives", async (t) => {
  const { place, ended } = await startDebugged(t, ['cat'], 'typed\n');
  t.match(await runGdb(place, 'continue'), 'exited normally');
  t.match(await ended, { code: 0, stdout: 'typed\n' });
});

const lldb = findProgram('lldb');
t.comment(lldb === undefined ? 'lldb is not installed (apt-get install lldb): it is not tested' : `lldb: ${lldb}`);
if (lldb !== undefined)
  t.test('lldb does the same, reverse execution and calls of functions aside', async (t) => {
    const { place, ended } = await startDebugged(t, [guest]);
    const output = await runLldb(guest, place, [
      ...['image list', 'breakpoint set -n add', 'continue', 'bt', 'register read rip fs_base cr3 mxcsr xmm0'],
      ...['thread step-in', 'thread step-over', 'thread step-out', 'memory region $rip', 'expression eight_bytes = 77'],
      ...[
        'memory read -s 8 -f d -c 1 &eight_bytes',
        'breakpoint delete -f',
        'watchpoint set variable four_bytes',
        'continue',
      ],
      ...['watchpoint delete -f', 'breakpoint set -n in_child', 'breakpoint set -n worker', 'continue', 'thread list'],
      ...['process plugin packet monitor ps', 'breakpoint delete -f', 'continue'],
    ]);
    const expected = [
      /stop reason = breakpoint 1\.1\n.*frame #0: .*add\(a=0, b=0\) at gdb-guest\.c:20/,
      /frame #1: .*loop\(n=10\).*\n.*frame #2: .*main\(argc=1,/,
      /rip = 0x\w+ .*add.*\n *fs_base = 0x\w+\n *cr3 = 0x\w+\n *mxcsr = 0x00001f80\n *xmm0 = \{/,
      /stop reason = step in\n.*gdb-guest\.c:21/,
      /stop reason = step over\n.*gdb-guest\.c:22/,
      /stop reason = step out\nReturn value: \(int\) \$\d+ = 0/,
      /\[0x\w+-0x\w+\) r-x/,
      /= 77\n[^]*0x\w+: 77/,
      /new value: 1\n[^]*stop reason = watchpoint 1\n/,
      /stop reason = breakpoint 3\.1\n.*worker/,
      /thread #2: .*worker/,
      /process 1 \(gdb-guest\) at /,
      /exited with status = 3/,
    ];
    for (const pattern of expected) t.match(output, pattern);
    t.match(await ended, { code: 3 });
  });

t.test('addresses and options that cannot be', async (t) => {
  const said = async (words: readonly string[]): Promise<string> => (await bd0(['run', ...words, guest])).stderr;
  for (const address of ['x', '70000', '1:2:3', '[::1', 'host:'])
    t.equal(
      await said(['--gdb', address]),
      `bd0: --gdb cannot be '${address}': write PORT or HOST:PORT, PORT up to 65535\n`,
    );
  t.equal(await said(['--gdb-wait', 'no']), 'bd0: --gdb-wait needs --gdb PORT\n');
  t.match(
    await said(['--gdb', '0', '--debug-mode=ask']),
    /^bd0: --debug-mode=ask cannot be combined with --gdb: .*\n$/,
  );
  const { place } = await startDebugged(t, [guest]);
  t.equal(await said(['--gdb', place]), `bd0: cannot listen on ${place}: address already in use\n`);
  const { place: local } = await startDebugged(t, ['--gdb', 'localhost:0', guest]);
  t.match(local, /^(127\.0\.0\.1|\[::1\]):\d+$/);
});

t.test('docs/debugging.md: its program, and what gdb prints', async (t) => {
  const { shop, sessions } = await debuggingPage(directory, 'gdb');
  t.equal(sessions.length, 2);
  for (const text of sessions) {
    const shown = text.replace(/^\(gdb\) /gm, '+');
    const commands = Array.from(text.matchAll(/^\(gdb\) (.*)$/gm), ([, command]) => command!).join('\n');
    const { transcript } = await debugged(t, [shop], commands);
    // gdb detaches at the end of its commands.
    t.equal(transcript.replace(/\n\[Inferior 1 \(process 1\) detached\]$/, ''), normalised(shown));
  }
});
